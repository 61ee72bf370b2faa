//! Proven bounds of the tails of a [`WeightedSum`].
//!
//! # Chernoff's bound
//!
//! For every t >= 0 the Markov inequality on e^(t X) gives
//!
//! ```text
//! ln P(X >= x) <= K(t) - t x
//! ```
//!
//! Source: H. Chernoff, "A measure of asymptotic efficiency for tests of a hypothesis based on the sum of
//! observations", Ann. Math. Stat. 23, 1952. The best t solves K'(t) = x; any other gives a weaker bound, so the solver
//! need not be exact.
//!
//! # The factor that Chernoff's bound leaves out
//!
//! Under the tilt, which makes x the mean, P(X >= x) = e^(K(t) - t x) E_t[e^(-t (X - x)); X >= x], and that expectation
//! is small when t spans many standard deviations. With s the tilted standard deviation and L = sum m |a|^3 E_t|phi -
//! E_t phi|^3 / s^3, the Berry-Esseen theorem says P_t(x <= X <= x + y) <= y / (s sqrt(2 pi)) + 2 C L, whence
//!
//! ```text
//! E_t[e^(-t (X - x)); X >= x] = Int_0^inf t e^(-t y) P_t(x <= X <= x + y) dy
//!                            <= 1 / (t s sqrt(2 pi)) + 2 C L,      C = 0.56                           (coins)
//! ```
//!
//! for every t > 0, best or not. C: I. G. Shevtsova, "An improvement of convergence rate estimates in the Lyapunov
//! theorem", Doklady Mathematics 82, 2010, for summands of different laws.
//!
//! # The grid under exponential scores
//!
//! A score is V = -ln v, v being the midpoint of one of 2^32 cells of width h, rounded to 2^-40. Let E = -ln of a
//! uniform number, Exp(1). For every increasing convex f
//!
//! ```text
//! E f(V) <= E f(E),      E f(-V) <= E f(-E + h)                                                         (grid)
//! ```
//!
//! It suffices to see it for f(y) = (y - c)+.
//!
//! - First: (-ln v - c)+ is convex in v, so no midpoint exceeds the mean over its cell. The cell at 0 alone leaves a gap
//!   of (1 - ln 2) h for c <= -ln(h/2), and beyond that V has no values. Rounding adds at most h / 500.
//! - Second: (ln v - c)+ is concave in v but for its kink. Above the kink midpoints exceed the means by at most (1 - ln
//!   2) h for the cell at 0 and h / (24 (j - 1)^2) for the j-th; in the cell of the kink, if it is the j-th, by at
//!   most h / (2 (j - 1)); together with rounding less than 0.6 h / max(1, j - 1). The shift by h adds h P(v above the
//!   kink) and more, which is larger except in the last cell, where it adds h^2 and the kink takes less than h^2 / 2.
//!
//! Both orders pass to sums of independent values, so for X the sum over E and S = h sum_{a_i < 0} m_i |a_i|
//!
//! ```text
//! E f(X on the grid) <= E f(X + S)      for every increasing convex f.
//! ```
//!
//! With f = e^(t y) this is Chernoff's bound with t S added. With f = (y - c)+ and c = x - 1/t, Markov's inequality
//! gives P(X >= x) <= t E(X + S - c)+ and, tilting again,
//!
//! ```text
//! P(X >= x) <= e^(K(t) + t S - t x) min( e / (t s),  e / (t s sqrt(2 pi)) + 2 C L )               (exponential)
//! ```
//!
//! The first because the density of a sum of exponentials is log-concave, tilted or not, and then at most 1 / s (S.
//! Bobkov and G. Chistyakov, "On concentration functions of random variables", J. Theor. Probab. 28, 2015); the second by the Berry-Esseen theorem for y -> y+ e^(-t y), whose total variation is 2 / (e t).
//!
//! # Rounding
//!
//! Every returned value is raised by a bound of its own rounding error,
//!
//! ```text
//! 2^-46 (sum_i m_i kappa(a_i t) + t |x - E X|) + 2^-53 sum_i m_i r_i
//! ```
//!
//! where the first part is 64 roundings of each of the two terms, several times what their evaluation takes, and r_i
//! bounds what the rounding of s = a_i t, of p and of the mean does: 4 |s| max(1, p/(1-p)) for coins and
//! |s| (1 + |s| / (1 - s)) for scores. At ln P = -1000 both together are about 1e-10.

use super::weighted::{Atom, Tilted, WeightedSum};

