//! How much of everything: arguments of the form NAME=VALUE.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The sizes of a run, all of them optional arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Where the texts are, or are fetched to.
    pub(super) folder: PathBuf,
    /// The most tokens of one text.
    pub(super) tokens: usize,
    /// Simulated keys of each cell; at least 2, as are all numbers of keys.
    pub(super) keys: usize,
    /// Real keys of each cell, and how many of its inputs they read.
    pub(super) real_keys: u64,
    pub(super) real_inputs: usize,
    /// Real keys of each e-process, and how many inputs it reads.
    pub(super) sequential_keys: u64,
    pub(super) sequential_inputs: usize,
    /// Real keys of the filter to served contexts, and how much text each serves.
    pub(super) served_keys: u64,
    pub(super) served_tokens: usize,
    /// Real keys of each scan for spans.
    pub(super) span_keys: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            folder: concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/null-corpora").into(),
            tokens: 650_000,
            keys: 10_000,
            real_keys: 200,
            real_inputs: 32_768,
            sequential_keys: 2_000,
            sequential_inputs: 10_000,
            served_keys: 1_000,
            served_tokens: 1_000,
            span_keys: 1_000,
        }
    }
}

impl Sizes {
    /// # Errors
    /// When an argument is of another form, or its number is below 2.
    pub(super) fn parse(args: &[String]) -> Result<Self> {
        let mut sizes = Self::default();
        for arg in args {
            let (name, value) =
                arg.split_once('=').with_context(|| format!("expected NAME=VALUE, found {arg:?}"))?;
            if name == "folder" {
                sizes.folder = value.into();
                continue;
            }
            let number: usize = match value.parse() {
                Ok(number) if number >= 2 => number,
                _ => bail!("expected a number of at least 2 after {name}=, found {value:?}"),
            };
            match name {
                "tokens" => sizes.tokens = number,
                "keys" => sizes.keys = number,
                "real-keys" => sizes.real_keys = number as u64,
                "real-inputs" => sizes.real_inputs = number,
                "sequential-keys" => sizes.sequential_keys = number as u64,
                "sequential-inputs" => sizes.sequential_inputs = number,
                "served-keys" => sizes.served_keys = number as u64,
                "served-tokens" => sizes.served_tokens = number,
                "span-keys" => sizes.span_keys = number as u64,
                _ => {
                    let names = sizes.numbers().map(|(name, _)| name);
                    bail!("no size {name:?}; expected folder, {}", names.join(", "))
                }
            }
        }
        Ok(sizes)
    }

    /// The arguments of this run but for the folder, each after a space; empty for the default ones.
    pub(super) fn shown(&self) -> String {
        let (own, default) = (self.numbers(), Self::default().numbers());
        let changed = own.iter().zip(default).filter(|(own, default)| *own != default);
        changed.map(|((name, number), _)| format!(" {name}={number}")).collect()
    }

    fn numbers(&self) -> [(&'static str, u64); 9] {
        [
            ("tokens", self.tokens as u64),
            ("keys", self.keys as u64),
            ("real-keys", self.real_keys),
            ("real-inputs", self.real_inputs as u64),
            ("sequential-keys", self.sequential_keys),
            ("sequential-inputs", self.sequential_inputs as u64),
            ("served-keys", self.served_keys),
            ("served-tokens", self.served_tokens as u64),
            ("span-keys", self.span_keys),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_named_numbers() {
        let parse = |args: &[&str]| Sizes::parse(&args.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(parse(&[]).unwrap(), Sizes::default());
        let parsed = parse(&["keys=20", "folder=a=b"]).unwrap();
        assert_eq!((parsed.keys, parsed.folder), (20, PathBuf::from("a=b")));
        for wrong in ["keys", "keys=", "keys=1", "keys=-3", "key=20"] {
            assert!(parse(&[wrong]).is_err(), "{wrong}");
        }
    }
}
