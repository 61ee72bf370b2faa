"""The statistic against its definition, and its tails against all outcomes of a small case."""

import math

import numpy as np
import pytest

from radioactivity import statistic


def test_z_is_that_of_the_definition() -> None:
    a = np.array([[0.5, -1.0], [2.0, 0.0]])
    g = np.array([[True, True], [False, True]])
    total = sum(x * (float(y) - 0.25) for x, y in zip(a.flat, g.flat, strict=True))
    assert statistic.z_score(a, g, 0.25) == pytest.approx(total / math.sqrt(0.1875 * 5.25), rel=1e-12)


def exact_ln_p(a: np.ndarray, g: np.ndarray, gamma: float) -> float:
    """The tail of a sum of integer terms, by convolution."""
    law, lowest = np.ones(1), 0
    for term in a.tolist():
        wider = np.zeros(len(law) + abs(term))
        wider[: len(law)] += law * (1 - gamma if term >= 0 else gamma)
        wider[abs(term) :] += law * (gamma if term >= 0 else 1 - gamma)
        law, lowest = wider, lowest + min(term, 0)
    return math.log(law[int(a[g].sum()) - lowest :].sum())


@pytest.mark.parametrize("seed", range(8))
def test_bound_holds_and_approximation_is_close(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(-200, 201, size=150)
    g = rng.random(150) < np.where(a > 0, 0.55, 0.25)
    outcome, exact = statistic.test(a.astype(float), g, 0.25), exact_ln_p(a, g, 0.25)
    assert outcome.ln_p >= exact
    assert outcome.ln_p - exact < math.log(30), "a Chernoff bound loses about ln(z sqrt(2 pi))"
    # Half a step of the lattice and a relative error of the order of 1 / 150.
    assert outcome.ln_p_approx == pytest.approx(exact, abs=0.05)


def test_sum_of_equal_terms_has_the_binomial_tail() -> None:
    a, g = np.ones(2000), np.arange(2000) < 600
    outcome, exact = statistic.test(a, g, 0.25), exact_ln_p(np.ones(2000, dtype=int), g, 0.25)
    assert outcome.z == pytest.approx(100 / math.sqrt(375), rel=1e-12)
    assert outcome.ln_p > exact
    # A lattice of step 1 where the deviation is 19: half a step at a slope of 5.2 / 19 nats is 0.14.
    assert outcome.ln_p_approx == pytest.approx(exact, abs=0.2)


def test_rounding_keeps_ten_bits_of_multiples_of_two_to_the_minus_sixteen() -> None:
    unit = 2.0**-16
    found = statistic.rounded(np.array([0.0, 0.4 * unit, -0.6 * unit, 1023 * unit, 2051 * unit, -1.0, 1e6]))
    assert found.tolist() == [0.0, 0.0, -unit, 1023 * unit, 2052 * unit, -1.0, 977 * 1024.0]


@pytest.mark.parametrize("p", [0.2, 0.01, 1e-6])
def test_critical_z_is_where_the_approximation_has_that_p(p: float) -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=500)
    critical = statistic.critical_z(a, 0.25, p)
    spread = a / math.sqrt(0.1875 * float(np.square(a).sum()))
    tilt = statistic.saddlepoint(spread, critical, 0.25)
    value, z, curvature = statistic.cumulants(spread, tilt, 0.25)
    assert z == pytest.approx(critical, abs=1e-9)
    assert statistic.lugannani_rice(value - tilt * z, tilt * math.sqrt(curvature)) == pytest.approx(math.log(p))


def test_no_z_is_critical_where_even_the_largest_is_common() -> None:
    # Green with chance 1/4: no outcome of one term has a p of 0.01.
    assert statistic.critical_z(np.ones(1), 0.25, 0.01) == math.inf


def test_nothing_to_weigh_is_no_evidence() -> None:
    assert statistic.test(np.zeros(3), np.ones(3, dtype=bool), 0.25) == statistic.Outcome(0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="expected a coefficient other than 0"):
        statistic.critical_z(np.zeros(3), 0.25, 0.01)


def test_statistic_below_its_mean_has_the_bound_one() -> None:
    outcome = statistic.test(np.ones(100), np.zeros(100, dtype=bool), 0.25)
    assert outcome.z < 0
    assert outcome.ln_p == 0.0


def test_statistic_at_the_end_of_its_range_has_the_chance_of_that_end() -> None:
    outcome = statistic.test(np.ones(10), np.ones(10, dtype=bool), 0.25)
    assert outcome.ln_p == pytest.approx(10 * math.log(0.25), rel=1e-3)


@pytest.mark.parametrize(
    ("found", "n", "p", "expected"),
    [
        # 0.99^200, twice.
        (0, 200, 0.01, 2 * 0.99**200),
        (2, 2, 0.5, 0.5),
        # Both tails of the middle of a symmetric law are above one half.
        (50, 100, 0.5, 1.0),
        (5000, 5000, 0.5, 0.0),
    ],
)
def test_binomial_p_is_twice_the_smaller_tail(found: int, n: int, p: float, expected: float) -> None:
    # Logarithms of factorials of 200 have errors near 1e-13.
    assert statistic.binomial_p(found, n, p) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("z", "expected"), [(0.0, -0.6931471805599453), (5.0, -15.0649984), (40.0, -804.6084420)])
def test_normal_tail_is_that_of_tables(z: float, expected: float) -> None:
    assert statistic.ln_normal_tail(z) == pytest.approx(expected, rel=1e-8)


def test_normal_tail_has_no_step_where_the_series_takes_over() -> None:
    assert statistic.ln_normal_tail(25.0) == pytest.approx(statistic.ln_normal_tail(25.0 - 1e-9), rel=1e-7)
