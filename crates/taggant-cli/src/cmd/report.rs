//! `taggant report`: a saved report, rendered again or checked.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use taggant_audit::cohorts::check_report;
use taggant_verify::Report;
use taggant_verify::check::check;

use crate::args::ReportArgs;
use crate::failure::Status;
use crate::output;

pub(crate) fn run(args: &ReportArgs) -> Result<Status> {
    output::check_files(&args.output)?;
    let shown = args.file.display();
    let text = if args.file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(&args.file)
    };
    let text = text.with_context(|| format!("cannot read report {shown}"))?;
    let report =
        Report::from_json(&text).map_err(|message| anyhow::anyhow!("{shown}: not a report: {message}"))?;
    if args.check {
        let of_counts = check(&report).into_iter().map(|it| (it.field, it.stated, it.recomputed));
        let of_cohorts = check_report(&report).into_iter().map(|it| (it.field, it.stated, it.recomputed));
        let found: Vec<_> = of_counts.chain(of_cohorts).collect();
        for (field, stated, recomputed) in &found {
            output::print(&format!("{field}: the report says {stated}, its counts give {recomputed}\n"))?;
        }
        if found.is_empty() {
            output::print("every number that follows from the counts is as stated\n")?;
        }
        return Ok(if found.is_empty() { Status::Ran } else { Status::Difference });
    }
    output::write_report(&report, &args.output)?;
    output::print(&output::render(&report, args.format.format))?;
    Ok(Status::Ran)
}
