//! `dovetail.yaml`: what holds for the whole workspace.

use super::super::files::Files;
use super::super::lower::{self, Keys};
use super::super::tree::Node;
use super::{channels, delivery, policy};
use crate::codes;
use crate::contract::{CodegenSettings, ConsumeSettings, RuntimeSource, Settings};
use crate::finding::Finding;

pub(crate) const WORKSPACE: Keys = Keys {
    what: "a workspace",
    known: &["dovetail", "policy", "codegen", "channels", "messaging"],
    required: &["dovetail"],
};
pub(crate) const MESSAGING: Keys = Keys {
    what: "settings of messages",
    known: &[
        "transport",
        "idempotency",
        "retry",
        "dead_letter",
        "deadline",
    ],
    required: &[],
};
pub(crate) const IDEMPOTENCY: Keys = Keys {
    what: "how duplicates of all messages are told",
    known: &["retain", "mode"],
    required: &[],
};
pub(crate) const CODEGEN: Keys = Keys {
    what: "settings of code generation",
    known: &["output", "monitoring", "runtime"],
    required: &[],
};
pub(crate) const RUNTIME: Keys = Keys {
    what: "the source of the runtime crates",
    known: &["version", "git", "revision", "path", "workspace"],
    required: &[],
};

/// Reads `dovetail.yaml`.
pub(super) fn read(files: &mut Files, node: &Node) -> Settings {
    let Some(node) = lower::mapping(files, node, &WORKSPACE) else {
        return Settings::default();
    };
    if let Some(version) = node.get("dovetail") {
        lower::integer(files, version, "the version of the file format", (1, 1));
    }
    let policy = node
        .get("policy")
        .and_then(|node| lower::mapping(files, node, &policy::POLICY))
        .map(|node| policy::read(files, node));
    let codegen = node.get("codegen").map(|node| codegen(files, node));
    let messaging = node
        .get("messaging")
        .and_then(|node| lower::mapping(files, node, &MESSAGING));
    let transport = messaging
        .and_then(|node| node.get("transport"))
        .and_then(|node| channels::transport(files, node));
    let channels = node
        .get("channels")
        .map(|node| channels::read(files, node, transport.unwrap_or_default()));
    Settings {
        policy: policy.unwrap_or_default(),
        codegen: codegen.unwrap_or_default(),
        channels: channels.unwrap_or_default(),
        messaging: messaging
            .map(|node| consuming(files, node))
            .unwrap_or_default(),
    }
}

/// How every message is consumed that does not say otherwise. What tells duplicates apart is up to each message.
fn consuming(files: &mut Files, node: &Node) -> ConsumeSettings {
    let inbox = node
        .get("idempotency")
        .and_then(|node| lower::mapping(files, node, &IDEMPOTENCY))
        .map(|node| delivery::inbox(files, node));
    delivery::read(files, node, inbox.unwrap_or_default())
}

fn codegen(files: &mut Files, node: &Node) -> CodegenSettings {
    let mut settings = CodegenSettings::default();
    let Some(node) = lower::mapping(files, node, &CODEGEN) else {
        return settings;
    };
    if let Some(output) = node
        .get("output")
        .and_then(|node| relative(files, node, "the output folder"))
    {
        settings.output = output;
    }
    if let Some(node) = node.get("monitoring")
        && let Some(monitoring) = relative(files, node, "the folder of alert rules")
    {
        if is_within(&monitoring, &settings.output) {
            let message = "alert rules lie among the crates, where Cargo would take them for one";
            let finding = Finding::new(&codes::INVALID_VALUE, node.span, message);
            let finding = finding.expected("a folder outside of `output`");
            files.push(finding.help("write it like `../monitoring`"));
        }
        settings.monitoring = monitoring;
    }
    if let Some(runtime) = node.get("runtime").and_then(|node| runtime(files, node)) {
        settings.runtime = runtime;
    }
    settings
}

/// Whether a path is a folder or leads into it, as far as their words say so.
fn is_within(path: &str, folder: &str) -> bool {
    let steps = |path: &str| -> Vec<String> {
        let steps = path.split('/').filter(|step| !matches!(*step, "" | "."));
        steps.map(str::to_owned).collect()
    };
    let folder = steps(folder);
    !folder.is_empty() && steps(path).starts_with(&folder)
}

fn runtime(files: &mut Files, node: &Node) -> Option<RuntimeSource> {
    let node = lower::mapping(files, node, &RUNTIME)?;
    let sources = ["version", "git", "path", "workspace"];
    let said: Vec<&str> = sources
        .into_iter()
        .filter(|key| node.get(key).is_some())
        .collect();
    let [source] = said[..] else {
        let message = "the runtime crates come from exactly one source";
        files.push(
            Finding::new(&codes::INVALID_VALUE, node.span, message)
                .expected(format!("one of {}", lower::list(&sources)))
                .help("keep one of them"),
        );
        return None;
    };
    if let Some(entry) = node.entry("revision").filter(|_| source != "git") {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                entry.key_span,
                "only a Git source has a `revision`",
            )
            .help("remove it, or take the runtime crates by `git`"),
        );
    }
    let value = node.get(source)?;
    match source {
        "version" => {
            let text = lower::text(
                files,
                value,
                "a version requirement in quotes, such as \"0.1\"",
            )?;
            if semver::VersionReq::parse(&text.value).is_err() {
                files.push(lower::wrong_type(
                    value,
                    "a version requirement such as \"0.1\"",
                ));
                return None;
            }
            Some(RuntimeSource::Version(text.value))
        }
        "git" => Some(RuntimeSource::Git {
            url: lower::text(files, value, "the address of a Git repository")?.value,
            revision: node
                .get("revision")
                .and_then(|node| lower::text(files, node, "a commit, tag or branch"))
                .map(|text| text.value),
        }),
        "path" => {
            relative(files, value, "the folder of the runtime crates").map(RuntimeSource::Path)
        }
        _ => lower::boolean(files, value, "`workspace`")
            .filter(|on| *on)
            .map(|_| RuntimeSource::Workspace),
    }
}

/// A folder of the author's own choice. It may lie above `dovetail.yaml`, but an absolute path would hold on one machine only.
fn relative(files: &mut Files, node: &Node, what: &str) -> Option<String> {
    let text = lower::text(files, node, what)?;
    let path = text.value.trim_end_matches('/');
    let is_absolute = path.starts_with('/') || path.contains(':') || path.contains('\\');
    if is_absolute || path.is_empty() || path.chars().any(char::is_control) {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                text.span,
                format!("{what} must be a relative path with `/`"),
            )
            .expected("a path relative to `dovetail.yaml`")
            .help("write it like `../crates/generated`"),
        );
        return None;
    }
    Some(path.to_owned())
}
