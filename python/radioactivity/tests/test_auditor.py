"""The command's report, from programs that stand in for it."""

from pathlib import Path

import pytest

from radioactivity import auditor, report
from radioactivity.auditor import Line

REPORT = (
    '{"tests": [{"name": "open-paired", "z": 15.142, "log10_p": -59.63},'
    ' {"name": "count", "z": null, "log10_p": null}]}'
)


def stand_in(folder: Path, body: str) -> Path:
    path = folder / "taggant"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def audit(program: Path) -> dict[str, Line]:
    return auditor.audit(program, Path("rows"), Path("profile"), Path("key"), Path("base"), ["--origin", "key-free"])


def test_tests_of_a_report_are_read_by_name(tmp_path: Path) -> None:
    found = audit(stand_in(tmp_path, f"echo '{REPORT}'"))
    assert found == {"open-paired": Line(15.142, -59.63), "count": Line(None, None)}
    lines = report.audits({"key-1": found}, {"key-1": 15.0}).splitlines()
    assert lines[2] == "| key-1 | 15.14 (-59.6) | none | +1e-01 |"


def test_command_line_is_that_of_the_audit(tmp_path: Path) -> None:
    audit(stand_in(tmp_path, f"echo \"$@\" > '{tmp_path}/said'; echo '{REPORT}'"))
    said = (tmp_path / "said").read_text().strip()
    read = "--suspect rows --profile profile --key key --reference base --origin key-free"
    assert said == f"audit run {read} --format json"


def test_what_a_failing_command_said_is_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exited with 2: no such key"):
        audit(stand_in(tmp_path, "echo 'no such key' >&2; exit 2"))


@pytest.mark.parametrize("written", ["", "[]", "{}", '{"tests": [{"name": "count"}]}'])
def test_report_of_another_form_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(RuntimeError, match="report of another form"):
        audit(stand_in(tmp_path, f"echo '{written}'"))


def test_program_without_the_command_cannot_audit(tmp_path: Path) -> None:
    assert auditor.can_audit(stand_in(tmp_path, "exit 0"))
    assert not auditor.can_audit(stand_in(tmp_path, "exit 2"))
    assert not auditor.can_audit(tmp_path / "nothing")
