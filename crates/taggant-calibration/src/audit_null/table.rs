//! What is printed: the claims and what was found, then every cell.

use super::cell::{Cell, Kind};
use super::sizes::Sizes;
use crate::null::cell::Counts;
use crate::null::claims::Claims;
use crate::null::interval::Share;
use crate::null::table::counts;

/// What is claimed of all cells but those that leave a rule out.
pub(super) fn claims(cells: &[Cell]) -> Claims {
    let mut claims = Claims::default();
    for (kind, sharp, bound) in [
        (Kind::Exact, "exact", None),
        (Kind::Saddlepoint, "saddlepoint", Some("certified")),
        (Kind::Calibrated, "calibrated", Some("1 / E")),
    ] {
        let of_kind = || cells.iter().filter(|cell| cell.kind == kind);
        let p: Vec<&Counts> = of_kind().filter_map(|cell| Some(&cell.sharp.as_ref()?.counts)).collect();
        claims.shares(sharp, "cells outside their interval", &p, Share::is_outside);
        let ks_p: Vec<f64> = of_kind().filter_map(|cell| Some(cell.sharp.as_ref()?.ks_p)).collect();
        claims.fits(&format!("{sharp}: cells"), ks_p.into_iter());
        if let Some(bound) = bound {
            let p: Vec<&Counts> = of_kind().filter_map(|cell| cell.bound.as_ref()).collect();
            claims.shares(bound, "cells above their interval", &p, Share::is_above);
        }
    }
    claims
}

/// The page.
pub(super) fn print(sizes: &Sizes, claims: &Claims, cells: &[Cell]) {
    println!("# The null of an audit\n");
    println!("```sh\ncargo xtask calibrate audit{}\n```\n", sizes.shown());
    println!(
        "Students that learned nothing of the tested keys, {} keys a cell ({} where prompts are copied), each through the \
         real pseudorandom function: what share of the keys each statistic of an audit accuses. A cell is one setting \
         (a scheme and a context width k), one suspect, one statistic and one reference. Seeds are fixed. The command \
         fails when a claim does not hold.\n",
        sizes.keys, sizes.prompt_keys
    );
    println!(
        "Teacher and students are n-gram models of the embedded text. A student of 0 % has learned another author and \
         unmarked text of the teacher, one of 5 % text that the teacher marked under a key that is not tested. They write \
         {} tokens for the closed tests and read {} for the open ones; under each key the teacher serves {} tokens \
         afresh. References: a matched control (the same other author, other unmarked text of the teacher), the teacher \
         itself, an n-gram model fitted on 100,000 unmarked tokens of the teacher, a model of other text, and a mixture of \
         the last two by likelihood. Familiar contexts are those of the same 100,000 tokens.\n",
        sizes.tokens, sizes.read, sizes.served
    );
    println!(
        "Intervals, and how many cells may be off, are those of [the null of the counts](calibration.md). Exact \
         p-values, saddlepoint approximations and calibrated ones are held on both sides, certified bounds and 1 / E on the \
         upper one. Cells of one suspect and setting share their keys, so that they are off together more often than \
         independent ones: the claims are the harder to meet.\n"
    );
    claims.print();
    let of = |kinds: &[Kind]| cells.iter().filter(|cell| kinds.contains(&cell.kind)).collect::<Vec<_>>();
    println!("\n## Coefficients that no key went into\n");
    println!(
        "Counts of keys with p <= 1e-2 / 1e-3 / 1e-4; a star marks one outside its interval. p is exact for `count` and \
         `open-argmax`, else the saddlepoint that is printed beside the certified bound. KS p: of the p-values being \
         uniform, randomised where they are discrete.\n"
    );
    print_cells(&of(&[Kind::Exact, Kind::Saddlepoint]), "certified");
    println!("\n## Text made afresh under each key\n");
    println!(
        "A filter to served contexts, served text that the suspect reads, and prompts of marked text. p: the exact tail, \
         randomised, of `count` and `open-argmax`, else the saddlepoint. 1 / E: the proven bound, computed where z >= 1. \
         Inputs: the mean over keys. A suspect that copies gives half of its probability to what followed the same \
         context, or else the same token, before in the document, or in the prompt.\n"
    );
    print_cells(&of(&[Kind::Calibrated]), "1 / E");
    println!("\n## What the rules are for\n");
    println!(
        "Expected to fail, and no part of the claims: the same suspects under the same keys without the rule that makes the \
         test valid. Where a document is read, every position counts, each (context, token) once, as in the published \
         test, and not each context at its first occurrence alone; where prompts are answered, their contexts are not left out.\n"
    );
    print_cells(&of(&[Kind::Invalid]), "1 / E");
}

fn print_cells(cells: &[&Cell], bound: &str) {
    println!("| setting | suspect | test | reference | inputs | p | KS p | {bound} | mean, sd of z |");
    println!("|---|---|---|---|--:|--:|--:|--:|--:|");
    for cell in cells {
        let about = &cell.about;
        let (p, ks_p) = match &cell.sharp {
            Some(sharp) => (counts(&sharp.counts, Share::is_outside), format!("{:.2}", sharp.ks_p)),
            None => ("none".into(), String::new()),
        };
        let bound = cell.bound.as_ref().map_or_else(String::new, |found| counts(found, Share::is_above));
        println!(
            "| {} | {} | {} | {} | {:.0} | {p} | {ks_p} | {bound} | {:.2}, {:.2} |",
            about.setting, about.suspect, about.test, about.reference, cell.n, cell.mean_z, cell.sd_z,
        );
    }
}
