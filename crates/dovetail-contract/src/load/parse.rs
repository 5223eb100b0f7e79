//! Text to tree: which reader a file needs, and the limits that hold for all of them.

use std::collections::HashMap;

use crate::codes;
use crate::finding::Finding;
use crate::load::tree::{Entry, Node};
use crate::load::{json, yaml};
use crate::source::{FileId, Span};

/// Deepest nesting of a document, whatever its format.
pub(crate) const DEPTH_MAX: usize = 128;

/// What came of parsing a text.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The document, as far as there is one.
    pub(crate) root: Option<Node>,
    /// What is wrong with it.
    pub(crate) findings: Vec<Finding>,
}

/// Parses the text of a file: JSON where its name ends so or in `.avsc`, as Avro schemas do, and YAML elsewhere.
pub(crate) fn parse(path: &str, file: FileId, text: &str) -> Parsed {
    let is_json = path.rsplit_once('.').is_some_and(|(_, extension)| {
        let is_one = |known| extension.eq_ignore_ascii_case(known);
        ["json", "avsc"].into_iter().any(is_one)
    });
    if is_json {
        json::parse(file, text)
    } else {
        yaml::parse(file, text)
    }
}

impl Parsed {
    /// Nothing but a problem.
    pub(crate) fn failed(finding: Finding) -> Self {
        Self {
            root: None,
            findings: vec![finding],
        }
    }
}

/// The finding for a text in which nothing is said.
pub(crate) fn empty(file: FileId) -> Finding {
    Finding::new(
        &codes::EMPTY_FILE,
        Span::start_of(file),
        "the file is empty",
    )
    .expected("a document")
}

/// Keeps the first of the entries with one key, and says so for every other.
pub(crate) fn keep_first(entries: &mut Vec<Entry>, findings: &mut Vec<Finding>) {
    // Whoever has mended so many finds the rest in the next run.
    const SAID_MAX: usize = 100;
    // Most mappings are small, and comparing a few keys is faster than hashing them.
    const COMPARED_MAX: usize = 8;
    let duplicates: Vec<(usize, usize)> = if entries.len() <= COMPARED_MAX {
        let first = |entry: &Entry| entries.iter().position(|other| other.key == entry.key);
        let pairs = entries.iter().enumerate();
        pairs
            .filter_map(|(index, entry)| Some((first(entry)?, index)))
            .filter(|(first, index)| first != index)
            .collect()
    } else {
        let mut seen: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
        let pairs = entries.iter().enumerate();
        pairs
            .filter_map(|(index, entry)| {
                let first = *seen.entry(entry.key.as_str()).or_insert(index);
                (first != index).then_some((first, index))
            })
            .collect()
    };
    for (first, index) in duplicates.iter().take(SAID_MAX) {
        let (Some(first), Some(entry)) = (entries.get(*first), entries.get(*index)) else {
            continue;
        };
        findings.push(
            Finding::new(
                &codes::DUPLICATE_KEY,
                entry.key_span,
                format!("the key `{}` stands twice in one mapping", entry.key),
            )
            .label("again here")
            .related(first.key_span, "first here")
            .expected("each key once")
            .help("remove one of the two"),
        );
    }
    let mut dropped = duplicates.iter().map(|(_, index)| *index).peekable();
    let mut at = 0..;
    entries.retain(|_| dropped.next_if_eq(&at.next().unwrap_or_default()).is_none());
}
