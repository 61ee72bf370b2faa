//! A foreign mark behind the verifier: what to write so that text of another watermark can be tested.
//!
//! The mark here is a toy of a common family. The context is the last four tokens; a keyed hash picks one of them, the
//! anchor; a token is green if a keyed hash of (anchor, token) says so, with chance 1/4. To plug in a real mark you
//! would reproduce its own hash bit for bit and check it against outputs of the original.
//!
//! Everything after the reader is the same for every mark: de-duplication, exact tails, decoys, the report.
//!
//! ```text
//! cargo run -p taggant-examples --example own_reader
//! ```

use std::error::Error;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use taggant::channel::Channel;
use taggant::law::Law;
use taggant::reader::{ContextRule, Identity, Input, Ngrams, Reader, Reading};
use taggant::{ContextWidth, Name, TokenId};
use taggant_verify::render::table;
use taggant_verify::{Corpus, Evidence, Plan, Subject, Verdict, Verifier};

/// The foreign mark under one key.
#[derive(Debug)]
struct MinHash {
    key: u64,
    channels: [Channel; 1],
}

impl MinHash {
    fn new(key: u64) -> Result<Self, taggant::Error> {
        let name = Name::new("channel name", "all")?;
        Ok(Self { key, channels: [Channel { accounts: false, name, share: 256 }] })
    }

    /// The context token with the smallest hash.
    fn anchor(&self, context: &[TokenId]) -> TokenId {
        let anchor = context.iter().copied().min_by_key(|&token| hash(self.key, ANCHOR, token.into()));
        anchor.expect("a context holds four tokens")
    }

    fn is_green(&self, anchor: TokenId, token: TokenId) -> bool {
        hash(self.key, VALUE, u64::from(anchor) << 32 | u64::from(token)) < GREEN_BELOW
    }
}

impl Reader for MinHash {
    /// Four completion tokens, and nothing is scored before there are so many.
    fn context_rule(&self) -> ContextRule {
        ContextRule::completion(ContextWidth::new(WIDTH).expect("4 is from 1 to 12"))
    }

    /// Two n-grams whose contexts have one anchor share their input, and the key decides which do. To call this
    /// `Ngram` would count one coin several times, and p-values would be far too small.
    fn identity(&self) -> Identity {
        Identity::Keyed
    }

    /// What a value is when the key is independent of the text: a coin that gives 1 once in four.
    fn law(&self) -> Law {
        Law::Bernoulli { numerator: 1, denominator: 4 }
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// What the value depends on, and nothing more: it is counted once, however often it occurs.
    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        assert_eq!(ngrams.len(), inputs.len(), "one input for each n-gram");
        for (input, ngram) in inputs.iter_mut().zip(ngrams.iter()) {
            let (token, context) = ngram.split_last().expect("an n-gram ends in the scored token");
            *input = Input(u128::from(self.anchor(context)) << 32 | u128::from(*token));
        }
    }

    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]) {
        assert_eq!(ngrams.len(), readings.len(), "one reading for each n-gram");
        for (reading, ngram) in readings.iter_mut().zip(ngrams.iter()) {
            let (token, context) = ngram.split_last().expect("an n-gram ends in the scored token");
            let value = self.is_green(self.anchor(context), *token).into();
            *reading = Reading { channel: 0, bucket: 0, value };
        }
    }
}

/// Marks text with the toy and tests it with two keys.
pub fn main() -> Result<(), Box<dyn Error>> {
    let right = MinHash::new(17)?;
    let texts: Vec<Vec<TokenId>> = (0..10).map(|seed| write(&right, seed)).collect();

    assert_eq!(verify("right key", &right, &texts)?, Verdict::Evidence);
    assert_ne!(verify("wrong key", &MinHash::new(18)?, &texts)?, Verdict::Evidence);
    Ok(())
}

/// Tests the texts: the same lines as for any other mark.
fn verify(what: &str, reader: &MinHash, texts: &[Vec<TokenId>]) -> Result<Verdict, Box<dyn Error>> {
    let mut corpus = Corpus::new(reader.context_rule());
    texts.iter().for_each(|tokens| corpus.add(tokens));
    let verifier = Verifier::new(reader, Plan { decoys: 100, ..Plan::default() })?;
    let subject = Subject {
        tool: "own_reader example".into(),
        dialect: "example-min-hash".into(),
        profile_digest: String::new(),
        key_id: String::new(),
    };
    // Keys that nobody uses: they show that values under a fresh key follow the law that was stated above. A law or an
    // identity that is wrong shows here, as the verdict `invalid`.
    let decoy = |n| -> Box<dyn Reader> {
        Box::new(MinHash::new(hash(DECOYS, VALUE, n)).expect("the channel's name is a name"))
    };
    let report = verifier.test(&Evidence::new(&corpus), subject, &decoy)?;
    println!("{what}");
    let table = table(&report);
    for line in table.lines().filter(|line| line.starts_with("verdict") || line.contains("calibration")) {
        println!("  {line}");
    }
    let test = &report.tests[0];
    println!(
        "  {} of {} green, {} by chance, z = {:.1}\n",
        test.statistic,
        test.n,
        test.null_mean,
        test.z.unwrap_or(0.0)
    );
    Ok(report.verdict)
}

/// A marked text: of two candidates the first that is green.
fn write(mark: &MinHash, seed: u64) -> Vec<TokenId> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tokens: Vec<TokenId> = Vec::new();
    for _ in 0..200 {
        let candidates = [rng.next_u32() % 1000, rng.next_u32() % 1000];
        let context = &tokens[tokens.len().saturating_sub(WIDTH as usize)..];
        let green = match context.len() {
            4 => candidates.into_iter().find(|&token| mark.is_green(mark.anchor(context), token)),
            _ => None,
        };
        tokens.push(green.unwrap_or(candidates[0]));
    }
    tokens
}

/// A keyed hash: the finalizer of SplitMix64, twice. Good enough for a toy; a real mark has its own.
fn hash(key: u64, purpose: u64, message: u64) -> u64 {
    let mix = |mut x: u64| {
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    };
    mix(mix(key ^ purpose).wrapping_add(0x9e37_79b9_7f4a_7c15) ^ mix(message.wrapping_add(purpose)))
}

/// How many tokens make a context.
const WIDTH: u64 = 4;

/// A quarter of all hashes lies below.
const GREEN_BELOW: u64 = 1 << 62;

/// What a hash is for, so that the choice of the anchor says nothing about colours.
const ANCHOR: u64 = 1;
const VALUE: u64 = 2;

/// The key that decoys' keys come from.
const DECOYS: u64 = 0xdec0;
