//! Events as JSON documents: one alone in structured mode, many in an array in batch mode.

use std::{borrow::Cow, fmt, str::from_utf8};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::{Error as _, SerializeMap},
};
use serde_json::value::RawValue;

use super::{
    Attribute, Data, Event, EventError, JsonText, Limits, Reading, Value, attribute::RESERVED,
    error::within, media_type, reader::Reader,
};

/// Reads an event in structured mode.
///
/// # Errors
///
/// What is wrong with it, or [`EventError::TooLarge`].
pub fn read(document: &[u8], reading: &Reading) -> Result<Event, EventError> {
    read_text(text_of(document, &reading.limits)?, reading)
}

/// Reads events in batch mode: all of them, or none.
///
/// # Errors
///
/// [`EventError::InBatch`] with the first that is wrong, or what is wrong with the batch itself.
pub fn read_batch(document: &[u8], reading: &Reading) -> Result<Vec<Event>, EventError> {
    let limits = &reading.limits;
    let text = text_of(document, limits)?;
    let items: Items<'_> = serde_json::from_str(text).map_err(|error| EventError::json(&error))?;
    within("events of a batch", items.0.len(), limits.batch_events)?;
    let events = items.0.iter().enumerate().map(|(index, item)| {
        read_text(item.get(), reading).map_err(|source| EventError::InBatch {
            index,
            source: Box::new(source),
        })
    });
    events.collect()
}

/// Writes an event in structured mode, whose media type is [`STRUCTURED_JSON`](super::STRUCTURED_JSON).
///
/// # Errors
///
/// [`EventError::Json`], which no event that was read or built comes to.
pub fn write(event: &Event) -> Result<Bytes, EventError> {
    let document =
        serde_json::to_vec(&Document(event)).map_err(|error| EventError::json(&error))?;
    Ok(document.into())
}

/// Writes events in batch mode, whose media type is [`BATCH_JSON`](super::BATCH_JSON).
///
/// # Errors
///
/// As [`write()`].
pub fn write_batch(events: &[Event]) -> Result<Bytes, EventError> {
    let documents: Vec<_> = events.iter().map(Document).collect();
    let document = serde_json::to_vec(&documents).map_err(|error| EventError::json(&error))?;
    Ok(document.into())
}

fn text_of<'a>(document: &'a [u8], limits: &Limits) -> Result<&'a str, EventError> {
    within("bytes of a document", document.len(), limits.message_bytes)?;
    from_utf8(document).map_err(|_| EventError::Json {
        message: "it is not UTF-8".to_owned(),
        line: 0,
        column: 0,
    })
}

fn read_text(text: &str, reading: &Reading) -> Result<Event, EventError> {
    let mut members: Members<'_> =
        serde_json::from_str(text).map_err(|error| EventError::json(&error))?;
    // A member more for the data.
    let limit = reading.limits.attributes.saturating_add(1);
    within("members of an event", members.count, limit)?;
    // Of an event of another version, nothing else that is wrong is worth telling.
    members
        .members
        .sort_by_key(|(name, _)| name != "specversion");
    let mut reader = Reader::new(reading);
    let (mut data, mut base64) = (None, None);
    for (name, value) in &members.members {
        let place = match name.as_ref() {
            "data" => &mut data,
            "data_base64" => &mut base64,
            name => {
                read_attribute(&mut reader, name, value)?;
                continue;
            }
        };
        if place.replace(*value).is_some() {
            return Err(EventError::Duplicate(name.clone().into_owned()));
        }
    }
    // Only what is no attribute may be null and be there all the same.
    let base64 = base64.filter(|value| !is_null(value));
    if let Some(data) = read_data(data, base64, reader.content_type())? {
        reader.data(data);
    }
    reader.finish()
}

