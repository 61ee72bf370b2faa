//! What can go wrong between a profile, a key and a dialect.

/// An error of this crate. Its message is one line and never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub(crate) Kind);

/// What exactly went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Kind {
    #[error("{}{message}", at_line(*line))]
    Toml { line: Option<usize>, message: String },
    #[error("a profile names its dialect: expected dialect = \"...\", one of {known}")]
    NoDialect { known: String },
    #[error("unknown dialect {found:?}, this build knows {known}")]
    UnknownDialect { found: String, known: String },
    #[error(transparent)]
    Core(#[from] taggant::Error),
    #[error(
        "keys of the dialect {dialect} can be short enough to be guessed from a commitment: expected a dialect whose keys are \
         32 random bytes"
    )]
    GuessableKey { dialect: &'static str },
    #[error("a commitment is 64 lower-case hexadecimal digits, {found}")]
    CommitmentText { found: String },
    #[error("not a file of golden vectors: {message}")]
    Vectors { message: String },
}

impl From<taggant::Error> for Error {
    fn from(error: taggant::Error) -> Self {
        Self(Kind::Core(error))
    }
}

fn at_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}
