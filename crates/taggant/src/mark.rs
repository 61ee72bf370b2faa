//! A mark: a secret and a profile, ready to read and to write.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::block::BlockKey;
use crate::channel::{Channel, Route, Sign, SignColumn, route};
use crate::context::{ContextWidth, Nonce, NonceRule};
use crate::error::{Error, Kind};
use crate::key::{Key, KeyId, KeyPart, KeyPath, Secret};
use crate::law::Law;
use crate::name::Name;
use crate::profile::Profile;
use crate::reader::{ContextRule, Identity, Input, Ngrams, Reader, Reading};
use crate::scheme::{self, Scheme, green_list, gumbel_max, tournament};
use crate::session::Session;
use crate::token::TokenId;
use crate::writer::{RepeatRule, Writer};

/// A secret and a profile: shared, immutable, cheap to clone, `Send + Sync`.
///
/// It reads values for a verifier ([`Reader`]) and writes them for a sampler ([`Writer`]); both go through
/// the same functions.
#[derive(Clone, Debug)]
pub struct Mark(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    profile: Profile,
    key_id: KeyId,
    channels: Vec<PairOfKeys>,
    split: Option<PairOfKeys>,
    account: Option<SignColumn>,
}

impl Mark {
    /// A mark without an account. Contexts of channels that carry accounts are left unmarked by its
    /// sessions; it reads every channel.
    #[must_use]
    pub fn new(secret: &Secret, profile: &Profile) -> Self {
        Self::with_account(secret, profile, None)
    }

    /// The mark of one account: contexts of channels that carry accounts get that account's signs.
    ///
    /// # Errors
    /// When `account` does not match `[A-Za-z0-9._-]{1,128}`.
    pub fn for_account(secret: &Secret, profile: &Profile, account: &str) -> Result<Self, Error> {
        let account = Name::new("account id", account)?;
        let column = secret.account_column(profile.epoch(), &account);
        Ok(Self::with_account(secret, profile, Some(column)))
    }

    fn with_account(secret: &Secret, profile: &Profile, account: Option<SignColumn>) -> Self {
        let (epoch, width) = (profile.epoch(), profile.context_width());
        let scheme = profile.scheme().name();
        let channel_keys = |channel: &Channel| {
            let name = &channel.name;
            PairOfKeys::new(width, |part| {
                secret.derive(&KeyPath::Channel { epoch, channel: name, scheme, width: width.as_u8(), part })
            })
        };
        let split_keys = || {
            PairOfKeys::new(width, |part| {
                secret.derive(&KeyPath::Split { epoch, width: width.as_u8(), part })
            })
        };
        Self(Arc::new(Inner {
            key_id: secret.key_id(),
            channels: profile.channels().iter().map(channel_keys).collect(),
            split: profile.needs_split().then(split_keys),
            account,
            profile: profile.clone(),
        }))
    }

    /// The public profile.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.0.profile
    }

    /// The id of the root secret.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.0.key_id
    }

    /// The state of one sequence. `capacity` is how many tokens it may reach before its history is
    /// allocated again.
    #[must_use]
    pub fn session(&self, capacity: usize) -> Session {
        Session::new(self.clone(), capacity)
    }

    /// Packs the green list of `context`: token v is bit v mod 32 of word v div 32, least significant
    /// first, as constrained-decoding engines lay out their bitmasks; bits at and above `vocab_size` are 0.
    ///
    /// # Errors
    /// When the scheme is not a green list, the context is not `context_width` tokens, or the mask is not
    /// `vocab_size.div_ceil(32)` words.
    pub fn green_mask_into(
        &self,
        context: &[TokenId],
        vocab_size: usize,
        mask: &mut [u32],
    ) -> Result<(), Error> {
        let width = self.profile().context_width().len();
        let words = vocab_size.div_ceil(32);
        if !matches!(self.profile().scheme(), Scheme::Green(_)) {
            Err(Kind::NotGreenList { scheme: self.profile().scheme().name() }.into())
        } else if context.len() != width {
            Err(Kind::ContextLength { expected: width, found: context.len() }.into())
        } else if mask.len() != words {
            Err(Kind::MaskLength { vocab_size, expected: words, found: mask.len() }.into())
        } else {
            Writer::green_mask_into(self, context, vocab_size, mask);
            Ok(())
        }
    }

    /// The channel and bucket of a context of `context_width` tokens.
    fn route(&self, context: &[TokenId]) -> Route {
        match &self.0.split {
            None => Route { channel: 0, bucket: 0 },
            Some(split) => {
                let block = split.block.block(split.nonce.nonce(context), 0);
                route(&block, self.0.profile.channels())
            }
        }
    }

    /// The keys and the nonce of a context, and where it belongs.
    fn locate(&self, context: &[TokenId]) -> (Route, &BlockKey, Nonce) {
        let route = self.route(context);
        let keys = &self.0.channels[usize::from(route.channel)];
        (route, &keys.block, keys.nonce.nonce(context))
    }

    /// The sign that this mark's account has in a context; `None` where it has no account to sign with.
    fn sign(&self, route: Route) -> Option<Sign> {
        if self.0.profile.channels()[usize::from(route.channel)].accounts {
            self.0.account.as_ref().map(|column| column.sign(route.bucket))
        } else {
            Some(Sign::Plus)
        }
    }

    /// The value of one n-gram under the keys of its context.
    fn value(&self, key: &BlockKey, nonce: Nonce, token: TokenId) -> u64 {
        match self.0.profile.scheme() {
            Scheme::Green(green) => green_list::is_green(key, nonce, green.gamma(), token).into(),
            Scheme::Gumbel(_) => gumbel_max::score(scheme::word(key, nonce, token)),
            Scheme::Tournament(tournament) => {
                tournament::g_bits(scheme::word(key, nonce, token), tournament.depth()).into()
            }
        }
    }
}

