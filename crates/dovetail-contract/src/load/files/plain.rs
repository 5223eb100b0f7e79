//! Files that are no documents: text for readers of their own, with the same limits.

use super::{Fetched, Files, Refusal, text};
use crate::codes;
use crate::source::{FileId, Span};

impl Files {
    /// Reads the text of `path`, which is relative to the root. `None` where it cannot be had; a finding says why.
    pub(crate) fn plain(&mut self, path: &str, named_at: Span) -> Option<FileId> {
        if let Some(file) = self.plain_quietly(path) {
            return Some(file);
        }
        // Whatever stands in the way is said as for any other file.
        self.read(path, Some(named_at));
        None
    }

    /// The same without a finding.
    pub(crate) fn plain_quietly(&mut self, path: &str) -> Option<FileId> {
        if !self.fetched.contains_key(path) {
            let fetched = self.fetch_plain(path);
            self.fetched.insert(path.to_owned(), fetched);
        }
        match self.fetched.get(path)? {
            Fetched::Plain(file) => Some(*file),
            _ => None,
        }
    }

    fn fetch_plain(&mut self, path: &str) -> Fetched {
        let bytes = match self.bytes_of(path) {
            Ok(bytes) => bytes,
            Err(refusal) => return Fetched::Refused(refusal),
        };
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let (text, problem) = text::decode(bytes);
        let file = self.sources.add(path, text);
        match problem {
            Some(problem) => Fetched::Broken(vec![problem.finding(&self.sources, file)]),
            None => Fetched::Plain(file),
        }
    }

    /// Why a plain text is no document.
    pub(super) fn not_a_document(path: &str) -> Refusal {
        let message = format!("`{path}` holds no document");
        Refusal::new(&codes::REFERENCE_KIND, message)
    }
}
