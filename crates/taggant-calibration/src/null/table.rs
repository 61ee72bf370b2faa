//! What is printed: the claims and what was found, then the texts and every cell.

use std::time::Duration;

use taggant_testkit::statistics::ks_uniform;

use super::Row;
use super::cell::{Counts, mean_and_sd};
use super::claims::Claims;
use super::corpora::Text;
use super::interval::Share;
use super::secondary::{Calibrated, Checked};
use super::sizes::Sizes;
use super::vocabulary::{Documents, Vocabulary};

/// What was checked with real keys: a name, and its runs.
pub(super) type Secondary<'a> = [(&'static str, &'a [Checked]); 3];

/// What is claimed of all tests.
pub(super) fn claims(rows: &[Row], secondary: &Secondary<'_>) -> Claims {
    const OUTSIDE: &str = "cells outside their interval";
    const ABOVE: &str = "cells above their interval";
    let mut claims = Claims::default();
    let exact: Vec<&Counts> = rows.iter().map(|row| &row.cell.exact).collect();
    claims.shares("exact", OUTSIDE, &exact, Share::is_outside);
    claims.fits("exact: cells", rows.iter().map(|row| row.cell.exact_ks_p));
    let certified: Vec<&Counts> = rows.iter().map(|row| &row.cell.certified).collect();
    claims.shares("weighted, certified", ABOVE, &certified, Share::is_above);
    let saddlepoint: Vec<&Counts> = rows.iter().filter_map(|row| row.cell.saddlepoint.as_ref()).collect();
    claims.shares("weighted, saddlepoint", OUTSIDE, &saddlepoint, Share::is_outside);

    claims.fits("real keys, exact: cells", rows.iter().map(|row| row.real.ks_p));
    let weighted_ks_p: Vec<f64> = rows.iter().filter_map(|row| row.real.weighted_ks_p).collect();
    claims.fits("real keys, saddlepoint: cells", weighted_ks_p.into_iter());
    let p: Vec<f64> = rows.iter().flat_map(|row| row.real.p.iter().copied()).collect();
    let ks_p = ks_uniform(&p).1;
    let what = format!("real keys, exact: all {} p-values uniform", p.len());
    claims.add(&what, &format!("KS p = {ks_p:.2}"), "at least 1e-3", ks_p >= 1e-3);

    for (name, checked) in secondary {
        let certified: Vec<&Counts> = checked.iter().map(|checked| &checked.certified).collect();
        claims.shares(&format!("{name}, certified"), ABOVE, &certified, Share::is_above);
        let calibrated: Vec<&Calibrated> =
            checked.iter().filter_map(|checked| checked.calibrated.as_ref()).collect();
        if !calibrated.is_empty() {
            let p: Vec<&Counts> = calibrated.iter().map(|calibrated| &calibrated.p).collect();
            claims.shares(&format!("{name}, calibrated"), OUTSIDE, &p, Share::is_outside);
            let ks_p = calibrated.iter().map(|calibrated| calibrated.ks_p);
            claims.fits(&format!("{name}, calibrated: cells"), ks_p);
        }
    }
    claims
}

/// Heading, command, sizes and summary.
pub(super) fn print_summary(sizes: &Sizes, claims: &Claims, rows: &[Row], n_tokens: usize, took: Duration) {
    let n_keys = sizes.keys;
    println!("# Calibration under the null\n");
    println!("```sh\ncargo xtask calibrate null{}\n```\n", sizes.shown());
    println!(
        "Unmarked text, {:.1} million tokens over two vocabularies, and random keys: what share of the keys each test \
         accuses. A cell is one text, one vocabulary, one scheme and one context width k; {n_keys} keys in each, \
         simulated on the distinct inputs, and beside them {} keys through the real pseudorandom function on at most {} \
         inputs of the cell. Seeds are fixed. The command fails when a claim does not hold. It took {:.0} minutes on \
         {} cores.\n",
        n_tokens as f64 / 1e6,
        sizes.real_keys,
        sizes.real_inputs,
        took.as_secs_f64() / 60.0,
        rayon::current_num_threads(),
    );
    println!(
        "The interval of a cell is the central 99 % of the binomial law of its count of p <= alpha. Counts of coins \
         (green lists, tournaments) are discrete: they are held to the largest level at or below alpha that they can \
         reach, as computed from the null. Exact p-values and saddlepoint approximations are held on both sides, \
         certified bounds on the upper one. Of N cells at most the 99.9 % point of Bin(N, 0.01) may be off. Weighted \
         sums count each distinct input as often as it occurs, with the exact variance. The statistics of an audit have \
         [a page of their own](audit-nulls.md).\n"
    );
    claims.print();
    let sd = |pick: fn(f64, f64) -> f64| {
        rows.iter().map(|row| row.cell.naive.sd_z).reduce(pick).unwrap_or_default()
    };
    let accused: Vec<f64> = rows.iter().map(|row| row.cell.naive.accused).collect();
    println!(
        "\n**Without de-duplication**, on the same keys, z has a standard deviation of {:.1} to {:.1} instead of 1, and \
         p <= 1e-6 for {:.1} % of the keys ({:.0} % in the worst cell).\n",
        sd(f64::min),
        sd(f64::max),
        100.0 * mean_and_sd(&accused).0,
        100.0 * accused.iter().copied().fold(0.0, f64::max),
    );
}

