//! `dovetail check`: everything that can be said without running anything.

use dovetail_contract::contract::Workspace;
use dovetail_contract::finding::{self, Finding, Severity};
use dovetail_contract::load::Loaded;
use dovetail_contract::source::Sources;

use crate::args::{Format, Global};
use crate::exit::{Exit, Stop};
use crate::findings;
use crate::outputs::Outputs;
use crate::ui::Ui;
use crate::workspace;

/// A workspace with everything that is wrong with it.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) workspace: Workspace,
    pub(crate) sources: Sources,
    pub(crate) findings: Vec<Finding>,
    /// How the command ends unless something worse happens.
    pub(crate) exit: Exit,
}

/// Reads the workspace and prints what is wrong with it.
pub(crate) fn run(global: &Global, ui: Ui) -> Result<Exit, Stop> {
    let outputs = Outputs::new(global, &[Format::Human, Format::Json])?;
    let (_, loaded) = workspace::load(global, ui)?;
    let checked = check(loaded);
    outputs.write_findings(ui, &checked.findings, &checked.sources)?;
    ui.message(&verdict(&checked));
    Ok(checked.exit)
}

/// Holds the loaded contracts against every rule. Rules see only contracts that could be read whole, so that one mistake is not reported twice.
pub(crate) fn check(loaded: Loaded) -> Checked {
    let Loaded {
        workspace,
        sources,
        findings: mut found,
    } = loaded;
    let mut exit = Exit::Ok;
    if findings::has_errors(&found) {
        exit = Exit::InvalidContract;
    } else {
        let fired = dovetail_check::check(&workspace);
        if findings::has_errors(&fired) {
            exit = Exit::Findings;
        }
        found.extend(fired);
    }
    finding::sort(&mut found, &sources);
    Checked {
        workspace,
        sources,
        findings: found,
        exit,
    }
}

/// What the check came to, in one line.
fn verdict(checked: &Checked) -> String {
    let services = checked.workspace.services.values();
    let apis = services.filter_map(|service| service.http.as_ref());
    let operations: usize = apis.map(|api| api.operations.len()).sum();
    let expectations = checked.workspace.expectations.iter();
    let interactions: usize = expectations.map(|each| each.interactions.len()).sum();
    let seen = format!(
        "{} services, {operations} operations, {interactions} interactions",
        checked.workspace.services.len(),
    );
    let summary = findings::summary(&checked.findings);
    let worst = checked
        .findings
        .iter()
        .map(|finding| finding.severity)
        .max();
    match worst {
        None => format!("{seen}: everything holds"),
        Some(Severity::Note) => {
            format!("{seen}: everything holds; {summary}, shown by `--verbose`")
        }
        Some(_) => format!("{seen}: {summary}; `dovetail explain CODE` tells more"),
    }
}
