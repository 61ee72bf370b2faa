//! See [`taggant_fuzz::profile`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taggant_fuzz::profile(data));
