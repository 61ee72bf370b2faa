//! One text, token by token: what each position contributes, and why not.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use taggant::TokenId;
use taggant::reader::{Input, Ngrams, Reader, Reading};

/// What one token of a document contributes to a count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    /// Its index in the document.
    pub position: u64,
    /// Its id.
    pub token: TokenId,
    /// The tokens before it that make its context, oldest first; null before there are enough.
    pub context: Option<Vec<TokenId>>,
    /// The context's channel.
    pub channel: Option<String>,
    /// The score of its value: 1 for green and 0 for red, nats, or one-bits.
    pub value: Option<f64>,
    /// Whether it counts.
    pub counted: bool,
    /// Why it does not: `short-context`, `duplicate`, `account-channel`.
    pub reason: Option<String>,
    /// The position that counts in its place, for a duplicate.
    pub first: Option<u64>,
}

/// Reads a document as [`Verifier::document`](crate::Verifier::document) does: each input counts where it first occurs.
#[must_use]
pub fn explain(reader: &dyn Reader, tokens: &[TokenId]) -> Vec<Explained> {
    let width = reader.context_rule().width.len();
    let law = reader.law();
    let ngrams = Ngrams::windows(tokens, width + 1);
    let mut readings = vec![Reading::default(); ngrams.len()];
    let mut inputs = vec![Input::default(); ngrams.len()];
    reader.readings(ngrams, &mut readings);
    reader.inputs(ngrams, &mut inputs);

    let none = |(position, &token): (u64, &TokenId)| Explained {
        position,
        token,
        context: None,
        channel: None,
        value: None,
        counted: false,
        reason: Some("short-context".into()),
        first: None,
    };
    let mut rows: Vec<Explained> = (0..).zip(tokens.iter().take(width)).map(none).collect();
    let mut seen: HashMap<Input, u64> = HashMap::new();
    for (position, ((ngram, reading), input)) in
        (width as u64..).zip(ngrams.iter().zip(&readings).zip(inputs))
    {
        let channel = &reader.channels()[usize::from(reading.channel)];
        let first = *seen.entry(input).or_insert(position);
        let reason = match () {
            () if channel.accounts => Some("account-channel"),
            () if first != position => Some("duplicate"),
            () => None,
        };
        rows.push(Explained {
            position,
            token: ngram[width],
            context: Some(ngram[..width].to_vec()),
            channel: Some(channel.name.as_str().to_owned()),
            value: Some(law.score(reading.value) as f64 / law.unit() as f64),
            counted: reason.is_none(),
            reason: reason.map(Into::into),
            first: (first != position).then_some(first),
        });
    }
    rows
}