impl Reader for Mark {
    fn context_rule(&self) -> ContextRule {
        ContextRule::completion(self.0.profile.context_width())
    }

    /// Up to width 3 an input is the n-gram itself; from 4 on it holds 96 bits of a MAC of the context,
    /// so that two of n contexts meet with a chance of n^2 / 2^97.
    fn identity(&self) -> Identity {
        Identity::Ngram
    }

    fn law(&self) -> Law {
        Law::of(self.0.profile.scheme())
    }

    fn channels(&self) -> &[Channel] {
        self.0.profile.channels()
    }

    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        assert_eq!(ngrams.len(), inputs.len(), "one input for each n-gram");
        for (input, ngram) in inputs.iter_mut().zip(ngrams.iter()) {
            let (token, context) = split_ngram(ngram);
            let (_, _, Nonce([n1, n2, n3])) = self.locate(context);
            let lanes = [n1, n2, n3, token];
            *input = Input(lanes.iter().rev().fold(0, |packed, &lane| packed << 32 | u128::from(lane)));
        }
    }

    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]) {
        assert_eq!(ngrams.len(), readings.len(), "one reading for each n-gram");
        for (reading, ngram) in readings.iter_mut().zip(ngrams.iter()) {
            let (token, context) = split_ngram(ngram);
            let (Route { channel, bucket }, key, nonce) = self.locate(context);
            *reading = Reading { channel, bucket, value: self.value(key, nonce, token) };
        }
    }
}

impl Writer for Mark {
    fn scheme(&self) -> Scheme {
        *self.0.profile.scheme()
    }

    fn repeat_rule(&self) -> RepeatRule {
        self.0.profile.repeat_rule()
    }

    fn marks(&self, context: &[TokenId]) -> bool {
        self.sign(self.route(context)).is_some()
    }

    fn green_mask_into(&self, context: &[TokenId], vocab_size: usize, mask: &mut [u32]) {
        let Scheme::Green(green) = self.0.profile.scheme() else {
            return mask.fill(0);
        };
        let (route, key, nonce) = self.locate(context);
        let complement = self.sign(route) == Some(Sign::Minus);
        green_list::mask_into(key, nonce, green.gamma(), complement, vocab_size, mask);
    }

    fn words_into(&self, context: &[TokenId], tokens: &[TokenId], words: &mut [u32]) {
        let (route, key, nonce) = self.locate(context);
        scheme::words_into(key, nonce, tokens, words);
        let flip = self.sign(route).map_or(0, Sign::word_mask);
        words.iter_mut().for_each(|word| *word ^= flip);
    }
}

/// The two keys behind a block.
#[derive(Clone, Debug)]
struct PairOfKeys {
    nonce: NonceRule,
    block: BlockKey,
}

impl PairOfKeys {
    fn new(width: ContextWidth, derive: impl Fn(KeyPart) -> Key) -> Self {
        Self {
            nonce: NonceRule::new(width, &derive(KeyPart::Nonce)),
            block: BlockKey::new(&derive(KeyPart::Block)),
        }
    }
}

/// The scored token and the context before it.
fn split_ngram(ngram: &[TokenId]) -> (TokenId, &[TokenId]) {
    let (&token, context) = ngram.split_last().expect("an n-gram holds at least one token");
    (token, context)
}
