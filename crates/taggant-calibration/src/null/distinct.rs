//! What a test sees of a text: its distinct inputs, and how often each occurs.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use taggant::TokenId;
use taggant::reader::{Input, Ngrams, Reader};
use taggant_verify::Corpus;

use super::vocabulary::Documents;

/// The distinct inputs of a text at one context width.
#[derive(Debug)]
pub(super) struct Distinct {
    /// How many.
    pub(super) n: u64,
    /// How many with repeats.
    pub(super) occurrences: u64,
    /// Each with its multiplicity, in groups of rising multiplicity and in order of the text within a group.
    pub(super) groups: Vec<(u64, Vec<Input>)>,
    /// Some of the n-grams themselves, for real keys.
    pub(super) sample: Sample,
}

/// N-grams chosen by their fingerprint, so from everywhere in the text and without a look at a key.
#[derive(Debug)]
pub(super) struct Sample {
    /// Laid end to end.
    pub(super) ngrams: Vec<TokenId>,
    pub(super) ngram_len: usize,
    /// How often each occurs in the text.
    pub(super) multiplicities: Vec<u64>,
}

impl Distinct {
    /// Reads documents. The inputs are those of `reader`; up to width 3 they do not depend on its key.
    ///
    /// # Errors
    /// When counting every occurrence finds another number of distinct inputs than the corpus that the tests are
    /// given.
    pub(super) fn new(documents: &Documents, reader: &dyn Reader, n_sample: usize) -> Result<Self> {
        let mut corpus = Corpus::new(reader.context_rule());
        documents.iter().for_each(|document| corpus.add(document));
        let ngrams = corpus.ngrams();
        let mut inputs = vec![Input::default(); ngrams.len()];
        reader.inputs(ngrams, &mut inputs);

        let mut multiplicity_of: HashMap<Input, u64> = HashMap::with_capacity(inputs.len());
        for document in documents {
            let windows = Ngrams::windows(document, ngrams.ngram_len());
            let mut occurring = vec![Input::default(); windows.len()];
            reader.inputs(windows, &mut occurring);
            occurring.into_iter().for_each(|input| *multiplicity_of.entry(input).or_default() += 1);
        }
        let n = inputs.len() as u64;
        ensure!(multiplicity_of.len() as u64 == n, "{} inputs, and {n} in the corpus", multiplicity_of.len());
        let multiplicities: Vec<u64> = inputs.iter().map(|input| multiplicity_of[input]).collect();
        let occurrences = multiplicities.iter().sum();
        ensure!(occurrences == corpus.counts().scored, "each occurrence is a scored token");
        let sample = Sample::new(ngrams, &multiplicities, n_sample);
        Ok(Self { n, occurrences, groups: groups(inputs, &multiplicities), sample })
    }

    /// How many inputs have each multiplicity.
    pub(super) fn weights(&self) -> Vec<(u64, u64)> {
        self.groups.iter().map(|(multiplicity, inputs)| (*multiplicity, inputs.len() as u64)).collect()
    }

    /// By how much the repeats would inflate the variance: sum m^2 / sum m.
    pub(super) fn variance_inflation(&self) -> f64 {
        let squares: u64 = self.weights().iter().map(|(m, n)| m * m * n).sum();
        squares as f64 / self.occurrences as f64
    }
}

impl Sample {
    fn new(ngrams: Ngrams<'_>, multiplicities: &[u64], n_sample: usize) -> Self {
        let mut order: Vec<(u64, usize)> =
            ngrams.iter().enumerate().map(|(at, ngram)| (fingerprint(ngram), at)).collect();
        order.sort_unstable();
        order.truncate(n_sample);
        Self {
            ngrams: order.iter().flat_map(|&(_, at)| ngrams.ngram(at)).copied().collect(),
            ngram_len: ngrams.ngram_len(),
            multiplicities: order.iter().map(|&(_, at)| multiplicities[at]).collect(),
        }
    }

    /// How many.
    pub(super) fn n(&self) -> u64 {
        self.multiplicities.len() as u64
    }

    /// How many n-grams have each multiplicity, ascending.
    pub(super) fn weights(&self) -> Vec<(u64, u64)> {
        let mut sorted = self.multiplicities.clone();
        sorted.sort_unstable();
        sorted.chunk_by(|a, b| a == b).map(|chunk| (chunk[0], chunk.len() as u64)).collect()
    }
}

fn groups(inputs: Vec<Input>, multiplicities: &[u64]) -> Vec<(u64, Vec<Input>)> {
    let mut of: HashMap<u64, Vec<Input>> = HashMap::new();
    for (input, &multiplicity) in inputs.into_iter().zip(multiplicities) {
        of.entry(multiplicity).or_default().push(input);
    }
    let mut groups: Vec<_> = of.into_iter().collect();
    groups.sort_unstable_by_key(|(multiplicity, _)| *multiplicity);
    groups
}

/// A mix of the ids that has nothing to do with the pseudorandom function: splitmix64, id by id.
fn fingerprint(ngram: &[TokenId]) -> u64 {
    ngram.iter().fold(0, |state: u64, &id| {
        let mut z = (state ^ u64::from(id)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
