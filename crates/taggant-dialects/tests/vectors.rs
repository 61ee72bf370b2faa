//! The golden vectors, and that a changed digit is found and named.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use serde_json::Value;
use taggant_dialects::selftest::check;

const VECTORS: &str = include_str!("../../../vectors/taggant-1.json");

#[test]
fn this_build_reproduces_every_case() {
    let outcome = check(VECTORS).unwrap();
    assert_eq!((outcome.n_cases, outcome.differences), (24, vec![]));
}

/// Changes one field of one case and expects that very field to be named.
fn check_named(case: usize, field: &str, change: impl Fn(&mut Value)) {
    let mut file: Value = serde_json::from_str(VECTORS).unwrap();
    change(&mut file["cases"][case][field]);
    let outcome = check(&file.to_string()).unwrap();
    let named = outcome
        .differences
        .iter()
        .any(|(at, _, difference)| *at == case && difference.field.starts_with(field));
    assert!(named, "case {case}, field {field}: {:?}", outcome.differences);
    assert_eq!(outcome.n_failed, 1);
}

#[test]
fn a_changed_output_is_named() {
    for case in [0, 7, 23] {
        for field in ["routed_channel", "bucket", "sign", "decoy_0_sign"] {
            check_named(case, field, |value| *value = Value::from(value.as_i64().unwrap() + 1));
        }
        for field in ["nonce", "gumbel_word", "gumbel_word_signed", "tournament_word", "green_half_signed"] {
            check_named(case, field, |value| value[2] = Value::from(value[2].as_u64().unwrap() ^ 1));
        }
        for gamma in ["1/2", "1/4", "3/4", "3/16", "11/16", "1/256", "77/256"] {
            check_named(case, "green", |value| {
                value[gamma][19] = Value::from(value[gamma][19].as_u64().unwrap() ^ 1);
            });
        }
        let digits = [
            "green_block_key",
            "green_nonce_key",
            "green_block_key_id",
            "mask_half_sha256",
            "mask_quarter_sha256",
            "mask_half_negative_sha256",
        ];
        for field in digits {
            check_named(case, field, |value| {
                let text = value.as_str().unwrap();
                let last = if text.ends_with('0') { '1' } else { '0' };
                *value = Value::from(format!("{}{last}", &text[..text.len() - 1]));
            });
        }
    }
}

#[test]
fn a_field_without_meaning_is_named() {
    check_named(3, "shares", |value| value[0] = Value::from(129));
    check_named(3, "secret", |value| *value = Value::from("12"));
    check_named(3, "epoch", |value| *value = Value::from("a/b"));
    check_named(3, "tokens", |value| value[0] = Value::from(1_u64 << 32));
    check_named(3, "context", |value| *value = Value::from(vec![1; 13]));
    check_named(3, "bucket", |value| *value = Value::Null);
    check_named(3, "mask_vocab_size", |value| *value = Value::from(4_000_000_000_u32));
}

#[test]
fn a_changed_input_is_found() {
    let mut file: Value = serde_json::from_str(VECTORS).unwrap();
    file["cases"][5]["context"][0] = Value::from(8);
    let outcome = check(&file.to_string()).unwrap();
    assert!(outcome.differences.iter().any(|(at, why, _)| *at == 5 && why == "repeated ids"));
}

#[test]
fn a_file_that_is_no_vector_file_is_refused() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"schema":2,"dialect":"taggant-1","cases":[{}]}"#,
        r#"{"schema":1,"dialect":"taggant-1","cases":[]}"#,
        r#"{"schema":1,"dialect":"x","cases":[{}]}"#,
    ] {
        let message = check(text).unwrap_err().to_string();
        assert!(!message.contains('\n'), "{message}");
    }
}
