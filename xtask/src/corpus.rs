//! `cargo xtask corpus`: every OpenAPI document below a folder through the whole generator, a line each.

use std::collections::BTreeSet;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use dovetail_codegen::{ClientRequest, Package};
use dovetail_contract::contract::RuntimeSource;
use dovetail_contract::finding::{Finding, Severity};
use dovetail_contract::load::load_openapi;
use dovetail_contract::policy::PolicySettings;
use dovetail_contract::source::Sources;
use walkdir::WalkDir;

use crate::process::{cargo, print, root};

/// The folder of real documents that this repository is measured on: `corpus/openapi` of `DOVETAIL_SHARED`, which stands beside the repository
/// where the variable does not say otherwise.
pub(crate) fn real_documents() -> PathBuf {
    let shared = std::env::var_os("DOVETAIL_SHARED").map_or_else(
        || root().join("../shared"),
        |path| root().join(PathBuf::from(path)),
    );
    shared.join("corpus/openapi")
}

/// Loads and generates every OpenAPI document below a folder.
#[derive(Debug, Args)]
pub(crate) struct Corpus {
    /// A folder of documents, or one document
    path: PathBuf,
    /// Also runs `cargo check` on every generated crate, with warnings denied
    #[arg(long)]
    compile: bool,
    /// Also runs clippy's pedantic lints and rustdoc on every generated crate, with warnings denied
    #[arg(long)]
    lint: bool,
    /// Only documents whose name contains this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Shows every finding, not only the first error
    #[arg(long)]
    findings: bool,
    /// Lists what is refused without failing for it: for folders that hold broken documents on purpose
    #[arg(long)]
    allow_refusals: bool,
}

impl Corpus {
    /// Every document of a folder, generated; some are there to be refused.
    pub(crate) fn generated(path: PathBuf) -> Self {
        Self {
            path,
            compile: false,
            lint: false,
            only: Vec::new(),
            findings: false,
            allow_refusals: true,
        }
    }

    /// Some documents of a folder, generated and compiled.
    pub(crate) fn compiled(path: PathBuf, only: Vec<String>) -> Self {
        Self {
            compile: true,
            only,
            allow_refusals: false,
            ..Self::generated(path)
        }
    }
}

/// Version of the crates: documents say anything here, and it does not matter.
const VERSION: semver::Version = semver::Version::new(0, 1, 0);

/// What came of one document.
pub(crate) struct Done {
    /// The crate, if one could be made.
    pub(crate) package: Option<Package>,
    operations: usize,
    schemas: usize,
    /// What is wrong with the document.
    pub(crate) findings: Vec<Finding>,
    /// The document.
    pub(crate) sources: Sources,
    millis: u128,
}

/// Runs the corpus. Fails where a document is refused, a crate does not compile, or there was nothing to do.
pub(crate) fn run(asked: &Corpus) -> Result<()> {
    let documents = documents(&asked.path, &asked.only)?;
    let mut count = Count::default();
    let work = root().join("target/dovetail/corpus");
    for path in &documents {
        let name = path
            .strip_prefix(&asked.path)
            .ok()
            .filter(|name| name.components().next().is_some())
            .unwrap_or(path);
        match catch_unwind(AssertUnwindSafe(|| generate(path))) {
            Ok(done) => report(asked, &work, &name.display().to_string(), &done, &mut count)?,
            Err(_) => {
                count.panicked += 1;
                print(&format!("{:<44} PANICKED", name.display()))?;
            }
        }
    }
    print(&format!(
        "{} documents: {} generated, {} refused, {} panicked; {} operations, {} schemas, {} ms{}",
        documents.len(),
        count.generated,
        count.refused,
        count.panicked,
        count.operations,
        count.schemas,
        count.millis,
        if asked.compile || asked.lint {
            format!(
                "; {} crates hold, {} do not",
                count.compiled, count.uncompiled
            )
        } else {
            String::new()
        },
    ))?;
    let refused = if asked.allow_refusals {
        0
    } else {
        count.refused
    };
    if documents.is_empty()
        || refused + count.broken + count.panicked + count.uncompiled > 0
        || count.generated == 0
    {
        bail!("not every document went through");
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Count {
    generated: usize,
    refused: usize,
    broken: usize,
    panicked: usize,
    compiled: usize,
    uncompiled: usize,
    operations: usize,
    schemas: usize,
    millis: u128,
}

/// The files of a folder that say that they are OpenAPI documents, sorted. `only` keeps those whose path contains one of its texts; where it is
/// empty, all.
pub(crate) fn documents(folder: &Path, only: &[String]) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        bail!("`{}` is not there", folder.display());
    }
    let mut found = BTreeSet::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.context("cannot list the folder")?;
        let path = entry.path();
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        let name = path.to_string_lossy();
        let is_wanted = only.is_empty() || only.iter().any(|text| name.contains(text.as_str()));
        if entry.file_type().is_file()
            && is_wanted
            && matches!(extension, "yaml" | "yml" | "json")
            && is_openapi(path)?
        {
            found.insert(path.to_owned());
        }
    }
    Ok(found.into_iter().collect())
}

/// Whether the beginning of the file names the version of OpenAPI that it is written in. Fragments and other documents do not.
fn is_openapi(path: &Path) -> Result<bool> {
    let mut file =
        std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let is_key = |line: &str| {
        let line = line.trim_start_matches(['{', ' ', '\t', '\u{feff}']);
        let key = line.trim_start_matches(['"', '\'']);
        key.strip_prefix("openapi")
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    };
    let has_line = text.lines().any(is_key);
    Ok(has_line || text.contains("\"openapi\":"))
}

