//! Parquet: the same rows as in jsonl, whichever types and whoever wrote them, and faults with their row.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder, LargeListBuilder, ListBuilder,
    StructBuilder, UInt32Builder,
};
use arrow_array::{ArrayRef, LargeStringArray, NullArray, RecordBatch, StringArray, UInt8Array};
use arrow_schema::{DataType, Field};
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Packing, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use taggant_corpus::{Document, Error, Fields, Options, Source, Summary, Tokenizer, read};

const TOKENIZER: &str = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"x": 0, "a": 1, "b": 2, "c": 3}, "unk_token": "x"}}"#;

fn options() -> Options {
    let fields = Fields { log_probs: Some("logprobs".into()), ..Fields::default() };
    let tokenizer = Some(Tokenizer::from_bytes(TOKENIZER.as_bytes(), "t").unwrap());
    Options { fields, tokenizer, prompts: true, keep_text: true, ..Options::default() }
}

fn documents(path: &Path, options: &Options) -> Result<(Vec<Document>, Summary), Error> {
    let (mut documents, mut n_bytes) = (Vec::new(), 0);
    let sources = Source::find(path.to_str().unwrap())?;
    let summary = read(&sources, options, |document| documents.push(document), |n| n_bytes += n)?;
    if path.extension().is_some_and(|extension| extension == "parquet") {
        assert_eq!(n_bytes, std::fs::metadata(path).unwrap().len(), "progress is not the file's length");
    }
    Ok((documents, summary))
}

fn write(folder: &Path, columns: &[(&str, ArrayRef)], group_rows: usize, compression: Packing) -> PathBuf {
    let path = folder.join("rows.parquet");
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_rows))
        .set_compression(compression)
        .build();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

fn plain(folder: &Path, columns: &[(&str, ArrayRef)]) -> PathBuf {
    write(folder, columns, 1000, Packing::UNCOMPRESSED)
}

/// What documents of one row in two formats have in common: all but names of places.
fn common(mut documents: Vec<Document>) -> Vec<Document> {
    for document in &mut documents {
        document.at.clear();
        if document.id.contains(".parquet:") || document.id.contains(".jsonl:") {
            document.id.clear();
        }
    }
    documents
}

#[test]
fn rows_that_pyarrow_wrote_are_those_of_jsonl() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut options = options();
    for weights in [None, Some("w".to_owned())] {
        options.fields.weights = weights;
        let (lines, of_lines) = documents(&data.join("rows.jsonl"), &options).unwrap();
        let (rows, of_rows) = documents(&data.join("rows.parquet"), &options).unwrap();
        assert_eq!((rows[1].id.as_str(), lines[1].id.as_str()), ("rows.parquet:1", "rows.jsonl:2"));
        assert!(rows[1].at.ends_with("rows.parquet: row 1"), "{}", rows[1].at);
        assert_eq!((rows.len(), of_rows), (3, of_lines));
        assert_eq!(common(rows), common(lines));
    }
}

/// An entry of log-probs: ids, or none if it is whole, and logs.
type Entry = (Option<Vec<u32>>, Vec<f32>);

/// A row in which anything may be missing.
#[derive(Default)]
struct Sample {
    id: Option<u8>,
    text: Option<String>,
    tokens: Option<Vec<u32>>,
    log_probs: Option<Vec<Option<Entry>>>,
}

impl Sample {
    fn json(&self) -> Value {
        let entry = |entry: &Entry| json!({"ids": entry.0, "ln_p": entry.1});
        let entries = |entries: &Vec<Option<Entry>>| -> Value {
            entries.iter().map(|of| of.as_ref().map_or(Value::Null, entry)).collect()
        };
        let log_probs = self.log_probs.as_ref().map(entries);
        json!({"id": self.id, "text": self.text, "tokens": self.tokens, "logprobs": log_probs})
    }
}

