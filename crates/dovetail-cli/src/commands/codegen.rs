//! `dovetail codegen`: crates and alert rules from contracts.

mod untyped;
mod watch;

use std::path::{Path, PathBuf};

use dovetail_codegen::output::{self, Drift};
use dovetail_contract::load;

use crate::args::{self, Format, Global};
use crate::cache::{Cache, Unchanged};
use crate::commands::check::{Checked, check};
use crate::exit::{Exit, Stop};
use crate::findings;
use crate::outputs::Outputs;
use crate::places::{self, Counts, Place};
use crate::ui::Ui;
use crate::workspace;

/// What a run came to, and the contracts that it read, so that whoever watches knows them.
#[derive(Debug)]
struct Ran {
    exit: Exit,
    inputs: Vec<PathBuf>,
}

/// Generates the crates, or says what would change.
///
/// Where any contract is wrong nothing is written at all: a tree that is half of one state and half of another helps nobody.
pub(crate) fn run(global: &Global, ui: Ui, asked: &args::Codegen) -> Result<Exit, Stop> {
    let outputs = Outputs::new(global, &[Format::Human, Format::Json])?;
    let root = workspace::find(global, ui)?;
    if asked.watch {
        return watch::run(ui, &root, || once(ui, &outputs, &root, asked));
    }
    Ok(once(ui, &outputs, &root, asked)?.exit)
}

fn once(ui: Ui, outputs: &Outputs, root: &Path, asked: &args::Codegen) -> Result<Ran, Stop> {
    // A check answers from nothing but the contracts.
    let cache = if asked.no_cache || asked.check || asked.report_untyped {
        None
    } else {
        Cache::of(root)
    };
    if let Some(unchanged) = cache.as_ref().and_then(Cache::unchanged) {
        return repeat(ui, outputs, root, asked, &unchanged);
    }
    let checked = check(load::load(root));
    let inputs = checked.sources.iter();
    let inputs = inputs.map(|(_, file)| root.join(&file.path)).collect();
    let exit = generate(ui, outputs, root, asked, checked, cache.as_ref())?;
    Ok(Ran { exit, inputs })
}

/// Says again what the last run said, of files that are what it made of them.
fn repeat(
    ui: Ui,
    outputs: &Outputs,
    root: &Path,
    asked: &args::Codegen,
    last: &Unchanged,
) -> Result<Ran, Stop> {
    outputs.write_findings(ui, &last.findings, &last.sources)?;
    ui.detail("nothing changed since the last run");
    for (number, (folder, counts)) in last.places.iter().enumerate() {
        let folder = workspace::tidy_path(&root.join(folder));
        let what = what(number, *counts);
        ui.message(&summary(
            asked,
            &what,
            counts.files,
            &Drift::default(),
            &folder,
        ));
    }
    Ok(Ran {
        exit: Exit::Ok,
        inputs: last.inputs.iter().map(|path| root.join(path)).collect(),
    })
}

fn generate(
    ui: Ui,
    outputs: &Outputs,
    root: &Path,
    asked: &args::Codegen,
    mut checked: Checked,
    cache: Option<&Cache>,
) -> Result<Exit, Stop> {
    if checked.exit != Exit::Ok {
        return refuse(ui, outputs, &checked);
    }
    let mut generated = dovetail_codegen::generate(&checked.workspace, &checked.sources);
    checked.findings.append(&mut generated.findings);
    dovetail_contract::finding::sort(&mut checked.findings, &checked.sources);
    if findings::has_errors(&checked.findings) {
        checked.exit = Exit::Findings;
        return refuse(ui, outputs, &checked);
    }
    if asked.report_untyped {
        return untyped::report(ui, outputs, &checked, &generated.untyped);
    }
    outputs.write_findings(ui, &checked.findings, &checked.sources)?;
    let places = places::of(root, &checked.workspace.settings.codegen, &generated);
    let failed = |error| Stop::new(Exit::Infrastructure, error);
    let drifts: Result<Vec<Drift>, _> = places.iter().map(|place| place.check(root)).collect();
    let drifts = drifts.map_err(failed)?;
    if asked.diff {
        for place in &places {
            ui.result(&output::diff(&place.path(root), place.packages).map_err(failed)?)?;
        }
    } else if asked.check || asked.dry_run {
        ui.result(&list(&places, &drifts))?;
        if asked.check {
            return Ok(report_drift(ui, &drifts));
        }
    } else {
        for place in &places {
            output::write(&place.path(root), place.packages).map_err(failed)?;
        }
        let remember = |cache: &Cache| cache.remember(&checked.sources, &checked.findings, &places);
        if cache.is_some_and(|cache| !remember(cache)) {
            ui.detail("the next run generates again: what this one did could not be kept");
        }
    }
    for (number, (place, drift)) in places.iter().zip(&drifts).enumerate() {
        let counts = place.counts();
        let what = what(number, counts);
        ui.message(&summary(
            asked,
            &what,
            counts.files,
            drift,
            &place.path(root),
        ));
    }
    Ok(Exit::Ok)
}

fn refuse(ui: Ui, outputs: &Outputs, checked: &Checked) -> Result<Exit, Stop> {
    outputs.write_findings(ui, &checked.findings, &checked.sources)?;
    ui.always(&format!(
        "nothing was written: {}",
        findings::summary(&checked.findings)
    ));
    Ok(checked.exit)
}

fn report_drift(ui: Ui, drifts: &[Drift]) -> Exit {
    let files = |drift: &Drift| drift.changed.len() + drift.missing.len() + drift.stale.len();
    let count: usize = drifts.iter().map(files).sum();
    if count == 0 {
        ui.message("generated files are what the contracts say");
        return Exit::Ok;
    }
    let files = if count == 1 { "file is" } else { "files are" };
    ui.always(&format!("{count} generated {files} not what the contracts say; run `codegen` and commit what it writes"));
    Exit::Drift
}

/// One line for each file that is not as it should be. Crates are named within their folder, everything else with its own.
fn list(places: &[Place<'_>], drifts: &[Drift]) -> String {
    let mut text = String::new();
    for (number, (place, drift)) in places.iter().zip(drifts).enumerate() {
        let kinds = [
            ("changed", &drift.changed),
            ("missing", &drift.missing),
            ("stale", &drift.stale),
        ];
        let lines = kinds
            .iter()
            .flat_map(|(kind, paths)| paths.iter().map(move |path| (kind, path)));
        for (kind, path) in lines {
            let folder = match number {
                0 => String::new(),
                _ => format!("{}/", place.folder),
            };
            text.push_str(&format!("{kind:7}  {folder}{path}\n"));
        }
    }
    text
}

/// What lies in a folder: crates in the first one.
fn what(number: usize, counts: Counts) -> String {
    match number {
        0 => format!("{} crates, {} files", counts.packages, counts.files),
        _ => format!("{} files that watch over messages", counts.files),
    }
}

fn summary(
    asked: &args::Codegen,
    what: &str,
    files: usize,
    drift: &Drift,
    folder: &Path,
) -> String {
    let written = drift.changed.len() + drift.missing.len();
    let removed = drift.stale.len();
    let (verb, past) = if asked.diff || asked.dry_run {
        ("would be written", "would be removed")
    } else {
        ("written", "removed")
    };
    format!(
        "{what} in {}: {written} {verb}, {removed} {past}, {} unchanged",
        folder.display(),
        files - written,
    )
}
