//! What a key says of a corpus, against a sum straight from the page of the dialect.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use std::collections::BTreeMap;
use std::collections::HashSet;

use common::{
    EPOCH, Toy, channel, corpus, green, gumbel, mark, profile, report, secret_bytes, served, subject,
    tournament,
};
use taggant::channel::Channel;
use taggant::law::Law;
use taggant::reader::{ContextRule, Identity, Input, Ngrams, Reader, Reading};
use taggant::scheme::Scheme;
use taggant::{ContextWidth, TokenId};
use taggant_testkit::reference;
use taggant_verify::report::PKind;
use taggant_verify::{Evidence, Plan, Verifier};

/// (name, channel) -> (n, sum of scores).
type Sums = BTreeMap<(String, String), (u64, f64)>;

/// The score of one n-gram, from the page: green tokens, nats, one-bits.
fn score(scheme: &Scheme, path: &str, context: &[TokenId], token: TokenId, (j, m): (u32, u32)) -> f64 {
    let secret = secret_bytes(1);
    let word = || reference::word(&secret, path, context, token);
    match scheme {
        Scheme::Green(_) => f64::from(u8::from(reference::is_green(&secret, path, context, token, j, m))),
        Scheme::Gumbel(_) => {
            let u = (f64::from(word()) + 0.5) / 4_294_967_296.0;
            // The grid of scores: 2^-40 nats. Sums of fewer than 2^13 nats are then exact in f64.
            let unit = (1_u64 << 40) as f64;
            (-libm::log(1.0 - u) * unit).round() / unit
        }
        Scheme::Tournament(tournament) => {
            f64::from((0..u32::from(tournament.depth())).map(|i| word() >> i & 1).sum::<u32>())
        }
        _ => unreachable!("no other scheme is read here"),
    }
}

/// Distinct n-grams of all documents by a set of vectors, then summed channel by channel.
fn naive(scheme: &Scheme, gamma: (u32, u32), width: usize, channels: &[Channel], texts: &Texts) -> Sums {
    let shares: Vec<u32> = channels.iter().map(|channel| channel.share.into()).collect();
    let contexts: HashSet<&[TokenId]> = texts.served.iter().flat_map(|text| text.windows(width)).collect();
    let distinct: HashSet<&[TokenId]> = texts.read.iter().flat_map(|text| text.windows(width + 1)).collect();
    let mut sums = Sums::new();
    for channel in channels.iter().filter(|channel| !channel.accounts) {
        for name in ["count", "count-served"] {
            sums.insert((name.into(), channel.name.to_string()), (0, 0.0));
        }
    }
    for ngram in distinct {
        let (context, token) = (&ngram[..width], ngram[width]);
        let at =
            if shares.len() > 1 { reference::route(&secret_bytes(1), EPOCH, context, &shares).0 } else { 0 };
        if channels[at].accounts {
            continue;
        }
        let channel = channels[at].name.to_string();
        let path = format!("epoch/{EPOCH}/channel/{channel}/{}/{width}", scheme.name());
        let score = score(scheme, &path, context, token, gamma);
        let mut add = |name: &str| {
            let sum = sums.get_mut(&(name.to_owned(), channel.clone())).unwrap();
            *sum = (sum.0 + 1, sum.1 + score);
        };
        add("count");
        if contexts.contains(context) {
            add("count-served");
        }
    }
    sums
}

struct Texts {
    read: Vec<Vec<TokenId>>,
    served: Vec<Vec<TokenId>>,
}

/// Over a small vocabulary: most n-grams repeat, and about half the contexts are served. Some ids are large.
fn texts() -> Texts {
    let toy = Toy::new(11, 500);
    let large = |text: Vec<TokenId>| -> Vec<TokenId> {
        text.into_iter().map(|token| if token % 7 == 0 { token + 130_000 } else { token }).collect()
    };
    let text = |seed: u64| large(toy.unmarked(seed, 150));
    let mut read: Vec<_> = (0..4).map(text).collect();
    read.extend([vec![], vec![5], vec![5, 6, 7]]);
    read.push(read[0].clone());
    Texts { read, served: (100..108).map(text).collect() }
}

