#!/usr/bin/env python3
"""Writes the reference vectors of the tail tests: tail_binomial, tail_gamma, tail_mixture, tail_weighted
and tail_special .json.

    python3 tail_reference.py            write the files next to this script (half a minute)
    python3 tail_reference.py --check    compare the method with independent ones, write nothing

Needs mpmath (1.3.0 was used), nothing else. All arguments are f64, taken exactly.

Method, on purpose not that of the Rust code. A tail is its boundary term times 1 + the ratios of the following terms:

    P(X >= k) = P(X = k) (1 + r_1 + r_1 r_2 + ...)

- The boundary term is written with ln Gamma at 80 digits; at n = 1e10, 11 of them cancel.
- The ratios are rational, and their sum is taken in whole numbers, scaled by 2^320, term by term until a term is 0. That is
  direct summation: no continued fraction, no quadrature, no expansion. With at most 4e6 terms the error is below
  2^-290 of the sum.
- The tail on the near side of the mean is ln(1 - e^t) of the other one, at 80 digits.

Values are strings of 25 digits, so that the reader's rounding is that of its own parser.
"""

import json
import pathlib
import sys
from fractions import Fraction

import mpmath as mp

mp.mp.dps = 80
SCALE_BITS = 320
HERE = pathlib.Path(__file__).parent


def ratio_sum(ratios):
    """1 + r_1 + r_1 r_2 + ... for positive ratios (numerator, denominator) whose products fall to 0."""
    term = total = 1 << SCALE_BITS
    for numerator, denominator in ratios:
        term = term * numerator // denominator
        if term == 0:
            break
        total += term
    return mp.mpf(total) / (1 << SCALE_BITS)


def ln_1m_exp(x):
    return mp.log1p(-mp.exp(x)) if x > -150 else -mp.exp(x) * (1 + mp.exp(x) / 2)


# --- binomial -------------------------------------------------------------------------------------------------------


def ln_pmf(n, p, k):
    exact = Fraction(p)
    ln = mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
    success, failure = mp.mpf(exact.numerator), mp.mpf(exact.denominator - exact.numerator)
    whole = mp.log(mp.mpf(exact.denominator))
    return ln + k * (mp.log(success) - whole) + (n - k) * (mp.log(failure) - whole)


def ln_above(n, p, k):
    """ln P(Bin(n, p) >= k) for k above the mean."""
    exact = Fraction(p)
    success, failure = exact.numerator, exact.denominator - exact.numerator
    ratios = (((n - j) * success, (j + 1) * failure) for j in range(k, n))
    return ln_pmf(n, p, k) + mp.log(ratio_sum(ratios))


def ln_below(n, p, k):
    """ln P(Bin(n, p) <= k) for k below the mean."""
    exact = Fraction(p)
    success, failure = exact.numerator, exact.denominator - exact.numerator
    ratios = ((j * failure, (n - j + 1) * success) for j in range(k, 0, -1))
    return ln_pmf(n, p, k) + mp.log(ratio_sum(ratios))


def binomial_upper(n, p, k):
    if k == 0:
        return mp.mpf(0)
    return ln_above(n, p, k) if k > n * Fraction(p) else ln_1m_exp(ln_below(n, p, k - 1))


def binomial_lower(n, p, k):
    if k == n:
        return mp.mpf(0)
    return ln_below(n, p, k) if k < n * Fraction(p) else ln_1m_exp(ln_above(n, p, k + 1))


# --- gamma ----------------------------------------------------------------------------------------------------------


def ln_weight(shape, x):
    """ln( x^shape e^-x / Gamma(shape) )"""
    return mp.mpf(shape) * mp.log(mp.mpf(x)) - mp.mpf(x) - mp.loggamma(mp.mpf(shape))


def ln_gamma_below(shape, x):
    """ln P(Gamma(shape) <= x) for x below the shape: the series DLMF 8.11.4."""
    a, exact = Fraction(shape), Fraction(x)
    # x / (a + j) = (x_num * a_den) / (x_den * (a_num + j a_den))
    top, bottom, step = exact.numerator * a.denominator, exact.denominator * a.numerator, exact.denominator * a.denominator

    def ratios():
        denominator = bottom
        while True:
            denominator += step
            yield top, denominator

    return ln_weight(shape, x) - mp.log(mp.mpf(shape)) + mp.log(ratio_sum(ratios()))


