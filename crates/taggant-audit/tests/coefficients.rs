//! The coefficients of the score and of the open statistics, against their definitions, position by position.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use taggant::reader::ContextRule;
use taggant::{ContextWidth, TokenId};
use taggant_audit::{ContextWeight, Error, Mixture, Open, Passage, ReferenceModel, Score};
use taggant_corpus::LnRow;
use taggant_verify::audit_result::{Origin, ReferenceKind};
use taggant_verify::{Items, SequenceSet};

/// A model of few tokens whose rows depend on the last token alone.
#[derive(Debug)]
struct Toy {
    name: &'static str,
    /// For each last token the probabilities of the next.
    rows: Vec<Vec<f64>>,
    /// How many of a row's tokens it lists.
    top: usize,
}

const VOCABULARY: usize = 5;

impl Toy {
    fn row(&self, last: TokenId) -> LnRow {
        let row = &self.rows[last as usize];
        let mut order: Vec<usize> = (0..VOCABULARY).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
        order.truncate(self.top);
        let ids = order.iter().map(|&at| at as TokenId).collect();
        LnRow::new(ids, order.iter().map(|&at| row[at].ln() as f32).collect()).unwrap()
    }
}

impl ReferenceModel for Toy {
    fn name(&self) -> &str {
        self.name
    }

    fn kind(&self) -> ReferenceKind {
        ReferenceKind::LogProbs
    }

    fn rows(&self, passage: &Passage, _least_p: f64) -> Result<Vec<Option<LnRow>>, Error> {
        let row = |at: usize| at.checked_sub(1).map(|before| self.row(passage.tokens[before]));
        Ok((0..passage.tokens.len()).map(row).collect())
    }
}

