"""The program `taggant`: its commands, its report, and the log of what it asked."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]

PATIENCE_S = 300.0
"""For an audit of some 1000 tokens, which takes seconds."""

POLL_S = 0.005


def find() -> Path | None:
    """The program built last in this repository, or else the one on the path."""
    built = [path for kind in ("release", "debug") if (path := ROOT / "target" / kind / "taggant").is_file()]
    installed = shutil.which("taggant")
    if built:
        return max(built, key=lambda path: path.stat().st_mtime)
    return Path(installed) if installed else None


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    status: int
    stdout: str
    stderr: str

    def report(self) -> dict[str, Any]:
        """The report.

        Raises:
            RuntimeError: if the command failed.
        """
        if self.status != 0:
            raise RuntimeError(f"taggant exited with {self.status}: {self.stderr.strip()}")
        report: dict[str, Any] = json.loads(self.stdout)
        return report


def run(*command: str | Path) -> str:
    """Runs a command that must succeed, and gives what it wrote to stdout."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(map(str, command))}` exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True)
class Auditor:
    """`taggant audit run` on one server, with all that does not change between checks."""

    program: Path
    url: str
    model: str
    prompts: Path
    profile: Path
    key: Path
    work: Path
    max_tokens: int

    def command(self, log: Path, *more: str, key: Path | None = None, model: str | None = None) -> list[str | Path]:
        """The command. It asks for greedy answers, which are the same whenever they are asked for."""
        return [
            *(self.program, "audit", "run", "--endpoint", self.url, "--model", model or self.model),
            *("--prompts", self.prompts, "--profile", self.profile, "--key", key or self.key, "--log", log),
            *("--tokenizer", "embedded", "--max-tokens", str(self.max_tokens), "--temperature", "0"),
            *("--format", "json", *more),
        ]

    def audit(self, log: Path, *more: str, key: Path | None = None, model: str | None = None) -> Said:
        """Runs the command to its end."""
        command = self.command(log, *more, key=key, model=model)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        return Said(done.returncode, done.stdout, done.stderr)

    def audit_file(self, rows: Path) -> Said:
        """Audits answers that are rows of a file."""
        command: list[str | Path] = [self.program, "audit", "run", "--suspect", rows, "--profile", self.profile]
        command += ["--key", self.key, "--tokenizer", "embedded", "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        return Said(done.returncode, done.stdout, done.stderr)

    def disturbed(
        self, log: Path, *more: str, answers: int, disturb: Callable[["subprocess.Popen[str]"], None]
    ) -> Said:
        """Runs the command, and does something as soon as the log holds so many answers.

        Raises:
            RuntimeError: if the command ended before.
        """
        pipe = subprocess.PIPE
        with subprocess.Popen(self.command(log, *more), stdout=pipe, stderr=pipe, text=True) as process:
            try:
                deadline = time.monotonic() + PATIENCE_S
                while len(read(log).answers) < answers:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"expected an audit under way at {answers} answers, found it ended or stuck")
                    time.sleep(POLL_S)
                disturb(process)
                stdout, stderr = process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()
        return Said(process.returncode, stdout, stderr)

    def killed(self, log: Path, answers: int) -> None:
        """Runs the command and kills it as soon as the log holds so many answers."""
        said = self.disturbed(log, answers=answers, disturb=lambda process: process.kill())
        if said.status != -signal.SIGKILL:
            raise RuntimeError(f"expected a killed audit, found one that ended with {said.status}")


@dataclass(frozen=True)
class Log:
    """What the log of an endpoint says."""

    sent: list[str]
    """The question of each request, in order."""

    answers: dict[str, dict[str, Any]]
    """The body of each response that is an answer, by question."""

    asked_again: list[str]
    """Questions that were sent after they were answered."""

    spent: int
    """The tokens that count against a budget."""

    def tokens(self) -> int:
        """The tokens of all answers, as the server counts them."""
        return sum(body["usage"]["completion_tokens"] for body in self.answers.values())


def read(path: Path) -> Log:
    """Reads a log, also one that is being written or was cut off: lines that are not whole are passed over."""
    log = Log([], {}, [], 0)
    spent = 0
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        spent += entry.get("tokens_spent", 0)
        question = entry.get("question")
        if entry.get("event") == "sent":
            log.sent.append(question)
            if question in log.answers:
                log.asked_again.append(question)
        elif entry.get("event") == "answer":
            log.answers[question] = json.loads(entry["body"])
    return Log(log.sent, log.answers, log.asked_again, spent)
