//! How a request reaches a service and its answer comes back: the one thing about a client that tests replace.

mod network;

use std::{error::Error as StdError, fmt, pin::Pin};

use bytes::Bytes;
use http::HeaderMap;
use thiserror::Error;
use url::Url;

pub(crate) use self::network::{Network, NetworkOptions};
use crate::{operation::Method, response::Response};

/// Sends one request and reads the whole answer.
///
/// Laws: a request is sent once at most; redirects are not followed; an answer longer than `body_max` is a failure;
/// dropping the future abandons the request.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends the request.
    fn send(&self, request: Request, body_max: usize) -> Sending<'_>;
}

/// A request under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send + 'a>>;

/// One request, complete.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// All headers but those that follow from connection and body.
    pub headers: HeaderMap,
    /// The body, which may be empty.
    pub body: Bytes,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query and the headers may hold credentials.
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.url.path())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A request has no answer.
#[derive(Debug, Error)]
#[error("{kind}")]
pub struct TransportError {
    /// How far it came.
    pub kind: TransportErrorKind,
    /// What the network said.
    pub source: Box<dyn StdError + Send + Sync>,
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TransportErrorKind {
    /// No connection came about, so nothing was sent.
    #[error("no connection came about")]
    Connect,
    /// The service said that it did not begin with the request.
    #[error("the service did not take the request")]
    NotProcessed,
    /// The request may have been worked on.
    #[error("the connection broke")]
    Interrupted,
    /// The body of the answer is too long.
    #[error("the body of the answer is longer than {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
}

impl TransportError {
    /// An error of a kind, for a reason.
    #[must_use]
    pub fn new(
        kind: TransportErrorKind,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            source: source.into(),
        }
    }
}
