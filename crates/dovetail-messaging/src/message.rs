//! A message as stores and transports carry it: who sent it, what it is, and its bytes.
//!
//! Nothing here decodes. Whatever a producer sent has a place, even without an identity, so that it can become a dead letter.

use std::{fmt, time::SystemTime};

use bytes::Bytes;

/// The longest `source` or `id` that identifies a message. Longer ones would be keys of an index that a stranger chooses.
pub const IDENTITY_BYTES_MAX: usize = 1_024;

/// No error is kept longer than this.
pub(crate) const ERROR_BYTES_MAX: usize = 4_096;

/// One message on its way to or from a channel.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The channel that carries it.
    pub channel: String,
    /// Who sent it; unique together with `id`, as `CloudEvents` has it.
    pub source: Option<String>,
    /// Which message of its source it is.
    pub id: Option<String>,
    /// What kind of message it is: the `type` of a `CloudEvent`.
    pub kind: Option<String>,
    /// Messages of one key are handled in the order in which they were sent.
    pub key: Option<String>,
    /// After this instant nobody wants it any more.
    pub expires_at: Option<SystemTime>,
    /// Everything else that came with it, in order.
    pub headers: Vec<(String, String)>,
    /// What it says, as it was sent.
    pub body: Bytes,
}

impl Message {
    /// A message with an identity, and nothing else.
    #[must_use]
    pub fn new(
        channel: impl Into<String>,
        source: impl Into<String>,
        id: impl Into<String>,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            channel: channel.into(),
            source: Some(source.into()),
            id: Some(id.into()),
            body: body.into(),
            ..Self::default()
        }
    }

    /// The same, ordered among those of its key.
    #[must_use]
    pub fn with_key(self, key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..self
        }
    }

    /// The same, with its kind.
    #[must_use]
    pub fn with_kind(self, kind: impl Into<String>) -> Self {
        Self {
            kind: Some(kind.into()),
            ..self
        }
    }

    /// Its source and id, where both are said and of a sensible length.
    #[must_use]
    pub fn identity(&self) -> Option<(&str, &str)> {
        let is_sound = |text: &&str| !text.is_empty() && text.len() <= IDENTITY_BYTES_MAX;
        let source = self.source.as_deref().filter(is_sound)?;
        let id = self.id.as_deref().filter(is_sound)?;
        Some((source, id))
    }
}

/// Shows the length of the body only: bodies hold what people would not want in a log.
impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("channel", &self.channel)
            .field("source", &self.source)
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("key", &self.key)
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The text, cut to what is kept of an error.
pub(crate) fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(ERROR_BYTES_MAX);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_both_parts_and_a_sensible_length() {
        let long = "x".repeat(IDENTITY_BYTES_MAX + 1);
        let rows = [
            (Some("shop"), Some("1"), true),
            (None, Some("1"), false),
            (Some("shop"), None, false),
            (Some(""), Some("1"), false),
            (Some("shop"), Some(""), false),
            (Some("shop"), Some(long.as_str()), false),
        ];
        for (source, id, expected) in rows {
            let message = Message {
                source: source.map(str::to_owned),
                id: id.map(str::to_owned),
                ..Message::default()
            };
            assert_eq!(message.identity().is_some(), expected, "{source:?} {id:?}");
        }
    }

    #[test]
    fn what_a_log_shows_of_a_message_has_no_payload() {
        let message = Message::new("orders", "shop", "1", "card 4111");
        assert!(!format!("{message:?}").contains("4111"));
    }
}
