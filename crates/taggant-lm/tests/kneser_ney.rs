//! The model against its formula, written out over hash maps.

#![allow(clippy::unwrap_used, reason = "a failed helper of a test is a failed test")]

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use taggant_lm::{BOUNDARY, Error, KneserNey, MAX_ORDER};

/// The formula of [`KneserNey`], term by term.
struct Oracle {
    order: usize,
    vocab_size: usize,
    /// For each level, `c(h w)` by `h w`. Level 0 is empty.
    counts: Vec<HashMap<Vec<u32>, u32>>,
    discounts: Vec<[f64; 3]>,
}

impl Oracle {
    fn train(documents: &[Vec<u32>], order: usize, vocab_size: usize) -> Self {
        let mut counts = vec![HashMap::new(); order + 1];
        // The distinct sequences of each length that end in a token of a document.
        let mut seen = vec![HashSet::new(); order + 1];
        for document in documents {
            let mut padded = vec![BOUNDARY; order - 1];
            padded.extend(document);
            for end in order..=padded.len() {
                *counts[order].entry(padded[end - order..end].to_vec()).or_default() += 1;
                for length in 1..=order {
                    seen[length].insert(padded[end - length..end].to_vec());
                }
            }
        }
        for level in 1..order {
            for longer in &seen[level + 1] {
                *counts[level].entry(longer[1..].to_vec()).or_default() += 1;
            }
        }
        let discounts = counts.iter().map(Self::discounts).collect();
        Self { order, vocab_size, counts, discounts }
    }

    fn discounts(counts: &HashMap<Vec<u32>, u32>) -> [f64; 3] {
        let n = |j: u32| counts.values().filter(|count| **count == j).count() as f64;
        if (1..=4).any(|j| n(j) == 0.0) {
            return [0.5, 1.0, 1.5];
        }
        let y = n(1) / (n(1) + 2.0 * n(2));
        let discounts =
            [1.0 - 2.0 * y * n(2) / n(1), 2.0 - 3.0 * y * n(3) / n(2), 3.0 - 4.0 * y * n(4) / n(3)];
        if discounts.iter().all(|discount| *discount > 0.0) { discounts } else { [0.5, 1.0, 1.5] }
    }

    fn probability(&self, history: &[u32], token: u32) -> f64 {
        let mut padded = vec![BOUNDARY; self.order - 1];
        padded.extend(history);
        self.level(&padded[padded.len() + 1 - self.order..], token)
    }

    fn level(&self, h: &[u32], token: u32) -> f64 {
        let level = h.len() + 1;
        let shorter = if h.is_empty() { 1.0 / self.vocab_size as f64 } else { self.level(&h[1..], token) };
        let c = |token| *self.counts[level].get(&[h, &[token]].concat()).unwrap_or(&0);
        let d = |c: u32| if c == 0 { 0.0 } else { self.discounts[level][c.min(3) as usize - 1] };
        let tokens = 0..self.vocab_size as u32;
        let total: f64 = tokens.clone().map(|token| f64::from(c(token))).sum();
        if total == 0.0 {
            return shorter;
        }
        let g = tokens.map(|token| d(c(token))).sum::<f64>() / total;
        (f64::from(c(token)) - d(c(token))).max(0.0) / total + g * shorter
    }
}

