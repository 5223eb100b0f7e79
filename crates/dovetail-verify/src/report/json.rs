//! The report for machines.

use super::Report;

/// The report as JSON, indented, with keys in a fixed order and a line break at the end.
#[must_use]
pub fn json(report: &Report) -> String {
    // Serialising plain data with text keys cannot fail.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
