#!/usr/bin/env python3
"""Writes commitment.json next to this script: golden vectors of docs/formats.md, "Commitment".

Python's own hashlib, struct and json, nothing of Taggant. The profiles hold no number whose text differs between Python
and RFC 8785.
"""

import hashlib
import json
import pathlib
import struct

LABEL = b"taggant commitment 1"


def green(**more):
    profile = {
        "channels": [{"accounts": False, "name": "fleet", "share": 256}],
        "context_width": 2,
        "delta": 2,
        "dialect": "taggant-1",
        "epoch": "2026q4",
        "gamma": "1/4",
        "repeat_rule": "completion",
        "scheme": "green",
    }
    return profile | more


CASES = [
    ("the profile and key of docs/formats.md", green(), "5a" * 32),
    ("another key", green(), "".join(f"{byte:02x}" for byte in range(32))),
    ("another epoch", green(epoch="2027q1"), "5a" * 32),
    (
        "other channels",
        green(
            gamma="1/2",
            channels=[
                {"accounts": False, "name": "fleet", "share": 200},
                {"accounts": True, "name": "account", "share": 56},
            ],
        ),
        "5a" * 32,
    ),
]


def toml(profile):
    """The profile as a file of Taggant."""
    top = {name: value for name, value in profile.items() if name != "channels"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in top.items()]
    for channel in profile["channels"]:
        lines += ["[[channels]]"] + [f"{name} = {json.dumps(value)}" for name, value in channel.items()]
    return "\n".join(lines) + "\n"


def commitment(profile, key):
    canonical = json.dumps(profile, sort_keys=True, separators=(",", ":"))
    parts = [profile["dialect"].encode(), canonical.encode(), bytes.fromhex(key)]
    message = LABEL + b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    return hashlib.sha256(message).hexdigest()


cases = [
    {"why": why, "profile": toml(profile), "key": key, "commitment": commitment(profile, key)}
    for why, profile, key in CASES
]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"cases": cases}, indent=2) + "\n")
