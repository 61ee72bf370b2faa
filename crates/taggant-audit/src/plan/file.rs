//! Files of an audit: what each is for, and its digest.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::document::present;

/// A file of an audit, by what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFile {
    /// What it is for.
    pub role: Role,
    /// The cohort whose it is, where each has its own; null for a file of all.
    #[serde(deserialize_with = "present")]
    pub cohort: Option<String>,
    /// Its name without folders, for people: a file may be renamed.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// How many bytes it has.
    pub bytes: u64,
}

impl PlannedFile {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(role: Role, name: &str, mut file: impl Read) -> io::Result<Self> {
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; BUFFER_LEN];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    hasher.update(&buffer[..n]);
                    bytes += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let sha256 = Digest::from(<[u8; 32]>::from(hasher.finalize()));
        Ok(Self { role, cohort: None, name: name.to_owned(), sha256, bytes })
    }

    /// The same file as that of one cohort alone.
    #[must_use]
    pub fn of_cohort(self, name: &str) -> Self {
        Self { cohort: Some(name.to_owned()), ..self }
    }

    /// Whether the two hold the same for the same purpose.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let content = |file: &Self| (file.role, file.sha256, file.bytes);
        content(self) == content(other) && self.cohort == other.cohort
    }
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// What the suspect wrote, or its log-probs.
    Suspect,
    /// A log of output that was really given out.
    Served,
    /// Unmarked text of the same teacher.
    Familiar,
    /// Log-probs or unmarked text of a reference.
    Reference,
    /// The answers or log-probs of a control.
    Control,
    /// What the suspect was asked.
    Prompts,
    /// The assignment of accounts to deployed keys.
    Cohorts,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Suspect,
        Self::Served,
        Self::Familiar,
        Self::Reference,
        Self::Control,
        Self::Prompts,
        Self::Cohorts,
    ];

    /// The word of the plan.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::Served => "served",
            Self::Familiar => "familiar",
            Self::Reference => "reference",
            Self::Control => "control",
            Self::Prompts => "prompts",
            Self::Cohorts => "cohorts",
        }
    }

    /// Whether a plan may leave its files to come: those that are about answers which do not exist yet. What selects
    /// contexts or accounts is fixed before.
    #[must_use]
    pub fn may_come_later(self) -> bool {
        matches!(self, Self::Suspect | Self::Reference | Self::Control | Self::Prompts)
    }
}

/// One read of a file, in bytes.
const BUFFER_LEN: usize = 1 << 16;
