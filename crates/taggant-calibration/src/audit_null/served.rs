//! Tests that look at the key through text that was served: made afresh under each key.

use anyhow::{Context, Result};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use taggant::Mark;
use taggant::reader::Reader;
use taggant_audit::{Mixture, NgramReference, Open, ReferenceModel};
use taggant_verify::audit_result::Origin;
use taggant_verify::linear::{LinearNull, LinearSum, Statistic};
use taggant_verify::null::Null;
use taggant_verify::{Coefficient, Items, SequenceSet};

use super::cell::{About, Cell, Drawn, Kind, Tested, ln_randomized};
use super::closed::{CONTROL, Listed, TEACHER, Written, contexts, named};
use super::sizes::Sizes;
use super::suspect::{Lists, Suspect};
use super::world::{Documents, Label, Reference, Setting, World, mark, rng, write, write_marked};

/// A student that learned no marked text: filtered to the contexts of a log of the tested key, and reading that log.
pub(super) fn served(
    world: &World,
    setting: &Setting,
    reference: Reference,
    run: u64,
    sizes: &Sizes,
) -> Result<Vec<Cell>> {
    let profile = setting.profile()?;
    let text = write(&world.innocent, sizes.tokens, Label::Suspect)?;
    let written = Written::new(&profile, &text);
    let control = named(CONTROL, &world.control);
    let none = SequenceSet::new(world.width);
    let mut filtered = vec![written.count("count-served", Some(&none))];
    let scores = written.scores("score", CONTROL, vec![&control], &[("score-served", &none)])?;
    filtered.extend(scores.into_iter().filter(|listed| listed.contexts.is_some()));
    let (name, reference) = match reference {
        Reference::Control => (CONTROL, control),
        Reference::Teacher => (TEACHER, named(TEACHER, &world.teacher)),
    };
    let study = Study { world, name, reference, none, filtered };

    let (keys, kinds): (Vec<u64>, _) = ((0..sizes.keys).collect(), study.kinds());
    let of_keys: Vec<Vec<Drawn>> = keys
        .into_par_iter()
        .map(|key| study.of_key(&mark(&profile, run, key), run << 32 | key, sizes.served))
        .collect::<Result<_>>()?;
    let cell = |(at, (suspect, test, reference, kind)): (usize, Tested)| {
        let drawn: Vec<Drawn> = of_keys.iter().map(|of_key| of_key[at]).collect();
        Cell::of_drawn(About { setting: setting.name, suspect, test, reference }, kind, &drawn)
    };
    Ok(kinds.into_iter().enumerate().map(cell).collect())
}

/// What the keys of a run share.
struct Study<'a> {
    world: &'a World,
    /// What centres the open test: its name and itself.
    name: &'static str,
    reference: NgramReference,
    none: SequenceSet,
    filtered: Vec<Listed>,
}

