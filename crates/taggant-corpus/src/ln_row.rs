//! Rows of log-probabilities: what a model says of one next token.

use taggant::TokenId;

use crate::error::{Error, Kind};

/// The distribution of one next token: ids and natural logs of their probabilities, whole or the most likely ones.
///
/// A token that is not listed has a probability of at most [`unlisted_bound`](Self::unlisted_bound), and all of them
/// together have [`unlisted_mass`](Self::unlisted_mass). A row that was made with ids is taken to list the most
/// likely tokens; if it also lists the token that was drawn, whatever its rank, as most servers do, say so with
/// [`with_observed`](Self::with_observed), or the bound is too small.
///
/// An entry at or below [`NEVER`](Self::NEVER), minus infinity among them, is no probability that anyone measured:
/// it is dropped and is an unlisted token like others.
#[derive(Clone, Debug, PartialEq)]
pub struct LnRow {
    ids: Vec<TokenId>,
    ln_p: Vec<f32>,
    listed_mass: f64,
    unlisted_mass: f64,
    unlisted_bound: f64,
    is_aligned: bool,
}

impl LnRow {
    /// The log-probability, in nats, at and below which an entry is dropped: e^-100 is 4e-44. OpenAI writes -9999 for
    /// "very unlikely", others minus infinity.
    pub const NEVER: f32 = -100.0;

    /// A row that lists the most likely tokens, in any order, with natural logs of their probabilities.
    ///
    /// A logarithm above 0 by at most 1e-3 is a rounded 0.
    ///
    /// # Errors
    /// When the two differ in length or are empty, an id occurs twice, a logarithm is NaN or above 1e-3, or the
    /// probabilities sum to more than 1 + 1e-3.
    pub fn new(ids: Vec<TokenId>, ln_p: Vec<f32>) -> Result<Self, Error> {
        Self::listed(ids, ln_p).map_err(|message| Kind::LnRow { message }.into())
    }

    /// The whole row: entry i is about token i, and there are no others.
    ///
    /// # Errors
    /// When it is empty, a logarithm is NaN or above 1e-3, or the probabilities sum to less than 1 - 1e-3 or more
    /// than 1 + 1e-3.
    pub fn full(ln_p: &[f32]) -> Result<Self, Error> {
        Self::whole(ln_p.to_vec()).map_err(|message| Kind::LnRow { message }.into())
    }

    /// The same row where `observed` may be listed whatever its rank, as the token that was drawn often is: its
    /// probability then says nothing about those of unlisted tokens. It changes nothing in a whole row. Call it before
    /// [`without_below`](Self::without_below), which may drop that token.
    #[must_use]
    pub fn with_observed(mut self, observed: TokenId) -> Self {
        if let Ok(at) = self.ids.binary_search(&observed)
            && self.unlisted_bound >= probability(self.ln_p[at])
        {
            let others = self.ids.iter().zip(&self.ln_p).filter(|&(&id, _)| id != observed);
            let smallest = others.map(|(_, &ln_p)| ln_p).fold(f32::INFINITY, f32::min);
            self.unlisted_bound = self.unlisted_mass.min(probability(smallest.max(self.ln_p[at])));
        }
        self
    }

    /// The same row where every unlisted token is known to have at most this probability: the threshold it was cut at.
    #[must_use]
    pub fn with_unlisted_at_most(mut self, p: f64) -> Self {
        self.unlisted_bound = self.unlisted_bound.min(p);
        self
    }

    /// The same row without the entries whose probability is below `least_p`: they are unlisted from here on, with
    /// the mass that they had and a bound that holds for them.
    #[must_use]
    pub fn without_below(mut self, least_p: f64) -> Self {
        let is_below = |&(_, ln_p): &(TokenId, f32)| probability(ln_p) < least_p;
        let (dropped, kept): (Vec<_>, Vec<_>) = self.iter_ln().partition(is_below);
        if dropped.is_empty() {
            return self;
        }
        let probabilities = dropped.iter().map(|&(_, ln_p)| probability(ln_p));
        let (mass, largest) = probabilities.fold((0.0, 0.0_f64), |(mass, max), p| (mass + p, max.max(p)));
        (self.ids, self.ln_p) = kept.into_iter().unzip();
        self.listed_mass = sum(&self.ln_p).min(1.0);
        self.unlisted_mass = (self.unlisted_mass + mass).min(1.0);
        self.unlisted_bound = self.unlisted_bound.max(largest).min(self.unlisted_mass);
        self
    }

    /// The ids of the listed tokens, rising.
    #[must_use]
    pub fn ids(&self) -> &[TokenId] {
        &self.ids
    }

