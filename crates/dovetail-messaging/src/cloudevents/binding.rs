//! Events as messages with headers: which mode a message is in, and binary mode, where each attribute is a header of its own.
//!
//! What a message carries its headers in differs between protocols, so a [`Binding`] is data: the prefix of the names, and how values are
//! written. The header `content-type` stands for whatever the protocol has for it, such as the property of that name in AMQP.

mod percent;

use std::{borrow::Cow, collections::BTreeMap, str::from_utf8};

use bytes::Bytes;

use super::{
    BATCH_JSON, Data, Event, EventError, Reading, STRUCTURED_JSON,
    error::within,
    json,
    media_type::{essence, is_written_in_utf8},
    reader::Reader,
};

/// The header that says what the body is.
const CONTENT_TYPE: &str = "content-type";
/// The attribute that says what the data is.
const DATACONTENTTYPE: &str = "datacontenttype";
/// What the media types of events begin with, whatever their format is.
const EVENTS: &str = "application/cloudevents";
/// What the data is taken for where an event in JSON says nothing.
const JSON: &str = "application/json";

/// Attributes by name, and the content type.
type Gathered<'h> = (Vec<(Cow<'h, str>, &'h [u8])>, Option<&'h [u8]>);

/// How a protocol carries the attributes of events in the headers of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// What stands before the name of an attribute.
    pub prefix: &'static str,
    /// Another prefix that is read, and never written.
    pub prefix_read: Option<&'static str>,
    /// Whether names of headers are the same in upper and in lower case.
    pub ignores_case: bool,
    /// Whether values are percent-encoded, because the protocol carries printable ASCII only.
    pub has_percent_encoding: bool,
    /// Whether the content type of the data has a header with the prefix, rather than `content-type`.
    pub has_prefixed_content_type: bool,
    /// Whether a message without a body differs from one with an empty body.
    pub has_absent_body: bool,
}

impl Binding {
    /// HTTP: `ce-id`, percent-encoded.
    pub const HTTP: Self = Self {
        prefix: "ce-",
        prefix_read: None,
        ignores_case: true,
        has_percent_encoding: true,
        has_prefixed_content_type: false,
        has_absent_body: false,
    };
    /// Kafka: `ce_id`, in UTF-8. An event without data is a record without a value.
    pub const KAFKA: Self = Self {
        prefix: "ce_",
        ignores_case: false,
        has_percent_encoding: false,
        has_absent_body: true,
        ..Self::HTTP
    };
    /// AMQP: `cloudEvents:id`, as text. `cloudEvents_id` is read too. What a sender gave a type of AMQP is its text by the time that it is here.
    pub const AMQP: Self = Self {
        prefix: "cloudEvents:",
        prefix_read: Some("cloudEvents_"),
        ignores_case: false,
        has_percent_encoding: false,
        ..Self::HTTP
    };
    /// AMQP whose properties must be identifiers, as JMS has it: `cloudEvents_id`, as text. `cloudEvents:id` is read too.
    pub const AMQP_JMS: Self = Self {
        prefix: "cloudEvents_",
        prefix_read: Some("cloudEvents:"),
        ..Self::AMQP
    };
    /// NATS and JetStream: `ce-id`, percent-encoded, with `ce-datacontenttype`.
    pub const NATS: Self = Self {
        has_prefixed_content_type: true,
        ..Self::HTTP
    };
}

/// A message: its headers, and its body if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Values by name.
    pub headers: BTreeMap<String, Bytes>,
    /// The body.
    pub body: Option<Bytes>,
}

impl Message {
    /// The headers as [`Binding::mode`] and [`Binding::read`] take them.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref()))
    }
}

/// What a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One event: its attributes in the headers, its data in the body.
    Binary,
    /// One event in JSON.
    Structured,
    /// Any number of events in JSON, which [`json::read_batch`] reads.
    Batch,
    /// Events in a format that is not read here, such as Avro.
    OtherFormat,
    /// No event, as far as it says.
    NoEvent,
}

impl Binding {
    /// Tells what a message holds, by its headers alone.
    pub fn mode<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Mode {
        let mut has_version = false;
        for (name, value) in headers {
            let name = name.as_ref();
            if name.eq_ignore_ascii_case(CONTENT_TYPE) {
                let essence = from_utf8(value.as_ref()).map(essence).unwrap_or_default();
                match essence.as_str() {
                    STRUCTURED_JSON => return Mode::Structured,
                    BATCH_JSON => return Mode::Batch,
                    other if other.starts_with(EVENTS) => {
                        return Mode::OtherFormat;
                    }
                    _ => {}
                }
            }
            has_version |= self.attribute(name).as_deref() == Some("specversion");
        }
        if has_version {
            Mode::Binary
        } else {
            Mode::NoEvent
        }
    }

