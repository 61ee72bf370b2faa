"""What is checked of an audit of a live server. Each check says what it saw, or raises `CheckError`."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.program import Auditor, read
from servers.server import Server

BUDGET = 250
"""In tokens: no multiple of an answer's, so that the last one must be cut short."""

TOP = 5

Z_TOLERANCE = 0.01
"""The server computes in 32 bits, and drops listed tokens that are no text by themselves: 1e-4 was seen."""

NO_LOG_PROBS = "was asked for log-probs and gave none"


class CheckError(Exception):
    """A check failed, with what was expected and what was found."""


@dataclass(frozen=True)
class Stage:
    """A server under audit, and what it must say."""

    server: Server
    auditor: Auditor
    other_key: Path
    """A key that had no part in what the model learned."""

    recitals: dict[str, str]
    """The answer to each question, by the question's id."""

    def log(self, name: str) -> Path:
        """The log of an audit; one of an earlier run is removed."""
        path = self.auditor.work / f"{self.server.name}-{name}.log"
        path.unlink(missing_ok=True)
        return path

    def half(self) -> int:
        """Half the questions."""
        return len(self.recitals) // 2

    def reference(self) -> dict[str, Any]:
        """The report of the undisturbed audit, from its log; a server is not asked for it again."""
        return self.auditor.audit(self.auditor.work / f"{self.server.name}-chat.log").report()


def chat(stage: Stage) -> str:
    """Every answer is what the model learned, and the report says evidence."""
    return recited(stage, "chat")


def completions(stage: Stage) -> str:
    """The same through the other interface; the report differs in nothing but the files."""
    seen = recited(stage, "completions", "--api", "completions")
    log = stage.auditor.work / f"{stage.server.name}-completions.log"
    same(stage.auditor.audit(log, "--api", "completions").report(), stage.reference())
    return seen + ", as in chat"


def another_key(stage: Stage) -> str:
    """Under a key that had no part there is no evidence, and the answers at hand are not asked for again."""
    log = stage.auditor.work / f"{stage.server.name}-chat.log"
    before, asked = stage.server.questions(), len(read(log).sent)
    report = stage.auditor.audit(log, key=stage.other_key).report()
    expect(report["verdict"] in ("no-evidence", "inconclusive"), f"no evidence, found {report['verdict']}")
    equal("requests in the log", len(read(log).sent), asked)
    equal("requests at the server", stage.server.questions(), before)
    return f"{report['verdict']}, z = {report['tests'][0]['z']:.1f}, nothing asked"


def client_killed(stage: Stage) -> str:
    """An audit that was killed half-way goes on where it stopped, and says what the undisturbed one says."""
    log = stage.log("killed")
    stage.auditor.killed(log, stage.half())
    killed, before = read(log), stage.server.questions()
    expect(len(killed.answers) < len(stage.recitals), "questions left to ask, found none")
    report = stage.auditor.audit(log).report()
    resumed = read(log)
    asked = resumed.sent[len(killed.sent) :]
    equal("questions asked twice", resumed.asked_again, [])
    equal("requests after the kill", sorted(asked), sorted(set(stage.recitals) - set(killed.answers)))
    equal("requests at the server", stage.server.questions() - before, len(asked))
    same(report, stage.reference())
    cut_off = len(killed.sent) - len(killed.answers)
    return f"killed at {len(killed.answers)} answers, {cut_off} under way; {len(asked)} asked after it; same report"


def server_killed(stage: Stage) -> str:
    """A server that is killed and started again under the audit costs retries and nothing else."""
    log = stage.log("restarted")

    def restart(_: "subprocess.Popen[str]") -> None:
        stage.server.kill()
        stage.server.start()

    said = stage.auditor.disturbed(log, "--retries", "10", answers=stage.half(), disturb=restart)
    report, seen = said.report(), read(log)
    equal("answers", len(seen.answers), len(stage.recitals))
    equal("questions asked twice", seen.asked_again, [])
    expect(len(seen.sent) > len(seen.answers), "requests that failed, found none")
    same(report, stage.reference())
    lost = seen.spent - seen.tokens()
    return f"{len(seen.sent) - len(seen.answers)} requests failed, {lost} tokens lost with them; same report"


def budget(stage: Stage) -> str:
    """No more tokens are written than the budget has, over two runs with one log."""
    log = stage.log("budget")
    stage.auditor.audit(log, "--budget-tokens", str(BUDGET)).report()
    first = read(log)
    stage.auditor.audit(log, "--budget-tokens", str(BUDGET)).report()
    second = read(log)
    expect(first.tokens() <= BUDGET, f"at most {BUDGET} tokens, found {first.tokens()}")
    equal("tokens charged", first.spent, first.tokens())
    shortest = min(body["usage"]["completion_tokens"] for body in first.answers.values())
    expect(shortest < stage.auditor.max_tokens, "a last answer that is cut short, found none")
    equal("requests of the second run", len(second.sent), len(first.sent))
    return f"{first.tokens()} of {BUDGET} tokens in {len(first.answers)} answers, the last of {shortest}"


