//! Reading contracts: from files to the model, with every problem as a finding.

use std::path::Path;

use crate::contract::HttpApi;
use crate::finding::Finding;
use crate::load::files::Files;
use crate::source::Sources;

mod files;
mod json;
mod openapi;
mod parse;
pub mod tree;
mod yaml;

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

/// Reads one OpenAPI document without a workspace. It may refer to files of its own folder and below.
#[must_use]
pub fn load_openapi(path: &Path) -> LoadedApi {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut files = Files::new(folder.to_path_buf());
    let document = files.read(&name, None);
    let api = document.map(|document| openapi::read_api(&mut files, &document));
    let (sources, mut findings) = files.into_parts();
    crate::finding::sort(&mut findings, &sources);
    LoadedApi {
        api,
        sources,
        findings,
    }
}
