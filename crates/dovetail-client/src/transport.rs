//! How a request reaches a service and its answer comes back: the one thing about a client that tests replace.

mod network;

use std::{error::Error as StdError, fmt, future::poll_fn, pin::Pin};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use thiserror::Error;
use url::Url;

#[cfg(feature = "tls")]
pub(crate) use self::network::TlsOptions;
pub(crate) use self::network::{Network, NetworkOptions};
use crate::{body::Body, operation::Method, response::Response};

/// Sends one request and hands out the answer: from its head on, or read whole.
///
/// Laws: a request is sent once at most; redirects are not followed; an answer longer than `body_max` bytes is a failure;
/// dropping the future, or the chunks of an answer, abandons the request. A body that is a stream is read only once there
/// is a connection to send it on.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends the request, and hands out the answer as soon as its head has come.
    fn open(&self, request: Request) -> Opening<'_>;

    /// Sends the request and reads the whole answer.
    fn send(&self, request: Request, body_max: usize) -> Sending<'_> {
        Box::pin(async move { self.open(request).await?.whole(body_max).await })
    }
}

/// A request under way, whose answer is read whole.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send + 'a>>;

/// A request under way, whose answer is handed out at its head.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened, TransportError>> + Send + 'a>>;

/// A body that is under way. After an error nothing comes.
pub type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

/// An answer whose head has come, and whose body follows.
pub struct Opened {
    /// Status and headers.
    pub head: Response,
    /// The body.
    pub chunks: Chunks,
}

impl Opened {
    /// Reads the body, and no more of it than allowed.
    ///
    /// # Errors
    ///
    /// Where the body is longer than `body_max` bytes, or the connection breaks.
    pub async fn whole(mut self, body_max: usize) -> Result<Response, TransportError> {
        let mut whole = Whole::new(body_max);
        while let Some(chunk) = poll_fn(|context| self.chunks.as_mut().poll_next(context)).await {
            whole.push(chunk?)?;
        }
        Ok(self.head.with_body(whole.into_bytes()))
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Opened")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

/// A body that is being put together, up to a limit.
#[derive(Debug)]
pub(crate) struct Whole {
    first: Bytes,
    body: Vec<u8>,
    body_max: usize,
}

impl Whole {
    pub(crate) const fn new(body_max: usize) -> Self {
        Self {
            first: Bytes::new(),
            body: Vec::new(),
            body_max,
        }
    }

    pub(crate) fn push(&mut self, chunk: Bytes) -> Result<(), TransportError> {
        if self.first.len() + self.body.len() + chunk.len() > self.body_max {
            return Err(self.too_large());
        }
        // Most bodies come in one piece, which is then used as it is.
        if self.first.is_empty() && self.body.is_empty() {
            self.first = chunk;
        } else {
            self.body
                .extend_from_slice(&std::mem::take(&mut self.first));
            self.body.extend_from_slice(&chunk);
        }
        Ok(())
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        if self.body.is_empty() {
            self.first
        } else {
            self.body.into()
        }
    }

    pub(crate) fn too_large(&self) -> TransportError {
        let limit = self.body_max;
        let kind = TransportErrorKind::BodyTooLarge { limit };
        TransportError::new(kind, "the rest of the answer was not read")
    }
}

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
    pub body: Body,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query and the headers may hold credentials.
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.url.path())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.length())
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
#[non_exhaustive]
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
    /// The body of the request, which is a stream, broke before its end.
    #[error("the body of the request broke")]
    RequestBody,
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
