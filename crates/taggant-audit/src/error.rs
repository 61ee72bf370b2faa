//! What can go wrong in an audit.

use taggant_verify::LnP;

/// An error of this crate. Its message is one line and never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub(crate) Kind);

impl Error {
    /// Whether the input holds nothing that could be scored.
    #[must_use]
    pub fn is_nothing_to_score(&self) -> bool {
        matches!(&self.0, Kind::Verify(error) if error.is_nothing_to_score())
    }
}

impl From<taggant_verify::Error> for Error {
    fn from(error: taggant_verify::Error) -> Self {
        Kind::Verify(error).into()
    }
}

/// What exactly went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Kind {
    #[error(transparent)]
    Verify(taggant_verify::Error),
    #[error("the reference {name} holds no token to fit a model on")]
    EmptyReference { name: String },
    #[error("the reference {name} needs a vocabulary of {found} tokens; at most {most} are read")]
    Vocabulary { name: String, found: usize, most: usize },
    #[error("the reference {name} cannot be fitted")]
    Model { name: String, source: taggant_lm::Error },
    #[error("the reference {name} holds no log-probs")]
    NoLogProbs { name: String },
    #[error(
        "the reference {name} has log-probs for none of the suspect's passages: its rows must hold the same tokens, token for token"
    )]
    NoPassage { name: String },
    #[error(
        "passage {id} of the suspect is a served document, token for token; text that the suspect read and did not write is \
         tested as such: --origin marked"
    )]
    ServedVerbatim { id: String },
    #[error(
        "text that the suspect read and did not write is tested through its log-probs, and no passage has any; the rows need a \
         field `logprobs`"
    )]
    NothingOpen,
    #[error(
        "marked text cannot be read under this dialect: several contexts share an input, and which one came first depends on \
         the key; use text that no key had a part in"
    )]
    KeyedReading,
    #[error(
        "on marked text a list of log-probs must not say which token came, and these lists differ in length, the shortest has \
         {shortest} and others {longest}: give the same number of likeliest tokens at every position, or text that no key had a \
         part in"
    )]
    UnevenLists { shortest: usize, longest: usize },
    #[error(
        "log-probs over another tokenizer are not read on marked text: which positions and tokens both have depends on what \
         came; use text that no key had a part in"
    )]
    AlignedReading,
    #[error(
        "the text that the suspect read carries this key's mark itself (p = {p}): it is not text that no key had a part in; read \
         it as --origin marked"
    )]
    MarkedText { p: LnP },
    #[error(
        "the reference {name} scores lower than chance under this key (z = {z:.1}): it was chosen with the key, and would accuse \
         the innocent"
    )]
    ScreenedReference { name: String, z: f64 },
    #[error("{document}: {message}")]
    Json { document: &'static str, message: String },
    #[error("{document}: expected at most {max} bytes, found more")]
    Size { document: &'static str, max: usize },
    #[error("{document}: schema_version {found}, this build reads {expected}")]
    SchemaVersion { document: &'static str, expected: u64, found: u64 },
    #[error("{document}: {field} must be {expected}, found {found}")]
    Field { document: &'static str, field: String, expected: &'static str, found: String },
    #[error("{document}: {message}")]
    Contradiction { document: &'static str, message: String },
    #[error("a digest is 64 lower-case hexadecimal digits, {found}")]
    Digest { found: String },
    #[error(
        "the level {level} is below {}, the smallest p that these cohorts can give: expected more cohorts, or a level \
         of at least that",
        rounded_up(*floor)
    )]
    CohortLevel { level: f64, floor: f64 },
    #[error("findings: {message}")]
    Findings { message: String },
}

/// A number in a few digits, none of which makes it smaller.
fn rounded_up(x: f64) -> String {
    let scale = 10_f64.powf(2.0 - x.log10().floor());
    let shown = (x * scale).ceil() / scale;
    format!("{shown:.2e}")
}
