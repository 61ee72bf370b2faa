//! The verifier: evidence -> test -> report.

use rayon::prelude::*;
use taggant::law::Law;
use taggant::reader::{ContextRule, Reader};
use taggant::{KeyId, TokenId};

use crate::caution::Caution;
use crate::corpus::Corpus;
use crate::decoys::{ENOUGH_DECOYS, Panel, panel};
use crate::error::{Error, Kind};
use crate::ln_p::LnP;
use crate::null::Null;
use crate::p_value::holm;
use crate::report::{
    Calibration, CorpusCounts, DocumentResult, PKind, Plots, Power, Report, TestResult, Verdict,
};
use crate::sequence_set::SequenceSet;
use crate::tally::{ChannelTally, Tally, tally};

/// Tests whether text carries a mark: one key, one profile, one level.
///
/// Under the null the key is independent of the text. So the text is held fixed and only the key is random:
/// the values of distinct inputs are independent with an exactly known law, whatever wrote the text.
#[derive(Debug)]
pub struct Verifier<'a> {
    reader: &'a dyn Reader,
    plan: Plan,
}

/// What is fixed before looking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The level of the verdict; in (0, 1).
    pub alpha: f64,
    /// The effect that `no-evidence` must have been able to see, in standard deviations of one value.
    pub min_effect: f64,
    /// How many decoys stand beside the observed statistic; 0 for none.
    pub decoys: u64,
}

