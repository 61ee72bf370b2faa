//! Sources and documents: what is read, in which order, and how a fault is named.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use taggant_corpus::{Document, Error, Format, Options, Source, Summary, Tokenizer, read};

/// A word-level tokenizer that asks for truncation and padding, which must not be heeded.
const TOKENIZER: &str = r#"{"version": "1.0",
    "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
    "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "x"},
    "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"x": 0, "a": 1, "b": 2, "c": 3}, "unk_token": "x"}}"#;

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

fn options() -> Options {
    Options {
        tokenizer: Some(Tokenizer::from_bytes(TOKENIZER.as_bytes(), "t").unwrap()),
        ..Options::default()
    }
}

fn documents(argument: &str, options: &Options) -> Result<(Vec<Document>, Summary), Error> {
    let mut documents = Vec::new();
    let summary = read(&Source::find(argument)?, options, |document| documents.push(document), |_| {})?;
    Ok((documents, summary))
}

/// What of a document the comparisons look at.
fn plain(documents: &[Document]) -> Vec<(&str, &[u32])> {
    documents.iter().map(|document| (&document.id[..], &document.tokens[..])).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn text_and_tokens_come_in_order_and_truncation_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "{\"text\": \"a b c a\", \"id\": \"first\"}\n\n{\"tokens\": [7, 8]}\r\n  \n{\"text\": \"\"}";
    let path = write(folder.path(), "rows.jsonl", lines.as_bytes());
    let (found, summary) = documents(&path, &options()).unwrap();
    let expected: [(&str, &[u32]); 3] =
        [("first", &[1, 2, 3, 1]), ("rows.jsonl:3", &[7, 8]), ("rows.jsonl:5", &[])];
    assert_eq!(plain(&found), expected);
    assert!(found.iter().all(|document| document.text.is_none() && document.weights.is_none()));
    assert_eq!(found[1].at, format!("{path}:3"));
    assert_eq!((summary.documents, summary.encoded, summary.skipped_lines), (3, 2, 0));
}

#[test]
fn gzip_is_found_by_its_magic_and_may_have_several_members() {
    let folder = tempfile::tempdir().unwrap();
    let members = [gzip(b"{\"tokens\": [1]}\n"), gzip(b"{\"tokens\": [2]}\n")].concat();
    let path = write(folder.path(), "rows.jsonl.gz", &members);
    assert_eq!(documents(&path, &options()).unwrap().0.len(), 2);
    let cut = write(folder.path(), "cut.jsonl.gz", &members[..members.len() - 5]);
    assert!(documents(&cut, &options()).is_err(), "a truncated archive was read as if it were whole");
}

#[test]
fn folders_and_patterns_are_sorted_and_take_known_names_only() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "b.txt", b"b");
    write(folder.path(), "a.txt.gz", &gzip(b"a"));
    write(folder.path(), "deep/c.TXT", b"c");
    write(folder.path(), "notes.md", b"not read");
    let root = folder.path().display().to_string();
    let ids = |argument: &str| -> Vec<String> {
        documents(argument, &options()).unwrap().0.into_iter().map(|document| document.id).collect()
    };
    assert_eq!(ids(&root), ["a.txt.gz", "b.txt", "c.TXT"]);
    assert_eq!(ids(&format!("{root}/*.txt*")), ["a.txt.gz", "b.txt"]);
    assert!(documents(&format!("{root}/*.jsonl"), &options()).is_err());
    assert!(documents(&format!("{root}/missing.txt"), &options()).is_err());
    let message = documents(&format!("{root}/notes.md"), &options()).unwrap_err().to_string();
    assert!(message.contains("--input-format"), "{message}");
    let asked = Options { format: Some(Format::Txt), ..options() };
    assert_eq!(documents(&format!("{root}/notes.md"), &asked).unwrap().0.len(), 1);
}

#[test]
fn byte_order_marks_are_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let text = write(folder.path(), "t.txt", "\u{feff}a b".as_bytes());
    let (found, summary) = documents(&text, &options()).unwrap();
    assert_eq!((found[0].tokens.as_slice(), summary.byte_order_marks), ([1, 2].as_slice(), 1));
    let rows = "\u{feff}{\"text\": \"a\"}\n{\"text\": \"\\ufeffb\"}\n";
    let (found, summary) = documents(&write(folder.path(), "r.jsonl", rows.as_bytes()), &options()).unwrap();
    assert_eq!((found[1].tokens.as_slice(), summary.byte_order_marks), ([2].as_slice(), 2));
}

