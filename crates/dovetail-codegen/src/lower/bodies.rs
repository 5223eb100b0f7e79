//! Bodies of requests and responses: which of several media types is used, and how it is written or read.

use dovetail_contract::contract::{Media, RequestBody, Style};
use dovetail_contract::finding::Finding;
use dovetail_contract::schema::Type;

use super::ty::{Ty, Typed};
use super::types::Types;
use crate::{codes, literal};

/// The body of a request.
#[derive(Debug)]
pub(super) struct RequestDraft {
    pub(super) ty: Ty,
    pub(super) required: bool,
    pub(super) format: RequestFormat,
}

/// How the body of a request is written.
#[derive(Debug)]
pub(super) enum RequestFormat {
    /// JSON, of this media type where it is not the usual one.
    Json(Option<String>),
    /// A form, with expressions for the encoding of members that say theirs.
    Form(Vec<String>),
    Text,
    /// Bytes of this media type, or of one that the caller names.
    Bytes(Option<String>),
}

/// The body of a response.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Payload {
    Empty,
    Json(Typed),
    Text,
    Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    Json,
    Form,
    Text,
    Bytes,
    Multipart,
}

impl Payload {
    pub(super) fn ty(&self) -> Option<Ty> {
        match self {
            Self::Empty => None,
            Self::Json(typed) => Some(typed.clone().element()),
            Self::Text => Some(Ty::Text),
            Self::Bytes => Some(Ty::Bytes),
        }
    }
}

/// Decides how the body of a request is written.
pub(super) fn request(
    body: &RequestBody,
    types: &mut Types<'_>,
    hint: &str,
) -> Option<RequestDraft> {
    let media = best(&body.content, types)?;
    let format = format(media, types);
    let exact = exact_type(&media.media_type);
    let (ty, format) = match format {
        Format::Json => {
            let ty = media
                .schema
                .map_or(Ty::Value, |schema| types.typed(schema, hint).element());
            (
                ty,
                RequestFormat::Json(exact.filter(|name| name != "application/json")),
            )
        }
        Format::Form => {
            let ty = media
                .schema
                .map_or(Ty::map(Ty::Value), |schema| types.typed(schema, hint).ty);
            (ty, RequestFormat::Form(encodings(media)))
        }
        Format::Text if exact.as_deref() == Some("text/plain") => (Ty::Text, RequestFormat::Text),
        Format::Text | Format::Bytes => (Ty::Bytes, RequestFormat::Bytes(exact)),
        Format::Multipart => (Ty::Bytes, RequestFormat::Bytes(None)),
    };
    let is_plain = matches!(media.media_type.as_str(), "application/octet-stream");
    if matches!(format, RequestFormat::Bytes(_)) && !is_plain {
        note(types, media, "callers give the bytes of this body");
    }
    Some(RequestDraft {
        ty,
        required: body.required,
        format,
    })
}

/// Decides how the body of a response is read.
pub(super) fn response(content: &[Media], types: &mut Types<'_>, hint: &str) -> Payload {
    let Some(media) = best(content, types) else {
        return Payload::Empty;
    };
    match format(media, types) {
        Format::Json => Payload::Json(match media.schema {
            Some(schema) => types.typed(schema, hint),
            None => Typed::plain(Ty::Value),
        }),
        Format::Text => {
            if media.media_type.contains("event-stream") || media.media_type.contains("xml") {
                note(types, media, "callers get the text of this body");
            }
            Payload::Text
        }
        Format::Form => {
            note(types, media, "callers get the text of this body");
            Payload::Text
        }
        Format::Bytes => Payload::Bytes,
        Format::Multipart => {
            note(types, media, "callers get the bytes of this body");
            Payload::Bytes
        }
    }
}

fn note(types: &mut Types<'_>, media: &Media, what: &str) {
    let message = format!(
        "`{}` is not built or read by generated code: {what}",
        literal::visible(&media.media_type)
    );
    types
        .findings
        .push(Finding::new(&codes::RAW_BODY, media.span, message));
}

/// The media type that generated code speaks best, the first of those.
fn best<'m>(content: &'m [Media], types: &Types<'_>) -> Option<&'m Media> {
    content.iter().min_by_key(|media| format(media, types))
}

fn format(media: &Media, types: &Types<'_>) -> Format {
    let name = media
        .media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match name.as_str() {
        "application/json" | "text/json" => Format::Json,
        "application/x-www-form-urlencoded" => Format::Form,
        _ if name.ends_with("+json") => Format::Json,
        _ if name.starts_with("multipart/") => Format::Multipart,
        _ if name.starts_with("text/") || name.ends_with("xml") => Format::Text,
        "*/*" | "application/*" if speaks_json(media, types) => Format::Json,
        _ => Format::Bytes,
    }
}

/// Whether a body of any media type has a schema that only JSON can follow.
fn speaks_json(media: &Media, types: &Types<'_>) -> bool {
    media.schema.is_some_and(|schema| {
        let view = types.views.view(schema);
        let kinds = view.kinds();
        !view.unions.is_empty() || (!kinds.is_any() && !kinds.names(Type::String))
    })
}

/// The media type as a header, unless it is a range.
fn exact_type(name: &str) -> Option<String> {
    let is_header = name.chars().all(|c| matches!(c, ' '..='~'));
    (is_header && !name.contains('*') && name.contains('/')).then(|| name.to_owned())
}

fn encodings(media: &Media) -> Vec<String> {
    let parameters = media.encoding.iter().filter_map(|(name, encoding)| {
        if encoding.style.is_none() && encoding.explode.is_none() && !encoding.allow_reserved {
            return None;
        }
        let style = encoding.style.unwrap_or(Style::Form);
        let explode = encoding.explode.unwrap_or(style == Style::Form);
        Some(super::operations::query_parameter(
            name,
            style,
            explode,
            encoding.allow_reserved,
        ))
    });
    parameters.collect()
}
