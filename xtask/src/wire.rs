//! `cargo xtask wire`: a real document becomes a client that is compiled, called, and held to what the document says, byte for byte.
//!
//! The document is what `FastAPI` writes for a service of orders: nine operations with most of what real ones have. It is not ours, so it
//! is read from the folder of shared documents, and the step says loudly where it is missing.

mod expected;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use dovetail_codegen::{ClientRequest, Package};
use dovetail_contract::contract::RuntimeSource;
use dovetail_contract::finding::Finding;
use dovetail_contract::load::load_openapi;
use dovetail_contract::policy::PolicySettings;
use dovetail_tests::{Recorded, Recorder};

use crate::process::{cargo, print, root, run as run_program, say};

const DOCUMENT: &str = "corpus/openapi/fastapi-orders-3.1.json";
const DRIVER: &str = include_str!("wire/driver.rs");

/// The manifest of the driver. Versions are those of the lock file of this repository.
const DRIVER_MANIFEST: &str = r#"[package]
name = "wire-driver"
version = "0.1.0"
edition = "2024"
publish = false

[[bin]]
name = "wire-driver"
path = "main.rs"

[dependencies]
chrono = { version = "0.4", default-features = false, features = ["std"] }
dovetail-client = { path = "../../../../crates/dovetail-client" }
orders-client = { path = "../orders-client" }
serde_json = "1"
tokio = { version = "1", features = ["macros", "rt"] }
uuid = "1"
"#;

/// That of this repository, so that what both are made of is built once.
const PROFILE: &str = "[profile.dev]\ndebug = \"line-tables-only\"\n";

/// Generates, compiles and calls. Fails where the document is missing and `DOVETAIL_REQUIRE_SHARED` says that it must not be.
pub(crate) fn run() -> Result<()> {
    let shared =
        std::env::var_os("DOVETAIL_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let document = shared.join(DOCUMENT);
    if !document.is_file() {
        ensure!(
            std::env::var_os("DOVETAIL_REQUIRE_SHARED").is_none(),
            "there is no {DOCUMENT} under DOVETAIL_SHARED, and it must not be skipped"
        );
        say(&format!(
            "skipped: there is no {DOCUMENT} under DOVETAIL_SHARED"
        ));
        return Ok(());
    }
    let work = root().join("target/dovetail/wire");
    write(&work, &generate(&document)?)?;
    let requests = drive(&work)?;
    expected::check(&requests)?;
    print(&format!(
        "wire: {} operations are sent as the document says",
        requests.len()
    ))
}

fn generate(document: &Path) -> Result<Package> {
    let loaded = load_openapi(document);
    let mut findings = loaded.findings;
    let api = loaded.api.context("the document cannot be read")?;
    let policy = PolicySettings::default();
    let (package, found) = dovetail_codegen::client(&ClientRequest {
        service: "orders",
        version: semver::Version::new(0, 1, 0),
        summary: None,
        api: &api,
        source: "orders",
        policy: &policy,
        callers: &[],
        runtime: &RuntimeSource::Path("../../../../crates".to_owned()),
    });
    findings.extend(found);
    if let Some(finding) = findings.iter().find(|finding| Finding::is_error(finding)) {
        bail!("the document is refused: {}", finding.message);
    }
    Ok(package)
}

/// Writes a workspace of the generated crate and of the driver, with the versions of this one.
fn write(work: &Path, package: &Package) -> Result<()> {
    dovetail_codegen::output::write(work, std::slice::from_ref(package))?;
    let members = format!("[\"{}\", \"driver\"]", package.name);
    let files = [
        (
            "Cargo.toml",
            format!("[workspace]\nresolver = \"3\"\nmembers = {members}\n\n{PROFILE}"),
        ),
        ("driver/Cargo.toml", DRIVER_MANIFEST.to_owned()),
        ("driver/main.rs", DRIVER.to_owned()),
    ];
    std::fs::create_dir_all(work.join("driver"))?;
    for (path, text) in files {
        std::fs::write(work.join(path), text).with_context(|| format!("cannot write {path}"))?;
    }
    std::fs::copy(root().join("Cargo.lock"), work.join("Cargo.lock"))?;
    Ok(())
}

/// Calls every operation of a stand-in that writes down what comes.
fn drive(work: &Path) -> Result<Vec<Recorded>> {
    let recorder = Recorder::new(expected::answer).context("cannot listen on loopback")?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |path| root().join(path));
    let args = ["run", "--quiet", "--offline", "-p", "wire-driver", "--"];
    let mut command = cargo();
    command
        .current_dir(work)
        .env("CARGO_TARGET_DIR", target)
        .args(args)
        .arg(recorder.url());
    run_program(&mut command)?;
    Ok(recorder.requests())
}
