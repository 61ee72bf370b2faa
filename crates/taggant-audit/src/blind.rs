//! Lists of log-probs as if nobody had known which token came.

use taggant::TokenId;
use taggant_corpus::LnRow;

/// The rows of a passage without what only the token that came brought into them.
///
/// Servers list the likeliest tokens and, whatever its rank, the one that came. Where a mark had a part in what came, that
/// one more token is likelier to be green than others of its probability, so that its coefficient depends on the value
/// that it counts with: on 800 tokens of Gumbel-marked text an innocent suspect that lists 5 tokens has a mean z of 0.9
/// (mass), or of -1.3 (paired with the teacher).
///
/// Lists are taken to be of one length: that of the longest whose token is not its least likely one and so no addition,
/// or of the shortest there is. From longer ones the token that came is dropped, and bounds are those of plain lists.
/// Whole rows stay as they are.
pub(crate) fn blind(rows: &[Option<LnRow>], tokens: &[TokenId]) -> Vec<Option<LnRow>> {
    let lists = || {
        let listed = rows.iter().zip(tokens).filter_map(|(row, &token)| Some((row.as_ref()?, token)));
        listed.filter(|(row, _)| row.unlisted_bound() > 0.0)
    };
    let plain = lists().filter(|(row, token)| !is_least(row, *token)).map(|(row, _)| row.len()).max();
    let shortest = lists().map(|(row, _)| row.len()).min();
    let length = plain.max(shortest).unwrap_or_default();
    let row = |(row, &token): (&Option<LnRow>, &TokenId)| row.as_ref().map(|row| as_list(row, token, length));
    rows.iter().zip(tokens).map(row).collect()
}

/// Whether a token is listed, and no other is less likely.
fn is_least(row: &LnRow, token: TokenId) -> bool {
    row.p(token).is_some_and(|p| row.iter().all(|(_, other)| other >= p))
}

/// A row as a plain list of the likeliest: `observed` counts among them where there are no more than `length`.
fn as_list(row: &LnRow, observed: TokenId, length: usize) -> LnRow {
    let is_added = row.len() > length;
    let says_less = row.p(observed).is_some_and(|p| row.unlisted_bound() >= p);
    if row.unlisted_bound() == 0.0 || !(is_added || says_less) {
        return row.clone();
    }
    let is_kept = |(id, _): &(&TokenId, &f32)| !is_added || **id != observed;
    let (ids, ln_p) = row.ids().iter().zip(row.ln_p()).filter(is_kept).unzip();
    // A part of a row is a row; the empty one stays what it is.
    LnRow::new(ids, ln_p).unwrap_or_else(|_| row.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The `most` likeliest of whole rows, and the token that came.
    fn listed(whole: &[f32], most: usize, observed: Option<TokenId>) -> LnRow {
        let mut falling: Vec<TokenId> = (0..whole.len() as TokenId).collect();
        falling.sort_by(|&a, &b| whole[b as usize].total_cmp(&whole[a as usize]));
        let (listed, others) = falling.split_at(most);
        let extra = observed.filter(|token| others.contains(token));
        let ids: Vec<TokenId> = listed.iter().copied().chain(extra).collect();
        let ln_p = ids.iter().map(|&id| whole[id as usize]).collect();
        let row = LnRow::new(ids, ln_p).unwrap();
        observed.map_or(row.clone(), |token| row.with_observed(token))
    }

    fn ln_p(weights: &[u16]) -> Vec<f32> {
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        weights.iter().map(|&weight| (f64::from(weight) / total).ln() as f32).collect()
    }

    proptest! {
        #[test]
        fn lists_are_those_that_a_model_gives_without_the_token_that_came(
            rows in prop::collection::vec((prop::collection::vec(1_u16.., 8), 0_u32..8), 1..20),
            most in 1_usize..7,
            likeliest_at in any::<prop::sample::Index>(),
        ) {
            let mut tokens: Vec<TokenId> = rows.iter().map(|(_, token)| *token).collect();
            let whole: Vec<Vec<f32>> = rows.iter().map(|(weights, _)| ln_p(weights)).collect();
            // Somewhere the likeliest token came.
            let at = likeliest_at.index(rows.len());
            tokens[at] = listed(&whole[at], 1, None).ids()[0];
            let seen: Vec<Option<LnRow>> =
                whole.iter().zip(&tokens).map(|(row, &token)| Some(listed(row, most, Some(token)))).collect();
            let plain: Vec<Option<LnRow>> = whole.iter().map(|row| Some(listed(row, most, None))).collect();
            prop_assert_eq!(blind(&seen, &tokens), plain);
        }
    }

    #[test]
    fn whole_rows_and_missing_ones_stay_as_they_are() {
        let rows = [Some(LnRow::full(&ln_p(&[1, 5, 2])).unwrap()), None];
        assert_eq!(blind(&rows, &[0, 1]), rows);
        assert_eq!(blind(&[], &[]), []);
    }
}
