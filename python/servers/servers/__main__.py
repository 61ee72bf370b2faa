"""Makes a model, serves it, and audits the servers."""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from servers import checks, program, server
from servers.checks import CheckError, Stage
from servers.program import Auditor
from servers.server import Server

DOCUMENTS = 24
DOCUMENT_TOKENS = 64
PROMPT_TOKENS = 8
ANSWER_TOKENS = 40

WORK = program.ROOT / "target" / "servers" / "run"
"""Made anew by each run."""

TOKENIZER = program.ROOT / "crates" / "taggant-lm" / "data" / "tokenizer.json"


def main() -> int:
    """Runs the suite; the exit status is 1 if a check failed, 2 if the suite cannot run."""
    arguments = parse()
    # So that servers are killed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        taggant = arguments.taggant or program.find()
        if taggant is None:
            raise RuntimeError("no taggant: run `cargo build --release -p taggant-cli`, or name one with --taggant")
        return run(taggant.resolve(), arguments.work.resolve(), arguments.server or list(SERVERS))
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"servers: {error}", file=sys.stderr)
        return 2


def run(taggant: Path, work: Path, names: list[str]) -> int:
    """Makes everything anew, and checks each server."""
    begin = time.monotonic()
    if work == WORK:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    if any(work.iterdir()):
        raise RuntimeError(f"{work}: expected a new or empty folder")
    print(f"{program.run(taggant, '--version').strip()}, {taggant}")
    servers = [SERVERS[name](work) for name in names]
    recitals = make(taggant, work)
    failures = sum(check(made, taggant, work, recitals) for made in servers)
    print(f"{failures or 'no'} failures in {time.monotonic() - begin:.0f} s; logs in {work}")
    return 1 if failures else 0


def make(taggant: Path, work: Path) -> dict[str, str]:
    """Makes keys, profile, marked text, a model that knows it by heart, and prompts; gives the answers by question."""
    # Not at the top: it takes seconds, and --help needs none of it.
    import torch
    from tokenizers import Tokenizer

    from servers import model

    for name in ("mark", "other"):
        program.run(taggant, "keygen", "--output", work / f"{name}.key")
    program.run(taggant, "profile", "--tokenizer", "embedded", "--output", work / "profile.toml")
    options = ("--profile", work / "profile.toml", "--key", work / "mark.key")
    sizes = ("--documents", str(DOCUMENTS), "--tokens", str(DOCUMENT_TOKENS))
    rows = program.run(taggant, "generate", *options, *sizes).splitlines()

    begin = time.monotonic()
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    texts = [*(json.loads(row)["text"] for row in rows), *model.FOREIGN]
    pieces = model.recitals(tokenizer, texts, PROMPT_TOKENS, ANSWER_TOKENS)
    student = model.learn(pieces, tokenizer.get_vocab_size())
    model.save(student, TOKENIZER, work / "student")
    model.save_gguf(student, TOKENIZER, work / "student.gguf")
    size = sum(parameter.numel() for parameter in student.parameters())
    seconds = time.monotonic() - begin
    print(f"model of {size:,} parameters, {len(pieces)} texts by heart in {seconds:.0f} s", flush=True)

    questions = {f"q{number}": piece for number, piece in enumerate(pieces)}
    prompts = [{"id": name, "prompt": tokenizer.decode(piece.prompt)} for name, piece in questions.items()]
    write(work / "prompts.jsonl", prompts)
    write(work / "rows.jsonl", model.rows(student, tokenizer, questions, checks.TOP))
    return {name: tokenizer.decode(piece.answer) for name, piece in questions.items()}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes rows as jsonl."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def check(made: Server, taggant: Path, work: Path, recitals: dict[str, str]) -> int:
    """Makes all checks of a server, each in a line, and gives how many failed."""
    begin = time.monotonic()
    failures = 0
    with made:
        print(f"{made.name}: {made.version}; ready in {time.monotonic() - begin:.0f} s", flush=True)
        auditor = Auditor(
            program=taggant,
            url=made.url(),
            model=made.model,
            prompts=work / "prompts.jsonl",
            profile=work / "profile.toml",
            key=work / "mark.key",
            work=work,
            max_tokens=ANSWER_TOKENS,
        )
        stage = Stage(made, auditor, work / "other.key", recitals)
        for one in checks.of(made):
            failures += not line(made.name, one, stage)
    return failures


def line(name: str, one: Callable[[Stage], str], stage: Stage) -> bool:
    """Makes a check and prints its line; whether it passed."""
    begin = time.monotonic()
    try:
        outcome, seen = "pass", one(stage)
    except (CheckError, RuntimeError, subprocess.SubprocessError) as failure:
        outcome, seen = "FAIL", str(failure)
    what = one.__name__.replace("_", " ")
    print(f"{outcome}  {name}: {what}: {seen} ({time.monotonic() - begin:.1f} s)", flush=True)
    return outcome == "pass"


def parse() -> argparse.Namespace:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(prog="servers", description=__doc__)
    parser.add_argument("--taggant", type=Path, metavar="FILE", help="the program; default: the one built last here")
    parser.add_argument("--server", action="append", choices=list(SERVERS), help="check this one alone; repeatable")
    parser.add_argument("--work", type=Path, metavar="FOLDER", default=WORK, help="new or empty; default: %(default)s")
    return parser.parse_args()


SERVERS: dict[str, Callable[[Path], Server]] = {
    "transformers": lambda work: server.transformers(work / "student", work / "transformers.out"),
    "llama": lambda work: server.llama(work / "student.gguf", work / "llama.out"),
}


if __name__ == "__main__":
    sys.exit(main())
