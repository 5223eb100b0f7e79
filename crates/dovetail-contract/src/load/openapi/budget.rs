//! How much a document may become.
//!
//! What many operations refer to is read for each of them, so a small document could become a model that no memory holds. Whatever is read
//! outside of schemas is paid for here by its size, and reading stops with a finding where too much was spent. (Schemas are read once each, and
//! have a limit of their own.)

use super::Reader;
use super::at::At;
use crate::codes;
use crate::finding::{Finding, Severity};
use crate::load::tree::{Node, NodeValue};

/// Most bytes that are made of one document beside its schemas, roughly. The largest real documents need less than an eighth of it. The documents of
/// a workspace share what [`Files`](crate::load::files::Files) has.
const BYTES_MAX: usize = 128 * 1024 * 1024;

/// What was spent so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    bytes: usize,
    is_spent: bool,
}

impl<'d> Reader<'d, '_> {
    /// Takes some bytes of what the document may become. `false` where that is too much; said once, at the place where it was.
    pub(super) fn spend(&mut self, at: &At<'d>, bytes: usize) -> bool {
        if self.is_spent() {
            return false;
        }
        self.budget.bytes = self.budget.bytes.saturating_add(bytes);
        let is_left = self.files.spend(bytes);
        self.budget.is_spent = !is_left || self.budget.bytes > BYTES_MAX;
        if self.is_spent() {
            let what = match is_left {
                true => "the document becomes",
                false => "the documents of the workspace become",
            };
            let message = format!("{what} too large where references are followed");
            self.files.push(
                Finding::new(&codes::TOO_LARGE, at.declared(), message)
                    .label("reading stops here")
                    .help("refer to smaller parts, or from fewer places"),
            );
            return false;
        }
        true
    }

    /// Whether too much was spent, so that what is read is no longer of use.
    pub(super) fn is_spent(&self) -> bool {
        self.budget.is_spent
    }

    /// A value as JSON, if it may still be made.
    pub(super) fn json(&mut self, at: &At<'d>, node: &Node) -> Option<serde_json::Value> {
        self.spend(at, bytes_of(node))
            .then(|| self.value(node, Severity::Warning))
            .flatten()
    }
}

/// About what a value takes as JSON.
fn bytes_of(node: &Node) -> usize {
    let own = size_of::<serde_json::Value>();
    own + match &node.value {
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) => 0,
        NodeValue::String(text) => text.len(),
        NodeValue::Sequence(elements) => elements.iter().map(bytes_of).sum(),
        NodeValue::Mapping(entries) => entries
            .iter()
            .map(|entry| entry.key.len() + own + bytes_of(&entry.value))
            .sum(),
    }
}
