//! What services promise: the one model that loading makes and everything else reads.
//!
//! It is free of file formats. OpenAPI 3.0 and 3.1 arrive here alike; nothing that reads the model asks for a version.

use indexmap::IndexMap;
use serde_json::Value;

use crate::expect::Expectation;
use crate::policy::{CallPolicy, Duration, PolicySettings};
use crate::schema::{SchemaId, Schemas};
use crate::source::{FileId, Span, Spanned};

/// All contracts of a folder.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// What `dovetail.yaml` says.
    pub settings: Settings,
    /// The services, by name.
    pub services: IndexMap<String, Service>,
    /// What consumers rely on, ordered by consumer and provider.
    pub expectations: Vec<Expectation>,
}

/// What holds for the whole workspace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Policy of every call that does not say otherwise.
    pub policy: PolicySettings,
    /// How and where code is generated.
    pub codegen: CodegenSettings,
}

/// How and where code is generated.
#[derive(Debug, Clone, PartialEq)]
pub struct CodegenSettings {
    /// Folder of the generated crates, relative to `dovetail.yaml`.
    pub output: String,
    /// Where the manifests of generated crates take the runtime crates from.
    pub runtime: RuntimeSource,
}

/// Where generated manifests take the runtime crates from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeSource {
    /// A published version, as Cargo writes requirements.
    Version(String),
    /// A Git repository, with a revision if one is pinned.
    Git {
        /// Address of the repository.
        url: String,
        /// Commit, tag or branch name.
        revision: Option<String>,
    },
    /// The folder that holds the runtime crates, relative to `dovetail.yaml`.
    Path(String),
    /// Inherited from the workspace that the crates are members of.
    Workspace,
}

/// All that one service declares.
#[derive(Debug, Clone)]
pub struct Service {
    /// Name, the same everywhere.
    pub name: Spanned<String>,
    /// Version of the contract.
    pub version: Option<Spanned<semver::Version>>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// One sentence on what it does.
    pub summary: Option<String>,
    /// What it aims to keep.
    pub slo: Option<Slo>,
    /// What it provides over HTTP.
    pub http: Option<HttpApi>,
    /// What it calls, by the provider's name.
    pub calls: IndexMap<String, Call>,
    /// Its `service.yaml`.
    pub file: FileId,
}

/// A service level objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    /// Share of calls that succeed, between 0 and 1.
    pub availability: Option<f64>,
    /// 99th percentile of latency.
    pub p99: Option<Duration>,
}

/// A dependency on another service.
#[derive(Debug, Clone)]
pub struct Call {
    /// The provider's name and where it was named.
    pub provider: Spanned<String>,
    /// What the caller needs of it.
    pub needs: Option<Needs>,
    /// Policy of every operation that is called, unless it says otherwise.
    pub policy: PolicySettings,
    /// The operations that are called, by id, with their own policy.
    pub operations: IndexMap<String, OperationCall>,
}

/// One operation that is called.
#[derive(Debug, Clone)]
pub struct OperationCall {
    /// Where it was named.
    pub span: Span,
    /// What is said of this call alone.
    pub policy: CallPolicy,
}

/// What a caller needs of an interaction; the decision tree checks the protocol against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Needs {
    /// Whether the caller waits for the answer.
    pub reply: Option<Reply>,
    /// How long it can wait.
    pub latency: Option<Duration>,
}

/// Whether a caller waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It cannot go on without.
    Immediate,
    /// It goes on, and the effect comes later.
    Eventual,
}

/// What a service provides over HTTP.
#[derive(Debug, Clone)]
pub struct HttpApi {
    /// The OpenAPI document.
    pub file: FileId,
    /// Title, as declared.
    pub title: String,
    /// Version as declared, which may be any text.
    pub version: String,
    /// What it is for, as Markdown.
    pub description: Option<String>,
    /// Who may reach it.
    pub exposure: Exposure,
    /// The states that it can be put into before it is verified.
    pub states: States,
    /// Where it says that it runs. Never used without being asked to.
    pub servers: Vec<Server>,
    /// Operations in the order of the document. Ids are unique and never empty.
    pub operations: Vec<Operation>,
    /// Every schema that anything here names.
    pub schemas: Schemas,
    /// How callers prove who they are, by name.
    pub security_schemes: IndexMap<String, SecurityScheme>,
    /// Descriptions of tags, by name.
    pub tags: IndexMap<String, Option<String>>,
}

