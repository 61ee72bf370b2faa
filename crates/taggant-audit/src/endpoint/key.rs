//! The key that opens an endpoint.

use std::fmt;

use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use super::error::{Error, Kind};

/// The API key of an endpoint: sent as a bearer token, shown nowhere, wiped from memory when dropped.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// Takes the text of a key; white space around it is not part of it.
    ///
    /// Read it from an environment variable or a file, never from an argument.
    ///
    /// # Errors
    /// When nothing is left, or a character is not visible ASCII. The message shows no part of the key.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = Zeroizing::new(text.into());
        let key = text.trim_ascii();
        if key.is_empty() {
            return Err(Kind::Key { found: "nothing" }.into());
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Kind::Key { found: "another character" }.into());
        }
        Ok(Self(Zeroizing::new(key.to_owned())))
    }

    /// The value of the `Authorization` header.
    pub(super) fn bearer(&self) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("Bearer {}", *self.0));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Takes the key out of what a server said and is about to be shown.
    pub(super) fn out_of_message(&self, message: &str) -> String {
        message.replace(&*self.0, REDACTED)
    }

    /// Takes the key out of an answer that is about to be kept; `None` if it is not there.
    ///
    /// A key too short to guard anything (`none`, `EMPTY`) is left: in an answer it is a word.
    pub(super) fn out_of_answer(&self, answer: &str) -> Option<String> {
        let is_in = self.0.len() >= SHORTEST_SECRET && answer.contains(&**self.0);
        is_in.then(|| answer.replace(&*self.0, REDACTED))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

const REDACTED: &str = "[redacted]";

/// In characters.
const SHORTEST_SECRET: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_and_errors_show_no_part_of_a_key() {
        let key = ApiKey::new(" sk-hunter2-hunter2\r\n").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(..)");
        assert_eq!(key.bearer().unwrap(), "Bearer sk-hunter2-hunter2");
        assert!(!format!("{:?}", key.bearer()).contains("hunter2"));
        for bad in ["", " \n", "hunter2 hunter2", "hunter2\u{e9}", "hunter2\nX-Header: 1"] {
            let error = ApiKey::new(bad).unwrap_err();
            assert!(error.is_misuse() && !format!("{error} {error:?}").contains("hunter2"), "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_taken_out_of_what_a_server_said() {
        let key = ApiKey::new("sk-hunter2").unwrap();
        assert_eq!(key.out_of_message("no such key: sk-hunter2!"), "no such key: [redacted]!");
        assert_eq!(key.out_of_answer("sk-hunter2 sk-hunter2").unwrap(), "[redacted] [redacted]");
        assert_eq!(key.out_of_answer("nothing of the kind"), None);
        assert_eq!(ApiKey::new("none").unwrap().out_of_answer("there is none"), None);
    }
}
