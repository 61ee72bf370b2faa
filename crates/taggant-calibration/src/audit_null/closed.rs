//! The closed statistics, of students that the tested keys had no part in.

use anyhow::Result;
use rayon::prelude::*;
use taggant::reader::Reader;
use taggant::{Mark, Profile};
use taggant_audit::{ContextWeight, Mixture, NgramReference, Passage, ReferenceModel, Score};
use taggant_lm::KneserNey;
use taggant_verify::{Coefficient, Corpus, Items, SequenceSet};

use super::cell::{About, Cell};
use super::panel::Panel;
use super::sizes::Sizes;
use super::world::{Documents, Label, MARKING_KEY, Setting, World, mark, passages, rng, write};

/// A statistic of what a suspect wrote: no key went into it.
pub(super) struct Listed {
    pub(super) test: &'static str,
    pub(super) reference: &'static str,
    pub(super) items: Items,
    pub(super) contexts: Option<SequenceSet>,
}

/// A student that learned no marked text: every reference and both filters that need no key.
pub(super) fn innocent(world: &World, setting: &Setting, run: u64, sizes: &Sizes) -> Result<Vec<Cell>> {
    let profile = setting.profile()?;
    let text = write(&world.innocent, sizes.tokens, Label::Suspect)?;
    let written = Written::new(&profile, &text);
    let control = named(CONTROL, &world.control);
    let teacher = named(TEACHER, &world.teacher);
    let other = named("other text", &world.other);
    let fitted = world.fitted()?;
    let familiar = contexts(&world.familiar, world.width);
    let mut listed = vec![written.count("count", None), written.count("count-familiar", Some(&familiar))];
    let references: [(&str, Vec<&dyn ReferenceModel>); 5] = [
        (CONTROL, vec![&control]),
        (TEACHER, vec![&teacher]),
        ("fitted on 100,000 tokens", vec![&fitted]),
        ("other text", vec![&other]),
        ("fitted and other text", vec![&fitted, &other]),
    ];
    for (name, models) in references.into_iter().take(setting.references) {
        listed.extend(written.scores("score", name, models, &[("score-familiar", &familiar)])?);
    }
    Ok(cells(&profile, setting, "0 %", run, sizes.keys, &listed))
}

/// A student that learned text marked under another key.
pub(super) fn wrong_keys(world: &World, setting: &Setting, run: u64, sizes: &Sizes) -> Result<Vec<Cell>> {
    let profile = setting.profile()?;
    let log = world.taught(&mark(&profile, run, MARKING_KEY))?;
    let text = write(&world.marked_student(&log)?, sizes.tokens, Label::MarkedSuspect)?;
    let written = Written::new(&profile, &text);
    let control = named(CONTROL, &world.control);
    let served = contexts(&log, world.width);
    let mut listed = vec![written.count("count", None), written.count("count-served", Some(&served))];
    listed.extend(written.scores("score", CONTROL, vec![&control], &[("score-served", &served)])?);
    Ok(cells(&profile, setting, "5 %, another key", run, sizes.keys, &listed))
}

/// Reads statistics under the keys of a run.
pub(super) fn cells(
    profile: &Profile,
    setting: &Setting,
    suspect: &'static str,
    run: u64,
    n_keys: u64,
    listed: &[Listed],
) -> Vec<Cell> {
    let statistics: Vec<(&Items, Option<&SequenceSet>)> =
        listed.iter().map(|listed| (&listed.items, listed.contexts.as_ref())).collect();
    let panel = Panel::new(&mark(profile, run, MARKING_KEY), &statistics);
    let of_keys: Vec<Vec<f64>> =
        (0..n_keys).into_par_iter().map(|key| panel.statistics(&mark(profile, run, key))).collect();
    let cell = |(at, listed): (usize, &Listed)| {
        let statistics: Vec<f64> = of_keys.iter().map(|of_key| of_key[at]).collect();
        let about = About { setting: setting.name, suspect, test: listed.test, reference: listed.reference };
        let mut rng = rng(Label::Ties, (run as usize) << 32 | at);
        Cell::of_column(about, &panel.columns()[at], panel.law(), &statistics, &mut rng)
    };
    listed.par_iter().enumerate().map(cell).collect()
}

/// What a suspect wrote, as the closed statistics see it.
pub(super) struct Written {
    reader: Mark,
    corpus: Corpus,
    passages: Vec<Passage>,
    no_contexts: SequenceSet,
}

impl Written {
    pub(super) fn new(profile: &Profile, text: &Documents) -> Self {
        let reader = mark(profile, 0, MARKING_KEY);
        let mut corpus = Corpus::new(reader.context_rule());
        text.iter().for_each(|document| corpus.add(document));
        let no_contexts = SequenceSet::new(reader.context_rule().width.len());
        Self { reader, corpus, passages: passages(text), no_contexts }
    }

    pub(super) fn count(&self, test: &'static str, contexts: Option<&SequenceSet>) -> Listed {
        let items = Items::of_corpus(&self.corpus, |_| Coefficient::ONE);
        Listed { test, reference: "", items, contexts: contexts.cloned() }
    }

    /// The score centred by these models: plain, and with its contexts weighed under each filter.
    pub(super) fn scores(
        &self,
        test: &'static str,
        reference: &'static str,
        models: Vec<&dyn ReferenceModel>,
        filters: &[(&'static str, &SequenceSet)],
    ) -> Result<Vec<Listed>> {
        let mixture = Mixture::new(models, &self.passages)?;
        let mut score = Score::new(self.reader.context_rule(), &self.passages, &self.no_contexts, &mixture)?;
        let items = score.items(ContextWeight::Plain)?;
        let mut listed = vec![Listed { test, reference, items, contexts: None }];
        for (test, contexts) in filters {
            let items = score.items(ContextWeight::InverseRoot)?;
            listed.push(Listed { test, reference, items, contexts: Some((*contexts).clone()) });
        }
        Ok(listed)
    }
}

/// A model under the name that the tables give it.
pub(super) fn named(name: &str, model: &KneserNey) -> NgramReference {
    NgramReference::new(name, model.clone())
}

pub(super) fn contexts(text: &Documents, width: usize) -> SequenceSet {
    let mut contexts = SequenceSet::new(width);
    text.iter().for_each(|document| contexts.add_windows(document));
    contexts
}

pub(super) const CONTROL: &str = "matched control";
pub(super) const TEACHER: &str = "own teacher";
