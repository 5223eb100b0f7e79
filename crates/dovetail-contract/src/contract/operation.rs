//! One operation: how it is asked for. What goes over the wire as a body is in [`super::body`].

use indexmap::IndexMap;
use serde_json::Value;

use super::{ExternalDocs, Pagination, RequestBody, Response, SecurityRequirement, Server};
use crate::schema::SchemaId;
use crate::source::{Span, Spanned};

/// One operation over HTTP.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Unique id: the declared `operationId`, else one made from method and path.
    pub id: Spanned<String>,
    /// Whether the id was declared.
    pub id_is_declared: bool,
    /// Method.
    pub method: Method,
    /// Path template, starting with `/`, without query or fragment.
    pub path: Spanned<String>,
    /// One line on what it does.
    pub summary: Option<String>,
    /// More, as Markdown.
    pub description: Option<String>,
    /// Tags in the order declared.
    pub tags: Vec<String>,
    /// Whether callers should move away from it.
    pub deprecated: bool,
    /// Parameters, those of the path item merged in; unique by place and name.
    pub parameters: Vec<Parameter>,
    /// Body of the request.
    pub request_body: Option<RequestBody>,
    /// Responses in the order declared.
    pub responses: Vec<Response>,
    /// Alternatives of schemes that are required together; empty for none needed.
    pub security: Vec<SecurityRequirement>,
    /// Whether sending it twice has the effect of sending it once.
    pub idempotency: Idempotency,
    /// Where it runs, if that is not where the interface does. Never used without being asked to.
    pub servers: Vec<Server>,
    /// Requests that the service sends on account of it, in the order declared. Never any for a webhook or callback.
    pub callbacks: Vec<Callback>,
    /// How its list is read page by page, if the contract says so.
    pub pagination: Option<Pagination>,
    /// Where more is written.
    pub external_docs: Option<ExternalDocs>,
}

/// A request that the service sends to an address that was agreed on elsewhere.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Name of the event, unique together with the method.
    pub name: Spanned<String>,
    /// The request and the answers to it. Its path is `/`, its id unique among webhooks.
    pub operation: Operation,
}

/// A request that the service sends to an address that it was given in a call of an operation.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Name of the callback, which several expressions may share.
    pub name: Spanned<String>,
    /// Where the address is found: a runtime expression such as `{$request.body#/callback_url}`, perhaps amid other text.
    pub expression: Spanned<String>,
    /// The request and the answers to it. Its path is `/`, its id unique among the callbacks of its operation.
    pub operation: Operation,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the methods")]
pub enum Method {
    Get,
    Put,
    Post,
    Delete,
    Options,
    Head,
    Patch,
    Trace,
    /// Safe like `GET`, with a body; OpenAPI 3.2 has it.
    Query,
    /// A method of `additionalOperations`, which OpenAPI 3.2 has. Nothing is known of it.
    Other(MethodName),
}

/// The name of a method that OpenAPI has no key for: a token of HTTP (RFC 9110, section 5.6.2) of 1 to 24 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodName {
    /// Zero after the name.
    bytes: [u8; Self::LENGTH_MAX],
    length: u8,
}

/// Whether sending an operation twice has the effect of sending it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idempotency {
    /// No effect at all (RFC 9110, section 9.2.1).
    Safe,
    /// The same effect (RFC 9110, section 9.2.2), or said so by the contract.
    Idempotent,
    /// The same effect where both carry the same key in this header.
    Key {
        /// Name of the header.
        header: String,
    },
    /// Not known to be: never sent twice.
    None,
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Name, as it goes on the wire.
    pub name: String,
    /// Where it was declared.
    pub span: Span,
    /// Where it goes.
    pub location: ParameterLocation,
    /// Whether a request must have it.
    pub required: bool,
    /// Whether callers should move away from it.
    pub deprecated: bool,
    /// What it is for, as Markdown.
    pub description: Option<String>,
    /// How its value becomes text.
    pub encoding: ParameterEncoding,
    /// Its schema.
    pub schema: SchemaId,
    /// Examples by name; a single unnamed one is called `example`.
    pub examples: IndexMap<String, Value>,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParameterLocation {
    /// In the path template.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a cookie.
    Cookie,
}

/// How the value of a parameter becomes text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterEncoding {
    /// One of OpenAPI's styles.
    Style {
        /// The style.
        style: Style,
        /// Whether lists and objects become several parts.
        explode: bool,
        /// Whether reserved characters of a query stay as they are.
        allow_reserved: bool,
    },
    /// As a document of this media type.
    Content(String),
}

/// OpenAPI's styles of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are OpenAPI's")]
pub enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
}

impl Method {
    /// All methods that a path item has a key for.
    pub const ALL: [Self; 9] = [
        Self::Get,
        Self::Put,
        Self::Post,
        Self::Delete,
        Self::Options,
        Self::Head,
        Self::Patch,
        Self::Trace,
        Self::Query,
    ];

    /// The method as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
            Self::Trace => "TRACE",
            Self::Query => "QUERY",
            Self::Other(name) => name.as_str(),
        }
    }

    /// What RFC 9110 says of the method; `QUERY` is safe by its own specification.
    #[must_use]
    pub fn idempotency(self) -> Idempotency {
        match self {
            Self::Get | Self::Head | Self::Options | Self::Trace | Self::Query => Idempotency::Safe,
            Self::Put | Self::Delete => Idempotency::Idempotent,
            Self::Post | Self::Patch | Self::Other(_) => Idempotency::None,
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl MethodName {
    /// Most bytes of a name.
    pub const LENGTH_MAX: usize = 24;

    /// The name, if it is a token that is not too long.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let is_token =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        if name.is_empty() || !name.as_bytes().iter().all(is_token) {
            return None;
        }
        let mut bytes = [0; Self::LENGTH_MAX];
        bytes
            .get_mut(..name.len())?
            .copy_from_slice(name.as_bytes());
        let length = u8::try_from(name.len()).ok()?;
        Some(Self { bytes, length })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length));
        // Only ASCII is ever put in.
        bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for MethodName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Operation {
    /// The response declared for a status: exact first, then its hundred, then the default.
    #[must_use]
    pub fn response(&self, status: u16) -> Option<&Response> {
        self.responses
            .iter()
            .filter(|response| response.status.contains(status))
            .min_by_key(|response| response.status)
    }
}
