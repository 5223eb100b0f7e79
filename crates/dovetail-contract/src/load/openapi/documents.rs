//! Every document that references can reach, read before anything else.
//!
//! Reading them first lets the rest of the reader borrow from all trees at once. What is wrong with a file is said only when a reference that
//! matters leads there: text that looks like a reference may stand in an example.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::at::{At, escape};
use super::reference::{file_part, split};
use crate::load::files::{Document, Files};
use crate::load::tree::{Node, NodeValue};
use crate::source::FileId;

/// The documents that can be reached from one, with the names that are given inside them.
#[derive(Debug)]
pub(super) struct Documents {
    documents: Vec<Document>,
    by_path: HashMap<String, usize>,
    by_file: HashMap<FileId, usize>,
    /// Pointers of `$anchor` and `$dynamicAnchor`, by file and name.
    anchors: HashMap<(FileId, String), String>,
    /// File and pointer of each `$id`.
    ids: HashMap<String, (FileId, String)>,
    /// Where each key stands in the mappings that are too large to be searched for every reference.
    indexes: HashMap<(FileId, String), HashMap<String, usize>>,
}

/// Largest mapping that is searched key by key.
const SEARCHED_MAX: usize = 64;

impl Documents {
    /// Reads everything that references lead to, from `first` on.
    pub(super) fn gather(files: &mut Files, first: &Document) -> Self {
        let mut gathered = Self {
            documents: Vec::new(),
            by_path: HashMap::new(),
            by_file: HashMap::new(),
            anchors: HashMap::new(),
            ids: HashMap::new(),
            indexes: HashMap::new(),
        };
        let mut tried: HashSet<String> = HashSet::new();
        let mut queue = VecDeque::from([first.clone()]);
        while let Some(document) = queue.pop_front() {
            let path = files.sources().file(document.file).path.clone();
            let mut names = Names::default();
            names.walk(&document.root, &mut String::new());
            gathered.add(&path, &document, &mut names);
            for reference in names.references {
                let Ok(target) = Files::join(&path, &reference) else {
                    continue;
                };
                if target == path || !tried.insert(target.clone()) {
                    continue;
                }
                let is_new = !gathered.by_path.contains_key(&target);
                if let Some(document) = files.prefetch(&target).filter(|_| is_new) {
                    queue.push_back(document);
                }
            }
        }
        gathered
    }

    /// The document at a path.
    pub(super) fn at_path(&self, path: &str) -> Option<At<'_>> {
        let index = *self.by_path.get(path)?;
        self.documents.get(index).map(root)
    }

    /// The document of a file.
    pub(super) fn of_file(&self, file: FileId) -> Option<At<'_>> {
        let index = *self.by_file.get(&file)?;
        self.documents.get(index).map(root)
    }

    /// The pointer of an anchor in a file.
    pub(super) fn anchor(&self, file: FileId, name: &str) -> Option<&str> {
        self.anchors
            .get(&(file, name.to_owned()))
            .map(String::as_str)
    }

    /// The file and pointer that an `$id` was given to.
    pub(super) fn id(&self, id: &str) -> Option<(FileId, &str)> {
        self.ids
            .get(id)
            .map(|(file, pointer)| (*file, pointer.as_str()))
    }

    /// What one token of a pointer names below a node.
    pub(super) fn step<'d>(&self, at: &At<'d>, token: &str) -> Option<At<'d>> {
        let entries = match at.node.entries() {
            Some(entries) if entries.len() > SEARCHED_MAX => entries,
            _ => return at.step(token),
        };
        match self.indexes.get(&(at.file, at.pointer())) {
            Some(index) => entries.get(*index.get(token)?).map(|entry| at.child(entry)),
            None => at.step(token),
        }
    }

    fn add(&mut self, path: &str, document: &Document, names: &mut Names) {
        for (pointer, index) in names.indexes.drain(..) {
            self.indexes.insert((document.file, pointer), index);
        }
        let index = self.documents.len();
        self.documents.push(document.clone());
        self.by_path.insert(path.to_owned(), index);
        self.by_file.insert(document.file, index);
        for (anchor, pointer) in &names.anchors {
            self.anchors
                .entry((document.file, anchor.clone()))
                .or_insert_with(|| pointer.clone());
        }
        for (id, pointer) in &names.ids {
            let id = id.split('#').next().unwrap_or_default();
            self.ids
                .entry(id.to_owned())
                .or_insert_with(|| (document.file, pointer.clone()));
        }
    }
}

fn root(document: &Document) -> At<'_> {
    At::root(document.file, Rc::as_ref(&document.root))
}

/// What a document names: other files, and places of its own.
#[derive(Debug, Default)]
struct Names {
    references: HashSetInOrder,
    anchors: Vec<(String, String)>,
    ids: Vec<(String, String)>,
    indexes: Vec<(String, HashMap<String, usize>)>,
}

/// Strings, each once, in the order they were met: the order in which files are read must not depend on hashing.
type HashSetInOrder = indexmap::IndexSet<String>;

impl Names {
    fn walk(&mut self, node: &Node, pointer: &mut String) {
        let length = pointer.len();
        match &node.value {
            NodeValue::Mapping(entries) => {
                if entries.len() > SEARCHED_MAX {
                    let keys = entries.iter().map(|entry| entry.key.clone());
                    let index = keys.zip(0..).collect();
                    self.indexes.push((pointer.clone(), index));
                }
                for entry in entries {
                    self.entry(&entry.key, &entry.value, pointer);
                    pointer.push('/');
                    pointer.push_str(&escape(&entry.key));
                    self.walk(&entry.value, pointer);
                    pointer.truncate(length);
                }
            }
            NodeValue::Sequence(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    pointer.push_str(&format!("/{index}"));
                    self.walk(element, pointer);
                    pointer.truncate(length);
                }
            }
            _ => {}
        }
    }

    fn entry(&mut self, key: &str, value: &Node, pointer: &str) {
        match (key, &value.value) {
            ("$ref" | "$dynamicRef", NodeValue::String(reference)) => self.reference(reference),
            ("$anchor" | "$dynamicAnchor", NodeValue::String(name)) => {
                self.anchors.push((name.clone(), pointer.to_owned()));
            }
            ("$id", NodeValue::String(id)) => self.ids.push((id.clone(), pointer.to_owned())),
            // A discriminator may name the file of a branch.
            ("mapping", NodeValue::Mapping(entries)) => {
                for entry in entries {
                    if let Some(reference) = entry.value.as_str() {
                        self.reference(reference);
                    }
                }
            }
            _ => {}
        }
    }

    fn reference(&mut self, reference: &str) {
        let (file, _) = split(reference);
        if !file.is_empty() {
            self.references.insert(file_part(file));
        }
    }
}
