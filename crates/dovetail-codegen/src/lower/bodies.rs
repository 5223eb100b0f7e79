//! Bodies of requests and responses: which of several media types generated code speaks, and how it writes or reads each.

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
    /// What the method is called beside that of the first body: `_with_form`.
    pub(super) suffix: &'static str,
}

/// How the body of a request is written.
#[derive(Debug)]
pub(super) enum RequestFormat {
    /// JSON, of this media type where it is not the usual one.
    Json(Option<String>),
    /// A form, with expressions for the encoding of members that say theirs.
    Form(Vec<String>),
    /// A form of several parts, which a struct or the caller makes.
    Multipart,
    /// A line of JSON for each item.
    Lines(Option<String>),
    /// Text of this media type.
    Text(String),
    /// Bytes of this media type, or of one that the caller names.
    Bytes(Option<String>),
}

/// The body of a response.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Payload {
    Empty,
    Json(Typed),
    Text,
    /// Bytes, whole.
    Bytes,
    /// Bytes, as they come.
    Stream,
    /// Events whose data is of this type, or text.
    Events(Option<Typed>),
    /// Lines of this type.
    Lines(Typed),
}

/// What generated code does with a media type, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    Json,
    Form,
    Multipart,
    Lines,
    Events,
    Text,
    Bytes,
}

impl Payload {
    pub(super) fn ty(&self) -> Option<Ty> {
        match self {
            Self::Empty => None,
            Self::Json(typed) => Some(typed.clone().element()),
            Self::Text => Some(Ty::Text),
            Self::Bytes => Some(Ty::Bytes),
            Self::Stream => Some(Ty::Stream),
            Self::Events(typed) => {
                let data = typed.clone().map_or(Ty::Text, Typed::element);
                Some(Ty::Events(Box::new(data)))
            }
            Self::Lines(typed) => Some(Ty::Lines(Box::new(typed.clone().element()))),
        }
    }
}

/// Decides how the body of a request is written.
pub(super) fn request(
    body: &RequestBody,
    types: &mut Types<'_>,
    hint: &str,
) -> Option<RequestDraft> {
    let (format, media) = by_format(&body.content, types).into_iter().next()?;
    let (ty, written) = written(format, media, types, hint);
    Some(RequestDraft {
        ty,
        required: body.required,
        format: written,
        suffix: "",
    })
}

/// Other ways to write a body that say something else than the first.
pub(super) fn other_requests(
    body: &RequestBody,
    types: &mut Types<'_>,
    base: &str,
) -> Vec<RequestDraft> {
    let mut chosen: Vec<(Format, &Media)> = Vec::new();
    for media in by_format(&body.content, types) {
        let says_more =
            |known: &(Format, &Media)| known.0 != media.0 && !same(known.1, media.1, types);
        if chosen.iter().all(says_more) {
            chosen.push(media);
        }
    }
    let others = chosen.into_iter().skip(1);
    others
        .map(|(format, media)| {
            let hint = format!("{base}{}", format.type_suffix());
            let (ty, written) = written(format, media, types, &hint);
            RequestDraft {
                ty,
                required: body.required,
                format: written,
                suffix: format.suffix(),
            }
        })
        .filter(|draft| !matches!(draft.format, RequestFormat::Bytes(None)))
        .collect()
}

fn written(
    format: Format,
    media: &Media,
    types: &mut Types<'_>,
    hint: &str,
) -> (Ty, RequestFormat) {
    let exact = exact_type(&media.media_type);
    let typed = |types: &mut Types<'_>| {
        media
            .schema
            .map_or(Typed::plain(Ty::Value), |schema| types.typed(schema, hint))
    };
    match format {
        Format::Json => {
            let unusual = exact.filter(|name| name != "application/json");
            (typed(types).element(), RequestFormat::Json(unusual))
        }
        Format::Form => {
            let ty = media
                .schema
                .map_or(Ty::map(Ty::Value), |schema| types.typed(schema, hint).ty);
            (ty, RequestFormat::Form(encodings(media)))
        }
        Format::Multipart => {
            let ty = super::forms::form(media, types, hint);
            (ty, RequestFormat::Multipart)
        }
        Format::Lines => {
            let item = item(media, types, hint);
            let unusual = exact.filter(|name| name != "application/x-ndjson");
            (Ty::list(item.element()), RequestFormat::Lines(unusual))
        }
        Format::Text | Format::Events => match exact {
            Some(name) => (Ty::Text, RequestFormat::Text(name)),
            None => (Ty::Body, RequestFormat::Bytes(None)),
        },
        Format::Bytes => (Ty::Body, RequestFormat::Bytes(exact)),
    }
}

/// Decides how the body of a response is read: whole, or as it comes where nothing else may come.
pub(super) fn response(
    content: &[Media],
    types: &mut Types<'_>,
    hint: &str,
    is_alone: bool,
) -> Payload {
    match by_format(content, types).first() {
        None => Payload::Empty,
        Some((format, media)) => read(*format, media, types, hint, is_alone),
    }
}

fn read(
    format: Format,
    media: &Media,
    types: &mut Types<'_>,
    hint: &str,
    is_alone: bool,
) -> Payload {
    match format {
        Format::Json => Payload::Json(match media.schema {
            Some(schema) => types.typed(schema, hint),
            None => Typed::plain(Ty::Value),
        }),
        Format::Events if is_alone => Payload::Events(event(media, types, hint)),
        Format::Lines if is_alone => Payload::Lines(item(media, types, hint)),
        Format::Events | Format::Lines | Format::Text => Payload::Text,
        Format::Form => {
            note(types, media, "callers get the text of this body");
            Payload::Text
        }
        Format::Bytes if is_alone => Payload::Stream,
        Format::Bytes => Payload::Bytes,
        Format::Multipart => {
            note(types, media, "callers get the bytes of this body");
            if is_alone {
                Payload::Stream
            } else {
                Payload::Bytes
            }
        }
    }
}

