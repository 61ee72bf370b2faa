//! The Lugannani-Rice approximation of the tails of a [`WeightedSum`]: sharp, not proven.
//!
//! # Formula
//!
//! With K'(t) = y, w = sgn(t) sqrt(2 (t y - K(t))) and the standard normal distribution Phi with density phi,
//!
//! ```text
//! P(X >= x) ~ 1 - Phi(w) + phi(w) (1/u - 1/w)
//! continuous:         y = x,            u = t sqrt(K''(t))
//! lattice of step d:  y = x - d/2,      u = (2/d) sinh(d t / 2) sqrt(K''(t))
//! at w = 0:           1/u - 1/w = -K'''(0) / (6 K''(0)^(3/2))
//! ```
//!
//! Sources: R. Lugannani and S. Rice, "Saddle point approximation for the distribution of the sum of independent random
//! variables", Adv. Appl. Prob. 12, 1980; H. E. Daniels, "Tail probability approximations", Int. Stat. Rev. 55, 1987, for
//! the lattice (his second continuity correction) and the limit. Difference: it is evaluated as ln phi(w) + ln(Mills'
//! ratio + 1/u - 1/w), so it has no smallest value, and on the side of the mean where it is the smaller of the two tails;
//! the other is ln(1 - e^t) of it.
//!
//! # Where it has a meaning
//!
//! The formula takes the tilted sum for nearly normal and as smooth as its lattice. Sums of scores are, even of one.
//! A sum of coins is not when a few coins hold much of its variance, or when most coefficients are multiples of a step
//! that the others are not. Both are measured under the tilt,
//!
//! ```text
//! L = sum m |a|^3 E_t|phi - E_t phi|^3 / s^3 <= 0.3
//! |E_t e^(i v X)| 2 t / sqrt(t^2 + v^2) <= 0.01        v = 2 pi j / |a_i|, j = 1, 2, 3, a_i with 2 % of the variance
//! ```
//!
//! and where one is exceeded, the largest coefficients are counted out (the module `counted_out`) until
//! the rest is near normal, or a single coefficient, of which the exact tail is known. If that takes too many terms
//! there is no value.
//!
//! # Error
//!
//! See [`WeightedSum::ln_saddlepoint_upper`].

use std::f64::consts::{PI, SQRT_2};

use super::counted_out::{ln_counted_out, ln_one_coefficient};
use super::special::{LN_2PI, ln_1m_exp};
use super::weighted::{Atom, WeightedSum};

