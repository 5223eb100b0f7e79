//! `cargo xtask bench compile`: what the compiler takes for the generated crate alone, with everything that it depends on built before.
//!
//! Cargo tells the members of a workspace apart from what they depend on, so the compiler is measured on the one member there is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::codegen::{Workspace, empty};
use super::measure::{Usage, measure_members, reports};
use super::peers::Peer;
use super::table::{Table, cells, ratio, times};
use super::{Asked, Outcome, first_error, print_table, progress, repeated, write_json};
use crate::corpus::{documents, real_documents, target_dir};
use crate::document::Document;
use crate::process::{Profile, build, cargo, print, root};

/// The documents that are compiled: small and large, 3.0 and 3.1, with few and with many operations.
const DOCUMENTS: [&str; 6] = [
    "petstorev3-3.0.json",
    "spotify-3.0.json",
    "nexus-3.0.json",
    "qdrant-3.0.json",
    "openai-3.1.json",
    "stripe-3.0.yaml",
];

/// What came of one document: per generator, us among them.
type Row = (String, BTreeMap<&'static str, Outcome>);

/// What we are called in tables.
const OURS: &str = "ours";

/// Measures, prints, and returns the documents on which our own side failed.
pub(super) fn run(asked: &Asked, peers: &[&'static Peer]) -> Result<Vec<String>> {
    let dovetail = build("dovetail-cli", "dovetail", &[], Profile::Release)?;
    let work = target_dir().join("dovetail/bench");
    empty(&work.join("crates"))?;
    let mut rows: Vec<Row> = Vec::new();
    for path in documents(&real_documents(), &asked.only)? {
        let document = Document::new(&path, &work)?;
        if !DOCUMENTS.contains(&document.name.as_str()) {
            continue;
        }
        let mut outcomes = BTreeMap::new();
        let ours = measure_ours(asked, &dovetail, &document, &work)?;
        progress(&document.name, OURS, &ours);
        outcomes.insert(OURS, ours);
        for peer in peers {
            let theirs = measure_peer(asked, peer, &document, &work)?;
            progress(&document.name, peer.name, &theirs);
            outcomes.insert(peer.name, theirs);
        }
        rows.push((document.shown(), outcomes));
    }
    if rows.is_empty() {
        bail!("there is no document to measure with");
    }
    print_rows(&rows, peers)?;
    write_json(asked, &figures(&rows))?;
    let failed = rows
        .iter()
        .filter(|(_, outcomes)| outcomes.get(OURS).and_then(Outcome::usage).is_none());
    Ok(failed.map(|(name, _)| name.clone()).collect())
}

fn measure_ours(
    asked: &Asked,
    dovetail: &Path,
    document: &Document,
    work: &Path,
) -> Result<Outcome> {
    let workspace = Workspace::new(&work.join("crates/ours"), document)?;
    if let Err(said) = generate(&mut workspace.command(dovetail))? {
        return Ok(Outcome::Failed(format!("not generated: {said}")));
    }
    let package = workspace.package();
    // What our crates depend on stays at what this repository is tested with.
    std::fs::copy(root().join("Cargo.lock"), package.join("Cargo.lock"))?;
    check(asked, OURS, &package, work)
}

fn measure_peer(asked: &Asked, peer: &Peer, document: &Document, work: &Path) -> Result<Outcome> {
    let folder = work.join("crates").join(peer.name);
    empty(&folder)?;
    if let Err(said) = generate(&mut peer.command(&document.path, &folder)?)? {
        return Ok(Outcome::Failed(format!("not generated: {said}")));
    }
    if !folder.join("Cargo.toml").exists() {
        write_crate(&folder)?;
    }
    check(asked, peer.name, &folder, work)
}

/// Makes a crate of modules that come with a list of what they depend on, as that list says to be used.
fn write_crate(folder: &Path) -> Result<()> {
    let modules = folder.join("src/generated");
    let dependencies = std::fs::read_to_string(modules.join("REQUIRED_DEPS.toml"))
        .context("there is neither a manifest nor a list of dependencies")?;
    let manifest = format!(
        "[package]\nname = \"measured\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n{dependencies}"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    std::fs::write(folder.join("src/lib.rs"), "pub mod generated;\n")?;
    Ok(())
}

fn generate(command: &mut Command) -> Result<Result<(), String>> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot run a generator")?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    let said = [&output.stderr, &output.stdout].map(|text| String::from_utf8_lossy(text));
    Ok(Err(first_error(&said.concat())))
}

/// `cargo check` of one crate, as a workspace of its own.
fn check(asked: &Asked, who: &str, package: &Path, work: &Path) -> Result<Outcome> {
    let manifest = package.join("Cargo.toml");
    let mut text = std::fs::read_to_string(&manifest).context("cannot read the manifest")?;
    if !text.contains("[workspace]") {
        text.push_str("\n[workspace]\n");
        std::fs::write(&manifest, text)?;
    }
    let target = work.join("target").join(who);
    repeated(asked.rounds.or(Some(1)), || {
        // Cargo builds what is newer than what it built, so this is built again and what it depends on is not.
        touch(&package.join("src/lib.rs"))?;
        check_once(package, &target)
    })
}

fn touch(path: &Path) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    std::fs::write(path, bytes)?;
    Ok(())
}

fn check_once(package: &Path, target: &PathBuf) -> Result<Result<Usage, String>> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let report = folder.path().join("usage");
    let mut command = cargo();
    command
        .current_dir(package)
        .args(["check", "--quiet", "--lib"])
        .env("CARGO_TARGET_DIR", target)
        // What is kept for the next build costs time, and is kept by nobody in CI.
        .env("CARGO_INCREMENTAL", "0");
    measure_members(&mut command, &report)?;
    if let Err(said) = generate(&mut command)? {
        return Ok(Err(format!("does not compile: {said}")));
    }
    let built = reports(&report)?;
    let mut built = built.iter().filter(|report| {
        let name = report.krate.as_deref();
        name.is_some_and(|name| name.starts_with("measured"))
    });
    let built = built.next().context("cargo did not build the crate")?;
    Ok(Ok(built.usage))
}

