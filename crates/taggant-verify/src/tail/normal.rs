//! The normal law, for the self-check alone: no p-value of a text rests on it.

/// ln of the two-sided tail P(|Z| >= |z|) of a standard normal Z.
///
/// ```text
/// P(|Z| >= z) = erfc(z / sqrt 2)
/// ```
///
/// Range: any z; beyond 37 standard deviations the tail of 37 is given, which is above the true one. NaN gives 0.
#[must_use]
pub fn ln_two_sided(z: f64) -> f64 {
    if z.is_nan() {
        return 0.0;
    }
    libm::log(libm::erfc(z.abs().min(FARTHEST) / std::f64::consts::SQRT_2))
}

/// ln P(Z >= z) of a standard normal Z. Range and edges as for [`ln_two_sided`].
#[must_use]
pub fn ln_upper(z: f64) -> f64 {
    if z.is_nan() {
        return 0.0;
    }
    libm::log(0.5 * libm::erfc(z.clamp(-FARTHEST, FARTHEST) / std::f64::consts::SQRT_2))
}

/// The z with P(Z >= z) = u, within 1e-12.
///
/// Range: u in [0, 1]; within 37 standard deviations, which stand for everything beyond. NaN gives 0.
#[must_use]
pub fn upper_quantile(u: f64) -> f64 {
    if u.is_nan() {
        return 0.0;
    }
    // The function falls from one end to the other: bisection cannot fail, and 60 halvings of 74 leave 1e-16.
    let (mut low, mut high) = (-FARTHEST, FARTHEST);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if 0.5 * libm::erfc(middle / std::f64::consts::SQRT_2) > u {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Where the tail, 5.7e-300, is about to leave the range of a double.
const FARTHEST: f64 = 37.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_tabulated_ones() {
        for (u, z) in [(0.5, 0.0), (0.025, 1.959963984540054), (0.999, -3.090232306167813)] {
            assert!((upper_quantile(u) - z).abs() < 1e-12, "{u}: {}", upper_quantile(u));
        }
        assert!((upper_quantile(1e-300) - 37.0471).abs() < 0.05);
        assert!(upper_quantile(0.0) > 36.9 && upper_quantile(1.0) < -8.0);
        assert_eq!(upper_quantile(f64::NAN), 0.0);
    }

    #[test]
    fn the_two_sided_tail_is_the_tabulated_one() {
        assert!((ln_two_sided(1.959963984540054) - 0.05_f64.ln()).abs() < 1e-12);
        assert!((ln_two_sided(-1.959963984540054) - 0.05_f64.ln()).abs() < 1e-12);
        assert!((ln_upper(-1.0) - 0.841344746068543_f64.ln()).abs() < 1e-14);
        assert!((ln_upper(3.090232306167813) - 0.001_f64.ln()).abs() < 1e-12);
        assert!(ln_upper(1e300) < -680.0 && ln_upper(1e300).is_finite() && ln_upper(f64::NAN) == 0.0);
        assert_eq!(ln_two_sided(0.0), 0.0);
        assert!(ln_two_sided(f64::INFINITY) < -680.0 && ln_two_sided(f64::INFINITY).is_finite());
        assert_eq!(ln_two_sided(f64::NAN), 0.0);
    }
}
