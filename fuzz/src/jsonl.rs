//! Corpora: jsonl and plain text of any origin, gzip where the bytes say so.

use std::io::Write;
use std::sync::OnceLock;

use taggant_corpus::{Format, Options, Source, Tokenizer, read};

/// Reads a file as jsonl, strict and lenient, and as plain text.
pub fn jsonl(data: &[u8]) {
    static WAYS: OnceLock<[Options; 3]> = OnceLock::new();
    let ways = WAYS.get_or_init(|| {
        let json = taggant_lm::Tokenizer::embedded().json();
        let tokenizer = Tokenizer::from_bytes(json, "embedded").expect("the embedded tokenizer is one");
        [(Format::Jsonl, false), (Format::Jsonl, true), (Format::Txt, false)].map(|(format, skip_bad)| {
            Options {
                format: Some(format),
                skip_bad,
                tokenizer: Some(tokenizer.clone()),
                ..Options::default()
            }
        })
    });
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(data).expect("a temporary file can be written");
    let sources = [Source::File(file.path().to_owned())];
    for options in ways {
        let (mut n_documents, mut n_bytes) = (0, 0);
        let summary = read(&sources, options, |_| n_documents += 1, |n| n_bytes += n);
        if let Ok(summary) = summary {
            assert_eq!(summary.documents, n_documents);
            assert_eq!(summary.skipped_lines == 0, summary.first_skipped.is_none());
            let is_gzip = data.starts_with(&[0x1f, 0x8b]);
            assert!(is_gzip || n_bytes == data.len() as u64, "read {n_bytes} of {} bytes", data.len());
        }
    }
}
