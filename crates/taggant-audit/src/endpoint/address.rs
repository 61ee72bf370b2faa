//! Where an endpoint is.

use std::net::IpAddr;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

use super::Api;
use super::error::{Error, Kind};

/// A checked base URL: http or https, a host, a path without a slash at its end; no user, query or fragment, so that
/// it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    base: String,
    pub(super) is_encrypted: bool,
    pub(super) is_this_machine: bool,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |found| Err(Kind::Url { found }.into());
        if url.contains('#') {
            return refuse("with a fragment, `#...`");
        }
        let Ok(uri) = url.trim_ascii().parse::<Uri>() else { return refuse("that is no URL") };
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return refuse("without http:// or https:// and a host");
        };
        if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
            return refuse("that is neither http nor https");
        }
        if authority.as_str().contains('@') {
            return refuse("with a user or password; an API key is given on its own");
        }
        if uri.query().is_some() {
            return refuse("with a query, `?...`");
        }
        if authority.host().is_empty() {
            return refuse("without a host");
        }
        let mut path = uri.path().trim_end_matches('/');
        for call in [CHAT, COMPLETIONS] {
            path = path.strip_suffix(call).unwrap_or(path);
        }
        let path = if path.is_empty() { DEFAULT_PATH } else { path };
        Ok(Self {
            base: format!("{scheme}://{}{path}", authority.as_str().to_ascii_lowercase()),
            is_encrypted: *scheme == Scheme::HTTPS,
            is_this_machine: is_loopback(authority.host()),
        })
    }

    /// The base URL, as a log and a message show it.
    pub(super) fn as_str(&self) -> &str {
        &self.base
    }

    /// The URL that is asked.
    pub(super) fn url(&self, api: Api) -> String {
        let call = match api {
            Api::Chat => CHAT,
            Api::Completions => COMPLETIONS,
        };
        format!("{}{call}", self.base)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

const CHAT: &str = "/chat/completions";
const COMPLETIONS: &str = "/completions";

/// What nearly every server has.
const DEFAULT_PATH: &str = "/v1";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, base: &str, is_encrypted: bool, is_this_machine: bool) {
        let expected = Address { base: base.into(), is_encrypted, is_this_machine };
        assert_eq!(Address::parse(url).unwrap(), expected, "{url}");
    }

    #[test]
    fn urls_are_brought_to_one_form() {
        check("https://API.example.com/v1/", "https://api.example.com/v1", true, false);
        check("http://localhost:8000", "http://localhost:8000/v1", false, true);
        check("http://127.8.0.1:8000/", "http://127.8.0.1:8000/v1", false, true);
        check("http://[::1]:8000/openai/v1", "http://[::1]:8000/openai/v1", false, true);
        check("http://10.0.0.1/v1/chat/completions", "http://10.0.0.1/v1", false, false);
        check("http://10.0.0.1/v1/completions", "http://10.0.0.1/v1", false, false);
        check("http://localhost.example.com/v1", "http://localhost.example.com/v1", false, false);
        let address = Address::parse("http://[::1]:80").unwrap();
        assert_eq!(address.url(Api::Chat), "http://[::1]:80/v1/chat/completions");
        assert_eq!(address.url(Api::Completions), "http://[::1]:80/v1/completions");
    }

    #[test]
    fn urls_that_hold_a_secret_or_are_none_are_refused_without_echo() {
        for url in [
            "",
            "localhost:8000/v1",
            "/v1",
            "ftp://example.com/hunter2",
            "https://user:hunter2@example.com/v1",
            "https://example.com/v1?api-key=hunter2",
            "https://example.com/v1#hunter2",
            "https://exa mple.com/hunter2",
            "https:///v1",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(error.is_misuse() && !error.to_string().contains("hunter2"), "{url}: {error}");
        }
    }
}
