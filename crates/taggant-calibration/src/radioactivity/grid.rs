//! Every scheme, share, access and statistic.

use anyhow::{Context, Result};
use rayon::prelude::*;
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant_audit::NgramReference;
use taggant_verify::audit_result::Origin;

use super::case::{Case, Filter, Outcome, contexts};
use super::lab::{Lab, mark};
use super::number;

/// Arguments: keys (8), tokens and positions (20,000).
pub(super) fn run(args: &[String]) -> Result<()> {
    let (n_keys, n_tokens) = (number(args, 0, 8)?, number(args, 1, 20_000)?);
    println!("## Every scheme, share, access and statistic\n");
    println!("```sh\ncargo xtask radioactivity grid {n_keys} {n_tokens}\n```\n");
    println!(
        "Students of {GRID_TOKENS} tokens; {n_keys} keys a cell; {n_tokens} tokens drawn or positions read. Median log10 p (in brackets \
         the largest), as a verdict would rest on it: exact or certified, under `-served` and on marked text exp(-ln_e). `score` and \
         `open-paired` are centred by the matched control. Human text is the teacher's author's, and no model learned from it; \
         marked text is new text of the teacher under the key.\n"
    );
    println!(
        "| scheme | k | share | count | count-served | score | score-served | score-familiar | open-argmax, human | open-mass, \
         human | open-paired, human | open-paired, marked |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for width in [1, 2, 4] {
        let lab = Lab::new(width)?;
        for (name, scheme) in schemes()? {
            // Other strengths and schemes at one width: the grid is a picture, not a product.
            if width != 2 && name != PLAIN {
                continue;
            }
            let profile = lab.profile(scheme)?;
            for percent in SHARES {
                let found = cell(&lab, &profile, percent, n_keys, n_tokens)
                    .with_context(|| format!("{name}, k = {width}, {percent} %"))?;
                print!("| {name} | {width} | {percent} % |");
                for at in 0..found[0].len() {
                    let mut log10_p: Vec<f64> =
                        found.iter().map(|of_key| of_key[at].ln_p / std::f64::consts::LN_10).collect();
                    log10_p.sort_by(f64::total_cmp);
                    print!(" {:.1} ({:.1}) |", log10_p[(n_keys - 1) / 2], log10_p[n_keys - 1]);
                }
                println!();
            }
        }
    }
    println!();
    Ok(())
}

/// Each key's outcomes, in the order of the columns.
fn cell(
    lab: &Lab,
    profile: &taggant::Profile,
    percent: usize,
    n_keys: usize,
    n_tokens: usize,
) -> Result<Vec<Vec<Outcome>>> {
    let n_taught = GRID_TOKENS * percent / 100;
    let control = lab.student_of(GRID_TOKENS, &lab.teach(None, n_taught, "control taught")?)?;
    let matched = NgramReference::new("matched", control);
    let familiar = contexts(&lab.teach(None, n_taught.max(20_000), "familiar")?, lab.width);
    let human = lab.human(n_tokens);
    let of_key = |n: usize| -> Result<Vec<Outcome>> {
        let label = format!("grid {percent} {n}");
        let mark = mark(profile, "grid key", n);
        // Of the 0 % student's key nothing was learned; its log is what the key's own customers were served.
        let log = lab.teach(Some(&mark), n_taught.max(20_000), &format!("taught {label}"))?;
        let learned = &log[..n_taught.div_ceil(super::lab::DOCUMENT_TOKENS).min(log.len())];
        let taught = if percent > 0 { learned.to_vec() } else { Vec::new() };
        let case = Case { student: lab.student_of(GRID_TOKENS, &taught)?, mark, log };
        let text = case.text(n_tokens, &label)?;
        let served = case.served();
        let count = case.count(&text);
        let (plain, rooted) = case.score(&text, vec![&matched])?;
        let student = NgramReference::new("student", case.student.clone());
        let open = case.open(&human, Origin::KeyFree, &matched, &student)?;
        let fresh = lab.teach(Some(&case.mark), n_tokens, &format!("fresh {label}"))?;
        let marked = case.open(&fresh, Origin::Marked, &matched, &student)?;
        let paired = |items: &Option<_>, filter| {
            items.as_ref().map(|items| case.outcome(items, filter)).context("a reference was given")
        };
        Ok(vec![
            case.outcome(&count, Filter::All),
            case.outcome(&count, Filter::Served(&served)),
            case.outcome(&plain, Filter::All),
            case.outcome(&rooted, Filter::Served(&served)),
            case.outcome(&rooted, Filter::Familiar(&familiar)),
            case.outcome(&open.argmax, Filter::All),
            case.outcome(&open.mass, Filter::All),
            paired(&open.paired, Filter::All)?,
            paired(&marked.paired, Filter::Marked)?,
        ])
    };
    (0..n_keys).into_par_iter().map(of_key).collect()
}

fn schemes() -> Result<Vec<(&'static str, Scheme)>> {
    let green =
        |gamma: &str, delta| -> Result<Scheme> { Ok(Scheme::Green(GreenList::new(gamma.parse()?, delta)?)) };
    Ok(vec![
        (PLAIN, green("1/4", 2.0)?),
        ("green 1/4, delta 4", green("1/4", 4.0)?),
        ("green 1/2, delta 2", green("1/2", 2.0)?),
        ("gumbel", Scheme::Gumbel(GumbelMax::new())),
        ("tournament, depth 10", Scheme::Tournament(Tournament::new(10)?)),
    ])
}

/// The scheme of every width.
const PLAIN: &str = "green 1/4, delta 2";

/// Percent of a student's training text that is marked.
const SHARES: [usize; 6] = [100, 50, 10, 5, 1, 0];

/// Tokens that a student of the grid learns from.
const GRID_TOKENS: usize = 400_000;
