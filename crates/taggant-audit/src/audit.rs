//! An audit: what was gathered of a suspect, tested, and reported.

use hashbrown::HashSet;
use taggant::TokenId;
use taggant::reader::{Identity, Reader};
use taggant_verify::audit_result::{
    AuditResult, ControlResult, DecidedBy, InputDigest, OpenCounts, Origin, PromptCounts, ReferenceResult,
    ScoreEffect,
};
use taggant_verify::linear::Statistic;
use taggant_verify::report::TestResult;
use taggant_verify::verifier::OpenDecoy;
use taggant_verify::{
    Corpus, Evidence, Filter, Items, LnP, Plan, Report, SequenceSet, Subject, TestName, Verdict, Verifier,
};

use crate::caution::{Caution, SUSPICIOUS_LN_P};
use crate::error::{Error, Kind};
use crate::mixture::Mixture;
use crate::open::Open;
use crate::passage::Passage;
use crate::propositions::propositions;
use crate::reference::ReferenceModel;
use crate::score::Score;
use crate::sums::ContextWeight;

/// Everything that was gathered before a key is opened.
#[derive(Debug, Default)]
pub struct Materials {
    /// What the suspect wrote or read.
    pub suspect: Vec<Passage>,
    /// Which of the two.
    pub origin: Option<Origin>,
    /// The log of what was served.
    pub served: Option<Vec<Vec<TokenId>>>,
    /// What the same teacher wrote unmarked.
    pub familiar: Option<Vec<Vec<TokenId>>>,
    /// Prompts of the audit that are beside those of passages: of answers that never came, or were not waited for.
    pub prompts: Vec<Vec<TokenId>>,
    /// Models that centre the score.
    pub references: Vec<Box<dyn ReferenceModel>>,
    /// Models that are known to be innocent: a name and what each wrote.
    pub controls: Vec<(String, Vec<Passage>)>,
    /// The test that the verdict is to rest on; without it the default order decides.
    pub decides: Option<(TestName, DecidedBy)>,
    /// SHA-256 of the plan that was fixed before.
    pub plan_digest: Option<String>,
    /// The files that were read.
    pub inputs: Vec<InputDigest>,
    /// Whether asking went on until evidence was seen.
    pub stopped_by_scores: bool,
}

impl Materials {
    /// The contexts of `width` tokens that occur in any prompt of the audit: they count in no passage.
    ///
    /// A stop that depends on scores is sound only if this set is what it is at the end: see [`Watch`](crate::Watch).
    #[must_use]
    pub fn contexts_of_prompts(&self, width: usize) -> SequenceSet {
        let mut contexts = SequenceSet::new(width);
        self.prompts.iter().for_each(|prompt| contexts.add_windows(prompt));
        // A control is asked with prompts of its own, and copies from them as well.
        let of_controls = self.controls.iter().flat_map(|(_, passages)| passages);
        let prompts = self.suspect.iter().chain(of_controls).filter_map(|passage| passage.prompt.as_ref());
        prompts.for_each(|prompt| contexts.add_windows(prompt));
        contexts
    }
}

