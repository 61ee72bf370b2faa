//! `taggant audit plan`: what will be tested and how, written down before anyone looks.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Context, Result, anyhow, bail, ensure};
use taggant_audit::plan::Role;
use taggant_audit::{AtHand, AuditPlan};
use taggant_verify::TestName;
use taggant_verify::audit_result::Origin;

use super::asked::Asked;
use super::inputs::Inputs;
use super::keys::{AuditKey, AuditKeys};
use super::settings::{AuditReading, Settings};
use super::terms::Fixed;
use super::{endpoint, files};
use crate::audit_args::AuditPlanArgs;
use crate::failure::{self, Status};
use crate::output;

pub(crate) fn run(args: &AuditPlanArgs) -> Result<Status> {
    output::check_new(&args.output)?;
    let keys = AuditKeys::read(&args.mark, !args.materials.served.is_empty())?;
    let settings = Settings::new(&args.test, None, keys.cohorts.is_some());
    let reading = AuditReading::new(&args.reading, &keys.profile, None)?;
    if let Some((cohorts, level)) = keys.cohorts.as_ref().zip(settings.cohort_level) {
        cohorts.check_level(level).context("--cohort-level")?;
    }
    let asked = Asked::new(&args.ask, None, !args.suspect.is_empty())?;
    let mut to_come: BTreeSet<Role> = args.to_come.iter().map(|role| (*role).into()).collect();
    if asked.endpoint.is_some() {
        // Whoever is to be asked has not answered yet.
        to_come.insert(Role::Suspect);
    }
    let files = files::find(&args.suspect, &args.ask.prompts, &args.materials, &args.mark, &keys)?;

    // A file that cannot be read as what it is for makes a plan that cannot be run.
    let mut inputs = Inputs::new(&reading);
    let references = inputs.references(&args.materials.reference)?;
    let suspect = inputs.suspect(&args.suspect)?;
    inputs.documents(Role::Served, &args.materials.served)?;
    for (_, served) in keys.keys.iter().filter_map(|key| key.cohort.as_ref()) {
        inputs.documents(Role::Served, served)?;
    }
    inputs.documents(Role::Familiar, &args.materials.familiar)?;
    inputs.controls(&args.materials.control)?;
    if asked.endpoint.is_some() && !to_come.contains(&Role::Prompts) {
        endpoint::questions(&args.ask.prompts, &reading.options)?;
    }

    args.test.statistic.map_or(Ok(()), |name| asked.check_stop(name))?;
    let is_to_come = to_come.contains(&Role::Suspect);
    let at_hand = AtHand {
        origin: settings.origin,
        // A stop that the scores decide leaves the counts alone, and of these the exact ones.
        served: !asked.stop_early && (!args.materials.served.is_empty() || keys.has_own_logs()),
        familiar: !args.materials.familiar.is_empty(),
        reference: !asked.stop_early && (!references.is_empty() || to_come.contains(&Role::Reference)),
        log_probs: match (is_to_come, args.test.statistic) {
            (true, Some(name)) => name.is_open() && !asked.stop_early,
            // What a suspect only read is tested through its log-probs or not at all.
            (true, None) => settings.origin != Origin::Suspect,
            (false, _) => suspect.iter().any(|passage| passage.log_probs.is_some()),
        },
    };
    let fixed = Fixed {
        profile: &keys.profile,
        keys: keys.planned(args.published.as_deref())?,
        settings: &settings,
        statistic: statistic(args.test.statistic, at_hand)?,
        reading: &reading,
        references: references.into_iter().map(|it| it.planned).collect(),
        asked: &asked,
        files,
        to_come,
    };
    let plan = AuditPlan::new(fixed.terms()?)?;
    output::write_new(&args.output, &plan.to_json())?;
    output::print(&summary(&plan, &keys)?)?;
    failure::tell(
        "publish and time-stamp the plan's digest before anyone looks, and every commitment before the suspect was trained; \
         then run `taggant audit run --plan`",
    );
    Ok(Status::Ran)
}

/// Refuses a test that what is at hand does not make.
pub(crate) fn check_made(name: TestName, at_hand: AtHand) -> Result<()> {
    ensure!(
        name != TestName::WEIGHTED,
        "weighted is a test of text alone (`taggant verify`); no audit reads weights"
    );
    match at_hand.lacks(name) {
        Some(what) => bail!("{name} needs {what}, found none"),
        None => Ok(()),
    }
}

/// The test that was named, or the first of the default order.
fn statistic(named: Option<TestName>, at_hand: AtHand) -> Result<TestName> {
    match named {
        Some(name) => check_made(name, at_hand).map(|()| name),
        None => at_hand.default_statistic().ok_or_else(|| {
            anyhow!("text that the suspect read and did not write is tested through its log-probs, and no row has any")
        }),
    }
}

/// What was fixed, one thing a line.
fn summary(plan: &AuditPlan, keys: &AuditKeys) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "plan        {}", plan.digest())?;
    for AuditKey { opened, commitment, cohort, .. } in &keys.keys {
        let commitment = commitment
            .map_or_else(|| "none: keys of this dialect can be guessed".into(), |it| it.to_string());
        let cohort = cohort.as_ref().map_or_else(String::new, |(name, _)| format!(", cohort {name}"));
        writeln!(text, "commitment  {commitment}  key id {}{cohort}", opened.key_id)?;
    }
    writeln!(text, "statistic   {}", plan.terms().statistic)?;
    Ok(text)
}
