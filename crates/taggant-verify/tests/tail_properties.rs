//! What must hold of tails, e-values and critical values whatever the implementation.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taggant_verify::tail::special::{deviance, ln_1m_exp, ln_add_exp, ln_choose, stirling_error};
use taggant_verify::tail::{binomial, gamma, mixture, quantile, uniform_mixture};

/// Two neighboring tails may be out of order by the sum of their errors; see the module docs of `tail`.
const ORDER_TOLERANCE: f64 = 2e-14;

/// The bound that the tails promise, for sums of tails near 1.
const TAIL_ERROR: f64 = 1e-12;

/// Sizes from 1 to 1e12, evenly in the logarithm.
fn size() -> impl Strategy<Value = u64> {
    (0.0..12.0_f64).prop_map(|exponent| 10_f64.powf(exponent) as u64)
}

/// A size, a rate, and a count within some hundred standard deviations of the mean, so that all methods are met.
fn draws() -> impl Strategy<Value = (u64, f64, u64)> {
    (size(), 1e-6..1.0_f64, -6.0..6.0_f64).prop_map(|(n, p, spread)| {
        let deviations = spread.signum() * (spread.abs().exp() - 1.0);
        let k = n as f64 * p + deviations * (n as f64 * p * (1.0 - p)).sqrt();
        (n, p, (k.max(0.0) as u64).min(n))
    })
}

/// A shape and a sum within some hundred standard deviations of the mean.
fn scores() -> impl Strategy<Value = (f64, f64)> {
    scores_of(size())
}

fn scores_of(size: impl Strategy<Value = u64>) -> impl Strategy<Value = (f64, f64)> {
    (size, -6.0..6.0_f64).prop_map(|(n, spread)| {
        let deviations = spread.signum() * (spread.abs().exp() - 1.0);
        let (shape, x) = (n as f64, n as f64 + deviations * (n as f64).sqrt());
        (shape, if x > 0.0 { x } else { shape * (-spread.abs()).exp() })
    })
}

fn is_log_probability(ln: f64) -> bool {
    ln <= 0.0
}