def ln_gamma_above(shape, x):
    """ln P(Gamma(shape) >= x) for x above the shape: a Poisson sum for whole shapes, mpmath's own for others."""
    if shape != int(shape):
        return mp.log(mp.gammainc(mp.mpf(shape), mp.mpf(x), mp.inf, regularized=True))
    exact = Fraction(x)
    # Q(a, x) = e^-x sum_{j<a} x^j / j!, from j = a - 1 down
    ratios = ((j * exact.denominator, exact.numerator) for j in range(int(shape) - 1, 0, -1))
    return ln_weight(shape, x) - mp.log(mp.mpf(x)) + mp.log(ratio_sum(ratios))


def gamma_upper(shape, x):
    return ln_gamma_above(shape, x) if x >= shape else ln_1m_exp(ln_gamma_below(shape, x))


def gamma_lower(shape, x):
    return ln_gamma_below(shape, x) if x < shape else ln_1m_exp(ln_gamma_above(shape, x))


# --- weighted sums of exponentials ----------------------------------------------------------------------------------


def weighted_distinct(coefficients, x):
    """ln P(sum a_i E_i >= x) for distinct coefficients of any sign and x >= 0: partial fractions of the Laplace transform."""
    a = [Fraction(c) for c in coefficients]
    total = mp.mpf(0)
    with mp.workdps(400):
        for i, ai in enumerate(a):
            if ai > 0:
                weight = Fraction(1)
                for j, aj in enumerate(a):
                    if j != i:
                        weight *= ai / (ai - aj)
                term = mp.mpf(weight.numerator) / weight.denominator
                total += term * mp.exp(-mp.mpf(x) * ai.denominator / ai.numerator)
        return mp.log(total)


def weighted_two(a, m, b, n, x):
    """ln P(a Gamma(m) + b Gamma(n) >= x) for a > b > 0: a negative binomial mixture of Gamma(m + n + k) b.

    a Gamma(m) is b Gamma(m + N) with P(N = k) = C(m+k-1, k) (b/a)^m (1 - b/a)^k, and P(Gamma(s) >= y) a Poisson sum.
    """
    y, ratio = mp.mpf(x) / mp.mpf(b), mp.mpf(b) / mp.mpf(a)
    weight, shape = ratio**m, m + n
    poisson = mp.exp(-y)
    upper = mp.mpf(0)
    for j in range(shape):
        upper += poisson
        poisson *= y / (j + 1)
    total, k = mp.mpf(0), 0
    while True:
        total += weight * upper
        growth = (m + k) * (1 - ratio) / (k + 1)  # falls with k, and tails are at most 1
        if growth < 1 and weight * growth / (1 - growth) < mp.mpf(10) ** -70 * total:
            return mp.log(total)
        weight *= growth
        upper += poisson
        poisson *= y / (shape + k + 1)
        k += 1


# --- mixtures, from their definitions -------------------------------------------------------------------------------


def ln_uniform_binomial(n, p, s):
    success, failure = mp.mpf(p), 1 - mp.mpf(p)
    ln_beta = mp.loggamma(s + 1) + mp.loggamma(n - s + 1) - mp.loggamma(n + 2)
    return ln_beta + binomial_lower(n + 1, p, s) - mp.log(failure) - s * mp.log(success) - (n - s) * mp.log(failure)


def ln_uniform_gamma(n, x):
    if x == 0:
        return -mp.log(mp.mpf(n + 1))
    return mp.mpf(x) - (n + 1) * mp.log(mp.mpf(x)) + mp.loggamma(n + 1) + gamma_lower(float(n + 1), x)


EFFECTS = [mp.mpf(2) ** (-mp.mpf(step) / 2) for step in range(-6, 29)]


def mix(ln_uniform, ln_ratios):
    """1/4 of the uniform mixture and 3/4 of the mean of the likelihood ratios."""
    mean = mp.fsum(mp.exp(ln) for ln in ln_ratios) / len(ln_ratios)
    return mp.log(mp.exp(ln_uniform) / 4 + mean * 3 / 4)


