//! `dovetail codegen`: crates of clients, messages and consumers from contracts.

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
    let folder = workspace::tidy_path(&root.join(&last.output));
    let counts = (last.crates, last.files);
    ui.detail("nothing changed since the last run");
    ui.message(&summary(asked, counts, &Drift::default(), &folder));
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
    let generated = dovetail_codegen::generate(&checked.workspace, &checked.sources);
    let packages = &generated.packages;
    checked.findings.extend(generated.findings);
    dovetail_contract::finding::sort(&mut checked.findings, &checked.sources);
    if findings::has_errors(&checked.findings) {
        checked.exit = Exit::Findings;
        return refuse(ui, outputs, &checked);
    }
    if asked.report_untyped {
        return untyped::report(ui, outputs, &checked, &generated.untyped);
    }
    outputs.write_findings(ui, &checked.findings, &checked.sources)?;
    let output = &checked.workspace.settings.codegen.output;
    let folder = workspace::tidy_path(&root.join(output));
    let failed = |error| Stop::new(Exit::Infrastructure, error);
    output::refuse_links(root, output).map_err(failed)?;
    let drift = output::check(&folder, packages).map_err(failed)?;
    if asked.diff {
        ui.result(&output::diff(&folder, packages).map_err(failed)?)?;
    } else if asked.check {
        ui.result(&list(&drift))?;
        return Ok(report_drift(ui, &drift));
    } else if asked.dry_run {
        ui.result(&list(&drift))?;
    } else {
        output::write(&folder, packages).map_err(failed)?;
        let remember =
            |cache: &Cache| cache.remember(&checked.sources, &checked.findings, output, packages);
        if cache.is_some_and(|cache| !remember(cache)) {
            ui.detail("the next run generates again: what this one did could not be kept");
        }
    }
    let files = packages.iter().map(|package| package.files.len()).sum();
    ui.message(&summary(asked, (packages.len(), files), &drift, &folder));
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

fn report_drift(ui: Ui, drift: &Drift) -> Exit {
    let count = drift.changed.len() + drift.missing.len() + drift.stale.len();
    if count == 0 {
        ui.message("generated files are what the contracts say");
        return Exit::Ok;
    }
    let files = if count == 1 { "file is" } else { "files are" };
    ui.always(&format!("{count} generated {files} not what the contracts say; run `codegen` and commit what it writes"));
    Exit::Drift
}

/// One line for each file that is not as it should be.
fn list(drift: &Drift) -> String {
    let kinds = [
        ("changed", &drift.changed),
        ("missing", &drift.missing),
        ("stale", &drift.stale),
    ];
    let lines = kinds
        .iter()
        .flat_map(|(kind, paths)| paths.iter().map(move |path| format!("{kind:7}  {path}\n")));
    lines.collect()
}

fn summary(
    asked: &args::Codegen,
    (crates, files): (usize, usize),
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
        "{crates} crates, {files} files in {}: {written} {verb}, {removed} {past}, {} unchanged",
        folder.display(),
        files - written,
    )
}
