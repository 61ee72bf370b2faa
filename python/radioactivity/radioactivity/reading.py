"""Reading a text with a model: the likeliest tokens of each position for the auditor, coefficients for the tests."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from radioactivity.listing import Listing
from radioactivity.model import Transformer
from radioactivity.statistic import Coefficients
from radioactivity.text import Tokens

BATCH = 8
"""Documents that are read at a time: 8 x 127 x 4096 log-probs take 17 MB."""


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