fn toys(top: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Toy> {
    let row = prop::collection::vec(0.05..1.0_f64, VOCABULARY).prop_map(|row| {
        let sum: f64 = row.iter().sum();
        row.into_iter().map(|p| p / sum).collect::<Vec<f64>>()
    });
    (prop::collection::vec(row, VOCABULARY), top).prop_map(|(rows, top)| Toy { name: "toy", rows, top })
}

fn documents() -> impl Strategy<Value = Vec<Passage>> {
    let tokens = || prop::collection::vec(0..VOCABULARY as TokenId, 0..30);
    let passage = (tokens(), prop::option::of(prop::collection::vec(0..VOCABULARY as TokenId, 0..6)));
    prop::collection::vec(passage, 1..5).prop_map(|passages| {
        let passage = |(n, (tokens, prompt)): (usize, (Vec<TokenId>, Option<Vec<TokenId>>))| {
            let mut passage = Passage::of_tokens(n.to_string(), tokens);
            passage.prompt = prompt;
            passage
        };
        passages.into_iter().enumerate().map(passage).collect()
    })
}

fn rule(width: u64) -> ContextRule {
    ContextRule::completion(ContextWidth::new(width).unwrap())
}

fn excluded(passages: &[Passage], width: usize) -> SequenceSet {
    let mut contexts = SequenceSet::new(width);
    passages.iter().filter_map(|passage| passage.prompt.as_ref()).for_each(|it| contexts.add_windows(it));
    contexts
}

type Sums = BTreeMap<Vec<TokenId>, f64>;

/// What a sum over positions gives, as a coefficient that is not 0.
fn check(items: &Items, sums: &Sums, what: &str) -> Result<(), TestCaseError> {
    let found: Sums = items
        .ngrams()
        .iter()
        .map(<[TokenId]>::to_vec)
        .zip(items.coefficients().iter().map(|a| a.value()))
        .collect();
    prop_assert_eq!(found.len(), items.coefficients().len(), "{}: n-grams are distinct", what);
    let keys: BTreeSet<_> = found.keys().chain(sums.keys()).collect();
    for key in keys {
        let (a, b) = (found.get(key).copied().unwrap_or(0.0), sums.get(key).copied().unwrap_or(0.0));
        // Half a unit of the coefficient's grid, and what an f32 logarithm rounds away.
        prop_assert!((a - b).abs() < 0.5 / 65536.0 + 1e-5, "{}: {:?}: {} and {}", what, key, a, b);
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_score_is_counts_less_expectations(passages in documents(), toy in toys(VOCABULARY..=VOCABULARY), width in 1..3_usize) {
        let excluded = excluded(&passages, width);
        let mixture = Mixture::new(vec![&toy], &passages).unwrap();
        let mut score = Score::new(rule(width as u64), &passages, &excluded, &mixture).unwrap();
        let (mut plain, mut positions) = (Sums::new(), BTreeMap::<Vec<TokenId>, f64>::new());
        for passage in &passages {
            for window in passage.tokens.windows(width + 1) {
                let (context, token) = (&window[..width], window[width]);
                if excluded.contains(context) {
                    continue;
                }
                *positions.entry(context.to_vec()).or_default() += 1.0;
                for v in 0..VOCABULARY as TokenId {
                    let p = toy.rows[context[width - 1] as usize][v as usize];
                    let ngram = [context, &[v]].concat();
                    *plain.entry(ngram).or_default() += f64::from(u8::from(v == token)) - p;
                }
            }
        }
        check(&score.items(ContextWeight::Plain).unwrap(), &plain, "plain")?;
        let rooted = plain.iter().map(|(ngram, a)| (ngram.clone(), a / positions[&ngram[..width]].sqrt())).collect();
        check(&score.items(ContextWeight::InverseRoot).unwrap(), &rooted, "rooted")?;
        prop_assert_eq!(score.positions() as f64, positions.values().sum::<f64>());
    }

    #[test]
    fn open_sums_are_those_of_the_positions_that_count(
        passages in documents(),
        suspect in toys(1..=VOCABULARY),
        reference in toys(1..=VOCABULARY),
        is_marked in any::<bool>(),
    ) {
        let width = 2;
        let excluded = excluded(&passages, width);
        let read = |passage: &Passage| {
            Passage { log_probs: Some(suspect.rows(passage, 0.0).unwrap()), ..passage.clone() }
        };
        let passages: Vec<Passage> = passages.iter().map(read).collect();
        let origin = if is_marked { Origin::Marked } else { Origin::KeyFree };
        let mixture = Mixture::new(vec![&reference], &passages).unwrap();
        let open = Open::new(rule(2), &passages, origin, &excluded, Some(&mixture)).unwrap().unwrap();
        let (mut mass, mut paired, mut argmax) = (Sums::new(), Sums::new(), Sums::new());
        let (mut kept, mut of_corpus) = (0, BTreeSet::<Vec<TokenId>>::new());
        for passage in &passages {
            let prompt = passage.prompt.clone().unwrap_or_default();
            let all = [&prompt[..], &passage.tokens[..]].concat();
            for at in width..passage.tokens.len() {
                let context = &passage.tokens[at - width..at];
                let place = prompt.len() + at;
                // Every window of the document that ends before this position.
                let is_repeated = (width..place).any(|end| &all[end - width..end] == context);
                let is_first = !is_repeated && !of_corpus.contains(context);
                if excluded.contains(context) || (is_marked && !is_first) {
                    continue;
                }
                kept += 1;
                let (s, r) = (suspect.row(context[width - 1]), reference.row(context[width - 1]));
                for v in 0..VOCABULARY as TokenId {
                    let ngram = [context, &[v]].concat();
                    if let Some(p) = s.p(v) {
                        *mass.entry(ngram.clone()).or_default() += p;
                    }
                    let difference = match (s.p(v), r.p(v)) {
                        (Some(p), Some(q)) => p - q,
                        (Some(p), None) => p - p.min(r.unlisted_bound()),
                        (None, Some(q)) => q.min(s.unlisted_bound()) - q,
                        (None, None) => 0.0,
                    };
                    *paired.entry(ngram).or_default() += difference;
                }
                if let Some(v) = s.most_likely() {
                    argmax.insert([context, &[v]].concat(), 1.0);
                }
            }
            all.windows(width).for_each(|window| { of_corpus.insert(window.to_vec()); });
        }
        prop_assert_eq!(open.counts.kept, kept);
        check(&open.mass, &mass, "mass")?;
        check(&open.argmax, &argmax, "argmax")?;
        check(open.paired.as_ref().unwrap(), &paired, "paired")?;
    }

    #[test]
    fn shares_of_a_mixture_are_of_greatest_likelihood(passages in documents(), a in toys(3..=VOCABULARY), b in toys(3..=VOCABULARY)) {
        let mixture = Mixture::new(vec![&a, &b], &passages).unwrap();
        let shares: Vec<f64> = mixture.parts().iter().map(|part| part.share).collect();
        prop_assert!((shares[0] + shares[1] - 1.0).abs() < 1e-9);
        let p = |toy: &Toy, last: TokenId, token: TokenId| {
            let row = toy.row(last);
            row.p(token).unwrap_or_else(|| (row.unlisted_mass() / 4096.0).min(row.unlisted_bound())).max(1e-12)
        };
        let likelihood = |share: f64| -> f64 {
            let pairs = passages.iter().flat_map(|passage| passage.tokens.windows(2));
            pairs.map(|it| (share * p(&a, it[0], it[1]) + (1.0 - share) * p(&b, it[0], it[1])).ln()).sum()
        };
        let best = (0..=50).map(|step| likelihood(f64::from(step) / 50.0)).fold(f64::NEG_INFINITY, f64::max);
        // A share below 1 % is dropped, and a hundred rounds end near the top.
        prop_assert!(likelihood(shares[0]) >= best - 0.2 - 0.02 * best.abs(), "{} {best}", likelihood(shares[0]));
    }
}