/// The same cases on every run.
fn repeatable() -> ProptestConfig {
    ProptestConfig {
        cases: 4000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(repeatable())]

    #[test]
    fn binomial_tails_are_complements((n, p, k) in draws()) {
        prop_assume!(k > 0);
        let (upper, lower) = (binomial::ln_upper(n, p, k), binomial::ln_lower(n, p, k - 1));
        prop_assert!(is_log_probability(upper) && is_log_probability(lower), "{upper} {lower}");
        prop_assert!(upper.is_finite() && lower.is_finite());
        let total = ln_add_exp(upper, lower);
        prop_assert!(total.abs() <= TAIL_ERROR, "n={n} p={p:?} k={k}: {upper:e} {lower:e}, total {total:e}");
    }

    #[test]
    fn binomial_tails_differ_by_one_term((n, p, k) in draws()) {
        prop_assume!(k < n);
        let here = binomial::ln_upper(n, p, k);
        let sum = ln_add_exp(binomial::ln_upper(n, p, k + 1), binomial::ln_pmf(n, p, k));
        let error = (here - sum).abs();
        prop_assert!(error <= TAIL_ERROR * here.abs().max(1.0), "n={n} p={p:?} k={k}: {here:e} {sum:e}");
    }

    #[test]
    fn binomial_tails_are_monotone((n, p, k) in draws()) {
        prop_assume!(k < n);
        let slack = |ln: f64| ORDER_TOLERANCE * ln.abs().max(1.0);
        let (here, next) = (binomial::ln_upper(n, p, k), binomial::ln_upper(n, p, k + 1));
        prop_assert!(next <= here + slack(here), "upper n={n} p={p:?} k={k}: {here:e} {next:e}");
        let (here, next) = (binomial::ln_lower(n, p, k), binomial::ln_lower(n, p, k + 1));
        prop_assert!(next >= here - slack(here), "lower n={n} p={p:?} k={k}: {here:e} {next:e}");
        let more = (p * 1.001).min(1.0);
        let (here, next) = (binomial::ln_upper(n, p, k), binomial::ln_upper(n, more, k));
        prop_assert!(next >= here - slack(here), "rate n={n} p={p:?} k={k}: {here:e} {next:e}");
    }

    #[test]
    fn gamma_tails_are_complements_and_monotone((shape, x) in scores()) {
        let (upper, lower) = (gamma::ln_upper(shape, x), gamma::ln_lower(shape, x));
        prop_assert!(is_log_probability(upper) && is_log_probability(lower), "{upper} {lower}");
        prop_assert!(upper.is_finite() && lower.is_finite());
        let total = ln_add_exp(upper, lower);
        prop_assert!(total.abs() <= TAIL_ERROR, "shape={shape:?} x={x:?}: {upper:e} {lower:e}, total {total:e}");
        let slack = |ln: f64| ORDER_TOLERANCE * ln.abs().max(1.0);
        let more = x * (1.0 + 1e-9);
        prop_assert!(gamma::ln_upper(shape, more) <= upper + slack(upper), "upper shape={shape:?} x={x:?}");
        prop_assert!(gamma::ln_lower(shape, more) >= lower - slack(lower), "lower shape={shape:?} x={x:?}");
        prop_assert!(gamma::ln_upper(shape + 1.0, x) >= upper - slack(upper), "shape={shape:?} x={x:?}");
    }

    #[test]
    fn gamma_tails_obey_the_recurrence_in_the_shape((shape, x) in scores_of(1..10_000_u64)) {
        // Q(a+1, x) = Q(a, x) + x^a e^-x / Gamma(a+1), DLMF 8.8.6, with the term as a Poisson weight.
        let term = shape * x.ln() - x - libm::lgamma(shape + 1.0);
        let (sum, next) = (ln_add_exp(gamma::ln_upper(shape, x), term), gamma::ln_upper(shape + 1.0, x));
        // The term here is written with ln Gamma, whose rounding at 1e4 is 1e5 * 2^-53; x ln x - x cancels as much.
        let error = (sum - next).abs();
        prop_assert!(error <= 1e-10 * next.abs().max(1.0), "shape={shape:?} x={x:?}: {sum:e} {next:e}");
    }

    #[test]
    fn binomial_critical_counts_meet_their_definition(
        n in size(), p in 1e-6..1.0_f64, ln_alpha in -800.0..0.0_f64
    ) {
        match quantile::binomial_critical(n, p, ln_alpha) {
            Some(k) => {
                prop_assert!(k > 0 && binomial::ln_upper(n, p, k) <= ln_alpha);
                prop_assert!(binomial::ln_upper(n, p, k - 1) > ln_alpha);
            }
            None => prop_assert!(binomial::ln_upper(n, p, n) > ln_alpha),
        }
    }

    #[test]
    fn gamma_critical_sums_meet_their_definition(n in size(), ln_alpha in -800.0..-1e-9_f64) {
        let shape = n as f64;
        let x = quantile::gamma_critical(shape, ln_alpha);
        prop_assert!(gamma::ln_upper(shape, x) <= ln_alpha);
        prop_assert!(gamma::ln_upper(shape, x.next_down()) > ln_alpha);
        // The inverse: one rounding of x moves ln P by at most |dlnP/dx| x 2^-53, which is (|x - n| + sqrt n)
        // 2^-52.
        let slope = (x - shape).abs() + 2.0 * shape.sqrt() + 10.0;
        let error = (gamma::ln_upper(shape, x) - ln_alpha).abs();
        let bound = TAIL_ERROR * ln_alpha.abs().max(1.0) + slope * f64::EPSILON;
        prop_assert!(error <= bound, "n={n} {ln_alpha:e}: {error:e}");
        let scale = quantile::gamma_scale_at_power(shape, 2.0 * x, ln_alpha);
        prop_assert!((scale - 2.0).abs() < 1e-15);
    }

    #[test]
    fn rates_at_power_meet_their_definition((n, p, k) in draws(), ln_power in -50.0..-1e-9_f64) {
        prop_assume!(k > 0 && p < 1.0);
        let q = quantile::binomial_rate_at_power(n, k, ln_power);
        prop_assert!((0.0..=1.0).contains(&q));
        prop_assert!(binomial::ln_upper(n, q, k) >= ln_power);
        prop_assert!(binomial::ln_upper(n, q.next_down(), k) < ln_power);
    }

    #[test]
    fn e_values_are_never_below_the_price_of_their_mixture((n, p, k) in draws(), (shape, x) in scores()) {
        // A quarter of the uniform mixture, which is worth 1/(n+1) at the least.
        let floor = -(4.0 * (n + 1) as f64).ln();
        let e = mixture::ln_e_binomial(n, p, k);
        prop_assert!(e.is_finite() && e >= floor - 1e-12, "n={n} p={p:?} s={k}: {e:e} < {floor:e}");
        let e = mixture::ln_e_gamma(shape as u64, x);
        prop_assert!(e.is_finite() && e >= -(4.0 * (shape + 1.0)).ln() - 1e-12, "n={shape:?} x={x:?}: {e:e}");
    }
}

