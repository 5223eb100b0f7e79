//! A run as text: a digest, and a document that it belongs to.

use std::collections::BTreeMap;

use dovetail_codegen::output;
use dovetail_contract::finding::{Finding, Label, Severity};
use dovetail_contract::source::{Sources, Span};
use serde::{Deserialize, Serialize};

use crate::commands::explain;

/// What is remembered of a run. The program that wrote it decides its shape, so it has no version of its own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// What tells the program from others.
    pub(super) program: String,
    /// A digest of the names in the workspace.
    pub(super) names: String,
    /// Contracts by path.
    pub(super) inputs: BTreeMap<String, Input>,
    /// What was generated where.
    pub(super) places: Vec<SavedPlace>,
    pub(super) findings: Vec<SavedFinding>,
}

/// A folder of generated files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedPlace {
    /// Relative to the workspace.
    pub(super) folder: String,
    pub(super) packages: usize,
    /// Digests of files by path within the folder.
    pub(super) files: BTreeMap<String, String>,
}

/// A contract that was read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    pub(super) bytes: u64,
    pub(super) digest: String,
}

/// A finding with paths in place of files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedFinding {
    code: String,
    severity: String,
    message: String,
    place: SavedLabel,
    related: Vec<SavedLabel>,
    expected: Option<String>,
    help: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedLabel {
    path: String,
    start: u32,
    end: u32,
    text: String,
}

impl Record {
    /// The record as it is kept.
    pub(super) fn text(&self) -> Option<String> {
        let document = serde_json::to_string(self).ok()?;
        Some(format!(
            "{}\n{document}",
            output::digest(document.as_bytes())
        ))
    }

    /// The record of a text, if it is whole.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let end = text.iter().position(|byte| *byte == b'\n')?;
        let (digest, document) = (text.get(..end)?, text.get(end + 1..)?);
        if output::digest(document).as_bytes() != digest {
            return None;
        }
        serde_json::from_slice(document).ok()
    }

    /// Whether a finding points into a file.
    pub(super) fn mentions(&self, path: &str) -> bool {
        self.findings.iter().any(|finding| {
            let mut labels = finding.related.iter().chain([&finding.place]);
            labels.any(|label| label.path == path)
        })
    }
}

impl SavedFinding {
    pub(super) fn new(finding: &Finding, sources: &Sources) -> Self {
        let save = |label: &Label| SavedLabel {
            path: sources.file(label.span.file).path.clone(),
            start: label.span.start,
            end: label.span.end,
            text: label.text.clone(),
        };
        Self {
            code: finding.code.id.to_owned(),
            severity: finding.severity.as_str().to_owned(),
            message: finding.message.clone(),
            place: save(&finding.place),
            related: finding.related.iter().map(save).collect(),
            expected: finding.expected.clone(),
            help: finding.help.clone(),
        }
    }

    /// The finding, if its code and its files are known.
    pub(super) fn restore(&self, sources: &Sources) -> Option<Finding> {
        let restore = |label: &SavedLabel| {
            let span = Span {
                file: sources.find(&label.path)?,
                start: label.start,
                end: label.end,
            };
            let text = label.text.clone();
            Some(Label { span, text })
        };
        let severities = [Severity::Note, Severity::Warning, Severity::Error];
        let related: Option<Vec<Label>> = self.related.iter().map(restore).collect();
        Some(Finding {
            code: explain::codes().find(|code| code.id == self.code)?,
            severity: severities
                .into_iter()
                .find(|known| known.as_str() == self.severity)?,
            message: self.message.clone(),
            place: restore(&self.place)?,
            related: related?,
            expected: self.expected.clone(),
            help: self.help.clone(),
        })
    }
}