    /// The natural logs of their probabilities, in the order of [`ids`](Self::ids): above [`NEVER`](Self::NEVER), at
    /// most 0.
    #[must_use]
    pub fn ln_p(&self) -> &[f32] {
        &self.ln_p
    }

    /// Listed tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether no token is listed: all that were given were dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The listed tokens by rising id, and their probabilities.
    pub fn iter(&self) -> impl Iterator<Item = (TokenId, f64)> + '_ {
        self.iter_ln().map(|(id, ln_p)| (id, probability(ln_p)))
    }

    /// The probability of a token; `None` if it is not listed, and then at most
    /// [`unlisted_bound`](Self::unlisted_bound).
    #[must_use]
    pub fn p(&self, token: TokenId) -> Option<f64> {
        self.ids.binary_search(&token).ok().map(|at| probability(self.ln_p[at]))
    }

    /// The sum of the listed probabilities, at most 1.
    #[must_use]
    pub fn listed_mass(&self) -> f64 {
        self.listed_mass
    }

    /// What the unlisted tokens have together: 0 if the row is whole, else 1 less what is listed.
    #[must_use]
    pub fn unlisted_mass(&self) -> f64 {
        self.unlisted_mass
    }

    /// The largest probability that one unlisted token can have: 0 if the row is whole, else the smallest listed one
    /// or the unlisted mass, whichever is less. Of dropped entries the largest is remembered.
    #[must_use]
    pub fn unlisted_bound(&self) -> f64 {
        self.unlisted_bound
    }

    /// Whether it is a row over another tokenizer's tokens, of which those are listed that this one has too. Which they are,
    /// and at which positions, depends on the text that came.
    #[must_use]
    pub fn is_aligned(&self) -> bool {
        self.is_aligned
    }

    /// The most likely token, of several the one with the lowest id; `None` where an unlisted one may be likelier.
    #[must_use]
    pub fn most_likely(&self) -> Option<TokenId> {
        let first_largest =
            |best: (TokenId, f64), next: (TokenId, f64)| if next.1 > best.1 { next } else { best };
        let (id, p) = self.iter().reduce(first_largest)?;
        (p >= self.unlisted_bound).then_some(id)
    }

    /// [`new`](Self::new), with a message for whoever knows the place.
    pub(crate) fn listed(ids: Vec<TokenId>, ln_p: Vec<f32>) -> Result<Self, String> {
        if ids.len() != ln_p.len() {
            return Err(format!("{} ids and {} log-probabilities", ids.len(), ln_p.len()));
        }
        checked_sum(&ln_p)?;
        let mut pairs: Vec<(TokenId, f32)> = ids.into_iter().zip(ln_p).collect();
        pairs.sort_unstable_by_key(|&(id, _)| id);
        // Rounding depends on the order of a sum: that of the ids makes equal lists equal rows.
        let sum = pairs.iter().map(|&(_, ln_p)| probability(ln_p.min(0.0))).sum();
        if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("token {} is listed twice", pair[0].0));
        }
        let row = Self::kept(pairs.into_iter(), sum);
        let smallest = row.ln_p.iter().copied().fold(0.0, f32::min);
        let unlisted_mass = 1.0 - row.listed_mass;
        Ok(Self { unlisted_mass, unlisted_bound: unlisted_mass.min(probability(smallest)), ..row })
    }

    /// [`full`](Self::full), with a message for whoever knows the place.
    pub(crate) fn whole(ln_p: Vec<f32>) -> Result<Self, String> {
        let sum = checked_sum(&ln_p)?;
        if sum < 1.0 - TOLERANCE {
            return Err(format!(
                "the probabilities of a whole row sum to {sum:.6}, expected 1; say which tokens are listed with `ids`"
            ));
        }
        Ok(Self::kept((0..).zip(ln_p), sum))
    }

    /// Some tokens out of a list with this mass and with this rest unlisted: what is missing is unlisted too, and any
    /// one token may have all of that. Tokens that come twice add up.
    pub(crate) fn mapped(mut pairs: Vec<(TokenId, f32)>, mass: f64, rest: f64) -> Self {
        pairs.sort_unstable_by_key(|&(id, _)| id);
        pairs.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 = (probability(kept.1) + probability(next.1)).ln() as f32;
            }
            is_same
        });
        let sum = pairs.iter().map(|&(_, ln_p)| probability(ln_p.min(0.0))).sum();
        let row = Self::kept(pairs.into_iter(), sum);
        let unlisted_mass = (rest + (mass - row.listed_mass).max(0.0)).min(1.0);
        Self { unlisted_mass, unlisted_bound: unlisted_mass, is_aligned: true, ..row }
    }

    fn kept(pairs: impl Iterator<Item = (TokenId, f32)>, sum: f64) -> Self {
        let kept = pairs.filter(|&(_, ln_p)| ln_p > Self::NEVER).map(|(id, ln_p)| (id, ln_p.min(0.0)));
        let (ids, ln_p) = kept.unzip();
        Self {
            ids,
            ln_p,
            listed_mass: sum.min(1.0),
            unlisted_mass: 0.0,
            unlisted_bound: 0.0,
            is_aligned: false,
        }
    }

    pub(crate) fn iter_ln(&self) -> impl Iterator<Item = (TokenId, f32)> + '_ {
        self.ids.iter().copied().zip(self.ln_p.iter().copied())
    }
}