#[test]
fn faults_name_file_and_line_and_never_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8], &str); 6] = [
        (
            "a.jsonl",
            b"{\"tokens\": [1]}\n{\"tokens\": [1, 4294967296]}\n",
            "a.jsonl:2: field `tokens`, entry 1",
        ),
        ("b.jsonl", b"{\"tokens\": [1]}\n\nhunter2\n", "b.jsonl:3: not valid JSON"),
        ("c.jsonl", b"{\"text\": \"hunter2 \xff\"}\n", "c.jsonl:1: not UTF-8 text, first at byte 18"),
        ("d.txt", b"hunter2\0", "d.txt: not UTF-8 text, first at byte 7"),
        ("e.txt", b"\x89PNG\r\n", "e.txt: not UTF-8 text, first at byte 0"),
        ("f.jsonl", b"{\"id\": 1}", "f.jsonl:1: expected a field `text` or `tokens`"),
    ];
    for (name, bytes, words) in cases {
        let path = write(folder.path(), name, bytes);
        let message = documents(&path, &options()).unwrap_err().to_string();
        assert!(message.contains(words) && !message.contains("hunter2"), "{message}");
        assert!(!message.contains('\n'));
    }
    let rows = write(folder.path(), "g.jsonl", b"{\"text\": \"a\"}\n");
    let message = documents(&rows, &Options::default()).unwrap_err().to_string();
    assert!(message.contains("g.jsonl:1") && message.contains("--tokenizer"), "{message}");
}

#[test]
fn bad_lines_are_counted_when_they_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.jsonl", b"oops\n{\"tokens\": [1]}\n{\"tokens\": [-1]}\n");
    let (found, summary) = documents(&path, &Options { skip_bad: true, ..options() }).unwrap();
    assert_eq!((found.len(), summary.skipped_lines), (1, 2));
    assert!(summary.first_skipped.unwrap().contains("a.jsonl:1"));
}

#[test]
fn a_file_that_is_no_tokenizer_is_refused_in_one_line() {
    for bytes in [&b""[..], b"{}", b"[1]", b"\xff\xfe"] {
        let message = Tokenizer::from_bytes(bytes, "t.json").unwrap_err().to_string();
        assert!(message.starts_with("t.json: not a tokenizer.json") && !message.contains('\n'), "{message}");
    }
}

#[test]
fn text_is_handed_over_with_the_bytes_of_each_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        folder.path(),
        "rows.jsonl",
        "{\"text\": \"\\ufeffa  \u{e9} c\"}\n{\"tokens\": [1]}".as_bytes(),
    );
    let options = Options { keep_text: true, ..options() };
    let (found, _) = documents(&path, &options).unwrap();
    let encoded = found[0].text.as_ref().unwrap();
    assert_eq!(encoded.text, "a  \u{e9} c");
    // The accented letter takes two bytes.
    assert_eq!(encoded.offsets, [(0, 1), (3, 5), (6, 7)]);
    assert_eq!(found[0].tokens, [1, 0, 3]);
    assert_eq!(found[1].text, None);
}

