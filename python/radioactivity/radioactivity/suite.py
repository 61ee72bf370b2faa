"""The experiment: a teacher whose output is marked, students that were trained on it, and what is written of them."""

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from radioactivity import reading, rows, text, train
from radioactivity.generate import generate
from radioactivity.listing import Listing
from radioactivity.mark import Mask, all_masks, secret
from radioactivity.model import Transformer
from radioactivity.settings import Settings
from radioactivity.text import Split, Tokens
from radioactivity.work import Work


class Suite:
    """The parts that all students share."""

    def __init__(
        self, settings: Settings, folder: Path, rows_format: str = "parquet", human_text: Tokens | None = None
    ) -> None:
        """Opens the folder of a run.

        Args:
            settings: of the run.
            folder: where its files are, or will be.
            rows_format: of the files with log-probs, `parquet` or `jsonl`.
            human_text: the tokens that are dealt to all; the embedded text if None.

        Raises:
            ValueError: if the folder belongs to a run with other settings.
        """
        self.settings, self.work = settings, Work(folder, settings)
        self.rows_format, self.human_text = rows_format, human_text
        torch.set_num_threads(settings.threads)

    @cached_property
    def split(self) -> Split:
        """The human text, dealt to its users."""
        settings = self.settings
        tokens = text.load() if self.human_text is None else self.human_text
        held_out_len = settings.documents * settings.shape.context_len
        return text.split(tokens, held_out_len, settings.fine_tuned_len)

    @cached_property
    def held_out(self) -> Tokens:
        """The documents that are read."""
        return text.windows(self.split.held_out, self.settings.shape.context_len)

    @cached_property
    def teacher(self) -> Transformer:
        """The model whose output is marked."""
        return self.work.model("teacher", lambda: self.pretrain("teacher", self.split.teacher, seed=1))

    @cached_property
    def base(self) -> Transformer:
        """The checkpoint that students start from: the reference."""
        return self.work.model("base", lambda: self.pretrain("base", self.split.base, seed=2))

    def pretrain(self, name: str, tokens: Tokens, seed: int) -> Transformer:
        """Trains a model from fresh weights."""
        torch.manual_seed(seed)
        fresh = Transformer(self.settings.shape)
        windows = text.windows(tokens, self.settings.shape.context_len)
        train.train(fresh, windows, self.settings.pretraining, seed, name)
        return fresh

    @cached_property
    def base_listing(self) -> Listing:
        """What the base checkpoint says of the held-out text."""
        return reading.list_top(self.base, self.held_out, self.settings.top)

    @property
    def base_path(self) -> Path:
        """The same as rows."""
        name = f"base.{self.rows_format}"
        return self.work.file(name, lambda path: rows.write(path, self.held_out, self.base_listing))

    @property
    def profile_path(self) -> Path:
        """The profile of the mark."""
        return self.work.file("profile.toml", lambda path: write_text(path, self.settings.profile.toml()))

    def key_path(self, label: str) -> Path:
        """The key file of a label."""
        return self.work.file(f"keys/{label}", lambda path: write_text(path, secret(label).hex() + "\n"))

    def masks(self, label: str) -> Mask:
        """The green tokens under the key of a label."""
        return all_masks(secret(label), self.settings.profile, self.settings.shape.vocabulary)

    def complete(self, writer: Transformer, human: Tokens, n_completions: int, seed: int, masks: Mask | None) -> Tokens:
        """Completions of prompts that are drawn from a human text."""
        windows = text.windows(human, self.settings.prompt_len)
        drawn = np.random.default_rng(seed).choice(len(windows), n_completions, replace=False)
        return generate(writer, windows[drawn], seed, masks, self.settings.profile.delta)


class Student:
    """The base checkpoint, fine-tuned on human text and on text of the teacher."""

    def __init__(self, suite: Suite, name: str, seed: int, served_len: int, key: str | None) -> None:
        """Describes a student that need not exist yet.

        Args:
            suite: of the parts it shares with the others.
            name: its own, for its files.
            seed: of everything that is drawn for it.
            served_len: tokens that the teacher writes for it; the first of each completion, never marked, come on top.
            key: the label of the key that the teacher's text is marked with; None for text that is not marked.

        Raises:
            ValueError: if the teacher would write more than the student is fine-tuned on.
        """
        completion_len = suite.settings.completion_len()
        self.n_completions = -(-served_len // (completion_len - 1))
        # Each completion stands after a document boundary.
        needed = self.n_completions * (completion_len + 1)
        most = suite.settings.fine_tuned_len
        if needed > most:
            raise ValueError(f"expected at most {most} tokens of the teacher, boundaries included, found {needed}")
        self.suite, self.name, self.seed, self.served_len, self.key = suite, name, seed, served_len, key

    @cached_property
    def served(self) -> Tokens:
        """What the teacher writes for it."""

        def make(path: Path) -> None:
            masks = None if self.key is None else self.suite.masks(self.key)
            rows.write(path, suite.complete(suite.teacher, suite.split.teacher, self.n_completions, self.seed, masks))

        suite = self.suite
        return read_tokens(suite.work.file(f"{self.name}-served.jsonl", make))

    @cached_property
    def model(self) -> Transformer:
        """The fine-tuned model."""
        return self.suite.work.model(self.name, self.fine_tune)

    def fine_tune(self) -> Transformer:
        """Trains it: the teacher's completions, each after a document boundary, take the place of human text."""
        settings, context_len = self.suite.settings, self.suite.settings.shape.context_len
        boundaries = np.full((len(self.served), 1), text.END_OF_TEXT)
        served = text.windows(np.concatenate((boundaries, self.served), axis=1).reshape(-1), context_len)
        human = text.windows(self.suite.split.filler, context_len)
        human = human[: settings.fine_tuned_len // context_len - len(served)]
        tuned = Transformer(settings.shape)
        tuned.load_state_dict(self.suite.base.state_dict())
        train.train(tuned, np.concatenate((human, served)), settings.fine_tuning, self.seed, self.name)
        return tuned

    @cached_property
    def listing(self) -> Listing:
        """What it says of the held-out text."""
        return reading.list_top(self.model, self.suite.held_out, self.suite.settings.top)

    @property
    def rows_path(self) -> Path:
        """The same as rows."""
        name = f"{self.name}.{self.suite.rows_format}"
        return self.suite.work.file(name, lambda path: rows.write(path, self.suite.held_out, self.listing))

    @property
    def samples_path(self) -> Path:
        """Text that is sampled from it, as rows of tokens."""

        def make(path: Path) -> None:
            n_completions = settings.sampled_len // settings.completion_len()
            rows.write(path, suite.complete(self.model, suite.split.base, n_completions, self.seed + 1000, None))

        suite, settings = self.suite, self.suite.settings
        return suite.work.file(f"{self.name}-samples.jsonl", make)

    @cached_property
    def samples(self) -> Tokens:
        """The same as tokens."""
        return read_tokens(self.samples_path)


def read_tokens(path: Path) -> Tokens:
    """Tokens of the documents of a jsonl file, all of one length."""
    return np.array([json.loads(line)["tokens"] for line in path.read_text().splitlines()], dtype=np.int64)


def write_text(path: Path, content: str) -> None:
    """Writes a small file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(content)