#[test]
fn binomial_e_values_have_expectation_one_under_the_null() {
    for n in [1_u64, 2, 3, 7, 20, 100, 400] {
        for p in [1.0 / 256.0, 0.0625, 0.25, 77.0 / 256.0, 0.5, 0.75, 255.0 / 256.0] {
            let mean = (0..=n)
                .map(|s| (binomial::ln_pmf(n, p, s) + mixture::ln_e_binomial(n, p, s)).exp())
                .sum::<f64>();
            // n terms of size below 1, each with the error of two logarithms of size up to 2000: 2000 * 2e-15.
            assert!((mean - 1.0).abs() < 1e-12, "n={n} p={p}: {mean}");
        }
    }
}

#[test]
fn a_smaller_rate_than_the_null_gives_no_more_expectation() {
    for (n, p) in [(10_u64, 0.25), (100, 0.5)] {
        for rate in [0.0, 0.1 * p, 0.9 * p] {
            let mean = (0..=n)
                .map(|s| (binomial::ln_pmf(n, rate, s) + mixture::ln_e_binomial(n, p, s)).exp())
                .sum::<f64>();
            assert!(mean < 1.0, "n={n} p={p} rate={rate}: {mean}");
        }
    }
}

#[test]
fn gamma_e_values_have_expectation_one_under_the_null() {
    // E e = Int Int_0^1 rate^n e^((1-rate) x) x^(n-1) e^-x / Gamma(n) d rate dx. In x = n / u - n for u in
    // (0, 1) the integrand is smooth with heavy but regular ends: the e-value has tails like 1/x^2. The
    // midpoint rule with 2e5 points then errs by less than 1e-6.
    for n in [1_u64, 2, 5, 30] {
        let points = 200_000;
        let size = n as f64;
        let mean = (0..points)
            .map(|index| {
                let u = (f64::from(index) + 0.5) / f64::from(points);
                let x = size / u - size;
                let ln_density = (size - 1.0) * x.ln() - x - libm::lgamma(size);
                (ln_density + mixture::ln_e_gamma(n, x)).exp() * size / (u * u)
            })
            .sum::<f64>()
            / f64::from(points);
        assert!((mean - 1.0).abs() < 1e-6, "n={n}: {mean}");
    }
}

#[test]
fn e_values_are_martingales() {
    // E_n(s) = p E_{n+1}(s+1) + (1-p) E_{n+1}(s): the average over the next draw is the present.
    for (n, p) in [(1_u64, 0.25_f64), (10, 0.5), (1000, 77.0 / 256.0)] {
        for s in [0, n / 4, n / 2, n] {
            let ahead = ln_add_exp(
                p.ln() + mixture::ln_e_binomial(n + 1, p, s + 1),
                (-p).ln_1p() + mixture::ln_e_binomial(n + 1, p, s),
            );
            let now = mixture::ln_e_binomial(n, p, s);
            assert!(
                (ahead - now).abs() < TAIL_ERROR * now.abs().max(1.0),
                "n={n} p={p} s={s}: {now:e} {ahead:e}"
            );
        }
    }
}

#[test]
fn edges_of_the_binomial_are_exact() {
    let none = f64::NEG_INFINITY;
    for (n, p, k, upper, lower) in [
        (0, 0.5, 0, 0.0, 0.0),
        (0, 0.5, 1, none, 0.0),
        (5, 0.5, 0, 0.0, 5.0 * 0.5_f64.ln()),
        (5, 0.5, 5, 5.0 * 0.5_f64.ln(), 0.0),
        (5, 0.5, 6, none, 0.0),
        (5, 0.0, 0, 0.0, 0.0),
        (5, 0.0, 1, none, 0.0),
        (5, 1.0, 5, 0.0, 0.0),
        (5, 1.0, 4, 0.0, none),
        (5, f64::NAN, 6, 0.0, 0.0),
        (5, -1.0, 1, none, 0.0),
        (5, 2.0, 1, 0.0, none),
        (1_000_000, 1e-300, 1_000_000, 1e6 * 1e-300_f64.ln(), 0.0),
    ] {
        assert_eq!(binomial::ln_upper(n, p, k), upper, "upper({n}, {p}, {k})");
        assert_eq!(binomial::ln_lower(n, p, k), lower, "lower({n}, {p}, {k})");
    }
}

