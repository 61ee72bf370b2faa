//! Where a corpus comes from: files, folders, patterns, standard input; plain, gzip or Parquet.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Kind};

/// One input, found and named but not yet opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One document: the whole file is its text.
    Txt,
    /// One document a line: a JSON object.
    Jsonl,
    /// One document a row: columns with the names of a line's fields.
    Parquet,
}

/// A source that has been opened.
pub(crate) enum Opened {
    /// Bytes to read from the first to the last.
    Text(Box<dyn BufRead>, Format),
    /// Bytes to read from any place.
    #[cfg(feature = "parquet")]
    Parquet(Seekable),
}

/// What Parquet is read from, which has its table of contents at its end.
#[cfg(feature = "parquet")]
pub(crate) enum Seekable {
    File(File),
    Memory(Vec<u8>),
}

impl Source {
    /// Finds the sources that one argument names: `-` is standard input, a folder all its `.txt`, `.jsonl`,
    /// `.ndjson` and `.parquet` files (with or without `.gz`, to any depth, sorted by name), a name with `*`, `?` or `[` that is no
    /// file every file that matches.
    ///
    /// # Errors
    /// When nothing has that name or matches it, or a folder holds no such file.
    pub fn find(argument: &str) -> Result<Vec<Self>, Error> {
        let path = Path::new(argument);
        if argument == "-" {
            Ok(vec![Self::Stdin])
        } else if path.is_dir() {
            let mut files = Vec::new();
            walk(path, &mut files, &mut HashSet::new())?;
            match files.is_empty() {
                true => Err(Kind::EmptyFolder { at: argument.into() }.into()),
                false => Ok(files),
            }
        } else if !path.exists() && argument.contains(['*', '?', '[']) {
            let paths = glob::glob(argument)
                .map_err(|error| Kind::Pattern { at: argument.into(), message: error.to_string() })?;
            let files: Result<Vec<_>, _> = paths.map(|path| path.map(Self::File)).collect();
            let files = files
                .map_err(|error| Kind::Io { at: error.path().display().to_string(), source: error.into() })?;
            match files.is_empty() {
                true => Err(Kind::NoMatch { at: argument.into() }.into()),
                false => Ok(files),
            }
        } else {
            Ok(vec![Self::File(path.to_owned())])
        }
    }

    /// The source as messages name it: a path, or `-`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "-".into(),
        }
    }

    /// The name that stands in for an id in reports, which hold no paths: the file's own name, or `-`.
    #[must_use]
    pub fn short_name(&self) -> String {
        match self {
            Self::File(path) => {
                path.file_name().map_or_else(|| self.name(), |name| name.to_string_lossy().into_owned())
            }
            Self::Stdin => "-".into(),
        }
    }

    /// Opens the source, unpacking gzip wherever its magic bytes stand, and settles the format: as asked, else by the
    /// file's name, else Parquet by its magic bytes, else (standard input) `jsonl` if the first byte that is not
    /// white space is `{`.
    pub(crate) fn open(&self, format: Option<Format>) -> Result<Opened, Error> {
        let io_error = |source| Error::from(Kind::Io { at: self.name(), source });
        let (raw, file): (Box<dyn Read>, _) = match self {
            Self::File(path) => {
                let file = File::open(path).map_err(io_error)?;
                (Box::new(file.try_clone().map_err(io_error)?), Some(file))
            }
            Self::Stdin => (Box::new(io::stdin()), None),
        };
        let mut raw = BufReader::with_capacity(BUFFER, raw);
        let is_gzip = raw.fill_buf().map_err(io_error)?.starts_with(&GZIP_MAGIC);
        let mut reader: Box<dyn BufRead> = match is_gzip {
            true => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))),
            false => Box::new(raw),
        };
        let by_name = match self {
            Self::File(path) => format_of(path),
            Self::Stdin => None,
        };
        let format = match format.or(by_name) {
            Some(format) => format,
            None => {
                let start = reader.fill_buf().map_err(io_error)?;
                let bare = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
                let first = bare.iter().find(|byte| !byte.is_ascii_whitespace());
                match self {
                    _ if start.starts_with(PARQUET_MAGIC) => Format::Parquet,
                    Self::File(_) => return Err(Kind::UnknownFormat { at: self.name() }.into()),
                    Self::Stdin if first == Some(&b'{') => Format::Jsonl,
                    Self::Stdin => Format::Txt,
                }
            }
        };
        match (format, file) {
            #[cfg(feature = "parquet")]
            (Format::Parquet, Some(file)) if !is_gzip => Ok(Opened::Parquet(Seekable::File(file))),
            #[cfg(feature = "parquet")]
            (Format::Parquet, _) => {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes).map_err(io_error)?;
                Ok(Opened::Parquet(Seekable::Memory(bytes)))
            }
            #[cfg(not(feature = "parquet"))]
            (Format::Parquet, _) => Err(Kind::NoParquet { at: self.name() }.into()),
            _ => Ok(Opened::Text(reader, format)),
        }
    }
}

/// Files in a folder, each folder once however many links lead to it.
fn walk(folder: &Path, files: &mut Vec<Source>, seen: &mut HashSet<PathBuf>) -> Result<(), Error> {
    let io_error = |source| Error::from(Kind::Io { at: folder.display().to_string(), source });
    if !seen.insert(folder.canonicalize().map_err(io_error)?) {
        return Ok(());
    }
    let entries: io::Result<Vec<_>> = folder.read_dir().map_err(io_error)?.collect();
    let mut paths: Vec<PathBuf> = entries.map_err(io_error)?.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, files, seen)?;
        } else if format_of(&path).is_some() {
            files.push(Source::File(path));
        }
    }
    Ok(())
}

/// The format that a name stands for; a final `.gz` is passed over.
fn format_of(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "txt" => Some(Format::Txt),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "parquet" => Some(Format::Parquet),
        _ => None,
    }
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// Bytes read at once.
const BUFFER: usize = 1 << 16;