fn check_against_oracle(documents: &[Vec<u32>], order: usize, vocab_size: usize, histories: &[Vec<u32>]) {
    let oracle = Oracle::train(documents, order, vocab_size);
    let model = KneserNey::train(documents, order, vocab_size).unwrap();
    assert_eq!((model.order(), model.vocab_size()), (order, vocab_size));

    // Every history of the training text, too.
    let prefixes = documents.iter().flat_map(|document| (0..=document.len()).map(|end| &document[..end]));
    for history in prefixes.chain(histories.iter().map(Vec::as_slice)) {
        let ln_ps = model.log_probs(history).unwrap();
        let mut row = vec![f32::NAN; vocab_size];
        model.logits_into(history, &mut row).unwrap();
        for token in 0..vocab_size as u32 {
            let at = format!("order {order}, {documents:?}, after {history:?}, token {token}");
            let expected = oracle.probability(history, token).ln();
            let ln_p = ln_ps[token as usize];
            // Up to 13 levels of a few operations each, on both sides, and one logarithm or 14.
            assert!((ln_p - expected).abs() < 1e-12, "{at}: {ln_p}, expected {expected}");
            assert_eq!(model.ln_prob(history, token).unwrap(), ln_p, "{at}");
            // Two roundings of numbers below 32, 2e-6 apart.
            assert!((f64::from(row[token as usize]) - ln_p).abs() < 3e-6, "{at}");
        }
        // Sums of at most 8 numbers; 1e-12 is what the model promises at any size.
        let sum: f64 = ln_ps.iter().map(|ln_p| ln_p.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12, "order {order}, {documents:?}, after {history:?}: {sum}");
    }
}

proptest! {
    #[test]
    fn model_is_the_formula(
        vocab_size in 1_usize..=8,
        order in 1..=MAX_ORDER,
        documents in proptest::collection::vec(proptest::collection::vec(0_u32..8, 0..40), 0..6),
        histories in proptest::collection::vec(proptest::collection::vec(0_u32..8, 0..16), 4),
    ) {
        let fold = |lists: Vec<Vec<u32>>| -> Vec<Vec<u32>> {
            let fold_list = |list: Vec<u32>| list.into_iter().map(|token| token % vocab_size as u32).collect();
            lists.into_iter().map(fold_list).collect()
        };
        check_against_oracle(&fold(documents), order, vocab_size, &fold(histories));
    }

    /// Skewed tokens, so that the discounts of most levels can be estimated.
    #[test]
    fn model_is_the_formula_where_counts_vary(
        order in 2_usize..=4,
        document in proptest::collection::vec(
            proptest::sample::select(vec![0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5]), 60..120),
    ) {
        check_against_oracle(&[document], order, 7, &[]);
    }
}

#[test]
fn documents_do_not_see_each_other() {
    let model = KneserNey::train(&[[1, 2], [3, 4]], 2, 5).unwrap();
    let (after_boundary, after_2) = (model.ln_prob(&[], 3).unwrap(), model.ln_prob(&[2], 3).unwrap());
    assert!(after_boundary > after_2, "{after_boundary} {after_2}");
}

#[test]
fn only_the_last_tokens_of_a_history_count() {
    let model = KneserNey::train(&[[1, 2, 3, 1, 2, 4]], 3, 5).unwrap();
    assert_eq!(model.log_probs(&[4, 4, 1, 2]).unwrap(), model.log_probs(&[1, 2]).unwrap());
    // Tokens that are not read are not checked either.
    assert_eq!(model.log_probs(&[99, 1, 2]).unwrap(), model.log_probs(&[1, 2]).unwrap());
    assert_eq!(model.log_probs(&[1]).unwrap(), model.log_probs(&[BOUNDARY, 1]).unwrap());
}

#[test]
fn no_text_gives_the_uniform_distribution() {
    for documents in [vec![], vec![vec![], vec![]]] {
        let documents: Vec<Vec<u32>> = documents;
        let model = KneserNey::train(&documents, 4, 8).unwrap();
        assert_eq!(model.log_probs(&[1, 2, 3, 4]).unwrap(), vec![0.125_f64.ln(); 8]);
    }
}

#[test]
fn vocabulary_of_one_token_is_certain() {
    let model = KneserNey::train(&[[0, 0, 0]], 3, 1).unwrap();
    assert!(model.ln_prob(&[0], 0).unwrap().abs() < 1e-15);
}

