//! Why there is no access token.

use std::fmt;

use thiserror::Error;

use super::is_passing;
use crate::transport::{TransportError, TransportErrorKind};

/// Why there is no access token. Nothing in it comes from the answer but what RFC 6749 names, so that it holds no secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Who issues tokens did not answer.
    #[error("who issues tokens did not answer")]
    Transport(#[source] TransportError),
    /// Who issues tokens refused.
    #[error("who issues tokens refused with status {status}{}", said(*.reason))]
    Refused {
        /// The status.
        status: u16,
        /// The reason, if it is one that the standard names.
        reason: Option<TokenRefusal>,
    },
    /// The answer holds no bearer token.
    #[error("the answer of who issues tokens holds no bearer token")]
    NoToken,
}

impl TokenError {
    /// Whether it may pass by itself.
    pub(super) const fn is_passing(&self) -> bool {
        match self {
            Self::Transport(error) => {
                !matches!(error.kind, TransportErrorKind::BodyTooLarge { .. })
            }
            Self::Refused { status, .. } => is_passing(*status),
            Self::NoToken => false,
        }
    }
}

fn said(reason: Option<TokenRefusal>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// Why a token was refused (RFC 6749, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the code of its name")]
pub enum TokenRefusal {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
}

impl TokenRefusal {
    const ALL: [Self; 6] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
    ];

    /// The code of the standard: `invalid_client`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }

    pub(crate) fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}
