"""Makes teacher, students and their files, tests them, and prints the tables."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from radioactivity import auditor, measure, report
from radioactivity.auditor import Line
from radioactivity.listing import LISTED
from radioactivity.settings import Settings
from radioactivity.suite import Student, Suite

BELOW = -8.0
"""The bound on log10 p that most keys must reach."""

AGREEMENT = 1e-3
"""How far the auditor's z may be from numpy's: log-probs are 32-bit floats, or have five decimals."""

CONTROL_SEED = 100


def main() -> int:
    """Runs the suite; the exit status is 1 if the auditor and numpy disagree, 2 if it cannot run."""
    arguments = parse()
    settings = Settings(threads=arguments.threads)
    if arguments.taggant is not None and not auditor.can_audit(arguments.taggant):
        print(f"radioactivity: {arguments.taggant} is not a program with the command `audit run`", file=sys.stderr)
        return 2
    try:
        suite = Suite(settings, arguments.work, arguments.rows)
        return run(suite, arguments)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"radioactivity: {error}", file=sys.stderr)
        return 2


def run(suite: Suite, arguments: argparse.Namespace) -> int:
    """All steps, and the tables."""
    students = {
        f"key-{key}-{marked}": Student(suite, f"key-{key}-{marked}", key, marked, f"key-{key}")
        for marked in arguments.marked
        for key in range(1, arguments.keys + 1)
    }
    most_marked = max(arguments.marked)
    control = Student(suite, f"control-{most_marked}", CONTROL_SEED, most_marked, None)

    records = {name: record(student) for name, student in students.items()}
    n_random = arguments.random_keys
    null_name = f"results/{control.name}-{n_random}-keys"
    null = suite.work.record(null_name, lambda: measure.under_random_keys(control, n_random))
    for path in [student.rows_path for student in (*students.values(), control)]:
        print(f"wrote {path}", file=sys.stderr)

    print(
        f"{suite.settings.positions():,} positions of held-out human text, base checkpoint as reference: z (log10 p)\n"
    )
    print(report.students(records))
    for marked in arguments.marked:
        reached = [records[name]["open-paired"]["log10_p"] for name, it in students.items() if it.served_len == marked]
        print(f"{marked:,} marked tokens: {below(reached)}")
    print("\nthe control student under random keys\n")
    print(report.random_keys(null), flush=True)

    if arguments.tops:
        most = {name: student for name, student in students.items() if student.served_len == most_marked}
        print(report.by_top({name: top_record(student, arguments.tops) for name, student in most.items()}), flush=True)

    status = audit(suite, students, control, records, null, arguments)
    print(f"processor time of all steps: {suite.work.total_cost() / 60:.1f} minutes")
    return status


def record(student: Student) -> dict[str, Any]:
    """What numpy says of a student under its own key."""
    return student.suite.work.record(f"results/{student.name}", lambda: measure.under_key(student, own_key(student)))


def top_record(student: Student, tops: Sequence[int]) -> dict[str, Any]:
    """What `open-paired` says of a student if fewer or more tokens are listed."""
    name = f"results/{student.name}-top-{'-'.join(map(str, tops))}"
    return student.suite.work.record(name, lambda: measure.by_top(student, own_key(student), tops))


def own_key(student: Student) -> str:
    """The label of the key that a student's text was marked with."""
    assert student.key is not None, "only the control has no key"
    return student.key


def below(log10_p: Sequence[float | None]) -> str:
    """How many of some p are small; none at all is not."""
    n_below = sum(found is not None and found < BELOW for found in log10_p)
    return f"p < 1e{BELOW:.0f} for {n_below} of {len(log10_p)} keys"


def audit(
    suite: Suite,
    students: dict[str, Student],
    control: Student,
    records: dict[str, dict[str, Any]],
    null: dict[str, Any],
    arguments: argparse.Namespace,
) -> int:
    """The same by `taggant audit run`, if the program is there; 1 if it disagrees with numpy."""
    program = arguments.taggant or auditor.find()
    if program is None:
        print("no program with the command `taggant audit run` was found: nothing was audited", file=sys.stderr)
        return 0

    def tests(student: Student, key: str, more: Sequence[str] = ()) -> dict[str, Line]:
        profile, path = suite.profile_path, suite.key_path(key)
        read = ["--origin", "key-free", *more]
        opened = auditor.audit(program, student.rows_path, profile, path, suite.base_path, read)
        if "open-paired" not in opened:
            raise RuntimeError(f"{program} tested {', '.join(opened)} of {student.name}, and not `open-paired`")
        return opened | auditor.audit(program, student.samples_path, profile, path, more=more)

    found = {name: tests(student, own_key(student)) for name, student in students.items()}
    expected = {name: record[LISTED]["z"] for name, record in records.items()}
    for key in range(min(arguments.random_audits, null["keys"])):
        name = f"control, random key {key}"
        # A panel of decoys for each of many keys would show the same panel again.
        found[name] = tests(control, f"random-{key}", ("--decoys", "0", "--columns", "0"))
        expected[name] = null[LISTED]["z"][key]
    print("by `taggant audit run`: z (log10 p)\n")
    print(report.audits(found, expected))
    for marked in arguments.marked:
        reached = [found[name]["open-paired"].log10_p for name, it in students.items() if it.served_len == marked]
        print(f"{marked:,} marked tokens: {below(reached)}")
    print()
    z = {name: tests["open-paired"].z for name, tests in found.items()}
    wrong = [name for name, theirs in z.items() if theirs is None or abs(theirs - expected[name]) > AGREEMENT]
    if wrong:
        print(f"numpy has another z for `open-paired` of {', '.join(wrong)}", file=sys.stderr)
    return int(bool(wrong))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m radioactivity", description=__doc__)
    add = parser.add_argument
    add(
        "--work", type=Path, default=auditor.ROOT / "target" / "radioactivity" / "run", help="folder of the run's files"
    )
    add("--keys", type=at_least(1), default=5, help="students that are trained on marked text, each with its own key")
    add("--marked", type=at_least(1), nargs="+", default=[30_000], help="marked tokens for each; 30,000 are a tenth")
    add("--random-keys", type=at_least(2), default=200, help="random keys for the control student, in numpy")
    add("--random-audits", type=at_least(0), default=20, help="how many of them also by `taggant audit run`")
    add("--rows", choices=("parquet", "jsonl"), default="parquet", help="format of the files with log-probs")
    add("--tops", type=at_least(1), nargs="+", default=[], help="also: z if so many tokens are listed for a position")
    add("--threads", type=at_least(1), default=1, help="of torch; another number gives other last digits")
    add("--taggant", type=Path, help="the program; default: the one built last in this repository, or on the path")
    return parser.parse_args()


def at_least(least: int) -> Callable[[str], int]:
    """A reader of whole numbers that are not smaller."""

    def whole_number(argument: str) -> int:
        if argument.isdecimal() and int(argument) >= least:
            return int(argument)
        raise argparse.ArgumentTypeError(f"expected a whole number, {least} or more, found {argument}")

    return whole_number


if __name__ == "__main__":
    sys.exit(main())
