//! The public description of a mark: everything but the secret.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::context::ContextWidth;
use crate::error::{Error, Kind};
use crate::gamma::Gamma;
use crate::name::Name;
use crate::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use crate::writer::RepeatRule;

/// A profile of the dialect taggant-1: public, serialisable, and checked on the way in.
///
/// Its serialised form has the fields of taggant-1, section 8. Unknown fields are errors; so are fields of
/// another scheme.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Profile {
    scheme: Scheme,
    context_width: ContextWidth,
    epoch: Name,
    repeat_rule: RepeatRule,
    channels: Vec<Channel>,
    tokenizer: Option<TokenizerDigest>,
}

impl Profile {
    /// The dialect's name.
    pub const DIALECT: &'static str = "taggant-1";

    /// A profile with one channel, `fleet`, that carries no accounts, and the default repeat rule.
    ///
    /// # Errors
    /// When `epoch` is not a [`Name`].
    pub fn new(scheme: Scheme, context_width: ContextWidth, epoch: &str) -> Result<Self, Error> {
        let fleet = Channel { accounts: false, name: Name::new("channel name", "fleet")?, share: 256 };
        Ok(Self {
            scheme,
            context_width,
            epoch: Name::new("epoch", epoch)?,
            repeat_rule: RepeatRule::default(),
            channels: vec![fleet],
            tokenizer: None,
        })
    }

    /// Replaces the channels.
    ///
    /// # Errors
    /// When there are none or more than 256, when two share a name, when the shares do not sum to 256,
    /// or when one carries accounts and the scheme is a green list of any gamma but "1/2".
    pub fn with_channels(mut self, channels: Vec<Channel>) -> Result<Self, Error> {
        if channels.is_empty() || channels.len() > 256 {
            return Err(Kind::ChannelCount { found: channels.len() }.into());
        }
        for (at, channel) in channels.iter().enumerate() {
            if channels[..at].iter().any(|earlier| earlier.name == channel.name) {
                return Err(Kind::ChannelTwice { name: channel.name.to_string() }.into());
            }
            if let (true, Scheme::Green(green)) = (channel.accounts, &self.scheme)
                && green.gamma() != Gamma::HALF
            {
                let (name, gamma) = (channel.name.to_string(), green.gamma().to_string());
                return Err(Kind::AccountGamma { name, gamma }.into());
            }
        }
        match channels.iter().map(|channel| u64::from(channel.share)).sum() {
            256 => {
                self.channels = channels;
                Ok(self)
            }
            found => Err(Kind::ShareSum { found }.into()),
        }
    }

    /// Replaces the repeat rule.
    #[must_use]
    pub fn with_repeat_rule(mut self, repeat_rule: RepeatRule) -> Self {
        self.repeat_rule = repeat_rule;
        self
    }

    /// States the tokenizer whose ids the mark is about.
    #[must_use]
    pub fn with_tokenizer(mut self, tokenizer: TokenizerDigest) -> Self {
        self.tokenizer = Some(tokenizer);
        self
    }

    /// The scheme and its parameters.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// How many tokens a context holds.
    #[must_use]
    pub fn context_width(&self) -> ContextWidth {
        self.context_width
    }

    /// The period in which one set of derived keys is in use.
    #[must_use]
    pub fn epoch(&self) -> &Name {
        &self.epoch
    }

    /// What becomes of a repeated context.
    #[must_use]
    pub fn repeat_rule(&self) -> RepeatRule {
        self.repeat_rule
    }

    /// The channels; their shares sum to 256.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The tokenizer, if the profile states one.
    #[must_use]
    pub fn tokenizer(&self) -> Option<&TokenizerDigest> {
        self.tokenizer.as_ref()
    }

    /// Whether contexts have to be routed: there are several channels, or buckets matter.
    pub(crate) fn needs_split(&self) -> bool {
        self.channels.len() > 1 || self.channels[0].accounts
    }
}

/// SHA-256 of a tokenizer file's bytes, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TokenizerDigest(String);

