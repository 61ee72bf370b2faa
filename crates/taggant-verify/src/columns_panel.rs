//! The picture of a statistic under simulated keys, for a report.

use hashbrown::HashSet;
use taggant::law::Law;
use taggant::reader::{Identity, Input, Ngrams, Reader, Reading};

use crate::columns::Columns;
use crate::decoys::{mean_and_sd, rank};
use crate::null::Null;
use crate::report::ColumnPanel;
use crate::sample::Sample;
use crate::tally::Tally;

/// The simulated keys' z in bins, and where the observed one lies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    /// (lower end, how many), ascending, empty bins left out.
    pub(crate) bins: Vec<(f64, u64)>,
    /// The z of the real key on the same inputs.
    pub(crate) observed_z: f64,
}

/// Draws `n_columns` simulated keys on at most 2^20 distinct inputs of the channels without accounts (2^17 where a value
/// is not one coin: those cost 15 to 20 times as much), chosen by fingerprint; `None` below 2 columns or without inputs.
///
/// The columns hang on the inputs alone, so the panel of a corpus does not depend on its order or its shards. Over inputs
/// that were de-duplicated it cannot fail: it is a picture of the null, not a check of it. The decoys are the check.
pub(crate) fn draw(
    reader: &dyn Reader,
    ngrams: Ngrams<'_>,
    n_columns: u64,
) -> Option<(ColumnPanel, Picture)> {
    if n_columns < 2 {
        return None;
    }
    let most = if matches!(reader.law(), Law::Bernoulli { .. }) { MOST_INPUTS } else { MOST_SLOW_INPUTS };
    let sample = Sample::new(ngrams, most);
    let (inputs, observed) = tested_inputs(reader, sample.ngrams());
    let mut columns = Columns::new(reader.law(), n_columns as usize);
    columns.add_parallel(&inputs);
    let null = Null::new(reader.law(), observed.n);
    let observed_z = null.z(null.statistic(&observed))?;
    let z: Vec<f64> = columns.statistics().iter().filter_map(|&statistic| null.z(statistic)).collect();
    let (mean_z, sd_z) = mean_and_sd(&z)?;
    let panel = ColumnPanel {
        columns: n_columns,
        inputs: observed.n,
        mean_z,
        sd_z,
        largest_z: z.iter().copied().fold(f64::MIN, f64::max),
        rank: rank(&z, observed_z),
    };
    Some((panel, Picture { bins: bins(&z), observed_z }))
}

/// The distinct inputs of channels without accounts, and their tally under the reader's own key.
fn tested_inputs(reader: &dyn Reader, ngrams: Ngrams<'_>) -> (Vec<Input>, Tally) {
    let law = reader.law();
    let (mut kept, mut tally) = (Vec::with_capacity(ngrams.len()), Tally::default());
    let mut seen = HashSet::new();
    let mut readings = vec![Reading::default(); BATCH];
    let mut inputs = vec![Input::default(); BATCH];
    let tokens: Vec<u32> = ngrams.iter().flatten().copied().collect();
    for packed in tokens.chunks(BATCH * ngrams.ngram_len()) {
        let batch = Ngrams::packed(packed, ngrams.ngram_len());
        let (readings, inputs) = (&mut readings[..batch.len()], &mut inputs[..batch.len()]);
        reader.readings(batch, readings);
        reader.inputs(batch, inputs);
        for (reading, input) in readings.iter().zip(&*inputs) {
            let is_tested = !reader.channels()[usize::from(reading.channel)].accounts;
            if is_tested && (reader.identity() == Identity::Ngram || seen.insert(*input)) {
                tally.add(law.score(reading.value));
                kept.push(*input);
            }
        }
    }
    (kept, tally)
}

fn bins(z: &[f64]) -> Vec<(f64, u64)> {
    let mut counts = std::collections::BTreeMap::<i64, u64>::new();
    for z in z {
        *counts.entry((z / BIN).floor() as i64).or_default() += 1;
    }
    counts.into_iter().map(|(at, count)| (at as f64 * BIN, count)).collect()
}

/// How many inputs the panel shows at most.
const MOST_INPUTS: usize = 1 << 20;

/// The same for scores and bits.
const MOST_SLOW_INPUTS: usize = 1 << 17;

/// The width of a bin of z.
pub(crate) const BIN: f64 = 0.25;

/// How many n-grams a reader gets at once.
const BATCH: usize = 1024;