def ln_e_binomial(n, p, s):
    null = mp.mpf(p)
    rates = [null + effect * mp.sqrt(null * (1 - null)) for effect in EFFECTS]
    rates = [rate for rate in rates if rate - null <= mp.mpf(15) / 16 * (1 - null)]
    ln_ratios = [s * mp.log(rate / null) + (n - s) * mp.log((1 - rate) / (1 - null)) for rate in rates]
    return mix(ln_uniform_binomial(n, p, s), ln_ratios)


def ln_e_gamma(n, x):
    rates = [1 / (1 + effect) for effect in EFFECTS]
    return mix(ln_uniform_gamma(n, x), [n * mp.log(rate) + (1 - rate) * mp.mpf(x) for rate in rates])


# --- cases ----------------------------------------------------------------------------------------------------------

RATES = [1 / 256, 1 / 16, 1 / 4, 77 / 256, 1 / 2, 3 / 4, 255 / 256]
SIZES = [1, 2, 3, 10, 37, 100, 1000, 10**4, 10**5, 10**6, 10**8, 10**9, 10**10]
DEVIATIONS = [-40, -20, -8, -3, -1, 0, 0.3, 1, 3, 5, 8, 12, 20, 40, 100, 400, 1500, 5000]
SWEEP_NEAR = [-6, -3.1, -0.2, 0.4, 2.2, 4.7, 9, 30, 170]
SWEEP_FAR = [-30, 14, 25, 40, 90, 300, 1450]
# Within a few standard deviations a sum at n >= 1e8 takes seconds: one deviation in so many is kept.
THINNED = {10**8: 2, 10**9: 3, 10**10: 3}


def deviations(size, turn):
    step = THINNED.get(size, 1 if size >= 1000 else 2)
    return DEVIATIONS[turn % step :: step]


def binomial_cases():
    cases = []
    for size in SIZES:
        for turn, rate in enumerate(RATES):
            for z in deviations(size, turn):
                k = round(size * rate + z * (size * rate * (1 - rate)) ** 0.5)
                if 0 <= k <= size:
                    cases.append((size, rate, k))
        for rate in RATES[size.bit_length() % 3 :: 3]:
            cases += [(size, rate, k) for k in {0, 1, size - 1, size}]
    # Rates at the ends of f64, and rates whose complement is not an f64.
    cases += [(10**10, 1e-9, k) for k in (1, 9, 10, 11, 50, 10**5)]
    cases += [(10**6, 1e-300, k) for k in (1, 2, 3)] + [(7, 5e-324, k) for k in (1, 7)]
    cases += [(10**6, 1 - 2.0**-53, k) for k in (10**6 - 3, 10**6 - 1, 10**6)]
    for rate in (0.1, 1 / 3, 2 / 3, 0.001):
        for size in (50, 5000, 3 * 10**7):
            cases += [(size, rate, round(size * rate + z * (size * rate * (1 - rate)) ** 0.5)) for z in (-5, -0.1, 1, 6, 45)]
    # Every rate j/256, each size in turn, far enough out at large sizes for the sums to be short.
    for j in range(1, 256):
        size, rate = 10 ** (j % 10), j / 256
        z = SWEEP_NEAR[j % len(SWEEP_NEAR)] if size < 10**7 else SWEEP_FAR[j % len(SWEEP_FAR)]
        k = round(size * rate + z * (size * rate * (1 - rate)) ** 0.5)
        cases.append((size, rate, min(max(k, 0), size)))
    # Where a sum hands over to the quadrature: variances about 360.
    cases += [(1440, 0.5, 720 + shift) for shift in (-60, -2, 0, 1, 2, 40, 90)]
    cases += [(92_160, 1 / 256, 360 + shift) for shift in (-60, -2, 0, 1, 2, 40, 90)]
    return sorted({case for case in cases if 0 <= case[2] <= case[0]})


