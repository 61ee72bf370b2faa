//! Generation: from a model's rows, through a sampler, to a completion.

use taggant::TokenId;

use crate::error::{Error, Kind};
use crate::kneser_ney::KneserNey;
use crate::padding::BOUNDARY;

/// Writes one completion of `n_tokens` tokens from the start of a document.
///
/// `draw` is the sampler: it gets a full row of logits and says which token comes next. A marked completion draws
/// from a [`Session`](taggant::Session), which also accepts the token; a control draws from an
/// [`UnmarkedSampler`](taggant::sampling::UnmarkedSampler). The boundary is never offered.
///
/// # Errors
/// When `draw` fails or returns a token outside the vocabulary.
pub fn complete(
    model: &KneserNey,
    n_tokens: usize,
    mut draw: impl FnMut(&mut [f32]) -> Result<TokenId, taggant::Error>,
) -> Result<Vec<TokenId>, Error> {
    let mut tokens = Vec::with_capacity(n_tokens);
    let mut row = vec![0.0; model.vocab_size()];
    for _ in 0..n_tokens {
        model.logits_into(&tokens, &mut row)?;
        row[BOUNDARY as usize] = f32::NEG_INFINITY;
        tokens.push(draw(&mut row).map_err(Kind::Sampling)?);
    }
    Ok(tokens)
}
