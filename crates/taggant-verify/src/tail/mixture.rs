//! e-values from counts: mixtures of likelihood ratios, in closed form.
//!
//! # Why these are e-values
//!
//! Take draws X_1, X_2, ... and bet against the null with one fixed alternative theta:
//!
//! ```text
//! M_n(theta) = prod_{i=1..n} f_theta(X_i) / f_0(X_i),      M_0 = 1
//! ```
//!
//! 1. Under the null, E[f_theta(X_i)/f_0(X_i) | past] = Int f_theta = 1, so M_n(theta) is a martingale that is
//!    never negative and starts at 1.
//! 2. An average over theta with fixed weights, E_n = Int M_n(theta) w(theta) dtheta with Int w = 1, is one
//!    as well: all terms are positive, so the two integrals may be exchanged (Tonelli).
//! 3. So the expectation of E_n is 1 at every fixed n and at most 1 at every stopping time, and
//!    P(E_n >= 1/alpha for some n) <= alpha (Ville 1939). 1/E_n is a p-value, valid under optional stopping.
//! 4. Both families are exponential: M_n(theta) depends on the draws only through n and their sum. So E_n does
//!    too, it is the same in whatever order the draws were scored, and the integral is an incomplete beta or
//!    gamma function.
//!
//! The alternatives are all on one side. There f_theta/f_0 rises with x, so E_n is only a supermartingale, and
//! still an e-value, when a draw given its past is stochastically smaller than the null says.
//!
//! Sources: H. Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41,
//! 1970 (mixtures); A. Ramdas, P. Grünwald, V. Vovk, G. Shafer, "Game-theoretic statistics and safe anytime-valid
//! inference", arXiv:2210.01948 (e-values and e-processes).
//!
//! What they need: draws that are independent under the null, or at least no larger given the past than the null
//! says. Repeated contexts break this, and must be scored once before the count is taken.

use super::{binomial, gamma};

/// ln E for `s` successes in `n` draws of probability at most `p` under the null: the uniform mixture over
/// all rates above p.
///
/// ```text
/// E = 1/(1-p) Int_p^1 (q/p)^s ((1-q)/(1-p))^(n-s) dq
///   = B(s+1, n-s+1) P(Bin(n+1,p) <= s) / ( (1-p) p^s (1-p)^(n-s) )
///   = P(Bin(n+1,p) <= s) / ( (n+1) (1-p) P(Bin(n,p) = s) )
///   = P(Bin(n+1,p) <= s) / ( (n+1-s) P(Bin(n+1,p) = s) )
/// ```
///
/// The second line is DLMF 8.17.1 and 8.17.5. The last two are evaluated, the last one for s below the mean,
/// where P(X <= s)/P(X = s) is available without its two parts.
///
/// Source: the module docs, with q uniform on (p, 1); Robbins 1970 has it uniform on all of (0, 1).
///
/// Range: 0 < p < 1, n up to 2^53. E >= 1/(n+1), so ln E is finite. Error measured, on 200 references and
/// 5000 random ones: below 4e-15 max(1, |ln E|).
/// Edges: 0 (no evidence, E = 1) for n = 0, and for arguments that are no experiment: s > n, p outside (0, 1), NaN.
#[must_use]
pub fn ln_e_binomial(n: u64, p: f64, s: u64) -> f64 {
    if n == 0 || s > n || !(p > 0.0 && p < 1.0) {
        return 0.0;
    }
    let more = n.saturating_add(1);
    if binomial::successes_beyond_mean(more, p, s) < 0.0 {
        return libm::log(binomial::lower_ratio(more, p, s)) - libm::log((more - s) as f64);
    }
    binomial::ln_lower(more, p, s) - binomial::ln_pmf(n, p, s) - libm::log(more as f64) - libm::log1p(-p)
}

/// ln E for a sum `x` of `n` scores that are at most Exp(1) under the null: the uniform mixture over all
/// rates below 1, that is over all means above 1.
///
/// ```text
/// E = Int_0^1 lambda^n e^((1-lambda) x) dlambda
///   = e^x x^-(n+1) n! P(Gamma(n+1) <= x)
///   = P(Gamma(n+1) <= x) / ( x^(n+1) e^-x / Gamma(n+1) )
/// ```
///
/// The second line is DLMF 8.2.1 with t = lambda x. The last is evaluated as one ratio for x below n + 1.
///
/// Source: the module docs, with lambda uniform on (0, 1). The likelihood ratio of one score is lambda
/// e^((1-lambda) x).
///
/// Range: n up to 2^53, x >= 0. E >= 1/(n+1). Error measured, on 71 references and 3000 random ones:
/// below 4e-15 max(1, |ln E|).
/// Edges: 0 (no evidence, E = 1) for n = 0, whatever x, and for x that is negative or NaN; -ln(n+1) for x =
/// 0; +inf for x = inf.
#[must_use]
pub fn ln_e_gamma(n: u64, x: f64) -> f64 {
    if n == 0 || x.is_nan() || x < 0.0 {
        return 0.0;
    }
    if x == f64::INFINITY {
        return f64::INFINITY;
    }
    let shape = n.saturating_add(1) as f64;
    if x < shape {
        return libm::log(gamma::lower_ratio(shape, x));
    }
    gamma::ln_lower(shape, x) - gamma::ln_weight(shape, x)
}
