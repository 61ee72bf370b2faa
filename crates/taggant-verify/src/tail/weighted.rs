//! A weighted sum of independent values with one law, its cumulants and what they look like under a tilt.
//!
//! ```text
//! X = sum_i a_i (phi_i1 + ... + phi_im_i),      phi iid: Coin(p) or Exp(1)
//! K(t) = ln E e^(t X) = sum_i m_i k(a_i t)
//! k(s) = ln(1 - p + p e^s)      coin
//! k(s) = -ln(1 - s), s < 1      exponential
//! ```
//!
//! The coefficients may have either sign; nothing is centered. Tilting by t gives each outcome the weight e^(t X -
//! K(t)); the tilted sum has mean K'(t), variance K''(t) and third cumulant K'''(t). The bounds of
//! [`chernoff`](super::chernoff) and the approximation of [`saddlepoint`](super::saddlepoint) both tilt the sum until
//! its mean is at x.
//!
//! # Arithmetic
//!
//! K(t) - t x is never formed as written, since near the mean both terms are large and alike. With the remainder of
//! k after its linear term, which is never negative and is computed without cancellation,
//!
//! ```text
//! K(t) - t x = sum_i m_i kappa(a_i t) - t (x - E X),      kappa(s) = k(s) - k'(0) s
//! ```
//!
//! and x - E X comes from sums in twice the precision. Coefficients are scaled by a power of two, which is exact, so
//! that the largest is about 1 and no power of them overflows.

pub use super::atom::Atom;
use super::compensated::Sum;

/// A sum of independent values with coefficients that do not depend on the key.
///
/// It borrows its groups `(a, m)`: m values with coefficient a. Groups may repeat a coefficient; those with
/// a = 0 or m = 0 add nothing. Multiplicities are exact up to 2^53.
///
/// # Arguments that are not a test
/// A coefficient that is infinite or NaN, or p = NaN, describes no experiment: every bound is ln P = 0 and every
/// approximation `None`. For p <= 0 all values are 0, for p >= 1 all are 1.
#[derive(Clone, Copy, Debug)]
pub struct WeightedSum<'a> {
    atom: Atom,
    groups: &'a [(f64, u64)],
    /// What coefficients are multiplied with: a power of two, negative for the lower tail.
    scale: f64,
    /// Of the scaled sum, as all that follow.
    mean: Sum,
    most: Sum,
    /// sum m |a|.
    magnitude: f64,
    smallest: f64,
    largest_positive: f64,
    is_meaningful: bool,
}

/// The sum under a tilt t, in scaled units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tilted {
    /// K(t) - t E X, at least 0.
    pub(super) excess: f64,
    /// K''(t).
    pub(super) variance: f64,
    /// K'''(t).
    pub(super) third: f64,
    /// sum m |a|^3 E|phi - E phi|^3.
    pub(super) absolute_third: f64,
    /// A bound of what rounding of a t, and of p, does to `excess`, in units of 2^-53.
    pub(super) sensitivity: f64,
    /// The largest relative change that the same roundings make to a term of the moments, in units of 2^-53.
    pub(super) stretch: f64,
}

impl<'a> WeightedSum<'a> {
    /// The sum of `groups` (coefficient, multiplicity) of values with the law `atom`.
    #[must_use]
    pub fn new(atom: Atom, groups: &'a [(f64, u64)]) -> Self {
        let largest = groups.iter().map(|(a, _)| a.abs()).fold(0.0, f64::max);
        let (_, exponent) = libm::frexp(largest);
        let atom = match atom {
            Atom::Coin { p } => Atom::Coin { p: p.clamp(0.0, 1.0) },
            Atom::Exponential => atom,
        };
        let is_meaningful =
            !matches!(atom, Atom::Coin { p } if p.is_nan()) && groups.iter().all(|(a, _)| a.is_finite());
        Self::scaled(atom, groups, libm::scalbn(1.0, (-exponent).clamp(-1023, 1023)), is_meaningful)
    }

