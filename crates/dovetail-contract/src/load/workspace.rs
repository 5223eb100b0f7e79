//! A folder of contracts: `dovetail.yaml`, and for each service a folder with `service.yaml` and `expects/`.
//!
//! Everything is read even where something is wrong, so that one run says it all.

pub(crate) mod channels;
pub(crate) mod delivery;
pub(crate) mod expect;
pub(crate) mod matcher;
mod messages;
pub(crate) mod policy;
pub(crate) mod service;
pub(crate) mod settings;

use std::path::Path;

use super::files::Files;
use crate::codes;
use crate::contract::Workspace;
use crate::finding::Finding;
use crate::source::Span;

/// The file that makes a folder a workspace.
pub const WORKSPACE_FILE: &str = "dovetail.yaml";

/// Reads everything below `root` into `files` and returns what could be read.
pub(super) fn read(files: &mut Files, root: &Path) -> Workspace {
    let mut workspace = Workspace::default();
    let settings_file = files.read(WORKSPACE_FILE, None);
    if let Some(document) = &settings_file {
        workspace.settings = settings::read(files, &document.root);
    }
    let folders = folders(files, root);
    for folder in &folders {
        read_folder(files, root, folder, &mut workspace);
    }
    if let Some(document) = settings_file.filter(|_| folders.is_empty()) {
        files.push(
            Finding::new(
                &codes::MISSING_FILE,
                Span::start_of(document.file),
                "the workspace holds no service",
            )
            .expected("a folder for each service, with a `service.yaml`")
            .help("`dovetail init` makes a first one"),
        );
    }
    let key = |expectation: &crate::expect::Expectation| {
        (
            expectation.consumer.value.clone(),
            expectation.provider.value.clone(),
            expectation.file,
        )
    };
    workspace.expectations.sort_by_key(key);
    messages::check(files, &workspace);
    workspace
}

fn read_folder(files: &mut Files, root: &Path, folder: &str, workspace: &mut Workspace) {
    if let Some(document) = files.read(&format!("{folder}/service.yaml"), None)
        && let Some(service) = service::read(files, &document, folder, &workspace.settings.channels)
    {
        let name = service.name.clone();
        if let Some(other) = workspace.services.get(&name.value) {
            files.push(
                Finding::new(
                    &codes::INVALID_VALUE,
                    name.span,
                    format!("two services are called `{}`", name.value),
                )
                .related(other.name.span, "the first one")
                .help("give each service a name of its own"),
            );
        } else {
            workspace.services.insert(name.value, service);
        }
    }
    for file in expectations(files, root, folder) {
        if let Some(document) = files.read(&format!("{folder}/expects/{file}"), None) {
            workspace
                .expectations
                .extend(expect::read(files, &document));
        }
    }
}

/// Folders that are services: those with a `service.yaml`, and those that look as if it were forgotten.
fn folders(files: &mut Files, root: &Path) -> Vec<String> {
    let marks = [
        "service.yaml",
        "service.yml",
        "expects",
        "openapi.yaml",
        "openapi.yml",
        "openapi.json",
    ];
    let mut names = names(files, root, "");
    names.retain(|name| marks.iter().any(|mark| root.join(name).join(mark).exists()));
    names
}

/// The files of expectations of one service. Any other file there would be believed to be checked, so it is a finding.
fn expectations(files: &mut Files, root: &Path, folder: &str) -> Vec<String> {
    let path = format!("{folder}/expects");
    let mut names = names(files, root, &path);
    names.retain(|name| {
        let extension = Path::new(name)
            .extension()
            .and_then(|extension| extension.to_str());
        let is_document = matches!(extension, Some("yaml" | "yml" | "json"));
        if !is_document {
            let place = files.place_of_missing(&format!("{path}/{name}"));
            files.push(
                Finding::new(
                    &codes::UNREADABLE_FILE,
                    place,
                    format!("`{path}/{name}` is not an expectation"),
                )
                .expected("files that end in `.yaml`, `.yml` or `.json`")
                .help("rename it, or move it out of `expects/`"),
            );
        }
        is_document
    });
    names
}

/// What a folder holds, sorted, without what is hidden. A folder that is not there holds nothing; one that cannot be listed is a finding.
fn names(files: &mut Files, root: &Path, folder: &str) -> Vec<String> {
    if files.leads_out(folder) {
        let place = files.place_of_missing(folder);
        files.push(
            Finding::new(
                &codes::REFERENCE_OUTSIDE,
                place,
                format!("the folder `{folder}` leads out of the workspace"),
            )
            .help("put a copy of it into the workspace"),
        );
        return Vec::new();
    }
    let listed: Result<Vec<_>, _> =
        std::fs::read_dir(root.join(folder)).and_then(Iterator::collect);
    let mut names: Vec<String> = match listed {
        Ok(entries) => entries
            .into_iter()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let place = files.place_of_missing(folder);
            files.push(
                Finding::new(
                    &codes::UNREADABLE_FILE,
                    place,
                    format!("the folder `{folder}` cannot be listed: {}", error.kind()),
                )
                .help("make it a folder that you may read"),
            );
            Vec::new()
        }
    };
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

#[cfg(test)]
mod tests;
