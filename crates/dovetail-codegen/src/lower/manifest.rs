//! `Cargo.toml` and `README.md` of a generated crate.

use dovetail_contract::contract::RuntimeSource;

use super::operations::OperationDraft;
use super::parts::Parts;
use super::spell::Uses;
use crate::{ClientRequest, doc, ir, literal};

/// The manifest: what is used and nothing else.
pub(super) fn manifest(
    request: &ClientRequest<'_>,
    summary: &str,
    uses: &Uses,
    parts: &Parts,
) -> ir::Manifest {
    let mentions = |krate: &str| uses.mentions(krate);
    let mut dependencies = vec![format!("dovetail-client{}", runtime(request))];
    let others = [
        ("bytes", "bytes = \"1\""),
        (
            "chrono",
            "chrono = { version = \"0.4.31\", default-features = false, features = [\"serde\", \"std\"] }",
        ),
        ("serde_json", "serde_json = \"1.0.129\""),
        ("uuid", "uuid = { version = \"1\", features = [\"serde\"] }"),
    ];
    dependencies.extend(
        others
            .iter()
            .filter(|(krate, _)| mentions(krate))
            .map(|(_, line)| (*line).to_owned()),
    );
    dependencies.sort();
    let summary = doc::sentence(summary);
    let description = if summary.is_empty() {
        format!("Client of {}.", request.service)
    } else {
        summary
    };
    ir::Manifest {
        name: literal::toml(&super::package_name(request.service)),
        version: literal::toml(&request.version.to_string()),
        description: literal::toml(&shortened(&description.replace('\\', ""))),
        features: features(parts),
        required: parts.features().cloned().collect(),
        dependencies,
    }
}

/// A feature for each part that can be left out; all are on by default. One more reads what is only sent and writes what is only received.
fn features(parts: &Parts) -> Vec<String> {
    let all: Vec<&str> = parts.features().map(String::as_str).collect();
    let mut lines = Vec::new();
    if !all.is_empty() {
        lines.push("default = [".to_owned());
        lines.extend(all.iter().map(|feature| format!("    {feature},")));
        lines.push("]".to_owned());
    }
    lines.push(
        "# Reads types that are only sent, and writes types that are only received.".to_owned(),
    );
    lines.push("full-serde = []".to_owned());
    lines.extend(all.iter().map(|feature| format!("{} = []", key(feature))));
    lines
}

/// A key of TOML needs no quotes where it is plain.
fn key(feature: &str) -> &str {
    if feature.is_ascii() {
        feature.trim_matches('"')
    } else {
        feature
    }
}

/// Registries refuse descriptions that are longer than people read.
fn shortened(text: &str) -> String {
    const LENGTH_MAX: usize = 300;
    if text.chars().count() <= LENGTH_MAX {
        return text.to_owned();
    }
    let cut: String = text.chars().take(LENGTH_MAX).collect();
    format!("{}…", cut.trim_end())
}

fn runtime(request: &ClientRequest<'_>) -> String {
    match request.runtime {
        RuntimeSource::Workspace => ".workspace = true".to_owned(),
        RuntimeSource::Version(version) => format!(" = {}", literal::toml(version)),
        RuntimeSource::Path(path) => {
            let path = format!("{}/dovetail-client", path.trim_end_matches('/'));
            format!(" = {{ path = {} }}", literal::toml(&path))
        }
        RuntimeSource::Git {
            url,
            revision: None,
        } => format!(" = {{ git = {} }}", literal::toml(url)),
        RuntimeSource::Git {
            url,
            revision: Some(revision),
        } => {
            format!(
                " = {{ git = {}, rev = {} }}",
                literal::toml(url),
                literal::toml(revision)
            )
        }
    }
}

/// The front page: what the service is, how to make a client, which operations there are.
pub(super) fn readme(
    request: &ClientRequest<'_>,
    drafts: &[OperationDraft<'_>],
    summary: &str,
) -> ir::Readme {
    let package = super::package_name(request.service);
    let row = |draft: &OperationDraft<'_>| {
        let operation = draft.operation;
        let cell = |text: &str| doc::code(text).replace('|', "\\|");
        let refusals = draft
            .refusals
            .as_ref()
            .map(|refusals| cell(&refusals.name))
            .unwrap_or_default();
        ir::ReadmeRow {
            method: cell(draft.method.trim_start_matches("r#")),
            request: cell(&format!("{} {}", operation.method, operation.path.value)),
            refusals,
        }
    };
    ir::Readme {
        title: package.clone(),
        summary: doc::wrap(&doc::sentence(summary)),
        library: package.replace('-', "_"),
        has_errors: drafts.iter().any(|draft| draft.refusals.is_some()),
        rows: drafts.iter().map(row).collect(),
    }
}
