"""Writes rows.parquet and rows.jsonl, the same rows: types as pyarrow, pandas and polars write them.

python3 rows_parquet.py   (with pyarrow)
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

INFINITY = float("-inf")

ROWS = [
    {
        "id": "first",
        "text": "a b \u00e9",
        "tokens": None,
        "prompt": "b",
        "prompt_tokens": None,
        "w": [1.0, 0.5, 0.25],
        "logprobs": [None, {"ids": [3, 1], "ln_p": [-0.5, -1.25]}, {"ids": None, "ln_p": [0.0, INFINITY]}],
    },
    {
        "id": None,
        "text": "a",
        "tokens": [4294967295, 0],
        "prompt": None,
        "prompt_tokens": [7, 8, 9],
        "w": [0.0, -2.0],
        "logprobs": None,
    },
    {
        "id": "third",
        "text": "c",
        "tokens": [],
        "prompt": "",
        "prompt_tokens": None,
        "w": [],
        "logprobs": [],
    },
]

SCHEMA = pa.schema(
    [
        ("id", pa.dictionary(pa.int32(), pa.string())),
        ("text", pa.large_string()),
        ("tokens", pa.large_list(pa.uint32())),
        ("prompt", pa.string()),
        ("prompt_tokens", pa.list_(pa.int64())),
        ("w", pa.list_(pa.float32())),
        ("logprobs", pa.list_(pa.struct([("ids", pa.list_(pa.int32())), ("ln_p", pa.list_(pa.float64()))]))),
        ("other", pa.map_(pa.string(), pa.int8())),
    ]
)

here = Path(__file__).parent
table = pa.Table.from_pylist([{**row, "other": [("never read", 1)]} for row in ROWS], schema=SCHEMA)
# Two groups of rows; zstd is what polars takes, snappy the others.
pq.write_table(table, here / "rows.parquet", row_group_size=2, compression={"text": "snappy", "prompt": "gzip"}
               | {name: "zstd" for name in ("id", "tokens.list.element", "w.list.element")})
with open(here / "rows.jsonl", "w") as file:
    for row in ROWS:
        print(json.dumps({name: value for name, value in row.items() if value is not None}), file=file)
