//! `taggant audit run`: what was gathered of a suspect, tested.

use anyhow::{Context, Result, bail, ensure};
use taggant::reader::Reader;
use taggant_audit::plan::{Budget, PlannedFile, PlannedReference, Role, Terms};
use taggant_audit::{AtHand, AuditPlan, Materials};

use super::asked::Asked;
use super::endpoint::{self, Ask};
use super::inputs::{Inputs, ReferenceText};
use super::keys::AuditKeys;
use super::plan::check_made;
use super::settings::{AuditReading, Settings};
use super::terms::{self, Fixed};
use super::{cohorts, files};
use crate::audit_args::AuditRunArgs;
use crate::failure::Status;
use crate::output;

pub(crate) fn run(args: &AuditRunArgs) -> Result<Status> {
    output::check_files(&args.output)?;
    args.server.answers.iter().try_for_each(|path| output::check_place(path))?;
    let plan = args.plan.as_deref().map(terms::read).transpose()?;
    let planned = plan.as_ref().map(AuditPlan::terms);
    let keys = AuditKeys::read(&args.mark, !args.materials.served.is_empty())?;
    let settings = Settings::new(&args.test, planned, keys.cohorts.is_some());
    let reading = AuditReading::new(&args.reading, &keys.profile, planned.map(|terms| &terms.reading))?;
    let level = keys.cohorts.as_ref().zip(settings.cohort_level);
    if let Some((cohorts, level)) = level {
        cohorts.check_level(level).context("--cohort-level")?;
    }
    let asked = Asked::new(&args.ask, planned, !args.suspect.is_empty())?;
    ensure!(
        plan.is_some() || asked.endpoint.is_some() || asked.budget == Budget::default(),
        "a budget bounds what a live suspect is asked, or is fixed by a plan: it needs --endpoint or --plan"
    );
    ensure!(
        !asked.stop_early || keys.cohorts.is_none(),
        "--stop-early looks at one key, and the contrast of --cohorts at all of them: give one of the two"
    );
    let mut files = files::find(&args.suspect, &args.ask.prompts, &args.materials, &args.mark, &keys)?;
    let run = Run { keys: &keys, settings: &settings, reading: &reading, asked: &asked, files: &files };
    if let (Some(path), Some(plan)) = (&args.plan, &plan) {
        // Files that hold what was planned are references as planned; the others are named by what they hold.
        let references = plan.terms().references.clone();
        terms::refuse(path, &plan.differences(&run.terms(plan.terms(), references)?))?;
    }

    let is_twice = |file: &&PlannedFile| {
        let is_same = |other: &&PlannedFile| other.role == Role::Suspect && other.sha256 == file.sha256;
        file.role == Role::Reference && files.iter().any(|other| is_same(&other))
    };
    if let Some(file) = files.iter().find(is_twice) {
        bail!(
            "--reference {} is what the suspect wrote, byte for byte: a reference is another model",
            file.name
        );
    }

    let mut inputs = Inputs::new(&reading);
    let references = inputs.references(&args.materials.reference)?;
    let mut materials = Materials::default();
    let width = keys.main().opened.reader.context_rule().width.len();
    if asked.endpoint.is_none() {
        materials.suspect = inputs.suspect(&args.suspect)?;
    }
    if let (Some(path), Some(plan)) = (&args.plan, &plan) {
        let mut deviations =
            plan.differences(&run.terms(plan.terms(), run.references(plan.terms(), &references))?);
        let tokens = materials.suspect.iter().map(|passage| passage.tokens.len() as u64).sum();
        deviations.extend(plan.beyond_budget(tokens, materials.suspect.len() as u64));
        terms::refuse(path, &deviations)?;
    }
    materials.controls = inputs.controls(&args.materials.control)?;
    let check_named = |log_probs: bool| {
        let Some((name, _)) = settings.decides else { return Ok(()) };
        asked.check_stop(name)?;
        let at_hand = AtHand {
            origin: settings.origin,
            served: keys.has_own_logs() || !args.materials.served.is_empty(),
            familiar: !args.materials.familiar.is_empty(),
            reference: !references.is_empty(),
            log_probs,
        };
        check_made(name, at_hand)
    };
    if let Some(live) = &asked.endpoint {
        // Before anything is asked, and paid for.
        check_named(live.top_logprobs.is_some())?;
        let ask = Ask { live, asked: &asked, args, options: &reading.options, plan: &settings.plan };
        let log = endpoint::answers(&ask, &keys.main().opened.reader, &mut materials, &mut inputs.cautions)?;
        files.push(log);
    }
    materials.origin = Some(settings.origin);
    check_named(materials.suspect.iter().any(|passage| passage.log_probs.is_some()))?;
    let main = keys.main();
    let own_logs = main.cohort.as_ref().map_or(&[][..], |(_, served)| served);
    let served = if own_logs.is_empty() { &args.materials.served } else { own_logs };
    materials.served = inputs.documents(Role::Served, served)?;
    materials.familiar = inputs.documents(Role::Familiar, &args.materials.familiar)?;
    let models: Result<Vec<_>> =
        references.into_iter().map(|it| it.model(width, &materials.suspect)).collect();
    materials.references = models?;
    materials.decides = settings.decides;
    materials.plan_digest = plan.as_ref().map(|plan| plan.digest().to_string());
    materials.inputs = files::digests(&files);

    let mut report = cohorts::test_key(main, settings.plan, &materials)?;
    report.cautions.extend(plan.iter().flat_map(AuditPlan::cautions));
    if let Some((cohorts, level)) = level {
        // What decided for one key decides for all.
        let decided =
            report.audit.as_ref().and_then(|audit| Some((audit.decides.parse().ok()?, audit.decided_by)));
        materials.decides = decided;
        cohorts::test(cohorts, &keys, level, settings.plan, &mut materials, &mut inputs, &mut report)?;
    }
    report.cautions.extend(inputs.cautions);
    output::write_report(&report, &args.output)?;
    output::print(&output::render(&report, args.format.format))?;
    Ok(if args.exit_code { Status::of(report.verdict) } else { Status::Ran })
}

/// What a run consists of before anything is read.
struct Run<'a> {
    keys: &'a AuditKeys,
    settings: &'a Settings,
    reading: &'a AuditReading,
    asked: &'a Asked,
    files: &'a [PlannedFile],
}

impl Run<'_> {
    /// The terms of a plan that would have been written for this run.
    fn terms(&self, planned: &Terms, references: Vec<PlannedReference>) -> Result<Terms> {
        Fixed {
            profile: &self.keys.profile,
            keys: self.keys.planned_as(planned)?,
            settings: self.settings,
            statistic: self.settings.decides.map_or(planned.statistic, |(name, _)| name),
            reading: self.reading,
            references,
            asked: self.asked,
            files: self.files.to_vec(),
            // Whoever is asked has not answered yet.
            to_come: self.asked.endpoint.iter().map(|_| Role::Suspect).collect(),
        }
        .terms()
    }

    /// The references as they were read, under the name that the plan has for a file with the same content.
    fn references(&self, planned: &Terms, read: &[ReferenceText]) -> Vec<PlannedReference> {
        let name = |reference: &PlannedReference| {
            let file =
                self.files.iter().find(|it| it.role == Role::Reference && it.name == reference.name)?;
            let same = planned.files_of(Role::Reference).find(|it| it.sha256 == file.sha256)?;
            Some(same.name.clone())
        };
        let as_planned = |it: &ReferenceText| PlannedReference {
            name: name(&it.planned).unwrap_or_else(|| it.planned.name.clone()),
            ..it.planned.clone()
        };
        read.iter().map(as_planned).collect()
    }
}
