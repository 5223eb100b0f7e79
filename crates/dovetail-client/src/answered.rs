//! Answers of which the headers count, too.

use std::ops::Deref;

use http::HeaderMap;
use serde::de::DeserializeOwned;

use crate::{
    error::DecodeError,
    pagination::{NextLink, next_link},
    response::{DecodeResult, Response},
};

/// A body with the headers that the contract declares beside it. It can be used as the body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered<T, H> {
    /// The body, or the stream of it.
    pub body: T,
    /// The headers.
    pub headers: H,
}

impl<T, H> Answered<T, H> {
    /// A body with its headers, for tests of who reads them.
    #[must_use]
    pub const fn new(body: T, headers: H) -> Self {
        Self { body, headers }
    }

    /// The body alone.
    #[must_use]
    pub fn into_body(self) -> T {
        self.body
    }
}

impl<T, H> Deref for Answered<T, H> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.body
    }
}

impl<T, H: FromHeaders> Answered<T, H> {
    /// Reads the body, and then the headers where the status says that they are there.
    pub(crate) fn read(
        response: &Response,
        read: impl FnOnce(&Response) -> DecodeResult<T>,
    ) -> DecodeResult<Self> {
        let Some(body) = read(response)? else {
            return Ok(None);
        };
        let headers = H::from_headers(&Headers::new(response.headers()))?;
        Ok(Some(Self { body, headers }))
    }
}

/// The headers that an answer declares, as a type.
///
/// ```
/// # use dovetail_client::{DecodeError, FromHeaders, Headers};
/// struct ListOrdersHeaders {
///     rate_limit: u32,
///     next: Option<String>,
/// }
///
/// impl FromHeaders for ListOrdersHeaders {
///     fn from_headers(headers: &Headers<'_>) -> Result<Self, DecodeError> {
///         Ok(Self {
///             rate_limit: headers.required("x-rate-limit")?,
///             next: headers.optional("x-next")?,
///         })
///     }
/// }
/// ```
pub trait FromHeaders: Sized {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] naming the header that is not what the contract says.
    fn from_headers(headers: &Headers<'_>) -> Result<Self, DecodeError>;
}

/// For those who want them all.
impl FromHeaders for HeaderMap {
    fn from_headers(headers: &Headers<'_>) -> Result<Self, DecodeError> {
        Ok(headers.map.clone())
    }
}

/// The headers of an answer, read by name. A value is text, or a number or boolean as JSON writes it.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a> {
    map: &'a HeaderMap,
}

impl<'a> Headers<'a> {
    /// Reads these headers.
    #[must_use]
    pub const fn new(map: &'a HeaderMap) -> Self {
        Self { map }
    }

    /// Reads a header that must be there.
    ///
    /// # Errors
    ///
    /// Where it is not there, or not what its type says.
    pub fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, DecodeError> {
        self.optional(name)?.ok_or_else(|| missing(name))
    }

    /// Reads a header that may be left out.
    ///
    /// # Errors
    ///
    /// Where it is not what its type says.
    pub fn optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, DecodeError> {
        let text = self.text(name)?;
        text.map(|text| read(&place(name), text.trim())).transpose()
    }

    /// Reads a header that must be there, as a list with commas.
    ///
    /// # Errors
    ///
    /// Where it is not there, or an element is not what its type says.
    pub fn required_list<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, DecodeError> {
        self.optional_list(name)?.ok_or_else(|| missing(name))
    }

    /// Reads a header that may be left out, as a list with commas.
    ///
    /// # Errors
    ///
    /// Where an element is not what its type says.
    pub fn optional_list<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let elements = text.split(',').map(str::trim);
        let elements = elements.filter(|element| !element.is_empty());
        let elements = elements.map(|element| read(&place(name), element));
        elements.collect::<Result<_, _>>().map(Some)
    }

    /// Where the next page of a list is, if the answer links to it.
    #[must_use]
    pub fn next_link(&self) -> Option<NextLink> {
        next_link(self.map)
    }

    /// The text of a header. One that stands several times is one list (RFC 9110, section 5.3).
    fn text(&self, name: &str) -> Result<Option<String>, DecodeError> {
        let mut text: Option<String> = None;
        for value in self.map.get_all(name) {
            let value = std::str::from_utf8(value.as_bytes())
                .map_err(|_| DecodeError::new(place(name), "it is not UTF-8"))?;
            match &mut text {
                None => text = Some(value.to_owned()),
                Some(text) => {
                    text.push_str(", ");
                    text.push_str(value);
                }
            }
        }
        Ok(text)
    }
}

/// Reads a value as text, or else as a number or boolean.
pub(crate) fn read<T: DeserializeOwned>(place: &str, text: &str) -> Result<T, DecodeError> {
    let quoted = serde_json::Value::from(text).to_string();
    let refused = match serde_json::from_str(&quoted) {
        Ok(value) => return Ok(value),
        Err(refused) => refused,
    };
    let is_literal = !text.starts_with(['"', '[', '{', 'n']);
    match serde_json::from_str(text) {
        Ok(value) if is_literal => Ok(value),
        // What is no JSON at all was meant as text.
        Err(error) if is_literal && error.is_data() => Err(DecodeError::json(place, &error)),
        _ => Err(DecodeError::json(place, &refused)),
    }
}

fn missing(name: &str) -> DecodeError {
    DecodeError::new(place(name), "it is not there")
}

fn place(name: &str) -> String {
    format!("header {name}")
}

#[cfg(test)]
mod tests;