/// Columns of samples, of the types that `is_wide` says.
fn columns(samples: &[Sample], is_wide: bool) -> [(&'static str, ArrayRef); 4] {
    let ids: UInt8Array = samples.iter().map(|sample| sample.id).collect();
    let texts = samples.iter().map(|sample| sample.text.as_deref());
    let tokens = samples.iter().map(|sample| sample.tokens.as_deref());
    let (texts, tokens): (ArrayRef, ArrayRef) = if is_wide {
        let mut lists = LargeListBuilder::new(UInt32Builder::new());
        tokens.for_each(|ids| lists.append_option(ids.map(|ids| ids.iter().copied().map(Some))));
        (Arc::new(texts.collect::<LargeStringArray>()), Arc::new(lists.finish()))
    } else {
        let mut lists = ListBuilder::new(Int32Builder::new());
        let id = |&id: &u32| Some(i32::try_from(id).unwrap());
        tokens.for_each(|ids| lists.append_option(ids.map(|ids| ids.iter().map(id))));
        (Arc::new(texts.collect::<StringArray>()), Arc::new(lists.finish()))
    };
    let log_probs = match is_wide {
        true => log_probs(samples, Float64Builder::new, DataType::Float64, |logs, ln_p| {
            logs.append_option(ln_p.is_finite().then_some(ln_p.into()));
        }),
        false => log_probs(samples, Float32Builder::new, DataType::Float32, Float32Builder::append_value),
    };
    [("id", Arc::new(ids)), ("text", texts), ("tokens", tokens), ("logprobs", log_probs)]
}

fn log_probs<F: ArrayBuilder>(
    samples: &[Sample],
    new: fn() -> F,
    float: DataType,
    push: fn(&mut F, f32),
) -> ArrayRef {
    let field = |name: &str, item| Field::new(name, DataType::new_list(item, true), true);
    let fields = vec![field("ln_p", float), field("more", DataType::Int64), field("ids", DataType::Int64)];
    let integers = || Box::new(ListBuilder::new(Int64Builder::new()));
    let parts: Vec<Box<dyn ArrayBuilder>> = vec![Box::new(ListBuilder::new(new())), integers(), integers()];
    let mut lists = ListBuilder::new(StructBuilder::new(fields, parts));
    for (i, sample) in samples.iter().enumerate() {
        for entry in sample.log_probs.iter().flatten() {
            let parts = lists.values();
            let logs: &mut ListBuilder<F> = parts.field_builder(0).unwrap();
            entry.iter().flat_map(|(_, logs)| logs).for_each(|&ln_p| push(logs.values(), ln_p));
            logs.append(entry.is_some());
            let more: &mut ListBuilder<Int64Builder> = parts.field_builder(1).unwrap();
            more.append_null();
            let ids: &mut ListBuilder<Int64Builder> = parts.field_builder(2).unwrap();
            let listed = entry.as_ref().and_then(|(ids, _)| ids.as_ref());
            ids.append_option(listed.map(|ids| ids.iter().map(|&id| Some(id.into()))));
            // A struct of nulls is as good as a null.
            parts.append(entry.is_some() || i % 2 == 0);
        }
        lists.append(sample.log_probs.is_some());
    }
    Arc::new(lists.finish())
}

/// Numbers that look drawn: Knuth's generator, the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % n
    }

    fn entry(&mut self) -> Option<Entry> {
        let n = self.below(5);
        let mut log =
            |_| if self.below(9) == 0 { f32::NEG_INFINITY } else { -1.7 - self.below(999) as f32 / 64.0 };
        let logs: Vec<f32> = (0..n).map(&mut log).collect();
        match self.below(3) {
            _ if n == 0 => None,
            0 => Some((None, vec![-(n as f32).ln(); n as usize])),
            _ => Some((Some((0..n).map(|i| 1000 - 7 * i).collect()), logs)),
        }
    }

    fn sample(&mut self) -> Sample {
        let n_words = self.below(6) as usize;
        let n_tokens = self.below(6) as usize;
        let tokens: Option<Vec<u32>> =
            (self.below(3) > 0).then(|| (0..n_tokens).map(|_| self.below(1 << 31)).collect());
        let text = (tokens.is_none() || self.below(2) == 0).then(|| "b \u{e9}\u{1f600} ".repeat(n_words));
        let n = tokens.as_ref().map_or(3 * n_words, Vec::len);
        let log_probs = (self.below(4) > 0).then(|| (0..n).map(|_| self.entry()).collect());
        let id = (self.below(3) > 0).then(|| self.below(256) as u8);
        Sample { id, text, tokens, log_probs }
    }
}

