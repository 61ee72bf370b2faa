//! One integral, for every tail that is too long to be summed.
//!
//! Both tails become, with their boundary at v = 0,
//!
//! ```text
//! I = Int_0^inf exp(-slope v - remainder(v)) dv,      remainder(v) = curvature v^2/2 + O(v^3) >= 0, convex
//! ```
//!
//! where slope > -1 is how far the boundary is beyond the mean and curvature is a variance. If the exponent
//! reaches -45 while v is still small, its cubic part changes little, and on [0, [`reach`]] the integrand
//! lies between an exponential and a Gaussian. Gauss-Legendre quadrature with 32 nodes then leaves a relative
//! error below 3e-18, truncation included: measured in 50-digit arithmetic, for both families, over mixtures
//! of slope and curvature, at a reach of [`MAX_REACH`] (`tests/data/tail_reference.py --check`). Rounding,
//! below 1e-15, is all that remains.
//!
//! Source of the method: W. H. Press et al., "Numerical Recipes", 3rd ed. 2007, section 6.2 (`gammpapprox`), with
//! a logarithmic variable and the exact exponent. DLMF 3.5(v) for the rule.

/// Where the exponent of the integrand is -45, up to its cubic part: slope v + curvature v^2/2 = 45.
///
/// The integral may be taken by [`integrate`] if this is at most [`MAX_REACH`].
pub(super) fn reach(slope: f64, curvature: f64) -> f64 {
    let root = libm::hypot(slope, libm::sqrt(2.0 * CUT) * libm::sqrt(curvature));
    CUT / (0.5 * slope + 0.5 * root)
}

/// Int_0^reach exp(-exponent(v)) dv.
pub(super) fn integrate(reach: f64, exponent: impl Fn(f64) -> f64) -> f64 {
    let half = 0.5 * reach;
    let at = |v: f64| libm::exp(-exponent(v));
    half * NODES
        .iter()
        .map(|&(node, weight)| weight * (at(half - half * node) + at(half + half * node)))
        .sum::<f64>()
}

/// The largest [`reach`] at which [`integrate`] was measured to be exact. Beyond it the variance is below 360
/// and the terms can be summed.
pub(super) const MAX_REACH: f64 = 0.5;

/// Minus the exponent at which the integrand is cut: e^-45 = 3e-20.
const CUT: f64 = 45.0;

/// Abscissa and weight of the Gauss-Legendre rule with 32 nodes on [-1, 1], positive half, from mpmath at 60
/// digits.
const NODES: [(f64, f64); 16] = [
    (0.048_307_665_687_738_32, 0.096_540_088_514_727_8),
    (0.144_471_961_582_796_5, 0.095_638_720_079_274_86),
    (0.239_287_362_252_137_06, 0.093_844_399_080_804_57),
    (0.331_868_602_282_127_67, 0.091_173_878_695_763_89),
    (0.421_351_276_130_635_33, 0.087_652_093_004_403_81),
    (0.506_899_908_932_229_4, 0.083_311_924_226_946_75),
    (0.587_715_757_240_762_3, 0.078_193_895_787_070_31),
    (0.663_044_266_930_215_2, 0.072_345_794_108_848_5),
    (0.732_182_118_740_289_7, 0.065_822_222_776_361_85),
    (0.794_483_795_967_942_4, 0.058_684_093_478_535_544),
    (0.849_367_613_732_57, 0.050_998_059_262_376_175),
    (0.896_321_155_766_052_1, 0.042_835_898_022_226_68),
    (0.934_906_075_937_739_7, 0.034_273_862_913_021_43),
    (0.964_762_255_587_506_4, 0.025_392_065_309_262_06),
    (0.985_611_511_545_268_4, 0.016_274_394_730_905_67),
    (0.997_263_861_849_481_6, 0.007_018_610_009_470_096),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Tolerance: 16 sums of rounded products.
    const ROUNDING: f64 = 4e-15;

    #[test]
    fn nodes_are_the_roots_of_the_legendre_polynomial() {
        for (node, _) in NODES {
            let (mut before, mut last) = (1.0, node);
            for degree in 2..=32 {
                let degree = f64::from(degree);
                (before, last) =
                    (last, ((2.0 * degree - 1.0) * node * last - (degree - 1.0) * before) / degree);
            }
            // The polynomial has slopes up to 250 at its roots, times the rounding of the node.
            assert!(last.abs() < 250.0 * f64::EPSILON, "P32({node}) = {last}");
        }
    }

    #[test]
    fn weights_integrate_even_powers_exactly() {
        for half_power in 0..32 {
            let sum: f64 = NODES.iter().map(|(node, weight)| 2.0 * weight * node.powi(2 * half_power)).sum();
            let exact = 2.0 / (2.0 * f64::from(half_power) + 1.0);
            assert!((sum / exact - 1.0).abs() < 16.0 * ROUNDING, "x^{}: {sum} != {exact}", 2 * half_power);
        }
    }

    #[test]
    fn half_a_gaussian_and_an_exponential_are_integrated_exactly() {
        let (slope, curvature) = (0.0, 1e6);
        let gaussian = integrate(reach(slope, curvature), |v| 0.5 * curvature * v * v);
        let exact = (0.5 * std::f64::consts::PI / curvature).sqrt();
        assert!((gaussian / exact - 1.0).abs() < ROUNDING, "{gaussian} != {exact}");
        let exponential = integrate(reach(3e4, 0.0), |v| 3e4 * v);
        assert!((exponential * 3e4 - 1.0).abs() < ROUNDING, "{exponential} != 1/3e4");
    }

    #[test]
    fn reach_is_finite_and_positive_at_the_edges() {
        for (slope, curvature) in [(-0.5, 1.0), (0.0, 1e-300), (1e308, 1e308), (1e300, 0.0)] {
            let reach = reach(slope, curvature);
            assert!(reach > 0.0 && reach.is_finite(), "reach({slope}, {curvature}) = {reach}");
        }
    }
}
