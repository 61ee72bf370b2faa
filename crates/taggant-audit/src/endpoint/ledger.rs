//! The budget of tokens: what is spent and what is promised.

/// Spent and reserved tokens against a budget.
///
/// Reserved plus spent never exceeds the budget, unless more is spent than was reserved: a server that writes more than
/// it was asked for.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    budget: Option<u64>,
    spent: u64,
    reserved: u64,
}

/// What can be had for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// So many tokens, which are reserved.
    Reserved(u64),
    /// Not now: what is under way may leave enough.
    Later,
    /// The budget is spent.
    Over,
}

impl Ledger {
    pub(super) fn new(budget: Option<u64>, spent: u64) -> Self {
        Self { budget, spent, reserved: 0 }
    }

    /// Reserves `tokens`, or what is left when nothing else is promised.
    ///
    /// `is_first` says that every question before this one is settled: then what is left follows from their answers
    /// alone and not from what came when.
    pub(super) fn reserve(&mut self, tokens: u64, is_first: bool) -> Grant {
        let left = self
            .budget
            .map_or(u64::MAX, |budget| budget.saturating_sub(self.spent).saturating_sub(self.reserved));
        let granted = if left >= tokens {
            tokens
        } else if self.reserved > 0 || !is_first {
            return Grant::Later;
        } else if left == 0 {
            return Grant::Over;
        } else {
            left
        };
        self.reserved = self.reserved.saturating_add(granted);
        Grant::Reserved(granted)
    }

    /// Gives a reservation back.
    pub(super) fn release(&mut self, reserved: u64) {
        self.reserved = self.reserved.saturating_sub(reserved);
    }

    /// Counts tokens as spent.
    pub(super) fn spend(&mut self, tokens: u64) {
        self.spent = self.spent.saturating_add(tokens);
    }

    pub(super) fn spent(&self) -> u64 {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn the_last_grant_waits_for_all_others_and_is_clipped() {
        let mut ledger = Ledger::new(Some(25), 0);
        assert_eq!(ledger.reserve(10, true), Grant::Reserved(10));
        assert_eq!(ledger.reserve(10, false), Grant::Reserved(10));
        assert_eq!(ledger.reserve(10, false), Grant::Later);
        ledger.release(10);
        ledger.spend(10);
        assert_eq!(ledger.reserve(10, true), Grant::Later);
        ledger.release(10);
        ledger.spend(4);
        assert_eq!(ledger.reserve(10, true), Grant::Reserved(10));
        ledger.release(10);
        ledger.spend(9);
        assert_eq!(ledger.reserve(10, false), Grant::Later);
        assert_eq!(ledger.reserve(10, true), Grant::Reserved(2));
        ledger.release(2);
        ledger.spend(2);
        assert_eq!(ledger.reserve(10, true), Grant::Over);
        assert_eq!(ledger.spent(), 25);
    }

    #[test]
    fn without_a_budget_everything_is_granted() {
        let mut ledger = Ledger::new(None, u64::MAX);
        assert_eq!(ledger.reserve(u64::MAX, false), Grant::Reserved(u64::MAX));
        assert_eq!(ledger.reserve(1, false), Grant::Reserved(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

        #[test]
        fn reserved_and_spent_never_exceed_the_budget(
            budget in 0_u64..200,
            steps in proptest::collection::vec((1_u64..40, any::<bool>(), 0_u64..=100), 1..60),
        ) {
            let mut ledger = Ledger::new(Some(budget), 0);
            let mut under_way = Vec::new();
            for (tokens, is_first, percent) in steps {
                if let Grant::Reserved(granted) = ledger.reserve(tokens, is_first) {
                    prop_assert!(0 < granted && granted <= tokens);
                    under_way.push(granted);
                }
                prop_assert!(ledger.spent + ledger.reserved <= budget);
                prop_assert_eq!(ledger.reserved, under_way.iter().sum::<u64>());
                if percent < 50 && let Some(reserved) = under_way.pop() {
                    ledger.release(reserved);
                    ledger.spend(reserved * percent / 50);
                }
            }
        }
    }
}
