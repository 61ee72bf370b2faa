"""A small model that knows marked text by heart, as transformers and llama.cpp load it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

END = "<|endoftext|>"
END_ID = 0

CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""The model goes on where the message ends, in chat as in completions."""

WIDTH = 128
LAYERS = 2
HEADS = 4
CONTEXT = 256
ROPE_BASE = 10_000.0

SEED = 1
STEPS = 400
SURE = 0.9
"""Training ends when the model gives every token that it is to say at least this probability: far from a tie, so that
another order of additions in another server says the same."""


FOREIGN = [
    "How do they greet each other abroad? \u201cGr\u00fc\u00df Gott\u201d \u2013 \u201cna\u00efve\u201d.",
    "And in the east, they said to me: \u4f60\u597d \U0001f30a!",
]
"""Unmarked, and with characters of several tokens, none of which is text by itself. The model ends them by itself."""


@dataclass(frozen=True)
class Recital:
    """A prompt, and how the model goes on, both as tokens."""

    prompt: list[int]
    answer: list[int]


def recitals(tokenizer: Tokenizer, texts: list[str], prompt_tokens: int, answer_tokens: int) -> list[Recital]:
    """Cuts texts into prompts and answers of the same tokens apart as together; what begins alike is left out.

    Args:
        tokenizer: the tokenizer.
        texts: the texts.
        prompt_tokens: the fewest of a prompt.
        answer_tokens: the most of an answer. One that ends before ends with the token that says so.
    """

    def stands_alone(tokens: list[int]) -> bool:
        return tokenizer.encode(tokenizer.decode(tokens)).ids == tokens

    cut: dict[tuple[int, ...], Recital] = {}
    for text in texts:
        tokens = tokenizer.encode(text).ids
        for end in range(prompt_tokens, len(tokens)):
            prompt, answer = tokens[:end], tokens[end : end + answer_tokens]
            if stands_alone(prompt) and stands_alone(answer):
                ended = answer if len(answer) == answer_tokens else [*answer, END_ID]
                cut.setdefault(tuple(tokens[:prompt_tokens]), Recital(prompt, ended))
                break
    return list(cut.values())


def learn(pieces: list[Recital], vocabulary: int) -> LlamaForCausalLM:
    """Trains a model until it knows every piece by heart.

    Raises:
        RuntimeError: if it does not come to that.
    """
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_BASE},
        tie_word_embeddings=True,
        bos_token_id=END_ID,
        eos_token_id=END_ID,
        pad_token_id=END_ID,
    )
    model = LlamaForCausalLM(config)
    longest = max(len(piece.prompt + piece.answer) for piece in pieces)
    inputs = torch.zeros(len(pieces), longest, dtype=torch.long)
    labels = torch.full((len(pieces), longest), IGNORED)
    for row, piece in enumerate(pieces):
        tokens = torch.tensor(piece.prompt + piece.answer)
        inputs[row, : len(tokens)] = tokens
        labels[row, len(piece.prompt) : len(tokens)] = tokens[len(piece.prompt) :]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    least = 0.0
    for _ in range(STEPS):
        logits = model(inputs).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="none"
        )
        least = torch.exp(-losses.detach().max()).item()
        if least >= SURE:
            model.eval()
            return model
        optimizer.zero_grad()
        (losses.sum() / (labels != IGNORED).sum()).backward()
        optimizer.step()
    raise RuntimeError(f"the model gives a token that it should know a probability of {least:.2f} after {STEPS} steps")


def rows(
    model: LlamaForCausalLM, tokenizer: Tokenizer, questions: dict[str, Recital], top: int
) -> list[dict[str, Any]]:
    """The answers with their log-probs as rows for `--suspect`, up to the first token that is no text by itself."""
    return [row(model, tokenizer, name, piece, top) for name, piece in questions.items()]


def row(model: LlamaForCausalLM, tokenizer: Tokenizer, name: str, piece: Recital, top: int) -> dict[str, Any]:
    """One of these rows."""
    answer = [token for token in piece.answer if token != END_ID]
    with torch.no_grad():
        logits = model(torch.tensor([piece.prompt + answer])).logits[0, len(piece.prompt) - 1 : -1]
    likeliest = torch.log_softmax(logits.double(), dim=-1).topk(top)
    pairs = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
    lists = [{"ids": ids, "ln_p": ln_p} for ids, ln_p in pairs]
    unread = (place for place, token in enumerate(answer) if "\ufffd" in tokenizer.decode([token]))
    known = next(unread, len(answer))
    return {
        "id": name,
        "prompt_tokens": piece.prompt,
        "tokens": answer,
        "logprobs": [*lists[:known], *[None] * (len(answer) - known)],
    }


def save(model: LlamaForCausalLM, tokenizer: Path, folder: Path) -> None:
    """Writes the model with its tokenizer as transformers loads it."""
    # Greedy, whatever temperature is asked for: so the server takes it anyway unless the model says otherwise.
    model.generation_config.do_sample = False
    model.save_pretrained(folder)
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer), bos_token=END, eos_token=END, clean_up_tokenization_spaces=False
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)


def save_gguf(model: LlamaForCausalLM, tokenizer: Path, path: Path) -> None:
    """Writes the model with its tokenizer as llama.cpp loads it."""
    import gguf

    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("a model that knows marked text by heart")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_vocab_size(config.vocab_size)

    bpe = json.loads(tokenizer.read_text())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in bpe["merges"]]
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].__getitem__)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token == END else normal for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(END_ID)
    writer.add_eos_token_id(END_ID)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)

    for name, tensor in model.model.state_dict().items():
        writer.add_tensor(gguf_name(name), rotated(name, tensor, config).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_name(name: str) -> str:
    """What llama.cpp calls a tensor."""
    match name.split("."):
        case ["embed_tokens", "weight"]:
            return "token_embd.weight"
        case ["norm", "weight"]:
            return "output_norm.weight"
        case ["layers", layer, *part, "weight"]:
            return f"blk.{layer}.{GGUF_NAMES['.'.join(part)]}.weight"
    raise ValueError(f"expected a tensor of a Llama model, found {name}")


def rotated(name: str, tensor: torch.Tensor, config: Any) -> torch.Tensor:  # noqa: ANN401
    """Queries and keys in llama.cpp's order, which rotates neighbours where transformers rotates halves."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return tensor
    rows = tensor.shape[0]
    return tensor.reshape(config.num_attention_heads, 2, -1, tensor.shape[1]).transpose(1, 2).reshape(rows, -1)


IGNORED = -100

GGUF_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
