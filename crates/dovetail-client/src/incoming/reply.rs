//! What is answered to a request that came in.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;

use crate::{error::DecodeError, headers::telling};

/// What is answered to a request that came in. Errors are problem documents (RFC 9457).
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    status: u16,
    // Replies are the errors of whatever reads a request, so they are kept small.
    headers: Box<HeaderMap>,
    body: Bytes,
}

/// A problem document (RFC 9457).
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// Where the request is wrong, such as `items[2].price`.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

impl Reply {
    /// Nothing but a status. One that HTTP does not have becomes 500.
    #[must_use]
    pub fn status_only(status: u16) -> Self {
        let status = if (100..=599).contains(&status) {
            status
        } else {
            500
        };
        Self {
            status,
            headers: Box::default(),
            body: Bytes::new(),
        }
    }

    /// A body in JSON. What does not serialise becomes 500.
    #[must_use]
    pub fn json(status: u16, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(json) => Self::bytes(status, "application/json", json),
            // The message may quote values.
            Err(_) => Self::problem(500, "the answer cannot be written", None),
        }
    }

    /// A body of any media type. One that no header can have is left out.
    #[must_use]
    pub fn bytes(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::status_only(status);
        reply.body = body.into();
        if let Ok(media_type) = HeaderValue::try_from(media_type) {
            reply.headers.insert(header::CONTENT_TYPE, media_type);
        }
        reply
    }

    /// That nothing has the name that was asked for.
    #[must_use]
    pub fn unknown() -> Self {
        Self::problem(404, "nothing of this name is handled here", None)
    }

    /// The same with one more header, in place of any of its name.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The status, from 100 to 599.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    pub(super) fn other_method(methods: &[&str]) -> Self {
        let mut reply = Self::problem(405, "it is sent with another method", None);
        if let Ok(allowed) = HeaderValue::try_from(methods.join(", ")) {
            reply.headers.insert(header::ALLOW, allowed);
        }
        reply
    }

    pub(super) fn too_large(bytes_max: usize) -> Self {
        let detail = format!("the body is longer than {bytes_max} bytes");
        Self::problem(413, "the request is too large", Some((None, &detail)))
    }

    fn problem(status: u16, title: &str, about: Option<(Option<&str>, &str)>) -> Self {
        let problem = Problem {
            title,
            status,
            detail: about.map(|(_, detail)| detail),
            path: about.and_then(|(path, _)| path),
        };
        // A document of texts and a number always serialises.
        let json = serde_json::to_vec(&problem).unwrap_or_default();
        Self::bytes(status, "application/problem+json", json)
    }
}

impl From<DecodeError> for Reply {
    /// That the request is not what the contract says, with the place where it is not.
    fn from(error: DecodeError) -> Self {
        let about = (Some(error.path()), error.message());
        Self::problem(
            400,
            "the request is not what the contract says",
            Some(about),
        )
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body may hold what no log should.
        formatter
            .debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &telling(&self.headers))
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