#[test]
fn every_type_and_packing_reads_as_jsonl_does() {
    let packings = [
        Packing::SNAPPY,
        Packing::GZIP(GzipLevel::default()),
        Packing::ZSTD(ZstdLevel::default()),
        Packing::LZ4_RAW,
    ];
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("rows.jsonl");
    for (seed, packing) in (0..).zip(packings) {
        let mut draw = Draw(seed);
        let samples: Vec<Sample> = (0..100).map(|_| draw.sample()).collect();
        std::fs::write(&lines, samples.iter().map(|row| format!("{}\n", row.json())).collect::<String>())
            .unwrap();
        let rows = write(folder.path(), &columns(&samples, seed % 2 == 0), 7 + 30 * seed as usize, packing);
        for least_p in [0.0, 0.27] {
            let options = Options { least_p, ..options() };
            let (rows, lines) = (documents(&rows, &options).unwrap(), documents(&lines, &options).unwrap());
            assert_eq!((rows.0.len(), rows.1), (100, lines.1));
            assert_eq!(common(rows.0), common(lines.0), "{packing:?}");
        }
    }
}

#[test]
fn columns_of_nulls_are_as_good_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let nulls: ArrayRef = Arc::new(NullArray::new(2));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let others = ["id", "tokens", "prompt", "prompt_tokens", "logprobs"].map(|name| (name, nulls.clone()));
    let (found, _) =
        documents(&plain(folder.path(), &[&others[..], &[("text", text)]].concat()), &options()).unwrap();
    assert_eq!(
        (&found[0].tokens[..], &found[1].tokens[..], &found[1].id[..]),
        (&[1][..], &[2][..], "rows.parquet:1")
    );
    assert!(found.iter().all(|document| document.log_probs.is_none() && document.prompt.is_none()));
    let (found, summary) =
        documents(&plain(folder.path(), &[("text", Arc::new(StringArray::new_null(0)))]), &options())
            .unwrap();
    assert_eq!((found.len(), summary.documents), (0, 0));
}

#[test]
fn faults_name_the_row_and_never_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let check = |columns: &[(&str, ArrayRef)], words: &str| {
        let path = plain(folder.path(), columns);
        let message = documents(&path, &options()).unwrap_err().to_string();
        assert!(message.contains(words) && !message.contains("hunter2"), "{message}");
        assert!(!message.contains('\n'));
    };
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let secret: ArrayRef = Arc::new(StringArray::from(vec!["hunter2", "hunter2"]));
    let ids = |rows: &[&[Option<i64>]]| -> ArrayRef {
        let mut lists = ListBuilder::new(Int64Builder::new());
        rows.iter().for_each(|row| lists.append_value(row.iter().copied()));
        Arc::new(lists.finish())
    };
    let tokens = ids(&[&[Some(1)], &[Some(2), Some(-3)]]);
    check(&[("other", secret.clone())], "rows.parquet: expected a column `text` or `tokens`, found neither");
    check(
        &[("text", tokens.clone())],
        "rows.parquet: column `text` is of type List(Int64), expected strings",
    );
    check(&[("tokens", secret.clone())], "column `tokens` is of type Utf8, expected lists of integers");
    check(
        &[("tokens", tokens.clone()), ("prompt", tokens.clone())],
        "column `prompt` is of type List(Int64)",
    );
    check(&[("text", text.clone()), ("logprobs", tokens.clone())], "expected lists of structs");
    check(&[("text", text)], "rows.parquet: row 1: expected `text` or `tokens`, found null");
    check(
        &[("tokens", tokens)],
        "rows.parquet: row 1: column `tokens`, entry 1: expected a token id from 0 to 4294967295, found -3",
    );
    check(
        &[("tokens", ids(&[&[Some(4), None]]))],
        "row 0: column `tokens`, entry 1: expected a token id from 0",
    );

    let check = |log_probs: Vec<Option<Entry>>, words: &str| {
        let sample = Sample { tokens: Some(vec![1]), log_probs: Some(log_probs), ..Sample::default() };
        check(&columns(&[Sample { tokens: Some(vec![]), ..Sample::default() }, sample], false), words);
    };
    check(
        vec![Some((Some(vec![3]), vec![0.5]))],
        "row 1: column `logprobs`, entry 0: log-probability 0: expected",
    );
    check(vec![Some((Some(vec![3, 4]), vec![-1.0]))], "entry 0: 2 ids and 1 log-probabilities");
    check(vec![Some((None, vec![-1.0]))], "entry 0: the probabilities of a whole row sum to 0.367879");
    check(vec![None, None], "rows.parquet: row 1: 1 tokens and 2 entries of log-probs");
}

