//! The verifier: evidence -> test -> report.

use std::num::NonZeroU64;

use taggant::KeyId;
use taggant::law::Law;
use taggant::reader::{ContextRule, Reader};

use crate::bootstrap::{REPLICATES, SEED, bootstrap, contributions};
use crate::caution::Caution;
use crate::columns_panel;
use crate::corpus::Corpus;
use crate::decoys::{self, ENOUGH_DECOYS, Panel};
use crate::effect::EffectInterval;
use crate::error::{Error, Kind};
use crate::evidence::Evidence;
use crate::growth::Buckets;
use crate::linear::{LinearNull, LinearSum, Statistic};
use crate::null::Null;
use crate::p_value::PValue;
use crate::report::{Calibration, CorpusCounts, EffectResult, PKind, Plots, Power, Report, TestResult};
use crate::sample::Sample;
use crate::sequence_set::SequenceSet;
use crate::tally::{ChannelTally, Tally, pooled, tally};
use crate::verdict::{AT_POWER, adjust, level, verdict};

/// Tests whether text carries a mark: one key, one profile, one level.
///
/// Under the null the key is independent of the text. So the text is held fixed and only the key is random:
/// the values of distinct inputs are independent with an exactly known law, whatever wrote the text.
#[derive(Debug)]
pub struct Verifier<'a> {
    pub(crate) reader: &'a dyn Reader,
    plan: Plan,
}

/// What is fixed before looking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The level of the verdict; in (0, 1).
    pub alpha: f64,
    /// The effect that `no-evidence` must have been able to see, in standard deviations of one value.
    pub min_effect: f64,
    /// How many runs like this one share alpha, this one included: keys, dialects, profiles, sets of weights tried on the
    /// same text. Every adjusted p is multiplied by it.
    pub hypotheses: NonZeroU64,
    /// How many decoys stand beside the observed statistic; 0 for none.
    pub decoys: u64,
    /// How many simulated keys stand beside it; 0 for none.
    pub columns: u64,
}

impl Default for Plan {
    /// alpha 1e-6 for this run alone, an effect of 0.1, 200 decoys, 10,000 simulated keys.
    fn default() -> Self {
        Self { alpha: 1e-6, min_effect: 0.1, hypotheses: NonZeroU64::MIN, decoys: 200, columns: 10_000 }
    }
}

/// What the report says of the mark that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The program and its version.
    pub tool: String,
    /// The dialect's name.
    pub dialect: String,
    /// SHA-256 of the profile's canonical JSON.
    pub profile_digest: String,
    /// The public id of the key.
    pub key_id: String,
}

impl Subject {
    /// A subject, from what a dialect says of a profile and a key.
    #[must_use]
    pub fn new(tool: &str, dialect: &str, profile_digest: &str, key_id: KeyId) -> Self {
        Self {
            tool: tool.into(),
            dialect: dialect.into(),
            profile_digest: profile_digest.into(),
            key_id: key_id.to_string(),
        }
    }
}

/// Gives the reader of decoy i: the same profile under a fresh secret.
pub type OpenDecoy<'a> = dyn Fn(u64) -> Box<dyn Reader> + Sync + 'a;

impl<'a> Verifier<'a> {
    /// A verifier of one key's mark.
    ///
    /// # Errors
    /// When alpha is not above 0 and below 1, or the effect is not a positive number.
    pub fn new(reader: &'a dyn Reader, plan: Plan) -> Result<Self, Error> {
        if !(plan.alpha > 0.0 && plan.alpha < 1.0) {
            return Err(Kind::Alpha { found: plan.alpha }.into());
        }
        if !(plan.min_effect > 0.0 && plan.min_effect.is_finite()) {
            return Err(Kind::MinEffect { found: plan.min_effect }.into());
        }
        Ok(Self { reader, plan })
    }