#[test]
fn perplexity_is_that_of_the_tokens() {
    let model = KneserNey::train(&[[1, 2, 3, 1, 2, 4]], 3, 5).unwrap();
    let ln_likelihood = model.ln_prob(&[], 1).unwrap()
        + model.ln_prob(&[1], 2).unwrap()
        + model.ln_prob(&[1, 2], 3).unwrap()
        + model.ln_prob(&[], 4).unwrap();
    let perplexity = model.perplexity(&[&[1, 2, 3][..], &[], &[4]]).unwrap();
    assert!((perplexity - (-ln_likelihood / 4.0).exp()).abs() < 1e-12, "{perplexity}");
}

#[test]
fn training_twice_gives_the_same_rows() {
    let text: Vec<u32> = (0..5_000_u32).map(|index| (index * index / 7) % 50).collect();
    let [first, second] = [(); 2].map(|()| KneserNey::train(&[&text], 4, 50).unwrap());
    for end in 0..200 {
        let [first, second] = [&first, &second].map(|model| model.log_probs(&text[..end]).unwrap());
        assert_eq!(first, second, "after {end} tokens");
    }
}

#[test]
fn model_can_be_shared_by_threads() {
    fn check<T: Send + Sync + Clone + std::fmt::Debug>() {}
    check::<KneserNey>();
}

#[test]
fn debug_output_is_short() {
    let model = KneserNey::train(&[[1, 2]], 2, 5).unwrap();
    assert_eq!(format!("{model:?}"), "KneserNey { order: 2, vocab_size: 5, n_contexts: 3, .. }");
}

fn check_error(error: &Error, is_misuse: bool, unknown_token: Option<u32>, message: &str) {
    assert_eq!(error.to_string(), message);
    assert_eq!(error.is_misuse(), is_misuse, "{message}");
    assert_eq!(error.unknown_token(), unknown_token, "{message}");
}

#[test]
fn misuse_is_an_error() {
    for (order, found) in [(0, "0"), (15, "15")] {
        let error = KneserNey::train(&[[1]], order, 5).unwrap_err();
        check_error(&error, true, None, &format!("expected an order of 1 to 14, found {found}"));
    }
    let error = KneserNey::train(&[[1]], 2, 0).unwrap_err();
    check_error(&error, true, None, "expected a vocabulary of at least one token, found none");

    let model = KneserNey::train(&[[1]], 2, 5).unwrap();
    for len in [0, 4, 6] {
        let error = model.logits_into(&[1], &mut vec![0.0; len]).unwrap_err();
        let message = format!("expected a row of 5 logits, one per token of the vocabulary, found {len}");
        check_error(&error, true, None, &message);
    }
}

#[test]
fn token_outside_the_vocabulary_is_an_error() {
    let error = KneserNey::train(&[vec![1], vec![4, 5, 6]], 2, 5).unwrap_err();
    check_error(&error, false, Some(5), "expected token ids below 5, found 5 at position 1");

    let model = KneserNey::train(&[[1, 2, 3]], 3, 5).unwrap();
    let message = "expected token ids below 5, found 7 at position 3";
    check_error(&model.log_probs(&[1, 1, 1, 7]).unwrap_err(), false, Some(7), message);
    check_error(&model.logits_into(&[1, 1, 1, 7, 1], &mut [0.0; 5]).unwrap_err(), false, Some(7), message);
    check_error(&model.ln_prob(&[1, 1, 1, 7], 2).unwrap_err(), false, Some(7), message);
    check_error(&model.perplexity(&[[1, 1, 1, 7]]).unwrap_err(), false, Some(7), message);
    let message = "expected token ids below 5, found 4294967295 at position 0";
    check_error(&model.ln_prob(&[1], u32::MAX).unwrap_err(), false, Some(u32::MAX), message);
}

#[test]
fn perplexity_of_nothing_is_an_error() {
    let model = KneserNey::train(&[[1]], 2, 5).unwrap();
    let message = "expected at least one token to measure the perplexity of, found none";
    check_error(&model.perplexity(&[[]; 2] as &[[u32; 0]]).unwrap_err(), false, None, message);
}
