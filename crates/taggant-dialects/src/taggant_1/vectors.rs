//! The fields of a case in `vectors/taggant-1.json`, each computed anew through the public door.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use taggant::channel::{Channel, Sign};
use taggant::context::{Nonce, NonceRule};
use taggant::key::{Key, KeyPart, KeyPath};
use taggant::reader::{Ngrams, Reader, Reading};
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::writer::Writer;
use taggant::{ContextWidth, Gamma, Mark, Name, Profile, Secret};

use crate::profile::hex;
use crate::selftest::Difference;

/// Compares every field of a case; a field that is missing or has no meaning is a difference too.
pub(super) fn check_case(case: &Value) -> Vec<Difference> {
    match Case::new(case) {
        Err(difference) => vec![*difference],
        Ok(inputs) => {
            let checks: [Check<'_>; 16] = [
                &|case, json| compare(json, "green_block_key", &hex(case.key("green").expose_bytes())),
                &|case, json| compare(json, "green_nonce_key", &hex(case.nonce_key("green").expose_bytes())),
                &|case, json| compare(json, "green_block_key_id", &case.key("green").key_id().to_string()),
                &|case, json| {
                    let Nonce(lanes) =
                        NonceRule::new(case.width, &case.nonce_key("green")).nonce(&case.context);
                    compare(json, "nonce", &lanes.to_vec())
                },
                &|case, json| compare(json, "routed_channel", &case.route(json)?.channel),
                &|case, json| compare(json, "bucket", &case.route(json)?.bucket),
                &|case, json| {
                    compare(
                        json,
                        "sign",
                        &case
                            .secret
                            .account_column(&case.epoch, &case.account)
                            .sign(case.route(json)?.bucket)
                            .as_i8(),
                    )
                },
                &|case, json| {
                    let column = case.secret.decoy_column(&case.epoch, 0);
                    compare(json, "decoy_0_sign", &column.sign(case.route(json)?.bucket).as_i8())
                },
                &Case::check_green,
                &|case, json| compare(json, "green_half_signed", &case.signed_green(json)?),
                &|case, json| compare(json, "gumbel_word", &case.words(&case.plain(gumbel()))),
                &|case, json| {
                    compare(json, "gumbel_word_signed", &case.words(&case.signed(gumbel(), &case.account)))
                },
                &|case, json| compare(json, "tournament_word", &case.words(&case.plain(deepest()))),
                &|case, json| {
                    let mark = case.plain(green(Gamma::HALF));
                    compare(json, "mask_half_sha256", &case.mask_sha256(json, &mark)?)
                },
                &|case, json| {
                    let gamma = "1/4".parse().expect("a gamma of the spec");
                    compare(json, "mask_quarter_sha256", &case.mask_sha256(json, &case.plain(green(gamma)))?)
                },
                &|case, json| {
                    let mark = case.signed(green(Gamma::HALF), &case.minus_account(json)?);
                    compare(json, "mask_half_negative_sha256", &case.mask_sha256(json, &mark)?)
                },
            ];
            checks
                .iter()
                .filter_map(|check| check(&inputs, case).err())
                .map(|difference| *difference)
                .collect()
        }
    }
}

/// The check of one field: the case's inputs and its JSON in, nothing or a difference out.
type Check<'a> = &'a dyn Fn(&Case, &Value) -> Result<(), Box<Difference>>;

/// The inputs of a case.
struct Case {
    secret: Secret,
    epoch: Name,
    channel: Name,
    account: Name,
    context: Vec<u32>,
    tokens: Vec<u32>,
    width: ContextWidth,
}