def gamma_cases():
    cases = []
    for turn, size in enumerate(SIZES):
        for z in DEVIATIONS[turn % 2 :: 2] if size >= 10**9 else DEVIATIONS:
            x = size + z * size**0.5
            if x > 0:
                cases.append((float(size), x))
        cases += [(float(size), size * factor) for factor in (0.01, 0.5, 0.9, 1.1, 2.0, 30.0)]
        cases += [(float(size), 1e-300), (float(size), 1e-3)]
    cases += [(float(shape), float(x)) for shape in (1, 2, 5, 40, 359, 361) for x in (1, 4.5, 40, 300, 360, 362, 1e4, 1e7)]
    cases += [(shape, x) for shape in (0.5, 0.75) for x in (1e-300, 1e-5, 0.3, 0.5, 0.9, 1.0, 1.5, 5.0, 80.0, 1e3, 1e8)]
    cases += [(shape + 0.5, shape * factor) for shape in (1, 2, 7, 15, 80, 400) for factor in (0.03, 0.6, 1.0, 1.4, 3.0, 20.0)]
    return sorted(set(cases))


WEIGHTED_DEVIATIONS = [-6, -4, -3, -2, -1, -0.5, 0, 0.01, 0.5, 1, 2, 3, 4, 6, 9, 14, 30, 100]


def weighted_cases():
    families = [
        [(1.0, 1)],
        [(1.0, 1), (1.25, 1)],
        [(float(a), 1) for a in range(1, 11)],
        [(0.5**a, 1) for a in range(10)],
        [(a / 32, 1) for a in range(4, 36)],
        [(3.0, 1)] + [(0.4 + a / 256, 1) for a in range(36)],
        [(1.0, 1), (-1.0, 1)],
        [(1.0, 1), (-1.5, 1), (2.0, 1), (-2.5, 1)],
        [(a / 16, 1) for a in range(1, 21)] + [(-(2 * a + 1) / 32, 1) for a in range(1, 21)],
        [(-6.0, 1)] + [(0.9 + a / 256, 1) for a in range(36)],
        [(1.0, 5), (0.125, 45)],
        [(1.0, 100), (0.125, 900)],
        [(20.0, 1), (1.0, 400)],
        [(2.0, 3), (1.0, 7)],
    ]
    for groups in families:
        mean, deviation = sum(a * m for a, m in groups), sum(a * a * m for a, m in groups) ** 0.5
        for z in WEIGHTED_DEVIATIONS:
            x = mean + z * deviation
            if x <= 0:
                continue
            if all(m == 1 for _, m in groups):
                yield groups, x, weighted_distinct([a for a, _ in groups], x)
            else:
                (a, m), (b, n) = groups
                yield groups, x, weighted_two(a, m, b, n, x)


def mixture_cases():
    binomial, gamma = [], []
    for size in (1, 2, 10, 100, 1000, 10**5, 10**7):
        for rate in RATES[::2] + [0.1]:
            for z in (-30, -3, 0, 1, 4, 10, 60):
                s = round(size * rate + z * (size * rate * (1 - rate)) ** 0.5)
                if 0 <= s <= size:
                    binomial.append((size, rate, s))
            binomial += [(size, rate, 0), (size, rate, size)]
        for z in (-30, -3, 0, 1, 4, 10, 60, 1000):
            if size + z * size**0.5 > 0:
                gamma.append((size, size + z * size**0.5))
        gamma += [(size, 0.0), (size, 0.5), (size, 50.0 * size)]
    return sorted(set(binomial)), sorted(set(gamma))


def digits(value):
    return mp.nstr(value, 25, min_fixed=-5, max_fixed=15)


def write(name, rows):
    body = ",\n".join("  " + json.dumps(row) for row in rows)
    (HERE / name).write_text(f"[\n{body}\n]\n")
    print(f"{name}: {len(rows)} cases")


