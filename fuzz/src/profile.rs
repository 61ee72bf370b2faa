//! Profiles: TOML from the other side of a trust boundary.

use taggant::reader::{Ngrams, Reading};
use taggant_dialects::Profile;

/// Reads a profile; one that is accepted can be digested, opened and read with.
pub fn profile(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let profile = match Profile::from_toml(text) {
        Ok(profile) => profile,
        Err(error) => {
            let message = error.to_string();
            return assert!(!message.contains('\n'), "a message is one line: {message:?}");
        }
    };
    assert_eq!(profile.digest().len(), 64);
    let opened = profile.open(&profile.key_from_bytes([7; 32])).expect("a key of the dialect's form");
    let decoy = profile.open(&profile.decoy_key(opened.key_id, 0)).expect("a key of the dialect's form");
    assert_ne!(opened.key_id, decoy.key_id);

    let ngram_len = opened.reader.context_rule().width.len() + 1;
    let tokens: Vec<u32> = (0..ngram_len as u32 + 20).map(|at| at.wrapping_mul(0x9e37_79b9)).collect();
    let ngrams = Ngrams::windows(&tokens, ngram_len);
    let mut readings = vec![Reading::default(); ngrams.len()];
    opened.reader.readings(ngrams, &mut readings);
    let n_channels = opened.reader.channels().len();
    assert!(readings.iter().all(|reading| usize::from(reading.channel) < n_channels));
}
