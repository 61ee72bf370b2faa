"""The green-list mark of dialect taggant-1 at context width 1, from docs/spec/taggant-1.md."""

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radioactivity.chacha import chacha8

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Profile:
    """What is public about a mark: one channel, context width 1, no rule about repeated contexts."""

    gamma: str = "1/4"
    delta: float = 2.0
    epoch: str = "2026q4"
    channel: str = "fleet"

    def green_share(self) -> float:
        """The chance that a token is green."""
        green, of = parse_share(self.gamma)
        return green / of

    def toml(self) -> str:
        """The profile as `taggant` reads it."""
        return f"""\
dialect = "taggant-1"
scheme = "green"
context_width = 1
gamma = "{self.gamma}"
delta = {self.delta}
epoch = "{self.epoch}"
repeat_rule = "none"

[[channels]]
name = "{self.channel}"
share = 256
accounts = false
"""


def parse_share(gamma: str) -> tuple[int, int]:
    """Numerator and denominator of a green share.

    Raises:
        ValueError: if it is not `j/2`, `j/4`, `j/16` or `j/256` with 1 <= j < denominator.
    """
    green, slash, of = gamma.partition("/")
    if slash and green.isdecimal() and of in ("2", "4", "16", "256") and 1 <= int(green) < int(of):
        return int(green), int(of)
    raise ValueError(f"expected a green share j/2, j/4, j/16 or j/256 with 1 <= j < denominator, found {gamma}")


def secret(label: str) -> bytes:
    """A root secret for an experiment: made from a label, so that a run can be repeated. Never mark with one."""
    return hashlib.sha256(f"taggant radioactivity suite, {label}".encode()).digest()


def block_key(root: bytes, profile: Profile) -> bytes:
    """The key of the blocks (section 2): HKDF-SHA-256 with one output block.

    Raises:
        ValueError: if the root secret does not have 32 bytes.
    """
    if len(root) != 32:
        raise ValueError(f"expected a root secret of 32 bytes, found {len(root)}")
    path = f"epoch/{profile.epoch}/channel/{profile.channel}/green/1/block"
    extracted = hmac.digest(b"taggant-1", root, "sha256")
    return hmac.digest(extracted, path.encode() + b"\x01", "sha256")


def green_masks(key: bytes, contexts: npt.NDArray[np.int64], gamma: str, vocabulary: int) -> Mask:
    """Which tokens are green after each context (sections 3 and 4).

    Args:
        key: the block key.
        contexts: token ids, n.
        gamma: the green share as it is written in the profile.
        vocabulary: number of tokens, v.

    Returns:
        n x v, true for green.

    Raises:
        ValueError: as `parse_share`.
    """
    green, of = parse_share(gamma)
    planes = of.bit_length() - 1
    served = 512 // planes
    n_blocks = -(-vocabulary // served)
    counters = np.tile(np.arange(n_blocks, dtype=np.uint32), len(contexts))
    nonces = np.zeros((len(counters), 3), dtype=np.uint32)
    nonces[:, 0] = np.repeat(contexts.astype(np.uint32), n_blocks)
    words = chacha8(key, counters, nonces).astype("<u4", order="C")
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").reshape(-1, planes, served)
    # Plane 0 is the most significant bit of a token's number.
    numbers = np.zeros((len(bits), served), dtype=np.uint16)
    for plane in range(planes):
        numbers = 2 * numbers + bits[:, plane]
    return (numbers >= of - green).reshape(len(contexts), n_blocks * served)[:, :vocabulary]


def all_masks(root: bytes, profile: Profile, vocabulary: int) -> Mask:
    """The masks of every context there is, vocabulary x vocabulary; row c is that of context c."""
    return green_masks(block_key(root, profile), np.arange(vocabulary), profile.gamma, vocabulary)
