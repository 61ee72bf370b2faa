//! `taggant plan`: how much text a claim needs.

use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use taggant::law::Law;
use taggant::scheme::Tournament;
use taggant_verify::Claim;
use taggant_verify::effect::{effect_of_excess, excess_of_effect};
use taggant_verify::planning::{Answers, score_inputs};

use crate::args::{PlanArgs, PlanFormat, SchemeArg};
use crate::cmd::profile::DEFAULT_GAMMA;
use crate::failure::Status;
use crate::{mark, output};

pub(crate) fn run(args: &PlanArgs) -> Result<Status> {
    let planned = plan(args)?;
    output::print(&match args.format {
        PlanFormat::Table => table(&planned),
        PlanFormat::Json => serde_json::to_string_pretty(&planned)? + "\n",
    })?;
    Ok(Status::Ran)
}

/// What is printed; the keys are those of the JSON.
#[derive(Serialize)]
struct Planned {
    schema_version: u64,
    tool: &'static str,
    command: &'static str,
    asked: &'static str,
    law: String,
    alpha: f64,
    power: f64,
    hypotheses: u64,
    effect: f64,
    excess: f64,
    answer_tokens: u64,
    unique_share: f64,
    informative_share: Option<f64>,
    exact: Needs,
    sequential: Option<Needs>,
    score: Option<Needs>,
}

#[derive(Serialize)]
struct Needs {
    inputs: u64,
    tokens: u64,
    queries: u64,
}

fn plan(args: &PlanArgs) -> Result<Planned> {
    let law = law(args)?;
    let claim = Claim::new(law, args.alpha, args.power, args.hypotheses)?;
    let answers = Answers::new(args.answer_tokens, args.unique_share)?;
    let needs = |inputs| {
        let (tokens, queries) = (answers.tokens_for(inputs), answers.queries_for(inputs));
        Needs { inputs, tokens, queries }
    };
    let (asked, effect, exact) = match (args.effect, args.excess, args.tokens) {
        (_, _, Some(tokens)) => {
            let inputs = answers.inputs_in(tokens);
            let too_few = || format!("{tokens} tokens are too few to show any effect at this level");
            let effect = claim.detectable_effect(inputs).with_context(too_few)?;
            ("tokens", effect, Needs { inputs, tokens, queries: tokens.div_ceil(args.answer_tokens.get()) })
        }
        (Some(effect), ..) => ("effect", effect, needs(inputs_needed(&claim, "--effect", effect, effect)?)),
        (None, Some(excess), _) => {
            let effect = effect_of_excess(law, excess);
            ("excess", effect, needs(inputs_needed(&claim, "--excess", excess, effect)?))
        }
        (None, None, None) => unreachable!("the flags ask for one of the three"),
    };
    let score = args.informative_share.map(|share| {
        let inputs = score_inputs(exact.inputs, share);
        inputs
            .map(needs)
            .with_context(|| format!("--informative-share must be above 0 and at most 1, found {share}"))
    });
    Ok(Planned {
        schema_version: 1,
        tool: concat!("taggant ", env!("CARGO_PKG_VERSION")),
        command: "plan",
        asked,
        law: law_text(law),
        alpha: args.alpha,
        power: args.power,
        hypotheses: args.hypotheses.get(),
        effect,
        excess: args.excess.unwrap_or_else(|| excess_of_effect(law, effect)),
        answer_tokens: args.answer_tokens.get(),
        unique_share: args.unique_share,
        informative_share: args.informative_share,
        exact,
        sequential: claim.typical_stop(effect).map(needs),
        score: score.transpose()?,
    })
}

