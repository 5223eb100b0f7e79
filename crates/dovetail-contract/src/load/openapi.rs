//! OpenAPI 3.0, 3.1 and what 3.2 adds to it, read permissively from the spanned tree.
//!
//! Real documents are sloppy where it does no harm. What harms nobody is a warning and is left out or put right; only what would make generated
//! code wrong or impossible is an error. Reading goes on after every problem, so one run shows them all. Versions end here: shapes that differ
//! between them (`nullable`, boolean bounds, lists of types) are told apart by what they look like.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::codes;
use crate::contract::{Exposure, HttpApi, Renames, States};
use crate::finding::{Code, Finding, Severity};
use crate::load::files::{Document, Files};
use crate::schema::Schemas;
use crate::source::{FileId, Span};

use at::At;
use budget::Budget;
use documents::Documents;
use link::Targets;
use reference::Kind;
use schema::SchemaReader;

pub(crate) use asyncapi::read_async_api;
pub(crate) use payload::{is_proto, read_payloads};

mod about;
mod asyncapi;
mod at;
mod avro;
mod budget;
mod content;
mod cycle;
mod dialect;
mod documents;
mod fields;
mod keywords;
mod link;
mod nullable;
mod operation;
mod outgoing;
mod parameter;
mod path;
mod payload;
mod reference;
mod schema;
mod security;

/// Reads a document, as far as it can be read. What is wrong with it is kept in `files`.
///
/// Exposure, states, pagination and renames are not OpenAPI's to say and stay at their defaults.
pub(crate) fn read_api(files: &mut Files, document: &Document) -> HttpApi {
    let documents = Documents::gather(files, [document]);
    let root = At::root(document.file, &document.root);
    Reader::new(files, &documents, document.file).api(&root)
}

/// Everything that reading one document needs to know.
struct Reader<'d, 'f> {
    files: &'f mut Files,
    documents: &'d Documents,
    root: FileId,
    /// Whether keywords beside `$ref` hold, as they do since 3.1.
    siblings_count: bool,
    schemas: SchemaReader<'d>,
    budget: Budget,
    /// What the operations of paths are called, for links to them.
    targets: Targets,
    /// Where chains of references end that were followed already, by the place of each reference.
    ends: HashMap<(usize, Kind), Option<At<'d>>>,
    /// The Avro schemas that were read.
    avro: avro::Known,
}

impl<'d, 'f> Reader<'d, 'f> {
    /// Nothing read yet; `root` is the file that reading begins with.
    fn new(files: &'f mut Files, documents: &'d Documents, root: FileId) -> Self {
        Self {
            files,
            documents,
            root,
            siblings_count: true,
            schemas: SchemaReader::default(),
            budget: Budget::default(),
            targets: Targets::default(),
            ends: HashMap::new(),
            avro: HashMap::new(),
        }
    }
}

impl<'d> Reader<'d, '_> {
    fn api(&mut self, root: &At<'d>) -> HttpApi {
        let mut api = HttpApi {
            file: self.root,
            title: String::new(),
            version: String::new(),
            description: None,
            exposure: Exposure::default(),
            states: States::default(),
            servers: Vec::new(),
            operations: Vec::new(),
            webhooks: Vec::new(),
            schemas: Schemas::default(),
            security_schemes: IndexMap::new(),
            tags: IndexMap::new(),
            external_docs: None,
            renames: Renames::default(),
        };
        if !self.is_readable(root) {
            return api;
        }
        self.about(root, &mut api);
        api.servers = self.servers(root);
        api.tags = self.tags(root);
        api.external_docs = self.external_docs(root);
        if let Some(components) = root.get("components") {
            for (_, schema) in self.entries(&components, "schemas") {
                self.schema(&schema);
            }
            api.security_schemes = self.security_schemes(&components);
        }
        let security = self.common_security(root, &api.security_schemes);
        api.operations = self.operations(root, &security);
        api.webhooks = self.webhooks(root, &security);
        api.schemas = self.finish_schemas();
        api
    }

    /// Whether it is a document of a version that is read. Says so if not.
    fn is_readable(&mut self, root: &At<'d>) -> bool {
        if root.node.entries().is_none() {
            self.wrong_type(root, "an OpenAPI document", Severity::Error);
            return false;
        }
        let expected = "OpenAPI 3.0, 3.1 or 3.2";
        if let Some(swagger) = root.get("swagger") {
            let message = "this is a Swagger document, which is another format";
            self.files.push(
                Finding::new(&codes::UNSUPPORTED_VERSION, swagger.place(), message)
                    .expected(expected)
                    .help("convert it to OpenAPI 3 first"),
            );
            return false;
        }
        let Some(version) = root.get("openapi") else {
            let span = Span::start_of(self.root);
            self.files.push(
                Finding::new(
                    &codes::MISSING_KEY,
                    span,
                    "the document does not say `openapi`",
                )
                .expected("`openapi: 3.1.0`, or another version that is read"),
            );
            return false;
        };
        let text = self.text(root, "openapi").unwrap_or_default();
        let mut parts = text.split('.');
        match (parts.next(), parts.next()) {
            (Some("3"), Some("0")) => self.siblings_count = false,
            (Some("3"), Some("1" | "2")) => {}
            _ => {
                let message = format!("OpenAPI `{text}` is not a version that is read");
                self.files.push(
                    Finding::new(&codes::UNSUPPORTED_VERSION, version.place(), message)
                        .expected(expected),
                );
                return false;
            }
        }
        true
    }

    fn about(&mut self, root: &At<'d>, api: &mut HttpApi) {
        let Some(info) = root.get("info") else {
            let span = Span::start_of(self.root);
            self.warn(
                &codes::MISSING_KEY,
                span,
                "the document does not say `info`",
            );
            return;
        };
        api.title = self.text(&info, "title").unwrap_or_default();
        api.version = self.text(&info, "version").unwrap_or_default();
        api.description = self
            .text(&info, "description")
            .or_else(|| self.text(&info, "summary"));
    }

    /// Says that something is likely a mistake, though nothing fails for it.
    fn warn(&mut self, code: &'static Code, span: Span, message: impl Into<String>) {
        self.files.push(warning(code, span, message));
    }
}

/// A finding for what is likely a mistake, though nothing fails for it.
fn warning(code: &'static Code, span: Span, message: impl Into<String>) -> Finding {
    let mut finding = Finding::new(code, span, message);
    finding.severity = Severity::Warning;
    finding
}

#[cfg(test)]
mod tests;