impl Case {
    fn new(json: &Value) -> Result<Self, Box<Difference>> {
        let name = |at: &'static str| {
            let text: String = field(json, at)?;
            Name::new(at, &text).map_err(|error| invalid(at, &error))
        };
        let context: Vec<u32> = field(json, "context")?;
        let secret: String = field(json, "secret")?;
        Ok(Self {
            secret: Secret::from_hex(&secret).map_err(|error| invalid("secret", &error))?,
            epoch: name("epoch")?,
            channel: name("channel")?,
            account: name("account")?,
            width: ContextWidth::new(context.len() as u64).map_err(|error| invalid("context", &error))?,
            context,
            tokens: field(json, "tokens")?,
        })
    }

    fn derive(&self, scheme: &'static str, part: KeyPart) -> Key {
        let (epoch, channel, width) = (&self.epoch, &self.channel, self.width.as_u8());
        self.secret.derive(&KeyPath::Channel { epoch, channel, scheme, width, part })
    }

    fn key(&self, scheme: &'static str) -> Key {
        self.derive(scheme, KeyPart::Block)
    }

    fn nonce_key(&self, scheme: &'static str) -> Key {
        self.derive(scheme, KeyPart::Nonce)
    }

    fn profile(&self, scheme: Scheme, channels: Vec<Channel>) -> Result<Profile, Box<Difference>> {
        Profile::new(scheme, self.width, self.epoch.as_str())
            .and_then(|profile| profile.with_channels(channels))
            .map_err(|error| invalid("shares", &error))
    }

    /// A mark whose one channel is the case's, with or without accounts.
    fn one_channel(&self, scheme: Scheme, accounts: bool) -> Profile {
        let channel = Channel { accounts, name: self.channel.clone(), share: 256 };
        self.profile(scheme, vec![channel]).expect("one channel of share 256")
    }

    fn plain(&self, scheme: Scheme) -> Mark {
        Mark::new(&self.secret, &self.one_channel(scheme, false))
    }

    fn signed(&self, scheme: Scheme, account: &Name) -> Mark {
        let profile = self.one_channel(scheme, true);
        Mark::for_account(&self.secret, &profile, account.as_str()).expect("a name is a name")
    }

    fn readings(&self, mark: &Mark) -> Vec<Reading> {
        let ngram = |&token: &u32| self.context.iter().copied().chain([token]);
        let packed: Vec<u32> = self.tokens.iter().flat_map(ngram).collect();
        let mut readings = vec![Reading::default(); self.tokens.len()];
        mark.readings(Ngrams::packed(&packed, self.width.len() + 1), &mut readings);
        readings
    }

    /// The channel and bucket of the case's context under its shares.
    fn route(&self, json: &Value) -> Result<Reading, Box<Difference>> {
        let shares: Vec<u16> = field(json, "shares")?;
        let channel = |(at, share)| Channel {
            accounts: true,
            name: Name::new("channel", &format!("c{at}")).expect("a valid name"),
            share,
        };
        let channels = shares.into_iter().enumerate().map(channel).collect();
        let mark = Mark::new(&self.secret, &self.profile(gumbel(), channels)?);
        let readings = self.readings(&mark);
        readings.first().copied().ok_or_else(|| Difference::new("tokens", &"a token or more", &"none").into())
    }

    fn check_green(&self, json: &Value) -> Result<(), Box<Difference>> {
        let lists: serde_json::Map<String, Value> = field(json, "green")?;
        for (text, expected) in &lists {
            let at = format!("green[{text:?}]");
            let gamma: Gamma = text.parse().map_err(|error| invalid(&at, &error))?;
            let values = self.readings(&self.plain(green(gamma)));
            let found: Vec<u64> = values.iter().map(|reading| reading.value).collect();
            compare_values(&at, expected, &found)?;
        }
        Ok(())
    }

    /// Whether each token is green for the case's account, at gamma = 1/2, read off the mask.
    fn signed_green(&self, json: &Value) -> Result<Vec<u64>, Box<Difference>> {
        let flip = u64::from(self.account_sign(json, &self.account)? == Sign::Minus);
        Ok(self
            .readings(&self.plain(green(Gamma::HALF)))
            .iter()
            .map(|reading| reading.value ^ flip)
            .collect())
    }

    fn account_sign(&self, json: &Value, account: &Name) -> Result<Sign, Box<Difference>> {
        Ok(self.secret.account_column(&self.epoch, account).sign(self.route(json)?.bucket))
    }

    /// An account whose sign is -1 in the case's bucket.
    fn minus_account(&self, json: &Value) -> Result<Name, Box<Difference>> {
        for n in 0..64 {
            let account = Name::new("account", &format!("a{n}")).expect("a valid name");
            if self.account_sign(json, &account)? == Sign::Minus {
                return Ok(account);
            }
        }
        Err(Difference::new("bucket", &"an account with sign -1 among 64", &"none").into())
    }

    fn words(&self, mark: &Mark) -> Vec<u32> {
        let mut words = vec![0; self.tokens.len()];
        mark.words_into(&self.context, &self.tokens, &mut words);
        words
    }

    fn mask_sha256(&self, json: &Value, mark: &Mark) -> Result<String, Box<Difference>> {
        let vocab_size: u32 = field(json, "mask_vocab_size")?;
        if vocab_size > LARGEST_MASK {
            return Err(
                Difference::new("mask_vocab_size", &format!("at most {LARGEST_MASK}"), &vocab_size).into()
            );
        }
        let mut mask = vec![0; vocab_size.div_ceil(32) as usize];
        mark.green_mask_into(&self.context, vocab_size as usize, &mut mask)
            .map_err(|error| invalid("mask_vocab_size", &error))?;
        let bytes: Vec<u8> = mask.iter().flat_map(|word| word.to_le_bytes()).collect();
        Ok(hex(&Sha256::digest(bytes)))
    }
}

/// A mask for more tokens than any vocabulary has is a typing error in a vector file, not a test.
const LARGEST_MASK: u32 = 1 << 24;

fn green(gamma: Gamma) -> Scheme {
    Scheme::Green(GreenList::new(gamma, 2.0).expect("2 nats are a delta"))
}

fn gumbel() -> Scheme {
    Scheme::Gumbel(GumbelMax::new())
}

fn deepest() -> Scheme {
    Scheme::Tournament(Tournament::new(32).expect("32 layers are allowed"))
}

fn field<T: DeserializeOwned>(json: &Value, at: &str) -> Result<T, Box<Difference>> {
    let value = json.get(at).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|error| invalid(at, &error))
}

fn invalid(at: &str, error: &dyn Display) -> Box<Difference> {
    Difference::new(at, &format!("something invalid ({error})"), &"that it cannot be checked").into()
}

fn compare<T: serde::Serialize>(json: &Value, at: &str, found: &T) -> Result<(), Box<Difference>> {
    compare_values(at, json.get(at).unwrap_or(&Value::Null), found)
}

fn compare_values<T: serde::Serialize>(at: &str, expected: &Value, found: &T) -> Result<(), Box<Difference>> {
    let found = serde_json::to_value(found).expect("numbers and strings");
    if *expected == found { Ok(()) } else { Err(Difference::new(at, expected, &found).into()) }
}
