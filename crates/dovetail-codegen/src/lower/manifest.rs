//! `Cargo.toml` of a generated crate.

use dovetail_contract::contract::RuntimeSource;

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
    let mut dependencies = vec![runtime(request.runtime, "dovetail-client")];
    dependencies.extend(others(uses));
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
        description: self::description(&description),
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

/// The crates that types stand on, as far as they are used.
pub(super) fn others(uses: &Uses) -> impl Iterator<Item = String> {
    const OTHERS: [(&str, &str); 4] = [
        ("bytes", "bytes = \"1\""),
        (
            "chrono",
            "chrono = { version = \"0.4.31\", default-features = false, features = [\"serde\", \"std\"] }",
        ),
        ("serde_json", "serde_json = \"1.0.129\""),
        ("uuid", "uuid = { version = \"1\", features = [\"serde\"] }"),
    ];
    let used = OTHERS.iter().filter(|(krate, _)| uses.mentions(krate));
    used.map(|(_, line)| (*line).to_owned())
}

/// What the crate is, where a registry can show it.
pub(super) fn description(text: &str) -> String {
    literal::toml(&shortened(&text.replace('\\', "")))
}

/// The line of a crate of the runtime.
pub(super) fn runtime(source: &RuntimeSource, krate: &str) -> String {
    line(source, krate, "")
}

/// The line of a crate of the runtime, none of whose default features is needed.
pub(super) fn bare_runtime(source: &RuntimeSource, krate: &str) -> String {
    line(source, krate, ", default-features = false")
}

fn line(source: &RuntimeSource, krate: &str, more: &str) -> String {
    let value = match source {
        // What a workspace says of its crates holds for all members.
        RuntimeSource::Workspace => return format!("{krate}.workspace = true"),
        RuntimeSource::Version(version) if more.is_empty() => literal::toml(version),
        RuntimeSource::Version(version) => {
            format!("{{ version = {}{more} }}", literal::toml(version))
        }
        RuntimeSource::Path(path) => {
            let path = format!("{}/{krate}", path.trim_end_matches('/'));
            format!("{{ path = {}{more} }}", literal::toml(&path))
        }
        RuntimeSource::Git { url, revision } => {
            let revision = revision.as_deref().map(literal::toml);
            let revision = revision.map_or_else(String::new, |it| format!(", rev = {it}"));
            format!("{{ git = {}{revision}{more} }}", literal::toml(url))
        }
    };
    format!("{krate} = {value}")
}