fn read_attribute(reader: &mut Reader<'_>, name: &str, value: &RawValue) -> Result<(), EventError> {
    let Some(name) = reader.name(name)? else {
        return Ok(());
    };
    let is_reserved = RESERVED.contains(&name.as_ref());
    match Scalar::read(&name, value) {
        Ok(Scalar::Null) => {}
        Ok(Scalar::String(text)) => reader.text(&name, text)?,
        Ok(Scalar::Other(_)) | Err(_) if is_reserved => {
            return Err(EventError::value(&name, "is not a string"));
        }
        Ok(Scalar::Other(value)) => reader.extension(&name, value),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What the value of an attribute is in JSON.
enum Scalar {
    Null,
    String(String),
    Other(Value),
}

impl Scalar {
    fn read(name: &str, value: &RawValue) -> Result<Self, EventError> {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'n') => Ok(Self::Null),
            Some(b't') => Ok(Self::Other(Value::Boolean(true))),
            Some(b'f') => Ok(Self::Other(Value::Boolean(false))),
            Some(b'"') => serde_json::from_str(text)
                .map(Self::String)
                .map_err(|_| EventError::value(name, "is not a string of Unicode characters")),
            // Not by way of a double: 42.0 and 1e3 are no integers here, and a large one must not be rounded.
            Some(b'-' | b'0'..=b'9') => text
                .parse()
                .map(|integer| Self::Other(Value::Integer(integer)))
                .map_err(|_| EventError::value(name, "is not a whole number of 32 bits")),
            _ => Err(EventError::value(
                name,
                "is neither a string, nor a boolean, nor an integer",
            )),
        }
    }
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn read_data(
    data: Option<&RawValue>,
    base64: Option<&RawValue>,
    content_type: Option<&str>,
) -> Result<Option<Data>, EventError> {
    let string = |value: &RawValue, problem| {
        serde_json::from_str::<String>(value.get()).map_err(|_| EventError::Data(problem))
    };
    match (data, base64) {
        (Some(_), Some(_)) => Err(EventError::Data(
            "is there twice, as `data` and as `data_base64`",
        )),
        (None, None) => Ok(None),
        (None, Some(base64)) => {
            let text = string(base64, "in `data_base64` is not a string")?;
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| EventError::Data("in `data_base64` is not Base64"))?;
            Ok(Some(Data::Binary(bytes.into())))
        }
        (Some(value), None) if content_type.is_none_or(media_type::is_json) => {
            Ok(Some(Data::Json(JsonText::of_raw(value))))
        }
        (Some(value), None) => {
            let text = string(value, "is not a string, and its content type is not JSON")?;
            Ok(Some(Data::Text(text)))
        }
    }
}

/// The members of an object in their order, repeated ones included, as far as their number is reasonable.
struct Members<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    count: usize,
}

/// How many members are kept, whatever the limits are: more of them cannot be within any.
const MEMBERS_KEPT: usize = 64 * 1024;

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                let mut count = 0;
                while let Some(Name(name)) = map.next_key()? {
                    count += 1;
                    if members.len() < MEMBERS_KEPT {
                        members.push((name, map.next_value()?));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Members { members, count })
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A name, borrowed from the document unless it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The items of an array.
struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;

        impl<'de> Visitor<'de> for Array {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of events")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut sequence: A,
            ) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = sequence.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }

        deserializer.deserialize_seq(Array)
    }
}

/// An event as it is written in structured mode.
struct Document<'a>(&'a Event);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.attributes() {
            match value {
                Attribute::Boolean(value) => map.serialize_entry(name, &value)?,
                Attribute::Integer(value) => map.serialize_entry(name, &value)?,
                Attribute::Text(_) | Attribute::Binary(_) => {
                    map.serialize_entry(name, &value.to_text())?;
                }
            }
        }
        match self.0.data() {
            Some(Data::Json(json)) => {
                let text = json.as_str();
                let raw: &RawValue = serde_json::from_str(&text).map_err(S::Error::custom)?;
                map.serialize_entry("data", raw)?;
            }
            Some(Data::Text(text)) => map.serialize_entry("data", text)?,
            Some(Data::Binary(bytes)) => {
                map.serialize_entry("data_base64", &STANDARD.encode(bytes))?;
            }
            None => {}
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