impl Study<'_> {
    /// In the order in which [`of_key`](Self::of_key) answers.
    fn kinds(&self) -> Vec<Tested> {
        let mut kinds: Vec<Tested> = (self.filtered.iter())
            .map(|listed| ("0 %", listed.test, listed.reference, Kind::Calibrated))
            .collect();
        kinds.push(("0 %, served text", "open-argmax", "", Kind::Calibrated));
        for suspect in ["0 %, served text", LISTING] {
            kinds.push((suspect, "open-mass", "", Kind::Calibrated));
            kinds.push((suspect, "open-paired", self.name, Kind::Calibrated));
        }
        for kind in [Kind::Calibrated, Kind::Invalid] {
            kinds.push((COPYING, "open-argmax", "", kind));
            kinds.push((COPYING, "open-mass", "", kind));
        }
        kinds
    }

    fn of_key(&self, mark: &Mark, number: u64, n_tokens: usize) -> Result<Vec<Drawn>> {
        let rule = mark.context_rule();
        let document = |n: usize| {
            let label = (Label::Served, (number as usize) << 12 | n);
            write_marked(&self.world.teacher, mark, SERVED_DOCUMENT_TOKENS, label)
        };
        let log: Documents =
            (0..n_tokens.div_ceil(SERVED_DOCUMENT_TOKENS)).map(document).collect::<Result<_>>()?;
        let mut rng = rng(Label::Ties, number as usize);
        let served = contexts(&log, self.world.width);
        let mut drawn: Vec<Drawn> = self
            .filtered
            .iter()
            .map(|listed| judge(mark, &listed.items, Some(&served), None, &mut rng))
            .collect();
        let read = |copies, lists| {
            Suspect { model: &self.world.innocent, copies, lists }.read(&log, self.world.width)
        };
        let mut judge_open = |items: &Items| judge(mark, items, None, Some(LARGEST_DIFFERENCE), &mut rng);

        let passages = read(0.0, MARKED_LISTS)?;
        let mixture = Mixture::new(vec![&self.reference as &dyn ReferenceModel], &passages)?
            .with_equal_shares(&passages)?;
        let whole =
            Open::new(rule, &passages, Origin::Marked, &self.none, Some(&mixture))?.context(LOG_PROBS)?;
        let lists = read(0.0, Lists::LikeliestAndObserved(LISTED))?;
        let lists =
            Open::new(rule, &lists, Origin::Marked, &self.none, Some(&mixture))?.context(LOG_PROBS)?;
        drawn.push(judge_open(&whole.argmax));
        for open in [whole, lists] {
            drawn.extend([&open.mass, &open.paired.context("a reference")?].map(&mut judge_open));
        }
        let passages = read(COPIES, MARKED_LISTS)?;
        let open = Open::new(rule, &passages, Origin::Marked, &self.none, None)?.context(LOG_PROBS)?;
        drawn.extend([&open.argmax, &open.mass].map(&mut judge_open));
        // What is invalid here: every position counts.
        let open = Open::new(rule, &passages, Origin::KeyFree, &self.none, None)?.context(LOG_PROBS)?;
        drawn.extend([&open.argmax, &open.mass].map(|items| judge(mark, items, None, None, &mut rng)));
        Ok(drawn)
    }
}

/// One statistic under one key, as a report has it: of coefficients that are all 1 the exact tail, randomised, else the
/// saddlepoint; and the proven bound, with bets scaled by `scale` or by the largest coefficient.
pub(super) fn judge(
    mark: &Mark,
    items: &Items,
    contexts: Option<&SequenceSet>,
    scale: Option<f64>,
    rng: &mut ChaCha8Rng,
) -> Drawn {
    let (law, statistic) = (mark.law(), Statistic::new(items));
    let mut sum = LinearSum::default();
    statistic.sum(mark, contexts).iter().for_each(|channel| sum.merge(channel));
    let (n, t) = (sum.n(), sum.statistic(law));
    let atoms = sum.atoms();
    if atoms.keys().all(|&coefficient| coefficient == Coefficient::ONE) {
        let null = Null::new(law, n);
        return Drawn {
            n,
            z: null.z(t).unwrap_or_default(),
            ln_p: Some(ln_randomized(law, n, t, rng)),
            ln_bound: -null.ln_e(t).max(0.0),
        };
    }
    let null = LinearNull::new(law, &sum);
    let z = null.z(t).unwrap_or_default();
    // A sum that is hardly above its mean is far from any level, and its bound takes as long as all the rest.
    let ln_e = if z < LEAST_Z { 0.0 } else { null.ln_e(t, scale.unwrap_or_else(|| statistic.scale())) };
    Drawn { n, z, ln_p: null.ln_p_approx(t), ln_bound: -ln_e.max(0.0) }
}

const LISTING: &str = "0 %, served text, lists of 5 and the token that came";
const COPYING: &str = "copies repeats, served text";
const LOG_PROBS: &str = "passages with log-probs";

/// No difference of probabilities exceeds this: what bets on text that carries the mark are scaled by.
const LARGEST_DIFFERENCE: f64 = 1.0;

/// The least z of a sum whose bound is computed.
const LEAST_Z: f64 = 1.0;

/// How many tokens a short list holds.
const LISTED: usize = 5;

/// What a suspect lists of marked text: lists of one length, and the token that came, as servers give them.
const MARKED_LISTS: Lists = Lists::LikeliestAndObserved(64);

/// The share of its probability that a suspect gives to what it copies.
pub(super) const COPIES: f64 = 0.5;

/// Tokens of a served document: long enough that contexts come again.
const SERVED_DOCUMENT_TOKENS: usize = 300;
