"""Reading a text with a model: the likeliest tokens of each position for the auditor, coefficients for the tests."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from radioactivity.model import Transformer
from radioactivity.statistic import Floats
from radioactivity.text import Tokens

BATCH = 8
"""Documents that are read at a time: 8 x 127 x 4096 log-probs take 17 MB."""


@dataclass(frozen=True)
class Coefficients:
    """Coefficients a(c, v), made without a key; each is vocabulary x vocabulary, row c that of context c.

    Attributes:
        paired: sum over positions of p_suspect - p_reference: the test `open-paired`.
        mass: sum over positions of p_suspect: the test `open-mass`.
        argmax: 1 where v is the likeliest token at some position: the published test, `open-argmax`.
    """

    paired: Floats
    mass: Floats
    argmax: Floats


@dataclass(frozen=True)
class Listing:
    """The likeliest tokens at each position of some documents but the first, the likeliest first.

    Attributes:
        ids: documents x length - 1 x top.
        ln_p: natural logarithms of their probabilities, of the same shape.
    """

    ids: npt.NDArray[np.uint32]
    ln_p: npt.NDArray[np.float32]


def read(model: Transformer, documents: Tokens) -> Iterator[Tensor]:
    """Log-probs, some documents at a time: n x length - 1 x vocabulary. Entry i is of token i + 1."""
    for at in range(0, len(documents), BATCH):
        # Not across the yield: the caller's own steps would run in the same mode.
        with torch.inference_mode():
            ln_p = torch.log_softmax(model(torch.from_numpy(documents[at : at + BATCH, :-1])), dim=-1)
        yield ln_p


def list_top(model: Transformer, documents: Tokens, top: int) -> Listing:
    """The `top` likeliest tokens of each position."""
    parts = [ln_p.topk(top, dim=-1) for ln_p in read(model, documents)]
    ids = torch.cat([part.indices.to(torch.int32) for part in parts]).numpy().view(np.uint32)
    return Listing(ids, torch.cat([part.values for part in parts]).numpy())


def coefficients(suspect: Transformer, reference: Transformer, documents: Tokens) -> Coefficients:
    """Coefficients from whole rows of log-probs."""
    size = suspect.shape.vocabulary
    paired, mass, argmax = (torch.zeros((size, size), dtype=torch.float64) for _ in range(3))
    contexts = torch.from_numpy(documents[:, :-1])
    pairs = zip(read(suspect, documents), read(reference, documents), strict=True)
    for batch, (ln_suspect, ln_reference) in enumerate(pairs):
        at = contexts[batch * BATCH : (batch + 1) * BATCH].reshape(-1)
        p, q = (ln_p.reshape(-1, size).double().exp() for ln_p in (ln_suspect, ln_reference))
        mass.index_add_(0, at, p)
        paired.index_add_(0, at, p - q)
        argmax[at, p.argmax(dim=-1)] = 1.0
    return Coefficients(paired.numpy(), mass.numpy(), argmax.numpy())


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
