//! What can go wrong with a request.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What happens to a request instead of a plain answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// This status and body, with a `Retry-After` if there is one.
    Status {
        /// The status, such as 429.
        status: u16,
        /// The header's value.
        retry_after: Option<String>,
        /// The body.
        body: String,
    },
    /// A redirect to this place.
    Redirect(String),
    /// The first half of an answer as if it were whole.
    Truncated,
    /// The first half of an answer of the announced length; then the connection is closed.
    ClosedMidBody,
    /// Silence for so long, then an answer.
    Hang(Duration),
    /// An answer with so many tokens more than were asked for.
    TooLong(u64),
    /// An answer without a count of its tokens.
    NoUsage,
    /// Status 200 and this body.
    Body(String),
}

impl Fault {
    /// A status with a message in the form of OpenAI.
    #[must_use]
    pub fn status(status: u16, message: &str) -> Self {
        Self::Status { status, retry_after: None, body: error(message) }
    }

    /// Turns what would have been the answer into what is sent.
    pub(crate) fn apply(self, answer: String) -> Response {
        let half = || Bytes::from(answer.as_bytes()[..answer.len() / 2].to_vec());
        let json = [(header::CONTENT_TYPE, "application/json")];
        match self {
            Self::Status { status, retry_after, body } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                match retry_after {
                    Some(time) => (status, json, [(header::RETRY_AFTER, time)], body).into_response(),
                    None => (status, json, body).into_response(),
                }
            }
            Self::Redirect(place) => {
                (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response()
            }
            Self::Truncated => (json, half()).into_response(),
            Self::ClosedMidBody => {
                let length = [(header::CONTENT_LENGTH, answer.len().to_string())];
                let parts = [Ok(half()), Err(std::io::Error::other("closed on purpose"))];
                (length, json, Body::from_stream(futures_util::stream::iter(parts))).into_response()
            }
            Self::Body(body) => (json, body).into_response(),
            Self::Hang(_) | Self::TooLong(_) | Self::NoUsage => (json, answer).into_response(),
        }
    }
}

/// An error in the form of OpenAI.
pub(crate) fn error(message: &str) -> String {
    serde_json::json!({"error": {"message": message, "type": "invalid_request_error", "code": null}})
        .to_string()
}