def write_all():
    write(
        "tail_binomial.json",
        [
            {"n": n, "p": repr(p), "k": k, "ln_upper": digits(binomial_upper(n, p, k)), "ln_lower": digits(binomial_lower(n, p, k))}
            for n, p, k in binomial_cases()
        ],
    )
    write(
        "tail_gamma.json",
        [
            {"shape": repr(a), "x": repr(x), "ln_upper": digits(gamma_upper(a, x)), "ln_lower": digits(gamma_lower(a, x))}
            for a, x in gamma_cases()
        ],
    )
    write(
        "tail_weighted.json",
        [
            {"groups": [[repr(a), m] for a, m in groups], "x": repr(x), "ln_upper": digits(ln), "ln_lower": digits(ln_1m_exp(ln))}
            for groups, x, ln in weighted_cases()
        ],
    )
    binomial, gamma = mixture_cases()
    write(
        "tail_mixture.json",
        [
            {
                "n": n,
                "p": repr(p),
                "s": s,
                "ln_uniform": digits(ln_uniform_binomial(n, p, s)),
                "ln_e": digits(ln_e_binomial(n, p, s)),
            }
            for n, p, s in binomial
        ]
        + [
            {"n": n, "x": repr(x), "ln_uniform": digits(ln_uniform_gamma(n, x)), "ln_e": digits(ln_e_gamma(n, x))}
            for n, x in gamma
        ],
    )
    write(
        "tail_special.json",
        [{"name": name, "a": repr(a), "b": repr(b), "value": digits(value)} for name, a, b, value in special_cases()],
    )


# --- pieces ---------------------------------------------------------------------------------------------------------


def stirling_error(x):
    x = mp.mpf(x)
    return mp.loggamma(x + 1) - ((x + 0.5) * mp.log(x) - x + mp.log(2 * mp.pi) / 2)


def deviance(x, mean):
    x, mean = mp.mpf(x), mp.mpf(mean)
    return x * mp.log(x / mean) + mean - x


