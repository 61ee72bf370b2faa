//! The texts: unmarked, of nine kinds, cut into documents.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use taggant_lm::Author;

/// One kind of text.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) name: &'static str,
    /// Where it comes from, and under which licence.
    pub(super) source: String,
    text: String,
}

impl Text {
    /// Its documents in order: pieces of a few hundred tokens that end with a paragraph, or with a word where a
    /// paragraph has no end.
    pub(super) fn documents(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.text.as_str();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (document, after) = rest.split_at(document_end(rest));
            rest = after;
            Some(document)
        })
    }

    /// The lines of its first `n_bytes`, for a tokenizer to learn from.
    pub(super) fn lines_of_first(&self, n_bytes: usize) -> impl Iterator<Item = &str> {
        self.text[..self.text.floor_char_boundary(n_bytes)].lines()
    }
}

/// The embedded texts and those of `folder`, where the missing ones are fetched first.
pub(super) fn read(folder: &Path) -> Result<Vec<Text>> {
    let missing: Vec<&str> =
        FETCHED.iter().copied().filter(|name| !folder.join(format!("{name}.txt")).is_file()).collect();
    if !missing.is_empty() {
        fetch(folder, &missing)?;
    }
    let embedded = [("austen", Author::Austen), ("spurgeon", Author::Spurgeon)].map(|(name, author)| {
        Ok(Text { name, source: "embedded, public domain".into(), text: taggant_lm::text(author)? })
    });
    let fetched = FETCHED.iter().map(|&name| {
        let file = |kind: &str| {
            let path = folder.join(format!("{name}.{kind}"));
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Text { name, source: file("source")?.trim().to_owned(), text: file("txt")? })
    });
    embedded.into_iter().chain(fetched).collect()
}

fn fetch(folder: &Path, names: &[&str]) -> Result<()> {
    eprintln!("calibrate: fetching {} into {}", names.join(", "), folder.display());
    let status = Command::new("python3")
        .arg(SCRIPT)
        .arg(folder)
        .args(names)
        .stdout(Stdio::null())
        .status()
        .context("cannot run python3, which fetches the texts")?;
    ensure!(
        status.success(),
        "cannot fetch the null corpora: this needs apt-get with package lists (`apt-get update`), dpkg and a network; \
         {SCRIPT} fetches them anywhere, and folder=FOLDER says where they are"
    );
    Ok(())
}

/// Where the first document of `text` ends.
fn document_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let after = |from: usize, is_end: fn(&u8) -> bool| {
        bytes.get(from..).and_then(|rest| rest.iter().position(is_end)).map(|at| from + at + 1)
    };
    let paragraph = after(DOCUMENT_BYTES, |&byte| byte == b'\n').unwrap_or(bytes.len());
    let word = after(2 * DOCUMENT_BYTES, |&byte| byte == b' ').unwrap_or(bytes.len());
    paragraph.min(word)
}

/// What `null_corpora.py` fetches: argument, two dictionaries of words and one of computing, aphorisms, manuals, slang.
const FETCHED: [&str; 7] = ["anarchism", "foldoc", "fortunes", "gcide", "git", "jargon", "wn"];

/// The least length of a document, in bytes: some three to four hundred tokens.
const DOCUMENT_BYTES: usize = 1500;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/null_corpora.py");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_the_text_and_end_with_a_paragraph_or_a_word() {
        let paragraph = format!("{}\n", "word ".repeat(100));
        let text = format!("{}{}\u{e9}", paragraph.repeat(10), "word ".repeat(2000));
        let text = Text { name: "", source: String::new(), text };
        let documents: Vec<&str> = text.documents().collect();
        assert_eq!(documents.concat(), text.text);
        assert_eq!(documents[0], paragraph.repeat(3));
        let (last, others) = documents.split_last().unwrap();
        assert!(others.iter().all(|document| document.ends_with(['\n', ' '])), "{documents:?}");
        assert!(others.iter().all(|document| (1501..=3006).contains(&document.len())), "{documents:?}");
        assert!(last.ends_with('\u{e9}'));
        assert_eq!(Text { name: "", source: String::new(), text: String::new() }.documents().count(), 0);
    }
}
