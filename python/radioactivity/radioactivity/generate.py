"""Sampling from a model at temperature 1, marked or not."""

import numpy as np
import torch

from radioactivity.mark import Mask
from radioactivity.model import Transformer
from radioactivity.text import Tokens


@torch.inference_mode()
def generate(
    model: Transformer, prompts: Tokens, seed: int, masks: Mask | None = None, delta: float = 0.0, batch: int = 256
) -> Tokens:
    """Continues each prompt to the end of the model's context.

    Args:
        model: the model that writes.
        prompts: rows of tokens of one length. They are no part of the result.
        seed: of the sampling.
        masks: row c says which tokens are green after token c. The first token of a completion is never marked: no
            token of the completion stands before it.
        delta: nats added to the logits of green tokens.
        batch: prompts that are continued at a time.

    Returns:
        The completions, one for each prompt.
    """
    random = torch.Generator().manual_seed(seed)
    bonus = None if masks is None else torch.from_numpy(masks)
    completion_len = model.shape.context_len - prompts.shape[1]
    done = []
    for at in range(0, len(prompts), batch):
        cache = model.new_cache()
        read = torch.from_numpy(prompts[at : at + batch])
        completion = torch.empty((len(read), completion_len), dtype=torch.int64)
        for i in range(completion_len):
            logits = model(read, cache)[:, -1]
            if bonus is not None and i > 0:
                logits = logits + delta * bonus[read[:, -1]]
            read = torch.multinomial(torch.softmax(logits, dim=-1), 1, generator=random)
            completion[:, i] = read[:, 0]
        done.append(completion.numpy())
    return np.concatenate(done)
