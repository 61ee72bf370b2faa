"""The mark against the golden vectors and against the plain reference."""

import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from radioactivity.chacha import chacha8
from radioactivity.mark import Profile, all_masks, block_key, green_masks, secret

VECTORS = Path(__file__).resolve().parents[3] / "vectors"

CASES = json.loads((VECTORS / "taggant-1.json").read_text())["cases"]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", VECTORS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_blocks_are_those_of_the_plain_reference(case: dict[str, Any], reference: ModuleType) -> None:
    key = bytes.fromhex(case["green_block_key"])
    counters = np.array([0, 1, 7, 2**32 - 1], dtype=np.uint32)
    nonces = np.tile(np.array(case["nonce"], dtype=np.uint32), (len(counters), 1))
    expected = [reference.block(key, tuple(case["nonce"]), int(counter)) for counter in counters]
    assert chacha8(key, counters, nonces).tolist() == expected


NARROW = [case for case in CASES if len(case["context"]) == 1]


@pytest.mark.parametrize("case", NARROW, ids=[case["why"] for case in NARROW])
def test_masks_are_those_of_the_vectors(case: dict[str, Any]) -> None:
    profile = Profile(epoch=case["epoch"], channel=case["channel"])
    key = block_key(bytes.fromhex(case["secret"]), profile)
    assert key.hex() == case["green_block_key"]
    for gamma, values in case["green"].items():
        # Masks end at the largest token that is worth an array.
        tokens = [(token, value) for token, value in zip(case["tokens"], values, strict=True) if token < 1 << 20]
        mask = green_masks(key, np.array(case["context"]), gamma, max(token for token, _ in tokens) + 1)[0]
        assert [int(mask[token]) for token, _ in tokens] == [value for _, value in tokens], gamma
    for gamma, name in (("1/2", "mask_half_sha256"), ("1/4", "mask_quarter_sha256")):
        mask = green_masks(key, np.array(case["context"]), gamma, case["mask_vocab_size"])[0]
        packed = np.packbits(np.pad(mask, (0, -len(mask) % 32)), bitorder="little")
        assert hashlib.sha256(packed.tobytes()).hexdigest() == case[name], gamma


def test_there_are_vectors_of_width_one() -> None:
    assert NARROW


def test_row_of_all_masks_is_the_mask_of_its_context(reference: ModuleType) -> None:
    profile = Profile()
    masks = all_masks(secret("test"), profile, 600)
    key = block_key(secret("test"), profile)
    for context, token in ((0, 0), (1, 599), (599, 256), (599, 255), (37, 300)):
        assert masks[context, token] == reference.green(key, (context, 0, 0), token, "1/4")


def test_share_of_green_is_gamma() -> None:
    # 16.8 million independent tokens: five standard errors are 5.3e-4.
    assert abs(all_masks(secret("share"), Profile(), 4096).mean() - 0.25) < 5.3e-4


@pytest.mark.parametrize("gamma", ["0/4", "4/4", "1/3", "1/8", "1", "/4", "-1/4", "x/4", "1/4/2", ""])
def test_wrong_gamma_is_refused(gamma: str) -> None:
    with pytest.raises(ValueError, match="expected a green share"):
        green_masks(bytes(32), np.array([1]), gamma, 4096)
    with pytest.raises(ValueError, match="expected a green share"):
        Profile(gamma=gamma).green_share()


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, found {length}"):
        block_key(bytes(length), Profile())
    with pytest.raises(ValueError, match=f"32 bytes, found {length}"):
        green_masks(bytes(length), np.array([1]), "1/4", 4096)
