//! What can go wrong with any operation.

use std::{error::Error as StdError, fmt, time::Duration};

use http::HeaderMap;
use thiserror::Error;

use dovetail_wire::{DecodeError, EncodeError};

use super::TokenError;
use crate::{
    operation::Operation,
    policy::PolicyError,
    transport::{TransportError, TransportErrorKind},
};

/// Why a call failed in a way that its contract does not name.
#[derive(Debug)]
pub struct Failure(Box<Parts>);

#[derive(Debug)]
struct Parts {
    operation: &'static str,
    kind: FailureKind,
    may_repeat: bool,
    attempts: u32,
    retry_budget_exhausted: bool,
}

impl Failure {
    pub(crate) fn new(operation: &Operation, kind: FailureKind) -> Self {
        let (operation, may_repeat) = (operation.id, operation.idempotency.may_repeat());
        Self(Box::new(Parts {
            operation,
            kind,
            may_repeat,
            attempts: 0,
            retry_budget_exhausted: false,
        }))
    }

    pub(crate) fn after(mut self, attempts: u32, retry_budget_exhausted: bool) -> Self {
        self.0.attempts = attempts;
        self.0.retry_budget_exhausted = retry_budget_exhausted;
        self
    }

    /// The identifier of the operation that was called.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &FailureKind {
        &self.0.kind
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.kind() {
            FailureKind::Unexpected(unexpected) => Some(unexpected.status),
            FailureKind::Decode { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the same call may succeed later, and may be made again without doing the work twice.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            FailureKind::Connect(_)
            | FailureKind::NotProcessed(_)
            | FailureKind::BreakerOpen { .. }
            | FailureKind::BulkheadFull
            | FailureKind::DeadlineSpent => true,
            FailureKind::Token(error) => error.is_passing(),
            FailureKind::Interrupted(_)
            | FailureKind::Stalled { .. }
            | FailureKind::AttemptTimeout
            | FailureKind::DeadlineExceeded => self.0.may_repeat,
            FailureKind::Unexpected(unexpected) => {
                self.0.may_repeat && is_passing(unexpected.status)
            }
            FailureKind::Decode { .. }
            | FailureKind::BodyTooLarge { .. }
            | FailureKind::PageLoop
            | FailureKind::TooManyPages { .. }
            | FailureKind::RequestBody(_)
            | FailureKind::InvalidRequest(_)
            | FailureKind::Policy(_)
            | FailureKind::MissingCredentials { .. } => false,
        }
    }

    /// When the service, or the breaker, said that it is worth trying again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            FailureKind::Unexpected(unexpected) => unexpected.retry_after,
            FailureKind::BreakerOpen { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// How many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether another attempt was not made only because the target must bear no more retries for now.
    #[must_use]
    pub fn retry_budget_exhausted(&self) -> bool {
        self.0.retry_budget_exhausted
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} failed: {}", self.0.operation, self.0.kind)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The kind is already part of the text.
        self.0.kind.source()
    }
}

/// Whether a status is one that passes.
pub(crate) const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 502 | 503 | 504)
}

