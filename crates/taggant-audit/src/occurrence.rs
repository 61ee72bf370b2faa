//! Which positions of a text count for what a model expects there.

use taggant::TokenId;
use taggant_verify::SequenceSet;
use taggant_verify::audit_result::Origin;

use crate::passage::Passage;

/// Chooses positions by their contexts.
///
/// On text that no key had a part in every position counts. On text that may carry the mark a position counts only if its
/// context occurs there for the first time in its document, prompt included, and in no document before; later
/// occurrences are dropped whole. Otherwise a model that copies what followed a context the last time shows the mark
/// without having learned it: an innocent one reaches z = 5 if repeats within a document count.
#[derive(Debug)]
pub(crate) struct Occurrences<'a> {
    origin: Origin,
    excluded: &'a SequenceSet,
    seen: SequenceSet,
    /// Positions that were left out since their context had come before, or stands in a prompt.
    repeated: u64,
}

impl<'a> Occurrences<'a> {
    /// Nothing read yet; contexts in `excluded` count nowhere.
    pub(crate) fn new(origin: Origin, excluded: &'a SequenceSet) -> Self {
        let seen = SequenceSet::new(excluded.length());
        Self { origin, excluded, seen, repeated: 0 }
    }

    /// Whether each position of the next passage counts, from its context on.
    pub(crate) fn of_passage(&mut self, passage: &Passage) -> Vec<bool> {
        let width = self.excluded.length();
        let (tokens, start) = passage.history();
        let mut here = SequenceSet::new(width);
        let mut counts = vec![false; passage.tokens.len()];
        for at in width..tokens.len() {
            let context: &[TokenId] = &tokens[at - width..at];
            let is_new_here = self.origin != Origin::Marked || here.add(context);
            if at < start + width {
                continue; // a context with prompt tokens in it
            }
            let is_new = is_new_here && (self.origin != Origin::Marked || !self.seen.contains(context));
            counts[at - start] = is_new && !self.excluded.contains(context);
            self.repeated += u64::from(!counts[at - start]);
        }
        if self.origin == Origin::Marked {
            self.seen.add_windows(&tokens);
        }
        counts
    }

    /// Positions left out so far.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated
    }
}
