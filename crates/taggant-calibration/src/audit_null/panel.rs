//! Statistics whose items no key went into, read together: one pass over their n-grams for each key.

use std::collections::HashMap;

use taggant::TokenId;
use taggant::law::Law;
use taggant::reader::{Ngrams, Reader, Reading};
use taggant_verify::linear::{LinearNull, LinearSum, Statistic};
use taggant_verify::{Coefficient, Items, SequenceSet};

/// Statistics over one list of n-grams.
#[derive(Debug)]
pub(super) struct Panel {
    law: Law,
    ngram_len: usize,
    ngrams: Vec<TokenId>,
    columns: Vec<Column>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Column {
    /// The same for every key, as the coefficients are.
    pub(super) null: LinearNull,
    /// How many inputs have a coefficient.
    pub(super) n: u64,
    /// Whether each of them counts alike.
    pub(super) is_count: bool,
    /// A coefficient for each n-gram of the panel, in units, 0 where it has none.
    units: Vec<i64>,
}

impl Panel {
    /// The statistics of these items, over the contexts beside them where there are any. `reader` may have any key: it is
    /// asked for what does not depend on it.
    pub(super) fn new(reader: &dyn Reader, statistics: &[(&Items, Option<&SequenceSet>)]) -> Self {
        let ngram_len = reader.context_rule().width.len() + 1;
        let mut numbers: HashMap<&[TokenId], usize> = HashMap::new();
        for (items, contexts) in statistics {
            for (ngram, _) in kept(items, *contexts) {
                let next = numbers.len();
                numbers.entry(ngram).or_insert(next);
            }
        }
        let column = |&(items, contexts): &(&Items, Option<&SequenceSet>)| {
            let mut units = vec![0; numbers.len()];
            for (ngram, coefficient) in kept(items, contexts) {
                units[numbers[ngram]] = coefficient.rounded().units();
            }
            let mut sum = LinearSum::default();
            Statistic::new(items).sum(reader, contexts).iter().for_each(|channel| sum.merge(channel));
            Column {
                null: LinearNull::new(reader.law(), &sum),
                n: sum.n(),
                is_count: units.iter().all(|&units| units == 0 || units == Coefficient::ONE.units()),
                units,
            }
        };
        let columns = statistics.iter().map(column).collect();
        let mut ngrams = vec![0; numbers.len() * ngram_len];
        for (ngram, at) in numbers {
            ngrams[at * ngram_len..(at + 1) * ngram_len].copy_from_slice(ngram);
        }
        Self { law: reader.law(), ngram_len, ngrams, columns }
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(super) fn law(&self) -> Law {
        self.law
    }

    /// Every statistic under one key: what [`Statistic::sum`] gives, for all of them at the cost of one.
    pub(super) fn statistics(&self, reader: &dyn Reader) -> Vec<f64> {
        let mut sums = vec![0_i128; self.columns.len()];
        let mut readings = [Reading::default(); BATCH];
        let mut scores = [0_i128; BATCH];
        for (batch, ngrams) in self.ngrams.chunks(BATCH * self.ngram_len).enumerate() {
            let ngrams = Ngrams::packed(ngrams, self.ngram_len);
            let (readings, scores) = (&mut readings[..ngrams.len()], &mut scores[..ngrams.len()]);
            reader.readings(ngrams, readings);
            for (score, reading) in scores.iter_mut().zip(&*readings) {
                *score = self.law.score(reading.value).into();
            }
            for (sum, column) in sums.iter_mut().zip(&self.columns) {
                let units = &column.units[batch * BATCH..];
                *sum +=
                    scores.iter().zip(units).map(|(score, &units)| score * i128::from(units)).sum::<i128>();
            }
        }
        let (one, unit) = (Coefficient::ONE.units() as f64, self.law.unit() as f64);
        sums.into_iter().map(|sum| sum as f64 / one / unit).collect()
    }
}

fn kept<'a>(
    items: &'a Items,
    contexts: Option<&'a SequenceSet>,
) -> impl Iterator<Item = (&'a [TokenId], Coefficient)> {
    let is_kept = move |ngram: &[TokenId]| {
        contexts.is_none_or(|contexts| contexts.contains(&ngram[..contexts.length()]))
    };
    let coefficients = items.coefficients().iter().copied();
    items.ngrams().iter().zip(coefficients).filter(move |(ngram, _)| is_kept(ngram))
}

/// How many n-grams a reader gets at once.
const BATCH: usize = 1024;

#[cfg(test)]
mod tests {
    use super::super::world::{SETTINGS, mark};
    use super::*;

    #[test]
    fn a_panel_sums_as_each_statistic_alone() {
        for setting in SETTINGS {
            let profile = setting.profile().unwrap();
            let reader = mark(&profile, 0, 7);
            let (rule, width) = (reader.context_rule(), setting.width);
            let (mut some, mut others) = (Items::new(rule), Items::new(rule));
            let mut contexts = SequenceSet::new(width);
            for n in 0..3000_u32 {
                let ngram: Vec<TokenId> = (0..=width as u32).map(|at| n * 7 + at).collect();
                let amount = Coefficient::new((f64::from(n) - 900.0) / 71.0).unwrap();
                if n % 3 > 0 {
                    some.add(&ngram, amount);
                }
                if n % 5 > 0 {
                    others.add(&ngram, Coefficient::ONE);
                }
                if n % 2 > 0 {
                    contexts.add(&ngram[..width]);
                }
            }
            let statistics = [(&some, None), (&some, Some(&contexts)), (&others, Some(&contexts))];
            let panel = Panel::new(&reader, &statistics);
            let alone = statistics.map(|(items, contexts)| {
                let sums = Statistic::new(items).sum(&reader, contexts);
                sums[0].statistic(reader.law())
            });
            assert_eq!(panel.statistics(&reader), alone, "{}", setting.name);
            assert_eq!([0, 1, 2].map(|at| panel.columns()[at].is_count), [false, false, true]);
        }
    }
}
