//! One call: its parameters and body, and what becomes of it.

mod exchange;

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    credentials::join,
    error::{Error, InvalidRequest},
    http::Http,
    operation::Operation,
    parameter::{self, Flat, Location, Parameter, Style},
    response::{DecodeResult, Refusal, Response, Success},
};

/// A call in the making. The steps can be chained; the first thing that cannot be sent is kept, and is the result.
///
/// A value that is `None` is left out.
#[must_use = "a call is made once it is sent"]
pub struct Call<'a> {
    http: &'a Http,
    operation: &'static Operation,
    path: Vec<(&'static str, String)>,
    query: String,
    cookies: String,
    headers: HeaderMap,
    body: Bytes,
    problem: Option<InvalidRequest>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(http: &'a Http, operation: &'static Operation) -> Self {
        let headers = http.inner().headers.clone();
        let (path, query, cookies, body) = (Vec::new(), String::new(), String::new(), Bytes::new());
        Self {
            http,
            operation,
            path,
            query,
            cookies,
            headers,
            body,
            problem: None,
        }
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
        let added = flatten(parameter, value).and_then(|flat| self.add(parameter, &flat));
        self.keep(added);
        self
    }

    /// Sends a body as JSON.
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.bytes("application/json", bytes),
            Err(error) => {
                self.keep(Err(unserialisable("body", &error)));
                self
            }
        }
    }

    /// Sends a body as a form: `application/x-www-form-urlencoded`. `encoding` says how members are written for which
    /// the contract says it; of others, lists are repeated, and what is nested deeper is JSON.
    pub fn form(mut self, body: &(impl Serialize + ?Sized), encoding: &[Parameter]) -> Self {
        match form_text(body, encoding) {
            Ok(text) => self.bytes("application/x-www-form-urlencoded", text),
            Err(problem) => {
                self.keep(Err(problem));
                self
            }
        }
    }

    /// Sends a body as plain text.
    pub fn text(self, body: impl Into<String>) -> Self {
        self.bytes("text/plain; charset=utf-8", body.into())
    }

    /// Sends a body as it is.
    pub fn bytes(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let set = self.set_header(&header::CONTENT_TYPE, content_type);
        self.keep(set);
        self.body = body.into();
        self
    }

    /// Sends this key instead of one that the client makes, for an operation that takes a key: so that a call which was
    /// stored and is made again later is still the same call.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        if let Some(name) = self.operation.idempotency.header() {
            let set = header_name(name).and_then(|name| self.set_header(&name, key));
            self.keep(set);
        }
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
        let set = self.set_header(&header::ACCEPT, media_type);
        self.keep(set);
        self
    }

    /// Sends the call, for a success that is JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where the contract declares the refusal, [`Error::Failed`] for all else.
    pub async fn send_json<T: DeserializeOwned, E: Refusal>(self) -> Result<T, Error<E>> {
        let exchange = self
            .accept_by_default("application/json")
            .exchange()
            .await?;
        exchange.finish(|response| on_success(response, Response::json))
    }

    /// Sends the call, for a success that is text.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_text<E: Refusal>(self) -> Result<String, Error<E>> {
        let exchange = self
            .accept_by_default("text/plain, */*;q=0.5")
            .exchange()
            .await?;
        exchange.finish(|response| on_success(response, Response::text))
    }

    /// Sends the call, for a success that is bytes.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_bytes<E: Refusal>(self) -> Result<Bytes, Error<E>> {
        let exchange = self.accept_by_default("*/*").exchange().await?;
        exchange.finish(|response| on_success(response, |response| Ok(response.body().clone())))
    }

    /// Sends the call, for a success that says nothing more.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_empty<E: Refusal>(self) -> Result<(), Error<E>> {
        let exchange = self.accept_by_default("*/*").exchange().await?;
        exchange.finish(|response| on_success(response, |_| Ok(())))
    }

    /// Sends the call, for one of several successes, chosen by status.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send<T: Success, E: Refusal>(self) -> Result<T, Error<E>> {
        let exchange = self
            .accept_by_default("application/json, */*;q=0.5")
            .exchange()
            .await?;
        exchange.finish(T::decode)
    }

    /// Sends the call and hands out the answer as it is, whatever its status.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] where there is no answer.
    pub async fn send_raw(self) -> Result<Response, crate::error::Failure> {
        Ok(self
            .accept_by_default("*/*")
            .exchange()
            .await?
            .into_response())
    }

    fn accept_by_default(self, media_type: &'static str) -> Self {
        if self.headers.contains_key(header::ACCEPT) {
            self
        } else {
            self.accept(media_type)
        }
    }

    fn add(&mut self, parameter: &Parameter, value: &Flat) -> Result<(), InvalidRequest> {
        match parameter.location {
            Location::Path => {
                let text = parameter::path_text(parameter, value)?;
                self.path.push((parameter.name, text));
                Ok(())
            }
            _ if *value == Flat::Absent => Ok(()),
            Location::Query => {
                for (name, value) in parameter::query_pairs(parameter, value)? {
                    join(&mut self.query, "&", &format!("{name}={value}"));
                }
                Ok(())
            }
            Location::Header => {
                let text = parameter::header_text(parameter, value)?;
                self.set_header(&header_name(parameter.name)?, &text)
            }
            Location::Cookie => {
                for (name, value) in parameter::query_pairs(parameter, value)? {
                    join(&mut self.cookies, "; ", &format!("{name}={value}"));
                }
                Ok(())
            }
        }
    }

    fn set_header(&mut self, name: &HeaderName, text: &str) -> Result<(), InvalidRequest> {
        let refuse = |_| InvalidRequest::Header(name.as_str().to_owned());
        let value = HeaderValue::from_bytes(text.as_bytes()).map_err(refuse)?;
        self.headers.insert(name.clone(), value);
        Ok(())
    }

    fn keep(&mut self, result: Result<(), InvalidRequest>) {
        if let Err(problem) = result {
            self.problem.get_or_insert(problem);
        }
    }

    /// The path with its values filled in.
    fn filled_path(&self) -> Result<Cow<'static, str>, InvalidRequest> {
        let template = self.operation.path;
        if !template.contains('{') {
            return Ok(Cow::Borrowed(template));
        }
        let mut path = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            let value = self.path.iter().find(|(known, _)| *known == name);
            let (_, value) = value.ok_or_else(|| InvalidRequest::EmptyPath(name.to_owned()))?;
            path.push_str(before);
            path.push_str(value);
            rest = after;
        }
        path.push_str(rest);
        Ok(Cow::Owned(path))
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be anything that no log should hold.
        let mut call = formatter.debug_struct("Call");
        call.field("operation", &self.operation.id)
            .finish_non_exhaustive()
    }
}

fn on_success<T>(
    response: &Response,
    read: impl FnOnce(&Response) -> Result<T, crate::error::DecodeError>,
) -> DecodeResult<T> {
    if response.is_success() {
        read(response).map(Some)
    } else {
        Ok(None)
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
    } else {
        Flat::Text(json)
    })
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

fn header_name(name: &str) -> Result<HeaderName, InvalidRequest> {
    HeaderName::try_from(name).map_err(|_| InvalidRequest::Header(name.to_owned()))
}

fn unserialisable(name: &str, error: &serde_json::Error) -> InvalidRequest {
    InvalidRequest::Value {
        name: name.to_owned(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
