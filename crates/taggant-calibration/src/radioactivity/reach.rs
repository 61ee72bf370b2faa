//! What 100,000 tokens or positions reach.

use anyhow::Result;
use rayon::prelude::*;
use taggant::scheme::{GreenList, Scheme};
use taggant_audit::NgramReference;
use taggant_verify::audit_result::Origin;

use super::case::{Case, Filter, Outcome, contexts};
use super::lab::{Lab, STUDENT_TOKENS, mark};
use super::number;

/// Arguments: keys (8), tokens and positions (100,000).
pub(super) fn run(args: &[String]) -> Result<()> {
    let (n_keys, n_tokens) = (number(args, 0, 8)?, number(args, 1, 100_000)?);
    let lab = Lab::new(2)?;
    let profile = lab.profile(Scheme::Green(GreenList::new("1/4".parse()?, 2.0)?))?;
    println!("## What {n_tokens} tokens or positions reach\n");
    println!("```sh\ncargo xtask radioactivity reach {n_keys} {n_tokens}\n```\n");
    println!(
        "Green list, gamma 1/4, delta 2, k = 2; students of {STUDENT_TOKENS} tokens; {n_keys} keys; log10 p of each, sorted, as a \
         verdict would rest on it. Closed: tokens drawn from the student. Open: positions of human text that neither model \
         learned from. The matched control learned the same other text, and unmarked text of the teacher in place of the \
         marked.\n"
    );
    println!("| share | access | test | reference | below 1e-5 | log10 p |");
    println!("|--:|---|---|---|--:|---|");
    for (percent, n_taught) in [(5, STUDENT_TOKENS / 20), (1, STUDENT_TOKENS / 100)] {
        let control = lab.student(&lab.teach(None, n_taught, "control taught")?)?;
        let matched = NgramReference::new("matched", control);
        let teacher = NgramReference::new("teacher", lab.teacher.clone());
        let familiar = contexts(&lab.teach(None, n_taught, "familiar")?, lab.width);
        let human = lab.human(n_tokens);
        let of_key = |n: usize| -> Result<Vec<(&'static str, &'static str, &'static str, Outcome)>> {
            let case = Case::new(&lab, mark(&profile, "right key", n), n_taught, &format!("{percent} {n}"))?;
            let text = case.text(n_tokens, &format!("{percent} {n}"))?;
            let served = case.served();
            let count = case.count(&text);
            let (plain, rooted) = case.score(&text, vec![&matched])?;
            let mut found = vec![
                ("closed", "count", "-", case.outcome(&count, Filter::All)),
                ("closed", "count-served", "-", case.outcome(&count, Filter::Served(&served))),
                ("closed", "score", "matched", case.outcome(&plain, Filter::All)),
                ("closed", "score-familiar", "matched", case.outcome(&rooted, Filter::Familiar(&familiar))),
                ("closed", "score-served", "matched", case.outcome(&rooted, Filter::Served(&served))),
            ];
            let student = NgramReference::new("student", case.student.clone());
            for (name, reference) in [("matched", &matched), ("teacher", &teacher)] {
                let open = case.open(&human, Origin::KeyFree, reference, &student)?;
                if name == "matched" {
                    found.push(("open", "open-argmax", "-", case.outcome(&open.argmax, Filter::All)));
                    found.push(("open", "open-mass", "-", case.outcome(&open.mass, Filter::All)));
                }
                let paired = open.paired.as_ref().expect("a reference was given");
                found.push(("open", "open-paired", name, case.outcome(paired, Filter::All)));
            }
            Ok(found)
        };
        let found = (0..n_keys).into_par_iter().map(of_key).collect::<Result<Vec<_>>>()?;
        for (at, (access, test, reference, _)) in found[0].iter().enumerate() {
            let mut log10_p: Vec<f64> =
                found.iter().map(|of_key| of_key[at].3.ln_p / std::f64::consts::LN_10).collect();
            log10_p.sort_by(f64::total_cmp);
            let below = log10_p.iter().filter(|log10_p| **log10_p < -5.0).count();
            let shown: Vec<String> = log10_p.iter().map(|log10_p| format!("{log10_p:.1}")).collect();
            println!(
                "| {percent} % | {access} | {test} | {reference} | {below} of {n_keys} | {} |",
                shown.join(", ")
            );
        }
    }
    println!();
    Ok(())
}
