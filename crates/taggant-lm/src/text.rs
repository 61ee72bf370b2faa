//! The embedded public-domain text: two English prose authors, about 4 MB each.
//!
//! Two authors rather than one, because a demonstration needs a teacher that writes like one of them and a student
//! whose other training data is by somebody else. Provenance, licence and checksums: `data/README.md`.

use std::io::Read;

use lzma_rust2::XzReader;

use crate::Error;
use crate::error::Kind;

/// Who wrote an embedded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Author {
    /// Jane Austen (1775-1817): her six novels.
    Austen,
    /// Charles Haddon Spurgeon (1834-1892): the first 4 MB of *The Treasury of David*, prose paragraphs only.
    Spurgeon,
}

impl Author {
    /// Every author with an embedded text.
    pub const ALL: &[Self] = &[Self::Austen, Self::Spurgeon];
}

/// Unpacks the text of `author`: UTF-8, one paragraph per line, every line ended by `\n`.
///
/// Unpacking takes about 60 ms, each time; keep the string.
///
/// # Errors
///
/// Only if the bytes compiled into the program do not unpack, which a test of this crate rules out.
///
/// # Examples
///
/// ```
/// use taggant_lm::{Author, text};
///
/// let austen = text(Author::Austen)?;
/// assert!(austen.contains("It is a truth universally acknowledged"));
/// # Ok::<(), taggant_lm::Error>(())
/// ```
pub fn text(author: Author) -> Result<String, Error> {
    let (packed, len): (&[u8], usize) = match author {
        Author::Austen => (AUSTEN, AUSTEN_LEN),
        Author::Spurgeon => (SPURGEON, SPURGEON_LEN),
    };
    let mut text = String::with_capacity(len);
    XzReader::new(packed, false).read_to_string(&mut text).map_err(Kind::EmbeddedText)?;
    Ok(text)
}

const AUSTEN: &[u8] = include_bytes!("../data/austen.txt.xz");
const SPURGEON: &[u8] = include_bytes!("../data/spurgeon.txt.xz");

/// Lengths of the unpacked texts, in bytes: they only size the buffer.
const AUSTEN_LEN: usize = 4_007_025;
const SPURGEON_LEN: usize = 3_998_860;

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn check_text(author: Author, len: usize, sha256: &str) {
        let text = text(author).unwrap();
        assert_eq!(text.len(), len, "{author:?}");
        let digest: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, sha256, "{author:?}");
        assert!(text.ends_with('\n'), "{author:?}");
        assert!(text.lines().all(|line| !line.is_empty() && line.trim() == line), "{author:?}");
        assert!(!text.contains("<|endoftext|>"), "{author:?}");
    }

    #[test]
    fn austen_is_the_text_of_the_readme() {
        check_text(
            Author::Austen,
            AUSTEN_LEN,
            "49720aa0e6e1905d9fd11138da5dbd086ef81132dae2c5162fcbdc032ee51614",
        );
    }

    #[test]
    fn spurgeon_is_the_text_of_the_readme() {
        check_text(
            Author::Spurgeon,
            SPURGEON_LEN,
            "fdbf7e5466d69df8223b7eb557a15260355ace94ea642d30b73aceb62ee852aa",
        );
    }
}
