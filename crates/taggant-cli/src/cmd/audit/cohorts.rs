//! Every deployed key on the same suspect, and what they say together.

use anyhow::{Context, Result};
use taggant_audit::cohorts::{Finding, cautions};
use taggant_audit::plan::Role;
use taggant_audit::{Cohorts, Materials, audit};
use taggant_verify::{Plan, Report};

use super::inputs::Inputs;
use super::keys::{AuditKey, AuditKeys};
use crate::mark;

/// Tests the other keys as `report` says that its own was tested, and adds what all of them found to it.
pub(crate) fn test(
    cohorts: &Cohorts,
    keys: &AuditKeys,
    level: f64,
    plan: Plan,
    materials: &mut Materials,
    inputs: &mut Inputs<'_>,
    report: &mut Report,
) -> Result<()> {
    let name = |key: &AuditKey| key.cohort.as_ref().map(|(name, _)| name.clone()).unwrap_or_default();
    let mut findings = vec![Finding::of(report)];
    let mut found = cautions(&name(keys.main()), report);
    // A picture and a comparison, which nothing rests on.
    let plan = Plan { columns: 0, ..plan };
    materials.controls.clear();
    for key in keys.others() {
        let at = || format!("cohort {:?}", name(key));
        if let Some((_, served)) = key.cohort.as_ref().filter(|(_, served)| !served.is_empty()) {
            materials.served = inputs.documents(Role::Served, served).with_context(at)?;
        }
        let of_key = test_key(key, plan, materials).with_context(at)?;
        found.extend(cautions(&name(key), &of_key));
        findings.push(Finding::of(&of_key));
    }
    let result = cohorts.test(&findings, plan.alpha, level)?;
    report.cautions.extend(found);
    (report.cohort_verdict, report.cohorts) = (Some(result.verdict), Some(result));
    Ok(())
}

/// The report of one key.
pub(crate) fn test_key(key: &AuditKey, plan: Plan, materials: &Materials) -> Result<Report> {
    let AuditKey { profile, opened, .. } = key;
    let decoy = |n| profile.open_decoy(opened.key_id, n);
    Ok(audit(&opened.reader, plan, materials, mark::subject(profile, opened), &decoy)?)
}