#[test]
fn edges_of_the_gamma_are_exact() {
    let (none, inf) = (f64::NEG_INFINITY, f64::INFINITY);
    for (shape, x, upper, lower) in [
        (0.0, 0.0, 0.0, 0.0),
        (0.0, 1.0, none, 0.0),
        (0.0, -1.0, 0.0, none),
        (3.0, 0.0, 0.0, none),
        (3.0, -1.0, 0.0, none),
        (3.0, inf, none, 0.0),
        (inf, 3.0, 0.0, none),
        (inf, inf, 0.0, 0.0),
        (f64::NAN, 3.0, 0.0, 0.0),
        (3.0, f64::NAN, 0.0, 0.0),
        (-3.0, 1.0, 0.0, 0.0),
        (0.4, 1.0, 0.0, 0.0),
    ] {
        assert_eq!(gamma::ln_upper(shape, x), upper, "upper({shape}, {x})");
        assert_eq!(gamma::ln_lower(shape, x), lower, "lower({shape}, {x})");
    }
    // Shape 1 is the exponential: ln P(X >= x) = -x.
    for x in [1e-300, 1e-5, 1.0, 30.0, 700.0, 1e6, 1e300] {
        assert!(
            (gamma::ln_upper(1.0, x) / -x - 1.0).abs() < TAIL_ERROR,
            "{x}: {:e}",
            gamma::ln_upper(1.0, x)
        );
    }
}

#[test]
fn edges_of_the_quantiles_are_exact() {
    assert_eq!(quantile::binomial_critical(10, 0.5, 0.0), Some(0));
    assert_eq!(quantile::binomial_critical(10, 0.5, -1e-30), Some(1));
    assert_eq!(quantile::binomial_critical(10, 0.5, -10.0), None);
    assert_eq!(quantile::binomial_critical(0, 0.5, -1.0), None);
    assert_eq!(quantile::binomial_critical(10, 0.5, f64::NAN), None);
    assert_eq!(quantile::binomial_critical(10, 0.5, f64::NEG_INFINITY), None);
    assert_eq!(quantile::binomial_rate_at_power(10, 0, -1.0), 0.0);
    assert_eq!(quantile::binomial_rate_at_power(10, 11, -1.0), f64::INFINITY);
    assert_eq!(quantile::binomial_rate_at_power(10, 3, 0.0), 1.0);
    assert_eq!(quantile::binomial_rate_at_power(10, 3, f64::NEG_INFINITY), 0.0);
    assert_eq!(quantile::binomial_rate_at_power(10, 3, f64::NAN), f64::INFINITY);
    // One draw must succeed with the power itself.
    assert!((quantile::binomial_rate_at_power(1, 1, 0.9_f64.ln()) - 0.9).abs() < 1e-15);
    assert_eq!(quantile::gamma_critical(3.0, 0.0), 0.0);
    assert_eq!(quantile::gamma_critical(3.0, f64::NEG_INFINITY), f64::INFINITY);
    assert_eq!(quantile::gamma_critical(3.0, f64::NAN), f64::INFINITY);
    assert_eq!(quantile::gamma_critical(f64::NAN, -1.0), f64::INFINITY);
    assert_eq!(quantile::gamma_critical(0.0, -1.0), f64::from_bits(1));
    // An exponential score: its critical value is -ln alpha.
    assert!((quantile::gamma_critical(1.0, -20.0) - 20.0).abs() < 1e-13);
    assert_eq!(quantile::gamma_scale_at_power(3.0, 0.0, -1.0), 0.0);
    assert_eq!(quantile::gamma_scale_at_power(3.0, 1.0, 0.0), f64::INFINITY);
    assert_eq!(quantile::gamma_scale_at_power(3.0, 1.0, f64::NEG_INFINITY), 0.0);
    assert_eq!(quantile::gamma_scale_at_power(0.0, 1.0, -1.0), f64::INFINITY);
    assert_eq!(quantile::gamma_scale_at_power(0.1, 1.0, -1.0), f64::INFINITY);
    assert_eq!(quantile::gamma_scale_at_power(3.0, f64::INFINITY, -1.0), f64::INFINITY);
    assert_eq!(quantile::gamma_scale_at_power(3.0, f64::NAN, -1.0), f64::INFINITY);
}