    /// What was fixed before looking.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The mark's context rule: what a [`Corpus`] is made with.
    #[must_use]
    pub fn context_rule(&self) -> ContextRule {
        self.reader.context_rule()
    }

    /// The law of a value under the null.
    #[must_use]
    pub fn law(&self) -> Law {
        self.reader.law()
    }

    /// Tests a text.
    ///
    /// # Errors
    /// When the text has nothing to score, or a filter or weighted items are for another context width.
    pub fn test(
        &self,
        evidence: Evidence<'_>,
        subject: Subject,
        open_decoy: &OpenDecoy<'_>,
    ) -> Result<Report, Error> {
        self.check_widths(&evidence)?;
        let Evidence { corpus, served, weighted } = evidence;
        let mut buckets = Buckets::new(self.reader);
        let tallies = tally(self.reader, corpus.ngrams(), served, |channel, score, fingerprint| {
            buckets.add(channel, score, fingerprint);
        });
        let mut tests = self.count_tests(&tallies, served.is_some());
        if let Some(statistic) = weighted {
            let law = self.reader.law();
            for (channel, sum) in self.tested_channels().zip(self.tested(statistic.sum(self.reader, None))) {
                tests.push(weighted_test(channel, law, &sum));
            }
        }
        adjust(&mut tests, self.plan.hypotheses.get());

        let pooled = self.pooled(&tallies);
        let sample = Sample::new(corpus.ngrams(), decoys::MOST_INPUTS);
        let observed = decoys::count(self.reader, sample.ngrams());
        let observed_z = observed.map(|(_, outcome)| outcome.z);
        let pipeline = |n| decoys::count(&*open_decoy(n), sample.ngrams()).map(|(_, outcome)| outcome);
        let panel = observed_z.and_then(|z| decoys::panel(self.plan.decoys, z, &pipeline));
        let weighted_panel = weighted.and_then(|statistic| self.weighted_panel(statistic, open_decoy));
        let column_panel = columns_panel::draw(self.reader, corpus.ngrams(), self.plan.columns);
        let power = self.power(&tests);
        let is_calibrated = panel.as_ref().is_none_or(|panel| panel.check.is_passed());
        let verdict = verdict(&tests, &self.plan, is_calibrated, &power);
        let mut cautions = self.cautions(&evidence, &tests, panel.as_ref());
        if let Some(panel) = weighted_panel.as_ref().filter(|panel| !panel.check.is_passed()) {
            cautions.push(Caution::WeightedPicture { ks: panel.check.ks });
        }
        let n_inputs: u64 = tallies.iter().map(|channel| channel.all.n).sum();
        let n_of_accounts = n_inputs - pooled.n;
        Ok(Report {
            schema_version: Report::SCHEMA_VERSION,
            tool: subject.tool,
            command: "verify".into(),
            profile_digest: subject.profile_digest,
            key_id: subject.key_id,
            dialect: subject.dialect,
            alpha: self.plan.alpha,
            verdict,
            corpus: corpus_counts(corpus, n_inputs, n_of_accounts),
            tests,
            calibration: Calibration {
                columns: column_panel.as_ref().map(|(panel, _)| panel.clone()),
                decoy_inputs: panel.as_ref().and(observed).map_or(0, |(n, _)| n),
                ..calibration(panel.as_ref(), weighted_panel.as_ref(), corpus)
            },
            effect: self.effect(corpus, &pooled),
            power,
            cautions: cautions.iter().map(ToString::to_string).collect(),
            documents: None,
            students: None,
            plots: Some(Plots {
                observed_z: panel.as_ref().and(observed_z),
                decoy_z: panel.as_ref().map(|panel| panel.z.clone()).unwrap_or_default(),
                decoy_p: panel.map(|panel| panel.randomised_p).unwrap_or_default(),
                decoy_weighted_p: weighted_panel.map(|panel| panel.randomised_p).unwrap_or_default(),
                column_observed_z: column_panel.as_ref().map(|(_, picture)| picture.observed_z),
                column_z: column_panel.map(|(_, picture)| picture.bins).unwrap_or_default(),
                growth: buckets.growth(self.reader.law()),
            }),
        })
    }