    /// The mean.
    ///
    /// ```text
    /// E X = sum_i m_i a_i k'(0),      k'(0) = p or 1
    /// ```
    ///
    /// Range: infinite only if it is no f64. NaN if the sum has no meaning.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.is_meaningful { self.mean.value() / self.scale } else { f64::NAN }
    }

    /// The variance.
    ///
    /// ```text
    /// Var X = sum_i m_i a_i^2 k''(0),      k''(0) = p (1 - p) or 1
    /// ```
    ///
    /// Range: as [`WeightedSum::mean`].
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.is_meaningful { self.tilted(0.0).variance / self.scale / self.scale } else { f64::NAN }
    }

    /// The same sum with the signs of all coefficients turned: its upper tail is the lower one of this.
    pub(super) fn negated(&self) -> Self {
        Self::scaled(self.atom, self.groups, -self.scale, self.is_meaningful)
    }

    fn scaled(atom: Atom, groups: &'a [(f64, u64)], scale: f64, is_meaningful: bool) -> Self {
        let mut sum = Self {
            atom,
            groups,
            scale,
            mean: Sum::default(),
            most: Sum::default(),
            magnitude: 0.0,
            smallest: f64::INFINITY,
            largest_positive: 0.0,
            is_meaningful,
        };
        if !is_meaningful {
            return sum;
        }
        let mean = atom.mean();
        for (a, m) in sum.terms() {
            sum.mean.add_product(m, a, mean);
            sum.most.add_product(m, a.max(0.0), 1.0);
            sum.magnitude += m * a.abs();
            sum.smallest = sum.smallest.min(a.abs());
            sum.largest_positive = sum.largest_positive.max(a);
        }
        sum
    }

    /// Coefficient, scaled, and multiplicity of every group that adds something.
    pub(super) fn terms(&self) -> impl Iterator<Item = (f64, f64)> + use<'a> {
        let scale = self.scale;
        self.groups.iter().filter(|(a, m)| *a != 0.0 && *m != 0).map(move |&(a, m)| (scale * a, m as f64))
    }

    pub(super) fn atom(&self) -> Atom {
        self.atom
    }

    pub(super) fn groups(&self) -> &'a [(f64, u64)] {
        self.groups
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    pub(super) fn is_meaningful(&self) -> bool {
        self.is_meaningful
    }

    /// Whether the sum takes one value only.
    pub(super) fn is_constant(&self) -> bool {
        self.magnitude == 0.0 || matches!(self.atom, Atom::Coin { p } if p <= 0.0 || p >= 1.0)
    }

    /// x - E X for a scaled x.
    pub(super) fn beyond_mean(&self, x: f64) -> f64 {
        self.mean.below(x)
    }

    /// How far the scaled x is below the largest value of the sum.
    pub(super) fn room(&self, x: f64) -> f64 {
        match self.atom {
            Atom::Exponential if self.largest_positive > 0.0 => f64::INFINITY,
            Atom::Exponential => -x,
            Atom::Coin { .. } => -self.most.below(x),
        }
    }

    /// By how much a caller's x may be off: a thousand roundings of the sum of all sizes.
    pub(super) fn tolerance(&self) -> f64 {
        1e-12 * self.magnitude
    }

    /// The smallest coefficient in size.
    pub(super) fn smallest(&self) -> f64 {
        self.smallest
    }

    /// ln P(X = max X) of coins.
    ///
    /// ```text
    /// P(X = max X) = prod_{a_i > 0} p^m_i  prod_{a_i < 0} (1-p)^m_i
    /// ```
    pub(super) fn ln_most(&self, p: f64) -> f64 {
        let (mut ones, mut zeros) = (Sum::default(), Sum::default());
        self.terms().for_each(|(a, m)| if a > 0.0 { ones.add(m) } else { zeros.add(m) });
        let ln = |n: f64, ln_p: f64| if n > 0.0 { n * ln_p } else { 0.0 };
        ln(ones.value(), libm::log(p)) + ln(zeros.value(), libm::log1p(-p))
    }

    /// What the grid of the exponential law can add to the mean of the sum, at most; see
    /// [`chernoff`](super::chernoff).
    pub(super) fn grid_slack(&self) -> f64 {
        match self.atom {
            Atom::Coin { .. } => 0.0,
            Atom::Exponential => GRID_CELL * self.terms().map(|(a, m)| m * (-a).max(0.0)).sum::<f64>(),
        }
    }

    /// The tilt at which the mean of the sum is `distance` beyond its untilted one: K'(t) = E X + distance.
    ///
    /// Newton's method on a rising function, kept within a bracket that shrinks; after at most [`MAX_STEPS`] steps
    /// it returns what it has. Requires distance > 0. Of the exponential law no tilt beyond 1 - 2^-30 of the pole is
    /// returned.
    pub(super) fn tilt(&self, distance: f64) -> f64 {
        let (mut low, mut high) = (0.0, f64::INFINITY);
        if self.atom == Atom::Exponential && self.largest_positive > 0.0 {
            high = (1.0 - POLE_MARGIN) / self.largest_positive;
        }
        let last = high;
        let mut t = distance / self.slope(0.0).1;
        for _ in 0..MAX_STEPS {
            if !(t > low && t < high) {
                t = between(low, high);
            }
            let (moved, variance) = self.slope(t);
            let missing = distance - moved;
            if missing.abs() <= CLOSE * (libm::sqrt(variance) + distance) {
                return t;
            }
            if missing > 0.0 {
                low = t;
            } else {
                high = t;
            }
            if high < f64::INFINITY && high - low <= 4.0 * f64::EPSILON * high {
                break;
            }
            t += missing / variance;
        }
        if low > 0.0 { low } else { t.min(last) }
    }

    /// K'(t) - E X and K''(t).
    fn slope(&self, t: f64) -> (f64, f64) {
        let (mut slope, mut variance) = (0.0, 0.0);
        for (a, m) in self.terms() {
            let value = self.atom.tilted(a * t);
            slope += m * a * value.slope;
            variance += m * a * a * value.variance;
        }
        (slope, variance)
    }

    /// The sum under the tilt t, which is before the pole.
    pub(super) fn tilted(&self, t: f64) -> Tilted {
        let mut sum = Tilted::default();
        let mut excess = Sum::default();
        for (a, m) in self.terms() {
            let value = self.atom.tilted(a * t);
            let cube = m * a * a * a;
            excess.add(m * self.atom.excess(a * t));
            sum.variance += m * a * a * value.variance;
            sum.third += cube * value.third;
            sum.absolute_third += cube.abs() * value.absolute_third;
            sum.sensitivity += m * value.sensitivity;
            sum.stretch = sum.stretch.max(value.stretch);
        }
        sum.excess = excess.value();
        sum
    }
}

