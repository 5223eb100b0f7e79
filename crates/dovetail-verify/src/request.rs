//! The request of an interaction as it goes on the wire.
//!
//! Whatever a contract or a provider's state puts into a value stays within the part that it belongs to: it can change neither
//! the host nor the path nor the number of headers.

mod style;

use dovetail_contract::contract::{
    Media, Operation, Parameter, ParameterEncoding, ParameterLocation, Style,
};
use dovetail_contract::expect::{Argument, Interaction};
use dovetail_contract::placeholder::{Values, substitute};
use dovetail_contract::source::Span;
use http::{HeaderName, HeaderValue};
use indexmap::IndexMap;
use serde_json::Value;
use url::Url;

use crate::body;
use crate::target::Target;

/// A request ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) method: http::Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<Vec<u8>>,
}

/// Why a request cannot be sent as the contract describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsendable {
    /// In a few words.
    pub(crate) reason: String,
    /// What of the contract says so.
    pub(crate) span: Span,
}

/// Builds the request of an interaction.
pub(crate) fn prepare(
    target: &Target,
    operation: &Operation,
    interaction: &Interaction,
    values: &Values,
) -> Result<Prepared, Unsendable> {
    let request = &interaction.request;
    let arguments = Arguments { operation, values };
    let path = arguments.path(&request.path, interaction)?;
    let query = arguments.query(&request.query)?;
    let mut headers = arguments.headers(&request.headers)?;
    headers.extend(arguments.cookies(&request.cookies)?);

    let mut body = None;
    if let Some(said) = &request.body {
        let unsendable = |reason: String| Unsendable {
            reason,
            span: said.span,
        };
        let value = substitute(&said.value, values).map_err(|name| unsendable(unset(&name)))?;
        let declared = operation
            .request_body
            .as_ref()
            .map(|body| body.content.as_slice());
        let declared = declared.unwrap_or_default();
        let named = request
            .content_type
            .as_ref()
            .map(|named| named.value.as_str());
        let media_type = media_type(named, declared);
        let content = encode_body(&media_type, declared, &value).map_err(unsendable)?;
        let content_type = HeaderValue::from_str(&media_type)
            .map_err(|_| unsendable(format!("`{media_type}` cannot stand in a header")))?;
        headers.push((http::header::CONTENT_TYPE, content_type));
        body = Some(content);
    }
    if !headers.iter().any(|(name, _)| name == http::header::ACCEPT) {
        headers.push((http::header::ACCEPT, accept(operation, interaction)));
    }
    Ok(Prepared {
        method: http::Method::from_bytes(operation.method.as_str().as_bytes())
            .unwrap_or(http::Method::GET),
        url: address(target, &path, &query).map_err(|reason| Unsendable {
            reason,
            span: request.span,
        })?,
        headers,
        body,
    })
}