fn check_tally(scheme: Scheme, gamma: (u32, u32), width: u64, channels: &[Channel]) {
    let profile = profile(scheme, width).with_channels(channels.to_vec()).unwrap();
    let texts = texts();
    let set = served(width as usize, &texts.served);
    let report = report(&mark(&profile, 1), &texts.read, Some(&set));
    let found: Sums = report
        .tests
        .iter()
        .map(|test| ((test.name.clone(), test.channel.clone()), (test.n, test.statistic)))
        .collect();
    assert_eq!(found, naive(&scheme, gamma, width as usize, channels, &texts), "{scheme:?}, width {width}");
    let all: Vec<_> = report.tests.iter().filter(|test| test.name == "count").collect();
    assert!(all.iter().all(|test| test.n > 20), "{scheme:?}: the case is too small to mean anything");
    let is_exact = |kind| report.tests.iter().all(|test| (test.p_kind == kind) == (test.name == "count"));
    assert!(is_exact(PKind::Exact), "{scheme:?}");
}

fn fleet() -> Vec<Channel> {
    vec![channel("fleet", 256, false)]
}

#[test]
fn green_counts_equal_the_naive_sum() {
    check_tally(green("1/4", 2.0), (1, 2), 1, &fleet());
    check_tally(green("3/16", 2.0), (3, 4), 2, &fleet());
    check_tally(green("1/2", 2.0), (1, 1), 4, &fleet());
}

#[test]
fn gumbel_scores_equal_the_naive_sum() {
    check_tally(gumbel(), (0, 0), 2, &fleet());
    check_tally(gumbel(), (0, 0), 5, &fleet());
}

#[test]
fn tournament_bits_equal_the_naive_sum() {
    check_tally(tournament(30), (0, 0), 2, &fleet());
    check_tally(tournament(1), (0, 0), 1, &fleet());
}

#[test]
fn each_channel_is_a_test_of_its_own_and_channels_with_accounts_are_none() {
    let channels =
        [channel("fleet", 100, false), channel("account", 60, true), channel("public", 96, false)].to_vec();
    check_tally(green("1/2", 2.0), (1, 1), 2, &channels);
    check_tally(gumbel(), (0, 0), 2, &channels);
    check_tally(tournament(30), (0, 0), 4, &channels);
}

#[test]
fn a_mark_with_accounts_alone_is_refused() {
    let profile = profile(gumbel(), 2).with_channels(vec![channel("account", 256, true)]).unwrap();
    let mark = mark(&profile, 1);
    let verifier = Verifier::new(&mark, Plan::default()).unwrap();
    let corpus = corpus(&mark, &texts().read);
    let refused =
        verifier.test(&Evidence::new(&corpus), subject(), &|_| unreachable!("refused before")).unwrap_err();
    assert!(refused.is_nothing_to_score() && refused.to_string().contains("carries accounts"), "{refused}");
}

