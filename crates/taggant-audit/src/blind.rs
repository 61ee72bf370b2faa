//! Lists of log-probs as if nobody had known which token came.

use std::cmp::Ordering;

use taggant::TokenId;
use taggant_corpus::LnRow;

use crate::error::{Error, Kind};

/// How long one model's lists are, so that what only the token that came brought into them can be left out.
///
/// Servers list the likeliest tokens and, whatever its rank, the one that came. Where a mark had a part in what came, that
/// one more token is likelier to be green than others of its probability, so that its coefficient depends on the value
/// that it counts with: on 800 tokens of Gumbel-marked text an innocent suspect that lists 5 tokens has a mean z of 0.9
/// (mass), or of -1.3 (paired with the teacher).
///
/// A list is taken to be the L likeliest tokens, less those below [`LEAST_P`], and maybe the token that came. L is the length
/// of the longest list whose token is not its least likely one and so no addition, or that of the shortest there is. From
/// longer lists the token that came is dropped; a shorter one must have lost tokens below the threshold. Where one did not,
/// lists were cut by some other rule (a share of the mass, a part of the largest probability), nobody can tell an addition
/// from a last entry, and all are cut to one less than the shortest has, where no addition can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lists {
    length: usize,
    is_uneven: bool,
}

impl Lists {
    /// Of all rows of one model, each with the token that came.
    ///
    /// # Errors
    /// When nothing would be left of lists of several lengths.
    pub(crate) fn of<'a>(rows: impl Iterator<Item = (&'a LnRow, TokenId)>) -> Result<Self, Error> {
        let lists: Vec<List> = rows
            .filter(|(row, _)| row.unlisted_bound() > 0.0)
            .map(|(row, token)| List::of(row, token))
            .collect();
        let plain = lists.iter().filter(|list| !list.is_least).map(|list| list.len).max();
        let length = plain.or_else(|| lists.iter().map(|list| list.len).min()).unwrap_or_default();
        let is_even = |list: &List| match list.len.cmp(&length) {
            Ordering::Less => list.is_thresholded,
            Ordering::Equal => true,
            Ordering::Greater => list.is_least && list.len == length + 1,
        };
        if lists.iter().all(is_even) {
            return Ok(Self { length, is_uneven: false });
        }
        let shortest = lists.iter().map(|list| list.len).min().unwrap_or_default();
        if shortest < 2 {
            return Err(Kind::UnevenLists { shortest, longest: length }.into());
        }
        Ok(Self { length: shortest - 1, is_uneven: true })
    }

    /// The rows of a passage as if nobody had known which token came. Whole rows stay as they are.
    pub(crate) fn blind(self, rows: &[Option<LnRow>], tokens: &[TokenId]) -> Vec<Option<LnRow>> {
        let row =
            |(row, &token): (&Option<LnRow>, &TokenId)| row.as_ref().map(|row| self.as_list(row, token));
        rows.iter().zip(tokens).map(row).collect()
    }

    /// A row as a plain list of the likeliest.
    fn as_list(self, row: &LnRow, observed: TokenId) -> LnRow {
        if row.unlisted_bound() == 0.0 {
            return row.clone();
        }
        if self.is_uneven {
            let mut falling: Vec<(TokenId, f32)> =
                row.ids().iter().copied().zip(row.ln_p().iter().copied()).collect();
            falling.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            falling.truncate(self.length);
            return part(row, falling.into_iter());
        }
        let row = row.clone().without_below(LEAST_P);
        let is_added = row.len() > self.length;
        let entries = row.ids().iter().copied().zip(row.ln_p().iter().copied());
        // Made anew even where nothing goes: bounds that were read may say whether the token that came was listed.
        part(&row, entries.filter(|(id, _)| !is_added || *id != observed))
    }
}

/// What is to be known of one list.
struct List {
    len: usize,
    /// Whether the token that came is listed, and no other is less likely.
    is_least: bool,
    /// Whether every unlisted token is below the threshold.
    is_thresholded: bool,
}

