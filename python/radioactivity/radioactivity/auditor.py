"""The command `taggant audit run`, and what its report says."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Line:
    """One test of a report; null numbers of a report are None."""

    z: float | None
    log10_p: float | None


def find() -> Path | None:
    """The program with the command: the one built last in this repository, or else the one on the path."""
    built = [ROOT / "target" / kind / "taggant" for kind in ("release", "debug")]
    built = sorted((path for path in built if path.is_file()), key=lambda path: path.stat().st_mtime, reverse=True)
    installed = shutil.which("taggant")
    candidates = [*built, *([Path(installed)] if installed else [])]
    return next((path for path in candidates if can_audit(path)), None)


def can_audit(program: Path) -> bool:
    """Whether a program is there and has the command."""
    try:
        return subprocess.run([program, "audit", "run", "--help"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def audit(
    program: Path, suspect: Path, profile: Path, key: Path, reference: Path | None = None, more: Sequence[str] = ()
) -> dict[str, Line]:
    """Runs the command.

    Args:
        program: the binary.
        suspect: rows of the suspect.
        profile: the profile of the mark.
        key: the key file.
        reference: rows of the reference.
        more: other arguments.

    Returns:
        The tests of the report by name.

    Raises:
        RuntimeError: if the command fails, with what it said, or if its report lacks what is read here.
    """
    command: list[str | Path] = [program, "audit", "run", "--suspect", suspect, "--profile", profile, "--key", key]
    if reference is not None:
        command += ["--reference", reference]
    run = subprocess.run([*command, *more, "--format", "json"], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"`{' '.join(map(str, command))}` exited with {run.returncode}: {run.stderr.strip()}")
    try:
        tests = json.loads(run.stdout)["tests"]
        return {entry["name"]: Line(entry["z"], entry["log10_p"]) for entry in tests}
    except (ValueError, KeyError, TypeError) as error:
        raise RuntimeError(f"{program} wrote a report of another form: {error!r}") from error
