//! Between messages and their envelope: a [`Message`] is a CloudEvents 1.0 event with a channel.
//!
//! The key travels as the extension `partitionkey` and the end of its life as `expirytime`, as the extensions of the specification have them.
//! All other attributes are headers of the message, by their names in the specification.

use std::time::SystemTime;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::{
    cloudevents::{self, Binding, Data, Event, EventError, Mode, Reading, Value},
    consumer::Delivery,
    message::Message,
};

const PARTITIONKEY: &str = "partitionkey";
const EXPIRYTIME: &str = "expirytime";

/// The attributes that are fields of a message.
const FIELDS: [&str; 6] = [
    "specversion",
    "id",
    "source",
    "type",
    PARTITIONKEY,
    EXPIRYTIME,
];

impl Message {
    /// The message that carries an event on a channel.
    #[must_use]
    pub fn of_event(channel: impl Into<String>, event: &Event) -> Self {
        let text = |name| Some(event.extension(name)?.as_attribute().to_text().into_owned());
        let expires_at = text(EXPIRYTIME).as_deref().and_then(time);
        let mut headers: Vec<(String, String)> = event
            .attributes()
            .filter(|(name, _)| !FIELDS.contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_text().into_owned()))
            .collect();
        // What no clock can say is kept as it was said.
        if expires_at.is_none()
            && let Some(said) = text(EXPIRYTIME)
        {
            headers.push((EXPIRYTIME.to_owned(), said));
        }
        Self {
            channel: channel.into(),
            source: Some(event.source().to_owned()),
            id: Some(event.id().to_owned()),
            kind: Some(event.event_type().to_owned()),
            key: text(PARTITIONKEY),
            expires_at,
            headers,
            body: event.data().map(Data::to_bytes).unwrap_or_default(),
        }
    }

    /// The event that the message carries. An empty body is no data.
    ///
    /// # Errors
    ///
    /// Where the message has no identity or no kind, or a header that no event can have.
    pub fn to_event(&self) -> Result<Event, EventError> {
        let needed = |field: &Option<String>, name| field.clone().ok_or(EventError::Missing(name));
        let mut builder = Event::builder(
            needed(&self.id, "id")?,
            needed(&self.source, "source")?,
            needed(&self.kind, "type")?,
        );
        let mut content_type = None;
        for (name, value) in &self.headers {
            builder = match name.as_str() {
                "subject" => builder.subject(value),
                "time" => builder.time(value),
                "dataschema" => builder.dataschema(value),
                "datacontenttype" => {
                    content_type = Some(value.as_str());
                    builder.datacontenttype(value)
                }
                name => builder.extension(name, Value::from(value.as_str())),
            };
        }
        if let Some(key) = &self.key {
            builder = builder.extension(PARTITIONKEY, Value::from(key.as_str()));
        }
        if let Some(end) = self.expires_at {
            builder = builder.extension(EXPIRYTIME, Value::from(text(end)));
        }
        if !self.body.is_empty() {
            builder = builder.data(Data::of_body(self.body.clone(), content_type));
        }
        builder.build()
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(header, _)| header == name)?;
        Some(value)
    }
}

/// The message as a protocol carries it, in binary mode: each attribute a header, and the body as it is.
///
/// # Errors
///
/// As [`Message::to_event`]: what cannot be said as an event is rejected, and never sent half.
pub fn wire(message: &Message, binding: &Binding) -> Result<cloudevents::Message, EventError> {
    let mut written = binding.write(&message.to_event()?)?;
    if !message.body.is_empty() || !binding.has_absent_body {
        written.body = Some(message.body.clone());
    }
    Ok(written)
}

/// The message as one JSON document, in structured mode.
///
/// # Errors
///
/// As [`wire`].
pub fn wire_structured(message: &Message) -> Result<Bytes, EventError> {
    cloudevents::json::write(&message.to_event()?)
}

