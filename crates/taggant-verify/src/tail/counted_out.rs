//! Sums of coins of which a few are counted out, so that the rest is near normal.
//!
//! ```text
//! P(X >= x) = sum_k P(Bin(m, p) = k) P(rest >= x - a k)
//! ```
//!
//! for one group after the other. What the counted coins leave of x is the same for many of their outcomes if the
//! coefficients have a lattice, and such states are merged.

use super::binomial;
use super::gamma;
use super::saddlepoint::Smooth;
use super::special::ln_add_exp;
use super::weighted::{Atom, WeightedSum};

/// ln P(X >= x) with leading groups counted out, one after the other and only as far as they must.
///
/// A state is what the counted coins leave of x, and the logarithm of their probability.
pub(super) fn ln_counted_out(p: f64, sum: &WeightedSum<'_>, x: f64, span: Option<f64>) -> Option<f64> {
    let (groups, tolerance) = (merged(sum), sum.tolerance());
    let atom = Atom::Coin { p };
    let mut states = vec![(x, 0.0)];
    let mut total = f64::NEG_INFINITY;
    let mut visits = 0;
    for level in 0..groups.len() {
        let rest = &groups[level..];
        let (a, m) = rest[0];
        let sum = WeightedSum::new(atom, rest);
        let (scale, step) = (sum.scale(), span.map(|step| step * sum.scale()));
        let mut rough = Vec::new();
        visits += states.len().saturating_mul(rest.len());
        if visits > MAX_VISITS {
            return None;
        }
        for (x, ln_weight) in states {
            if ln_weight < total - NEGLIGIBLE_LN {
                continue;
            }
            let tail = if rest.len() == 1 {
                Smooth::Value(ln_one_coefficient(atom, a, m, x, tolerance))
            } else {
                sum.smooth(x * scale, step)
            };
            match tail {
                Smooth::Value(ln) => total = ln_add_exp(total, ln_weight + ln),
                Smooth::None => return None,
                Smooth::Rough => rough.push((x, ln_weight)),
            }
        }
        if rough.is_empty() {
            break;
        }
        let counts = usize::try_from(m).ok()?.checked_add(1)?;
        if rough.len().checked_mul(counts)? > MAX_VISITS {
            return None; // before they are written down
        }
        let ln_weights: Vec<f64> = (0..=m).map(|ones| binomial::ln_pmf(m, p, ones)).collect();
        let expand = |(x, ln_weight): (f64, f64)| {
            ln_weights.iter().zip(0_u32..).map(move |(ln, ones)| (x - a * f64::from(ones), ln_weight + ln))
        };
        states = rough.into_iter().flat_map(expand).collect();
        states.sort_by(|(x, _), (y, _)| x.total_cmp(y));
        states.dedup_by(|(x, ln_weight), (kept, ln_kept)| {
            let is_same = *x - *kept <= tolerance;
            if is_same {
                *ln_kept = ln_add_exp(*ln_kept, *ln_weight);
            }
            is_same
        });
    }
    Some(total)
}

/// ln P(a (phi_1 + ... + phi_m) >= x), exactly.
pub(super) fn ln_one_coefficient(atom: Atom, a: f64, m: u64, x: f64, tolerance: f64) -> f64 {
    match atom {
        // Negative counts saturate to 0.
        Atom::Coin { p } if a > 0.0 => binomial::ln_upper(m, p, libm::ceil((x - tolerance) / a) as u64),
        Atom::Coin { .. } if x > tolerance => f64::NEG_INFINITY,
        Atom::Coin { p } => binomial::ln_lower(m, p, libm::floor((x - tolerance) / a) as u64),
        Atom::Exponential if a > 0.0 => gamma::ln_upper(m as f64, x / a),
        Atom::Exponential => gamma::ln_lower(m as f64, x / a),
    }
}

/// The groups with their coefficients scaled, each coefficient once, those first that are cheap to count out and matter:
/// with few coins and a large coefficient.
fn merged(sum: &WeightedSum<'_>) -> Vec<(f64, u64)> {
    let mut groups: Vec<(f64, u64)> = sum
        .groups()
        .iter()
        .filter(|(a, m)| *a != 0.0 && *m != 0)
        .map(|&(a, m)| (a * sum.scale(), m))
        .collect();
    groups.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    groups.dedup_by(|(a, m), (kept, n)| {
        let is_same = a == kept;
        if is_same {
            *n = n.saturating_add(*m);
        }
        is_same
    });
    let rank = |&(a, m): &(f64, u64)| a * a / m as f64;
    groups.sort_by(|one, other| rank(other).total_cmp(&rank(one)));
    groups
}

/// Terms below e^-45 of the sum are left out.
const NEGLIGIBLE_LN: f64 = 45.0;

/// How many visits of a group counting out may cost. Each is some ten passes, so this is about 10 ms.
const MAX_VISITS: usize = 1 << 14;
