"""The tables, in Markdown."""

from collections.abc import Sequence
from typing import Any

from radioactivity.auditor import Line
from radioactivity.listing import LISTED

TESTS = ("open-paired", LISTED, "open-mass", "open-argmax", "count")


def students(records: dict[str, dict[str, Any]]) -> str:
    """What numpy says of each student under its key: z and the bound on log10 p."""
    head = ["student", "teacher's tokens", "green among them", "perplexity", *(f"`{name}`" for name in TESTS)]
    lines = []
    for name, record in records.items():
        about = [f"{record['served_tokens']:,}", f"{record['served_green_share']:.3f}", f"{record['perplexity']:.1f}"]
        lines.append([name, *about, *(result(record[test]["z"], record[test]["log10_p"]) for test in TESTS)])
    return table(head, lines)


def random_keys(record: dict[str, Any]) -> str:
    """How the tests behave under keys that had no part in anything."""
    head = [
        "test",
        "keys",
        "mean of z",
        "sd of z",
        f"share at p <= {record['level']:g}",
        "exact two-sided p of that share",
    ]
    lines = []
    for name in TESTS:
        found = record[name]
        share = f"{found['below'] / record['keys']:.3f}"
        lines.append(
            [
                f"`{name}`",
                str(record["keys"]),
                f"{found['mean']:.2f}",
                f"{found['sd']:.2f}",
                share,
                f"{found['exact_p']:.2f}",
            ]
        )
    return table(head, lines)


def by_top(records: dict[str, dict[str, Any]]) -> str:
    """What `open-paired` loses where the files list the likeliest tokens alone."""
    first, listed = next(iter(records.items()))
    tops = list(listed)
    lines = [
        [f"probability that is listed, {first}", *(f"{listed[top]['listed_mass']:.2f}" for top in tops)],
        *([f"z, {name}", *(f"{record[top]['z']:.1f}" for top in tops)] for name, record in records.items()),
    ]
    return table(["tokens listed for each position", *tops], lines)


def audits(found: dict[str, dict[str, Line]], expected: dict[str, float]) -> str:
    """What `taggant audit run` says, beside the z that numpy expects of `open-paired`."""
    names = list(dict.fromkeys(name for tests in found.values() for name in tests))
    head = ["student", *(f"`{name}`" for name in names), "z of `open-paired` less numpy's"]
    lines = []
    for student, tests in found.items():
        cells = [result(tests[name].z, tests[name].log10_p) if name in tests else "" for name in names]
        paired = tests["open-paired"].z
        lines.append([student, *cells, "" if paired is None else f"{paired - expected[student]:+.0e}"])
    return table(head, lines)


def result(z: float | None, log10_p: float | None) -> str:
    """A cell: z, and log10 p in brackets."""
    return "none" if z is None or log10_p is None else f"{z:.2f} ({log10_p:.1f})"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