/// What a protocol brought, in binary or in structured mode. Never fails: what is no event has no identity, its headers as far as they are
/// text, its body as it came, and a problem; so that it ends among the dead letters rather than in front of the channel.
pub fn read<'h>(
    channel: impl Into<String>,
    binding: &Binding,
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])> + Clone,
    body: Option<Bytes>,
) -> Delivery {
    let is_binary = binding.mode(headers.clone()) == Mode::Binary;
    match binding.read(headers.clone(), body.clone(), &Reading::default()) {
        Ok(event) => {
            let mut message = Message::of_event(channel, &event);
            if is_binary {
                // As it came, whitespace around JSON included.
                message.body = body.unwrap_or_default();
            }
            Delivery::from(message)
        }
        Err(error) => Delivery {
            problem: Some(format!("it is no CloudEvents message: {error}")),
            ..Delivery::from(raw(channel.into(), headers, body.unwrap_or_default()))
        },
    }
}

/// What one JSON document brought, in structured mode; as [`read`].
#[must_use]
pub fn read_structured(channel: impl Into<String>, document: Bytes) -> Delivery {
    match cloudevents::json::read(&document, &Reading::default()) {
        Ok(event) => Delivery::from(Message::of_event(channel, &event)),
        Err(error) => Delivery {
            problem: Some(format!("it is no CloudEvents message: {error}")),
            ..Delivery::from(raw(channel.into(), [], document))
        },
    }
}

fn raw<'h>(
    channel: String,
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    body: Bytes,
) -> Message {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Message {
        channel,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), text(value)))
            .collect(),
        body,
        ..Message::default()
    }
}

/// A moment as the specification writes it (RFC 3339).
pub(crate) fn text(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn time(text: &str) -> Option<SystemTime> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn order() -> Message {
        Message {
            expires_at: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_250)),
            headers: vec![
                ("subject".to_owned(), "o-1".to_owned()),
                ("datacontenttype".to_owned(), "application/json".to_owned()),
                ("traceparent".to_owned(), "00-ab-cd-01".to_owned()),
            ],
            ..Message::new("orders", "/orders", "m-1", " {\"é\":1}\n")
                .with_kind("order.created")
                .with_key("Zoë 1")
        }
    }

    #[test]
    fn a_message_is_the_same_after_every_protocol() {
        for binding in [
            Binding::HTTP,
            Binding::KAFKA,
            Binding::AMQP,
            Binding::AMQP_JMS,
            Binding::NATS,
        ] {
            for body in [" {\"é\":1}\n", "", "\u{0}not JSON"] {
                let message = Message {
                    body: Bytes::from(body),
                    ..order()
                };
                let written = wire(&message, &binding).unwrap();
                let read = read("orders", &binding, written.pairs(), written.body.clone());
                assert_eq!(read, Delivery::from(message), "{binding:?} {body:?}");
            }
        }
    }

    #[test]
    fn a_message_is_the_same_after_a_document() {
        let message = Message {
            body: Bytes::from("{\"a\":1.10}"),
            ..order()
        };
        let document = wire_structured(&message).unwrap();
        assert_eq!(read_structured("orders", document), Delivery::from(message));
    }

    #[test]
    fn what_is_no_event_keeps_its_bytes_and_says_why() {
        let headers: [(&str, &[u8]); 2] = [("ce_specversion", b"1.0"), ("ce_id", b"\xff")];
        let read = read(
            "orders",
            &Binding::KAFKA,
            headers,
            Some(Bytes::from("\u{0}")),
        );
        assert_eq!(read.message.identity(), None);
        assert_eq!(read.message.header("ce_id"), Some("\u{fffd}"));
        assert_eq!(&read.message.body[..], b"\0");
        assert!(read.problem.is_some());
        assert!(
            read_structured("orders", Bytes::from("{"))
                .problem
                .is_some()
        );
    }

    #[test]
    fn a_message_without_identity_or_kind_is_not_sent() {
        let whole = Message::new("orders", "/orders", "1", "").with_kind("order.created");
        assert!(wire(&whole, &Binding::NATS).is_ok());
        for broken in [
            Message {
                id: None,
                ..whole.clone()
            },
            Message {
                source: None,
                ..whole.clone()
            },
            Message {
                kind: None,
                ..whole.clone()
            },
            Message {
                headers: vec![("Bad-Name".to_owned(), String::new())],
                ..whole
            },
        ] {
            assert!(wire(&broken, &Binding::NATS).is_err(), "{broken:?}");
        }
    }
}
