//! The command line of Taggant. Each command is one file under `cmd`.

use std::process::ExitCode;

use clap::Parser;

mod args;
mod audit_args;
mod cmd;
mod failure;
mod input;
mod key;
mod mark;
mod output;
mod progress;
mod seed;

use args::{Cli, Command};
use failure::Status;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error).into(),
    };
    let status = match &cli.command {
        Command::Demo(args) => cmd::demo::run(args),
        Command::Keygen(args) => cmd::keygen::run(args),
        Command::Profile(args) => cmd::profile::run(args),
        Command::Generate(args) => cmd::generate::run(args),
        Command::Verify(args) => cmd::verify::run(args),
        Command::Audit(args) => cmd::audit::run(args),
        Command::Calibrate(args) => cmd::calibrate::run(args),
        Command::Explain(args) => cmd::explain::run(args),
        Command::Report(args) => cmd::report::run(args),
        Command::Selftest(args) => cmd::selftest::run(args),
        Command::Plan(args) => cmd::plan::run(args),
    };
    match status {
        Ok(status) => status.into(),
        Err(error) => failure::report(&error).into(),
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}
