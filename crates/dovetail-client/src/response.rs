//! An answer of a service, read whole, and how it is taken apart.

use std::fmt;

use bytes::Bytes;
use dovetail_wire::read_json;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;

use crate::{error::DecodeError, headers::telling};

/// What an answer holds, if its status says that it holds it.
pub type DecodeResult<T> = Result<Option<T>, DecodeError>;

/// An answer: status, headers, and a body that is no longer than the client allows.
#[derive(Clone, Default)]
pub struct Response {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body and most headers may hold what no log should.
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &telling(&self.headers))
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Response {
    /// An answer without headers and body, for transports.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// The same with these headers.
    #[must_use]
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(self, body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status says that all went well.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// All headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(crate) fn into_headers(self) -> HeaderMap {
        self.headers
    }

    /// A header as text, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as it came.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The media type without its parameters, in lower case: `application/json`.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let content_type = self.header("content-type")?;
        let media_type = content_type.split(';').next().unwrap_or_default();
        Some(media_type.trim().to_ascii_lowercase())
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where the body calls itself something else, or does not decode; with the path of the place.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        if let Some(media_type) = self.media_type().filter(|media_type| !is_json(media_type)) {
            return Err(no_json(&media_type));
        }
        read_json(&self.body)
    }

    /// Reads the body as text.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where it is not UTF-8.
    pub fn text(&self) -> Result<String, DecodeError> {
        match std::str::from_utf8(&self.body) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(no_text(error.valid_up_to())),
        }
    }
}

/// A body of another media type.
pub(crate) fn no_json(media_type: &str) -> DecodeError {
    DecodeError::new(".", format!("the body is {media_type} instead of JSON"))
}

/// A body that is no text from this byte on.
pub(crate) fn no_text(offset: usize) -> DecodeError {
    DecodeError::new(".", format!("the body is not UTF-8 from byte {offset} on"))
}

/// Whether a media type is JSON, or a format written in it.
pub(crate) fn is_json(media_type: &str) -> bool {
    matches!(media_type, "application/json" | "text/json") || media_type.ends_with("+json")
}

/// An answer that the contract calls a refusal: one type per operation, chosen by status and never by shape.
///
/// ```
/// # use dovetail_client::{DecodeResult, Refusal, Response};
/// # use serde::Deserialize;
/// # #[derive(Debug, Deserialize)]
/// # struct Problem { title: String }
/// #[derive(Debug)]
/// #[non_exhaustive]
/// enum GetOrderError {
///     NotFound(Problem),
/// }
///
/// impl Refusal for GetOrderError {
///     fn decode(response: &Response) -> DecodeResult<Self> {
///         match response.status() {
///             404 => response.json().map(Self::NotFound).map(Some),
///             _ => Ok(None),
///         }
///     }
/// }
/// # impl std::fmt::Display for GetOrderError {
/// #     fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) }
/// # }
/// # impl std::error::Error for GetOrderError {}
/// ```
pub trait Refusal: std::error::Error + Sized + Send + Sync + 'static {
    /// Reads the refusal that the contract declares for the status, if it declares one.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where the body is not what the contract says.
    fn decode(response: &Response) -> DecodeResult<Self>;
}

/// The refusals of an operation whose contract declares none. There is no value of this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undeclared {}

impl Refusal for Undeclared {
    fn decode(_: &Response) -> DecodeResult<Self> {
        Ok(None)
    }
}

impl std::fmt::Display for Undeclared {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Undeclared {}

/// What an operation with several kinds of success answers: one variant per status that the contract declares.
pub trait Success: Sized {
    /// Reads the success that the contract declares for the status, if it declares one.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where the body is not what the contract says.
    fn decode(response: &Response) -> DecodeResult<Self>;
}

#[cfg(test)]
mod tests;
