//! Tail probabilities of counts and of exponential scores, in the log domain.
//!
//! Every p-value of a count is one of two tails:
//!
//! ```text
//! P(Binomial(n, p) >= k)     how many of n draws were green, or matched         binomial
//! P(Gamma(n, 1)    >= x)     the sum of n scores that are Exp(1) under the null     gamma
//! ```
//!
//! and every planning number is the inverse of one (`quantile`), every e-value a mixture (`mixture`) of likelihood
//! ratios on a grid (`bet_grid`) and of one that comes down to a tail (`uniform_mixture`). They are pure functions of `f64` and `u64`, without state and without
//! allocation, and they call the `libm` crate instead of the platform's library, so the same input gives the
//! same bytes everywhere.
//!
//! A sum with coefficients (`weighted`) has no such form. It has a proven bound (`chernoff`) and a sharp
//! approximation (`saddlepoint`), each with its own account of method and error; what follows is about the two exact
//! tails.
//!
//! # Method
//!
//! A tail is the weight of its boundary point times a factor that has no scale:
//!
//! ```text
//! P(X >= k) = P(X = k) * R,      R = 1 + P(X = k+1)/P(X = k) + P(X = k+2)/P(X = k) + ...
//! ```
//!
//! - The weight is Loader's saddle-point form (Loader 2000), which has no large terms to cancel.
//! - The factor R is summed term by term while that is short, and is otherwise an integral over a smooth,
//!   log-concave function, taken by Gauss-Legendre quadrature with 32 nodes. So the cost does not grow with n,
//!   where a continued fraction takes sqrt(n) steps near the mean. The upper gamma tail with few scores, whose
//!   terms need not end, is Legendre's continued fraction.
//! - Only the tail on the far side of the mean is computed this way. The other one is ln(1 - e^t) of it, which
//!   loses nothing: t is at most ln(1/2) for counts, whose median is within 1 of the mean, and ln(1 - 1/e) for sums
//!   of one score or more.
//!
//! No tail is a normal approximation, and none is one minus a rounded probability.
//!
//! # Error
//!
//! Against 60-digit references (`tests/data/tail_reference.py`), for n from 1 to 1e10 and ln P down to -2.7e10 for
//! counts and -7e12 for sums, the largest error found was
//!
//! ```text
//! |ln P - reference| <= 4e-15 * max(1, |ln P|)
//! ```
//!
//! and the tests hold it to 1e-14.
//!
//! The functions are deterministic but not correctly rounded: two counts whose true tails agree to more than
//! that bound may come out in either order.
//!
//! # Arguments that are not a test
//!
//! Impossible events have ln P = -inf, and certain ones 0. A NaN argument, or a shape that is no number of
//! scores, describes no experiment; it gives ln P = 0, the value that supports no claim. No function here
//! returns NaN or panics.

mod atom;
pub mod bet_grid;
pub mod binomial;
pub mod chernoff;
mod compensated;
mod counted_out;
pub mod gamma;
pub mod mixture;
pub mod normal;
mod quadrature;
pub mod quantile;
pub mod saddlepoint;
pub mod special;
pub mod uniform_mixture;
pub mod weighted;