#[test]
fn bad_rows_are_counted_when_they_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let text: ArrayRef = Arc::new(StringArray::from(vec![None, Some("a"), None]));
    let path = plain(folder.path(), &[("text", text)]);
    let (found, summary) = documents(&path, &Options { skip_bad: true, ..options() }).unwrap();
    assert_eq!((found.len(), summary.skipped_lines), (1, 2));
    assert!(summary.first_skipped.unwrap().contains("rows.parquet: row 0"));
}

#[test]
fn weights_are_wanted_in_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.fields.weights = Some("w".into());
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a b", "c"]));
    let mut lists = ListBuilder::new(Float64Builder::new());
    lists.append_value([Some(0.1), Some(2.0)]);
    lists.append_null();
    let weights: ArrayRef = Arc::new(lists.finish());
    let path = plain(folder.path(), &[("text", text.clone()), ("w", weights)]);
    assert!(documents(&path, &options).unwrap_err().to_string().contains("row 1: column `w` has no weights"));
    let (found, _) = documents(&path, &Options { skip_bad: true, ..options.clone() }).unwrap();
    assert_eq!(found[0].weights, Some(vec![0.1, 2.0]));
    let path = plain(folder.path(), &[("text", text)]);
    assert!(documents(&path, &options).unwrap_err().to_string().contains("expected a column `w`"));
}

#[test]
fn parquet_is_known_by_its_name_and_by_its_magic_and_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a b"]));
    let bytes = std::fs::read(plain(folder.path(), &[("text", text)])).unwrap();
    let nameless = folder.path().join("0a1b2c");
    std::fs::write(&nameless, &bytes).unwrap();
    assert_eq!(documents(&nameless, &options()).unwrap().0[0].tokens, [1, 2]);
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&bytes).unwrap();
    std::fs::write(folder.path().join("rows.parquet.gz"), encoder.finish().unwrap()).unwrap();
    // The folder holds it twice more, by name.
    assert_eq!(documents(folder.path(), &options()).unwrap().0.len(), 2);
}

#[test]
fn a_file_that_is_cut_or_changed_is_a_fault_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut draw = Draw(5);
    let samples: Vec<Sample> = (0..20).map(|_| draw.sample()).collect();
    let whole = std::fs::read(write(folder.path(), &columns(&samples, false), 7, Packing::SNAPPY)).unwrap();
    let path = folder.path().join("changed.parquet");
    let check = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let sources = Source::find(path.to_str().unwrap()).unwrap();
        read(&sources, &options(), |_| {}, |_| {}).map_err(|error| error.to_string())
    };
    assert!(check(&whole).is_ok());
    for len in [0, 3, 4, 8, whole.len() / 2, whole.len() - 1] {
        let message = check(&whole[..len]).unwrap_err();
        assert!(message.contains("changed.parquet: not readable as Parquet"), "{message}");
    }
    for _ in 0..1000 {
        let mut bytes = whole.clone();
        let at = draw.below(bytes.len() as u32) as usize;
        bytes[at] ^= 1 << draw.below(8);
        let _: Result<Summary, String> = check(&bytes);
    }
}
