//! See [`taggant_fuzz::report`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taggant_fuzz::report(data));
