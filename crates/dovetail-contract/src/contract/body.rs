//! What goes over the wire as a body, and the responses that carry one.

use indexmap::IndexMap;
use serde_json::Value;

use super::{ParameterEncoding, Server, Style};
use crate::schema::SchemaId;
use crate::source::Span;

/// The body of a request.
#[derive(Debug, Clone)]
pub struct RequestBody {
    /// Where it was declared.
    pub span: Span,
    /// Whether a request must have one.
    pub required: bool,
    /// What it is for, as Markdown.
    pub description: Option<String>,
    /// The media types, in the order declared.
    pub content: Vec<Media>,
}

/// A body of one media type.
#[derive(Debug, Clone)]
pub struct Media {
    /// Media type or range as declared, such as `application/json` or `image/*`.
    pub media_type: String,
    /// Where it was declared.
    pub span: Span,
    /// The schema of its content, if one is declared.
    pub schema: Option<SchemaId>,
    /// The schema of each item of a content that is a sequence: an event of `text/event-stream`, a line of `application/jsonl`.
    ///
    /// It is what OpenAPI 3.2 calls `itemSchema`, which some write in earlier versions.
    pub item_schema: Option<SchemaId>,
    /// Encoding of single properties of forms, by name.
    pub encoding: IndexMap<String, PartEncoding>,
    /// Encoding of the first parts of a multipart content without names, by place.
    pub prefix_encoding: Vec<PartEncoding>,
    /// Encoding of every further part of a multipart content without names.
    pub item_encoding: Option<Box<PartEncoding>>,
    /// Examples by name; a single unnamed one is called `example`.
    pub examples: IndexMap<String, Value>,
}

/// How one property of a form is encoded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PartEncoding {
    /// Media types of the part.
    pub content_type: Option<String>,
    /// Style, as for a query parameter.
    pub style: Option<Style>,
    /// Whether lists and objects become several parts.
    pub explode: Option<bool>,
    /// Whether reserved characters stay as they are.
    pub allow_reserved: bool,
    /// Headers of the part, by name; never `Content-Type`.
    pub headers: IndexMap<String, Header>,
    /// Encoding of the properties of a part that is a form itself, by name.
    pub encoding: IndexMap<String, Self>,
}

/// A declared response.
#[derive(Debug, Clone)]
pub struct Response {
    /// Which statuses it is for.
    pub status: StatusRange,
    /// Where it was declared.
    pub span: Span,
    /// One line on what it means; OpenAPI 3.2 has it.
    pub summary: Option<String>,
    /// What it means, as Markdown.
    pub description: String,
    /// Headers by name.
    pub headers: IndexMap<String, Header>,
    /// The media types, in the order declared; empty for no body.
    pub content: Vec<Media>,
    /// Operations that what it carries can be used for, by name.
    pub links: IndexMap<String, Link>,
}

/// What a response can be used for next.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The operation that is meant.
    pub target: LinkTarget,
    /// Values of its parameters by name, perhaps with their place before, as in `path.id`; texts may be runtime expressions.
    pub parameters: IndexMap<String, Value>,
    /// Its body; a text may be a runtime expression.
    pub request_body: Option<Value>,
    /// What it is for, as Markdown.
    pub description: Option<String>,
    /// Where the operation runs, if that is said.
    pub server: Option<Server>,
}

/// The operation that a link means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkTarget {
    /// The operation with this id.
    Operation(String),
    /// A reference that leads to no operation of this document.
    Reference(String),
}

/// Which statuses a response is for. An exact status wins over a range, a range over the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusRange {
    /// One status.
    Exactly(u16),
    /// A hundred: `4` for `4XX`.
    Hundred(u8),
    /// Every status not declared otherwise.
    Default,
}

/// A header of a response, or of a part of a form.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Where it was declared.
    pub span: Span,
    /// Whether every response has it.
    pub required: bool,
    /// Whether callers should move away from it.
    pub deprecated: bool,
    /// What it is for, as Markdown.
    pub description: Option<String>,
    /// How its value becomes text: always [`Style::Simple`] where it is no document.
    pub encoding: ParameterEncoding,
    /// Its schema, where one is declared.
    pub schema: Option<SchemaId>,
    /// Examples by name; a single unnamed one is called `example`.
    pub examples: IndexMap<String, Value>,
}

impl Media {
    /// Whether its content is JSON (RFC 8259), or of a type that is written as JSON (RFC 6839, section 3.1).
    #[must_use]
    pub fn is_json(&self) -> bool {
        let essence = self.media_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        essence == "application/json" || essence.ends_with("+json")
    }
}

impl StatusRange {
    /// Whether a status belongs to it.
    #[must_use]
    pub fn contains(self, status: u16) -> bool {
        match self {
            Self::Exactly(exact) => exact == status,
            Self::Hundred(hundred) => status / 100 == u16::from(hundred),
            Self::Default => true,
        }
    }

    /// Whether it holds statuses of success only.
    #[must_use]
    pub fn is_success(self) -> bool {
        match self {
            Self::Exactly(status) => (200..300).contains(&status),
            Self::Hundred(hundred) => hundred == 2,
            Self::Default => false,
        }
    }
}

impl std::fmt::Display for StatusRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(status) => write!(f, "{status}"),
            Self::Hundred(hundred) => write!(f, "{hundred}XX"),
            Self::Default => f.write_str("default"),
        }
    }
}
