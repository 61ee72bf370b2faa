//! See [`taggant_fuzz::session`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taggant_fuzz::session(data));
