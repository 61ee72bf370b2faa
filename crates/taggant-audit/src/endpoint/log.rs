//! The log of a run: every request, and every response as it came.
//!
//! A file of JSON lines that is only ever appended to. The first line says what it is the log of; each later one is an
//! [`Entry`]. Whoever holds the file open for writing holds its lock, which the system drops when the process ends.

mod entry;
mod replay;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Question;
use super::error::{Error, Kind};
pub(super) use entry::{Entry, Header};
pub(super) use replay::{Earlier, Place};

/// An open, locked log.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    len: u64,
    lines: u64,
    is_synced: bool,
}

impl Log {
    /// Opens the log of the run that `header` describes, or begins it, and reads what earlier runs left.
    ///
    /// A last line that was cut off is set aside: it stays where it is, and a line after it says so.
    pub(super) fn open(
        path: &Path,
        header: &Header,
        questions: &[Question],
    ) -> Result<(Self, Earlier), Error> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path).map_err(Kind::io(path, "open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Kind::LogInUse { log: path.to_owned() }.into()),
            Err(TryLockError::Error(error)) => return Err(Kind::io(path, "lock")(error)),
        }
        let mut log = Self { path: path.to_owned(), file, len: 0, lines: 0, is_synced: true };
        let earlier = replay::read(&mut log, header, questions)?;
        Ok((log, earlier))
    }

    /// Appends a line, and says where it is.
    pub(super) fn append(&mut self, entry: &Entry<'_>) -> Result<Place, Error> {
        self.append_line(to_line(entry))
    }

    /// Sees to it that what was appended outlives the machine.
    pub(super) fn sync(&mut self) -> Result<(), Error> {
        if !self.is_synced {
            self.file.sync_data().map_err(Kind::io(&self.path, "write"))?;
            self.is_synced = true;
        }
        Ok(())
    }

    /// Reads a line again.
    pub(super) fn entry(&mut self, place: Place) -> Result<Entry<'static>, Error> {
        let mut line = vec![0; place.len];
        let mut read = || {
            self.file.seek(SeekFrom::Start(place.start))?;
            self.file.read_exact(&mut line)
        };
        read().map_err(Kind::io(&self.path, "read"))?;
        serde_json::from_slice(&line).map_err(|_| self.damaged(place.line, "it changed while it was in use"))
    }

    pub(super) fn damaged(&self, line: u64, what: &'static str) -> Error {
        Kind::LogDamaged { log: self.path.clone(), line, what }.into()
    }

    /// A line is written in one piece, so that a kill leaves at most its beginning.
    fn append_line(&mut self, mut line: Vec<u8>) -> Result<Place, Error> {
        let place = Place { line: self.lines + 1, start: self.len, len: line.len() };
        line.push(b'\n');
        self.file.write_all(&line).map_err(Kind::io(&self.path, "write"))?;
        self.len += line.len() as u64;
        self.lines += 1;
        self.is_synced = false;
        Ok(place)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Closing the file is not enough while a process that was forked meanwhile still holds a copy of it.
        let _ = self.file.unlock();
    }
}

/// Seconds since 1970, for the record only.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn to_line(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("entries have string keys and finite numbers")
}
