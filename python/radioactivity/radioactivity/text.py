"""The embedded public-domain text, its tokens, and who may see which part of it."""

import lzma
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

Tokens = npt.NDArray[np.int64]

END_OF_TEXT = 0
"""The document boundary of the tokenizer."""

VOCABULARY = 4096

BLOCK_LEN = 4096
"""Tokens in a block: the text is dealt to its users block by block, so that all of them see both authors."""

DATA = Path(__file__).resolve().parents[3] / "crates" / "taggant-lm" / "data"


@dataclass(frozen=True)
class Split:
    """The text in four parts that share no token.

    Attributes:
        teacher: what the teacher is trained on, and what it is prompted with.
        base: what the base checkpoint is trained on, and what students are prompted with.
        filler: the human part of what students are fine-tuned on.
        held_out: what nobody is trained on: the text that is read for the test.
    """

    teacher: Tokens
    base: Tokens
    filler: Tokens
    held_out: Tokens


def load(data: Path = DATA) -> Tokens:
    """Unpacks both authors and encodes them, paragraph by paragraph, one after the other."""
    tokenizer = Tokenizer.from_file(str(data / "tokenizer.json"))
    tokens: list[int] = []
    for author in ("austen", "spurgeon"):
        with lzma.open(data / f"{author}.txt.xz", "rt", encoding="utf-8") as file:
            paragraphs = file.readlines()
        for encoding in tokenizer.encode_batch(paragraphs, add_special_tokens=False):
            tokens.extend(encoding.ids)
    return np.asarray(tokens, dtype=np.int64)


def split(tokens: Tokens, held_out_len: int, filler_len: int, block_len: int = BLOCK_LEN) -> Split:
    """Deals the blocks of a text to its four users.

    `held_out` and `filler` take every so many-th block until they have at least the length asked for; the rest goes to
    `teacher` and `base` in turn. Nothing is drawn, so the split depends on the lengths alone.

    Raises:
        ValueError: if the text is too short to leave two blocks for `teacher` and `base`.
    """
    n_blocks = len(tokens) // block_len
    n_held_out, n_filler = -(-held_out_len // block_len), -(-filler_len // block_len)
    if n_blocks < n_held_out + n_filler + 2:
        needed = n_held_out + n_filler + 2
        raise ValueError(f"expected a text of at least {needed} blocks of {block_len} tokens, found {n_blocks}")
    blocks = tokens[: n_blocks * block_len].reshape(n_blocks, block_len)
    free = np.arange(n_blocks)
    held_out = free[np.linspace(0, len(free) - 1, n_held_out).astype(int)]
    free = np.setdiff1d(free, held_out)
    filler = free[np.linspace(0, len(free) - 1, n_filler).astype(int)]
    free = np.setdiff1d(free, filler)
    return Split(
        teacher=blocks[free[0::2]].reshape(-1),
        base=blocks[free[1::2]].reshape(-1),
        filler=blocks[filler].reshape(-1)[:filler_len],
        held_out=blocks[held_out].reshape(-1)[:held_out_len],
    )


def windows(tokens: Tokens, window_len: int) -> Tokens:
    """Cuts a text into rows of `window_len` tokens; what is left over at the end is dropped."""
    n_windows = len(tokens) // window_len
    return tokens[: n_windows * window_len].reshape(n_windows, window_len)