fn probability(ln_p: f32) -> f64 {
    f64::from(ln_p).exp()
}

fn sum(ln_p: &[f32]) -> f64 {
    ln_p.iter().map(|&ln_p| probability(ln_p.min(0.0))).sum()
}

/// The sum of the probabilities, if each can be one and all together.
pub(crate) fn checked_sum(ln_p: &[f32]) -> Result<f64, String> {
    if ln_p.is_empty() {
        return Err("expected at least one log-probability, found none".into());
    }
    if let Some(at) = ln_p.iter().position(|ln_p| ln_p.is_nan() || f64::from(*ln_p) > TOLERANCE) {
        let found = ln_p[at];
        return Err(format!("log-probability {at}: expected a natural logarithm, at most 0, found {found}"));
    }
    let sum = sum(ln_p);
    if sum > 1.0 + TOLERANCE {
        return Err(format!(
            "the probabilities sum to {sum:.6}, expected at most 1; are they natural logarithms, of at least single \
             precision?"
        ));
    }
    Ok(sum)
}

/// How far a sum of probabilities may be above 1, and a logarithm above 0: single precision over 256,000 tokens is
/// within 1e-5, half precision within this.
const TOLERANCE: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is unlisted never has more than the row says, whichever way entries got lost.
        #[test]
        fn bounds_hold_for_the_whole_distribution(
            weights in prop::collection::vec(prop_oneof![1e-6..1.0_f64, Just(0.0), Just(0.25)], 1..40),
            n_listed in 0..40_usize,
            observed in 0..40_usize,
            least_p in prop_oneof![Just(0.0), 0.0..0.2_f64],
        ) {
            let total: f64 = weights.iter().sum();
            prop_assume!(total > 0.0);
            let p: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
            let ln_p: Vec<f32> = p.iter().map(|p| p.ln() as f32).collect();
            let observed = (observed % p.len()) as TokenId;
            let mut order: Vec<TokenId> = (0..p.len() as TokenId).collect();
            order.sort_by(|&a, &b| p[b as usize].total_cmp(&p[a as usize]));
            order.truncate(n_listed);
            if !order.contains(&observed) {
                order.push(observed);
            }
            let listed = order.iter().map(|&id| ln_p[id as usize]).collect();
            let list = LnRow::new(order, listed).unwrap().with_observed(observed);
            let whole = LnRow::full(&ln_p).unwrap();
            prop_assert_eq!(whole.clone().with_observed(observed), whole.clone());
            for row in [list, whole].map(|row| row.without_below(least_p)) {
                let unlisted = || (0..).zip(&p).filter(|(id, _)| row.p(*id).is_none()).map(|(_, &p)| p);
                // Logarithms of at most 14 in single precision.
                let slack = 2e-6;
                prop_assert!(unlisted().all(|p| p <= row.unlisted_bound() + slack));
                prop_assert!((unlisted().sum::<f64>() - row.unlisted_mass()).abs() <= slack);
                prop_assert!((row.listed_mass() + row.unlisted_mass() - 1.0).abs() <= slack);
                prop_assert!(row.iter().all(|(id, found)| found >= least_p && (found - p[id as usize]).abs() <= slack));
                if let Some(id) = row.most_likely() {
                    prop_assert!(p.iter().all(|&other| other <= p[id as usize] + slack));
                }
            }
        }
    }

    fn row(pairs: &[(TokenId, f64)]) -> LnRow {
        let (ids, ln_p) = pairs.iter().map(|&(id, p)| (id, p.ln() as f32)).unzip();
        LnRow::new(ids, ln_p).unwrap()
    }

    fn check(found: f64, expected: f64) {
        // Single precision of a logarithm of at most 100 in size: 100 * 2^-24.
        assert!((found - expected).abs() <= 6e-6, "{found}, expected {expected}");
    }

    #[test]
    fn a_list_is_sorted_and_bounds_what_it_leaves_out() {
        let row = row(&[(9, 0.2), (3, 0.5), (7, 0.1)]);
        assert_eq!(row.ids(), [3, 7, 9]);
        assert_eq!((row.len(), row.most_likely(), row.p(4)), (3, Some(3), None));
        check(row.p(9).unwrap(), 0.2);
        check(row.listed_mass(), 0.8);
        check(row.unlisted_mass(), 0.2);
        check(row.unlisted_bound(), 0.1);
        check(row.iter().map(|(_, p)| p).sum(), 0.8);
    }

    #[test]
    fn the_unlisted_mass_may_be_the_smaller_bound() {
        check(row(&[(1, 0.5), (2, 0.45)]).unlisted_bound(), 0.05);
    }

    #[test]
    fn an_observed_token_bounds_nothing_unless_it_is_not_the_least() {
        let row = row(&[(1, 0.5), (2, 0.1), (3, 0.001)]);
        check(row.unlisted_bound(), 0.001);
        check(row.clone().with_observed(3).unlisted_bound(), 0.1);
        check(row.clone().with_observed(1).unlisted_bound(), 0.001);
        check(row.with_observed(8).unlisted_bound(), 0.001);
        let alone = LnRow::new(vec![4], vec![-5.0]).unwrap().with_observed(4);
        check(alone.unlisted_bound(), 1.0 - (-5.0_f64).exp());
        assert_eq!(alone.most_likely(), None, "any other token may be likelier");
        let whole = LnRow::full(&[0.75_f32.ln(), 0.25_f32.ln()]).unwrap().with_observed(1);
        assert_eq!(whole.unlisted_bound(), 0.0);
    }

    #[test]
    fn a_whole_row_leaves_nothing_out() {
        let row = LnRow::full(&[0.25_f32.ln(), f32::NEG_INFINITY, 0.75_f32.ln()]).unwrap();
        assert_eq!((row.ids(), row.unlisted_mass(), row.unlisted_bound()), (&[0, 2][..], 0.0, 0.0));
        let uniform = vec![-(262_144_f32.ln()); 262_144];
        check(LnRow::full(&uniform).unwrap().listed_mass(), 1.0);
        assert_eq!(LnRow::full(&uniform).unwrap().most_likely(), Some(0), "ties go to the lowest id");
    }

    #[test]
    fn never_is_unlisted_and_no_bound() {
        for never in [f32::NEG_INFINITY, -9999.0, -100.0] {
            let row = LnRow::new(vec![5, 6, 7], vec![0.5_f32.ln(), never, 0.2_f32.ln()]).unwrap();
            assert_eq!((row.ids(), row.p(6)), (&[5, 7][..], None));
            check(row.unlisted_bound(), 0.2);
        }
        let row = LnRow::new(vec![5], vec![-9999.0]).unwrap();
        assert!(row.is_empty() && row.most_likely().is_none());
        assert_eq!((row.unlisted_mass(), row.unlisted_bound()), (1.0, 1.0));
    }

    #[test]
    fn small_entries_are_dropped_and_remembered() {
        let list = row(&[(1, 0.5), (2, 0.2), (3, 0.1)]).without_below(0.15);
        assert_eq!(list.ids(), [1, 2]);
        check(list.unlisted_mass(), 0.3);
        check(list.unlisted_bound(), 0.1);
        let whole = LnRow::full(&[0.9_f32.ln(), 0.06_f32.ln(), 0.04_f32.ln()]).unwrap();
        assert_eq!(whole.clone().without_below(0.0), whole);
        let cut = whole.clone().without_below(0.1);
        assert_eq!(cut.ids(), [0]);
        check(cut.listed_mass(), 0.9);
        check(cut.unlisted_mass(), 0.1);
        check(cut.unlisted_bound(), 0.06);
        assert_eq!(whole.without_below(2.0).len(), 0);
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        let check = |ids: &[TokenId], ln_p: &[f32], words: &str| {
            let message = LnRow::new(ids.to_vec(), ln_p.to_vec()).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        };
        check(&[], &[], "at least one");
        check(&[1, 2], &[-1.0], "2 ids and 1 log-probabilities");
        check(&[1, 2, 1], &[-2.0; 3], "token 1 is listed twice");
        check(
            &[1, 2],
            &[-1.0, f32::NAN],
            "log-probability 1: expected a natural logarithm, at most 0, found NaN",
        );
        check(&[1], &[0.01], "found 0.01");
        check(&[1], &[f32::INFINITY], "found inf");
        check(&[1, 2], &[-0.5, -0.5], "sum to 1.213061");
        assert!(LnRow::full(&[-1.0]).unwrap_err().to_string().contains("sum to 0.367879, expected 1"));
        let rounded = LnRow::new(vec![1], vec![0.0009]).unwrap();
        assert_eq!((rounded.ln_p(), rounded.unlisted_mass()), (&[0.0][..], 0.0));
    }
}
