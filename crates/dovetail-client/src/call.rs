//! One call: its parameters and body, and what becomes of it.

mod draft;
mod exchange;
mod send;
mod with_headers;

use std::fmt;

use http::header;
use serde::Serialize;

pub use self::with_headers::WithHeaders;
pub(crate) use self::{draft::Draft, exchange::reopen};
use crate::{
    body::Body,
    credentials::join,
    error::InvalidRequest,
    http::Http,
    multipart::Form,
    operation::Operation,
    pagination::NextLink,
    parameter::{self, Flat, Location, Parameter, Style},
};
use draft::header_name;

/// A call in the making. The steps can be chained; the first thing that cannot be sent is kept, and is the result.
///
/// A value that is `None` is left out.
#[must_use = "a call is made once it is sent"]
pub struct Call<'a> {
    http: &'a Http,
    draft: Draft,
}

impl<'a> Call<'a> {
    pub(crate) fn new(http: &'a Http, operation: &'static Operation) -> Self {
        let draft = Draft::new(operation, http.inner().headers.clone());
        Self { http, draft }
    }

    /// Fills in a parameter of the path, in its default style.
    pub fn path(self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Self {
        self.parameter(&Parameter::path(name), value)
    }

    /// Adds a parameter to the query, in its default style.
    pub fn query(self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Self {
        self.parameter(&Parameter::query(name), value)
    }

    /// Adds a header, in its default style.
    pub fn header(self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Self {
        self.parameter(&Parameter::header(name), value)
    }

    /// Adds a cookie, in its default style.
    pub fn cookie(self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Self {
        self.parameter(&Parameter::cookie(name), value)
    }

    /// Adds a parameter in the style that the contract gives it.
    pub fn parameter(mut self, parameter: &Parameter, value: &(impl Serialize + ?Sized)) -> Self {
        let added = flatten(parameter, value).and_then(|flat| self.draft.add(parameter, &flat));
        self.draft.keep(added);
        self
    }

    /// Sends a body as JSON.
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.bytes("application/json", bytes),
            Err(error) => {
                self.draft.keep(Err(unserialisable("body", &error)));
                self
            }
        }
    }

    /// Sends documents as JSON, one on each line: `application/x-ndjson`.
    pub fn json_lines<T: Serialize>(mut self, documents: impl IntoIterator<Item = T>) -> Self {
        let mut lines = Vec::new();
        for document in documents {
            if let Err(error) = serde_json::to_writer(&mut lines, &document) {
                self.draft.keep(Err(unserialisable("body", &error)));
            }
            lines.push(b'\n');
        }
        self.bytes("application/x-ndjson", lines)
    }

    /// Sends a body as a form: `application/x-www-form-urlencoded`. `encoding` says how members are written for which
    /// the contract says it; of others, lists are repeated, and what is nested deeper is JSON.
    pub fn form(mut self, body: &(impl Serialize + ?Sized), encoding: &[Parameter]) -> Self {
        match form_text(body, encoding) {
            Ok(text) => self.bytes("application/x-www-form-urlencoded", text),
            Err(problem) => {
                self.draft.keep(Err(problem));
                self
            }
        }
    }

    /// Sends a body as plain text.
    pub fn text(self, body: impl Into<String>) -> Self {
        self.bytes("text/plain; charset=utf-8", body.into())
    }

    /// Sends a body as it is: bytes, or a [`Body`] that is a stream. A call with a stream is sent once at most, whatever
    /// its policy says about trying again, and has no more time for it than for any other body.
    pub fn bytes(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        let set = self.draft.set_header(&header::CONTENT_TYPE, content_type);
        self.draft.keep(set);
        self.draft.body = body.into();
        self
    }

    /// Sends a form with files, or another body of several parts. One that holds a stream is sent once at most.
    pub fn multipart(mut self, form: Form) -> Self {
        match form.encode(&self.http.inner().chance) {
            Ok((content_type, body)) => self.bytes(&content_type, body),
            Err(problem) => {
                self.draft.keep(Err(problem));
                self
            }
        }
    }

    /// Sends this key instead of one that the client makes, for an operation that takes a key: so that a call which was
    /// stored and is made again later is still the same call.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        if let Some(name) = self.draft.operation.idempotency.header() {
            let set = header_name(name).and_then(|name| self.draft.set_header(&name, key));
            self.draft.keep(set);
        }
        self
    }

    /// Fetches the page that a link of an earlier answer leads to, instead of the path and the query of this call. A link
    /// to another service than this client's cannot be sent.
    pub fn follow(mut self, link: &NextLink) -> Self {
        self.draft.link = Some(link.clone());
        self
    }

    /// Takes a step with a value, if there is one: for bodies that may be left out.
    pub fn with<V>(self, value: Option<V>, step: impl FnOnce(Self, V) -> Self) -> Self {
        match value {
            Some(value) => step(self, value),
            None => self,
        }
    }

    /// Asks for a media type. Each way of sending has its own default.
    pub fn accept(mut self, media_type: &str) -> Self {
        let set = self.draft.set_header(&header::ACCEPT, media_type);
        self.draft.keep(set);
        self
    }

    fn accept_by_default(self, media_type: &'static str) -> Self {
        if self.draft.headers.contains_key(header::ACCEPT) {
            self
        } else {
            self.accept(media_type)
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be anything that no log should hold.
        let mut call = formatter.debug_struct("Call");
        call.field("operation", &self.draft.operation.id)
            .finish_non_exhaustive()
    }
}

fn flatten(
    parameter: &Parameter,
    value: &(impl Serialize + ?Sized),
) -> Result<Flat, InvalidRequest> {
    let refuse = |message| InvalidRequest::Value {
        name: parameter.name.to_owned(),
        message,
    };
    if parameter.style != Style::Json {
        return Flat::of(value).map_err(refuse);
    }
    let json =
        serde_json::to_string(value).map_err(|error| unserialisable(parameter.name, &error))?;
    Ok(if json == "null" {
        Flat::Absent
    } else if parameter.location == Location::Header {
        Flat::Text(in_ascii(&json))
    } else {
        Flat::Text(json)
    })
}

/// JSON with the escapes of RFC 8259 (section 7) for what is not ASCII, which stands in strings only. Services read the
/// bytes of a header as one encoding or another (RFC 9110, section 5.5), and these in the same way in all of them.
fn in_ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            let units = letter.encode_utf16(&mut [0; 2]).to_vec();
            text.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

fn form_text(
    body: &(impl Serialize + ?Sized),
    encoding: &[Parameter],
) -> Result<String, InvalidRequest> {
    let refuse = |message: String| InvalidRequest::Value {
        name: "body".to_owned(),
        message,
    };
    let Flat::Object(members) = Flat::of(body).map_err(refuse)? else {
        return Err(refuse("a form is made of members with names".to_owned()));
    };
    let pairs = parameter::form_pairs(&members, encoding)?;
    let mut text = String::new();
    for (name, value) in pairs {
        join(&mut text, "&", &format!("{name}={value}"));
    }
    Ok(text)
}

fn unserialisable(name: &str, error: &serde_json::Error) -> InvalidRequest {
    InvalidRequest::Value {
        name: name.to_owned(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
