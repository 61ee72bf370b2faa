"""Rows of tokens and log-probs, as `taggant audit run` reads them: jsonl or parquet."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from radioactivity.listing import Listing
from radioactivity.text import Tokens

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("tokens", pa.list_(pa.uint32())),
        ("logprobs", pa.list_(pa.struct([("ids", pa.list_(pa.uint32())), ("ln_p", pa.list_(pa.float32()))]))),
    ]
)

ROW_GROUP = 64
"""Documents in a row group of parquet: some megabytes."""


def write(path: Path, documents: Tokens, listing: Listing | None = None) -> None:
    """Writes documents, with log-probs if there are any, in the format that the path ends with.

    The first token of a document has no log-probs: its entry is null.

    Raises:
        ValueError: if the path does not end with `.jsonl` or `.parquet`.
    """
    if path.suffix == ".jsonl":
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json_lines(documents, listing))
    elif path.suffix == ".parquet":
        with pq.ParquetWriter(path, SCHEMA, compression="zstd") as file:
            for at in range(0, len(documents), ROW_GROUP):
                file.write_table(table(documents, listing, range(at, min(at + ROW_GROUP, len(documents)))))
    else:
        raise ValueError(f"expected a path that ends with .jsonl or .parquet, found {path}")


def json_lines(documents: Tokens, listing: Listing | None) -> Iterator[str]:
    """One JSON object a line. Log-probs have five decimals: a relative error of p of at most 5e-6."""
    for at, tokens in enumerate(documents):
        row = f'{{"id":"{at}","tokens":{json.dumps(tokens.tolist(), separators=(",", ":"))}'
        if listing is not None:
            entries = ["null"]
            for ids, ln_p in zip(listing.ids[at].tolist(), listing.ln_p[at].tolist(), strict=True):
                entries.append(f'{{"ids":[{",".join(map(str, ids))}],"ln_p":[{",".join([f"{x:.5f}" for x in ln_p])}]}}')
            row += f',"logprobs":[{",".join(entries)}]'
        yield row + "}\n"


def table(documents: Tokens, listing: Listing | None, rows: range) -> pa.Table:
    """Some documents as a table, made from flat arrays."""
    chosen = documents[rows.start : rows.stop]
    length = documents.shape[1]
    ends = pa.array(np.arange(len(chosen) + 1) * length, pa.int32())
    tokens = pa.ListArray.from_arrays(ends, pa.array(chosen.reshape(-1), pa.uint32()))
    ids = pa.array([str(row) for row in rows], pa.string())
    if listing is None:
        logprobs = pa.nulls(len(chosen), SCHEMA.field("logprobs").type)
    else:
        # The first entry of each document is null, and so of no length.
        entry_len = np.full((len(chosen), length), listing.ids.shape[2])
        entry_len[:, 0] = 0
        entry_ends = pa.array(np.concatenate(([0], np.cumsum(entry_len))), pa.int32())
        parts = [
            pa.ListArray.from_arrays(entry_ends, pa.array(values[rows.start : rows.stop].reshape(-1)))
            for values in (listing.ids, listing.ln_p)
        ]
        fields = list(SCHEMA.field("logprobs").type.value_type)
        entries = pa.StructArray.from_arrays(parts, fields=fields, mask=pa.array((entry_len == 0).reshape(-1)))
        logprobs = pa.ListArray.from_arrays(ends, entries)
    return pa.Table.from_arrays([ids, tokens, logprobs], schema=SCHEMA)
