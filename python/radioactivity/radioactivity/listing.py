"""The likeliest tokens of each position, and what an auditor makes of two such lists. No model is needed for it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radioactivity.statistic import Coefficients, Floats
from radioactivity.text import Tokens

LISTED = "open-paired-listed"
"""The name of `open-paired` from the listed log-probs alone, with coefficients rounded as the auditor does."""


@dataclass(frozen=True)
class Listing:
    """The likeliest tokens at each position of some documents but the first, the likeliest first.

    Attributes:
        ids: documents x length - 1 x top.
        ln_p: natural logarithms of their probabilities, of the same shape.
    """

    ids: npt.NDArray[np.uint32]
    ln_p: npt.NDArray[np.float32]


def listed_coefficients(documents: Tokens, suspect: Listing, reference: Listing, vocabulary: int) -> Coefficients:
    """Coefficients from listings alone, as an auditor has them.

    A token that one of the two lists and the other does not has with the other a probability between 0 and the bound of
    its position: the smallest that is listed there, or all that is left. The value in that range that is nearest to
    the listed one is taken, so that a difference is never made larger than it is.
    """
    paired, mass, argmax = (np.zeros((vocabulary, vocabulary)) for _ in range(3))
    for at, tokens in enumerate(documents):
        contexts = tokens[:-1]
        p, q = np.exp(suspect.ln_p[at].astype(float)), np.exp(reference.ln_p[at].astype(float))
        np.add.at(mass, (contexts[:, None], suspect.ids[at]), p)
        argmax[contexts, suspect.ids[at, :, 0]] = 1.0
        in_p, in_q = find(suspect.ids[at], reference.ids[at]), find(reference.ids[at], suspect.ids[at])
        # What the other model gives to each token that this one lists.
        q_of_p = np.where(in_p >= 0, np.take_along_axis(q, in_p, axis=1), np.minimum(p, bound(q)[:, None]))
        p_of_q = np.where(in_q >= 0, q, np.minimum(q, bound(p)[:, None]))
        np.add.at(paired, (contexts[:, None], suspect.ids[at]), p - q_of_p)
        np.add.at(paired, (contexts[:, None], reference.ids[at]), p_of_q - q)
    return Coefficients(paired, mass, argmax)


def bound(p: Floats) -> Floats:
    """The largest probability that an unlisted token of each position can have; `p` are the listed ones."""
    largest: Floats = np.minimum(p.min(axis=1), np.maximum(0.0, 1.0 - p.sum(axis=1)))
    return largest


def find(ids: npt.NDArray[np.uint32], among: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """For each id the column in which the same row of `among` has it, or -1."""
    order = np.argsort(among, axis=1)
    found = np.empty(ids.shape, dtype=np.int64)
    for row, (wanted, at) in enumerate(zip(ids, order, strict=True)):
        place = np.minimum(np.searchsorted(among[row], wanted, sorter=at), len(at) - 1)
        found[row] = np.where(among[row, at[place]] == wanted, at[place], -1)
    return found