def log_probs_in_chat(stage: Stage) -> str:
    """Log-probs are read where the server gives them; else a caution says that it does not."""
    return log_probs(stage, "chat-log-probs")


def log_probs_in_completions(stage: Stage) -> str:
    """The same through the other interface."""
    return log_probs(stage, "completions-log-probs", "--api", "completions")


def unknown_model(stage: Stage) -> str:
    """A server that has no such model ends the audit, in the server's own words."""
    said = stage.auditor.audit(stage.log("unknown-model"), model="no-such-model")
    equal("exit status", said.status, 2)
    line = said.stderr.strip()
    expect("no-such-model" in line and "\n" not in line, f"one line about the model, found {line!r}")
    return line.removeprefix("taggant: ")


def of(server: Server) -> list[Callable[[Stage], str]]:
    """The checks that are made of a server, in order: the first makes the report that others are compared with."""
    every: list[Callable[[Stage], str]] = [chat, completions, another_key, client_killed, server_killed, budget]
    every += [log_probs_in_chat, log_probs_in_completions]
    if server.checks_model:
        every.append(unknown_model)
    return every


def recited(stage: Stage, name: str, *more: str) -> str:
    """An undisturbed audit, to which the model gives the answers it learned."""
    answers = stage.auditor.work / f"{stage.server.name}-{name}.jsonl"
    report = stage.auditor.audit(stage.log(name), "--answers", str(answers), *more).report()
    texts = {row["id"]: row["text"] for row in map(json.loads, answers.read_text().splitlines())}
    different = [question for question, text in stage.recitals.items() if texts.get(question) != text]
    expect(not different, f"the answers that the model learned, found others to {', '.join(different)}")
    equal("verdict", report["verdict"], "evidence")
    return f"{len(texts)} answers as learned; evidence, {of_test(report)}"


def log_probs(stage: Stage, name: str, *more: str) -> str:
    """An audit that asks for log-probs."""
    log = stage.log(name)
    report = stage.auditor.audit(log, "--top-logprobs", str(TOP), *more).report()
    has_caution = any(NO_LOG_PROBS in caution for caution in report["cautions"])
    given = [body["choices"][0].get("logprobs") for body in read(log).answers.values()]
    if not stage.server.gives_log_probs:
        equal("answers with log-probs", sum(map(bool, given)), 0)
        expect(has_caution, f"a caution that none came, found {report['cautions']}")
        equal("tests", report["tests"], stage.reference()["tests"])
        return "none given, and a caution says so; same tests"
    equal("answers with log-probs", sum(map(bool, given)), len(stage.recitals))
    expect(not has_caution, "no caution that none came, found one")
    from_file = stage.auditor.audit_file(stage.auditor.work / "rows.jsonl").report()
    equal("verdict", report["verdict"], "evidence")
    equal("tests", [test["name"] for test in report["tests"]], [test["name"] for test in from_file["tests"]])
    for count in ("positions", "kept", "repeated"):
        equal(f"{count} with log-probs", report["audit"]["open"][count], from_file["audit"]["open"][count])
    pairs = zip(report["tests"], from_file["tests"], strict=True)
    worst = max(abs(live["z"] - other["z"]) for live, other in pairs)
    expect(worst <= Z_TOLERANCE, f"z as from a file within {Z_TOLERANCE}, found {worst:.2g} off")
    seen = "; ".join(of_test(report, test["name"]) for test in report["tests"])
    return f"given with {len(given)} answers; {seen}; within {worst:.1g} of torch's in a file"


def of_test(report: dict[str, Any], name: str = "count") -> str:
    """A test of a report in words."""
    test = next(test for test in report["tests"] if test["name"] == name)
    return f"{name} z = {test['z']:.1f}, n = {test['n']}"


def same(report: dict[str, Any], reference: dict[str, Any]) -> None:
    """Both reports say the same of all but their files."""
    for field in ("verdict", "tests"):
        equal(field, report[field], reference[field])
    different = [field for field in reference if without_files(report)[field] != without_files(reference)[field]]
    equal("differences between the reports", different, [])


def without_files(report: dict[str, Any]) -> dict[str, Any]:
    """A report without the digests of its files, one of which is the log."""
    return {**report, "audit": {key: value for key, value in report["audit"].items() if key != "inputs"}}


def equal(what: str, found: object, expected: object) -> None:
    """Two values are the same."""
    expect(found == expected, f"{what}: {expected}, found {found}")


def expect(holds: bool, what: str) -> None:
    """Something holds."""
    if not holds:
        raise CheckError(f"expected {what}")
