"""A small decoder-only transformer: learned positions, pre-norm, tied embeddings."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """The size of a model. The default has 0.94 million parameters."""

    vocabulary: int = 4096
    context_len: int = 128
    width: int = 128
    layers: int = 2
    heads: int = 4


@dataclass
class Cache:
    """Keys and values of the positions seen so far, one pair for each layer."""

    layers: list[tuple[Tensor, Tensor] | None]
    seen: int = 0


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self, shape: Shape) -> None:
        """Makes the projections."""
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Attends to `past` and to `x` itself; with a past, `x` is one position."""
        batch, length, width = x.shape
        qkv = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=past is None)
        return self.out(y.transpose(1, 2).reshape(batch, length, width)), (k, v)


class Layer(nn.Module):
    """Attention and a feed-forward step, each around a residual."""

    def __init__(self, shape: Shape) -> None:
        """Makes the parts."""
        super().__init__()
        self.norm_attention = nn.LayerNorm(shape.width)
        self.attention = Attention(shape)
        self.norm_feed = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, 4 * shape.width)
        self.down = nn.Linear(4 * shape.width, shape.width)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One layer, and its keys and values."""
        y, present = self.attention(self.norm_attention(x), past)
        x = x + y
        return x + self.down(F.gelu(self.up(self.norm_feed(x)))), present


class Transformer(nn.Module):
    """Tokens to logits of the next token."""

    def __init__(self, shape: Shape) -> None:
        """Makes a model with fresh weights from torch's global generator."""
        super().__init__()
        self.shape = shape
        self.token = nn.Embedding(shape.vocabulary, shape.width)
        self.position = nn.Embedding(shape.context_len, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                # The residual branches are scaled down by depth, as in GPT-2.
                depth = (2 * shape.layers) ** 0.5 if name.endswith(("out.weight", "down.weight")) else 1.0
                nn.init.normal_(weight, std=0.02 / depth)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits, batch x length x vocabulary: entry i predicts token i + 1."""
        start = cache.seen if cache else 0
        positions = torch.arange(start, start + tokens.shape[1])
        x = self.token(tokens) + self.position(positions)
        for at, layer in enumerate(self.layers):
            x, present = layer(x, cache.layers[at] if cache else None)
            if cache:
                cache.layers[at] = present
        if cache:
            cache.seen += tokens.shape[1]
        return F.linear(self.norm(x), self.token.weight)

    def new_cache(self) -> Cache:
        """An empty cache."""
        return Cache([None] * self.shape.layers)


def save(model: Transformer, path: Path) -> None:
    """Writes a checkpoint."""
    torch.save({"shape": asdict(model.shape), "weights": model.state_dict()}, path)


def load(path: Path) -> Transformer:
    """Reads a checkpoint."""
    stored = torch.load(path, weights_only=True)
    model = Transformer(Shape(**stored["shape"]))
    model.load_state_dict(stored["weights"])
    return model
