//! A folder with a key in it, and runs of the program there.

#![allow(dead_code, reason = "each suite uses its own part")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The secret of these tests, which no run may show.
pub(crate) const SECRET: &str = "c0ffee00d15ea5e5c0ffee00d15ea5e5c0ffee00d15ea5e5c0ffee00d15ea5e5";

/// What a run said, and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A fresh folder that holds `key`, which only its owner can read.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "key", &format!("{SECRET}\n"));
    set_mode(&folder.path().join("key"), 0o600);
    folder
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
pub(crate) fn set_mode(_path: &Path, _mode: u32) {}

/// The program with the words of `line` as arguments.
pub(crate) fn command(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taggant"));
    command.current_dir(folder).args(line.split_whitespace()).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(folder: &Path, line: &str) -> Run {
    told(line, command(folder, line).output().unwrap())
}

/// Runs the program on what it is to read from standard input.
pub(crate) fn run_on(folder: &Path, line: &str, stdin: &str) -> Run {
    let mut command = command(folder, line);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A run that fails early does not read to the end.
        scope.spawn(move || pipe.write_all(stdin.as_bytes()));
        told(line, child.wait_with_output().unwrap())
    })
}

/// What a run said. Whatever it was: no secret, and no trace of a progress bar.
pub(crate) fn told(line: &str, output: Output) -> Run {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap_or_else(|| panic!("{line}: {}", output.status));
    let run = Run { status, stdout: text(output.stdout), stderr: text(output.stderr) };
    for said in [&run.stdout, &run.stderr] {
        assert!(!said.to_ascii_lowercase().contains(SECRET), "{line}: shows the secret");
        assert!(!said.contains(['\r', '\u{1b}', '\u{2588}']), "{line}: draws: {said:?}");
    }
    run
}

/// Runs what has to succeed without a word on stderr, and gives its stdout.
pub(crate) fn stdout_of(folder: &Path, line: &str) -> String {
    let run = run(folder, line);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{line}");
    run.stdout
}