    /// The interval of the excess, and what documents drawn anew say of it.
    fn effect(&self, corpus: &Corpus, pooled: &Tally) -> Option<EffectResult> {
        let law = self.reader.law();
        let statistic = Null::new(law, pooled.n).statistic(pooled);
        let interval = EffectInterval::exact(law, pooled.n, statistic, EFFECT_LEVEL)?;
        let of_documents = contributions(self.reader, corpus);
        let n_filled = of_documents.iter().filter(|tally| tally.n > 0).count();
        let resampled = (n_filled >= ENOUGH_DOCUMENTS)
            .then(|| bootstrap(&of_documents, law, EFFECT_LEVEL, REPLICATES, SEED))
            .flatten()
            .map(|interval| [interval.excess.low, interval.excess.high])
            .filter(|ends| ends.iter().all(|end| end.is_finite()));
        Some(EffectResult {
            model: EFFECT_MODEL.into(),
            n: pooled.n,
            statistic,
            excess: interval.excess.estimate,
            low: interval.excess.low,
            high: interval.excess.high,
            level: EFFECT_LEVEL,
            bootstrap: resampled,
        })
    }

    /// The weighted statistic under fresh secrets: a picture. Its p-values come from approximate tails, so it is not judged;
    /// the decoys' count goes through the same secrets and the same inputs, and is.
    fn weighted_panel(&self, statistic: &Statistic<'_>, open_decoy: &OpenDecoy<'_>) -> Option<Panel> {
        let items = statistic.items().sampled(decoys::MOST_INPUTS);
        let sampled = statistic.on(&items);
        let observed = sampled.outcome(self.reader)?;
        decoys::panel(self.plan.decoys, observed.z, &|n| sampled.outcome(&*open_decoy(n)))
    }

    fn check_widths(&self, evidence: &Evidence<'_>) -> Result<(), Error> {
        let Evidence { corpus, served, weighted } = evidence;
        let expected = self.reader.context_rule().width.len();
        match served.map(SequenceSet::length) {
            Some(found) if found == expected + 1 => return Err(Kind::TupleFilter { expected }.into()),
            Some(found) if found != expected => return Err(Kind::ServedWidth { expected, found }.into()),
            _ => {}
        }
        let found = corpus.ngrams().ngram_len() - 1;
        if found != expected {
            return Err(Kind::CorpusWidth { expected, found }.into());
        }
        if let Some(found) = weighted.map(|statistic| statistic.ngrams().ngram_len() - 1)
            && found != expected
        {
            return Err(Kind::ItemsWidth { expected, found }.into());
        }
        if self.reader.channels().iter().all(|channel| channel.accounts) {
            return Err(Kind::OnlyAccounts.into());
        }
        if corpus.ngrams().is_empty() {
            return Err(Kind::NothingToScore { tokens: corpus.counts().tokens, width: expected }.into());
        }
        Ok(())
    }

    /// The evidence along the tokens of a corpus: (distinct inputs so far, ln e), at about `n_points`
    /// points, the last one included.
    ///
    /// An e-process over fresh inputs in the order of the text: it may be read at any of its points, and the
    /// chance that it ever reaches 1/alpha under the null is at most alpha (Ville 1939).
    #[must_use]
    pub fn growth(&self, corpus: &Corpus, n_points: u64) -> Vec<(u64, f64)> {
        let accounts: Vec<bool> = self.reader.channels().iter().map(|channel| channel.accounts).collect();
        let step = (corpus.counts().distinct / n_points.max(1)).max(1);
        let (mut sum, mut points) = (Tally::default(), vec![(0, 0.0)]);
        let mut point = |sum: &Tally| {
            let null = Null::new(self.reader.law(), sum.n);
            points.push((sum.n, null.ln_e(null.statistic(sum))));
        };
        tally(self.reader, corpus.ngrams(), None, |channel, score, _| {
            if !accounts[channel] {
                sum.add(score);
                if sum.n.is_multiple_of(step) {
                    point(&sum);
                }
            }
        });
        if !sum.n.is_multiple_of(step) {
            point(&sum);
        }
        points
    }