impl Default for Plan {
    /// alpha 1e-6, an effect of 0.1, 200 decoys.
    fn default() -> Self {
        Self { alpha: 1e-6, min_effect: 0.1, decoys: 200 }
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

    /// Tests a corpus.
    ///
    /// `served` adds a test on the contexts in that set. It is a filter on contexts alone, never on
    /// (context, token): that one would select on the value itself. The set must come from all that was served, or from a
    /// part chosen without regard to what was written after a context.
    ///
    /// # Errors
    /// When the corpus has nothing to score, or the filter's contexts are of another width.
    pub fn test(
        &self,
        corpus: &Corpus,
        served: Option<&SequenceSet>,
        subject: Subject,
        open_decoy: &OpenDecoy<'_>,
    ) -> Result<Report, Error> {
        let width = self.reader.context_rule().width.len();
        if let Some(set) = served
            && set.length() != width
        {
            return Err(Kind::ServedWidth { expected: width, found: set.length() }.into());
        }
        if corpus.ngrams().ngram_len() != width + 1 {
            let found = corpus.ngrams().ngram_len() - 1;
            return Err(Kind::CorpusWidth { expected: width, found }.into());
        }
        if self.reader.channels().iter().all(|channel| channel.accounts) {
            return Err(Kind::OnlyAccounts.into());
        }
        if corpus.ngrams().is_empty() {
            return Err(Kind::NothingToScore { tokens: corpus.counts().tokens, width }.into());
        }
        let tallies = tally(self.reader, corpus.ngrams(), served, |_, _| {});
        let mut tests = self.tests(&tallies, served.is_some());
        adjust(&mut tests);

        let pooled = self.pooled(&tallies);
        let null = Null::new(self.reader.law(), pooled.n);
        let observed_z = null.z(null.statistic(&pooled));
        let panel = panel(corpus, observed_z, self.plan.decoys, open_decoy);
        let power = self.power(&tests);
        let verdict =
            verdict(&tests, &self.plan, panel.as_ref().is_none_or(|panel| panel.is_calibrated), &power);
        let cautions = self.cautions(corpus, served, &tests, panel.as_ref());
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
                decoys: panel.as_ref().map_or(0, |panel| panel.z.len() as u64),
                decoy_mean_z: panel.as_ref().map(|panel| panel.mean_z),
                decoy_sd_z: panel.as_ref().map(|panel| panel.sd_z),
                rank: panel.as_ref().map(|panel| panel.rank),
                variance_inflation: corpus.variance_inflation(),
            },
            power,
            cautions: cautions.iter().map(ToString::to_string).collect(),
            documents: None,
            students: None,
            plots: panel.map(|panel| Plots { decoy_z: panel.z, observed_z }),
        })
    }

    /// Tests one document on its own: de-duplicated within itself, summed over the channels without
    /// accounts. `ln_p_adjusted` is not yet adjusted; [`adjust_documents`] does that over all of them.
    #[must_use]
    pub fn document(&self, id: String, tokens: &[TokenId]) -> DocumentResult {
        let mut corpus = Corpus::new(self.reader.context_rule());
        corpus.add(tokens);
        let sum = self.pooled(&tally(self.reader, corpus.ngrams(), None, |_, _| {}));
        let null = Null::new(self.reader.law(), sum.n);
        let statistic = null.statistic(&sum);
        let ln_p = null.p_value(statistic).ln();
        DocumentResult {
            id,
            tokens: tokens.len() as u64,
            scored: sum.n,
            statistic,
            z: null.z(statistic),
            ln_p,
            ln_p_adjusted: ln_p,
            evidence: false,
            spans: None,
        }
    }

    /// Documents in parallel; equal to [`document`](Self::document) on each, in order.
    #[must_use]
    pub fn documents(&self, documents: &[(String, Vec<TokenId>)]) -> Vec<DocumentResult> {
        documents.par_iter().map(|(id, tokens)| self.document(id.clone(), tokens)).collect()
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
        tally(self.reader, corpus.ngrams(), None, |channel, score| {
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

    /// One test per channel without accounts, twice under a filter.
    fn tests(&self, tallies: &[ChannelTally], is_filtered: bool) -> Vec<TestResult> {
        let channels = self.reader.channels().iter().zip(tallies).filter(|(channel, _)| !channel.accounts);
        let mut tests = Vec::new();
        for (channel, tallied) in channels {
            let result = |name, tally, p_kind| self.count(name, channel.name.as_str(), tally, p_kind);
            tests.push(result("count", &tallied.all, PKind::Exact));
            if is_filtered {
                tests.push(result("count-served", &tallied.served, PKind::Calibrated));
            }
        }
        tests
    }

    fn count(&self, name: &str, channel: &str, tally: &Tally, p_kind: PKind) -> TestResult {
        let null = Null::new(self.reader.law(), tally.n);
        let statistic = null.statistic(tally);
        let p = null.p_value(statistic);
        TestResult {
            name: name.into(),
            channel: channel.into(),
            law: law_text(self.reader.law()),
            n: tally.n,
            statistic,
            null_mean: null.mean(),
            null_variance: null.variance(),
            z: null.z(statistic),
            p_kind,
            ln_p: p.ln(),
            ln_p_approx: None,
            log10_p: p.unadjusted().log10(),
            ln_p_adjusted: p.ln(),
            hypotheses: 1,
            decides: true,
            ln_e: Some(null.ln_e(statistic)),
        }
    }

    fn pooled(&self, tallies: &[ChannelTally]) -> Tally {
        let mut sum = Tally::default();
        for (channel, tallied) in self.reader.channels().iter().zip(tallies) {
            if !channel.accounts {
                sum.merge(&tallied.all);
            }
        }
        sum
    }

    /// The smallest effect that any exact test could have seen, at the level left after Bonferroni.
    fn power(&self, tests: &[TestResult]) -> Power {
        let ln_alpha = level(self.plan.alpha, tests);
        let effect =
            |test: &TestResult| Null::new(self.reader.law(), test.n).detectable_effect(ln_alpha, AT_POWER);
        let exact = tests.iter().filter(|test| test.p_kind == PKind::Exact);
        Power {
            detectable_effect: exact.filter_map(effect).min_by(f64::total_cmp),
            at_power: AT_POWER,
            min_effect: self.plan.min_effect,
        }
    }

    fn cautions(
        &self,
        corpus: &Corpus,
        served: Option<&SequenceSet>,
        tests: &[TestResult],
        panel: Option<&Panel>,
    ) -> Vec<Caution> {
        let mut cautions = Vec::new();
        let decoys = panel.map_or(0, |panel| panel.z.len() as u64);
        match panel {
            Some(panel) if !panel.is_calibrated => {
                cautions.push(Caution::Uncalibrated { mean_z: panel.mean_z, sd_z: panel.sd_z });
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

/// Adjusts documents by Holm and says which are evidence at `alpha`.
pub fn adjust_documents(documents: &mut [DocumentResult], alpha: f64) {
    let p: Vec<LnP> = documents.iter().map(|document| LnP::from_ln(document.ln_p)).collect();
    for (document, adjusted) in documents.iter_mut().zip(holm(&p)) {
        document.ln_p_adjusted = adjusted.ln();
        document.evidence = adjusted.ln() <= libm::log(alpha);
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

/// ln of the level that Bonferroni leaves each of these tests.
pub(crate) fn level(alpha: f64, tests: &[TestResult]) -> f64 {
    libm::log(alpha / tests.len().max(1) as f64)
}

/// Holm over the deciding family. A test whose own p is calibrated but not proven enters with the proven bound
/// `p <= exp(-ln_e)` (Ville 1939) instead.
pub(crate) fn adjust(tests: &mut [TestResult]) {
    let mut family: Vec<&mut TestResult> = tests.iter_mut().filter(|test| test.decides).collect();
    let proven = |test: &&mut TestResult| match (test.p_kind, test.ln_e) {
        (PKind::Calibrated, Some(ln_e)) => LnP::from_ln(-ln_e),
        _ => LnP::from_ln(test.ln_p),
    };
    let p: Vec<LnP> = family.iter().map(proven).collect();
    let hypotheses = p.len() as u64;
    for (test, adjusted) in family.iter_mut().zip(holm(&p)) {
        test.ln_p_adjusted = adjusted.ln();
        test.hypotheses = hypotheses;
    }
}

/// The verdict that follows from the numbers.
pub(crate) fn verdict(tests: &[TestResult], plan: &Plan, is_calibrated: bool, power: &Power) -> Verdict {
    let smallest = tests.iter().filter(|test| test.decides).map(|test| test.ln_p_adjusted);
    let smallest = smallest.fold(0.0, f64::min);
    if !is_calibrated {
        Verdict::Invalid
    } else if smallest <= libm::log(plan.alpha) {
        Verdict::Evidence
    } else if smallest <= libm::log(SUGGESTIVE_P)
        || power.detectable_effect.is_none_or(|effect| effect > plan.min_effect)
    {
        Verdict::Inconclusive
    } else {
        Verdict::NoEvidence
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

/// The power at which effects are stated.
pub(crate) const AT_POWER: f64 = 0.9;

/// Above alpha but at most this, a p-value is neither evidence nor its absence.
const SUGGESTIVE_P: f64 = 1e-3;
