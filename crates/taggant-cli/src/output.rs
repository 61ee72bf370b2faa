//! Where results go: stdout, and files that are written whole or not at all.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use taggant_verify::{Report, render};

use crate::args::Format;

/// Renders a report.
pub(crate) fn render(report: &Report, format: Format) -> String {
    match format {
        Format::Table => render::table(report),
        Format::Json => report.to_json(),
        Format::Md => render::markdown(report),
        Format::Html => render::html(report),
    }
}

/// Prints text to stdout.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever reads has enough; what was found stays the exit status.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

/// Checks, before any work is done, that every file has a format and a folder.
pub(crate) fn check_files(files: &[PathBuf]) -> Result<()> {
    for file in files {
        format_of(file)?;
        check_place(file)?;
    }
    Ok(())
}

/// Checks, before any work is done, that a file can be made and that there is none yet.
pub(crate) fn check_new(path: &Path) -> Result<()> {
    check_place(path)?;
    if path.exists() {
        bail!("{} exists and is not overwritten; name another file", path.display());
    }
    Ok(())
}

/// Writes a new file whole or not at all. One that exists is left alone.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<()> {
    put(path, text, Overwrite::Never)
}

/// Checks, before any work is done, that a file can be made.
pub(crate) fn check_place(file: &Path) -> Result<()> {
    let folder = folder_of(file);
    if !folder.is_dir() {
        bail!("cannot write {}: there is no folder {}", file.display(), folder.display());
    }
    if file.is_dir() {
        bail!("cannot write {}: it is a folder", file.display());
    }
    Ok(())
}

/// Writes a report to every file, each in the format its extension names.
pub(crate) fn write_report(report: &Report, files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|file| write(file, &render(report, format_of(file)?)))
}

/// Writes a file whole or not at all: beside it first, then in its place.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    put(path, text, Overwrite::Always)
}

#[derive(Clone, Copy, PartialEq)]
enum Overwrite {
    Always,
    Never,
}

fn put(path: &Path, text: &str, overwrite: Overwrite) -> Result<()> {
    check_place(path)?;
    let put = || -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        // A temporary file is for its owner alone; a report is as readable as any new file under the user's umask.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let made = builder.tempfile_in(folder_of(path));
        // The library's own message names a file that nobody asked for.
        let mut file = made.map_err(|error| io::Error::from(error.kind()))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        let persisted = match overwrite {
            Overwrite::Always => file.persist(path),
            Overwrite::Never => file.persist_noclobber(path),
        };
        persisted.map(|_| ()).map_err(|error| error.error)
    };
    put().with_context(|| format!("cannot write {}", path.display()))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn format_of(path: &Path) -> Result<Format> {
    Ok(match path.extension().and_then(OsStr::to_str) {
        Some("json") => Format::Json,
        Some("md") => Format::Md,
        Some("html") => Format::Html,
        Some("txt") => Format::Table,
        _ => bail!("{}: the extension names no format; expected .json, .md, .html or .txt", path.display()),
    })
}
