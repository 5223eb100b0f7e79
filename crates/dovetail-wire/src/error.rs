//! What is wrong with JSON, and where.

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::decode;

/// A body is not what the contract says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at {path}: {message}")]
pub struct DecodeError {
    path: String,
    message: String,
}

/// A value is none that JSON can say.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct EncodeError(pub(crate) String);

impl DecodeError {
    /// A place of the body, and what is wrong there.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        // Both may quote the body, which may be megabytes of one text.
        Self {
            path: shortened(path.into()),
            message: shortened(message.into()),
        }
    }

    /// A place of the body, and what a reader said of it.
    #[must_use]
    pub fn json(path: &str, error: &serde_json::Error) -> Self {
        let (path, message) = decode::within(path, &error.to_string());
        Self::new(path, message)
    }

    /// The place in the body, such as `items[2].price`; a full stop is the body itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What is wrong there, without anything that the body says: for logs and dead letters, which more people read than may see what is in
    /// messages.
    #[must_use]
    pub fn without_values(&self) -> String {
        let quotes = ["invalid type: ", "invalid value: ", "invalid length "];
        let message = self.message.as_str();
        // Names of members come from the contract.
        if let Some(name) = message.strip_prefix("missing field `") {
            let name = name.split('`').next().unwrap_or_default();
            return format!("at {}: missing field `{name}`", self.path);
        }
        let expected = message
            .rsplit_once(", expected ")
            .filter(|_| quotes.iter().any(|quote| message.starts_with(quote)))
            .map(|(_, expected)| expected.split(" at line ").next().unwrap_or_default());
        match expected {
            Some(expected) => format!("at {}: expected {expected}", self.path),
            None => format!("at {}: not what the contract says", self.path),
        }
    }
}

/// Reads a value, and where that fails once more, to say where.
///
/// # Errors
///
/// Where the bytes are no JSON, or not what the type says.
pub fn read_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, DecodeError> {
    // The path costs an allocation for each key, so it is only followed once something is known to be wrong.
    serde_json::from_slice(json).map_err(|first| {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Err(error) => DecodeError::json(&error.path().to_string(), error.inner()),
            // What follows the value is wrong, rather than the value.
            Ok(_) => DecodeError::json(".", &first),
        }
    })
}

/// Cuts a text in the middle, since it says what is wrong at its beginning, and what was expected at its end.
fn shortened(text: String) -> String {
    const EACH_END: usize = 512;
    if text.len() <= 2 * EACH_END {
        return text;
    }
    let head = text.floor_char_boundary(EACH_END);
    let tail = text.ceil_char_boundary(text.len() - EACH_END);
    let (head, tail) = (text.get(..head), text.get(tail..));
    format!(
        "{} … {}",
        head.unwrap_or_default(),
        tail.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_without_what_the_body_says() {
        #[derive(Debug, PartialEq)]
        struct Card {
            number: u8,
            holder: Option<String>,
        }
        crate::object! { Card { required { 0 number: "number" } optional { 1 holder: "holder" } } }

        let rows = [
            (
                r#"{"number":"4111, expected 4112"}"#,
                "at number: expected u8",
            ),
            (r#"{"number":4111}"#, "at number: expected u8"),
            (r#"{"holder":"me"}"#, "at .: missing field `number`"),
            (r#"{"number":1,"holder":7}"#, "at holder: expected a string"),
        ];
        for (body, expected) in rows {
            let error = read_json::<Card>(body.as_bytes()).expect_err("not a card");
            assert_eq!(error.without_values(), expected, "{body}");
        }
        let quoting = DecodeError::new("card", "`4111` is no decimal, expected 4112");
        assert_eq!(
            quoting.without_values(),
            "at card: not what the contract says"
        );
    }
}
