//! Every target on a fixed, pseudo-random set of inputs: mutated seeds and noise. A minute of cargo-fuzz finds more.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

#[test]
fn profile_takes_any_bytes() {
    sweep("profile", taggant_fuzz::profile);
    check("profile", taggant_fuzz::profile);
}

#[test]
fn vectors_takes_any_bytes() {
    check("vectors", taggant_fuzz::vectors);
}

#[test]
fn report_takes_any_bytes() {
    sweep("report", taggant_fuzz::report);
    check("report", taggant_fuzz::report);
}

#[test]
fn jsonl_takes_any_bytes() {
    check("jsonl", taggant_fuzz::jsonl);
}

#[test]
fn session_takes_any_bytes() {
    check("session", taggant_fuzz::session);
}

/// The seeds are what they should be: accepted, and so worth mutating.
#[test]
fn seeds_are_accepted() {
    for (name, seed) in seeds("profile") {
        taggant_dialects::Profile::from_toml(&text(seed)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (name, seed) in seeds("vectors") {
        let outcome =
            taggant_dialects::selftest::check(&text(seed)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(outcome.n_failed, 0, "{name}");
    }
    for (name, seed) in seeds("report") {
        let report =
            taggant_verify::Report::from_json(&text(seed)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(taggant_verify::check::check(&report), [], "{name}");
    }
}

/// Runs a target on its seeds and on `N_INPUTS` inputs made from them.
fn check(target: &str, body: fn(&[u8])) {
    let seeds: Vec<Vec<u8>> = seeds(target).into_iter().map(|(_, seed)| seed).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(N_INPUTS as u64);
    for seed in &seeds {
        run(target, body, seed);
    }
    for at in 0..N_INPUTS {
        let mut input = match seeds.get(at % (seeds.len() + 1)) {
            Some(seed) => seed.clone(),
            None => noise(&mut rng),
        };
        for _ in 0..below(&mut rng, 4) {
            mutate(&mut input, &seeds, &mut rng);
        }
        run(target, body, &input);
    }
}

/// Runs a target on its seeds with every value in turn replaced by every awkward one.
fn sweep(target: &str, body: fn(&[u8])) {
    for (_, seed) in seeds(target) {
        let mut from = 0;
        while let Some((start, end)) = next_value(&seed, from) {
            for value in AWKWARD {
                run(target, body, &[&seed[..start], value.as_bytes(), &seed[end..]].concat());
            }
            from = end;
        }
    }
}

/// Runs a target on one input; a panic says which, and how to have it again.
fn run(target: &str, body: fn(&[u8]), input: &[u8]) {
    if catch_unwind(|| body(input)).is_err() {
        let path = std::env::temp_dir().join(format!("taggant-fuzz-{target}"));
        let kept = fs::write(&path, input).map_or("nowhere".into(), |()| path.display().to_string());
        panic!("target {target} panicked; the input of {} bytes is kept in {kept}", input.len());
    }
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| fs::read(path).expect("a readable seed");
    paths.iter().map(|path| (path.display().to_string(), read(path))).collect()
}

fn text(seed: Vec<u8>) -> String {
    String::from_utf8(seed).expect("a seed of text")
}

/// Changes an input in one of the ways that find most: in its values, its shape, or its bytes.
fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut impl Rng) {
    let at = below(rng, input.len() + 1);
    let end = (at + 1 + below(rng, 40)).min(input.len());
    match below(rng, 10) {
        0..=4 => replace_value(input, rng),
        5 => drop(input.drain(at..end)),
        6 => {
            let copy = input[at..end].to_vec();
            let to = below(rng, input.len() + 1);
            input.splice(to..to, copy);
        }
        7 => input.truncate(at),
        8 => {
            let Some(other) = seeds.get(below(rng, seeds.len().max(1))) else { return };
            let from = below(rng, other.len() + 1);
            input.splice(at.., other[from..].iter().copied());
        }
        _ => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << below(rng, 8);
            }
        }
    }
}

/// Puts something awkward in the place of a number, word or string.
fn replace_value(input: &mut Vec<u8>, rng: &mut impl Rng) {
    let from = below(rng, input.len() + 1);
    if let Some((start, end)) = next_value(input, from) {
        input.splice(start..end, AWKWARD[below(rng, AWKWARD.len())].bytes());
    }
}

/// Where the first number, word or string at or after `from` starts and ends.
fn next_value(input: &[u8], from: usize) -> Option<(usize, usize)> {
    let is_value = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._/\"".contains(byte);
    let start = from + input[from..].iter().position(is_value)?;
    let end = input[start..].iter().position(|byte| !is_value(byte)).map_or(input.len(), |len| start + len);
    Some((start, end))
}

fn noise(rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = vec![0; below(rng, 600)];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn below(rng: &mut impl Rng, end: usize) -> usize {
    (rng.next_u64() % end as u64) as usize
}

const N_INPUTS: usize = 3000;

const AWKWARD: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "255",
    "256",
    "65536",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "0.0",
    "-0.0",
    "0.5",
    "1e-320",
    "1e-9",
    "-1.5",
    "1e9",
    "1e16",
    "1e300",
    "-1e300",
    "1.7976931348623157e308",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "null",
    "true",
    "\"\"",
    "\"1/2\"",
    "\"1/256\"",
    "\"bernoulli 1/18446744073709551615\"",
    "\"bits 64\"",
    "\"exponential\"",
    "\"gumbel\"",
    "\"evidence\"",
    "\"invalid\"",
    "\"\\u0000\\ud83d\\ude00\"",
    "\"|<script>&\"",
    "[]",
    "{}",
    "[[]]",
];
