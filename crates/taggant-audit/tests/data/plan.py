#!/usr/bin/env python3
"""Writes plan.json and plan.sha256 next to this script: a golden plan of docs/formats.md, "Audit plan".

The canonical form is written with Python's own json; all keys are ASCII, and the numbers are given as the text that RFC
8785 prescribes for them (ECMAScript's), where Python would write another.
"""

import hashlib
import json
import pathlib

SHA256_ABC = hashlib.sha256(b"abc").hexdigest()


def file(role, name, content, cohort=None):
    digest = hashlib.sha256(content).hexdigest()
    return {"role": role, "cohort": cohort, "name": name, "sha256": digest, "bytes": len(content)}


PLAN = {
    "schema_version": 1,
    "tool": "taggant 0.1.0",
    "dialect": "taggant-1",
    "profile_digest": "c577c53c55f96564bb207f019afa214001ed456f80de91448eb4a55f0b8afb34",
    "keys": [
        {
            "key_id": "45b2a241baf5f8f4",
            "cohort": "north",
            "profile_digest": None,
            "commitment": "8d11a6531c94efe25119b8370a6a3782509a962b69aace57017a1912400fd902",
            "published": "transparency log, 2026-09-01",
        },
        {
            "key_id": "45b2a241baf5f8f5",
            "cohort": "south",
            "profile_digest": hashlib.sha256(b"profile").hexdigest(),
            "commitment": None,
            "published": None,
        },
    ],
    "statistic": "score-familiar",
    "origin": "suspect",
    "references": [{"name": "base.jsonl", "kind": "log-probs"}],
    "filters": ["served", "familiar", "prompts"],
    "alpha": "0.000001",
    "min_effect": "0.1",
    "hypotheses": 1,
    "decoys": 200,
    "columns": 10000,
    "sequential": False,
    "budget": {"tokens": 100000, "queries": None},
    "endpoint": {
        "url": "https://example.org/v1",
        "model": "m\u00fcller-7b",
        "api": "chat",
        "max_tokens": 300,
        "temperature": "0.7",
        "top_p": 1,
        "seed": 7,
        "top_logprobs": None,
    },
    "cohort_level": "0.01",
    "reading": {
        "tokenizer": "sha256:" + SHA256_ABC,
        "suspect_tokenizer": None,
        "format": None,
        "text_field": "text",
        "tokens_field": "tokens",
        "logprobs_field": "logprobs",
        "least_p": "0.00001",
        "skip_bad": False,
    },
    "files": [
        file("served", "log.jsonl", b"abc"),
        file("served", "south.jsonl", b"south", cohort="south"),
        file("familiar", "unmarked.jsonl", b""),
        file("reference", "base.jsonl", b"base"),
        file("cohorts", "cohorts.json", b"cohorts"),
    ],
    "to_come": ["suspect", "prompts"],
}

NUMBERS = {"alpha", "min_effect", "temperature", "cohort_level", "least_p"}


def canonical(value, name=None):
    if isinstance(value, dict):
        return "{" + ",".join(f'"{key}":{canonical(value[key], key)}' for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    return value if name in NUMBERS else json.dumps(value, ensure_ascii=False)


HERE = pathlib.Path(__file__)
content = canonical(PLAN).encode()
HERE.with_suffix(".json").write_bytes(content)
HERE.with_suffix(".sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  plan.json\n")
