"""The whole chain with a model that trains in seconds. It needs torch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from radioactivity import measure
from radioactivity.generate import generate
from radioactivity.listing import LISTED
from radioactivity.mark import Profile
from radioactivity.model import Shape, Transformer
from radioactivity.settings import Settings
from radioactivity.suite import Student, Suite, write_text
from radioactivity.train import Recipe

SMALL = Settings(
    shape=Shape(vocabulary=64, context_len=32, width=32, layers=2, heads=2),
    pretraining=Recipe(epochs=2, learning_rate=5e-3),
    fine_tuning=Recipe(epochs=2, learning_rate=5e-3),
    profile=Profile(delta=4.0),
    fine_tuned_len=30_000,
    prompt_len=2,
    documents=200,
    top=16,
    sampled_len=6_000,
)


def chain(size: int, seed: int) -> np.ndarray:
    """A text of a random chain: each token is followed by one of eight."""
    rng = np.random.default_rng(seed)
    after = rng.integers(1, 64, (64, 8))
    tokens = [1]
    for choice in rng.integers(0, 8, size - 1):
        tokens.append(int(after[tokens[-1], choice]))
    return np.array(tokens)


def test_student_of_marked_text_is_found_and_control_is_not(tmp_path: Path) -> None:
    suite = Suite(SMALL, tmp_path, human_text=chain(160_000, 1))
    marked = Student(suite, "marked", 1, 15_000, "key")
    found = measure.under_key(marked, "key")
    # 3,969 coefficients of one key, about half of them of no weight: a control would be at 0, give or take 1.
    assert found["open-paired"]["z"] > 6
    assert found["open-paired"]["log10_p"] < -6
    assert found["positions"] == 6_200
    tops = measure.by_top(marked, "key", [8, 64])
    # All 64 tokens listed are whole rows, in 32 bits.
    assert tops["64"]["z"] == pytest.approx(found["open-paired"]["z"], abs=1e-3)
    assert 0 < tops["8"]["listed_mass"] < tops["64"]["listed_mass"] < 1 + 1e-5
    control = Student(suite, "control", 2, 15_000, None)
    null = measure.under_random_keys(control, 100)
    for name in ("open-paired", LISTED, "open-mass", "open-argmax", "count"):
        # Five standard errors of a mean and of a deviation, with some room for coefficients that weigh much.
        assert abs(null[name]["mean"]) < 0.5, name
        assert 0.6 < null[name]["sd"] < 1.4, name


def test_folder_of_other_settings_is_refused(tmp_path: Path) -> None:
    Suite(SMALL, tmp_path)
    Suite(SMALL, tmp_path)
    with pytest.raises(ValueError, match="top: 16 there, 8 here"):
        Suite(replace(SMALL, top=8), tmp_path)


def test_more_marked_text_than_a_student_reads_is_refused(tmp_path: Path) -> None:
    suite = Suite(SMALL, tmp_path)
    # 29 marked tokens in each completion of 30, after a boundary: 967 fit, and 968 do not.
    assert Student(suite, "marked", 1, 967 * 29, "key").n_completions == 967
    with pytest.raises(ValueError, match="at most 30000 tokens of the teacher, boundaries included, found 30008"):
        Student(suite, "marked", 1, 967 * 29 + 1, "key")


def test_file_that_was_broken_off_is_made_again(tmp_path: Path) -> None:
    work = Suite(SMALL, tmp_path).work

    def broken_off(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        work.file("results/some.txt", broken_off)
    assert work.file("results/some.txt", lambda path: write_text(path, "whole")).read_text() == "whole"
    assert work.file("results/some.txt", broken_off).read_text() == "whole"


def test_model_with_a_cache_says_what_it_says_without() -> None:
    torch.manual_seed(5)
    model = Transformer(SMALL.shape).eval()
    tokens = torch.randint(0, 64, (3, 20))
    cache = model.new_cache()
    with torch.inference_mode():
        parts = [model(tokens[:, :7], cache)] + [model(tokens[:, i : i + 1], cache) for i in range(7, 20)]
        # Sums in another order, in 32 bits.
        assert torch.allclose(torch.cat(parts, dim=1), model(tokens), atol=1e-5)


def test_strong_mark_leaves_green_tokens_alone_and_spares_the_first() -> None:
    torch.manual_seed(6)
    model = Transformer(SMALL.shape).eval()
    masks = np.random.default_rng(0).random((64, 64)) < 0.25
    written = generate(model, np.ones((50, 2), dtype=np.int64), 7, masks, delta=60.0)
    assert masks[written[:, :-1], written[:, 1:]].all()
    # All prompts end with token 1: were the first tokens marked, they would be green after it.
    assert not masks[1, written[:, 0]].all()