#[test]
fn edges_of_the_e_values_are_exact() {
    assert_eq!(mixture::ln_e_binomial(0, 0.5, 0), 0.0);
    assert_eq!(mixture::ln_e_binomial(3, 0.5, 4), 0.0);
    assert_eq!(mixture::ln_e_binomial(3, f64::NAN, 1), 0.0);
    assert_eq!(mixture::ln_e_binomial(3, 1.0, 1), 0.0);
    assert_eq!(uniform_mixture::ln_e_binomial(9, 0.5, 0), -(10.0_f64.ln()));
    // So near 1 that no alternative of the grid is left.
    let p = 1.0 - f64::EPSILON / 2.0;
    assert_eq!(mixture::ln_e_binomial(9, p, 8), uniform_mixture::ln_e_binomial(9, p, 8));
    assert_eq!(mixture::ln_e_gamma(0, 0.0), 0.0);
    assert!((uniform_mixture::ln_e_gamma(9, 0.0) + 10.0_f64.ln()).abs() < 1e-15);
    assert_eq!(mixture::ln_e_gamma(9, f64::INFINITY), f64::INFINITY);
    assert_eq!(mixture::ln_e_gamma(9, f64::NAN), 0.0);
    assert_eq!(mixture::ln_e_gamma(9, -1.0), 0.0);
}

#[test]
fn no_corner_of_the_domain_gives_nan() {
    let counts =
        [0, 1, 2, 15, 16, 17, 1000, 1 << 31, 1 << 53, (1 << 53) + 1, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    let rates = [5e-324, 1e-308, 1e-30, 1e-16, 1e-5, 0.1, 0.5, 0.9, 1.0 - 1e-10, 1.0 - f64::EPSILON / 2.0];
    for n in counts {
        for k in counts {
            for p in rates {
                let tails =
                    [binomial::ln_upper(n, p, k), binomial::ln_lower(n, p, k), binomial::ln_pmf(n, p, k)];
                assert!(tails.iter().all(|ln| *ln <= 1e-14), "n={n} p={p:?} k={k}: {tails:?}");
                assert!(
                    tails[0].is_finite() == (k <= n) && tails[1].is_finite(),
                    "n={n} p={p:?} k={k}: {tails:?}"
                );
                assert!(mixture::ln_e_binomial(n, p, k).is_finite(), "n={n} p={p:?} k={k}");
            }
            assert!(!ln_choose(n, k).is_nan(), "C({n}, {k})");
        }
    }
    let reals = [
        5e-324,
        1e-300,
        1e-9,
        0.3,
        0.5,
        0.999,
        1.0,
        1.5,
        2.0,
        15.5,
        359.0,
        1e6,
        1e15,
        1e100,
        1e300,
        f64::MAX,
    ];
    for shape in reals {
        for x in reals {
            let tails = [gamma::ln_upper(shape, x), gamma::ln_lower(shape, x)];
            assert!(tails.iter().all(|ln| *ln <= 0.0), "shape={shape:?} x={x:?}: {tails:?}");
            if (0.5..=1e300).contains(&shape) && x <= 1e300 {
                assert!(tails.iter().all(|ln| ln.is_finite()), "shape={shape:?} x={x:?}: {tails:?}");
                assert!(mixture::ln_e_gamma(shape as u64, x).is_finite(), "n={shape:?} x={x:?}");
            }
        }
    }
}

#[test]
fn pieces_are_exact_at_their_edges() {
    assert_eq!(ln_1m_exp(0.0), f64::NEG_INFINITY);
    assert_eq!(ln_1m_exp(f64::NEG_INFINITY).to_bits(), 0.0_f64.to_bits());
    assert_eq!(ln_1m_exp(-1e6).to_bits(), 0.0_f64.to_bits());
    assert_eq!(ln_add_exp(f64::NEG_INFINITY, f64::NEG_INFINITY), f64::NEG_INFINITY);
    assert_eq!(ln_add_exp(f64::NEG_INFINITY, -3.0), -3.0);
    assert_eq!(ln_add_exp(f64::INFINITY, -3.0), f64::INFINITY);
    assert_eq!(deviance(0.0, 3.0, -3.0), 3.0);
    assert_eq!(deviance(3.0, 3.0, 0.0), 0.0);
    assert_eq!(deviance(3.0, 0.0, 3.0), f64::INFINITY);
    assert_eq!(stirling_error(0.0), f64::INFINITY);
    assert_eq!(stirling_error(f64::INFINITY), 0.0);
    // The table, the recurrence and the series are one function: delta(x) - delta(x+1) = (x + 1/2) ln(1 +
    // 1/x) - 1, whose rounding is that of a number near 1, sixteen times at most.
    for x in [0.5_f64, 1.0, 1.000_001, 7.5, 14.999_999, 15.0, 15.5, 16.0, 40.0] {
        let step = (x + 0.5) * (1.0 / x).ln_1p() - 1.0;
        let difference = stirling_error(x) - stirling_error(x + 1.0);
        assert!((difference - step).abs() < 16.0 * f64::EPSILON, "{x}: {difference} {step}");
    }
}