    /// The names of the channels without accounts.
    fn tested_channels(&self) -> impl Iterator<Item = &str> {
        self.tested(self.reader.channels().iter().collect()).map(|channel| channel.name.as_str())
    }

    /// Of one thing for each channel, those of channels without accounts.
    fn tested<T>(&self, of_channels: Vec<T>) -> impl Iterator<Item = T> {
        let channels = self.reader.channels().iter().zip(of_channels);
        channels.filter(|(channel, _)| !channel.accounts).map(|(_, it)| it)
    }

    /// One count per channel without accounts, twice under a filter.
    fn count_tests(&self, tallies: &[ChannelTally], is_filtered: bool) -> Vec<TestResult> {
        let mut tests = Vec::new();
        for (channel, tallied) in self.tested_channels().zip(self.tested(tallies.iter().collect())) {
            tests.push(count_test("count", channel, self.reader.law(), &tallied.all, PKind::Exact));
            if is_filtered {
                let kind = PKind::Calibrated;
                tests.push(count_test("count-served", channel, self.reader.law(), &tallied.served, kind));
            }
        }
        tests
    }

    pub(crate) fn pooled(&self, tallies: &[ChannelTally]) -> Tally {
        pooled(self.reader.channels(), tallies, |tallied| &tallied.all)
    }

    /// The smallest effect that any exact test could have seen, at the level left after Bonferroni.
    fn power(&self, tests: &[TestResult]) -> Power {
        let ln_alpha = level(self.plan.alpha, tests, self.plan.hypotheses.get());
        let effect =
            |test: &TestResult| Null::new(self.reader.law(), test.n).detectable_effect(ln_alpha, AT_POWER);
        let exact = tests.iter().filter(|test| test.p_kind == PKind::Exact);
        Power {
            detectable_effect: exact.filter_map(effect).min_by(f64::total_cmp),
            at_power: AT_POWER,
            min_effect: self.plan.min_effect,
        }
    }

    fn cautions(&self, evidence: &Evidence<'_>, tests: &[TestResult], panel: Option<&Panel>) -> Vec<Caution> {
        let Evidence { corpus, served, .. } = evidence;
        let mut cautions = Vec::new();
        let decoys = panel.map_or(0, |panel| panel.z.len() as u64);
        match panel {
            Some(panel) if !panel.check.is_passed() => {
                let Panel { mean_z, sd_z, .. } = *panel;
                cautions.push(Caution::Uncalibrated { mean_z, sd_z, ks: panel.check.ks });
            }
            _ if decoys < ENOUGH_DECOYS => cautions.push(Caution::FewDecoys { decoys }),
            _ => {}
        }
        if let Some(set) = served {
            cautions.push(Caution::ServedFilter { contexts: set.len() });
        }
        if tests.iter().any(|test| test.name == "count-served" && test.n == 0) {
            cautions.push(Caution::NothingServed);
        }
        if corpus.variance_inflation() >= Caution::HIGH_INFLATION {
            cautions.push(Caution::Repetitive { inflation: corpus.variance_inflation() });
        }
        let accounts = self.reader.channels().iter().filter(|channel| channel.accounts).count();
        if accounts > 0 {
            cautions.push(Caution::AccountChannels { channels: accounts });
        }
        cautions
    }
}

