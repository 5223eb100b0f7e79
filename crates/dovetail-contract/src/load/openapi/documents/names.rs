//! What a document names: other files, and places of its own.

use std::collections::HashMap;

use indexmap::IndexSet;

use super::super::at::place;
use super::super::reference::{file_part, resolve_address, split};
use super::SEARCHED_MAX;
use crate::json_pointer::escape;
use crate::load::tree::{Entry, Node, NodeValue};

/// What a document names: other files, and places of its own.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Other files, each once, in the order they were met: the order in which files are read must not depend on hashing.
    pub(super) references: IndexSet<String>,
    /// Anchors with their pointers.
    pub(super) anchors: Vec<(String, String)>,
    /// Addresses of `$id` with their pointers.
    pub(super) ids: Vec<(String, String)>,
    /// Where each key stands in large mappings, by the place of the mapping in memory.
    pub(super) indexes: Vec<(usize, HashMap<String, usize>)>,
}

/// The way from the root to a node. Only what is named needs a pointer, so none is made before.
#[derive(Debug, Default)]
pub(super) struct Trail<'n> {
    tokens: Vec<Token<'n>>,
    /// Address of the closest `$id` above.
    base: String,
}

#[derive(Debug)]
enum Token<'n> {
    Key(&'n str),
    Index(usize),
}

impl Names {
    /// Collects the names of a node and of all below it.
    pub(super) fn walk<'n>(&mut self, node: &'n Node, trail: &mut Trail<'n>) {
        match &node.value {
            NodeValue::Mapping(entries) => self.mapping(node, entries, trail),
            NodeValue::Sequence(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    if !element.is_scalar() {
                        trail.tokens.push(Token::Index(index));
                        self.walk(element, trail);
                        trail.tokens.pop();
                    }
                }
            }
            _ => {}
        }
    }

    fn mapping<'n>(&mut self, node: &'n Node, entries: &'n [Entry], trail: &mut Trail<'n>) {
        if entries.len() > SEARCHED_MAX {
            let keys = entries.iter().map(|entry| entry.key.clone());
            self.indexes.push((place(node), keys.zip(0..).collect()));
        }
        let mut outer = None;
        for entry in entries.iter().filter(|entry| entry.key.starts_with('$')) {
            self.named(entry, trail, &mut outer);
        }
        for entry in entries {
            // A discriminator may name the file of a branch.
            if entry.key == "mapping" {
                for branch in entry.value.entries().unwrap_or_default() {
                    self.reference(branch.value.as_str());
                }
            }
            if !entry.value.is_scalar() {
                trail.tokens.push(Token::Key(&entry.key));
                self.walk(&entry.value, trail);
                trail.tokens.pop();
            }
        }
        if let Some(outer) = outer {
            trail.base = outer;
        }
    }

    fn named(&mut self, entry: &Entry, trail: &mut Trail<'_>, outer: &mut Option<String>) {
        let Some(text) = entry.value.as_str() else {
            return;
        };
        match entry.key.as_str() {
            "$ref" | "$dynamicRef" | "$recursiveRef" => self.reference(Some(text)),
            "$anchor" | "$dynamicAnchor" => {
                self.anchors.push((text.to_owned(), trail.pointer()));
            }
            // OpenAPI 3.2 names whole documents so.
            "$self" if !trail.tokens.is_empty() => {}
            "$id" | "$self" => {
                let (address, _) = split(text);
                // A fragment alone is an anchor of older drafts.
                if address.is_empty() {
                    return;
                }
                let address = resolve_address(&trail.base, address);
                self.ids.push((address.clone(), trail.pointer()));
                outer.get_or_insert(std::mem::replace(&mut trail.base, address));
            }
            _ => {}
        }
    }

    fn reference(&mut self, reference: Option<&str>) {
        let (file, _) = split(reference.unwrap_or_default());
        if !file.is_empty() {
            self.references.insert(file_part(file));
        }
    }
}

impl Trail<'_> {
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for token in &self.tokens {
            pointer.push('/');
            match token {
                Token::Key(key) => pointer.push_str(&escape(key)),
                Token::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }
}
