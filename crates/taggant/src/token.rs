//! Token ids.

/// A token id: an index into the model's vocabulary.
///
/// An alias and not a newtype: ids arrive as `u32` slices from tokenizers, tensors and columns, and a
/// wrapper would cost a copy or an `unsafe` cast at each of those doors.
pub type TokenId = u32;
