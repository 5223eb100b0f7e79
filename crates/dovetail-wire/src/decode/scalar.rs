//! Enums of strings.

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

use crate::types::UnknownValue;

/// Reads an enum whose values may grow: what `known` does not name becomes `unknown`.
///
/// # Errors
///
/// Where the value is not a string.
pub fn open_enum<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    known: fn(&str) -> Option<T>,
    unknown: fn(UnknownValue) -> T,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Words {
        known,
        unknown: Some(unknown),
    })
}

/// Reads an enum whose values are fixed.
///
/// # Errors
///
/// Where the value is not a string that `known` names.
pub fn closed_enum<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    known: fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Words {
        known,
        unknown: None,
    })
}

/// Function pointers rather than closures, so that this is compiled once for each type.
struct Words<T> {
    known: fn(&str) -> Option<T>,
    unknown: Option<fn(UnknownValue) -> T>,
}

impl<T> Visitor<'_> for Words<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.unknown.is_some() {
            "a string"
        } else {
            "a value that the contract names"
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        match ((self.known)(text), self.unknown) {
            (Some(value), _) => Ok(value),
            (None, Some(unknown)) => Ok(unknown(UnknownValue::new(text))),
            (None, None) => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}
