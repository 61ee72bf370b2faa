//! The terms of an audit: what a plan fixes, and what a run under it must keep to.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use taggant_audit::AuditPlan;
use taggant_audit::plan::{
    Deviation, Filter, PlannedFile, PlannedKey, PlannedReference, Role, SCHEMA_VERSION, Terms,
};
use taggant_dialects::Profile;
use taggant_verify::TestName;

use super::asked::Asked;
use super::keys::digest_of;
use super::settings::{AuditReading, Settings};
use crate::{failure, mark};

/// What the terms of an audit are made of.
#[derive(Debug)]
pub(crate) struct Fixed<'a> {
    /// The profile of the flag.
    pub(crate) profile: &'a Profile,
    pub(crate) keys: Vec<PlannedKey>,
    pub(crate) settings: &'a Settings,
    pub(crate) statistic: TestName,
    pub(crate) reading: &'a AuditReading,
    pub(crate) references: Vec<PlannedReference>,
    pub(crate) asked: &'a Asked,
    pub(crate) files: Vec<PlannedFile>,
    pub(crate) to_come: BTreeSet<Role>,
}

impl Fixed<'_> {
    /// The terms.
    pub(crate) fn terms(self) -> Result<Terms> {
        let has = |role| self.files.iter().any(|file| file.role == role);
        // Contexts of prompts are left out wherever a row has a prompt.
        let filters = [
            (Filter::Served, has(Role::Served)),
            (Filter::Familiar, has(Role::Familiar)),
            (Filter::Prompts, true),
        ];
        let plan = &self.settings.plan;
        Ok(Terms {
            schema_version: SCHEMA_VERSION,
            tool: mark::TOOL.into(),
            dialect: self.profile.dialect().into(),
            profile_digest: digest_of(self.profile)?,
            keys: self.keys,
            statistic: self.statistic,
            origin: self.settings.origin,
            references: self.references,
            filters: filters.into_iter().filter(|(_, is_used)| *is_used).map(|(filter, _)| filter).collect(),
            alpha: plan.alpha,
            min_effect: plan.min_effect,
            hypotheses: plan.hypotheses,
            decoys: plan.decoys,
            columns: plan.columns,
            sequential: self.asked.stop_early,
            budget: self.asked.budget,
            endpoint: self.asked.endpoint.clone(),
            cohort_level: self.settings.cohort_level,
            reading: self.reading.terms.clone(),
            files: self.files,
            to_come: self.to_come,
        })
    }
}

/// Reads a plan.
pub(crate) fn read(path: &Path) -> Result<AuditPlan> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot read plan {shown}"))?;
    let read = file.take(AuditPlan::MAX_LEN as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read plan {shown}"))?;
    AuditPlan::from_json(&bytes).with_context(|| shown.to_string())
}

/// Refuses a run that deviates from its plan, and names everything in which it does.
pub(crate) fn refuse(path: &Path, deviations: &[Deviation]) -> Result<()> {
    if deviations.is_empty() {
        return Ok(());
    }
    let shown = path.display();
    for deviation in deviations {
        failure::tell(&format!("{shown}: {deviation}"));
    }
    let things = if deviations.len() == 1 { "1 thing" } else { &format!("{} things", deviations.len()) };
    bail!(
        "this run deviates from {shown} in {things}, and nothing was tested; without --plan the report says that there was none"
    );
}