/// Audits a suspect for one key's mark.
///
/// # Errors
/// When there is nothing to score, the plan is out of range, a reference cannot read the suspect's text, or what is asked
/// for cannot be tested soundly; the message says why.
pub fn audit(
    reader: &dyn Reader,
    plan: Plan,
    materials: &Materials,
    subject: Subject,
    open_decoy: &OpenDecoy<'_>,
) -> Result<Report, Error> {
    let verifier = Verifier::new(reader, plan)?;
    let study = Study::new(reader, materials)?;
    let prepared = study.prepare(&materials.suspect, study.origin)?;
    let text_ln_p = study.mark_of_key_free_text(&verifier, &prepared.corpus)?;
    let statistics = prepared.statistics(&study);
    let made = |name: TestName| {
        let is_count = name.statistic() == TestName::COUNT.statistic();
        let is_sound = !(materials.stopped_by_scores && name.filter() == Filter::Served);
        let is_counted = study.origin == Origin::Suspect && study.has(name.filter()) && is_sound;
        (is_count && is_counted) || statistics.iter().any(|(found, _)| *found == name)
    };
    let default = || TestName::DEFAULT_ORDER.into_iter().find(|name| made(*name));
    let (decides, decided_by) = match materials.decides {
        Some(chosen) => chosen,
        None => (default().ok_or(Kind::NothingOpen)?, DecidedBy::DefaultOrder),
    };
    let evidence = study.evidence(&prepared, &statistics).decided_by(decides);
    let mut report = verifier.test(&evidence, subject, open_decoy)?;
    report.command = "audit".into();

    let (references, screened) = study.references(&verifier, prepared.mixture.as_ref())?;
    let controls = study.controls(&verifier)?;
    let mut cautions = study.cautions(&prepared, &references);
    cautions.extend(screened);
    let ln_alpha = plan.alpha.ln();
    if report.verdict != Verdict::Evidence
        && let Some(test) = report.tests.iter().find(|test| !test.decides && test.ln_p <= ln_alpha)
    {
        cautions.push(Caution::OtherTest { name: test.name.clone(), p: LnP::from_ln(test.ln_p) });
    }
    for control in &controls {
        // Each control goes through several tests.
        let smallest = control.tests.iter().map(|test| test.ln_p).fold(0.0, f64::min);
        if smallest <= SUSPICIOUS_LN_P - (control.tests.len() as f64).ln() {
            cautions.push(Caution::MarkedControl { name: control.name.clone(), p: LnP::from_ln(smallest) });
        }
    }
    if let Some(ln_p) = text_ln_p.filter(|ln_p| *ln_p <= SUSPICIOUS_LN_P) {
        cautions.push(Caution::MarkedText { p: LnP::from_ln(ln_p) });
    }
    report.cautions.extend(cautions.iter().map(ToString::to_string));
    report.audit = Some(AuditResult {
        origin: study.origin,
        decides: decides.to_string(),
        decided_by,
        plan_digest: materials.plan_digest.clone(),
        stopped_by_scores: materials.stopped_by_scores,
        propositions: propositions(decides, study.origin),
        inputs: materials.inputs.clone(),
        prompts: study.prompts,
        references,
        // Their intervals are for a number of positions that was fixed.
        effects: if materials.stopped_by_scores { Vec::new() } else { prepared.effects(&report.tests) },
        open: prepared.open.as_ref().map(|open| open.counts.clone()),
        controls,
    });
    Ok(report)
}

/// What every part of an audit shares.
struct Study<'a> {
    reader: &'a dyn Reader,
    materials: &'a Materials,
    origin: Origin,
    served: Option<SequenceSet>,
    familiar: Option<SequenceSet>,
    /// Contexts of prompts.
    excluded: SequenceSet,
    prompts: Option<PromptCounts>,
}

/// The passages of one model, as items.
struct Prepared<'a> {
    corpus: Corpus,
    mixture: Option<Mixture<'a>>,
    score: Option<Scored>,
    open: Option<Open>,
}

struct Scored {
    plain: Items,
    rooted: Items,
    positions: u64,
}

impl<'a> Study<'a> {
    fn new(reader: &'a dyn Reader, materials: &'a Materials) -> Result<Self, Error> {
        let width = reader.context_rule().width.len();
        let origin = materials.origin.unwrap_or(Origin::Suspect);
        if origin == Origin::Marked && reader.identity() != Identity::Ngram {
            return Err(Kind::KeyedReading.into());
        }
        let of_suspect = || materials.suspect.iter().flat_map(Passage::known_rows);
        if origin == Origin::Marked && of_suspect().any(|(row, _)| row.is_aligned()) {
            return Err(Kind::AlignedReading.into());
        }
        if let (Origin::Suspect, Some(served)) = (origin, &materials.served) {
            let served: HashSet<&[TokenId]> = served.iter().map(Vec::as_slice).collect();
            let is_copy = |passage: &&Passage| {
                passage.tokens.len() >= LONG_DOCUMENT && served.contains(&passage.tokens[..])
            };
            if let Some(passage) = materials.suspect.iter().find(is_copy) {
                return Err(Kind::ServedVerbatim { id: passage.id.clone() }.into());
            }
        }
        let contexts = |documents: &Vec<Vec<TokenId>>| {
            let mut contexts = SequenceSet::new(width);
            documents.iter().for_each(|tokens| contexts.add_windows(tokens));
            contexts
        };
        let excluded = materials.contexts_of_prompts(width);
        // A prompt without a word is none that is known.
        let has_prompt = |passage: &Passage| passage.prompt.as_ref().is_some_and(|prompt| !prompt.is_empty());
        let without = materials.suspect.iter().filter(|passage| !has_prompt(passage)).count();
        let prompts = PromptCounts {
            prompts: (materials.suspect.len() - without) as u64,
            without: without as u64,
            contexts: excluded.len() as u64,
        };
        Ok(Self {
            reader,
            materials,
            origin,
            served: materials.served.as_ref().map(contexts),
            familiar: materials.familiar.as_ref().map(contexts),
            excluded,
            prompts: (prompts.prompts > 0).then_some(prompts),
        })
    }

