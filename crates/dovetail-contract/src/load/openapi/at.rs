//! A place in a document while it is read: a node with the file and the JSON pointer by which it was reached.

use std::rc::Rc;

use crate::json_pointer::escape;
use crate::load::tree::{Entry, Node, NodeValue};
use crate::source::{FileId, Span};

/// A node and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<'d> {
    /// Its file.
    pub(super) file: FileId,
    /// The way from the root; none for the root itself.
    step: Option<Rc<Step<'d>>>,
    /// The node.
    pub(super) node: &'d Node,
    /// Where its key stands, if it has one.
    key: Option<Span>,
}

/// One step of the way to a node. Steps are shared: copying the pointer for every node would multiply what a hostile document holds.
#[derive(Debug)]
struct Step<'d> {
    before: Option<Rc<Self>>,
    token: Token<'d>,
}

#[derive(Debug)]
enum Token<'d> {
    Key(&'d str),
    Index(usize),
}

impl<'d> At<'d> {
    /// The root of a file.
    pub(super) fn root(file: FileId, node: &'d Node) -> Self {
        Self {
            file,
            step: None,
            node,
            key: None,
        }
    }

    /// The value of a key. `null` is as good as nothing, since a key with nothing after it is read so.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        self.node
            .entry(key)
            .filter(|entry| entry.value.value != NodeValue::Null)
            .map(|entry| self.child(entry))
    }

    /// The value of a key, whatever it is: where `null` is a value like any other.
    pub(super) fn value(&self, key: &str) -> Option<&'d Node> {
        self.node.get(key)
    }

    /// An entry of this mapping.
    pub(super) fn child(&self, entry: &'d Entry) -> Self {
        Self {
            file: self.file,
            step: self.to(Token::Key(&entry.key)),
            node: &entry.value,
            key: Some(entry.key_span),
        }
    }

    /// An element of this list.
    pub(super) fn element(&self, index: usize, node: &'d Node) -> Self {
        Self {
            file: self.file,
            step: self.to(Token::Index(index)),
            node,
            key: None,
        }
    }

    /// Where it stands in its file, as a JSON pointer.
    pub(super) fn pointer(&self) -> String {
        let mut tokens = Vec::new();
        let mut step = self.step.as_ref();
        while let Some(at) = step {
            tokens.push(&at.token);
            step = at.before.as_ref();
        }
        let mut pointer = String::new();
        for token in tokens.into_iter().rev() {
            pointer.push('/');
            match token {
                Token::Key(key) => pointer.push_str(&escape(key)),
                Token::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    fn to(&self, token: Token<'d>) -> Option<Rc<Step<'d>>> {
        let before = self.step.clone();
        Some(Rc::new(Step { before, token }))
    }

    /// What one token of a JSON pointer names here.
    pub(super) fn step(&self, token: &str) -> Option<Self> {
        if let Some(elements) = self.node.elements() {
            let index: usize = token.parse().ok()?;
            return Some(self.element(index, elements.get(index)?));
        }
        self.node.entry(token).map(|entry| self.child(entry))
    }

    /// What to underline: the value if it is one line at most, else its key.
    pub(super) fn place(&self) -> Span {
        match (&self.node.value, self.key) {
            (NodeValue::Mapping(_) | NodeValue::Sequence(_) | NodeValue::Null, Some(key)) => key,
            _ => self.node.span,
        }
    }

    /// Where it was declared: its key, else the value itself.
    pub(super) fn declared(&self) -> Span {
        self.key.unwrap_or(self.node.span)
    }

    /// Whether it is the value of a key, and not an element or a whole document.
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// The key, or the index in a list; empty for a whole document.
    pub(super) fn name(&self) -> String {
        match self.step.as_ref().map(|step| &step.token) {
            Some(Token::Key(key)) => (*key).to_owned(),
            Some(Token::Index(index)) => index.to_string(),
            None => String::new(),
        }
    }
}

/// What tells one node of the documents from every other while they are read: where it is in memory, which is quicker to compare than a pointer.
pub(super) fn place(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}
