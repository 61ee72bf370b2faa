//! z less what exposure explains, in whole steps.

/// Each z less the least-squares line of z on exposure, in steps of 2^-32. Without exposures, or if all are alike, z itself.
///
/// ```text
/// r_c = z_c - mean z - slope (e_c - mean e),   slope = sum (e - mean e) (z - mean z) / sum (e - mean e)^2
/// ```
///
/// The sums run in the order of (exposure, z), so the order of cohorts does not matter to the last bit. No r is larger than
/// all z together make it: for 1,024 values up to 1e6, their steps sum to less than 2^63.
pub(crate) fn centred(z: &[f64], exposures: Option<&[f64]>) -> Vec<i64> {
    let line = exposures.and_then(|exposures| Line::fit(exposures, z));
    let residual = |(at, z): (usize, &f64)| match (&line, exposures) {
        (Some(line), Some(exposures)) => z - line.mean_z - line.slope * (exposures[at] - line.mean_exposure),
        _ => *z,
    };
    z.iter().enumerate().map(residual).map(|r| (r * STEPS).round() as i64).collect()
}

/// Steps as a number of standard deviations.
pub(crate) fn to_f64(steps: i64) -> f64 {
    steps as f64 / STEPS
}

struct Line {
    mean_exposure: f64,
    mean_z: f64,
    slope: f64,
}

impl Line {
    /// The line of least squares; none if all exposures are alike.
    fn fit(exposures: &[f64], z: &[f64]) -> Option<Self> {
        let mut points: Vec<(f64, f64)> = exposures.iter().copied().zip(z.iter().copied()).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let n = points.len() as f64;
        let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / n;
        let (mean_exposure, mean_z) = (mean(|point| point.0), mean(|point| point.1));
        if points.first()?.0 == points.last()?.0 {
            return None;
        }
        let sum = |value: &dyn Fn(f64, f64) -> f64| -> f64 {
            points.iter().map(|(e, z)| value(e - mean_exposure, z - mean_z)).sum()
        };
        let spread = sum(&|e, _| e * e);
        // Exposures that differ by less than their mean is rounded are alike.
        let is_line = spread > (mean_exposure * MEAN_ROUNDING).powi(2) * n;
        is_line.then(|| Self { mean_exposure, mean_z, slope: sum(&|e, z| e * z) / spread })
    }
}

/// Steps of a centred z: 2^32, far finer than z is known.
const STEPS: f64 = (1_u64 << 32) as f64;

/// The mean of 1,024 rounded numbers is off by at most 1,024 roundings of 2^-53.
const MEAN_ROUNDING: f64 = 1.0 / (1_u64 << 43) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(z: &[f64], exposures: Option<&[f64]>, expected: &[f64]) {
        let found: Vec<f64> = centred(z, exposures).into_iter().map(to_f64).collect();
        for (found, expected) in found.iter().zip(expected) {
            // Two roundings to steps, and those of a handful of f64 operations on small numbers.
            assert!((found - expected).abs() < 1e-9, "{z:?} on {exposures:?}: {found}, expected {expected}");
        }
    }

    #[test]
    fn a_line_is_taken_out_and_nothing_else() {
        check(&[1.0, 3.0, 2.0], None, &[1.0, 3.0, 2.0]);
        check(&[1.0, 3.0, 2.0], Some(&[7.0, 7.0, 7.0]), &[1.0, 3.0, 2.0]);
        check(&[1.0, 3.0, 5.0], Some(&[10.0, 20.0, 30.0]), &[0.0, 0.0, 0.0]);
        // By hand: mean exposure 1, mean z 1, slope 0.
        check(&[0.0, 3.0, 0.0], Some(&[0.0, 1.0, 2.0]), &[-1.0, 2.0, -1.0]);
        check(&[0.0, 0.0], Some(&[0.0, 9e15]), &[0.0, 0.0]);
    }

    #[test]
    fn exposures_that_differ_only_in_rounding_are_alike() {
        let close = [1e15, 1e15, 1e15 + 0.125];
        check(&[5.0, -5.0, 1.0], Some(&close), &[5.0, -5.0, 1.0]);
    }

    #[test]
    fn the_largest_values_do_not_overflow() {
        let z: Vec<f64> = (0..1024).map(|c| if c % 2 == 0 { 1e6 } else { -1e6 }).collect();
        let exposures: Vec<f64> = (0..1024).map(|c| if c == 17 { 9e15 } else { 0.0 }).collect();
        for r in [centred(&z, None), centred(&z, Some(&exposures))] {
            assert!(r.iter().try_fold(0_i64, |sum, r| sum.checked_add(r.checked_abs()?)).is_some());
        }
    }
}
