//! How generated types are written: member by member, through code that is compiled once.

use std::{collections::BTreeMap, fmt};

use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap},
};
use serde_json::value::{RawValue, to_raw_value};

use crate::{decode::Variant, types::Patch};

/// Begins an object. [`object!`](crate::object) does so from a table.
///
/// ```
/// use dovetail_wire::encode;
/// use serde::{Serialize, Serializer};
///
/// struct Order { id: String, note: Option<String> }
///
/// impl Serialize for Order {
///     fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
///         encode::object(serializer).required("id", &self.id).optional("note", &self.note).end()
///     }
/// }
///
/// let json = serde_json::to_string(&Order { id: "o-1".into(), note: None })?;
/// assert_eq!(json, r#"{"id":"o-1"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn object<S: Serializer>(serializer: S) -> Members<S> {
    Members(serializer.serialize_map(None))
}

/// The members of an object that is being written. The first that cannot be written is what comes of it.
pub struct Members<S: Serializer>(Result<S::SerializeMap, S::Error>);

impl<S: Serializer> Members<S> {
    /// Writes a member. `None` is null.
    #[must_use]
    pub fn required<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        if let Ok(map) = &mut self.0
            && let Err(error) = map.serialize_entry(name, value)
        {
            self.0 = Err(error);
        }
        self
    }

    /// Writes a member, unless there is nothing to write.
    #[must_use]
    pub fn optional<T: Omit>(self, name: &str, value: &T) -> Self {
        if value.is_omitted() {
            self
        } else {
            self.required(name, value)
        }
    }

    /// Writes the members of a map.
    #[must_use]
    pub fn rest<T: Serialize>(self, members: &BTreeMap<String, T>) -> Self {
        members
            .iter()
            .fold(self, |object, (name, value)| object.required(name, value))
    }

    /// Ends the object.
    ///
    /// # Errors
    ///
    /// What the serializer said of the first member that it could not write.
    pub fn end(self) -> Result<S::Ok, S::Error> {
        self.0?.end()
    }
}

impl<S: Serializer> fmt::Debug for Members<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Members")
            .field("is_ok", &self.0.is_ok())
            .finish_non_exhaustive()
    }
}

/// The value of a member that may be left out.
pub trait Omit: Serialize {
    /// Whether it is.
    fn is_omitted(&self) -> bool;
}

impl<T: Serialize> Omit for Option<T> {
    fn is_omitted(&self) -> bool {
        self.is_none()
    }
}

impl<T: Serialize> Omit for Patch<T> {
    fn is_omitted(&self) -> bool {
        self.is_absent()
    }
}

/// Writes an object of a union together with the discriminator that names it, unless the object says that member itself.
///
/// ```
/// use dovetail_wire::encode;
/// use serde::{Serialize, Serializer};
///
/// #[derive(Serialize)]
/// struct Card { last4: &'static str }
///
/// enum Payment { Card(Card) }
///
/// impl Serialize for Payment {
///     fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
///         match self {
///             Self::Card(value) => encode::tagged(value, "kind", "card", serializer),
///         }
///     }
/// }
///
/// let json = serde_json::to_string(&Payment::Card(Card { last4: "4242" }))?;
/// assert_eq!(json, r#"{"kind":"card","last4":"4242"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
///
/// What the serializer says, and where the value cannot be written as JSON.
pub fn tagged<T: Serialize, S: Serializer>(
    value: &T,
    member: &str,
    tag: &str,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let raw = to_raw_value(value).map_err(S::Error::custom)?;
    let members = raw
        .get()
        .strip_prefix('{')
        .filter(|_| !Variant::says(&raw, member));
    let Some(members) = members else {
        return raw.serialize(serializer);
    };
    let name = to_raw_value(member).map_err(S::Error::custom)?;
    let tag = to_raw_value(tag).map_err(S::Error::custom)?;
    let comma = if members == "}" { "" } else { "," };
    let text = format!("{{{}:{}{comma}{members}", name.get(), tag.get());
    RawValue::from_string(text)
        .map_err(S::Error::custom)?
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tagged(serde_json::Value);

    impl Serialize for Tagged {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            tagged(&self.0, "ki\"nd", "c\\at", serializer)
        }
    }

    #[test]
    fn a_tag_is_written_once_and_only_into_objects() {
        let rows = [
            (r#"{}"#, r#"{"ki\"nd":"c\\at"}"#),
            (r#"{"a":1}"#, r#"{"ki\"nd":"c\\at","a":1}"#),
            (r#"{"ki\"nd":"own"}"#, r#"{"ki\"nd":"own"}"#),
            (
                r#"{"a":{"ki\"nd":1}}"#,
                r#"{"ki\"nd":"c\\at","a":{"ki\"nd":1}}"#,
            ),
            ("[1]", "[1]"),
        ];
        for (plain, expected) in rows {
            let value = serde_json::from_str(plain).unwrap();
            assert_eq!(serde_json::to_string(&Tagged(value)).unwrap(), expected);
        }
    }
}
