//! Commitments: golden vectors, and that everything in them is bound.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use serde::Deserialize;
use taggant_dialects::{Commitment, KeyMaterial, Profile};

/// Made by `data/commitment.py`.
const VECTORS: &str = include_str!("data/commitment.json");

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    why: String,
    profile: String,
    key: String,
    commitment: String,
}

impl Case {
    fn profile(&self) -> Profile {
        Profile::from_toml(&self.profile).unwrap()
    }

    fn key(&self) -> KeyMaterial {
        KeyMaterial::from_text(self.key.clone())
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str::<Vectors>(VECTORS).unwrap().cases
}

#[test]
fn commitments_are_those_of_the_python_reference() {
    for case in cases() {
        let commitment = Commitment::of(&case.profile(), &case.key()).unwrap();
        assert_eq!(commitment.to_string(), case.commitment, "{}", case.why);
        assert_eq!(case.commitment.parse::<Commitment>().unwrap(), commitment);
    }
}

#[test]
fn a_commitment_is_to_one_key_and_one_profile() {
    let cases = cases();
    for (at, committed) in cases.iter().enumerate() {
        let commitment: Commitment = committed.commitment.parse().unwrap();
        for (other, case) in cases.iter().enumerate() {
            let is_that = commitment.check(&case.profile(), &case.key()).unwrap();
            assert_eq!(is_that, at == other, "{} against {}", committed.why, case.why);
        }
    }
}

#[test]
fn the_form_of_the_key_file_does_not_matter() {
    let case = &cases()[1];
    for text in [case.key.to_uppercase(), format!("{}\n", case.key), format!("{}\r\n", case.key)] {
        let commitment = Commitment::of(&case.profile(), &KeyMaterial::from_text(text)).unwrap();
        assert_eq!(commitment.to_string(), case.commitment);
    }
}

#[test]
fn a_key_of_wrong_form_is_refused_without_echo() {
    let profile = cases()[0].profile();
    for text in ["", "5a", &"5g".repeat(32), &"5a".repeat(33), &"é".repeat(32)] {
        let message = Commitment::of(&profile, &KeyMaterial::from_text(text.into())).unwrap_err().to_string();
        assert!(text.is_empty() || !message.contains(text), "{message}");
    }
}

#[test]
fn a_text_that_is_no_commitment_is_refused_with_what_was_found() {
    let check = |text: &str, words: &str| {
        let message = text.parse::<Commitment>().unwrap_err().to_string();
        assert!(message.ends_with(words), "{message:?}, expected {words:?}");
    };
    check("", "found 0 digits");
    check(&"a".repeat(63), "found 63 digits");
    check(&"a".repeat(65), "found 65 digits");
    check(&format!("{}A", "a".repeat(63)), "found 'A' at position 64");
    check(&format!("sha256:{}", "a".repeat(64)), "found 's' at position 1");
    check(&format!("{}\n", "a".repeat(64)), "found '\\n' at position 65");
}