/// The law of the profile's values, or of the flags'. It is no secret, and the same under every key.
fn law(args: &PlanArgs) -> Result<Law> {
    if let Some(path) = &args.profile {
        let profile = mark::read_profile(path)?;
        let opened = profile.open(&profile.key_from_bytes([0; 32]))?;
        let channels = opened.reader.channels().len();
        if channels > 1 {
            eprintln!(
                "taggant: the profile has {channels} channels; the plan is for the inputs of one. Divide --unique-share \
                 among them, and count each channel that is tested in --hypotheses"
            );
        }
        return Ok(opened.reader.law());
    }
    let scheme = args.scheme.unwrap_or(SchemeArg::Green);
    ensure!(args.gamma.is_none() || scheme == SchemeArg::Green, "--gamma belongs to --scheme green");
    ensure!(
        args.depth.is_none() || scheme == SchemeArg::Tournament,
        "--depth belongs to --scheme tournament"
    );
    Ok(match scheme {
        SchemeArg::Green => Law::green(args.gamma.as_deref().unwrap_or(DEFAULT_GAMMA).parse()?),
        SchemeArg::Gumbel => Law::Exponential,
        SchemeArg::Tournament => {
            Law::Bits { depth: args.depth.map_or(Ok(Tournament::default()), Tournament::new)?.depth() }
        }
    })
}

/// The inputs that an effect needs, or why there is no such number.
fn inputs_needed(claim: &Claim, flag: &str, given: f64, effect: f64) -> Result<u64> {
    if !(given > 0.0 && given.is_finite()) {
        bail!("{flag} must be a number above 0, found {given}");
    }
    claim.inputs_needed(effect).with_context(|| {
        let law = claim.law();
        let most = match law {
            Law::Bernoulli { .. } => effect_of_excess(law, 1.0 - law.mean()),
            Law::Bits { .. } => effect_of_excess(law, law.mean()),
            _ => f64::INFINITY,
        };
        if effect > most {
            let most = if flag == "--excess" { excess_of_effect(law, most) } else { most };
            format!(
                "{flag} is at most {} under this mark, where every value is the largest; found {given}",
                digits(most)
            )
        } else {
            format!("{flag} {given} needs more inputs than can be counted")
        }
    })
}

fn law_text(law: Law) -> String {
    match law {
        Law::Bernoulli { numerator, denominator } => format!("bernoulli {numerator}/{denominator}"),
        Law::Exponential => "exponential".into(),
        Law::Bits { depth } => format!("bits {depth}"),
        _ => unreachable!("every law of this build is named above"),
    }
}

fn table(planned: &Planned) -> String {
    let unit = match planned.law.split(' ').next() {
        Some("bernoulli") => "green tokens",
        Some("bits") => "one-bits",
        _ => "nats",
    };
    let hypotheses = match planned.hypotheses {
        1 => String::new(),
        n => format!(" over {} hypotheses", grouped(n)),
    };
    let mut text = format!(
        "law {}, alpha {:e}{hypotheses}, power {}\n{} {} standard deviations of one value: {} {unit} more for each \
         distinct input\n\n",
        planned.law,
        planned.alpha,
        planned.power,
        if planned.asked == "tokens" { "smallest effect seen:" } else { "effect" },
        digits(planned.effect),
        digits(planned.excess)
    );
    let mut rows = vec![("exact test of a fixed number", &planned.exact)];
    rows.extend(planned.sequential.as_ref().map(|needs| ("e-process, typical stop", needs)));
    rows.extend(planned.score.as_ref().map(|needs| ("score statistic, approximate", needs)));
    let head = ["distinct inputs", "tokens", "queries"].map(String::from);
    let cells: Vec<(&str, [String; 3])> = std::iter::once(("", head))
        .chain(
            rows.iter()
                .map(|(name, needs)| (*name, [needs.inputs, needs.tokens, needs.queries].map(grouped))),
        )
        .collect();
    let width = |column: usize| cells.iter().map(|(_, row)| row[column].len()).max().unwrap_or(0);
    let (inputs, tokens, queries) = (width(0), width(1), width(2));
    for (name, row) in &cells {
        writeln!(text, "{name:<28}  {:>inputs$}  {:>tokens$}  {:>queries$}", row[0], row[1], row[2])
            .expect("writing to a String cannot fail");
    }
    text + &format!(
        "\nanswers of {} tokens, {} distinct inputs for each token\n",
        grouped(planned.answer_tokens),
        planned.unique_share
    )
}

/// Four significant digits.
fn digits(x: f64) -> String {
    let decimals = if x > 0.0 { (3.0 - x.log10().floor()).clamp(0.0, 12.0) } else { 0.0 };
    let shown = format!("{x:.*}", decimals as usize);
    let trimmed =
        if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.') } else { &shown };
    trimmed.into()
}

/// 1234567 as 1,234,567.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
