//! Which messages of a subscription a consumer handles, and how.

use super::Config;

/// One kind of message that a consumer handles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Under which name its messages are known in the inbox and among the dead letters: `service/provider/handler`, the same for all
    /// instances and for ever.
    pub name: String,
    /// The kind of message; none for every kind.
    pub kind: Option<String>,
    /// How its messages are treated.
    pub config: Config,
}

impl Route {
    /// A route for every kind of message.
    #[must_use]
    pub fn of_all(name: impl Into<String>, config: Config) -> Self {
        Self {
            name: name.into(),
            kind: None,
            config,
        }
    }

    /// A route for one kind of message.
    #[must_use]
    pub fn of_kind(kind: impl Into<String>, name: impl Into<String>, config: Config) -> Self {
        Self {
            name: name.into(),
            kind: Some(kind.into()),
            config,
        }
    }

    pub(super) fn takes(&self, kind: Option<&str>) -> bool {
        self.kind.is_none() || self.kind.as_deref() == kind
    }
}

/// What tells that two messages are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Identity {
    /// The source and the id of the envelope.
    #[default]
    Envelope,
    /// The source of the envelope, or else the channel; and as id the text or number that this JSON pointer (RFC 6901) leads to in the payload.
    Pointer(String),
}