/// What went wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FailureKind {
    /// An answer with a status that the contract does not declare.
    #[error("the answer has status {}, which the contract does not declare", .0.status)]
    Unexpected(Box<Unexpected>),
    /// An answer that is not what the contract says.
    #[error("the answer with status {status} is not what the contract says")]
    Decode {
        /// The status of the answer.
        status: u16,
        /// Where it differs, and how.
        source: DecodeError,
    },
    /// No connection came about; nothing was sent.
    #[error("no connection came about")]
    Connect(#[source] Box<dyn StdError + Send + Sync>),
    /// The service said that it did not begin with the request.
    #[error("the service did not take the request")]
    NotProcessed(#[source] Box<dyn StdError + Send + Sync>),
    /// The connection broke after the request was sent; whether the work was done is not known.
    #[error("the connection broke before the answer was complete")]
    Interrupted(#[source] Box<dyn StdError + Send + Sync>),
    /// The body of the request, which is a stream, broke before its end.
    #[error("the body of the request could not be read")]
    RequestBody(#[source] Box<dyn StdError + Send + Sync>),
    /// Nothing more of a streamed answer came for as long as the client waits.
    #[error("nothing more of the answer came for {idle:?}")]
    Stalled {
        /// How long the client waited.
        idle: Duration,
    },
    /// The last attempt took longer than an attempt may.
    #[error("the attempt took too long")]
    AttemptTimeout,
    /// The deadline came while an attempt was under way.
    #[error("the deadline came before the answer")]
    DeadlineExceeded,
    /// The deadline had passed before anything was sent.
    #[error("the deadline had passed before the call")]
    DeadlineSpent,
    /// The breaker let nothing through.
    #[error("the breaker is open")]
    BreakerOpen {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// Too many calls were under way.
    #[error("too many calls are under way")]
    BulkheadFull,
    /// The arguments cannot be sent; nothing was.
    #[error("the request cannot be sent")]
    InvalidRequest(#[from] InvalidRequest),
    /// The policies of the operation cannot be used.
    #[error("the policy cannot be used")]
    Policy(#[source] PolicyError),
    /// The client could not get an access token; nothing was sent, or it was refused for the lack of a token.
    #[error("no access token was issued")]
    Token(#[source] TokenError),
    /// The client has none of the credentials that the operation accepts; nothing was sent.
    #[error("the client has no credentials for {}", .schemes.join(" or "))]
    MissingCredentials {
        /// The schemes that the operation accepts; those joined by ` and ` are needed together.
        schemes: Vec<String>,
    },
    /// A page of a list names one that was fetched before as the next.
    #[error("a page names one that was fetched before as the next")]
    PageLoop,
    /// A list has more pages than the caller allows.
    #[error("the list has more than {pages_max} pages")]
    TooManyPages {
        /// The limit.
        pages_max: usize,
    },
    /// The body of the answer is longer than the client allows.
    #[error("the body of the answer is longer than {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
}

impl From<TransportError> for FailureKind {
    fn from(TransportError { kind, source }: TransportError) -> Self {
        match kind {
            TransportErrorKind::Connect => Self::Connect(source),
            TransportErrorKind::NotProcessed => Self::NotProcessed(source),
            TransportErrorKind::Interrupted => Self::Interrupted(source),
            TransportErrorKind::RequestBody => Self::RequestBody(source),
            TransportErrorKind::BodyTooLarge { limit } => Self::BodyTooLarge { limit },
        }
    }
}

/// An answer that the contract does not declare.
#[derive(Debug, Clone)]
pub struct Unexpected {
    /// The status.
    pub status: u16,
    /// Those headers that help to understand it, and cannot hold secrets.
    pub headers: HeaderMap,
    /// The beginning of the body as text.
    pub excerpt: String,
    /// When the service said that it is worth trying again.
    pub retry_after: Option<Duration>,
}

/// Arguments that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A parameter of the path has no value, or an empty one.
    #[error("the path parameter `{0}` has no value")]
    EmptyPath(String),
    /// A value would turn a part of the path into `.` or `..`, which leads elsewhere.
    #[error("a value makes a part of the path `.` or `..`")]
    DotSegment,
    /// A link leads elsewhere than to the service.
    #[error("a link leads elsewhere than to the service")]
    ForeignLink,
    /// A header or cookie has characters that would end it.
    #[error("the header `{0}` has characters that headers must not have")]
    Header(String),
    /// The key of an operation that takes one is empty.
    #[error("the key in the header `{0}` is empty")]
    EmptyKey(String),
    /// A value has parts within parts, which its style cannot write.
    #[error("the parameter `{0}` has values within values, which its style cannot write")]
    Nested(String),
    /// A value does not serialise.
    #[error("the value of `{name}` does not serialise: {message}")]
    Value {
        /// The parameter, or `body`.
        name: String,
        /// What its type said.
        message: String,
    },
}

impl From<EncodeError> for InvalidRequest {
    fn from(error: EncodeError) -> Self {
        Self::Value {
            name: "value".to_owned(),
            message: error.to_string(),
        }
    }
}
