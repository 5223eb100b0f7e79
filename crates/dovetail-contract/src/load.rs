//! Reading contracts: from files to the model, with every problem as a finding.

use std::path::Path;

use crate::contract::{AsyncApi, HttpApi, Workspace};
use crate::finding::Finding;
use crate::load::files::{Document, Files};
use crate::load::tree::Node;
use crate::source::Sources;

mod files;
mod json;
mod lower;
mod openapi;
mod parse;
#[cfg(feature = "proto")]
mod proto;
pub mod schemas;
pub mod tree;
mod workspace;
mod yaml;

pub use workspace::WORKSPACE_FILE;
pub use workspace::matcher::FORMATS;

/// What came of reading a folder of contracts.
#[derive(Debug)]
pub struct Loaded {
    /// What could be read.
    pub workspace: Workspace,
    /// The files that were read.
    pub sources: Sources,
    /// What is wrong with them, sorted by place.
    pub findings: Vec<Finding>,
}

/// What came of reading one OpenAPI document.
#[derive(Debug)]
pub struct LoadedApi {
    /// What could be read, if anything.
    pub api: Option<HttpApi>,
    /// The files that were read.
    pub sources: Sources,
    /// What is wrong with them, sorted by place.
    pub findings: Vec<Finding>,
}

/// What came of reading one AsyncAPI document.
#[derive(Debug)]
pub struct LoadedAsyncApi {
    /// What could be read, if anything.
    pub api: Option<AsyncApi>,
    /// The files that were read.
    pub sources: Sources,
    /// What is wrong with them, sorted by place.
    pub findings: Vec<Finding>,
}

/// What came of parsing one text.
#[derive(Debug)]
pub struct ParsedText {
    /// The tree, if there is one.
    pub root: Option<Node>,
    /// The text.
    pub sources: Sources,
    /// What is wrong with it, sorted by place.
    pub findings: Vec<Finding>,
}

/// Reads all contracts of the folder that holds `dovetail.yaml`. Whatever is wrong is a finding; what could be read is returned all the same.
#[must_use]
pub fn load(root: &Path) -> Loaded {
    let mut files = Files::new(root.to_path_buf());
    let workspace = workspace::read(&mut files, root);
    let (sources, mut findings) = files.into_parts();
    crate::finding::sort(&mut findings, &sources);
    Loaded {
        workspace,
        sources,
        findings,
    }
}

/// Parses a text to its tree, as JSON where `path` ends so and as YAML elsewhere. No file is read.
#[must_use]
pub fn parse_text(path: &str, text: &str) -> ParsedText {
    let mut sources = Sources::default();
    let file = sources.add(path, text);
    let parse::Parsed { root, mut findings } = parse::parse(path, file, text);
    crate::finding::sort(&mut findings, &sources);
    ParsedText {
        root,
        sources,
        findings,
    }
}

/// Reads one OpenAPI document without a workspace. It may refer to files of its own folder and below.
#[must_use]
pub fn load_openapi(path: &Path) -> LoadedApi {
    let (api, sources, findings) = alone(path, openapi::read_api);
    LoadedApi {
        api,
        sources,
        findings,
    }
}

/// Reads the messages of one AsyncAPI document, 2.0 to 3.1, without a workspace. It may refer to files below `root`, a folder above it.
#[must_use]
pub fn load_asyncapi(root: &Path, path: &str) -> LoadedAsyncApi {
    let (api, sources, findings) = below(root, path, openapi::read_async_api);
    LoadedAsyncApi {
        api,
        sources,
        findings,
    }
}

/// Reads one document with all that it refers to in its own folder and below.
fn alone<T>(path: &Path, read: Read<T>) -> (Option<T>, Sources, Vec<Finding>) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    below(folder, &name, read)
}

/// How a document of a format becomes a model.
type Read<T> = fn(&mut Files, &Document) -> T;

/// Reads one document with all that it refers to below a folder.
fn below<T>(root: &Path, path: &str, read: Read<T>) -> (Option<T>, Sources, Vec<Finding>) {
    let mut files = Files::new(root.to_path_buf());
    let document = files.read(path, None);
    let model = document.map(|document| read(&mut files, &document));
    let (sources, mut findings) = files.into_parts();
    crate::finding::sort(&mut findings, &sources);
    (model, sources, findings)
}
