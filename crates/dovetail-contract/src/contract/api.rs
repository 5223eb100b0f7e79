//! An interface over HTTP as a whole: what is true of all of its operations, and what they share.

use indexmap::IndexMap;

use super::{Operation, SecurityScheme, Webhook};
use crate::schema::Schemas;
use crate::source::{FileId, Span, Spanned};

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
    /// Requests that it sends to those who subscribed elsewhere, in the order of the document.
    pub webhooks: Vec<Webhook>,
    /// Every schema that anything here names.
    pub schemas: Schemas,
    /// How callers prove who they are, by name.
    pub security_schemes: IndexMap<String, SecurityScheme>,
    /// What is said of tags, by name.
    pub tags: IndexMap<String, Tag>,
    /// Where more is written.
    pub external_docs: Option<ExternalDocs>,
    /// Names that generated code gives to what the document calls otherwise.
    pub renames: Renames,
}

/// What is said of a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tag {
    /// One line on what belongs together under it; OpenAPI 3.2 has it, and `x-displayName` before.
    pub summary: Option<String>,
    /// More, as Markdown.
    pub description: Option<String>,
    /// The tag that it lies under. It is declared, and no tag lies under itself.
    pub parent: Option<String>,
    /// What it sorts by, such as `nav`, `badge` or `audience`.
    pub kind: Option<String>,
    /// Where more is written.
    pub external_docs: Option<ExternalDocs>,
}

/// A page outside of the contract. Never fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalDocs {
    /// Its address; may be relative.
    pub url: String,
    /// What it tells, as Markdown.
    pub description: Option<String>,
}

/// Names that generated code gives to what the document calls otherwise. What they name is there, and new names are unique among themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Renames {
    /// New names of schemas, by the name of the document.
    pub schemas: IndexMap<String, Spanned<String>>,
    /// New names of operations, by id.
    pub operations: IndexMap<String, Spanned<String>>,
    /// New names of properties, by the name of their schema and by their own.
    pub properties: IndexMap<String, IndexMap<String, Spanned<String>>>,
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
    /// A word for it, since OpenAPI 3.2.
    pub name: Option<String>,
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
    /// What it stands for, as Markdown.
    pub description: Option<String>,
    /// Used where no value is given.
    pub default: String,
    /// Allowed values; empty for any.
    pub allowed: Vec<String>,
}

impl HttpApi {
    /// The operation with this id.
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|operation| operation.id.value == id)
    }

    /// The servers of an operation: its own, else those of the whole interface.
    #[must_use]
    pub fn servers_of<'a>(&'a self, operation: &'a Operation) -> &'a [Server] {
        if operation.servers.is_empty() {
            &self.servers
        } else {
            &operation.servers
        }
    }
}
