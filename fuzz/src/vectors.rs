//! Golden vectors: JSON that a user may have got from anywhere.

use taggant_dialects::selftest;

/// Checks a vector file.
pub fn vectors(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match selftest::check(text) {
        Ok(outcome) => {
            assert!(outcome.n_failed <= outcome.n_cases);
            assert_eq!(outcome.n_failed == 0, outcome.differences.is_empty());
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n'), "a message is one line: {message:?}");
        }
    }
}
