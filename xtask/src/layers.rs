//! Which crate may depend on which. The toolchain reads contracts and writes text; the runtime runs inside services; only generated code and
//! the tests see both; and the command, where it looks after the messages of a running system.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::process::{print, root};

/// The arrows that are allowed, each with its reason. `*` ends a name that stands for all crates beginning so.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "dovetail-check",
        "dovetail-contract",
        "rules read the model",
    ),
    (
        "dovetail-codegen",
        "dovetail-contract",
        "generation reads the model",
    ),
    (
        "dovetail-verify",
        "dovetail-contract",
        "replay reads the model",
    ),
    (
        "dovetail-cli",
        "dovetail-contract",
        "the command loads contracts",
    ),
    ("dovetail-cli", "dovetail-check", "the command runs rules"),
    (
        "dovetail-cli",
        "dovetail-codegen",
        "the command writes what is generated",
    ),
    (
        "dovetail-cli",
        "dovetail-verify",
        "the command replays expectations",
    ),
    (
        "dovetail-cli",
        "dovetail-messaging",
        "the command looks after running systems through their own store, so that nobody else knows its tables",
    ),
    (
        "dovetail-client",
        "dovetail-resilience",
        "calls go through the policies",
    ),
    (
        "dovetail-client",
        "dovetail-wire",
        "what clients exchange stands on the wire as what messages carry does",
    ),
    (
        "dovetail-messaging",
        "dovetail-wire",
        "payloads are read and written like what clients exchange",
    ),
    (
        "dovetail-messaging",
        "dovetail-resilience",
        "consumers retry by the same backoff and clock",
    ),
    (
        "generated/*",
        "dovetail-client",
        "generated clients stand on the runtime",
    ),
    (
        "generated/*",
        "dovetail-messaging",
        "generated producers and consumers stand on the runtime",
    ),
    (
        "generated/*",
        "generated/*",
        "consumers read what the crates of messages say",
    ),
    ("shop", "generated/*", "the sample services call each other"),
    (
        "shop",
        "dovetail-client",
        "the sample services configure their clients",
    ),
    (
        "shop",
        "dovetail-messaging",
        "the sample services keep what they know where their messages are",
    ),
    ("xtask", "dovetail-cli", "xtask is the command"),
    ("xtask", "dovetail-contract", "the corpus is loaded"),
    ("xtask", "dovetail-codegen", "the corpus is generated"),
    (
        "xtask",
        "dovetail-tests",
        "requests are recorded as in tests",
    ),
    ("dovetail-tests", "*", "tests see everything"),
    (
        "messaging-lab",
        "dovetail-messaging",
        "faults are tried on the runtime",
    ),
    (
        "messaging-lab",
        "dovetail-resilience",
        "faults go by its clock and chance",
    ),
    (
        "messaging-lab",
        "generated/*",
        "what is generated is measured beside what is written by hand",
    ),
];

/// Checks every dependency between members, those of tests included.
pub(crate) fn run() -> Result<()> {
    let metadata = metadata()?;
    let members: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| members.contains(dependency.name.as_str()))
        {
            let (from, to) = (layer(package), layer_of(&metadata, &dependency.name));
            match ALLOWED
                .iter()
                .position(|(above, below, _)| matches(above, &from) && matches(below, &to))
            {
                Some(rule) => {
                    used.insert(rule);
                }
                None => {
                    let kind = if dependency.kind == DependencyKind::Normal {
                        ""
                    } else {
                        " (in its tests)"
                    };
                    wrong.push(format!("{from} must not depend on {to}{kind}"));
                }
            }
        }
    }
    for (rule, (above, below, _)) in ALLOWED.iter().enumerate() {
        if !used.contains(&rule) {
            wrong.push(format!(
                "nothing uses the arrow from {above} to {below}: remove it from the table"
            ));
        }
    }
    if !wrong.is_empty() {
        bail!(
            "{}\nthe table of layers is in xtask/src/layers.rs",
            wrong.join("\n")
        );
    }
    print(&format!(
        "layers: {} crates, {} arrows hold",
        members.len(),
        used.len()
    ))
}

/// The folders whose crates are generated: from the contracts of the sample system, and from those of the tests.
pub(crate) const GENERATED: [&str; 2] = ["generated", "golden"];

/// The names of the crates in these of the folders that hold generated ones.
pub(crate) fn generated_packages(folders: &[&str]) -> Result<Vec<String>> {
    let metadata = metadata()?;
    let packages = metadata.workspace_packages();
    let generated = packages
        .iter()
        .filter(|package| folder(package).is_some_and(|folder| folders.contains(&folder)));
    let mut names: Vec<String> = generated.map(|package| package.name.to_string()).collect();
    names.sort();
    Ok(names)
}

/// The names of the crates that are published: all but those that say that they are not, and the generated ones.
pub(crate) fn published_packages() -> Result<Vec<String>> {
    let metadata = metadata()?;
    let packages = metadata.workspace_packages();
    let published = packages
        .iter()
        .filter(|package| package.publish.is_none() && !layer(package).starts_with("generated/"));
    Ok(published.map(|package| package.name.to_string()).collect())
}

fn metadata() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.current_dir(root()).no_deps();
    command.exec().context("cannot read the manifests")
}

fn layer_of(metadata: &Metadata, name: &str) -> String {
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == name);
    package.map_or_else(|| name.to_owned(), layer)
}

/// The name of a crate, with its folder where it is generated.
fn layer(package: &Package) -> String {
    let is_generated = folder(package).is_some_and(|folder| GENERATED.contains(&folder));
    if is_generated {
        format!("generated/{}", package.name)
    } else {
        package.name.to_string()
    }
}

/// The name of the folder that the folder of a crate stands in.
fn folder(package: &Package) -> Option<&str> {
    package.manifest_path.parent()?.parent()?.file_name()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_the_beginning_of_one() {
        assert!(matches("generated/*", "generated/users-client"));
        assert!(!matches("generated/*", "users-client"));
        assert!(!matches("shop", "shopping"));
    }
}
