//! What generated handlers stand on: a body as its type, and what came with it.

use std::time::SystemTime;

use chrono::DateTime;
use dovetail_wire::read_json;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Rejection;
use crate::message::Message;

/// Reads the payload of a message, which is JSON.
///
/// # Errors
///
/// Where the body is no JSON, or not what the type says. The rejection tells the place and never what stands there.
pub fn payload<T: DeserializeOwned>(message: &Message) -> Result<T, Rejection> {
    read_json(&message.body).map_err(|error| {
        match serde_json::from_slice::<IgnoredAny>(&message.body) {
            Ok(_) => Rejection::contract(error.without_values()),
            Err(error) => Rejection::decode(format!(
                "the body is no JSON from line {}, column {} on",
                error.line(),
                error.column()
            )),
        }
    })
}

/// The rejection of a message that has a route and no handler, which generated code never brings about.
#[must_use]
pub fn unhandled(message: &Message) -> Rejection {
    Rejection::contract(format!(
        "nothing handles {}",
        message.kind.as_deref().unwrap_or("a message without type")
    ))
}

/// What came with a payload.
#[derive(Debug, Clone, Copy)]
pub struct Context<'m> {
    message: &'m Message,
}

impl<'m> Context<'m> {
    /// What came with the payload of a message.
    #[must_use]
    pub const fn of(message: &'m Message) -> Self {
        Self { message }
    }

    /// Who sent the message.
    #[must_use]
    pub fn source(&self) -> &'m str {
        self.message.source.as_deref().unwrap_or_default()
    }

    /// Which message of its source it is.
    #[must_use]
    pub fn id(&self) -> &'m str {
        self.message.id.as_deref().unwrap_or_default()
    }

    /// The key that it is ordered by, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&'m str> {
        self.message.key.as_deref()
    }

    /// When what it tells of happened, if it says so.
    #[must_use]
    pub fn time(&self) -> Option<SystemTime> {
        let time = DateTime::parse_from_rfc3339(self.header("time")?).ok()?;
        Some(SystemTime::from(time))
    }

    /// Any other attribute of the envelope, by its name there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'m str> {
        self.message.header(name)
    }

    /// The whole message.
    #[must_use]
    pub const fn message(&self) -> &'m Message {
        self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::Reason;

    #[test]
    fn what_does_not_decode_is_told_from_what_breaks_the_contract() {
        let rows: [(&[u8], Reason, &str); 5] = [
            (
                b"{",
                Reason::Decode,
                "the body is no JSON from line 1, column 1 on",
            ),
            (
                b"[1] 4111",
                Reason::Decode,
                "the body is no JSON from line 1, column 5 on",
            ),
            (
                b"\xff",
                Reason::Decode,
                "the body is no JSON from line 1, column 1 on",
            ),
            (br#"["4111"]"#, Reason::Contract, "at [0]: expected u8"),
            (b"[4111]", Reason::Contract, "at [0]: expected u8"),
        ];
        for (body, reason, detail) in rows {
            let message = Message::new("cards", "/cards", "1", body.to_vec());
            let rejection = payload::<Vec<u8>>(&message).expect_err("a rejection");
            assert_eq!(
                (rejection.reason, rejection.detail.as_str()),
                (reason, detail)
            );
        }
    }

    #[test]
    fn a_context_says_what_the_envelope_said() {
        let message = Message {
            headers: vec![
                ("time".to_owned(), "2026-01-01T00:00:00.5Z".to_owned()),
                ("traceparent".to_owned(), "00-ab-cd-01".to_owned()),
            ],
            ..Message::new("orders", "orders", "m-1", "{}").with_key("o-1")
        };
        let context = Context::of(&message);
        assert_eq!((context.source(), context.id()), ("orders", "m-1"));
        assert_eq!(context.key(), Some("o-1"));
        assert_eq!(context.header("traceparent"), Some("00-ab-cd-01"));
        let since = context
            .time()
            .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        assert_eq!(
            since.map(|since| since.as_millis()),
            Some(1_767_225_600_500)
        );
    }
}