/// ln of a two-sided p-value from the two one-sided ones: twice the smaller.
///
/// ```text
/// ln p = min(0, ln 2 + min(upper, lower))
/// ```
///
/// Valid under any law (Bonferroni over the two sides). NaN counts as 0.
#[must_use]
pub fn ln_two_sided(upper: f64, lower: f64) -> f64 {
    let or_certain = |ln: f64| if ln.is_nan() { 0.0 } else { ln };
    (std::f64::consts::LN_2 + or_certain(upper).min(or_certain(lower))).min(0.0)
}

/// A tilt inside a bracket: an eightfold of what is too low, the middle, or the geometric middle of distant ends.
fn between(low: f64, high: f64) -> f64 {
    if high == f64::INFINITY {
        return if low > 0.0 { 8.0 * low } else { 1.0 };
    }
    if low > 0.0 && high > 4.0 * low {
        return libm::sqrt(low) * libm::sqrt(high);
    }
    if low > 0.0 { low + 0.5 * (high - low) } else { high / 8.0 }
}

/// The width of a cell of the uniforms behind a Gumbel score.
const GRID_CELL: f64 = 1.0 / 4_294_967_296.0;

/// How close to the pole of the exponential law a tilt may come. Closer, 1 - s would lose more than half its digits.
const POLE_MARGIN: f64 = 1.0 / 1_073_741_824.0;

/// How far the tilted mean may stay from x, in standard deviations and of the way: the exponent is off by the square.
const CLOSE: f64 = 1e-12;

/// Newton's steps and bisections together. The most that was seen to be taken is 60.
const MAX_STEPS: u32 = 200;
