//! Key files: read with care, written once, never shown.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use taggant_dialects::KeyMaterial;
use zeroize::Zeroizing;

/// Reads a key from a file or, for `env:NAME`, an environment variable. Warns when others can read the file.
pub(crate) fn read(place: &str) -> Result<KeyMaterial> {
    if let Some(name) = place.strip_prefix("env:") {
        if name.is_empty() {
            bail!("env:NAME names an environment variable, and NAME is empty");
        }
        if name.len() >= 64 {
            bail!("env:NAME names an environment variable, and this is too long for a name");
        }
        return match std::env::var(name) {
            Ok(text) => Ok(KeyMaterial::from_text(text)),
            Err(std::env::VarError::NotPresent) => {
                bail!("environment variable {name} is not set; --key env:{name} reads the key from it")
            }
            Err(_) => bail!("environment variable {name} is not text"),
        };
    }
    refuse_as_place(place)?;
    let path = Path::new(place);
    let file = File::open(path).map_err(|error| {
        let is_missing = error.kind() == ErrorKind::NotFound;
        let hint = if is_missing { "; make one with `taggant keygen --output FILE`" } else { "" };
        anyhow::anyhow!("cannot read key file {}: {error}{hint}", path.display())
    })?;
    let metadata = file.metadata().with_context(|| format!("cannot read key file {}", path.display()))?;
    if metadata.is_dir() {
        bail!("{} is a folder, not a key file", path.display());
    }
    // Reserved in full, so that growing leaves no copy behind. A pipe has no length of its own.
    let mut text = Zeroizing::new(String::with_capacity(LARGEST_KEY_FILE as usize + 1));
    let read = file.take(LARGEST_KEY_FILE + 1).read_to_string(&mut text);
    if text.len() as u64 > LARGEST_KEY_FILE {
        bail!("{} holds more than {LARGEST_KEY_FILE} bytes, which is no key file", path.display());
    }
    if let Err(error) = read {
        if error.kind() == ErrorKind::InvalidData {
            bail!("key file {} is not text", path.display());
        }
        return Err(error).with_context(|| format!("cannot read key file {}", path.display()));
    }
    warn_if_others_can_read(path, &metadata);
    Ok(KeyMaterial::from_text(std::mem::take(&mut *text)))
}

/// Refuses what looks like a key where the place of one was expected.
pub(crate) fn refuse_as_place(place: &str) -> Result<()> {
    if place.len() >= 32 && place.bytes().all(|byte| byte.is_ascii_hexdigit()) && !Path::new(place).exists() {
        bail!("a key is read from a file or, with env:NAME, from a variable, never from an argument");
    }
    Ok(())
}

/// Writes a key to a new file that only its owner may read. One that exists is left alone.
pub(crate) fn write_new(path: &Path, key: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{} exists and is not overwritten; name another file", path.display())
        }
        _ => anyhow::anyhow!("cannot make {}: {error}", path.display()),
    })?;
    let written = file.write_all(key.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half a key is worse than none. That it could not be removed either adds nothing.
        let _ = fs::remove_file(path);
        anyhow::anyhow!("cannot write {}: {error}", path.display())
    })
}

#[cfg(unix)]
fn warn_if_others_can_read(path: &Path, metadata: &fs::Metadata) {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    // A pipe's mode says nothing of who can read it.
    if metadata.is_file() && mode & 0o077 != 0 {
        eprintln!(
            "taggant: warning: key file {} can be read by others (mode {mode:o}); run `chmod 600` on it",
            path.display()
        );
    }
}

#[cfg(not(unix))]
fn warn_if_others_can_read(_path: &Path, _metadata: &fs::Metadata) {}

/// Room for any dialect's key; anything longer is some other file.
const LARGEST_KEY_FILE: u64 = 1 << 16;