fn print_rows(rows: &[Row], peers: &[&'static Peer]) -> Result<()> {
    let mut heading = vec!["document".to_owned(), "ours s".into(), "MB".into()];
    for peer in peers {
        heading.extend([
            format!("{} s", peer.name),
            "MB".into(),
            "ratio s".into(),
            "ratio MB".into(),
        ]);
    }
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    let mut table = Table::new(&heading);
    for (name, outcomes) in rows {
        let usage = |who: &str| outcomes.get(who).and_then(Outcome::usage);
        let ours = usage(OURS);
        let mut line = vec![name.clone()];
        line.extend(cells(ours));
        for peer in peers {
            let theirs = usage(peer.name);
            let by = |of: fn(Usage) -> f64| ratio(of(theirs?), of(ours?));
            line.extend(cells(theirs));
            line.push(times(by(|usage| usage.cpu_s)));
            line.push(times(by(Usage::megabytes)));
        }
        table.row(line);
    }
    print("`cargo check` of the generated crate alone; above 1x we are the better")?;
    print_table(&table)?;
    for (name, outcomes) in rows {
        for (who, outcome) in outcomes {
            if let Outcome::Failed(said) = outcome {
                print(&format!("{name}, {who}: {said}"))?;
            }
        }
    }
    Ok(())
}

fn figures(rows: &[Row]) -> Value {
    let documents = rows
        .iter()
        .map(|(name, outcomes)| json!({ "document": name, "outcomes": outcomes }));
    json!({ "bench": "compile", "documents": documents.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_dependencies_becomes_a_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let modules = folder.path().join("src/generated");
        std::fs::create_dir_all(&modules).unwrap();
        let list = "# Use these.\n\n[dependencies]\nserde = \"1\"\n";
        std::fs::write(modules.join("REQUIRED_DEPS.toml"), list).unwrap();
        write_crate(folder.path()).unwrap();
        let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        let expected =
            "[package]\nname = \"measured\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n";
        assert_eq!(manifest, format!("{expected}{list}"));
    }

    #[test]
    fn a_crate_without_manifest_and_list_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_crate(folder.path()).unwrap_err().to_string();
        assert!(error.contains("neither a manifest nor"), "{error}");
    }
}