    /// Reads the one event of a message, in binary or in structured mode. Headers that are no attributes are left alone.
    ///
    /// # Errors
    ///
    /// [`EventError::Mode`] if the message holds no single event, and what is wrong with the event otherwise.
    pub fn read<'h>(
        &self,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])> + Clone,
        body: Option<Bytes>,
        reading: &Reading,
    ) -> Result<Event, EventError> {
        let length = body.as_ref().map_or(0, Bytes::len);
        within("bytes of a body", length, reading.limits.message_bytes)?;
        match self.mode(headers.clone()) {
            Mode::Structured => json::read(&body.unwrap_or_default(), reading),
            Mode::Binary => self.read_binary(headers, body, reading),
            Mode::Batch => Err(EventError::Mode("batch")),
            Mode::OtherFormat => Err(EventError::Mode("another")),
            Mode::NoEvent => Err(EventError::Missing("specversion")),
        }
    }

    /// Writes an event in binary mode.
    ///
    /// # Errors
    ///
    /// [`EventError::Data`] if the content type names a charset that the text cannot be written in, or is that of an event: readers would
    /// take the data for the event.
    pub fn write(&self, event: &Event) -> Result<Message, EventError> {
        let mut message = Message::default();
        for (name, value) in event.attributes() {
            if name != DATACONTENTTYPE {
                let value = self.encode(&value.to_text());
                message
                    .headers
                    .insert(format!("{}{name}", self.prefix), value);
            }
        }
        let implied = matches!(event.data(), Some(Data::Json(_))).then_some(JSON);
        if let Some(content_type) = event.datacontenttype().or(implied) {
            if let Some(Data::Text(text)) = event.data()
                && !is_written_in_utf8(content_type, text)
            {
                return Err(EventError::Data("cannot be written in its charset"));
            }
            let (name, value) = self.content_type(content_type)?;
            message.headers.insert(name, value);
        }
        message.body = event.data().map(Data::to_bytes);
        Ok(message)
    }

    /// Writes an event in structured mode.
    ///
    /// # Errors
    ///
    /// As [`json::write`].
    pub fn write_structured(&self, event: &Event) -> Result<Message, EventError> {
        let content_type = Bytes::from_static(STRUCTURED_JSON.as_bytes());
        Ok(Message {
            headers: BTreeMap::from([(CONTENT_TYPE.to_owned(), content_type)]),
            body: Some(json::write(event)?),
        })
    }

    fn read_binary<'h>(
        &self,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        body: Option<Bytes>,
        reading: &Reading,
    ) -> Result<Event, EventError> {
        let (attributes, content_type) = self.gather(headers)?;
        let mut reader = Reader::new(reading);
        for (name, value) in &attributes {
            let Some(name) = reader.name(name)? else {
                continue;
            };
            if name == "data" {
                return Err(EventError::Reserved(name.into_owned()));
            }
            let text = self.decode(&name, value)?;
            reader.text(&name, text)?;
        }
        if let Some(value) = content_type {
            let text = utf8(DATACONTENTTYPE, value)?.trim();
            match reader.content_type() {
                None => reader.text(DATACONTENTTYPE, text.to_owned())?,
                Some(prefixed) if self.has_prefixed_content_type || prefixed == text => {}
                Some(_) => return Err(EventError::Duplicate(DATACONTENTTYPE.to_owned())),
            }
        }
        if let Some(body) = body.filter(|body| self.has_absent_body || !body.is_empty()) {
            let data = Data::of_body(body, reader.content_type());
            reader.data(data);
        }
        reader.finish()
    }

    /// The headers that hold attributes, with the names of those, and the one that holds the content type.
    fn gather<'h>(
        &self,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Result<Gathered<'h>, EventError> {
        let mut content_type = None;
        let mut attributes = Vec::new();
        for (header, value) in headers {
            if header.eq_ignore_ascii_case(CONTENT_TYPE) {
                if content_type.replace(value).is_some() {
                    return Err(EventError::Duplicate(DATACONTENTTYPE.to_owned()));
                }
            } else if let Some(name) = self.attribute(header) {
                attributes.push((name, value));
            }
        }
        // Of an event of another version, nothing else that is wrong is worth telling.
        attributes.sort_by_key(|(name, _)| name != "specversion");
        Ok((attributes, content_type))
    }

    /// The header that says what the data is.
    fn content_type(&self, content_type: &str) -> Result<(String, Bytes), EventError> {
        if self.has_prefixed_content_type {
            let name = format!("{}{DATACONTENTTYPE}", self.prefix);
            return Ok((name, self.encode(content_type)));
        }
        if essence(content_type).starts_with(EVENTS) {
            return Err(EventError::Data(
                "is an event itself, by its content type: binary mode cannot tell it from the event around it",
            ));
        }
        let value = Bytes::copy_from_slice(content_type.as_bytes());
        Ok((CONTENT_TYPE.to_owned(), value))
    }

    /// The name of the attribute that a header holds, if it holds one.
    fn attribute<'n>(&self, header: &'n str) -> Option<Cow<'n, str>> {
        [Some(self.prefix), self.prefix_read]
            .into_iter()
            .flatten()
            .find_map(|prefix| {
                let (head, name) = header.split_at_checked(prefix.len())?;
                if self.ignores_case {
                    head.eq_ignore_ascii_case(prefix)
                        .then(|| Cow::Owned(name.to_ascii_lowercase()))
                } else {
                    (head == prefix).then_some(Cow::Borrowed(name))
                }
            })
    }

    fn encode(&self, text: &str) -> Bytes {
        if self.has_percent_encoding {
            percent::encode(text).into()
        } else {
            Bytes::copy_from_slice(text.as_bytes())
        }
    }

    fn decode(&self, name: &str, value: &[u8]) -> Result<String, EventError> {
        let text = utf8(name, value)?;
        if self.has_percent_encoding {
            percent::decode(text).map_err(|problem| EventError::value(name, problem))
        } else {
            Ok(text.to_owned())
        }
    }
}

fn utf8<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, EventError> {
    from_utf8(value).map_err(|_| EventError::value(name, "is not UTF-8"))
}

#[cfg(test)]
mod tests;
