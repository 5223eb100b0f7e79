//! A value as a URL can say it: text, lists, and members by name.

use std::fmt;

use serde::{
    Deserialize, Serialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// A value taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Flat {
    /// Nothing to send.
    Absent,
    Text(String),
    /// A number, `true` or `false`, as JSON writes it.
    Literal(String),
    List(Vec<Flat>),
    Object(Vec<(String, Flat)>),
}

impl Flat {
    /// Takes a value apart. Going through JSON text keeps the order of members and the digits of numbers.
    pub(crate) fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, String> {
        let json = serde_json::to_string(value).map_err(|error| error.to_string())?;
        let raw: &RawValue = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        Self::read(raw).map_err(|error| error.to_string())
    }

    fn read(raw: &RawValue) -> Result<Self, serde_json::Error> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'n') => Ok(Self::Absent),
            Some(b'"') => serde_json::from_str(text).map(Self::Text),
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_str(text)?;
                elements
                    .into_iter()
                    .map(Self::read)
                    .collect::<Result<_, _>>()
                    .map(Self::List)
            }
            Some(b'{') => {
                let members: Members<'_> = serde_json::from_str(text)?;
                let read = |(name, raw): (String, &RawValue)| Ok((name, Self::read(raw)?));
                members
                    .0
                    .into_iter()
                    .map(read)
                    .collect::<Result<_, _>>()
                    .map(Self::Object)
            }
            _ => Ok(Self::Literal(text.to_owned())),
        }
    }

    /// The text, where the value is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Literal(text) => Some(text),
            Self::Absent | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The value as JSON again.
    pub(crate) fn to_json(&self) -> String {
        match self {
            Self::Absent => "null".to_owned(),
            Self::Text(text) => quoted(text),
            Self::Literal(text) => text.clone(),
            Self::List(elements) => {
                let elements: Vec<String> = elements.iter().map(Self::to_json).collect();
                format!("[{}]", elements.join(","))
            }
            Self::Object(members) => {
                let member = |(name, value): &(String, Self)| {
                    format!("{}:{}", quoted(name), value.to_json())
                };
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The members of an object in the order of the text.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}
