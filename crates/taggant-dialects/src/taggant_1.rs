//! Our own dialect, `docs/spec/taggant-1.md`.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value;
use taggant::scheme::Scheme;
use taggant::writer::RepeatRule;
use taggant::{Mark, Profile, Secret};
use zeroize::Zeroizing;

use crate::dialect::{Dialect, Opened, Parameters};
use crate::error::Error;
use crate::key_material::KeyMaterial;
use crate::profile::{hex, toml_error};
use crate::selftest::Difference;

mod vectors;

/// The dialect taggant-1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taggant1;

impl Dialect for Taggant1 {
    fn name(&self) -> &'static str {
        Profile::DIALECT
    }

    fn about(&self) -> &'static str {
        "Taggant's own mark: ChaCha8 over the context; green list, Gumbel-max or tournament"
    }

    fn parse(&self, text: &str) -> Result<Arc<dyn Parameters>, Error> {
        let profile: Profile = toml::from_str(text).map_err(|error| toml_error(text, &error))?;
        Ok(Arc::new(profile))
    }

    fn check_case(&self, case: &Value) -> Vec<Difference> {
        vectors::check_case(case)
    }
}

impl Parameters for Profile {
    fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a profile holds strings, booleans and finite numbers")
    }

    fn tokenizer(&self) -> Option<&str> {
        self.tokenizer().map(taggant::TokenizerDigest::as_str)
    }

    fn open(&self, key: &KeyMaterial) -> Result<Opened, Error> {
        let secret = Secret::from_hex(key.expose_text())?;
        let mark = Arc::new(Mark::new(&secret, self));
        Ok(Opened { key_id: secret.key_id(), reader: mark.clone(), writer: Some(mark) })
    }

    fn uniform_key(&self, key: &KeyMaterial) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let text = key.expose_text();
        Secret::from_hex(text)?;
        let value = |digit: u8| (digit as char).to_digit(16).unwrap_or_default() as u8;
        // Checked above: 64 digits, then a newline at most.
        let pairs = text.as_bytes().chunks_exact(2).take(32);
        Ok(Some(Zeroizing::new(pairs.map(|pair| (value(pair[0]) << 4) | value(pair[1])).collect())))
    }

    fn key_from_bytes(&self, bytes: [u8; 32]) -> KeyMaterial {
        KeyMaterial::from_text(hex(&bytes))
    }
}

/// Writes a profile as TOML, in the order in which a person reads it.
#[must_use]
pub fn to_toml(profile: &Profile) -> String {
    let mut text = String::new();
    let mut line = |field: &str, value: &str| {
        writeln!(text, "{field} = {value}").expect("writing to a String cannot fail");
    };
    let quoted = |value: &str| format!("\"{value}\"");
    line("dialect", &quoted(Profile::DIALECT));
    line("scheme", &quoted(profile.scheme().name()));
    line("context_width", &profile.context_width().to_string());
    match profile.scheme() {
        Scheme::Green(green) => {
            line("gamma", &quoted(&green.gamma().to_string()));
            line("delta", &format!("{:?}", green.delta()));
        }
        Scheme::Tournament(tournament) => line("depth", &tournament.depth().to_string()),
        _ => {}
    }
    line("epoch", &quoted(profile.epoch().as_str()));
    let rule = if profile.repeat_rule() == RepeatRule::None { "none" } else { "completion" };
    line("repeat_rule", &quoted(rule));
    if let Some(tokenizer) = profile.tokenizer() {
        line("tokenizer", &quoted(tokenizer.as_str()));
    }
    for channel in profile.channels() {
        line("\n[[channels]]\nname", &quoted(channel.name.as_str()));
        line("share", &channel.share.to_string());
        line("accounts", &channel.accounts.to_string());
    }
    text
}
