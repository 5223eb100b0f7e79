//! `cargo xtask roundtrip`: samples of every schema of the corpus through the types that are generated for it.
//!
//! A sample keeps its schema, as a validator says that shares nothing with the generator. The compiled types must decode it, encode it so that it is valid
//! again and says the same, and do that a second time with the same outcome. Then it drifts as a newer service would, and must still be read; only where a
//! required member is missing it must be refused, with its place.

mod chance;
mod drift;
mod exact;
mod harness;
mod judge;
mod sample;
mod schema;
mod signature;
mod subject;
mod tally;

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;
use dovetail_contract::finding::Finding;
use dovetail_contract::load::parse_text;
use serde_json::Value;

use crate::corpus::{documents, generate, real_documents};
use crate::document::Document;
use crate::process::{print, root, say};
use judge::Judge;
use subject::{Prepared, prepare};
use tally::Tally;

/// Sends samples of every schema of the corpus through the types that are generated for it.
#[derive(Debug, Args)]
pub(crate) struct Roundtrip {
    /// Only documents whose name contains this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Only schemas whose place contains this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    schema: Vec<String>,
    /// What samples are drawn from: the same seed draws the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Samples of each schema
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    samples: u32,
    /// Failures that are shown of each document
    #[arg(long, default_value_t = 5)]
    shown: usize,
    /// Also shows the samples that failed
    #[arg(long)]
    values: bool,
}

impl Roundtrip {
    /// Some documents, as the command takes them.
    pub(crate) fn of(only: Vec<String>) -> Self {
        Self {
            only,
            schema: Vec::new(),
            seed: 1,
            samples: 4,
            shown: 5,
            values: false,
        }
    }
}

/// Runs the round trip. Fails where any sample did, or where there was nothing to try.
pub(crate) fn run(asked: &Roundtrip) -> Result<()> {
    let mut total = Tally::default();
    let work = root().join("target/dovetail/roundtrip");
    std::fs::create_dir_all(&work).context("cannot make a folder")?;
    let paths = documents(&real_documents(), &asked.only)?;
    for path in &paths {
        let document = Document::new(path, &work)?;
        say(&format!("  {}", document.name));
        let tally = try_document(asked, &work, &document)?;
        print(&tally.line(&document.shown()))?;
        for failure in tally.failures.iter().take(asked.shown) {
            print(&failure.render(asked.values))?;
        }
        total.add(tally);
    }
    print(&total.line(&format!("{} documents", paths.len())))?;
    for line in total.reasons() {
        print(&line)?;
    }
    if total.samples == 0 {
        bail!("there was nothing to try");
    }
    if !total.failures.is_empty() {
        bail!("{} failures with seed {}", total.failures.len(), asked.seed);
    }
    Ok(())
}

fn try_document(asked: &Roundtrip, work: &Path, document: &Document) -> Result<Tally> {
    let mut tally = Tally::default();
    let raw = read(document)?;
    let prepared = prepare(&raw, |place| {
        asked.schema.is_empty() || asked.schema.iter().any(|text| place.contains(text))
    });
    tally.components = prepared.subjects.len();
    if prepared.subjects.is_empty() {
        return Ok(tally);
    }
    match compiled(work, document, &prepared) {
        Ok((harness, types)) => {
            let judge = Judge {
                asked,
                document: &document.name,
                prepared: &prepared,
                harness: &harness,
                types: &types,
            };
            judge.judge(&mut tally)?;
        }
        Err(error) => tally.fail_whole(&document.name, &format!("{error:#}")),
    }
    Ok(tally)
}

/// The document as JSON, without any decision of our reader of OpenAPI.
fn read(document: &Document) -> Result<Value> {
    let text = std::fs::read_to_string(&document.path)
        .with_context(|| format!("cannot read {}", document.name))?;
    let parsed = parse_text(&document.name, &text);
    if let Some(finding) = parsed.findings.iter().find(|finding| finding.is_error()) {
        bail!("{}: {}", document.name, finding.message);
    }
    let root = parsed.root.context("the document is empty")?;
    Ok(root.to_json())
}

fn compiled(
    work: &Path,
    document: &Document,
    prepared: &Prepared,
) -> Result<(harness::Harness, signature::Types)> {
    let stem = Path::new(&document.name)
        .file_stem()
        .context("a document has no name")?;
    let folder = work.join(stem);
    std::fs::create_dir_all(&folder)?;
    // What is generated from lies beside the workspace, whose files are written anew each time.
    let path = work.join(format!("{}-samples.json", stem.display()));
    std::fs::write(&path, prepared.document.to_string())?;
    let done = generate(&path);
    if let Some(error) = done
        .findings
        .iter()
        .find(|finding| Finding::is_error(finding))
    {
        bail!(
            "not generated: {}: {}",
            done.sources.place(error.place.span),
            error.message
        );
    }
    let package = done.package.context("not generated")?;
    let types = signature::read(&package, prepared.subjects.len());
    let harness = harness::Harness::build(&folder, &package, &types)?;
    Ok((harness, types))
}