impl TokenizerDigest {
    /// Checks the written form.
    ///
    /// # Errors
    /// When it is written in any other way.
    pub fn new(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix("sha256:").unwrap_or_default();
        if digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Kind::TokenizerDigest.into())
        }
    }

    /// The written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The profile as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<ChannelFields>>,
    context_width: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delta: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depth: Option<u64>,
    dialect: String,
    epoch: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gamma: Option<String>,
    #[serde(default)]
    repeat_rule: RepeatRule,
    scheme: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokenizer: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelFields {
    accounts: bool,
    name: String,
    share: u16,
}

impl TryFrom<Fields> for Profile {
    type Error = Error;

    fn try_from(fields: Fields) -> Result<Self, Error> {
        if fields.dialect != Self::DIALECT {
            return Err(Kind::UnknownDialect { found: fields.dialect }.into());
        }
        let scheme = fields.scheme()?;
        let width = ContextWidth::new(fields.context_width)?;
        let mut profile = Self::new(scheme, width, &fields.epoch)?.with_repeat_rule(fields.repeat_rule);
        if let Some(channels) = &fields.channels {
            let channels = channels.iter().map(|channel| {
                let name = Name::new("channel name", &channel.name)?;
                Ok(Channel { accounts: channel.accounts, name, share: channel.share })
            });
            profile = profile.with_channels(channels.collect::<Result<_, Error>>()?)?;
        }
        if let Some(tokenizer) = &fields.tokenizer {
            profile = profile.with_tokenizer(TokenizerDigest::new(tokenizer)?);
        }
        Ok(profile)
    }
}

impl Fields {
    fn scheme(&self) -> Result<Scheme, Error> {
        let foreign = |field, wanted| Kind::ForeignField { field, wanted, found: self.scheme.clone() };
        let is_green = self.scheme == "green";
        if !["green", "gumbel", "tournament"].contains(&self.scheme.as_str()) {
            return Err(Kind::UnknownScheme { found: self.scheme.chars().take(40).collect() }.into());
        }
        if self.gamma.is_some() && !is_green {
            return Err(foreign("gamma", "green").into());
        }
        if self.delta.is_some() && !is_green {
            return Err(foreign("delta", "green").into());
        }
        if self.depth.is_some() && self.scheme != "tournament" {
            return Err(foreign("depth", "tournament").into());
        }
        match self.scheme.as_str() {
            "green" => {
                let missing = |field| Kind::MissingField { field, scheme: "green" };
                let gamma = self.gamma.as_ref().ok_or_else(|| missing("gamma"))?.parse()?;
                Ok(Scheme::Green(GreenList::new(gamma, self.delta.ok_or_else(|| missing("delta"))?)?))
            }
            "gumbel" => Ok(Scheme::Gumbel(GumbelMax::new())),
            "tournament" => Ok(Scheme::Tournament(match self.depth {
                Some(depth) => Tournament::new(depth)?,
                None => Tournament::default(),
            })),
            _ => unreachable!("the scheme was found to be one of the three"),
        }
    }
}

impl Serialize for Profile {
    /// Every field is present except those that belong to another scheme and an absent tokenizer
    /// (taggant-1, section 8).
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let channel = |channel: &Channel| ChannelFields {
            accounts: channel.accounts,
            name: channel.name.to_string(),
            share: channel.share,
        };
        let (mut gamma, mut delta, mut depth) = (None, None, None);
        match &self.scheme {
            Scheme::Green(green) => (gamma, delta) = (Some(green.gamma().to_string()), Some(green.delta())),
            Scheme::Gumbel(_) => {}
            Scheme::Tournament(tournament) => depth = Some(tournament.depth().into()),
        }
        let fields = Fields {
            channels: Some(self.channels.iter().map(channel).collect()),
            context_width: self.context_width.len() as u64,
            delta,
            depth,
            dialect: Self::DIALECT.to_owned(),
            epoch: self.epoch.to_string(),
            gamma,
            repeat_rule: self.repeat_rule,
            scheme: self.scheme.name().to_owned(),
            tokenizer: self.tokenizer.as_ref().map(|digest| digest.as_str().to_owned()),
        };
        fields.serialize(serializer)
    }
}
