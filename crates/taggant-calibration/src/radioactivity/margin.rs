//! The score statistic beside the published ones, on the same students and tokens.

use anyhow::{Result, ensure};
use rayon::prelude::*;
use taggant::scheme::{GreenList, Scheme};
use taggant_audit::{NgramReference, ReferenceModel};

use super::case::{Case, Filter, Outcome, contexts};
use super::lab::{Lab, STUDENT_TOKENS, mark, write};
use super::number;

/// Arguments: keys (20), tokens drawn (100,000).
pub(super) fn run(args: &[String]) -> Result<()> {
    let (n_keys, n_tokens) = (number(args, 0, 20)?, number(args, 1, 100_000)?);
    ensure!(n_keys >= 20, "20 keys or more, found {n_keys}");
    let lab = Lab::new(2)?;
    let profile = lab.profile(Scheme::Green(GreenList::new("1/4".parse()?, 2.0)?))?;
    let n_taught = STUDENT_TOKENS / 20;
    let unmarked = lab.teach(None, n_taught, "control taught")?;
    let control = lab.student(&unmarked)?;
    let fit = |name: &str, text| NgramReference::fit(name, text, lab.order(), taggant_lm::VOCAB_SIZE);
    let of_control = fit("control", write(&control, None, FITTED_TOKENS, "control text")?)?;
    let of_teacher = fit("teacher", lab.teach(None, FITTED_TOKENS, "teacher text")?)?;
    let matched = NgramReference::new("matched", control);
    let familiar = contexts(&lab.teach(None, n_taught, "familiar")?, lab.width);
    let teacher = NgramReference::new("own teacher", lab.teacher.clone());
    let references: [(&str, Vec<&dyn ReferenceModel>); 5] = [
        ("matched control", vec![&matched]),
        ("fitted on 100,000 tokens of the control", vec![&of_control]),
        ("fitted on 100,000 tokens of the teacher", vec![&of_teacher]),
        ("own teacher", vec![&teacher]),
        ("teacher and control fitted, mixed", vec![&of_teacher, &of_control]),
    ];
    let of_key = |n: usize| -> Result<Vec<(String, Outcome)>> {
        let case = Case::new(&lab, mark(&profile, "right key", n), n_taught, &n.to_string())?;
        let text = case.text(n_tokens, &n.to_string())?;
        let served = case.served();
        let count = case.count(&text);
        let mut found = vec![
            ("count".into(), case.outcome(&count, Filter::All)),
            ("count-served".into(), case.outcome(&count, Filter::Served(&served))),
            ("count-familiar".into(), case.outcome(&count, Filter::Familiar(&familiar))),
        ];
        for (name, models) in &references {
            let (plain, rooted) = case.score(&text, models.clone())?;
            found.push((format!("score, {name}"), case.outcome(&plain, Filter::All)));
            found.push((
                format!("score-familiar, {name}"),
                case.outcome(&rooted, Filter::Familiar(&familiar)),
            ));
            found.push((format!("score-served, {name}"), case.outcome(&rooted, Filter::Served(&served))));
        }
        Ok(found)
    };
    let found: Vec<Vec<(String, Outcome)>> =
        (0..n_keys).into_par_iter().map(of_key).collect::<Result<_>>()?;

    println!("## The score beside the published counts\n");
    println!("```sh\ncargo xtask radioactivity margin {n_keys} {n_tokens}\n```\n");
    println!(
        "Green list, gamma 1/4, delta 2, k = 2; students of {STUDENT_TOKENS} tokens, 5 % of them marked; {n_tokens} tokens drawn \
         from each; {n_keys} keys. Each row reads the same tokens of the same students. The ratio is of mean z, with its 99 % \
         interval over keys. p is what a verdict would rest on: exact, certified, or under `-served` exp(-ln_e). \
         `count` is the published test without supervision, `count-served` the one with.\n"
    );
    println!(
        "| test, reference | mean z | least z | over count-served | over count | median log10 p | worst log10 p |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    let column = |at: usize| -> Vec<Outcome> { found.iter().map(|of_key| of_key[at].1).collect() };
    let (count, served) = (column(0), column(1));
    for (at, (name, _)) in found[0].iter().enumerate() {
        let outcomes = column(at);
        let z: Vec<f64> = outcomes.iter().map(|outcome| outcome.z).collect();
        let mut log10_p: Vec<f64> = outcomes.iter().map(|it| it.ln_p / std::f64::consts::LN_10).collect();
        log10_p.sort_by(f64::total_cmp);
        println!(
            "| {name} | {:.2} | {:.2} | {} | {} | {:.1} | {:.1} |",
            mean(&z),
            z.iter().copied().fold(f64::MAX, f64::min),
            ratio(&outcomes, &served),
            ratio(&outcomes, &count),
            log10_p[n_keys / 2],
            log10_p[n_keys - 1],
        );
    }
    println!();
    Ok(())
}

/// The ratio of mean z, with its 99 % interval by the delta method over keys.
fn ratio(of: &[Outcome], over: &[Outcome]) -> String {
    let z = |outcomes: &[Outcome]| -> Vec<f64> { outcomes.iter().map(|outcome| outcome.z).collect() };
    let (of, over) = (z(of), z(over));
    let ratio = mean(&of) / mean(&over);
    let residuals: Vec<f64> = of.iter().zip(&over).map(|(a, b)| a - ratio * b).collect();
    let n = of.len() as f64;
    let variance = residuals.iter().map(|x| x * x).sum::<f64>() / (n - 1.0);
    let half = T_99 * (variance / n).sqrt() / mean(&over);
    format!("{ratio:.2} ({:.2} to {:.2})", ratio - half, ratio + half)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The 99.5 % point of Student's t at 19 degrees of freedom: for more keys it is a little wide.
const T_99: f64 = 2.861;

/// Tokens that a reference is fitted on.
const FITTED_TOKENS: usize = 100_000;