/// Loads a document and generates its crate, whose folder is to lie five folders below the repository.
pub(crate) fn generate(path: &Path) -> Done {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a document takes is for people to read"
    )]
    let started = Instant::now();
    let loaded = load_openapi(path);
    let mut findings = loaded.findings;
    let mut done = Done {
        package: None,
        operations: 0,
        schemas: 0,
        findings: Vec::new(),
        sources: loaded.sources,
        millis: 0,
    };
    if let Some(api) = loaded
        .api
        .filter(|_| !findings.iter().any(Finding::is_error))
    {
        done.operations = api.operations.len();
        done.schemas = api.schemas.len();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let runtime = RuntimeSource::Path("../../../../../crates".to_owned());
        let policy = PolicySettings::default();
        let request = ClientRequest {
            service: &stem,
            version: VERSION,
            summary: None,
            api: &api,
            source: &stem,
            policy: &policy,
            callers: &[],
            runtime: &runtime,
        };
        let (package, found) = dovetail_codegen::client(&request);
        findings.extend(found);
        done.package = Some(package);
    }
    done.findings = findings;
    done.millis = started.elapsed().as_millis();
    done
}

fn report(asked: &Corpus, work: &Path, name: &str, done: &Done, count: &mut Count) -> Result<()> {
    let of = |severity| {
        done.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let (errors, warnings, notes) = (
        of(Severity::Error),
        of(Severity::Warning),
        of(Severity::Note),
    );
    count.operations += done.operations;
    count.schemas += done.schemas;
    count.millis += done.millis;
    let package = done.package.as_ref().filter(|_| errors == 0);
    let mut line = format!(
        "{name:<44} {:>5} operations {:>6} schemas {:>6} ms  {errors} errors, {warnings} warnings, {notes} notes",
        done.operations, done.schemas, done.millis,
    );
    match package {
        Some(_) => count.generated += 1,
        None => {
            // What loads and is no crate then is our defect, whatever may be refused.
            if done.package.is_some() {
                count.broken += 1;
            } else {
                count.refused += 1;
            }
            line.push_str("  REFUSED");
        }
    }
    let mut said = String::new();
    if let Some(package) = package.filter(|_| asked.compile || asked.lint) {
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a crate takes is for people to read"
        )]
        let started = Instant::now();
        match compile(work, package, asked.lint) {
            Ok(()) => {
                count.compiled += 1;
                line.push_str(&format!(
                    "  holds, {:.1} s",
                    started.elapsed().as_secs_f64()
                ));
            }
            Err(error) => {
                count.uncompiled += 1;
                line.push_str("  DOES NOT HOLD");
                said = format!("{error:#}");
            }
        }
    }
    print(&line)?;
    if !said.is_empty() {
        print(&said)?;
    }
    show_findings(asked, done, errors > 0)
}

/// The findings of a document: all where they are asked for, else the first that is an error.
fn show_findings(asked: &Corpus, done: &Done, has_errors: bool) -> Result<()> {
    for finding in &done.findings {
        if asked.findings || (finding.is_error() && has_errors) {
            print(&format!(
                "    {} {} {}: {}",
                done.sources.place(finding.place.span),
                finding.severity,
                finding.code.id,
                finding.message
            ))?;
        }
        if !asked.findings && finding.is_error() {
            break;
        }
    }
    Ok(())
}

/// What generated code must not trip, beyond what the compiler says.
const STRICT: &[&str] = &[
    "warnings",
    "missing_docs",
    "missing_debug_implementations",
    "unreachable_pub",
    "clippy::all",
    "clippy::pedantic",
];

/// Writes one crate into a workspace of its own and runs cargo on it. All crates share what they are built from.
fn compile(work: &Path, package: &Package, lint: bool) -> Result<()> {
    let work = &work.join(&package.name);
    dovetail_codegen::output::write(work, std::slice::from_ref(package))?;
    std::fs::write(
        work.join("Cargo.toml"),
        format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"{}\"]\n",
            package.name
        ),
    )?;
    std::fs::copy(root().join("Cargo.lock"), work.join("Cargo.lock"))?;
    let name = package.name.as_str();
    let deny = |lints: &[&'static str]| {
        lints
            .iter()
            .flat_map(|lint| ["-D", lint])
            .collect::<Vec<_>>()
    };
    let check = [
        "rustc",
        "--quiet",
        "-p",
        name,
        "--lib",
        "--profile",
        "check",
        "--",
    ];
    let mut checks = vec![[&check[..], &deny(&["warnings"])].concat()];
    if package.files.contains_key("examples/operations.rs") {
        let example = ["--example", "operations"];
        let start = check.iter().copied().filter(|arg| *arg != "--lib");
        let (before, after): (Vec<_>, Vec<_>) = start.partition(|arg| *arg != "--");
        checks.push([&before[..], &example, &after, &deny(&["warnings"])].concat());
    }
    if lint {
        let clippy = ["clippy", "--quiet", "--no-deps", "-p", name, "--lib", "--"];
        checks.push([&clippy[..], &deny(STRICT)].concat());
        checks.push(vec!["doc", "--quiet", "-p", name, "--no-deps"]);
    }
    for args in checks {
        let mut command: Command = cargo();
        command
            .current_dir(work)
            .args(&args)
            .env("RUSTDOCFLAGS", "-D warnings");
        command
            .env("CARGO_TARGET_DIR", target_dir().join("corpus"))
            .stdin(Stdio::null());
        let output = command.output().context("cannot run cargo")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let first: Vec<&str> = said.lines().take(60).collect();
            bail!("`cargo {}` fails:\n{}", args[0], first.join("\n"));
        }
    }
    Ok(())
}

/// Where cargo puts what it builds, wherever it is run.
pub(crate) fn target_dir() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root().join("target"));
    std::path::absolute(&folder).unwrap_or(folder)
}
