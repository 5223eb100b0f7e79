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
/// Formats without types, such as headers, give every value as a [`Value::String`]; JSON tells booleans and integers apart. Whoever knows the
/// type of an extension asks [`Value::as_attribute`] for it, and gets it from either.
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

    /// The boolean that the value is, or that its text stands for.
    #[must_use]
    pub fn to_boolean(self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(value),
            Self::Text("true") => Some(true),
            Self::Text("false") => Some(false),
            _ => None,
        }
    }

    /// The number that the value is, or that its text stands for.
    #[must_use]
    pub fn to_integer(self) -> Option<i32> {
        match self {
            Self::Integer(value) => Some(value),
            // There is one text for each number: without a plus, and without zeros before it.
            Self::Text(text) => text
                .parse()
                .ok()
                .filter(|value: &i32| value.to_string() == text),
            _ => None,
        }
    }

    /// The bytes that the value is, or that its text stands for in Base64.
    #[must_use]
    pub fn to_binary(self) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Binary(bytes) => Some(Cow::Borrowed(bytes)),
            Self::Text(text) => STANDARD.decode(text).ok().map(Cow::Owned),
            _ => None,
        }
    }

    /// The moment that the text of the value stands for.
    #[must_use]
    pub fn to_timestamp(self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => Timestamp::parse(text),
            _ => None,
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
    fn a_value_is_found_again_in_its_text() {
        let moment = Timestamp::parse("2018-04-26T14:48:09+02:00").expect("a moment");
        let values = [
            Value::from(true),
            Value::from(false),
            Value::from(0),
            Value::from(i32::MIN),
            Value::from(Bytes::from_static(&[0, 255])),
            Value::from(moment.clone()),
        ];
        for value in &values {
            let typed = value.as_attribute();
            let text = typed.to_text();
            let read = Attribute::Text(&text);
            match typed {
                Attribute::Boolean(value) => assert_eq!(read.to_boolean(), Some(value)),
                Attribute::Integer(value) => assert_eq!(read.to_integer(), Some(value)),
                Attribute::Binary(bytes) => assert_eq!(read.to_binary().as_deref(), Some(bytes)),
                Attribute::Text(_) => assert_eq!(read.to_timestamp(), Some(moment.clone())),
            }
        }
        for text in ["TRUE", "1", ""] {
            assert_eq!(Attribute::Text(text).to_boolean(), None, "{text}");
        }
        for text in ["+1", "01", "-0", "1.0", "2147483648", ""] {
            assert_eq!(Attribute::Text(text).to_integer(), None, "{text}");
        }
        assert_eq!(Attribute::Text("e30").to_binary(), None);
        assert_eq!(Attribute::Integer(1).to_boolean(), None);
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
