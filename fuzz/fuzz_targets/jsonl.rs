//! See [`taggant_fuzz::jsonl`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taggant_fuzz::jsonl(data));
