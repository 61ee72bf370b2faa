//! Rows of logits: element types and what is refused.

use core::fmt;

use half::{bf16, f16};

use crate::error::{Error, Kind};
use crate::token::TokenId;

/// An element of a row of logits: `f32`, `f16` or `bf16`, unnormalised natural-log scores.
///
/// Sealed: other crates cannot add element types.
pub trait Logit: Copy + PartialOrd + fmt::Debug + Send + Sync + sealed::Sealed + 'static {
    /// The logit as `f32`, exact for all three types.
    fn to_f32(self) -> f32;

    /// The nearest logit of this type.
    fn from_f32(value: f32) -> Self;

    /// The largest finite logit of this type.
    const LARGEST: Self;
}

impl Logit for f32 {
    const LARGEST: Self = Self::MAX;

    fn to_f32(self) -> f32 {
        self
    }

    fn from_f32(value: f32) -> Self {
        value
    }
}

impl Logit for f16 {
    const LARGEST: Self = Self::MAX;

    fn to_f32(self) -> f32 {
        Self::to_f32(self)
    }

    fn from_f32(value: f32) -> Self {
        Self::from_f32(value)
    }
}

impl Logit for bf16 {
    const LARGEST: Self = Self::MAX;

    fn to_f32(self) -> f32 {
        Self::to_f32(self)
    }

    fn from_f32(value: f32) -> Self {
        Self::from_f32(value)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
    impl Sealed for half::bf16 {}
}

/// Refuses a row that is empty, longer than there are token ids, or holds NaN or +infinity.
/// -infinity is a token that cannot be drawn.
pub(crate) fn check_row<L: Logit>(row: &[L]) -> Result<(), Error> {
    if row.is_empty() {
        return Err(Kind::EmptyRow.into());
    }
    if u32::try_from(row.len() - 1).is_err() {
        return Err(Kind::RowTooLong.into());
    }
    let refused = |logit: &L| logit.to_f32().is_nan() || logit.to_f32() == f32::INFINITY;
    match row.iter().position(refused) {
        None => Ok(()),
        Some(at) if row[at].to_f32().is_nan() => Err(Kind::NanLogit { token: at as TokenId }.into()),
        Some(at) => Err(Kind::InfiniteLogit { token: at as TokenId }.into()),
    }
}

/// Adds `delta` to the logits whose bit in `mask` is set and leaves the others as they are, bit for bit. A sum beyond
/// the largest finite logit is that logit: a bias never makes a row that [`check_row`] would refuse.
///
/// Bit (first + i) of the mask belongs to row entry i.
pub(crate) fn add_to_masked<L: Logit>(row: &mut [L], mask: &[u32], first: usize, delta: f32) {
    for (at, logit) in (first..).zip(row) {
        if mask[at / 32] >> (at % 32) & 1 == 1 {
            let sum = L::from_f32(logit.to_f32() + delta);
            *logit = if sum > L::LARGEST { L::LARGEST } else { sum };
        }
    }
}
