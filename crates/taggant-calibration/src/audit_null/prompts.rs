//! Prompts that carry the mark, and a suspect that copies from them: made afresh under each key.

use anyhow::Result;
use rayon::prelude::*;
use taggant::reader::Reader;
use taggant::{Mark, TokenId};
use taggant_audit::{ContextWeight, Mixture, NgramReference, Passage, ReferenceModel, Score};
use taggant_verify::{Coefficient, Corpus, Items, SequenceSet};

use super::cell::{About, Cell, Drawn, Kind, Tested};
use super::closed::{CONTROL, contexts, named};
use super::open::LISTS;
use super::served::{COPIES, judge};
use super::sizes::Sizes;
use super::suspect::Suspect;
use super::world::{Label, Setting, World, mark, rng, write_marked};

/// A student that learned no marked text answers prompts of marked text, half of the time in their words.
pub(super) fn copied(world: &World, setting: &Setting, run: u64, sizes: &Sizes) -> Result<Vec<Cell>> {
    let profile = setting.profile()?;
    let control = named(CONTROL, &world.control);
    let of_keys: Vec<Vec<Drawn>> = (0..sizes.prompt_keys)
        .into_par_iter()
        .map(|key| of_key(world, &control, &mark(&profile, run, key), run << 32 | key))
        .collect::<Result<_>>()?;
    let cell = |(at, (suspect, test, reference, kind)): (usize, &Tested)| {
        let drawn: Vec<Drawn> = of_keys.iter().map(|of_key| of_key[at]).collect();
        Cell::of_drawn(About { setting: setting.name, suspect, test, reference }, *kind, &drawn)
    };
    Ok(TESTED.iter().enumerate().map(cell).collect())
}

fn of_key(world: &World, control: &NgramReference, mark: &Mark, number: u64) -> Result<Vec<Drawn>> {
    let rule = mark.context_rule();
    let suspect = Suspect { model: &world.innocent, copies: COPIES, lists: LISTS };
    let mut passages = Vec::with_capacity(PROMPTS);
    for n in 0..PROMPTS {
        let n = (number as usize) << 12 | n;
        let prompt = write_marked(&world.teacher, mark, PROMPT_TOKENS, (Label::Prompt, n))?;
        let tokens = suspect.answer(&prompt, ANSWER_TOKENS, world.width, &mut rng(Label::Answer, n))?;
        passages.push(Passage { prompt: Some(prompt), ..Passage::of_tokens(n.to_string(), tokens) });
    }
    let prompts: Vec<Vec<TokenId>> = passages.iter().filter_map(|passage| passage.prompt.clone()).collect();
    let mixture = Mixture::new(vec![control as &dyn ReferenceModel], &passages)?;
    let mut rng = rng(Label::Ties, number as usize);
    let mut drawn = Vec::new();
    for excluded in [contexts(&prompts, world.width), SequenceSet::new(world.width)] {
        let mut corpus = Corpus::without_contexts(rule, excluded.clone());
        passages.iter().for_each(|passage| corpus.add(&passage.tokens));
        let count = Items::of_corpus(&corpus, |_| Coefficient::ONE);
        let score = Score::new(rule, &passages, &excluded, &mixture)?.items(ContextWeight::Plain)?;
        drawn.extend([&count, &score].map(|items| judge(mark, items, None, None, &mut rng)));
    }
    Ok(drawn)
}

/// In the order in which [`of_key`] answers.
const TESTED: [Tested; 4] = [
    ("copies from prompts", "count", "", Kind::Calibrated),
    ("copies from prompts", "score", CONTROL, Kind::Calibrated),
    ("copies from prompts", "count", "", Kind::Invalid),
    ("copies from prompts", "score", CONTROL, Kind::Invalid),
];

/// How many prompts each key has, and the tokens of one and of its answer.
const PROMPTS: usize = 10;
const PROMPT_TOKENS: usize = 60;
const ANSWER_TOKENS: usize = 60;