/// Who may reach an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposure {
    /// Other services only.
    #[default]
    Internal,
    /// The public, through the gateway.
    Public,
}

/// The states that a provider can be put into before an interaction.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct States {
    /// Path of the endpoint that takes them: `POST {state, params, action}`.
    pub path: Option<Spanned<String>>,
    /// The states, by name.
    pub known: IndexMap<String, State>,
}

/// One state of a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Where it is declared.
    pub span: Span,
    /// Names of the values that setting it up returns.
    pub returns: Vec<String>,
    /// Whether other interactions may run while it holds.
    pub isolation: Isolation,
}

/// Whether interactions may run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Nothing else runs while the state holds.
    #[default]
    Exclusive,
    /// Interactions with shared states may run together.
    Shared,
}

/// A declared address; may be relative and may hold `{variables}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// The address.
    pub url: String,
    /// What it is.
    pub description: Option<String>,
    /// Default value and allowed values of each variable.
    pub variables: IndexMap<String, ServerVariable>,
}

/// A variable of a server's address.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerVariable {
    /// Used where no value is given.
    pub default: String,
    /// Allowed values; empty for any.
    pub allowed: Vec<String>,
}

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
    /// Encoding of single properties of forms, by name.
    pub encoding: IndexMap<String, PartEncoding>,
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
}

/// A declared response.
#[derive(Debug, Clone)]
pub struct Response {
    /// Which statuses it is for.
    pub status: StatusRange,
    /// Where it was declared.
    pub span: Span,
    /// What it means, as Markdown.
    pub description: String,
    /// Headers by name.
    pub headers: IndexMap<String, Header>,
    /// The media types, in the order declared; empty for no body.
    pub content: Vec<Media>,
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

/// A header of a response.
#[derive(Debug, Clone)]
pub struct Header {
    /// Whether every response has it.
    pub required: bool,
    /// What it is for, as Markdown.
    pub description: Option<String>,
    /// Its schema, where one is declared.
    pub schema: Option<SchemaId>,
}

/// Schemes that are required together; empty where anonymous calls are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecurityRequirement {
    /// Names of schemes with the scopes that are needed.
    pub schemes: IndexMap<String, Vec<String>>,
}

/// How callers prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityScheme {
    /// What kind of proof.
    pub kind: SecurityKind,
    /// How to come by one, as Markdown.
    pub description: Option<String>,
}

/// A kind of proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecurityKind {
    /// A key in a header, a query parameter or a cookie.
    ApiKey {
        /// Name of the header, parameter or cookie.
        name: String,
        /// Where it goes; never in the path.
        location: ParameterLocation,
    },
    /// `Authorization: Basic` (RFC 7617).
    Basic,
    /// `Authorization: Bearer` (RFC 6750); `OpenID` Connect and OAuth 2 tokens go the same way.
    Bearer,
    /// OAuth 2, with the token endpoint of its client credentials flow if there is one.
    OAuth2 {
        /// Address of the token endpoint.
        client_credentials: Option<String>,
    },
    /// A client certificate.
    MutualTls,
    /// Another scheme of the HTTP registry, named.
    Other(String),
}

impl Method {
    /// All methods that a path item can declare.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Put,
        Self::Post,
        Self::Delete,
        Self::Options,
        Self::Head,
        Self::Patch,
        Self::Trace,
    ];

    /// The method as it goes on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
            Self::Trace => "TRACE",
        }
    }

    /// What RFC 9110 says of the method.
    #[must_use]
    pub fn idempotency(self) -> Idempotency {
        match self {
            Self::Get | Self::Head | Self::Options | Self::Trace => Idempotency::Safe,
            Self::Put | Self::Delete => Idempotency::Idempotent,
            Self::Post | Self::Patch => Idempotency::None,
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
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

impl HttpApi {
    /// The operation with this id.
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|operation| operation.id.value == id)
    }
}

impl Default for CodegenSettings {
    fn default() -> Self {
        Self {
            output: "crates/generated".to_owned(),
            runtime: RuntimeSource::Version(env!("CARGO_PKG_VERSION").to_owned()),
        }
    }
}
