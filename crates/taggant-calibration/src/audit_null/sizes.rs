//! How much of everything: arguments of the form NAME=VALUE.

use anyhow::{Context, Result, bail};

/// The sizes of a run, all of them optional arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Keys of a cell.
    pub(super) keys: u64,
    /// Tokens that a suspect writes for the closed tests.
    pub(super) tokens: usize,
    /// Tokens that a suspect reads for the open ones, where no key has a part in them.
    pub(super) read: usize,
    /// Tokens that are served afresh under each key.
    pub(super) served: usize,
    /// Keys of a cell in which the suspect answers prompts that carry the mark.
    pub(super) prompt_keys: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { keys: 2_000, tokens: 6_000, read: 2_000, served: 600, prompt_keys: 1_000 }
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
            let number: usize = match value.parse() {
                Ok(number) if number >= 2 => number,
                _ => bail!("expected a number of at least 2 after {name}=, found {value:?}"),
            };
            match name {
                "keys" => sizes.keys = number as u64,
                "tokens" => sizes.tokens = number,
                "read" => sizes.read = number,
                "served" => sizes.served = number,
                "prompt-keys" => sizes.prompt_keys = number as u64,
                _ => {
                    let names = sizes.numbers().map(|(name, _)| name);
                    bail!("no size {name:?}; expected one of {}", names.join(", "))
                }
            }
        }
        Ok(sizes)
    }

    /// The arguments of this run, each after a space; empty for the default ones.
    pub(super) fn shown(&self) -> String {
        let (own, default) = (self.numbers(), Self::default().numbers());
        let changed = own.iter().zip(default).filter(|(own, default)| *own != default);
        changed.map(|((name, number), _)| format!(" {name}={number}")).collect()
    }

    fn numbers(&self) -> [(&'static str, u64); 5] {
        [
            ("keys", self.keys),
            ("tokens", self.tokens as u64),
            ("read", self.read as u64),
            ("served", self.served as u64),
            ("prompt-keys", self.prompt_keys),
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
        let parsed = parse(&["keys=20", "served=7"]).unwrap();
        assert_eq!((parsed.keys, parsed.served), (20, 7));
        assert_eq!(parsed.shown(), " keys=20 served=7");
        for wrong in ["keys", "keys=", "keys=1", "keys=-3", "key=20"] {
            assert!(parse(&[wrong]).is_err(), "{wrong}");
        }
    }
}