impl List {
    fn of(row: &LnRow, token: TokenId) -> Self {
        let row = row.clone().without_below(LEAST_P);
        Self {
            len: row.len(),
            is_least: row.p(token).is_some_and(|p| row.iter().all(|(_, other)| other >= p)),
            is_thresholded: row.unlisted_bound() <= LEAST_P * (1.0 + 1e-6),
        }
    }
}

/// A part of a row, which is a row; the empty one stays what it is.
fn part(row: &LnRow, entries: impl Iterator<Item = (TokenId, f32)>) -> LnRow {
    let (ids, ln_p) = entries.unzip();
    LnRow::new(ids, ln_p).unwrap_or_else(|_| row.clone())
}

/// Tokens less likely than this are left out of lists on marked text: a rule that does not depend on what came.
pub(crate) const LEAST_P: f64 = 1.0 / 4096.0;

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
            let above = |row: Option<LnRow>| {
                let row = row?.without_below(LEAST_P);
                LnRow::new(row.ids().to_vec(), row.ln_p().to_vec()).ok()
            };
            let plain: Vec<Option<LnRow>> = plain.into_iter().map(above).collect();
            prop_assert_eq!(blinded(&seen, &tokens).unwrap(), plain);
        }

        /// Cut by a part of the largest probability, lists have any length: what is left does not say which token came.
        #[test]
        fn uneven_lists_are_cut_where_no_addition_can_be(
            rows in prop::collection::vec((prop::collection::vec(1_u16.., 8), 0_u32..8), 4..20),
            others in prop::collection::vec(0_u32..8, 20),
        ) {
            let whole: Vec<Vec<f32>> = rows.iter().map(|(weights, _)| ln_p(weights)).collect();
            let seen = |tokens: &[TokenId]| -> Vec<Option<LnRow>> {
                let cut = |(row, &token): (&Vec<f32>, &TokenId)| {
                    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let most = row.iter().filter(|ln_p| **ln_p >= largest - 1.0).count();
                    Some(listed(row, most.clamp(3, 6), Some(token)))
                };
                whole.iter().zip(tokens).map(cut).collect()
            };
            let tokens: Vec<TokenId> = rows.iter().map(|(_, token)| *token).collect();
            // Distinct probabilities: of equal ones either may be the last.
            prop_assume!(whole.iter().all(|row| (1..8).all(|i| !row[..i].contains(&row[i]))));
            let cut = Lists { length: 2, is_uneven: true };
            prop_assert_eq!(cut.blind(&seen(&tokens), &tokens), cut.blind(&seen(&others[..rows.len()]), &others[..rows.len()]));
        }
    }

    fn blinded(rows: &[Option<LnRow>], tokens: &[TokenId]) -> Result<Vec<Option<LnRow>>, Error> {
        let lists =
            Lists::of(rows.iter().zip(tokens).filter_map(|(row, &token)| Some((row.as_ref()?, token))))?;
        Ok(lists.blind(rows, tokens))
    }

    #[test]
    fn whole_rows_and_missing_ones_stay_as_they_are() {
        let rows = [Some(LnRow::full(&ln_p(&[1, 5, 2])).unwrap()), None];
        assert_eq!(blinded(&rows, &[0, 1]).unwrap(), rows);
        assert_eq!(blinded(&[], &[]).unwrap(), []);
    }

    #[test]
    fn lists_of_which_one_is_too_short_are_refused() {
        let row = |n: usize| Some(listed(&ln_p(&[50, 30, 20, 10, 5]), n, None));
        let error = blinded(&[row(1), row(3)], &[1, 0]).unwrap_err().to_string();
        assert!(error.contains("differ in length"), "{error}");
        let lists =
            Lists::of([(row(2).as_ref().unwrap(), 0), (row(4).as_ref().unwrap(), 0)].into_iter()).unwrap();
        assert_eq!(lists, Lists { length: 1, is_uneven: true });
    }
}