pub(super) fn print_texts(texts: &[Text], vocabularies: &[Vocabulary], read: &[Vec<Documents>]) {
    let sizes = vocabularies.iter().map(Vocabulary::size);
    println!("## Texts\n");
    println!("Fetched by `crates/taggant-calibration/null_corpora.py` and not redistributed.\n");
    print!("| text | source |");
    sizes.clone().for_each(|size| print!(" tokens, {size} ids |"));
    println!("\n|---|---|--:|--:|");
    for (at, text) in texts.iter().enumerate() {
        print!("| {} | {} |", text.name, text.source);
        read.iter().for_each(|read| print!(" {} |", read[at].iter().map(Vec::len).sum::<usize>()));
        println!();
    }
    println!();
}

/// The tests that take a real key each time.
pub(super) fn print_secondary(secondary: &Secondary<'_>, sizes: &Sizes) {
    println!("## Along the text, through filters and over windows\n");
    println!(
        "Real keys, width 2, the embedded vocabulary: {} for each e-process, looked at after every input; {} for the \
         filter to served contexts, each with {} tokens served afresh by a small teacher and tested on human text; {} \
         for the scan over 12,000 tokens. Counts of keys with p <= 1e-2 / 1e-3 / 1e-4, a star as below. Certified: \
         1 / max E, 1 / E and the window's adjusted p. Calibrated: the exact tail after a filter that looks at the key, \
         randomised.\n",
        sizes.sequential_keys, sizes.served_keys, sizes.served_tokens, sizes.span_keys
    );
    println!("| test | text | scheme | inputs | certified | calibrated | mean, sd of z | KS p |");
    println!("|---|---|---|--:|--:|--:|--:|--:|");
    for (name, checked) in secondary {
        for run in *checked {
            let (p, z, ks_p) = match &run.calibrated {
                None => (String::new(), String::new(), String::new()),
                Some(found) => (
                    counts(&found.p, Share::is_outside),
                    format!("{:.2}, {:.2}", found.mean_z, found.sd_z),
                    format!("{:.2}", found.ks_p),
                ),
            };
            let certified = counts(&run.certified, Share::is_above);
            println!(
                "| {name} | {} | {} | {:.0} | {certified} | {p} | {z} | {ks_p} |",
                run.text, run.scheme, run.n
            );
        }
    }
    println!();
}

/// Every cell.
pub(super) fn print_cells(rows: &[Row], n_keys: usize) {
    println!("## Cells\n");
    println!(
        "Counts of {n_keys} keys with p <= 1e-2 / 1e-3 / 1e-4; a star marks one outside its interval (above, for \
         certified p). KS p: of the p-values being uniform. Inflation: by how much repeats would inflate the variance. \
         Naive: the standard deviation of z and the share of keys with p <= 1e-6 when every occurrence counts.\n"
    );
    println!(
        "| text | ids | scheme | k | inputs | exact | KS p | certified | saddlepoint | real keys: mean, sd of z | KS p | \
         weighted KS p | inflation | naive sd | naive accused |"
    );
    println!("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for row in rows {
        let (cell, real) = (&row.cell, &row.real);
        println!(
            "| {} | {} | {} | {} | {} | {} | {:.2} | {} | {} | {:.2}, {:.2} | {:.2} | {} | {:.1} | {:.1} | {:.1} % |",
            row.text,
            row.vocabulary,
            row.scheme,
            row.width,
            row.n,
            counts(&cell.exact, Share::is_outside),
            cell.exact_ks_p,
            counts(&cell.certified, Share::is_above),
            cell.saddlepoint.map_or("none".into(), |found| counts(&found, Share::is_outside)),
            real.mean_z,
            real.sd_z,
            real.ks_p,
            real.weighted_ks_p.map_or("none".into(), |ks_p| format!("{ks_p:.2}")),
            row.inflation,
            cell.naive.sd_z,
            100.0 * cell.naive.accused,
        );
    }
}

pub(crate) fn counts(found: &Counts, is_off: fn(Share) -> bool) -> String {
    let one = |share: &Share| format!("{}{}", share.found, if is_off(*share) { "\\*" } else { "" });
    found.shares.iter().map(one).collect::<Vec<_>>().join(" / ")
}
