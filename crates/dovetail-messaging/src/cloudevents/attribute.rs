//! What an attribute is called, and the types that its value may have.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{EventError, Timestamp, uri};

/// The length of a name that the specification recommends not to exceed.
pub const NAME_LENGTH_RECOMMENDED: usize = 20;

/// The attributes that the specification itself defines, and the names that it keeps for data.
pub(super) const RESERVED: [&str; 9] = [
    "specversion",
    "id",
    "source",
    "type",
    "datacontenttype",
    "dataschema",
    "subject",
    "time",
    "data",
];

/// The value of an extension.
///
/// Formats without types, such as headers, give every value as a [`Value::String`]; JSON tells booleans and integers apart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// Text without control characters.
    String(String),
    /// True or false.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// Bytes; text formats write them in Base64.
    Binary(Bytes),
    /// A URI with its scheme.
    Uri(String),
    /// A URI, or a reference relative to one.
    UriRef(String),
    /// A moment.
    Timestamp(Timestamp),
}

/// An attribute of an event as filters and headers see it: a URI or a time is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// Text, or what is written as such.
    Text(&'a str),
    /// True or false.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// Bytes.
    Binary(&'a [u8]),
}

impl Value {
    /// The value, without its bytes copied.
    #[must_use]
    pub fn as_attribute(&self) -> Attribute<'_> {
        match self {
            Self::String(text) | Self::Uri(text) | Self::UriRef(text) => Attribute::Text(text),
            Self::Boolean(value) => Attribute::Boolean(*value),
            Self::Integer(value) => Attribute::Integer(*value),
            Self::Binary(bytes) => Attribute::Binary(bytes),
            Self::Timestamp(time) => Attribute::Text(time.as_str()),
        }
    }

    /// Refuses what its type does not allow.
    pub(super) fn check(&self, name: &str) -> Result<(), EventError> {
        match self {
            Self::String(text) => check_text(name, text),
            Self::Uri(text) if !uri::is_absolute(text) => {
                Err(EventError::value(name, "is not a URI with its scheme"))
            }
            Self::UriRef(text) if !uri::is_reference(text) => {
                Err(EventError::value(name, "is not a URI-reference"))
            }
            _ => Ok(()),
        }
    }
}

impl<'a> Attribute<'a> {
    /// The text that stands for the value wherever there are no types.
    #[must_use]
    pub fn to_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
            Self::Integer(value) => Cow::Owned(value.to_string()),
            Self::Binary(bytes) => Cow::Owned(STANDARD.encode(bytes)),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Timestamp(time)
    }
}

/// Whether the text may be the name of an attribute.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Refuses what may not be the name of an extension.
pub(super) fn check_extension_name(name: &str) -> Result<(), EventError> {
    if !is_name(name) {
        return Err(EventError::Name(name.to_owned()));
    }
    if RESERVED.contains(&name) {
        return Err(EventError::Reserved(name.to_owned()));
    }
    Ok(())
}

/// Refuses the characters that the specification excludes from text: control characters, and code points that are no characters.
pub(super) fn check_text(name: &str, text: &str) -> Result<(), EventError> {
    let is_excluded = |c: char| {
        c.is_control()
            || matches!(c, '\u{fdd0}'..='\u{fdef}')
            || matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff)
    };
    if text.contains(is_excluded) {
        return Err(EventError::value(
            name,
            "has a control character, or a code point that is no character",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_letters_and_digits() {
        for (name, holds) in [
            ("a", true),
            ("comexampleextension1", true),
            ("1", true),
            ("", false),
            ("aString", false),
            ("a_b", false),
            ("a-b", false),
            ("é", false),
        ] {
            assert_eq!(check_extension_name(name).is_ok(), holds, "{name}");
        }
        assert_eq!(
            check_extension_name("data"),
            Err(EventError::Reserved("data".to_owned()))
        );
    }

    #[test]
    fn text_has_no_control_characters() {
        for (text, holds) in [
            ("", true),
            ("é 😀 \u{a0}", true),
            ("a\nb", false),
            ("\u{7f}", false),
            ("\u{9f}", false),
            ("\u{fdd0}", false),
            ("\u{1ffff}", false),
        ] {
            assert_eq!(check_text("a", text).is_ok(), holds, "{text:?}");
        }
    }
}
