//! `dovetail codegen`: client crates from contracts.

use std::path::Path;

use dovetail_codegen::output::{self, Drift};

use crate::args::{self, Format, Global};
use crate::commands::check::{Checked, check};
use crate::exit::{Exit, Stop};
use crate::findings;
use crate::outputs::Outputs;
use crate::ui::Ui;
use crate::workspace;

/// Generates the crates, or says what would change.
///
/// Where any contract is wrong nothing is written at all: a tree that is half of one state and half of another helps nobody.
pub(crate) fn run(global: &Global, ui: Ui, asked: &args::Codegen) -> Result<Exit, Stop> {
    let outputs = Outputs::new(global, &[Format::Human, Format::Json])?;
    let (root, loaded) = workspace::load(global, ui)?;
    let mut checked = check(loaded);
    if checked.exit != Exit::Ok {
        return refuse(ui, &outputs, &checked);
    }
    let generated = dovetail_codegen::generate(&checked.workspace, &checked.sources);
    checked.findings.extend(generated.findings);
    dovetail_contract::finding::sort(&mut checked.findings, &checked.sources);
    if findings::has_errors(&checked.findings) {
        checked.exit = Exit::Findings;
        return refuse(ui, &outputs, &checked);
    }
    outputs.write_findings(ui, &checked.findings, &checked.sources)?;
    let folder = workspace::tidy_path(&root.join(&checked.workspace.settings.codegen.output));
    let failed = |error| Stop::new(Exit::Infrastructure, error);
    let drift = output::check(&folder, &generated.packages).map_err(failed)?;
    if asked.diff {
        ui.result(&output::diff(&folder, &generated.packages).map_err(failed)?)?;
    } else if asked.check {
        ui.result(&list(&drift))?;
        return Ok(report_drift(ui, &drift));
    } else if asked.dry_run {
        ui.result(&list(&drift))?;
    } else {
        output::write(&folder, &generated.packages).map_err(failed)?;
    }
    ui.message(&summary(asked, &generated.packages, &drift, &folder));
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
    packages: &[dovetail_codegen::Package],
    drift: &Drift,
    folder: &Path,
) -> String {
    let files: usize = packages.iter().map(|package| package.files.len()).sum();
    let written = drift.changed.len() + drift.missing.len();
    let removed = drift.stale.len();
    let (verb, past) = if asked.diff || asked.dry_run {
        ("would be written", "would be removed")
    } else {
        ("written", "removed")
    };
    format!(
        "{} crates, {files} files in {}: {written} {verb}, {removed} {past}, {} unchanged",
        packages.len(),
        folder.display(),
        files - written,
    )
}
