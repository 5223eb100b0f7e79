//! Findings as output: frames for people, one document for programs. Both say the same.

use std::fmt::Write;

use dovetail_contract::finding::{Finding, Label, Severity};
use dovetail_contract::frame::{self, Look};
use dovetail_contract::source::Sources;
use serde::Serialize;

/// The findings of a run, as JSON.
#[derive(Debug, Serialize)]
struct Document<'a> {
    /// Version of this shape.
    schema: u32,
    errors: usize,
    warnings: usize,
    notes: usize,
    findings: Vec<Entry<'a>>,
}

/// A finding, as JSON.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    #[serde(flatten)]
    place: Place<'a>,
    related: Vec<Place<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

/// A place, as JSON: lines and columns count from 1.
#[derive(Debug, Serialize)]
struct Place<'a> {
    path: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    label: &'a str,
}

/// All findings as JSON.
pub(crate) fn json(findings: &[Finding], sources: &Sources) -> String {
    let document = Document {
        schema: 1,
        errors: count(findings, Severity::Error),
        warnings: count(findings, Severity::Warning),
        notes: count(findings, Severity::Note),
        findings: findings
            .iter()
            .map(|finding| entry(finding, sources))
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Findings from `least` upwards as frames, worst last, so that it stands next to the prompt.
pub(crate) fn human(
    findings: &[Finding],
    sources: &Sources,
    look: Look,
    least: Severity,
) -> String {
    let mut text = String::new();
    let mut ordered: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.severity >= least)
        .collect();
    ordered.sort_by_key(|finding| finding.severity);
    for finding in ordered {
        text.push_str(&frame::render(finding, sources, &look));
        text.push('\n');
    }
    text
}

/// `2 errors, 1 warning`, or nothing.
pub(crate) fn summary(findings: &[Finding]) -> String {
    let mut text = String::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let count = count(findings, severity);
        if count > 0 {
            let comma = if text.is_empty() { "" } else { ", " };
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(text, "{comma}{count} {severity}{plural}");
        }
    }
    text
}

/// Whether anything is wrong.
pub(crate) fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_error)
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .count()
}

fn entry<'a>(finding: &'a Finding, sources: &'a Sources) -> Entry<'a> {
    Entry {
        code: finding.code.id,
        severity: finding.severity.as_str(),
        message: &finding.message,
        place: place(&finding.place, sources),
        related: finding
            .related
            .iter()
            .map(|label| place(label, sources))
            .collect(),
        expected: finding.expected.as_deref(),
        help: finding.help.as_deref(),
    }
}

fn place<'a>(label: &'a Label, sources: &'a Sources) -> Place<'a> {
    let file = sources.file(label.span.file);
    let (start, end) = (
        file.line_column(label.span.start),
        file.line_column(label.span.end),
    );
    Place {
        path: &file.path,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        label: &label.text,
    }
}
