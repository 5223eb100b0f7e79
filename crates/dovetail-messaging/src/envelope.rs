//! Between messages and their envelope: a [`Message`] is a CloudEvents 1.0 event with a channel.
//!
//! The key travels as the extension `partitionkey` and the end of its life as `expirytime`, as the extensions of the specification have them.
//! All other attributes are headers of the message, by their names in the specification.

use std::time::SystemTime;

use bytes::Bytes;
use chrono::{DateTime, Datelike, SecondsFormat, Utc};

use crate::{
    cloudevents::{self, Binding, Data, Event, EventError, Limits, Mode, Reading, Value},
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
            let text = moment(end, SecondsFormat::AutoSi).ok_or_else(|| EventError::Value {
                name: EXPIRYTIME.to_owned(),
                problem: "is a time that cannot be written: its year has more than four digits",
            })?;
            builder = builder.extension(EXPIRYTIME, Value::from(text));
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
/// As [`Message::to_event`]: what cannot be said as an event is rejected, and never sent half. So is what [`read`] would not take.
pub fn wire(message: &Message, binding: &Binding) -> Result<cloudevents::Message, EventError> {
    let mut written = binding.write(&message.to_event()?)?;
    let (attributes, limit) = (written.headers.len(), Limits::new().attributes);
    within("attributes", attributes, limit)?;
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
    let event = message.to_event()?;
    within(
        "attributes",
        event.attributes().count(),
        Limits::new().attributes,
    )?;
    let document = cloudevents::json::write(&event)?;
    within(
        "bytes of a document",
        document.len(),
        Limits::new().message_bytes,
    )?;
    Ok(document)
}

fn within(what: &'static str, found: usize, limit: usize) -> Result<(), EventError> {
    if found > limit {
        return Err(EventError::TooLarge { what, found, limit });
    }
    Ok(())
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

/// A moment as the specification writes it (RFC 3339), to the millisecond. Empty, which no event takes, where there is no way to write it.
pub(crate) fn text(time: SystemTime) -> String {
    moment(time, SecondsFormat::Millis).unwrap_or_default()
}

fn moment(time: SystemTime, format: SecondsFormat) -> Option<String> {
    const NANOS_PER_SECOND: u32 = 1_000_000_000;
    let (seconds, nanos) = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => (i64::try_from(since.as_secs()).ok()?, since.subsec_nanos()),
        Err(earlier) => {
            let before = earlier.duration();
            let seconds = i64::try_from(before.as_secs()).ok()?.checked_neg()?;
            match before.subsec_nanos() {
                0 => (seconds, 0),
                nanos => (seconds.checked_sub(1)?, NANOS_PER_SECOND - nanos),
            }
        }
    };
    let time = DateTime::<Utc>::from_timestamp(seconds, nanos)?;
    (0..=9999)
        .contains(&time.year())
        .then(|| time.to_rfc3339_opts(format, true))
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
            expires_at: Some(SystemTime::UNIX_EPOCH + Duration::new(1_800_000_000, 250_000_001)),
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

    #[test]
    fn the_end_of_a_life_is_what_it_was_or_the_message_is_not_sent() {
        let second = Duration::from_secs(1);
        let nano = Duration::from_nanos(1);
        let at = |end| Message {
            expires_at: Some(end),
            ..order()
        };
        for end in [
            SystemTime::UNIX_EPOCH,
            SystemTime::UNIX_EPOCH + nano,
            SystemTime::UNIX_EPOCH - nano,
            SystemTime::UNIX_EPOCH - second,
            SystemTime::UNIX_EPOCH + second * u32::MAX + nano * 1_000,
        ] {
            let message = at(end);
            let written = wire(&message, &Binding::AMQP).unwrap();
            let read = read(
                "orders",
                &Binding::AMQP,
                written.pairs(),
                written.body.clone(),
            );
            assert_eq!(read, Delivery::from(message));
        }
        for seconds in [400_000_000_000, 1 << 50, i64::MAX.unsigned_abs()] {
            let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
            let Some(end) = end else { continue };
            let told = wire(&at(end), &Binding::AMQP).unwrap_err();
            assert!(told.to_string().contains("expirytime"), "{told}");
        }
    }

    #[test]
    fn what_would_not_be_read_is_not_sent() {
        let limits = Limits::new();
        let with = |extensions: usize, length: usize| Message {
            headers: (0..extensions)
                .map(|number| (format!("extension{number}"), "x".to_owned()))
                .collect(),
            ..Message::new("orders", "/orders", "1", vec![b'x'; length]).with_kind("t")
        };
        let required = 4;
        let largest = with(limits.attributes - required, limits.message_bytes);
        let written = wire(&largest, &Binding::AMQP).unwrap();
        let read = read(
            "orders",
            &Binding::AMQP,
            written.pairs(),
            written.body.clone(),
        );
        assert_eq!(read.problem, None);
        for (extensions, length) in [
            (limits.attributes - required + 1, 1),
            (1, limits.message_bytes + 1),
        ] {
            let message = with(extensions, length);
            assert!(wire(&message, &Binding::AMQP).is_err());
            assert!(wire_structured(&message).is_err());
        }
        // Its data is longer as text.
        assert!(wire_structured(&largest).is_err());
    }
}