def special_cases():
    for x in (*range(1, 31), 50, 100, 1000, 10**6, 10**10):
        yield "stirling_error whole", float(x), 0.0, stirling_error(x)
    for x in (0.5, 0.51, 0.9, 1.0001, 1.5, 2.75, 5.5, 9.99, 14.5, 15.5, 15.999, 16.25, 33.3):
        yield "stirling_error", x, 0.0, stirling_error(x)
    for x in (1.0, 3.0, 1000.0, 1e10):
        for factor in (1e-300, 1e-5, 0.1, 0.49, 0.51, 0.9, 0.999, 1 - 1e-9, 1 + 1e-9, 1.1, 1.4, 1.6, 1.9, 2.1, 10.0, 1e5, 1e200):
            yield "deviance", x, x * factor, deviance(x, x * factor)
    for n in (1, 2, 5, 17, 100, 1000, 10**6, 10**10):
        for k in {0, 1, 2, n // 3, n // 2, n - 1, n}:
            if k <= n:
                yield "ln_choose", float(n), float(k), mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
    for x in (-1e-300, -1e-17, -1e-9, -0.01, -0.3, -0.69, -0.6931471805599453, -0.7, -1.0, -5.0, -40.0, -700.0):
        yield "ln_1m_exp", x, 0.0, mp.log(-mp.expm1(mp.mpf(x))) if x > -50 else ln_1m_exp(mp.mpf(x))
    for a in (-1e6, -700.0, -3.0, -0.5, 0.0, 2.0, 700.0):
        for b in (-1e6, -701.0, -3.0, -0.9327521295671886, 0.0, 1e3):
            yield "ln_add_exp", a, b, mp.log(mp.exp(mp.mpf(a)) + mp.exp(mp.mpf(b)))


# --- check ----------------------------------------------------------------------------------------------------------


def agree(what, value, other):
    error = abs(value - other) / max(1, abs(other))
    assert error < mp.mpf(10) ** -55, f"{what}: {value} != {other}, {mp.nstr(error, 3)}"


def check():
    """The method against exact fractions, mpmath's own functions, and numerical integration."""
    from math import comb

    for n, p, k in [(n, p, k) for n, p, k in binomial_cases() if n <= 100]:
        exact = Fraction(p)
        tail = sum(comb(n, j) * exact**j * (1 - exact) ** (n - j) for j in range(k, n + 1))
        agree(f"fractions {n, p, k}", binomial_upper(n, p, k), mp.log(mp.mpf(tail.numerator)) - mp.log(mp.mpf(tail.denominator)))
    for n, p, k in [(1000, 0.25, 300), (1000, 1 / 256, 20), (1000, 0.5, 480), (10**4, 0.1, 1200)]:
        beta = mp.betainc(k, n - k + 1, 0, mp.mpf(p), regularized=True)
        agree(f"betainc {n, p, k}", binomial_upper(n, p, k), mp.log(beta))
    for a, x in [(5.0, 4.5), (5.0, 40.0), (40.0, 30.0), (361.0, 300.0), (361.0, 400.0), (7.5, 4.2), (7.5, 21.0)]:
        agree(f"gammainc {a, x}", gamma_upper(a, x), mp.log(mp.gammainc(mp.mpf(a), mp.mpf(x), mp.inf, regularized=True)))
        agree(f"gammainc {a, x}", gamma_lower(a, x), mp.log(mp.gammainc(mp.mpf(a), 0, mp.mpf(x), regularized=True)))
    for groups, x in [([1.0, 1.25, -0.5], 4.0), ([2.0, 1.0, 0.5], 9.0)]:
        # The density of the last value against the tail of the others, which have distinct coefficients as well.
        *others, last = groups
        def tail(y):
            return mp.exp(weighted_distinct(others, y)) if y > 0 else mp.mpf(1)
        ends = [0, x / last, 40, 200] if last > 0 else [0, 5, 20, 200]
        integral = mp.quad(lambda e: mp.exp(-e) * tail(mp.mpf(x) - last * e), ends)
        agree(f"weighted {groups}", weighted_distinct(groups, x), mp.log(integral))
    exact = weighted_distinct([2.0, 1.0], 7.0)
    agree("weighted two groups", weighted_two(2.0, 1, 1.0, 1, 7.0), exact)
    for n, p, s in [(10, 0.25, 3), (10, 1 / 256, 10), (40, 0.5, 0), (40, 77 / 256, 25)]:
        success, failure = mp.mpf(p), 1 - mp.mpf(p)
        integral = mp.quad(lambda q: (q / success) ** s * ((1 - q) / failure) ** (n - s), mp.linspace(success, 1, 9)) / failure
        agree(f"mixture {n, p, s}", ln_uniform_binomial(n, p, s), mp.log(integral))
    for n, x in [(3, 2.0), (10, 25.0), (10, 0.5), (30, 31.0)]:
        integral = mp.quad(lambda rate: rate**n * mp.exp((1 - rate) * mp.mpf(x)), mp.linspace(0, 1, 9))
        agree(f"mixture {n, x}", ln_uniform_gamma(n, x), mp.log(integral))
    print("all agree to 55 digits")
    check_quadrature()


def legendre_rule(size):
    rule = []
    for index in range(1, size + 1):
        x = mp.cos(mp.pi * (index - mp.mpf(1) / 4) / (size + mp.mpf(1) / 2))
        for _ in range(8):
            before, last = mp.mpf(1), x
            for degree in range(2, size + 1):
                before, last = last, ((2 * degree - 1) * x * last - (degree - 1) * before) / degree
            slope = size * (x * last - before) / (x * x - 1)
            x -= last / slope
        rule.append((x, 2 / ((1 - x * x) * slope * slope)))
    return rule


def check_quadrature():
    """The truncated rule of src/tail/quadrature.rs, without rounding, against the same integral by 120 nodes and its rest."""
    mp.mp.dps = 50
    cut, reach, rules, worst = mp.mpf(45), mp.mpf("0.5"), (legendre_rule(32), legendre_rule(120)), 0
    remainders = [lambda v, p=mp.mpf(p): (mp.log1p(p * mp.expm1(-v)) + p * v) / (p * (1 - p)) for p in (1e-6, 0.1, 0.5, 0.9, 1 - 1e-6)]
    remainders += [lambda v: mp.expm1(v) - v, lambda v: mp.expm1(-v) + v]
    for remainder in remainders:
        for share in (0, 0.1, 0.3, 0.6, 0.9, 1):
            slope, curvature = share * cut / reach, 2 * (1 - share) * cut / reach**2
            def integrand(v):
                return mp.exp(-slope * v - curvature * remainder(v))
            short, long = (sum(w * integrand(reach * (1 + x) / 2) for x, w in rule) * reach / 2 for rule in rules)
            exact = long + mp.quad(integrand, [reach, 2 * reach, 4 * reach, 8 * reach])
            worst = max(worst, abs(short / exact - 1))
    assert worst < 3e-18, worst
    print(f"quadrature: relative error {mp.nstr(worst, 3)}")


if __name__ == "__main__":
    check() if "--check" in sys.argv else write_all()
