//! What is tested and how: from flags, from the plan where a flag is not given, or else as usual.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use taggant_audit::Cohorts;
use taggant_audit::plan::{Reading, Terms};
use taggant_corpus::{Alignment, Options, SuspectVocabulary};
use taggant_dialects::Profile;
use taggant_verify::audit_result::{DecidedBy, Origin};
use taggant_verify::{Plan, TestName};

use crate::args::{InputFormatArg, ReadingArgs};
use crate::audit_args::{AuditReadingArgs, AuditTestArgs};
use crate::{input, mark};

/// The settings of one audit.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What the verifier fixes before looking.
    pub(crate) plan: Plan,
    /// Where the tokens come from.
    pub(crate) origin: Origin,
    /// The test that is to decide, and who chose it.
    pub(crate) decides: Option<(TestName, DecidedBy)>,
    /// The level of the permutation p; `None` without cohorts.
    pub(crate) cohort_level: Option<f64>,
}

impl Settings {
    /// Takes the flags, and of what they leave open the terms of the plan.
    pub(crate) fn new(args: &AuditTestArgs, terms: Option<&Terms>, has_cohorts: bool) -> Self {
        let usual = Plan::default();
        let planned = terms.map(|terms| (terms.statistic, DecidedBy::Plan));
        let level = args.cohort_level.or(terms.and_then(|terms| terms.cohort_level));
        Self {
            plan: Plan {
                alpha: args.alpha.or(terms.map(|terms| terms.alpha)).unwrap_or(usual.alpha),
                min_effect: args
                    .min_effect
                    .or(terms.map(|terms| terms.min_effect))
                    .unwrap_or(usual.min_effect),
                hypotheses: args
                    .hypotheses
                    .or(terms.map(|terms| terms.hypotheses))
                    .unwrap_or(usual.hypotheses),
                decoys: args.decoys.or(terms.map(|terms| terms.decoys)).unwrap_or(usual.decoys),
                columns: args.columns.or(terms.map(|terms| terms.columns)).unwrap_or(usual.columns),
            },
            origin: args
                .origin
                .map(Into::into)
                .or(terms.map(|terms| terms.origin))
                .unwrap_or(Origin::Suspect),
            // A flag under a plan only repeats it: one that differs is refused.
            decides: match (args.statistic, planned) {
                (Some(name), Some(_)) => Some((name, DecidedBy::Plan)),
                (Some(name), None) => Some((name, DecidedBy::Flag)),
                (None, planned) => planned,
            },
            cohort_level: has_cohorts.then(|| level.unwrap_or(Cohorts::DEFAULT_LEVEL)),
        }
    }
}

/// How the files of one audit are read.
#[derive(Debug)]
pub(crate) struct AuditReading {
    /// For the corpus.
    pub(crate) options: Options,
    /// The mark's tokenizer beside that of the suspect, where they differ.
    pub(crate) aligned: Option<(Alignment, SuspectVocabulary)>,
    /// For the plan.
    pub(crate) terms: Reading,
}

impl AuditReading {
    /// Takes the flags, and of what they leave open the terms of the plan.
    pub(crate) fn new(args: &AuditReadingArgs, profile: &Profile, terms: Option<&Reading>) -> Result<Self> {
        let planned = terms.cloned().unwrap_or_default();
        let of_plan = |place: &Option<String>, digest: &Option<String>| -> Result<Option<String>> {
            match (place, digest) {
                (None, Some(digest)) if mark::tokenizer(EMBEDDED)?.digest() == digest => {
                    Ok(Some(EMBEDDED.into()))
                }
                _ => Ok(place.clone()),
            }
        };
        let input_format = match (args.input_format, &planned.format) {
            (None, Some(word)) => {
                Some(InputFormatArg::from_str(word, false).map_err(anyhow::Error::msg).with_context(
                    || format!("reading.format of the plan is {word:?}, which this build does not read"),
                )?)
            }
            (format, _) => format,
        };
        let flags = ReadingArgs {
            tokenizer: of_plan(&args.tokenizer, &planned.tokenizer)?,
            text_field: args.text_field.clone().unwrap_or(planned.text_field),
            tokens_field: args.tokens_field.clone().unwrap_or(planned.tokens_field),
            input_format,
            skip_bad: args.skip_bad || planned.skip_bad,
        };
        let log_probs = args.logprobs_field.clone().unwrap_or(planned.logprobs_field);
        let least_p = args.least_p.unwrap_or(planned.least_p);
        if !(0.0..1.0).contains(&least_p) {
            bail!("--least-p must be at least 0 and below 1, found {least_p}");
        }
        let mut options = input::options(&flags, profile)?;
        options.prompts = true;
        options.fields.log_probs = Some(log_probs.clone());
        options.least_p = least_p;
        let suspect = of_plan(&args.suspect_tokenizer, &planned.suspect_tokenizer)?;
        let suspect = suspect.as_deref().map(mark::tokenizer).transpose()?;
        let aligned = match (&suspect, &options.tokenizer) {
            (Some(suspect), Some(tokenizer)) => {
                let alignment = Alignment::new(tokenizer)?;
                let vocabulary = alignment.suspect(suspect)?;
                Some((alignment, vocabulary))
            }
            _ => None,
        };
        let digest = |tokenizer: &taggant_corpus::Tokenizer| tokenizer.digest().to_owned();
        let terms = Reading {
            tokenizer: options.tokenizer.as_ref().map(digest),
            suspect_tokenizer: suspect.as_ref().map(digest),
            format: input_format.and_then(|format| Some(format.to_possible_value()?.get_name().to_owned())),
            text_field: flags.text_field,
            tokens_field: flags.tokens_field,
            logprobs_field: log_probs,
            least_p,
            skip_bad: flags.skip_bad,
        };
        Ok(Self { options, aligned, terms })
    }
}

/// The tokenizer of this build, which is no file: what a plan that has its digest means.
const EMBEDDED: &str = "embedded";