    /// The share of the suspect's stretches of [`LONG_DOCUMENT`] tokens that stand in the served log; `None` without a log.
    fn share_served_verbatim(&self) -> Option<f64> {
        let documents = self.materials.served.as_ref().filter(|_| self.origin == Origin::Suspect)?;
        let mut served = SequenceSet::new(LONG_DOCUMENT);
        documents.iter().for_each(|tokens| served.add_windows(tokens));
        let windows =
            || self.materials.suspect.iter().flat_map(|passage| passage.tokens.windows(LONG_DOCUMENT));
        let n_found = windows().filter(|window| served.contains(window)).count();
        Some(n_found as f64 / windows().count().max(1) as f64)
    }

    /// Whether tests under a filter can be made.
    fn has(&self, filter: Filter) -> bool {
        match filter {
            Filter::Served => self.served.is_some(),
            Filter::Familiar => self.familiar.is_some(),
            _ => true,
        }
    }

    /// The items of one model's passages.
    fn prepare(&self, passages: &[Passage], origin: Origin) -> Result<Prepared<'a>, Error> {
        let rule = self.reader.context_rule();
        let mut corpus = Corpus::without_contexts(rule, self.excluded.clone());
        passages.iter().for_each(|passage| corpus.add(&passage.tokens));
        // A stop that the scores decided makes every sum over occurrences depend on the key.
        if self.materials.stopped_by_scores {
            return Ok(Prepared { corpus, mixture: None, score: None, open: None });
        }
        let references: Vec<&dyn ReferenceModel> =
            self.materials.references.iter().map(|model| &**model).collect();
        let mixture = if references.is_empty() { None } else { Some(Mixture::new(references, passages)?) };
        // Nothing may be fitted to text that depends on the key.
        let mixture = mixture
            .map(|mixture| match origin {
                Origin::Marked => mixture.with_equal_shares(passages),
                _ => Ok(mixture),
            })
            .transpose()?;
        let score = match (&mixture, origin) {
            (Some(mixture), Origin::Suspect) => {
                let mut score = Score::new(rule, passages, &self.excluded, mixture)?;
                let (plain, rooted) =
                    (score.items(ContextWeight::Plain)?, score.items(ContextWeight::InverseRoot)?);
                Some(Scored { plain, rooted, positions: score.positions() })
            }
            _ => None,
        };
        let open = Open::new(rule, passages, origin, &self.excluded, mixture.as_ref())?;
        if origin != Origin::Suspect && open.is_none() {
            return Err(Kind::NothingOpen.into());
        }
        Ok(Prepared { corpus, mixture, score, open })
    }

    fn evidence<'b>(
        &'b self,
        prepared: &'b Prepared<'a>,
        statistics: &'b [(TestName, Statistic<'b>)],
    ) -> Evidence<'b> {
        let mut evidence = Evidence::new(&prepared.corpus);
        // Which contexts were served depends on the key: no stop by the scores leaves that test sound.
        if let Some(served) = self.served.as_ref().filter(|_| !self.materials.stopped_by_scores) {
            evidence = evidence.served(served);
        }
        if let Some(familiar) = &self.familiar {
            evidence = evidence.familiar(familiar);
        }
        for (name, statistic) in statistics {
            evidence = evidence.linear(*name, statistic);
        }
        if self.origin != Origin::Suspect {
            evidence = evidence.uncounted();
        }
        if self.origin == Origin::Marked {
            evidence = evidence.marked_reading();
        }
        if self.materials.stopped_by_scores {
            evidence = evidence.stopped_by_scores();
        }
        evidence
    }

    /// How the references fared, and whether they carry the mark themselves; the likeliest first. Beside them a caution about
    /// each whose text scores lower than chance, as if it had been chosen with the key: it would accuse the innocent.
    fn references(
        &self,
        verifier: &Verifier<'_>,
        mixture: Option<&Mixture<'_>>,
    ) -> Result<(Vec<ReferenceResult>, Vec<Caution>), Error> {
        let (mut results, mut screened) = (Vec::new(), Vec::new());
        for (at, reference) in self.materials.references.iter().enumerate() {
            let Some(part) = mixture.map(|mixture| mixture.parts()[at]) else { continue };
            if part.positions == 0 {
                return Err(Kind::NoPassage { name: reference.name().into() }.into());
            }
            let tests = self.tests_of_reference(&**reference, verifier)?;
            let lowest = tests.iter().filter_map(|test| test.z).fold(f64::INFINITY, f64::min);
            if lowest <= SURELY_LOW_Z {
                return Err(Kind::ScreenedReference { name: reference.name().into(), z: lowest }.into());
            }
            if lowest <= SUSPICIOUS_LOW_Z {
                screened.push(Caution::ScreenedReference { name: reference.name().into(), z: lowest });
            }
            results.push(ReferenceResult {
                name: reference.name().into(),
                kind: reference.kind(),
                fitted_tokens: reference
                    .text()
                    .map(|text| text.iter().map(|tokens| tokens.len() as u64).sum()),
                mean_ln_likelihood: part.mean_ln_likelihood,
                positions: part.positions,
                share: part.share,
                mark_ln_p: smallest_adjusted(&tests),
            });
        }
        results.sort_by(|a, b| b.mean_ln_likelihood.total_cmp(&a.mean_ln_likelihood));
        Ok((results, screened))
    }

    /// ln p of the mark in text that is said to be key-free: what the key had a part in would accuse whoever copies it.
    ///
    /// A text that is surely marked is refused. An honest one is, with a chance of at most 1e-6.
    fn mark_of_key_free_text(&self, verifier: &Verifier<'_>, corpus: &Corpus) -> Result<Option<f64>, Error> {
        if self.origin != Origin::KeyFree {
            return Ok(None);
        }
        let ln_p = match verifier.tests(&Evidence::new(corpus)) {
            Ok(tests) => smallest_adjusted(&tests),
            Err(error) if error.is_nothing_to_score() => None,
            Err(error) => return Err(error.into()),
        };
        match ln_p.filter(|ln_p| *ln_p <= SURELY_MARKED_LN_P) {
            Some(ln_p) => Err(Kind::MarkedText { p: LnP::from_ln(ln_p) }.into()),
            None => Ok(ln_p),
        }
    }

    /// A reference tested for the mark: the count of its text, or the mass that it expects on the suspect's passages;
    /// none where there is nothing to score.
    fn tests_of_reference(
        &self,
        reference: &dyn ReferenceModel,
        verifier: &Verifier<'_>,
    ) -> Result<Vec<TestResult>, Error> {
        let rule = self.reader.context_rule();
        let mut corpus = Corpus::new(rule);
        let items = match reference.text() {
            Some(text) => {
                text.iter().for_each(|tokens| corpus.add(tokens));
                None
            }
            None => {
                let read = |passage: &Passage| -> Result<Passage, Error> {
                    let log_probs = Some(reference.rows(passage, LEAST_P_OF_MARK)?);
                    Ok(Passage { log_probs, ..passage.clone() })
                };
                let passages: Result<Vec<Passage>, Error> = self.materials.suspect.iter().map(read).collect();
                Open::new(rule, &passages?, self.origin, &self.excluded, None)?.map(|open| open.mass)
            }
        };
        let statistic = items.as_ref().map(Statistic::new);
        let mut evidence = Evidence::new(&corpus);
        if let Some(statistic) = &statistic {
            evidence = evidence.uncounted().linear(TestName::OPEN_MASS, statistic);
        }
        if self.origin == Origin::Marked {
            evidence = evidence.marked_reading();
        }
        match verifier.tests(&evidence) {
            Ok(tests) => Ok(tests),
            Err(error) if error.is_nothing_to_score() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    fn controls(&self, verifier: &Verifier<'_>) -> Result<Vec<ControlResult>, Error> {
        let mut results = Vec::new();
        for (name, passages) in &self.materials.controls {
            let prepared = self.prepare(passages, self.origin)?;
            let statistics = prepared.statistics(self);
            let mut tests = verifier.tests(&self.evidence(&prepared, &statistics))?;
            for test in &mut tests {
                (test.decides, test.ln_p_adjusted, test.hypotheses) = (false, test.ln_p, 1);
            }
            results.push(ControlResult {
                name: name.clone(),
                tokens: prepared.corpus.counts().tokens,
                tests,
            });
        }
        Ok(results)
    }

    fn cautions(&self, prepared: &Prepared<'_>, references: &[ReferenceResult]) -> Vec<Caution> {
        let mut cautions = vec![Caution::Absence];
        if self.origin == Origin::Suspect && self.prompts.is_none_or(|prompts| prompts.without > 0) {
            cautions.push(Caution::NoPrompts {
                without: self.prompts.map_or(self.materials.suspect.len() as u64, |p| p.without),
            });
        }
        cautions.push(if self.materials.plan_digest.is_some() { Caution::OneRun } else { Caution::NoPlan });
        if let Some(share) = self.share_served_verbatim().filter(|share| *share >= MUCH_VERBATIM) {
            cautions.push(Caution::ServedText { share });
        }
        if self.origin == Origin::Marked {
            cautions.push(Caution::MarkedReading);
        }
        if self.materials.stopped_by_scores {
            cautions.push(Caution::StoppedByScores);
        }
        for reference in references {
            if let Some(ln_p) = reference.mark_ln_p.filter(|ln_p| *ln_p <= SUSPICIOUS_LN_P) {
                cautions
                    .push(Caution::MarkedReference { name: reference.name.clone(), p: LnP::from_ln(ln_p) });
            }
            let all = prepared.corpus.counts().tokens;
            if (reference.positions as f64) < 0.99 * all as f64 {
                let (name, positions) = (reference.name.clone(), reference.positions);
                cautions.push(Caution::SilentReference { name, positions, tokens: all });
            }
        }
        if references.is_empty() && !self.materials.stopped_by_scores {
            cautions.push(Caution::NoReference);
        }
        if let Some(OpenCounts { mean_listed_mass, .. }) = prepared.open.as_ref().map(|open| &open.counts)
            && *mean_listed_mass < LEAST_LISTED_MASS
        {
            cautions.push(Caution::UnlistedMass { listed: *mean_listed_mass });
        }
        cautions
    }
}

impl Prepared<'_> {
    fn statistics(&self, study: &Study<'_>) -> Vec<(TestName, Statistic<'_>)> {
        let mut statistics = Vec::new();
        if let Some(score) = &self.score {
            statistics.push((TestName::SCORE, Statistic::new(&score.plain)));
            for filter in [Filter::Served, Filter::Familiar].into_iter().filter(|filter| study.has(*filter)) {
                statistics.push((TestName::SCORE.under(filter), Statistic::new(&score.rooted)));
            }
        }
        if let Some(open) = &self.open {
            statistics.push((TestName::OPEN_ARGMAX, Statistic::new(&open.argmax)));
            statistics.push((TestName::OPEN_MASS, Statistic::new(&open.mass)));
            if let Some(paired) = &open.paired {
                statistics.push((TestName::OPEN_PAIRED, Statistic::new(paired)));
            }
        }
        statistics
    }

    /// The effects behind tests whose contexts weigh alike.
    fn effects(&self, tests: &[TestResult]) -> Vec<ScoreEffect> {
        let positions = |test: &TestResult| match test.name.parse::<TestName>() {
            Ok(name) if name.is_count() => Some(test.n),
            Ok(TestName::SCORE) => self.score.as_ref().map(|score| score.positions),
            Ok(name) if name.is_open() => self.open.as_ref().map(|open| open.counts.kept),
            _ => None,
        };
        tests.iter().filter_map(|test| Some(ScoreEffect::of(test, positions(test)?))).collect()
    }
}

/// The smallest p of several channels, for any of them.
fn smallest_adjusted(tests: &[TestResult]) -> Option<f64> {
    tests.iter().map(|test| test.ln_p_adjusted).reduce(f64::min)
}

/// A document of so many tokens is not met twice by chance.
const LONG_DOCUMENT: usize = 20;

/// From this share on, what the suspect is said to have written is what was served.
const MUCH_VERBATIM: f64 = 0.2;

/// A z that chance goes below once in a thousand times.
const SUSPICIOUS_LOW_Z: f64 = -3.1;

/// A z that chance goes below three times in ten million.
const SURELY_LOW_Z: f64 = -5.0;

/// ln 1e-6: text is not free of the key's part.
const SURELY_MARKED_LN_P: f64 = -13.815_510_557_964_274;

/// Below this much of the probability listed, an open test sees little.
const LEAST_LISTED_MASS: f64 = 0.9;

/// The least probability that matters to a reference's own mark.
const LEAST_P_OF_MARK: f64 = 0.002;
