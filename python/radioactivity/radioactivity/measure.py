"""The tests in numpy: what they say of a student under its key, and of the control student under random keys."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from radioactivity import listing, reading, statistic, train
from radioactivity.listing import LISTED, Listing
from radioactivity.statistic import Floats
from radioactivity.suite import Student
from radioactivity.text import Tokens

LEVEL = 1e-2
"""The level at which the share of random keys is counted."""


def coefficients(student: Student) -> dict[str, Floats]:
    """The coefficients of each test by its name; those of `LISTED` come from what the files list, as an auditor's."""
    suite = student.suite
    whole = reading.coefficients(student.model, suite.base, suite.held_out)
    vocabulary = suite.settings.shape.vocabulary
    listed = listing.listed_coefficients(suite.held_out, student.listing, suite.base_listing, vocabulary)
    return {
        "open-paired": whole.paired,
        LISTED: statistic.rounded(listed.paired),
        "open-mass": whole.mass,
        "open-argmax": whole.argmax,
        "count": count(student.samples, vocabulary),
    }


def count(documents: Tokens, vocabulary: int) -> Floats:
    """1 for each (context, token) that occurs: the coefficients of the closed test."""
    seen = np.zeros((vocabulary, vocabulary))
    seen[documents[:, :-1], documents[:, 1:]] = 1.0
    return seen


def under_key(student: Student, key: str) -> dict[str, Any]:
    """What each test says of a student under one key."""
    suite = student.suite
    masks, gamma = suite.masks(key), suite.settings.profile.green_share()
    served = student.served
    found: dict[str, Any] = {
        "positions": suite.settings.positions(),
        "perplexity": train.perplexity(student.model, suite.held_out),
        "served_tokens": served.size,
        "served_green_share": float(masks[served[:, :-1], served[:, 1:]].mean()),
        "sampled_tokens": student.samples.size,
    }
    for name, a in coefficients(student).items():
        outcome = statistic.test(a, masks, gamma)
        squares = np.square(a)
        found[name] = {
            "z": outcome.z,
            "log10_p": outcome.log10_p(),
            "log10_p_approx": outcome.log10_p_approx(),
            "largest_share": float(squares.max() / squares.sum()),
        }
    return found


def by_top(student: Student, key: str, tops: Sequence[int]) -> dict[str, Any]:
    """What `open-paired` says if each model lists so many tokens for each position; all of them last."""
    suite = student.suite
    masks, gamma = suite.masks(key), suite.settings.profile.green_share()
    vocabulary = suite.settings.shape.vocabulary
    most = [reading.list_top(model, suite.held_out, max(tops)) for model in (student.model, suite.base)]
    found: dict[str, Any] = {}
    for top in tops:
        # The likeliest come first, so that a shorter list is the start of a longer one.
        suspect, reference = (Listing(longer.ids[..., :top], longer.ln_p[..., :top]) for longer in most)
        a = listing.listed_coefficients(suite.held_out, suspect, reference, vocabulary).paired
        mass = float(np.exp(suspect.ln_p.astype(float)).sum(axis=-1).mean())
        found[str(top)] = {"listed_mass": mass, "z": statistic.z_score(a, masks, gamma)}
    whole = reading.coefficients(student.model, suite.base, suite.held_out).paired
    found[str(vocabulary)] = {"listed_mass": 1.0, "z": statistic.z_score(whole, masks, gamma)}
    return found


def under_random_keys(student: Student, n_keys: int) -> dict[str, Any]:
    """What each test says of a student under keys that had no part in anything."""
    suite = student.suite
    gamma = suite.settings.profile.green_share()
    tests = coefficients(student)
    critical = {name: statistic.critical_z(a, gamma, LEVEL) for name, a in tests.items()}
    z: dict[str, list[float]] = {name: [] for name in tests}
    spread = {name: math.sqrt(gamma * (1.0 - gamma) * float(np.square(a).sum())) for name, a in tests.items()}
    for key in range(n_keys):
        centred = suite.masks(f"random-{key}").astype(np.float64).ravel() - gamma
        for name, a in tests.items():
            z[name].append(float(a.ravel() @ centred) / spread[name])
    found: dict[str, Any] = {"keys": n_keys, "level": LEVEL}
    for name in tests:
        below = int(np.sum(np.array(z[name]) >= critical[name]))
        found[name] = {
            "z": z[name],
            "mean": float(np.mean(z[name])),
            "sd": float(np.std(z[name], ddof=1)),
            "critical_z": critical[name],
            "below": below,
            "exact_p": statistic.binomial_p(below, n_keys, LEVEL),
        }
    return found