#[test]
fn weights_go_with_tokens_one_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.fields.weights = Some("w".into());
    let good = write(folder.path(), "good.jsonl", br#"{"text": "a b", "w": [1, 0.25]}"#);
    assert_eq!(documents(&good, &options).unwrap().0[0].weights, Some(vec![1.0, 0.25]));
    let check = |name: &str, text: &str, words: &str| {
        let error =
            documents(&write(folder.path(), name, text.as_bytes()), &options).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(name), "{error}");
    };
    check("few.jsonl", r#"{"tokens": [1, 2], "w": [1]}"#, "few.jsonl:1: 2 tokens and 1 weights");
    check("text.jsonl", r#"{"text": "a b c", "w": [1]}"#, "text.jsonl:1: 3 tokens and 1 weights");
    check("none.jsonl", r#"{"tokens": [1, 2]}"#, "none.jsonl:1: expected a field `w`");
    check("plain.txt", "a b", "plain.txt: plain text has no field `w`");
}

#[test]
fn prompts_go_with_answers() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        "{\"text\": \"c\", \"prompt\": \"\\ufeffa b\"}",
        "{\"tokens\": [7], \"prompt_tokens\": [5, 6], \"prompt\": \"a\"}",
        "{\"tokens\": [7], \"prompt\": \"\"}",
        "{\"tokens\": [7]}",
    ];
    let path = write(folder.path(), "rows.jsonl", lines.join("\n").as_bytes());
    let asked = Options { prompts: true, ..options() };
    let (found, summary) = documents(&path, &asked).unwrap();
    let prompts: Vec<_> = found.iter().map(|document| document.prompt.as_deref()).collect();
    assert_eq!(prompts, [Some(&[1, 2][..]), Some(&[5, 6]), Some(&[]), None]);
    assert_eq!((summary.encoded, summary.byte_order_marks), (1, 1));
    assert!(documents(&path, &options()).unwrap().0.iter().all(|document| document.prompt.is_none()));

    let path = write(folder.path(), "text.jsonl", br#"{"tokens": [7], "prompt": "a"}"#);
    assert_eq!(documents(&path, &Options::default()).unwrap().0.len(), 1);
    let message = documents(&path, &Options { prompts: true, ..Options::default() }).unwrap_err().to_string();
    assert!(message.contains("text.jsonl:1") && message.contains("--tokenizer"), "{message}");
}

#[test]
fn log_probs_go_with_tokens_one_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.fields.log_probs = Some("l".into());
    let lines = [
        r#"{"text": "a b", "l": [null, {"ids": [3, 1, 2], "ln_p": [-1, -2, -8]}]}"#,
        r#"{"tokens": [9], "l": [{"ln_p": [-0.1053605, -2.995732, -2.995732]}]}"#,
        r#"{"text": "a b"}"#,
    ];
    let path = write(folder.path(), "rows.jsonl", lines.join("\n").as_bytes());
    let (found, _) = documents(&path, &options).unwrap();
    let [none, Some(list)] = found[0].log_probs.as_deref().unwrap() else { panic!("{found:?}") };
    assert_eq!((none, list.ids()), (&None, &[1, 2, 3][..]));
    // Token 2 came next and may be listed for that alone: it bounds nothing.
    assert_eq!(list.unlisted_bound(), (-2.0_f64).exp());
    assert_eq!(found[1].log_probs.as_ref().unwrap()[0].as_ref().unwrap().unlisted_mass(), 0.0);
    assert_eq!(found[2].log_probs, None);

    let (found, _) = documents(&path, &Options { least_p: 0.06, ..options.clone() }).unwrap();
    let row = |i: usize, at: usize| found[i].log_probs.as_ref().unwrap()[at].clone().unwrap();
    assert_eq!((row(0, 1).ids(), row(0, 1).unlisted_bound()), (&[1, 3][..], (-2.0_f64).exp()));
    assert_eq!(row(1, 0).ids(), [0]);
    assert!(
        (row(1, 0).unlisted_bound() - 0.05).abs() < 1e-6 && (row(1, 0).unlisted_mass() - 0.1).abs() < 1e-6
    );

    let check = |name: &str, text: &str, words: &str| {
        let path = write(folder.path(), name, text.as_bytes());
        let error = documents(&path, &options).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
        let lenient = Options { skip_bad: true, ..options.clone() };
        assert_eq!(documents(&path, &lenient).unwrap().1.skipped_lines, 1, "{name}");
    };
    check(
        "few.jsonl",
        r#"{"tokens": [1, 2], "l": [null]}"#,
        "few.jsonl:1: 2 tokens and 1 entries of log-probs",
    );
    check(
        "bad.jsonl",
        r#"{"tokens": [1], "l": ["hunter2"]}"#,
        "bad.jsonl:1: field `l`, entry 0: expected null",
    );
    let text = write(folder.path(), "text.jsonl", br#"{"text": "a b c", "l": [null]}"#);
    let message = documents(&text, &options).unwrap_err().to_string();
    assert!(message.contains("text.jsonl:1: 3 tokens and 1 entries"), "{message}");
}

#[test]
fn a_batch_is_bounded_by_its_log_probs() {
    let folder = tempfile::tempdir().unwrap();
    let row = format!("{{\"ln_p\": [{}]}}", vec!["-11.0903549"; 1 << 16].join(","));
    let line = format!("{{\"tokens\": [1, 2], \"l\": [{row}, {row}]}}\n");
    let path = write(folder.path(), "rows.jsonl", line.repeat(40).as_bytes());
    let mut options = Options::default();
    options.fields.log_probs = Some("l".into());
    // The first batch is handed over before the file has been read to its end.
    let (done, first) = (std::cell::Cell::new(0_u64), std::cell::Cell::new(None));
    let on_document = |_: Document| {
        first.set(first.get().or(Some(done.get())));
    };
    read(&Source::find(&path).unwrap(), &options, on_document, |n| done.set(done.get() + n)).unwrap();
    assert_eq!(first.get(), Some(32 * line.len() as u64));
}
