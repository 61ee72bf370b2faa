"""Files of rows, read back by readers that are not ours."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from radioactivity import rows
from radioactivity.listing import Listing, listed_coefficients

DOCUMENTS = np.array([[5, 1, 2], [1, 1, 0]])

LISTING = Listing(
    ids=np.array([[[1, 3], [2, 0]], [[0, 1], [4, 2]]], dtype=np.uint32),
    ln_p=np.log(np.array([[[0.5, 0.25], [0.75, 0.125]], [[0.5, 0.5], [0.5, 0.125]]], dtype=np.float32)),
)


def check_rows(found: list[dict[str, object]], places: int) -> None:
    assert [row["id"] for row in found] == ["0", "1"]
    assert [row["tokens"] for row in found] == DOCUMENTS.tolist()
    for at, row in enumerate(found):
        entries = row["logprobs"]
        assert isinstance(entries, list)
        assert entries[0] is None
        assert [entry["ids"] for entry in entries[1:]] == LISTING.ids[at].tolist()
        ln_p = np.array([entry["ln_p"] for entry in entries[1:]])
        assert np.abs(ln_p - LISTING.ln_p[at]).max() <= 0.5 * 10.0**-places


def test_jsonl_is_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows.write(path, DOCUMENTS, LISTING)
    check_rows([json.loads(line) for line in path.read_text().splitlines()], places=5)


def test_parquet_has_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROW_GROUP", 1)
    path = tmp_path / "rows.parquet"
    rows.write(path, DOCUMENTS, LISTING)
    assert pq.ParquetFile(path).num_row_groups == 2
    check_rows(pq.read_table(path).to_pylist(), places=9)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_rows_without_log_probs_have_tokens(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    rows.write(path, DOCUMENTS)
    found = (
        pq.read_table(path).to_pylist()
        if path.suffix == ".parquet"
        else [json.loads(line) for line in path.read_text().splitlines()]
    )
    assert [row["tokens"] for row in found] == DOCUMENTS.tolist()
    assert all(row.get("logprobs") is None for row in found)


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ends with"):
        rows.write(tmp_path / "rows.csv", DOCUMENTS)


def test_difference_of_a_token_that_one_model_lists_is_the_nearest_in_bounds() -> None:
    documents = np.array([[7, 0]])
    suspect = Listing(np.array([[[1, 2]]], np.uint32), np.log(np.array([[[0.5, 0.25]]], np.float32)))
    reference = Listing(np.array([[[1, 3]]], np.uint32), np.log(np.array([[[0.25, 0.125]]], np.float32)))
    found = listed_coefficients(documents, suspect, reference, 8)
    expected = np.zeros((8, 8))
    # Both list token 1. Token 2 has at most 0.125 in the reference, token 3 may have all of 0.125 in the suspect.
    expected[7, [1, 2, 3]] = 0.25, 0.125, 0.0
    assert np.abs(found.paired - expected).max() < 1e-7
    assert np.abs(found.mass[7, :4] - [0, 0.5, 0.25, 0]).max() < 1e-7
    assert np.flatnonzero(found.argmax).tolist() == [7 * 8 + 1]
