//! What services promise: the one model that loading makes and everything else reads.
//!
//! It is free of file formats. OpenAPI 3.0, 3.1 and 3.2 arrive here alike; nothing that reads the model asks for a version.

mod api;
mod body;
mod delivery;
mod handled;
mod messaging;
mod operation;
mod pagination;
mod security;

use indexmap::IndexMap;

use crate::expect::Expectation;
use crate::policy::{CallPolicy, Duration, PolicySettings};
use crate::source::{FileId, Span, Spanned};

pub use api::{
    Exposure, ExternalDocs, HttpApi, Isolation, Renames, Server, ServerVariable, State, States, Tag,
};
pub use body::{Header, Link, LinkTarget, Media, PartEncoding, RequestBody, Response, StatusRange};
pub use delivery::{
    ConsumePolicy, ConsumeRetrySettings, ConsumeSettings, DeadLetterSettings, InboxMode,
    InboxSettings,
};
pub use handled::Handled;
pub use messaging::{
    AsyncApi, AsyncChannel, Channel, ChannelKind, Consumption, Message, MessageId, MessageKind,
    Messaging, OrderBy, Transport,
};
pub use operation::{
    Callback, Idempotency, Method, MethodName, Operation, Parameter, ParameterEncoding,
    ParameterLocation, Style, Webhook,
};
pub use pagination::{Pagination, PaginationStyle};
pub use security::{OAuthFlow, OAuthFlows, SecurityKind, SecurityRequirement, SecurityScheme};

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
    /// What carries messages, by name.
    pub channels: IndexMap<String, Channel>,
    /// How every message is consumed that does not say otherwise.
    pub messaging: ConsumeSettings,
}

/// How and where code is generated.
#[derive(Debug, Clone, PartialEq)]
pub struct CodegenSettings {
    /// Folder of the generated crates, relative to `dovetail.yaml`.
    pub output: String,
    /// Folder of what watches over messages: alert rules, their routes and a dashboard. Relative to `dovetail.yaml`.
    pub monitoring: String,
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
    /// The messages that it provides and consumes.
    pub messaging: Messaging,
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

impl Default for CodegenSettings {
    fn default() -> Self {
        Self {
            output: "crates/generated".to_owned(),
            monitoring: "monitoring".to_owned(),
            runtime: RuntimeSource::Version(env!("CARGO_PKG_VERSION").to_owned()),
        }
    }
}