/// The count of one channel.
fn count_test(name: &str, channel: &str, law: Law, tally: &Tally, p_kind: PKind) -> TestResult {
    let null = Null::new(law, tally.n);
    let statistic = null.statistic(tally);
    let p = null.p_value(statistic);
    TestResult {
        null_mean: null.mean(),
        null_variance: null.variance(),
        z: null.z(statistic),
        p_kind,
        ln_e: Some(null.ln_e(statistic)),
        ..test_result(name, channel, law, tally.n, statistic, p)
    }
}

/// The weighted statistic of one channel.
fn weighted_test(channel: &str, law: Law, sum: &LinearSum) -> TestResult {
    let null = LinearNull::new(law, sum);
    let statistic = sum.statistic(law);
    TestResult {
        null_mean: null.mean(),
        null_variance: null.variance(),
        z: null.z(statistic),
        ln_p_approx: null.ln_p_approx(statistic),
        ln_e: Some(null.ln_e(statistic)),
        coefficients: Some(null.coefficients()),
        ..test_result("weighted", channel, law, sum.n(), statistic, null.p_value(statistic))
    }
}

fn test_result(name: &str, channel: &str, law: Law, n: u64, statistic: f64, p: PValue) -> TestResult {
    TestResult {
        name: name.into(),
        channel: channel.into(),
        law: law_text(law),
        n,
        statistic,
        null_mean: 0.0,
        null_variance: 0.0,
        z: None,
        p_kind: p.kind(),
        ln_p: p.ln(),
        ln_p_approx: None,
        coefficients: None,
        log10_p: p.unadjusted().log10(),
        ln_p_adjusted: p.ln(),
        hypotheses: p.hypotheses(),
        decides: true,
        ln_e: None,
    }
}

fn calibration(panel: Option<&Panel>, weighted: Option<&Panel>, corpus: &Corpus) -> Calibration {
    Calibration {
        decoys: panel.map_or(0, |panel| panel.z.len() as u64),
        decoy_inputs: 0,
        decoy_mean_z: panel.map(|panel| panel.mean_z),
        decoy_sd_z: panel.map(|panel| panel.sd_z),
        decoy_ks: panel.map(|panel| panel.check.ks),
        decoy_weighted_ks: weighted.map(|panel| panel.check.ks),
        rank: panel.map(|panel| panel.rank),
        columns: None,
        variance_inflation: corpus.variance_inflation(),
    }
}

/// The law as a report writes it.
pub(crate) fn law_text(law: Law) -> String {
    match law {
        Law::Bernoulli { numerator, denominator } => format!("bernoulli {numerator}/{denominator}"),
        Law::Exponential => "exponential".into(),
        Law::Bits { depth } => format!("bits {depth}"),
        _ => unreachable!("every law of this build is named above"),
    }
}

fn corpus_counts(corpus: &Corpus, n_inputs: u64, n_of_accounts: u64) -> CorpusCounts {
    let counts = corpus.counts();
    let mut dropped: std::collections::BTreeMap<String, u64> =
        counts.dropped.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect();
    // Where inputs depend on the key, distinct n-grams may share one: those are duplicates too.
    *dropped.entry(crate::corpus::DUPLICATE.into()).or_default() += counts.distinct - n_inputs;
    if n_of_accounts > 0 {
        dropped.insert(ACCOUNT_CHANNEL.into(), n_of_accounts);
    }
    CorpusCounts {
        documents: counts.documents,
        tokens: counts.tokens,
        scored: counts.scored,
        distinct: n_inputs - n_of_accounts,
        dropped,
    }
}

/// The reason of inputs that belong to a channel with accounts, which these tests do not read.
const ACCOUNT_CHANNEL: &str = "account-channel";

/// The level of the interval of the effect.
pub(crate) const EFFECT_LEVEL: f64 = 0.95;

/// What the interval of the effect rests on.
const EFFECT_MODEL: &str = "if every input is shifted alike";

/// A bootstrap over fewer documents says more of chance than of them.
const ENOUGH_DOCUMENTS: usize = 20;
