//! See [`taggant_fuzz::vectors`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taggant_fuzz::vectors(data));
