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
use crate::linear::{LinearSum, Statistic};
use crate::null::Null;
use crate::report::{Calibration, CorpusCounts, EffectResult, Plots, Power, Report, TestResult};
use crate::sample::Sample;
use crate::tally::{ChannelTally, Tally, pooled, tally};
use crate::test_name::{Filter, StatisticName, TestName};
use crate::test_result::{Reliance, count_test, linear_test};
use crate::verdict::{AT_POWER, adjust, detectable_effect, level, verdict};

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
        evidence: &Evidence<'_>,
        subject: Subject,
        open_decoy: &OpenDecoy<'_>,
    ) -> Result<Report, Error> {
        self.check(evidence)?;
        let corpus = evidence.corpus;
        let mut buckets = Buckets::new(self.reader);
        let tallies = tally(self.reader, corpus.ngrams(), evidence.served, |channel, score, fingerprint| {
            buckets.add(channel, score, fingerprint);
        });
        let tests = self.adjusted_tests(&tallies, evidence);
        let pooled = self.pooled(&tallies);
        // What the suspect only read was not sampled from anyone: the inputs that are summed are those of the statistic.
        let drawn = evidence.drawn();
        let checked = if evidence.is_counted {
            corpus.ngrams()
        } else {
            drawn.map_or(corpus.ngrams(), Statistic::ngrams)
        };
        let sample = Sample::new(checked, decoys::MOST_INPUTS);
        let observed = decoys::count(self.reader, sample.ngrams());
        let observed_z = observed.map(|(_, outcome)| outcome.z);
        let pipeline = |n| decoys::count(&*open_decoy(n), sample.ngrams()).map(|(_, outcome)| outcome);
        let panel = observed_z.and_then(|z| decoys::panel(self.plan.decoys, z, &pipeline));
        let weighted_panel = drawn.and_then(|statistic| self.weighted_panel(statistic, open_decoy));
        let column_panel = columns_panel::draw(self.reader, checked, self.plan.columns);
        let power = self.power(&tests);
        let is_calibrated = panel.as_ref().is_none_or(|panel| panel.check.is_passed());
        let verdict = verdict(&tests, &self.plan, is_calibrated, &power);
        let mut cautions = self.cautions(evidence, &tests, panel.as_ref());
        if let Some((panel, _)) = weighted_panel.as_ref().filter(|(panel, _)| !panel.check.is_passed()) {
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
                ..calibration(panel.as_ref(), weighted_panel.as_ref().map(|(panel, _)| panel), corpus)
            },
            // The interval is for a number of inputs that was fixed: after a stop at evidence it is too high.
            effect: if evidence.is_counted && !evidence.is_stopped_by_scores {
                self.effect(corpus, &pooled)
            } else {
                None
            },
            power,
            cautions: cautions.iter().map(ToString::to_string).collect(),
            documents: None,
            students: None,
            plots: Some(Plots {
                observed_z: panel.as_ref().and(observed_z),
                decoy_z: panel.as_ref().map(|panel| panel.z.clone()).unwrap_or_default(),
                decoy_p: panel.map(|panel| panel.randomised_p).unwrap_or_default(),
                weighted_observed_z: weighted_panel.as_ref().map(|(_, observed_z)| *observed_z),
                decoy_weighted_z: weighted_panel
                    .as_ref()
                    .map(|(panel, _)| panel.z.clone())
                    .unwrap_or_default(),
                decoy_weighted_p: weighted_panel.map(|(panel, _)| panel.randomised_p).unwrap_or_default(),
                column_observed_z: column_panel.as_ref().map(|(_, picture)| picture.observed_z),
                column_z: column_panel.map(|(_, picture)| picture.bins).unwrap_or_default(),
                growth: if evidence.is_counted { buckets.growth(self.reader.law()) } else { Vec::new() },
            }),
            audit: None,
            cohort_verdict: None,
            cohorts: None,
        })
    }

    /// The tests alone, without panels, plots and verdict.
    ///
    /// # Errors
    /// As for [`test`](Self::test).
    pub fn tests(&self, evidence: &Evidence<'_>) -> Result<Vec<TestResult>, Error> {
        self.check(evidence)?;
        let tallies = tally(self.reader, evidence.corpus.ngrams(), evidence.served, |_, _, _| {});
        Ok(self.adjusted_tests(&tallies, evidence))
    }

    /// Every test, adjusted within the deciding family.
    fn adjusted_tests(&self, tallies: &[ChannelTally], evidence: &Evidence<'_>) -> Vec<TestResult> {
        let mut tests = if evidence.is_counted { self.count_tests(tallies, evidence) } else { Vec::new() };
        for (name, statistic) in &evidence.linear {
            tests.extend(self.linear_tests(*name, statistic, evidence));
        }
        if let Some(name) = evidence.decides.map(|name| name.to_string()) {
            tests.iter_mut().for_each(|test| test.decides = test.name == name);
        }
        adjust(&mut tests, self.plan.hypotheses.get());
        tests
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
    fn weighted_panel(&self, statistic: &Statistic<'_>, open_decoy: &OpenDecoy<'_>) -> Option<(Panel, f64)> {
        let items = statistic.items().heaviest(decoys::MOST_INPUTS);
        let heaviest = statistic.on(&items);
        let observed = heaviest.outcome(self.reader)?;
        let panel = decoys::panel(self.plan.decoys, observed.z, &|n| heaviest.outcome(&*open_decoy(n)))?;
        Some((panel, observed.z))
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<(), Error> {
        let Evidence { corpus, .. } = evidence;
        let expected = self.reader.context_rule().width.len();
        for contexts in [evidence.served, evidence.familiar].into_iter().flatten() {
            match contexts.length() {
                found if found == expected + 1 => return Err(Kind::TupleFilter { expected }.into()),
                found if found != expected => return Err(Kind::ServedWidth { expected, found }.into()),
                _ => {}
            }
        }
        let found = corpus.ngrams().ngram_len() - 1;
        if found != expected {
            return Err(Kind::CorpusWidth { expected, found }.into());
        }
        for (name, statistic) in &evidence.linear {
            let found = statistic.ngrams().ngram_len() - 1;
            if found != expected {
                return Err(Kind::ItemsWidth { expected, found }.into());
            }
            if name.filter() != Filter::All && evidence.contexts(name.filter()).is_none() {
                return Err(Kind::NoFilter { name: name.to_string() }.into());
            }
            if evidence.is_stopped_by_scores {
                return Err(Kind::StoppedByScores { name: name.to_string() }.into());
            }
        }
        if self.reader.channels().iter().all(|channel| channel.accounts) {
            return Err(Kind::OnlyAccounts.into());
        }
        let is_empty = |(_, statistic): &(_, &Statistic<'_>)| statistic.ngrams().is_empty();
        if corpus.ngrams().is_empty() && evidence.linear.iter().all(is_empty) {
            return Err(Kind::NothingToScore { tokens: corpus.counts().tokens, width: expected }.into());
        }
        if let Some(name) = evidence.decides {
            let is_linear = evidence.linear.iter().any(|(found, _)| *found == name);
            let has_filter = name.filter() == Filter::All || evidence.contexts(name.filter()).is_some();
            let is_count = name.statistic() == StatisticName::Count && evidence.is_counted && has_filter;
            if !is_linear && !is_count {
                return Err(Kind::Undecided { name: name.to_string() }.into());
            }
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

    /// One count per channel without accounts, and one more under each filter.
    fn count_tests(&self, tallies: &[ChannelTally], evidence: &Evidence<'_>) -> Vec<TestResult> {
        let law = self.reader.law();
        // The same n-grams under the other filter.
        let familiar = evidence
            .familiar
            .map(|contexts| tally(self.reader, evidence.corpus.ngrams(), Some(contexts), |_, _, _| {}));
        let mut tests = Vec::new();
        for (at, channel) in
            self.reader.channels().iter().enumerate().filter(|(_, channel)| !channel.accounts)
        {
            let mut count = |filter, tally| {
                let name = TestName::COUNT.under(filter);
                let reliance = Reliance::of(evidence.is_calibrated(name), evidence.is_stopped_by_scores);
                tests.push(count_test(name, channel.name.as_str(), law, tally, reliance));
            };
            count(Filter::All, &tallies[at].all);
            if evidence.served.is_some() {
                count(Filter::Served, &tallies[at].served);
            }
            if let Some(familiar) = &familiar {
                count(Filter::Familiar, &familiar[at].served);
            }
        }
        tests
    }

    /// One linear statistic, for each channel without accounts.
    fn linear_tests(
        &self,
        name: TestName,
        statistic: &Statistic<'_>,
        evidence: &Evidence<'_>,
    ) -> Vec<TestResult> {
        let law = self.reader.law();
        let is_calibrated = evidence.is_calibrated(name);
        let reliance = Reliance::of(is_calibrated, evidence.is_stopped_by_scores);
        if name.is_count() {
            let tallies = tally(self.reader, statistic.ngrams(), None, |_, _, _| {});
            let count = |(channel, tallied): (&str, ChannelTally)| {
                count_test(name, channel, law, &tallied.all, reliance)
            };
            return self.tested_channels().zip(self.tested(tallies)).map(count).collect();
        }
        let sums = statistic.sum(self.reader, evidence.contexts(name.filter()));
        // Coefficients that depend on the key must not shape the bets.
        let is_predictable = is_calibrated && name.is_open();
        let scale = if is_predictable { 1.0 } else { statistic.scale() };
        let test = |(channel, sum): (&str, LinearSum)| linear_test(name, channel, law, &sum, scale, reliance);
        self.tested_channels().zip(self.tested(sums)).map(test).collect()
    }

    pub(crate) fn pooled(&self, tallies: &[ChannelTally]) -> Tally {
        pooled(self.reader.channels(), tallies, |tallied| &tallied.all)
    }

    /// The smallest effect that a deciding test could have seen, at the level left after Bonferroni.
    fn power(&self, tests: &[TestResult]) -> Power {
        let ln_alpha = level(self.plan.alpha, tests, self.plan.hypotheses.get());
        Power {
            detectable_effect: detectable_effect(self.reader.law(), tests, ln_alpha),
            at_power: AT_POWER,
            min_effect: self.plan.min_effect,
        }
    }

    fn cautions(&self, evidence: &Evidence<'_>, tests: &[TestResult], panel: Option<&Panel>) -> Vec<Caution> {
        let Evidence { corpus, served, .. } = evidence;
        let is_empty = |filter: Filter| {
            let of_filter =
                |test: &&TestResult| test.name.ends_with(&TestName::COUNT.under(filter).to_string()[5..]);
            tests.iter().filter(of_filter).any(|test| test.n == 0)
        };
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
        if served.is_some() && is_empty(Filter::Served) {
            cautions.push(Caution::NothingServed);
        }
        if evidence.familiar.is_some() && is_empty(Filter::Familiar) {
            cautions.push(Caution::NothingFamiliar);
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
