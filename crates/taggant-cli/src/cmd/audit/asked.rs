//! What is asked of a live suspect: from flags, from the plan where a flag is not given, or else as usual.

use anyhow::{Context, Result, bail, ensure};
use taggant_audit::endpoint::{Api, ApiKey, Endpoint, LimitField, Limits, Sampling};
use taggant_audit::plan::{self, Budget, Terms};
use taggant_verify::{Filter, TestName};

use crate::audit_args::{ApiArg, AskArgs, LimitFieldArg, ServerArgs};

/// What a run asks, and of whom.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The live suspect, as a plan has it; `None` if its answers are in files.
    pub(crate) endpoint: Option<plan::Endpoint>,
    /// Whether asking ends at evidence.
    pub(crate) stop_early: bool,
    /// What may be asked of the suspect.
    pub(crate) budget: Budget,
}

impl Asked {
    /// Takes the flags, and of what they leave open the terms of the plan.
    ///
    /// Answers that are given as files were not asked for, whatever the plan says: then the run deviates from it.
    pub(crate) fn new(args: &AskArgs, terms: Option<&Terms>, has_files: bool) -> Result<Self> {
        let budget = Budget {
            tokens: args.budget_tokens.map(Into::into).or(terms.and_then(|terms| terms.budget.tokens)),
            queries: args.budget_queries.map(Into::into).or(terms.and_then(|terms| terms.budget.queries)),
        };
        let stop_early = args.stop_early || terms.is_some_and(|terms| terms.sequential);
        let planned = terms.and_then(|terms| terms.endpoint.as_ref()).filter(|_| !has_files);
        let Some(url) = args.endpoint.as_deref().or(planned.map(|it| &it.url[..])) else {
            return match for_live_only(args) {
                Some(flag) => bail!("{flag} is about a live suspect: it needs --endpoint URL"),
                None => Ok(Self { endpoint: None, stop_early, budget }),
            };
        };
        let model = args.model.clone().or(planned.map(|it| it.model.clone()));
        let model = model.context("--endpoint needs --model NAME")?;
        let api = match (args.api, planned) {
            (Some(ApiArg::Chat), _) | (None, None) => Api::Chat,
            (Some(ApiArg::Completions), _) => Api::Completions,
            (None, Some(planned)) => planned.api,
        };
        let endpoint = plan::Endpoint {
            // As logs and messages show it, so that two spellings of one address are one.
            url: Endpoint::new(url, &model[..], api)?.base_url().to_owned(),
            model,
            api,
            max_tokens: args.max_tokens.or(planned.map(|it| it.max_tokens)).unwrap_or(MAX_TOKENS),
            temperature: args.temperature.or(planned.and_then(|it| it.temperature)),
            top_p: args.top_p.or(planned.and_then(|it| it.top_p)),
            seed: args.sampling_seed.or(planned.and_then(|it| it.seed)),
            top_logprobs: args.top_logprobs.or(planned.and_then(|it| it.top_logprobs)),
        };
        Ok(Self { endpoint: Some(endpoint), stop_early, budget })
    }

    /// Refuses a test that no stop by the scores leaves sound.
    pub(crate) fn check_stop(&self, name: TestName) -> Result<()> {
        let is_left = [TestName::COUNT, TestName::COUNT.under(Filter::Familiar)].contains(&name);
        ensure!(
            !self.stop_early || is_left,
            "no run that stops early rests on {name}, but on count or count-familiar: what {name} sums would depend on the key \
             through the stop"
        );
        Ok(())
    }

    /// How answers are sampled.
    pub(crate) fn sampling(endpoint: &plan::Endpoint, args: &ServerArgs) -> Sampling {
        Sampling {
            max_tokens: endpoint.max_tokens,
            limit_field: match args.limit_field {
                LimitFieldArg::MaxTokens => LimitField::MaxTokens,
                LimitFieldArg::MaxCompletionTokens => LimitField::MaxCompletionTokens,
            },
            temperature: endpoint.temperature,
            top_p: endpoint.top_p,
            seed: endpoint.seed,
            top_logprobs: endpoint.top_logprobs,
            ..Sampling::default()
        }
    }

    /// How much is asked, and how fast.
    pub(crate) fn limits(&self, args: &ServerArgs) -> Limits {
        Limits {
            concurrency: args.concurrency,
            requests_per_minute: args.requests_per_minute,
            budget_tokens: self.budget.tokens,
            budget_queries: self.budget.queries,
            retries: args.retries,
            timeout: std::time::Duration::from_secs(args.timeout),
            ..Limits::default()
        }
    }
}

/// The server, with its key.
pub(crate) fn server(endpoint: &plan::Endpoint, args: &ServerArgs) -> Result<Endpoint> {
    let server = Endpoint::new(&endpoint.url, &endpoint.model[..], endpoint.api)?;
    let Some(place) = &args.endpoint_key else { return Ok(server) };
    // What was given is not shown: it may be the key.
    let Some(name) = place.strip_prefix("env:") else {
        bail!("--endpoint-key env:NAME names an environment variable; a key is never an argument")
    };
    let key = std::env::var(name).with_context(|| format!("cannot read environment variable {name}"))?;
    Ok(server.with_key(ApiKey::new(key)?)?)
}

/// The first flag that is about a live suspect alone.
fn for_live_only(args: &AskArgs) -> Option<&'static str> {
    let flags = [
        ("--model", args.model.is_some()),
        ("--prompts", !args.prompts.is_empty()),
        ("--api", args.api.is_some()),
        ("--max-tokens", args.max_tokens.is_some()),
        ("--temperature", args.temperature.is_some()),
        ("--top-p", args.top_p.is_some()),
        ("--sampling-seed", args.sampling_seed.is_some()),
        ("--top-logprobs", args.top_logprobs.is_some()),
        ("--stop-early", args.stop_early),
    ];
    flags.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
}

/// The longest answer where nobody says, in the server's tokens.
const MAX_TOKENS: u64 = 300;
