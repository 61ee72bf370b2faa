//! De-duplication against a set of vectors, and that neither order nor grouping of the documents matters.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::collections::HashMap;

use common::{corpus, green, gumbel, mark, profile, report, served};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taggant::TokenId;
use taggant::reader::ContextRule;
use taggant::{ContextWidth, Mark};
use taggant_verify::{Corpus, Evidence, Report};

/// Documents over 4 tokens, some empty and some shorter than any context: repeats everywhere.
fn documents() -> impl Strategy<Value = Vec<Vec<TokenId>>> {
    prop::collection::vec(prop::collection::vec(0_u32..4, 0..40), 0..8)
}

/// The n-grams of each document with how often they occur, counted the slow way.
fn multiplicities(documents: &[Vec<TokenId>], ngram_len: usize) -> HashMap<Vec<TokenId>, u64> {
    let mut counts = HashMap::new();
    for document in documents {
        for end in ngram_len..=document.len() {
            *counts.entry(document[end - ngram_len..end].to_vec()).or_insert(0) += 1;
        }
    }
    counts
}

fn rule(width: u64) -> ContextRule {
    ContextRule::completion(ContextWidth::new(width).unwrap())
}

fn settings() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(0x7461_6767), failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn the_corpus_holds_each_ngram_once_and_counts_every_token(documents in documents(), width in 1_u64..6) {
        let ngram_len = width as usize + 1;
        let oracle = multiplicities(&documents, ngram_len);
        let mut corpus = Corpus::new(rule(width));
        documents.iter().for_each(|document| corpus.add(document));

        let mut found: Vec<Vec<TokenId>> = corpus.ngrams().iter().map(<[TokenId]>::to_vec).collect();
        let mut expected: Vec<Vec<TokenId>> = oracle.keys().cloned().collect();
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);

        let counts = corpus.counts();
        let tokens: usize = documents.iter().map(Vec::len).sum();
        let scored: usize = documents.iter().map(|d| d.len().saturating_sub(width as usize)).sum();
        prop_assert_eq!(counts.documents, documents.len() as u64);
        prop_assert_eq!(counts.tokens, tokens as u64);
        prop_assert_eq!(counts.scored, scored as u64);
        prop_assert_eq!(counts.distinct, oracle.len() as u64);
        prop_assert_eq!(counts.tokens, counts.distinct + counts.dropped.values().sum::<u64>());
        prop_assert_eq!(counts.dropped["short-context"], (tokens - scored) as u64);
        prop_assert_eq!(counts.dropped["duplicate"], (scored - oracle.len()) as u64);

        let sum = |power: u32| oracle.values().map(|m| m.pow(power)).sum::<u64>() as f64;
        let inflation = if oracle.is_empty() { 1.0 } else { sum(2) / sum(1) };
        // Sums of small whole numbers are exact in f64, whatever their order.
        prop_assert_eq!(corpus.variance_inflation(), inflation);
    }

    #[test]
    fn the_order_of_documents_does_not_change_a_report(documents in documents(), turn in 0_usize..8) {
        let mut reordered = documents.clone();
        reordered.reverse();
        let turn = turn % reordered.len().max(1);
        reordered.rotate_left(turn);
        let mark = mark(&profile(gumbel(), 2), 1);
        if !corpus(&mark, &documents).ngrams().is_empty() {
            // Contexts of the first half of the documents count as served.
            let set = served(2, &documents[..documents.len() / 2]);
            prop_assert_eq!(report(&mark, &documents, Some(&set)), report(&mark, &reordered, Some(&set)));
        }
    }
}

#[test]
fn ngrams_never_cross_documents() {
    let mut corpus = Corpus::new(rule(2));
    [&[1, 2][..], &[3], &[], &[4, 5, 6]].into_iter().for_each(|document| corpus.add(document));
    assert_eq!(corpus.ngrams().iter().collect::<Vec<_>>(), [&[4, 5, 6]]);
    assert_eq!((corpus.counts().documents, corpus.counts().tokens), (4, 6));
}

#[test]
fn ngrams_come_in_order_of_first_occurrence() {
    let mut corpus = Corpus::new(rule(1));
    corpus.add(&[3, 1, 3, 1, 2]);
    corpus.add(&[1, 2, 0]);
    let found: Vec<_> = corpus.ngrams().iter().collect();
    assert_eq!(found, [&[3, 1], &[1, 3], &[1, 2], &[2, 0]]);
}

#[test]
fn an_empty_corpus_has_no_inflation_and_is_refused() {
    let mark = mark(&profile(gumbel(), 4), 1);
    for documents in [vec![], vec![vec![]], vec![vec![1, 2, 3, 4], vec![1]]] {
        let corpus = corpus(&mark, &documents);
        assert_eq!(corpus.variance_inflation(), 1.0);
        let verifier = taggant_verify::Verifier::new(&mark, taggant_verify::Plan::default()).unwrap();
        let refused = verifier
            .test(&Evidence::new(&corpus), common::subject(), &|_| unreachable!("nothing to read"))
            .unwrap_err();
        assert!(refused.is_nothing_to_score(), "{refused}");
    }
}

#[test]
fn a_repeated_document_adds_no_evidence() {
    let mark = mark(&profile(green("1/4", 2.0), 2), 7);
    let document: Vec<TokenId> = (0..500).map(|i| i * i % 97).collect();
    let once = report(&mark, std::slice::from_ref(&document), None);
    let often = report(&mark, &vec![document; 50], None);
    assert_eq!(once.tests, often.tests);
    assert!((often.calibration.variance_inflation - 50.0 * once.calibration.variance_inflation).abs() < 1e-9);
}

/// The decoys and the documents are spread over threads; one thread must write the same bytes as many.
#[test]
fn splitting_the_work_does_not_matter() {
    let profile = profile(gumbel(), 2);
    let mark = mark(&profile, 1);
    let documents: Vec<Vec<TokenId>> =
        (0..20).map(|n: u32| (0..300).map(|i: u32| (i * i + n * i) % 101).collect()).collect();
    let named: Vec<_> = documents.iter().enumerate().map(|(n, d)| (n.to_string(), d.clone())).collect();
    let run = |threads: usize| -> Report {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let plan = taggant_verify::Plan { decoys: 50, ..Default::default() };
            let verifier = taggant_verify::Verifier::new(&mark, plan).unwrap();
            let decoy = |n: u64| -> Box<dyn taggant::reader::Reader> { Box::new(decoy(&profile, n)) };
            let mut report =
                verifier.test(&Evidence::new(&corpus(&mark, &documents)), common::subject(), &decoy).unwrap();
            report.documents = Some(verifier.documents(&named));
            report
        })
    };
    let alone = run(1);
    assert_eq!(alone.to_json(), run(7).to_json());
    let verifier = taggant_verify::Verifier::new(&mark, taggant_verify::Plan::default()).unwrap();
    let one_by_one: Vec<_> = named.iter().map(|(id, d)| verifier.document(id.clone(), d)).collect();
    assert_eq!(alone.documents.unwrap(), one_by_one);
}

fn decoy(profile: &taggant::Profile, n: u64) -> Mark {
    mark(profile, 1000 + n)
}
