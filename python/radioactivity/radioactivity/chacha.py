"""ChaCha with 8 rounds (RFC 8439 layout), many blocks at a time."""

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]

CONSTANTS = np.array([0x61707865, 0x3320646E, 0x79622D32, 0x6B206574], dtype=np.uint32)

QUARTERS = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)
"""The words that meet in the quarter rounds of a double round: four columns, then four diagonals."""


def chacha8(key: bytes, counters: Words, nonces: Words) -> Words:
    """The blocks of one key.

    Args:
        key: 32 bytes.
        counters: state word 12 of each block, n.
        nonces: state words 13, 14, 15 of each block, n x 3.

    Returns:
        The words of each block, n x 16.

    Raises:
        ValueError: if the key does not have 32 bytes.
    """
    if len(key) != 32:
        raise ValueError(f"expected a key of 32 bytes, found {len(key)}")
    start = np.empty((16, len(counters)), dtype=np.uint32)
    start[0:4] = CONSTANTS[:, None]
    start[4:12] = np.frombuffer(key, dtype="<u4")[:, None]
    start[12] = counters
    start[13:16] = nonces.T
    s = start.copy()
    for _ in range(4):
        for a, b, c, d in QUARTERS:
            for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                s[x] += s[y]
                s[z] ^= s[x]
                s[z] = (s[z] << np.uint32(turn)) | (s[z] >> np.uint32(32 - turn))
    s += start
    words: Words = s.T
    return words
