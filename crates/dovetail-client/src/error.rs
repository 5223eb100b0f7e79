//! Why a call has no result, and what to do about it.
//!
//! A refusal that the contract names comes as a type of its own, for the caller to act on. All else is a [`Failure`],
//! which is the same type for every operation.

mod failure;
mod token;

use std::{error::Error as StdError, fmt, time::Duration};

use http::HeaderMap;
use thiserror::Error;

pub(crate) use self::failure::is_passing;
pub use self::{
    failure::{Failure, FailureKind, InvalidRequest, Unexpected},
    token::{TokenError, TokenRefusal},
};
use crate::{headers::telling, policy::PolicyError, response::Refusal};
pub(crate) use dovetail_wire::DecodeError;

/// Why a call has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error<E> {
    /// The service refused, in a way that the contract names.
    Refused {
        /// The refusal, by status.
        refusal: E,
        /// What else the answer said.
        answer: Answer,
    },
    /// Anything else went wrong.
    Failed(Failure),
}

impl<E> Error<E> {
    /// The refusal, if it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<&E> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            Self::Failed(_) => None,
        }
    }

    /// The failure, if it is one.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Refused { .. } => None,
            Self::Failed(failure) => Some(failure),
        }
    }

    /// The status of the answer, if there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { answer, .. } => Some(answer.status()),
            Self::Failed(failure) => failure.status(),
        }
    }

    /// Whether the same call may succeed later, and may be made again without doing the work twice.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { answer, .. } => answer.0.is_retryable,
            Self::Failed(failure) => failure.is_retryable(),
        }
    }

    /// When the service, or the breaker, said that it is worth trying again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { answer, .. } => answer.0.retry_after,
            Self::Failed(failure) => failure.retry_after(),
        }
    }

    /// How many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Refused { answer, .. } => answer.0.attempts,
            Self::Failed(failure) => failure.attempts(),
        }
    }

    /// Whether another attempt was not made only because the target must bear no more retries for now.
    #[must_use]
    pub fn retry_budget_exhausted(&self) -> bool {
        match self {
            Self::Refused { answer, .. } => answer.0.retry_budget_exhausted,
            Self::Failed(failure) => failure.retry_budget_exhausted(),
        }
    }

    /// The same error with another type of refusal.
    pub fn map_refusal<F>(self, map: impl FnOnce(E) -> F) -> Error<F> {
        match self {
            Self::Refused { refusal, answer } => Error::Refused {
                refusal: map(refusal),
                answer,
            },
            Self::Failed(failure) => Error::Failed(failure),
        }
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { answer, .. } => {
                write!(
                    formatter,
                    "{} was refused with status {}",
                    answer.0.operation, answer.0.status
                )
            }
            Self::Failed(failure) => failure.fmt(formatter),
        }
    }
}

impl<E: Refusal> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            Self::Failed(failure) => failure.source(),
        }
    }
}

impl<E> From<Failure> for Error<E> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What an answer said beside its body.
#[derive(Debug, Clone)]
pub struct Answer(pub(crate) Box<AnswerParts>);

#[derive(Clone)]
pub(crate) struct AnswerParts {
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) is_retryable: bool,
    pub(crate) attempts: u32,
    pub(crate) retry_budget_exhausted: bool,
}

impl Answer {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }
}

impl fmt::Debug for AnswerParts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Any other header may hold a secret, as cookies and tokens do.
        formatter
            .debug_struct("AnswerParts")
            .field("operation", &self.operation)
            .field("status", &self.status)
            .field("headers", &telling(&self.headers))
            .field("retry_after", &self.retry_after)
            .field("is_retryable", &self.is_retryable)
            .field("attempts", &self.attempts)
            .field("retry_budget_exhausted", &self.retry_budget_exhausted)
            .finish()
    }
}

/// A client cannot be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No base URL was given.
    #[error("no base url was given")]
    NoBaseUrl,
    /// The base URL is not one.
    #[error("`{url}` is no base url: {reason}")]
    BaseUrl {
        /// What was given, without user and password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A variable of a server's address cannot have the value.
    #[error("the variable `{name}` of the server's address {reason}")]
    ServerVariable {
        /// Its name, as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header cannot be sent.
    #[error(
        "the header `{name}` cannot be sent: its name or its value has characters that headers must not have"
    )]
    Header {
        /// The name as given.
        name: String,
    },
    /// A credential does not fit its scheme.
    #[error(
        "the credential for `{scheme}` is not of the kind that the scheme takes, or cannot be sent"
    )]
    Credential {
        /// The name of the scheme.
        scheme: &'static str,
    },
    /// No token can be fetched with a credential.
    #[error("no token can be fetched for `{scheme}`: of the token url, {reason}")]
    TokenUrl {
        /// The name of the scheme.
        scheme: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A certificate or a key cannot be read.
    #[error("the {what} is not pem as it should be")]
    Pem {
        /// What was given.
        what: &'static str,
    },
    /// The policies cannot be used.
    #[error("the policies cannot be used")]
    Policy(#[from] PolicyError),
    /// The transport cannot be set up.
    #[error("the transport cannot be set up")]
    Transport(#[source] Box<dyn StdError + Send + Sync>),
}

#[cfg(test)]
mod tests;