impl WeightedSum<'_> {
    /// A proven bound of ln P(X >= x): Chernoff's, and nothing else.
    ///
    /// ```text
    /// ln P(X >= x) <= min(0, inf_{t >= 0} K(t) - t x)
    /// ```
    ///
    /// Source: the module docs of [`chernoff`](self), with the allowance for the grid and for rounding. It is
    /// larger than ln P by about ln(1 + z sqrt(2 pi)) at z standard deviations.
    ///
    /// Range: any x. `x` is taken as it is: a caller whose sum is itself rounded subtracts its error.
    /// Cost: about ten passes over the groups: 1 ms for 10^4 of them, 40 ms for 10^5.
    ///
    /// Edges: 0 for x <= E X, for NaN, and for a sum that has no meaning. For coins the exact ln P(X = max X) once no
    /// smaller value is left at or above x, and -inf (impossible) beyond max X, where an x beyond it by less than
    /// 1e-12 sum m |a| counts as max X. For scores -inf at x = inf, and beyond 0 if no coefficient is positive.
    #[must_use]
    pub fn ln_chernoff_upper(&self, x: f64) -> f64 {
        self.bounds(x).0
    }

    /// The same for ln P(X <= x).
    #[must_use]
    pub fn ln_chernoff_lower(&self, x: f64) -> f64 {
        self.negated().bounds(-x).0
    }

    /// A proven bound of ln P(X >= x): the least of Chernoff's and those with the factor that it leaves out.
    ///
    /// ```text
    /// P(X >= x) <= e^(K(t) - t x) min(1, 1 / (t s sqrt(2 pi)) + 1.12 L)        at K'(t) = x, for coins
    /// ```
    ///
    /// On the test sums of `tests/tail_weighted.rs` with P < 0.01 it is on average 0.25 above ln P for equal coins, 0.8 with
    /// one heavy coin and 2 for unequal scores, where Chernoff's bound is 2.1, 2.5 and 3.5 above. With 10^5 coins of
    /// random coefficients it is 0.06 above the approximation at six standard deviations.
    ///
    /// Source, range, cost and edges: the module docs and [`WeightedSum::ln_chernoff_upper`].
    #[must_use]
    pub fn ln_certified_upper(&self, x: f64) -> f64 {
        self.bounds(x).1
    }

    /// The same for ln P(X <= x).
    #[must_use]
    pub fn ln_certified_lower(&self, x: f64) -> f64 {
        self.negated().bounds(-x).1
    }

    /// Chernoff's bound and the better one.
    pub(super) fn bounds(&self, x: f64) -> (f64, f64) {
        if let Some(ln) = self.ln_at_ends(x * self.scale().abs()) {
            let raised = if ln.is_finite() { (ln + self.rounding_at_ends(ln)).min(0.0) } else { ln };
            return (raised, raised);
        }
        let slack = self.grid_slack();
        let distance = self.beyond_mean(x * self.scale().abs());
        if distance <= slack {
            return (0.0, 0.0);
        }
        let t = self.tilt(distance - slack);
        let tilted = self.tilted(t);
        let product = t * (distance - slack);
        let rounding = ROUNDINGS * (tilted.excess + t * (distance + slack)) + UNIT * tilted.sensitivity;
        let chernoff = (tilted.excess - product + rounding).clamp(f64::MIN, 0.0);
        if chernoff.is_nan() {
            return (0.0, 0.0); // an overflow, at coefficients a factor of 1e150 apart
        }
        let ln_left_out = libm::log(self.left_out(t, &tilted).min(1.0));
        let sharpened = chernoff + (1.0 - ROUNDINGS) * ln_left_out;
        (chernoff, sharpened)
    }

    /// ln P(X >= x) for a scaled x where it is known without a tilt: no experiment, a constant, the ends of the range.
    pub(super) fn ln_at_ends(&self, x: f64) -> Option<f64> {
        if !self.is_meaningful() || x.is_nan() || x == f64::NEG_INFINITY {
            return Some(0.0);
        }
        let tolerance = self.tolerance();
        if self.is_constant() {
            return Some(if self.beyond_mean(x) <= tolerance { 0.0 } else { f64::NEG_INFINITY });
        }
        let room = self.room(x);
        if x == f64::INFINITY || room < -tolerance {
            return Some(f64::NEG_INFINITY);
        }
        match self.atom() {
            Atom::Coin { p } if room < self.smallest() - tolerance => Some(self.ln_most(p)),
            _ => None,
        }
    }

    /// What rounding, of p too, does to the logarithm of a product of p and 1 - p.
    fn rounding_at_ends(&self, ln: f64) -> f64 {
        let Atom::Coin { p } = self.atom() else { return 0.0 };
        let values: f64 = self.terms().map(|(_, m)| m).sum();
        ROUNDINGS * ln.abs() + if ln < 0.0 { 2.0 * UNIT * values * (p / (1.0 - p)).max(1.0) } else { 0.0 }
    }

    /// The bound of E_t[e^(-t (X - x)); X >= x], or what takes its place on the grid.
    fn left_out(&self, t: f64, tilted: &Tilted) -> f64 {
        let deviation = libm::sqrt(tilted.variance);
        let density = 1.0 / (t * deviation);
        let berry_esseen = 2.0 * BERRY_ESSEEN * tilted.absolute_third / (tilted.variance * deviation);
        let bound = match self.atom() {
            Atom::Coin { .. } => density * NORMAL_DENSITY + berry_esseen,
            Atom::Exponential => {
                let e = std::f64::consts::E;
                (e * density).min(e * density * NORMAL_DENSITY + berry_esseen)
            }
        };
        // A variance that underflows leaves no bound.
        if bound.is_nan() {
            1.0
        } else {
            bound * (1.0 + UNIT * (64.0 * tilted.stretch + 8.0 * self.groups().len() as f64))
        }
    }
}

/// 64 roundings.
const ROUNDINGS: f64 = 64.0 * UNIT;

/// 2^-53: half a unit in the last place of 1.
const UNIT: f64 = 0.5 * f64::EPSILON;

/// Shevtsova 2010, for summands that are not identically distributed.
const BERRY_ESSEEN: f64 = 0.56;

/// 1 / sqrt(2 pi), the density of a standard normal variable at 0, rounded up.
const NORMAL_DENSITY: f64 = 0.398_942_280_401_433;