/// The other ways in which a success may come that say something else than the first, or say it bit by bit.
pub(super) fn alternatives(
    content: &[Media],
    types: &mut Types<'_>,
    hint: &str,
) -> Vec<(&'static str, String, Payload)> {
    let mut found = by_format(content, types).into_iter();
    let Some(first) = found.next() else {
        return Vec::new();
    };
    let mut formats = vec![first.0];
    let mut alternatives = Vec::new();
    for (format, media) in found {
        let streams = matches!(format, Format::Events | Format::Lines);
        let is_other = !formats.contains(&format) && (streams || !same(first.1, media, types));
        let Some(exact) = exact_type(&media.media_type).filter(|_| is_other) else {
            continue;
        };
        formats.push(format);
        let hint = format!("{hint}{}", format.type_suffix());
        let payload = read(format, media, types, &hint, true);
        alternatives.push((format.answer_suffix(), exact, payload));
    }
    alternatives
}

/// The type of an event's data, where it is JSON.
fn event(media: &Media, types: &mut Types<'_>, hint: &str) -> Option<Typed> {
    let declared = media.item_schema.or(media.schema)?;
    let hint = hint.trim_end_matches("Events");
    let at = super::events::data(declared, types)?;
    Some(types.typed(at, &format!("{hint}Event")))
}

/// The type of a line.
fn item(media: &Media, types: &mut Types<'_>, hint: &str) -> Typed {
    let hint = hint.trim_end_matches("Lines");
    let hint = format!("{hint}Item");
    if let Some(schema) = media.item_schema {
        return types.typed(schema, &hint);
    }
    let Some(schema) = media.schema else {
        return Typed::plain(Ty::Value);
    };
    // Before there was a word for it, the schema of a line stood alone, or as a list of lines.
    match types
        .views
        .view(types.views.canonical(schema).0)
        .items
        .first()
    {
        Some(items) => types.typed(*items, &hint),
        None => types.typed(schema, &hint),
    }
}

/// Whether a body is best read as a form.
pub(super) fn is_form(content: &[Media], types: &Types<'_>) -> bool {
    let best = by_format(content, types).into_iter().next();
    best.is_some_and(|(format, _)| format == Format::Form)
}

/// The media type that a body is written with.
pub(super) fn media_type(content: &[Media], types: &Types<'_>) -> String {
    let sorted = by_format(content, types).into_iter();
    let mut exact = sorted.filter_map(|(_, media)| exact_type(&media.media_type));
    exact
        .next()
        .unwrap_or_else(|| "application/octet-stream".to_owned())
}

pub(super) fn note(types: &mut Types<'_>, media: &Media, what: &str) {
    let message = format!(
        "`{}` is not built or read by generated code: {what}",
        literal::visible(&media.media_type)
    );
    types
        .findings
        .push(Finding::new(&codes::RAW_BODY, media.span, message));
}

/// Whether two media types carry the same thing.
fn same(one: &Media, other: &Media, types: &Types<'_>) -> bool {
    match (one.schema, other.schema) {
        (Some(one), Some(other)) => {
            types.views.canonical(one).0 == types.views.canonical(other).0
                || types.views.schemas.schema(one).pointer
                    == types.views.schemas.schema(other).pointer
        }
        (None, None) => true,
        _ => false,
    }
}

/// The media types by what generated code does with them, the best first.
fn by_format<'m>(content: &'m [Media], types: &Types<'_>) -> Vec<(Format, &'m Media)> {
    let mut sorted: Vec<_> = content
        .iter()
        .map(|media| (Format::of(media, types), media))
        .collect();
    sorted.sort_by_key(|(format, _)| *format);
    sorted
}

impl Format {
    fn of(media: &Media, types: &Types<'_>) -> Self {
        let name = media
            .media_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match name.as_str() {
            "application/json" | "text/json" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            "text/event-stream" => Self::Events,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/json-lines"
            | "application/jsonlines"
            | "application/json-seq"
            | "application/stream+json"
            | "application/x-json-stream" => Self::Lines,
            _ if name.ends_with("+json-seq") => Self::Lines,
            _ if name.ends_with("+json") => Self::Json,
            _ if name.starts_with("multipart/") => Self::Multipart,
            _ if name.starts_with("text/") || name.ends_with("xml") => Self::Text,
            _ if name.ends_with("/yaml")
                || name.ends_with("+yaml")
                || name.ends_with("/x-yaml") =>
            {
                Self::Text
            }
            "*/*" | "application/*" if speaks_json(media, types) => Self::Json,
            _ => Self::Bytes,
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Json => "_with_json",
            Self::Form => "_with_form",
            Self::Multipart => "_with_parts",
            Self::Lines => "_with_lines",
            Self::Events | Self::Text => "_with_text",
            Self::Bytes => "_with_bytes",
        }
    }

    fn answer_suffix(self) -> &'static str {
        match self {
            Self::Json => "_as_json",
            Self::Lines => "_as_lines",
            Self::Events => "_as_events",
            Self::Form | Self::Text => "_as_text",
            Self::Multipart | Self::Bytes => "_as_bytes",
        }
    }

    fn type_suffix(self) -> &'static str {
        match self {
            Self::Json => "Json",
            Self::Form => "Form",
            Self::Multipart => "Parts",
            Self::Lines => "Lines",
            Self::Events => "Events",
            Self::Text => "Text",
            Self::Bytes => "Bytes",
        }
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
        Some(super::methods::query_parameter(
            name,
            style,
            explode,
            encoding.allow_reserved,
        ))
    });
    parameters.collect()
}
