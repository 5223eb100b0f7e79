//! Every document that references can reach, read before anything else.
//!
//! Reading them first lets the rest of the reader borrow from all trees at once. What is wrong with a file is said only when a reference that
//! matters leads there: text that looks like a reference may stand in an example.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::at::{At, place};
use crate::load::files::{Document, Files};
use crate::source::FileId;
use names::{Names, Trail};

mod names;

/// The documents that can be reached from one, with the names that are given inside them.
#[derive(Debug)]
pub(super) struct Documents {
    documents: Vec<Document>,
    by_path: HashMap<String, usize>,
    by_file: HashMap<FileId, usize>,
    /// Pointers of `$anchor` and `$dynamicAnchor`, by file and name.
    anchors: HashMap<(FileId, String), String>,
    /// File and pointer of each `$id`, by its address.
    ids: HashMap<String, (FileId, String)>,
    /// Pointer and address of each `$id` of a file.
    resources: HashMap<FileId, Vec<(String, String)>>,
    /// Where each key stands in the mappings that are too large to be searched for every reference, by the place of the mapping in memory.
    indexes: HashMap<usize, HashMap<String, usize>>,
}

/// Largest mapping that is searched key by key.
const SEARCHED_MAX: usize = 64;

/// Most places of a file with an `$id` that are looked through for every reference.
const RESOURCES_MAX: usize = 1_000;

impl Documents {
    /// Reads everything that references lead to, from these documents on.
    pub(super) fn gather<'a>(
        files: &mut Files,
        first: impl IntoIterator<Item = &'a Document>,
    ) -> Self {
        let mut gathered = Self {
            documents: Vec::new(),
            by_path: HashMap::new(),
            by_file: HashMap::new(),
            anchors: HashMap::new(),
            ids: HashMap::new(),
            resources: HashMap::new(),
            indexes: HashMap::new(),
        };
        let mut tried: HashSet<String> = HashSet::new();
        let mut queue: VecDeque<Document> = first.into_iter().cloned().collect();
        while let Some(document) = queue.pop_front() {
            let path = files.sources().file(document.file).path.clone();
            if gathered.by_path.contains_key(&path) {
                continue;
            }
            let mut names = Names::default();
            names.walk(&document.root, &mut Trail::default());
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

    /// Pointer and address of the closest `$id` above a place, its own included.
    pub(super) fn resource(&self, at: &At<'_>) -> Option<(&str, &str)> {
        // Few documents have any, and only those pay for the pointer.
        let resources = self.resources.get(&at.file)?;
        let pointer = at.pointer();
        let holds = |above: &str| {
            let rest = pointer.strip_prefix(above);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let above = resources.iter().filter(|(above, _)| holds(above));
        above
            .max_by_key(|(above, _)| above.len())
            .map(|(pointer, id)| (pointer.as_str(), id.as_str()))
    }

    /// What one token of a pointer names below a node.
    pub(super) fn step<'d>(&self, at: &At<'d>, token: &str) -> Option<At<'d>> {
        let entries = match at.node.entries() {
            Some(entries) if entries.len() > SEARCHED_MAX => entries,
            _ => return at.step(token),
        };
        match self.indexes.get(&place(at.node)) {
            Some(index) => entries.get(*index.get(token)?).map(|entry| at.child(entry)),
            None => at.step(token),
        }
    }

    fn add(&mut self, path: &str, document: &Document, names: &mut Names) {
        self.indexes.extend(names.indexes.drain(..));
        let index = self.documents.len();
        self.documents.push(document.clone());
        self.by_path.insert(path.to_owned(), index);
        self.by_file.insert(document.file, index);
        for (anchor, pointer) in &names.anchors {
            self.anchors
                .entry((document.file, anchor.clone()))
                .or_insert_with(|| pointer.clone());
        }
        for (id, pointer) in names.ids.drain(..) {
            let known = self.ids.entry(id.clone());
            known.or_insert_with(|| (document.file, pointer.clone()));
            let resources = self.resources.entry(document.file).or_default();
            if resources.len() < RESOURCES_MAX {
                resources.push((pointer, id));
            }
        }
    }
}

fn root(document: &Document) -> At<'_> {
    At::root(document.file, Rc::as_ref(&document.root))
}
