//! `taggant selftest`: golden vectors against this build.

use std::fs;

use anyhow::{Context, Result};
use taggant_dialects::selftest::check;

use crate::args::SelftestArgs;
use crate::failure::Status;
use crate::output;

pub(crate) fn run(args: &SelftestArgs) -> Result<Status> {
    let mut status = Status::Ran;
    for path in &args.vectors {
        let shown = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        let outcome = check(&text).with_context(|| format!("{shown}"))?;
        for (case, why, difference) in &outcome.differences {
            let (field, expected, found) = (&difference.field, &difference.expected, &difference.found);
            output::print(&format!(
                "{shown}: case {case} ({why}), field {field}: the file says {expected}, this build says {found}\n"
            ))?;
        }
        let (dialect, n_cases, n_failed) = (&outcome.dialect, outcome.n_cases, outcome.n_failed);
        if n_failed == 0 {
            output::print(&format!("{shown}: {dialect}: all {n_cases} cases pass\n"))?;
        } else {
            output::print(&format!("{shown}: {dialect}: {n_failed} of {n_cases} cases differ\n"))?;
            status = Status::Difference;
        }
    }
    Ok(status)
}
