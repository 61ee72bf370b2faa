//! `taggant keygen`: a fresh secret, or the public id of one.

use std::path::Path;

use anyhow::{Context, Result, bail};
use taggant_dialects::KeyMaterial;
use zeroize::Zeroizing;

use crate::args::KeygenArgs;
use crate::cmd::profile::default_profile;
use crate::failure::Status;
use crate::{key, output};

pub(crate) fn run(args: &KeygenArgs) -> Result<Status> {
    let key_id = match (&args.show, &args.output) {
        (Some(place), _) => {
            let opened =
                default_profile()?.open(&key::read(place)?).with_context(|| format!("key {place}"))?;
            opened.key_id
        }
        (None, Some(path)) if path == Path::new("-") => {
            bail!("a key is written to a file, never to stdout; --output names the file")
        }
        (None, Some(path)) => {
            let mut bytes = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *bytes)
                .map_err(|error| anyhow::anyhow!("no randomness to be had: {error}"))?;
            let hex = Zeroizing::new(hex_line(&bytes));
            let key_id = default_profile()?.open(&KeyMaterial::from_text(hex.to_string()))?.key_id;
            key::write_new(path, &hex)?;
            eprintln!("taggant: wrote a new key to {}; keep it secret, and keep a copy", path.display());
            key_id
        }
        (None, None) => unreachable!("the flags ask for one of the two"),
    };
    output::print(&format!("{key_id}\n"))?;
    Ok(Status::Ran)
}

fn hex_line(bytes: &[u8; 32]) -> String {
    // Reserved in full, so that no shorter copy is left behind in memory.
    let mut line = String::with_capacity(65);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            line.push(char::from_digit(digit.into(), 16).expect("four bits are a hexadecimal digit"));
        }
    }
    line.push('\n');
    line
}
