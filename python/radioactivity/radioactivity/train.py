"""Training: AdamW under a one-cycle learning rate."""

import math
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from radioactivity.model import Transformer
from radioactivity.text import Tokens


@dataclass(frozen=True)
class Recipe:
    """How a model is trained."""

    epochs: int
    learning_rate: float
    batch: int = 8
    weight_decay: float = 0.01


def train(model: Transformer, rows: Tokens, recipe: Recipe, seed: int, name: str) -> None:
    """Trains `model` in place on rows of tokens, in an order drawn from the seed anew for each epoch."""
    rng = np.random.default_rng(seed)
    steps_per_epoch = len(rows) // recipe.batch
    n_steps = recipe.epochs * steps_per_epoch
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.learning_rate, total_steps=n_steps, pct_start=0.1, cycle_momentum=False
    )
    model.train()
    losses: list[float] = []
    start = time.perf_counter()
    for step in range(n_steps):
        if step % steps_per_epoch == 0:
            order = rng.permutation(len(rows))
        at = step % steps_per_epoch * recipe.batch
        batch = torch.from_numpy(rows[order[at : at + recipe.batch]])
        logits = model(batch[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % 200 == 0 or step + 1 == n_steps:
            speed = (step + 1) * batch.numel() / (time.perf_counter() - start)
            recent = float(np.mean(losses[-200:]))
            print(f"  {name}: step {step + 1}/{n_steps}, loss {recent:.3f}, {speed:,.0f} tokens/s", file=sys.stderr)
    model.eval()


@torch.inference_mode()
def perplexity(model: Transformer, rows: Tokens) -> float:
    """The perplexity of rows of tokens, the first token of each being given."""
    total, count = 0.0, 0
    for at in range(0, len(rows), 16):
        batch = torch.from_numpy(rows[at : at + 16])
        logits = model(batch[:, :-1])
        total += F.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch[:, 1:].reshape(-1), reduction="sum").item()
        count += batch[:, 1:].numel()
    return math.exp(total / count)