/// The address; refused where reading it as a URL would change the path, as `..` does.
fn address(target: &Target, path: &str, query: &str) -> Result<Url, String> {
    let text = target.join(path);
    let mut url = Url::parse(&text).map_err(|error| format!("`{path}` is not a path: {error}"))?;
    let base = target.url();
    let same_host =
        url.host() == base.host() && url.port() == base.port() && url.scheme() == base.scheme();
    if !same_host || url.as_str() != text || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{path}` would be sent to another path"));
    }
    if !query.is_empty() {
        url.set_query(Some(query));
    }
    Ok(url)
}

/// A value as it stands in a path or query.
pub(crate) fn in_address(value: &str) -> String {
    style::encode(value, false)
}

fn unset(name: &str) -> String {
    format!("no state returned `{name}`")
}

/// The media types that can be read, best first; most servers answer anything anyway.
fn accept(operation: &Operation, interaction: &Interaction) -> HeaderValue {
    let expected = &interaction.response;
    let named = expected
        .content_type
        .as_ref()
        .map(|named| named.value.clone());
    let declared = || {
        let response = operation.response(expected.status.value)?;
        let types: Vec<&str> = response
            .content
            .iter()
            .map(|media| media.media_type.as_str())
            .collect();
        (!types.is_empty()).then(|| types.join(", "))
    };
    named
        .or_else(declared)
        .and_then(|types| HeaderValue::from_str(&types).ok())
        .unwrap_or(HeaderValue::from_static("*/*"))
}

/// The media type that a body is sent as: the one that is said, else the first that is declared, else JSON.
fn media_type(named: Option<&str>, declared: &[Media]) -> String {
    let declared = declared.first().map(|media| media.media_type.as_str());
    match named.or(declared) {
        Some(media_type) if !media_type.contains('*') => media_type.to_owned(),
        _ => "application/json".to_owned(),
    }
}

fn encode_body(media_type: &str, declared: &[Media], value: &Value) -> Result<Vec<u8>, String> {
    let essence = body::essence(media_type);
    if body::is_json(&essence) {
        return Ok(value.to_string().into_bytes());
    }
    if essence == "application/x-www-form-urlencoded" {
        let Value::Object(fields) = value else {
            return Err("a form is sent from a mapping of its fields".to_owned());
        };
        let media = declared
            .iter()
            .find(|media| body::essence(&media.media_type) == essence);
        let mut pairs = Vec::new();
        for (name, field) in fields {
            let Some(encoding) = media.and_then(|media| media.encoding.get(name)) else {
                pairs.extend(style::form_field(name, field));
                continue;
            };
            let style = encoding.style.unwrap_or(Style::Form);
            let explode = encoding.explode.unwrap_or(style == Style::Form);
            let reserved = encoding.allow_reserved;
            pairs.extend(style::pairs(name, style, explode, reserved, field));
        }
        return Ok(style::join_pairs(&pairs, "&").into_bytes());
    }
    match value {
        Value::String(text) => Ok(text.clone().into_bytes()),
        other if essence.starts_with("text/") => Ok(other.to_string().into_bytes()),
        _ => Err(format!("a body of `{essence}` is written as one text")),
    }
}

struct Arguments<'a> {
    operation: &'a Operation,
    values: &'a Values,
}

impl Arguments<'_> {
    fn declared(&self, location: ParameterLocation, name: &str) -> Option<&Parameter> {
        let named = |parameter: &&Parameter| match location {
            ParameterLocation::Header => parameter.name.eq_ignore_ascii_case(name),
            _ => parameter.name == name,
        };
        let mut parameters = self.operation.parameters.iter();
        parameters.find(|parameter| parameter.location == location && named(parameter))
    }

    fn value(&self, argument: &Argument) -> Result<Value, Unsendable> {
        substitute(&argument.value.value, self.values).map_err(|name| Unsendable {
            reason: unset(&name),
            span: argument.value.span,
        })
    }

    /// Style and explode of a parameter, or its media type.
    fn encoding(&self, location: ParameterLocation, name: &str) -> ParameterEncoding {
        let declared = self.declared(location, name);
        declared.map_or_else(
            || {
                let is_form = matches!(
                    location,
                    ParameterLocation::Query | ParameterLocation::Cookie
                );
                ParameterEncoding::Style {
                    style: if is_form { Style::Form } else { Style::Simple },
                    explode: is_form,
                    allow_reserved: false,
                }
            },
            |parameter| parameter.encoding.clone(),
        )
    }

    fn path(
        &self,
        arguments: &IndexMap<String, Argument>,
        interaction: &Interaction,
    ) -> Result<String, Unsendable> {
        let mut out = String::new();
        let mut rest = self.operation.path.value.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            out.push_str(&style::encode_path_literal(before));
            let argument = arguments.get(name).ok_or_else(|| Unsendable {
                reason: format!("the path needs a value for `{name}`"),
                span: interaction.request.span,
            })?;
            let value = self.value(argument)?;
            let text = match self.encoding(ParameterLocation::Path, name) {
                ParameterEncoding::Style { style, explode, .. } => {
                    style::path(name, style, explode, &value)
                }
                ParameterEncoding::Content(_) => style::encode(&value.to_string(), false),
            };
            if text.is_empty() {
                return Err(Unsendable {
                    reason: format!("the path parameter `{name}` is empty, which is another path"),
                    span: argument.value.span,
                });
            }
            out.push_str(&text);
            rest = after;
        }
        out.push_str(&style::encode_path_literal(rest));
        let dots = |segment: &str| matches!(segment, "." | "..");
        if out.split('/').any(dots) {
            return Err(Unsendable {
                reason: format!("`{out}` would be sent to another path"),
                span: interaction.request.span,
            });
        }
        Ok(out)
    }

    fn query(&self, arguments: &IndexMap<String, Argument>) -> Result<String, Unsendable> {
        let mut pairs = Vec::new();
        for (name, argument) in arguments {
            let value = self.value(argument)?;
            pairs.extend(match self.encoding(ParameterLocation::Query, name) {
                ParameterEncoding::Style {
                    style,
                    explode,
                    allow_reserved,
                } => style::pairs(name, style, explode, allow_reserved, &value),
                ParameterEncoding::Content(_) => {
                    let text = style::encode(&value.to_string(), false);
                    vec![(style::encode(name, false), text)]
                }
            });
        }
        Ok(style::join_pairs(&pairs, "&"))
    }

    fn headers(
        &self,
        arguments: &IndexMap<String, Argument>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Unsendable> {
        let mut headers = Vec::new();
        for (name, argument) in arguments {
            let value = self.value(argument)?;
            let text = match self.encoding(ParameterLocation::Header, name) {
                ParameterEncoding::Style { explode, .. } => style::header(explode, &value),
                ParameterEncoding::Content(_) => value.to_string(),
            };
            let unsendable = |span| Unsendable {
                reason: format!("the header `{name}` holds what a header cannot"),
                span,
            };
            let header_name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| unsendable(argument.name_span))?;
            let header_value =
                HeaderValue::from_str(&text).map_err(|_| unsendable(argument.value.span))?;
            headers.push((header_name, header_value));
        }
        Ok(headers)
    }

    fn cookies(
        &self,
        arguments: &IndexMap<String, Argument>,
    ) -> Result<Option<(HeaderName, HeaderValue)>, Unsendable> {
        let mut pairs = Vec::new();
        for (name, argument) in arguments {
            let value = self.value(argument)?;
            pairs.extend(match self.encoding(ParameterLocation::Cookie, name) {
                ParameterEncoding::Style { style, explode, .. } => {
                    style::pairs(name, style, explode, false, &value)
                }
                ParameterEncoding::Content(_) => {
                    let text = style::encode(&value.to_string(), false);
                    vec![(style::encode(name, false), text)]
                }
            });
        }
        let text = style::join_pairs(&pairs, "; ");
        // Everything is percent-encoded, so the text always is a header value.
        Ok(HeaderValue::from_str(&text)
            .ok()
            .filter(|_| !pairs.is_empty())
            .map(|value| (http::header::COOKIE, value)))
    }
}

#[cfg(test)]
mod tests;
