//! Requests that a service sends on its own account, taken apart for who handles them: webhooks and callbacks.
//!
//! It stands on no server: whoever receives a request fills an [`Incoming`], and sends the [`Reply`] that comes of it.
//! Whether the request is genuine is for the receiver to find out first, by the signature that the service names.
//!
//! ```
//! use dovetail_client::incoming::{Incoming, Reply, Route};
//!
//! const ROUTES: &[Route] = &[Route::new("order.paid", "POST")];
//!
//! fn receive(incoming: &Incoming) -> Result<Reply, Reply> {
//!     match incoming.route(ROUTES)? {
//!         0 => {
//!             let order: String = incoming.json()?;
//!             Ok(Reply::json(200, &format!("{order} is noted")))
//!         }
//!         _ => Err(Reply::unknown()),
//!     }
//! }
//!
//! let incoming = Incoming::new("POST", "order.paid").body(r#""o-1""#);
//! assert_eq!(receive(&incoming).unwrap().body().as_ref(), br#""o-1 is noted""#);
//! assert_eq!(receive(&Incoming::new("POST", "order.lost")).unwrap_err().status(), 404);
//! assert_eq!(receive(&Incoming::new("GET", "order.paid")).unwrap_err().status(), 405);
//! assert_eq!(receive(&incoming.body("1")).unwrap_err().status(), 400);
//! ```

mod reply;

use std::fmt;

use bytes::Bytes;
use dovetail_wire::read_json;
use http::HeaderMap;
use serde::de::DeserializeOwned;

pub use self::reply::Reply;
use crate::{
    answered::{self, Headers},
    error::DecodeError,
    headers::telling,
    http::BODY_MAX,
    response::{is_json, no_json, no_text},
};

/// Most fields of a query or a form that are looked at.
const FIELDS_MAX: usize = 10_000;

/// A request that came in.
#[derive(Clone)]
pub struct Incoming {
    method: String,
    name: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
    body_max: usize,
}

/// A request that a contract names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The name of the webhook or callback.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
}

impl Route {
    /// A request of this name and method.
    #[must_use]
    pub const fn new(name: &'static str, method: &'static str) -> Self {
        Self { name, method }
    }
}

impl Incoming {
    /// A request by its method and the name of its webhook or callback, which the receiver knows from the address that
    /// it was sent to.
    #[must_use]
    pub fn new(method: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            name: name.into(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            body_max: BODY_MAX,
        }
    }

    /// The same with this query, as it stands in the address, without the question mark.
    #[must_use]
    pub fn query(self, query: impl Into<String>) -> Self {
        let query = query.into();
        Self { query, ..self }
    }

    /// The same with these headers.
    #[must_use]
    pub fn headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// The same with this body. A server should not read more than [`BODY_MAX`] of one.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { body, ..self }
    }

    /// The same with another bound for its body, in bytes; [`BODY_MAX`] unless said otherwise.
    #[must_use]
    pub fn body_max(self, body_max: usize) -> Self {
        Self { body_max, ..self }
    }

    /// Finds the place of what is asked for.
    ///
    /// # Errors
    ///
    /// The reply with 404 where nothing has the name, 405 where that has another method, 413 where the body is longer
    /// than its bound.
    pub fn route(&self, routes: &[Route]) -> Result<usize, Reply> {
        let named = || routes.iter().filter(|route| route.name == self.name);
        let is_asked = |route: &Route| route.name == self.name && route.method == self.method;
        match routes.iter().position(is_asked) {
            Some(_) if self.body.len() > self.body_max => Err(Reply::too_large(self.body_max)),
            Some(place) => Ok(place),
            None if named().next().is_some() => {
                let methods: Vec<&str> = named().map(|route| route.method).collect();
                Err(Reply::other_method(&methods))
            }
            None => Err(Reply::unknown()),
        }
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// The reply with 400 and the path of the place where it does not decode.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        let declared = self.headers.get(http::header::CONTENT_TYPE);
        let declared = declared.and_then(|value| value.to_str().ok());
        let media_type = declared.map(|text| {
            let essence = text.split(';').next().unwrap_or_default();
            essence.trim().to_ascii_lowercase()
        });
        if let Some(media_type) = media_type.filter(|media_type| !is_json(media_type)) {
            return Err(no_json(&media_type).into());
        }
        read_json(&self.body).map_err(Reply::from)
    }

    /// Reads the body as JSON, if there is one.
    ///
    /// # Errors
    ///
    /// As those of [`json`](Self::json).
    pub fn optional_json<T: DeserializeOwned>(&self) -> Result<Option<T>, Reply> {
        if self.body.is_empty() {
            return Ok(None);
        }
        self.json().map(Some)
    }

    /// Reads the body as text.
    ///
    /// # Errors
    ///
    /// The reply with 400 where it is not UTF-8.
    pub fn text(&self) -> Result<String, Reply> {
        let text = std::str::from_utf8(&self.body);
        text.map(str::to_owned)
            .map_err(|error| no_text(error.valid_up_to()).into())
    }

    /// The body as it came.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.body.clone()
    }

    /// The fields of a body that is a form, in their order. Which type each has is for the handler to say.
    ///
    /// # Errors
    ///
    /// The reply with 400 where it has more fields than anybody sends.
    pub fn form(&self) -> Result<Vec<(String, String)>, Reply> {
        let fields = url::form_urlencoded::parse(&self.body);
        let fields: Vec<_> = fields.into_owned().take(FIELDS_MAX + 1).collect();
        if fields.len() > FIELDS_MAX {
            let message = format!("it has more than {FIELDS_MAX} fields");
            return Err(DecodeError::new(".", message).into());
        }
        Ok(fields)
    }

    /// Reads a header that must be there.
    ///
    /// # Errors
    ///
    /// The reply with 400 where it is not there, or not what its type says.
    pub fn header<T: DeserializeOwned>(&self, name: &str) -> Result<T, Reply> {
        Headers::new(&self.headers)
            .required(name)
            .map_err(Reply::from)
    }

    /// Reads a header that may be left out.
    ///
    /// # Errors
    ///
    /// The reply with 400 where it is not what its type says.
    pub fn optional_header<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Reply> {
        Headers::new(&self.headers)
            .optional(name)
            .map_err(Reply::from)
    }

    /// Reads a parameter of the query that must be there.
    ///
    /// # Errors
    ///
    /// The reply with 400 where it is not there, or not what its type says.
    pub fn parameter<T: DeserializeOwned>(&self, name: &str) -> Result<T, Reply> {
        let missing = || DecodeError::new(place(name), "it is not there");
        self.optional_parameter(name)?
            .ok_or_else(|| missing().into())
    }

    /// Reads a parameter of the query that may be left out.
    ///
    /// # Errors
    ///
    /// The reply with 400 where it is not what its type says.
    pub fn optional_parameter<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Reply> {
        let pairs = url::form_urlencoded::parse(self.query.as_bytes()).take(FIELDS_MAX);
        let mut values = pairs.filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value);
        let read = |value: &str| answered::read(&place(name), value);
        value
            .map(|value| read(&value))
            .transpose()
            .map_err(Reply::from)
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query, the body and most headers may hold what no log should.
        formatter
            .debug_struct("Incoming")
            .field("method", &self.method)
            .field("name", &self.name)
            .field("headers", &telling(&self.headers))
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn place(name: &str) -> String {
    format!("query parameter {name}")
}

#[cfg(test)]
mod tests;
