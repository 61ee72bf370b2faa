"""The linear statistic of the open test, in plain numpy: the second opinion on `taggant audit run`.

For coefficients a(c, v), made without the key, and green g(c, v) in {0, 1},

    T = sum a (g - gamma)

is, under a key that knows nothing of the text, a sum of independent centred terms with variance
gamma (1 - gamma) sum a^2.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radioactivity.mark import Mask

Floats = npt.NDArray[np.float64]

LARGEST_TILT = 50.0
"""Where `critical_z` stops looking: the tilt of a sum of unit variance is near z, and a z of 50 has a p of 1e-545."""


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
class Outcome:
    """What the test says.

    Attributes:
        z: T over its standard deviation.
        ln_p: a proven upper bound on ln P(T at least as large), after Chernoff.
        ln_p_approx: the same probability by Lugannani and Rice, an approximation; that of a normal law where z is not
            positive.
    """

    z: float
    ln_p: float
    ln_p_approx: float

    def log10_p(self) -> float:
        """The bound, in powers of ten."""
        return self.ln_p / math.log(10.0)

    def log10_p_approx(self) -> float:
        """The approximation, in powers of ten."""
        return self.ln_p_approx / math.log(10.0)


def z_score(coefficients: Floats, green: Mask, gamma: float) -> float:
    """T over its standard deviation; 0 where no coefficient is other than 0."""
    variance = gamma * (1.0 - gamma) * float(np.square(coefficients).sum())
    if variance == 0.0:
        return 0.0
    statistic = float(coefficients[green].sum()) - gamma * float(coefficients.sum())
    return statistic / math.sqrt(variance)


def test(coefficients: Floats, green: Mask, gamma: float) -> Outcome:
    """The one-sided test that T is large.

    Args:
        coefficients: a(c, v), of any shape.
        green: g(c, v), of the same shape.
        gamma: the chance of green under the null.
    """
    used = coefficients != 0.0
    a, g = coefficients[used], green[used]
    if len(a) == 0:
        return Outcome(0.0, 0.0, 0.0)
    z = z_score(a, g, gamma)
    # Scaled to unit variance, so that the root is near z for a sum that is near normal.
    a = a / math.sqrt(gamma * (1.0 - gamma) * float(np.square(a).sum()))
    if z <= 0.0:
        return Outcome(z, 0.0, math.log(0.5 * math.erfc(z / math.sqrt(2.0))))
    tilt = saddlepoint(a, z, gamma)
    value, _, curvature = cumulants(a, tilt, gamma)
    exponent = value - tilt * z
    return Outcome(z, min(0.0, exponent), lugannani_rice(exponent, tilt * math.sqrt(curvature)))


def rounded(coefficients: Floats) -> Floats:
    """Coefficients as `taggant` has them: multiples of 2^-16, then of ten significant bits."""
    fraction, exponent = np.frexp(np.round(coefficients * 2.0**16))
    result: Floats = np.ldexp(np.round(fraction * 2.0**10), exponent - 26)
    return result


def critical_z(coefficients: Floats, gamma: float, p: float) -> float:
    """The z at which the approximate p of `test` is `p`, below one half; the same for every key.

    Returns:
        The z; infinite if so few coefficients are other than 0 that none has a p as small.

    Raises:
        ValueError: if no coefficient is other than 0.
    """
    a = coefficients[coefficients != 0.0]
    if len(a) == 0:
        raise ValueError("expected a coefficient other than 0, found none")
    a = a / math.sqrt(gamma * (1.0 - gamma) * float(np.square(a).sum()))

    def at(tilt: float) -> tuple[float, float]:
        value, z, curvature = cumulants(a, tilt, gamma)
        return z, lugannani_rice(value - tilt * z, tilt * math.sqrt(curvature))

    low, high = 0.0, LARGEST_TILT
    if at(high)[1] > math.log(p):
        return math.inf
    for _ in range(40):
        tilt = 0.5 * (low + high)
        low, high = (tilt, high) if at(tilt)[1] > math.log(p) else (low, tilt)
    return at(high)[0]


def cumulants(a: Floats, tilt: float, gamma: float) -> tuple[float, float, float]:
    """K(tilt) = sum ln E exp(tilt a (g - gamma)), and its first two derivatives."""
    x = tilt * a
    # Shifted by the larger exponent, so that nothing overflows.
    shift = np.maximum(x, 0.0)
    red, green = (1.0 - gamma) * np.exp(-shift), gamma * np.exp(x - shift)
    share = green / (red + green)
    value = np.log(red + green) + shift - gamma * x
    return float(value.sum()), float((a * (share - gamma)).sum()), float((a * a * share * (1.0 - share)).sum())


def saddlepoint(a: Floats, statistic: float, gamma: float) -> float:
    """The tilt at which K' is the statistic; the largest tilt tried if the statistic is at the end of its range."""
    low, high = 0.0, max(statistic, 1.0)
    while cumulants(a, high, gamma)[1] < statistic and high < 1e9:
        low, high = high, 2.0 * high
    tilt = 0.5 * (low + high)
    for _ in range(200):
        _, slope, curvature = cumulants(a, tilt, gamma)
        if abs(slope - statistic) <= 1e-12 * max(1.0, statistic):
            break
        low, high = (tilt, high) if slope < statistic else (low, tilt)
        newton = tilt + (statistic - slope) / curvature if curvature > 0.0 else math.nan
        tilt = newton if low < newton < high else 0.5 * (low + high)
    return tilt


def binomial_p(found: int, n: int, p: float) -> float:
    """The exact two-sided p of a count: twice the smaller tail, at most 1."""
    ln_choose = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(n + 1)]
    law = [math.exp(ln_ways + k * math.log(p) + (n - k) * math.log1p(-p)) for k, ln_ways in enumerate(ln_choose)]
    return min(1.0, 2.0 * min(sum(law[: found + 1]), sum(law[found:])))


def lugannani_rice(exponent: float, u: float) -> float:
    """The ln p that follows from K - tilt T and u = tilt sqrt(K''), in the form r* of Barndorff-Nielsen."""
    r = math.sqrt(max(0.0, -2.0 * exponent))
    if r < 1e-4 or u <= 0.0:
        return math.log(0.5)
    return ln_normal_tail(r + math.log(u / r) / r)


def ln_normal_tail(z: float) -> float:
    """The ln P(Z >= z) for a standard normal Z; relative error of p below 1e-6 for every z."""
    if z < 25.0:
        return math.log(0.5 * math.erfc(z / math.sqrt(2.0)))
    # The asymptotic series of Mills' ratio.
    series = 1.0 - 1.0 / z**2 + 3.0 / z**4 - 15.0 / z**6
    return -0.5 * z * z - math.log(z * math.sqrt(2.0 * math.pi)) + math.log(series)
