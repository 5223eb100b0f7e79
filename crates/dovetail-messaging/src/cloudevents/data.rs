//! What an event carries: JSON as text, other text, or bytes.

use std::{borrow::Cow, fmt, str::from_utf8};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{EventError, media_type};

/// The data of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data {
    /// A JSON value, of a content type that declares JSON or of none.
    Json(JsonText),
    /// Text of a content type that is not JSON.
    Text(String),
    /// Bytes of any content type, or of none.
    Binary(Bytes),
}

impl Data {
    /// A value as JSON.
    ///
    /// # Errors
    ///
    /// [`EventError::Data`] if the value has no JSON, such as a map whose keys are no text.
    pub fn json(value: &impl Serialize) -> Result<Self, EventError> {
        let text = serde_json::to_string(value)
            .map_err(|_| EventError::Data("cannot be written as JSON"))?;
        Ok(Self::Json(JsonText(Repr::Text(text))))
    }

    /// The data that a body of this content type is: JSON and text where it is both declared and well-formed, and bytes otherwise.
    pub(crate) fn of_body(body: Bytes, content_type: Option<&str>) -> Self {
        let Some(content_type) = content_type else {
            return Self::Binary(body);
        };
        if media_type::is_json(content_type) {
            return match JsonText::of_bytes(body) {
                Ok(json) => Self::Json(json),
                Err(body) => Self::Binary(body),
            };
        }
        match from_utf8(&body) {
            Ok(text)
                if media_type::is_text(content_type)
                    && media_type::is_written_in_utf8(content_type, text) =>
            {
                Self::Text(text.to_owned())
            }
            _ => Self::Binary(body),
        }
    }

    /// The data as the body of a message.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Json(json) => json.as_bytes(),
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The data as the body of a message, copied where it must be.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Json(JsonText(Repr::Bytes(bytes))) | Self::Binary(bytes) => bytes.clone(),
            Self::Json(_) | Self::Text(_) => Bytes::copy_from_slice(self.as_bytes()),
        }
    }

    /// Decodes the data as JSON, whichever way it came: as a value, or as bytes that hold one.
    ///
    /// # Errors
    ///
    /// [`EventError::Json`] with the place of what does not fit.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, EventError> {
        serde_json::from_slice(self.as_bytes()).map_err(|error| EventError::json(&error))
    }
}

/// A well-formed JSON value, kept as its text: numbers keep all of their digits. Whitespace around it is not part of it.
#[derive(Clone)]
pub struct JsonText(Repr);

// Either way well-formed JSON in UTF-8.
#[derive(Clone)]
enum Repr {
    Text(String),
    Bytes(Bytes),
}

impl JsonText {
    /// Reads a JSON value.
    ///
    /// # Errors
    ///
    /// [`EventError::Json`] if the text is none.
    pub fn parse(text: impl Into<String>) -> Result<Self, EventError> {
        let text = text.into();
        let value = check(text.as_bytes()).map_err(|error| EventError::json(&error))?;
        if value.get().len() == text.len() {
            Ok(Self(Repr::Text(text)))
        } else {
            Ok(Self::of_raw(value))
        }
    }

    /// The bytes as a JSON value, or as they are if they are none.
    fn of_bytes(bytes: Bytes) -> Result<Self, Bytes> {
        match check(&bytes) {
            Ok(value) => {
                let value = bytes.slice_ref(value.get().as_bytes());
                Ok(Self(Repr::Bytes(value)))
            }
            Err(_) => Err(bytes),
        }
    }

    /// A value that a document was found to have.
    pub(super) fn of_raw(value: &RawValue) -> Self {
        Self(Repr::Text(value.get().to_owned()))
    }

    /// The text of the value, in UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Text(text) => text.as_bytes(),
            Repr::Bytes(bytes) => bytes,
        }
    }

    /// The text of the value.
    #[must_use]
    pub fn as_str(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Text(text) => Cow::Borrowed(text),
            // Always borrowed, for only well-formed UTF-8 is kept.
            Repr::Bytes(bytes) => String::from_utf8_lossy(bytes),
        }
    }
}

/// The one JSON value that the bytes are, without the whitespace around it. Nothing is built, so nothing is deep.
fn check(bytes: &[u8]) -> Result<&RawValue, serde_json::Error> {
    serde_json::from_slice(bytes)
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonText").field(&self.as_str()).finish()
    }
}

impl PartialEq for JsonText {
    /// Equal are values that are written alike.
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for JsonText {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_what_its_content_type_declares_as_far_as_it_holds() {
        let body = |text: &'static str, content_type| {
            Data::of_body(Bytes::from_static(text.as_bytes()), content_type)
        };
        let is_binary = |data| matches!(data, Data::Binary(_));
        assert!(matches!(
            body("[1]", Some("application/json")),
            Data::Json(_)
        ));
        assert!(is_binary(body("[1", Some("application/json"))));
        assert!(is_binary(body("", Some("application/json"))));
        assert!(matches!(body("é", Some("text/plain")), Data::Text(_)));
        assert!(is_binary(body("é", Some("text/plain; charset=us-ascii"))));
        assert!(is_binary(body("a", Some("text/plain; charset=utf-16"))));
        assert!(is_binary(body("a", Some("image/png"))));
        assert!(is_binary(body("{}", None)));
        let broken = Bytes::from_static(b"\"\xff\"");
        assert!(is_binary(Data::of_body(broken, Some("application/json"))));
    }

    #[test]
    fn json_keeps_its_digits_and_is_decoded_from_any_kind_of_data() {
        let text = "{\"n\":12345678901234567890.10}";
        let json = JsonText::parse(text).expect("it is JSON");
        assert_eq!(json.as_str(), text);
        assert_eq!(Data::Binary(Bytes::from("[1,2]")).decode(), Ok([1, 2]));
        assert_eq!(
            Data::json(&[1, 2]).and_then(|data| data.decode()),
            Ok([1, 2])
        );
        assert_eq!(JsonText::parse(" [1] \n"), JsonText::parse("[1]"));
        let body = Data::of_body(Bytes::from_static(b"\n[1] "), Some("text/json"));
        assert_eq!(body.as_bytes(), b"[1]");
        assert!(JsonText::parse("{} {}").is_err());
    }

    #[test]
    fn depth_is_refused_rather_than_descended() {
        let deep = "[".repeat(100_000);
        assert!(JsonText::parse(deep.clone()).is_err());
        let whole = format!("{deep}{}", "]".repeat(100_000));
        let json = Data::Json(JsonText::parse(whole).expect("it is JSON"));
        assert!(json.decode::<serde_json::Value>().is_err());
    }
}