impl WeightedSum<'_> {
    /// ln P(X >= x), approximately.
    ///
    /// `span` is the lattice step of X, if the coefficients of coins are all multiples of one: x is then taken up to
    /// the lattice. Without it coins are taken for as good as continuous, which where the coefficients are alike is
    /// wrong by half a term.
    ///
    /// Source: the module docs of [`saddlepoint`](self). A sum of one coefficient only has its exact tail.
    ///
    /// Range: at most [`WeightedSum::ln_certified_upper`], which is proven, and 0. `None` where the formula has no
    /// meaning, and for arguments that are not a test.
    /// Error measured, `tests/tail_weighted.rs`, wherever P < 0.01 and with the span given: at most 0.02 % of ln P for equal
    /// coins, 0.1 % for several sizes, 0.4 % with one coin of 10 to 50 % of the variance, 0.4 % for scores, one alone
    /// and of both signs included. The tests hold it to 1 %. Every sum with one heavy coin had a value; of sums of
    /// few unequal coins at rates of 1/256 and 255/256, one in seven of the points had none.
    /// Cost: that of the bound twice; up to 2^14 visits of a group more where coins are counted out.
    ///
    /// Edges: as those of the bound. `None` for a `span` that is not positive.
    #[must_use]
    pub fn ln_saddlepoint_upper(&self, x: f64, span: Option<f64>) -> Option<f64> {
        if !self.is_meaningful()
            || x.is_nan()
            || span.is_some_and(|step| !(step > 0.0 && step < f64::INFINITY))
        {
            return None;
        }
        let scale = self.scale().abs();
        if let Some(ln) = self.ln_at_ends(x * scale) {
            return Some(ln);
        }
        let (_, certified) = self.bounds(x);
        if let [(a, m)] = *self.groups() {
            let ln = ln_one_coefficient(self.atom(), a * self.scale(), m, x * scale, self.tolerance());
            return Some(ln.min(certified));
        }
        let (x, span) = (x * scale, span.map(|step| step * scale));
        let on_lattice = |step: f64| step * (x / step - LATTICE_TOLERANCE * (x / step).abs().max(1.0)).ceil();
        let x = span.map_or(x, on_lattice);
        let ln = match self.smooth(x, span) {
            Smooth::Value(ln) => ln,
            Smooth::None => return None,
            Smooth::Rough => {
                let Atom::Coin { p } = self.atom() else { return None };
                ln_counted_out(p, self, x, span)?
            }
        };
        Some(ln.min(certified).min(0.0))
    }

    /// The same for ln P(X <= x).
    #[must_use]
    pub fn ln_saddlepoint_lower(&self, x: f64, span: Option<f64>) -> Option<f64> {
        self.negated().ln_saddlepoint_upper(-x, span)
    }

    /// The formula for a scaled x, on the lattice if there is one.
    pub(super) fn smooth(&self, x: f64, span: Option<f64>) -> Smooth {
        if let Some(ln) = self.ln_at_ends(x) {
            return Smooth::Value(ln);
        }
        let turned = self.negated();
        let y = x - span.unwrap_or(0.0) / 2.0;
        if self.beyond_mean(y) >= 0.0 {
            return self.smooth_beyond_mean(y, span);
        }
        // P(X >= x) = 1 - P(-X > -x): the term at x itself is not in it, or has no weight.
        if turned.room(-y) <= 0.0 {
            return Smooth::Value(0.0);
        }
        match turned.smooth_beyond_mean(-y, span) {
            Smooth::Value(ln) => Smooth::Value(ln_1m_exp(ln.min(0.0))),
            other => other,
        }
    }

    /// The formula at y, at least the mean and below the largest value.
    fn smooth_beyond_mean(&self, y: f64, span: Option<f64>) -> Smooth {
        let distance = self.beyond_mean(y);
        if self.room(y) <= 0.0 {
            return Smooth::None;
        }
        let t = if distance > 0.0 { self.tilt(distance) } else { 0.0 };
        let tilted = self.tilted(t);
        let deviation = libm::sqrt(tilted.variance);
        if let Atom::Coin { .. } = self.atom() {
            let lyapunov = tilted.absolute_third / (tilted.variance * deviation);
            let is_near_normal =
                lyapunov <= MAX_LYAPUNOV && self.ripple(t, tilted.variance, span) <= MAX_RIPPLE;
            if !is_near_normal {
                return Smooth::Rough;
            }
        }
        let half_square = t * distance - tilted.excess;
        let w = libm::sqrt((2.0 * half_square).max(0.0));
        let slope = span.map_or(t, |step| 2.0 / step * libm::sinh(0.5 * step * t));
        let correction = if w < NEAR_MEAN {
            -tilted.third / (6.0 * tilted.variance * deviation)
        } else {
            1.0 / (slope * deviation) - 1.0 / w
        };
        let ln = -half_square.max(0.0) - 0.5 * LN_2PI + libm::log(mills_ratio(w) + correction);
        if ln.is_nan() { Smooth::None } else { Smooth::Value(ln.max(f64::MIN)) }
    }

    /// How much of the tail a step that the span does not know of may move: the largest of the module docs' second line.
    fn ripple(&self, t: f64, variance: f64, span: Option<f64>) -> f64 {
        let spread = |a: f64| self.atom().tilted(a * t).variance;
        // |E_t e^(i v a phi)|^2 = 1 - 2 variance (1 - cos(a v)).
        let size = |frequency: f64| {
            let ln_square =
                |a: f64| libm::log1p((-2.0 * spread(a) * (1.0 - libm::cos(a * frequency))).max(-1.0));
            libm::exp(self.terms().map(|(a, m)| 0.5 * m * ln_square(a)).sum())
        };
        let mut worst = 0.0_f64;
        for (a, m) in self.terms() {
            if m * a * a * spread(a) < RIPPLE_SHARE * variance {
                continue;
            }
            for multiple in 1..=RIPPLE_MULTIPLES {
                let frequency = 2.0 * PI * f64::from(multiple) / a.abs();
                // At a whole multiple of 2 pi / span the lattice itself repeats, which the formula knows.
                let turns = span.map_or(0.5, |step| step * frequency / (2.0 * PI));
                let weight = 2.0 * t / libm::hypot(t, frequency);
                if weight > worst.max(MAX_RIPPLE) && (turns - libm::round(turns)).abs() > 1e-6 {
                    worst = worst.max(weight * size(frequency));
                }
            }
        }
        worst
    }
}

/// What the formula gives.
pub(super) enum Smooth {
    Value(f64),
    /// Not near normal.
    Rough,
    None,
}

/// (1 - Phi(w)) / phi(w) for w >= 0.
///
/// ```text
/// sqrt(pi/2) e^(w^2/2) erfc(w / sqrt 2) = 1/w - 1/w^3 + 3/w^5 - 15/w^7 + ...
/// ```
///
/// Source: DLMF 7.12.1 for the series, which from 30 on is off by less than 1e-15 of itself with six terms.
fn mills_ratio(w: f64) -> f64 {
    if w < MILLS_SERIES_FROM {
        return libm::sqrt(PI / 2.0) * libm::exp(0.5 * w * w) * libm::erfc(w / SQRT_2);
    }
    let square = 1.0 / (w * w);
    let series = 1.0 - square * (1.0 - square * (3.0 - square * (15.0 - square * (105.0 - square * 945.0))));
    series / w
}

/// Largest Lyapunov ratio of a tilted sum of coins that the formula is used for: with 0.35 the error found in ln P was up to
/// 0.6 %, with 0.3 up to 0.35 %, see `tests/tail_weighted.rs`.
const MAX_LYAPUNOV: f64 = 0.3;

/// Largest relative effect of an unknown step: 0.01 in ln P, which is at least 4.6 where accuracy is promised.
const MAX_RIPPLE: f64 = 0.01;

/// Groups with less of the variance cannot make the sum lumpy.
const RIPPLE_SHARE: f64 = 0.02;

/// Steps that are a half or a third of a coefficient are looked for as well.
const RIPPLE_MULTIPLES: u32 = 3;

/// Below this w the limit at the mean is closer than the difference of two reciprocals.
const NEAR_MEAN: f64 = 1e-4;

/// From here on the asymptotic series of Mills' ratio.
const MILLS_SERIES_FROM: f64 = 30.0;

/// How far from a multiple of the span, in steps, x may be by rounding.
const LATTICE_TOLERANCE: f64 = 1e-12;