#[test]
fn served_contexts_of_another_width_are_refused() {
    let mark = mark(&profile(gumbel(), 2), 1);
    let verifier = Verifier::new(&mark, Plan::default()).unwrap();
    let corpus = corpus(&mark, &texts().read);
    // A filter on (context, token) has a reason of its own to be refused.
    for (length, words) in [(1, "hold 1 tokens"), (3, "selects on the value itself"), (4, "hold 4 tokens")] {
        let set = served(length, &texts().served);
        let refused = verifier
            .test(&Evidence::new(&corpus).served(&set), subject(), &|_| unreachable!("refused before"))
            .unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

/// A dialect whose pseudorandom function sees only the smallest hash among the context's tokens.
#[derive(Debug)]
struct MinHash {
    key: u64,
    channels: Vec<Channel>,
}

impl MinHash {
    const WIDTH: usize = 3;

    fn new(key: u64) -> Self {
        Self { key, channels: fleet() }
    }

    fn input(&self, ngram: &[TokenId]) -> u128 {
        let seed = ngram[..Self::WIDTH].iter().map(|&token| hash(self.key, token.into())).min().unwrap();
        u128::from(seed) << 32 | u128::from(ngram[Self::WIDTH])
    }

    fn value(&self, input: u128) -> u64 {
        let mixed = hash(hash(self.key ^ 1, (input >> 64) as u64), input as u64);
        u64::from(mixed >> 62 == 0)
    }
}

impl Reader for MinHash {
    fn context_rule(&self) -> ContextRule {
        ContextRule::completion(ContextWidth::new(Self::WIDTH as u64).unwrap())
    }

    fn identity(&self) -> Identity {
        Identity::Keyed
    }

    fn law(&self) -> Law {
        Law::Bernoulli { numerator: 1, denominator: 4 }
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        assert_eq!(ngrams.len(), inputs.len());
        inputs.iter_mut().zip(ngrams.iter()).for_each(|(input, ngram)| *input = Input(self.input(ngram)));
    }

    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]) {
        assert_eq!(ngrams.len(), readings.len());
        for (reading, ngram) in readings.iter_mut().zip(ngrams.iter()) {
            *reading = Reading { channel: 0, bucket: 0, value: self.value(self.input(ngram)) };
        }
    }
}

/// The finaliser of splitmix64 over key and value: a stand-in, not a pseudorandom function.
fn hash(key: u64, value: u64) -> u64 {
    let mut x = value.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ key.rotate_left(31);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[test]
fn a_keyed_identity_is_counted_once_for_each_input() {
    let texts = texts();
    for key in 0..20 {
        let reader = MinHash::new(hash(7, key));
        let ngrams: HashSet<&[TokenId]> =
            texts.read.iter().flat_map(|text| text.windows(MinHash::WIDTH + 1)).collect();
        let inputs: HashSet<u128> = ngrams.iter().map(|ngram| reader.input(ngram)).collect();
        assert!(inputs.len() < ngrams.len(), "key {key}: no two n-grams share an input");
        let sum: u64 = inputs.iter().map(|&input| reader.value(input)).sum();

        let report = report(&reader, &texts.read, None);
        let test = &report.tests[0];
        assert_eq!((test.n, test.statistic), (inputs.len() as u64, sum as f64), "key {key}");
        let corpus = &report.corpus;
        assert_eq!(corpus.distinct, inputs.len() as u64, "key {key}");
        assert_eq!(corpus.tokens, corpus.distinct + corpus.dropped.values().sum::<u64>(), "key {key}");
    }
}

/// An input is served when the context of any of its n-grams is: that of the one which happens to come first in
/// the text would make the count depend on the order of the documents.
#[test]
fn a_keyed_input_is_served_when_any_of_its_contexts_is() {
    let texts = texts();
    let mut reversed = texts.read.clone();
    reversed.reverse();
    for key in 0..20 {
        let reader = MinHash::new(hash(7, key));
        let contexts: HashSet<&[TokenId]> =
            texts.served.iter().flat_map(|text| text.windows(MinHash::WIDTH)).collect();
        let inputs: HashSet<u128> = texts
            .read
            .iter()
            .flat_map(|text| text.windows(MinHash::WIDTH + 1))
            .filter(|ngram| contexts.contains(&ngram[..MinHash::WIDTH]))
            .map(|ngram| reader.input(ngram))
            .collect();
        let sum: u64 = inputs.iter().map(|&input| reader.value(input)).sum();
        let set = served(MinHash::WIDTH, &texts.served);
        let forward = report(&reader, &texts.read, Some(&set));
        let test = &forward.tests[1];
        assert_eq!((test.n, test.statistic), (inputs.len() as u64, sum as f64), "key {key}");
        assert_eq!(forward.tests, report(&reader, &reversed, Some(&set)).tests, "key {key}");
    }
}
