//! `taggant audit`: was this model trained on our output?

mod asked;
mod cohort_list;
mod cohorts;
mod endpoint;
mod files;
mod inputs;
mod keys;
mod plan;
mod run;
mod settings;
mod terms;

use anyhow::Result;

use crate::audit_args::{AuditArgs, AuditCommand};
use crate::failure::Status;

pub(crate) fn run(args: &AuditArgs) -> Result<Status> {
    match &args.command {
        AuditCommand::Plan(args) => plan::run(args),
        AuditCommand::Run(args) => run::run(args),
    }
}
