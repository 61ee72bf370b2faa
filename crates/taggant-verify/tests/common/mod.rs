//! What the suites share: toy models, texts that know no key, marks, and runs of the verifier.

#![allow(dead_code, reason = "each suite uses its own part")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use taggant::channel::Channel;
use taggant::reader::Reader;
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::{ContextWidth, Mark, Name, Profile, SamplingParams, Secret, TokenId};
use taggant_verify::{Corpus, Evidence, Plan, Report, SequenceSet, Subject, Verifier};

pub(crate) const EPOCH: &str = "2026q4";

pub(crate) fn green(gamma: &str, delta: f64) -> Scheme {
    Scheme::Green(GreenList::new(gamma.parse().unwrap(), delta).unwrap())
}

pub(crate) fn gumbel() -> Scheme {
    Scheme::Gumbel(GumbelMax::new())
}

pub(crate) fn tournament(depth: u64) -> Scheme {
    Scheme::Tournament(Tournament::new(depth).unwrap())
}

pub(crate) fn profile(scheme: Scheme, width: u64) -> Profile {
    Profile::new(scheme, ContextWidth::new(width).unwrap(), EPOCH).unwrap()
}

pub(crate) fn channel(name: &str, share: u16, accounts: bool) -> Channel {
    Channel { accounts, name: Name::new("channel name", name).unwrap(), share }
}

/// The bytes of secret `n`: as good as random, and the same in every run.
pub(crate) fn secret_bytes(n: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    ChaCha8Rng::seed_from_u64(n).fill_bytes(&mut bytes);
    bytes
}

pub(crate) fn mark(profile: &Profile, n: u64) -> Mark {
    Mark::new(&Secret::from_bytes(secret_bytes(n)), profile)
}

pub(crate) fn corpus(reader: &dyn Reader, documents: &[Vec<TokenId>]) -> Corpus {
    let mut corpus = Corpus::new(reader.context_rule());
    documents.iter().for_each(|document| corpus.add(document));
    corpus
}

pub(crate) fn served(width: usize, documents: &[Vec<TokenId>]) -> SequenceSet {
    let mut set = SequenceSet::new(width);
    documents.iter().for_each(|document| set.add_windows(document));
    set
}

pub(crate) fn subject() -> Subject {
    Subject {
        tool: "taggant 0.0.0-test".into(),
        dialect: "taggant-1".into(),
        profile_digest: "c577c53c55f96564bb207f019afa214001ed456f80de91448eb4a55f0b8afb34".into(),
        key_id: "0123456789abcdef".into(),
    }
}

/// A report without decoys.
pub(crate) fn report(
    reader: &dyn Reader,
    documents: &[Vec<TokenId>],
    served: Option<&SequenceSet>,
) -> Report {
    let plan = Plan { decoys: 0, columns: 0, ..Plan::default() };
    let verifier = Verifier::new(reader, plan).unwrap();
    let corpus = corpus(reader, documents);
    verifier.test(&evidence(&corpus, served), subject(), &|_| unreachable!("no decoys")).unwrap()
}

/// A text, with a filter if there is one.
pub(crate) fn evidence<'a>(corpus: &'a Corpus, served: Option<&'a SequenceSet>) -> Evidence<'a> {
    match served {
        Some(set) => Evidence::new(corpus).served(set),
        None => Evidence::new(corpus),
    }
}

/// Token counts after each token: a bigram model with integer weights, so that its draws are the same on every
/// platform.
pub(crate) struct Toy {
    weights: Vec<Vec<u32>>,
}

impl Toy {
    pub(crate) const VOCAB: u32 = 60;

    /// Weights from 1 to 1 + `peak`, most of them small: the fourth power of a uniform number.
    pub(crate) fn new(seed: u64, peak: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weight = || {
            let uniform = u64::from(rng.next_u32() % 100);
            (1 + peak * uniform.pow(4) / 100_000_000) as u32
        };
        let vocab = Self::VOCAB as usize;
        Self { weights: (0..vocab).map(|_| (0..vocab).map(|_| weight()).collect()).collect() }
    }

    /// One document that knows no key.
    pub(crate) fn unmarked(&self, seed: u64, n_tokens: usize) -> Vec<TokenId> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tokens = vec![rng.next_u32() % Self::VOCAB];
        while tokens.len() < n_tokens {
            let row = &self.weights[tokens[tokens.len() - 1] as usize];
            let mut left = rng.next_u32() % row.iter().sum::<u32>();
            let next = row.iter().position(|&weight| {
                let found = left < weight;
                left = left.wrapping_sub(weight);
                found
            });
            tokens.push(next.unwrap() as TokenId);
        }
        tokens
    }

    /// Documents sampled under a mark, at temperature 1.
    pub(crate) fn marked(
        &self,
        mark: &Mark,
        seed: u64,
        n_documents: u64,
        n_tokens: usize,
    ) -> Vec<Vec<TokenId>> {
        let params = SamplingParams::default();
        let logits: Vec<Vec<f32>> =
            self.weights.iter().map(|row| row.iter().map(|&w| f64::from(w).ln() as f32).collect()).collect();
        let document = |n: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed << 32 | n);
            let mut session = mark.session(n_tokens);
            session.accept(rng.next_u32() % Self::VOCAB);
            while session.tokens().len() < n_tokens {
                let last = session.tokens()[session.tokens().len() - 1];
                let mut row = logits[last as usize].clone();
                let token = session.sample(&mut row, &params, &mut rng).unwrap();
                session.accept(token);
            }
            session.tokens().to_vec()
        };
        (0..n_documents).map(document).collect()
    }
}

/// The mean and the standard deviation (n - 1) of a sample.
pub(crate) fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance.sqrt())
}
