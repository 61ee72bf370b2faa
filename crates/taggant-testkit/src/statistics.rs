//! Assertions about random behaviour, each with its alpha and its source.

/// Asserts that `counts` can be draws from `probs`, at level `alpha` for the whole vector.
///
/// Uses the Chernoff bound on each count, `P(frequency at least as far) <= exp(-n KL(f || p))` on either
/// side, split over all sides; no asymptotics, so small expected counts are fine.
///
/// # Panics
/// When a count is too far off; the message gives the token, both frequencies and the bound.
pub fn assert_frequencies(counts: &[u64], probs: &[f64], alpha: f64) {
    assert_eq!(counts.len(), probs.len());
    let n: u64 = counts.iter().sum();
    let limit = -(alpha / (2.0 * counts.len() as f64)).ln();
    for (token, (&count, &p)) in counts.iter().zip(probs).enumerate() {
        let f = count as f64 / n as f64;
        let divergence = relative_entropy(f, p) + relative_entropy(1.0 - f, 1.0 - p);
        let found = n as f64 * divergence;
        assert!(
            found <= limit,
            "token {token}: frequency {f} of {n} draws, expected {p}; n KL = {found} > {limit}"
        );
    }
}

fn relative_entropy(f: f64, p: f64) -> f64 {
    if f == 0.0 { 0.0 } else { f * (f / p).ln() }
}

/// The Kolmogorov-Smirnov distance of `values` from the uniform law on (0, 1), and its p-value.
///
/// ```text
/// D = max_i max(i/n - x_(i), x_(i) - (i-1)/n)
/// p = 2 sum_j (-1)^(j-1) exp(-2 j^2 t^2),   t = D (sqrt n + 0.12 + 0.11 / sqrt n)
/// ```
///
/// The correction in t is Stephens 1970 (J. R. Statist. Soc. B 32); good to 1 % of p from n = 8 on.
#[must_use]
pub fn ks_uniform(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted
        .iter()
        .enumerate()
        .fold(0.0, |distance: f64, (at, x)| distance.max((at as f64 + 1.0) / n - x).max(x - at as f64 / n));
    let t = distance * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
    let term = |j: i32| {
        let sign = if j % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(j * j) * t * t).exp()
    };
    let p = 2.0 * (1..=100).map(term).sum::<f64>();
    // The alternating series does not converge at t = 0, where p is 1.
    (distance, if t < 0.2 { 1.0 } else { p.clamp(0.0, 1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ks_agrees_with_published_critical_values() {
        // Massey 1951: n = 40, alpha 0.01, D = 1.63 / sqrt 40 = 0.258 (0.252 exact).
        let shifted =
            |by: f64| (0..40).map(|i| ((f64::from(i) + 0.5) / 40.0 * (1.0 - by)).min(1.0)).collect();
        let values: Vec<f64> = shifted(0.24);
        let (distance, p) = ks_uniform(&values);
        assert!((distance - 0.2495).abs() < 0.01 && (0.005..0.02).contains(&p), "{distance} {p}");
        assert!(ks_uniform(&shifted(0.0)).1 > 0.999);
    }

    #[test]
    #[should_panic(expected = "token 1")]
    fn a_wrong_frequency_is_found() {
        assert_frequencies(&[500, 700, 300], &[1.0 / 3.0; 3], 1e-6);
    }
}
