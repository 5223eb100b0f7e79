//! The spanned tree: one shape for YAML and JSON, with the place of every key and value and numbers as they were written.

use serde_json::Value;

use crate::source::Span;

/// A value of a document and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands. For a mapping or sequence, where it begins.
    pub span: Span,
    /// The value.
    pub value: NodeValue,
}

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// `null`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as JSON would write it.
    Number(String),
    /// Text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with values, in order; keys are unique.
    Mapping(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as text, whatever it was written as.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// How many values it holds, itself included.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        let inside: usize = match &self.value {
            NodeValue::Sequence(elements) => elements.iter().map(Self::count).sum(),
            NodeValue::Mapping(entries) => entries.iter().map(|entry| entry.value.count()).sum(),
            _ => 0,
        };
        1 + inside
    }

    /// The entries, if it is a mapping.
    #[must_use]
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            NodeValue::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The elements, if it is a sequence.
    #[must_use]
    pub fn elements(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::Sequence(elements) => Some(elements),
            _ => None,
        }
    }

    /// The text, if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            NodeValue::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The entry with this key, if it is a mapping that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// The value of this key, if it is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Whether nothing lies in it.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        !matches!(self.value, NodeValue::Sequence(_) | NodeValue::Mapping(_))
    }

    /// What it is, for messages: `a string`, `a mapping`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            NodeValue::Null => "null",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Number(_) => "a number",
            NodeValue::String(_) => "a string",
            NodeValue::Sequence(_) => "a list",
            NodeValue::Mapping(_) => "a mapping",
        }
    }

    /// The first number in it that lies beyond every double, and so has no value that could be compared or sent.
    #[must_use]
    pub fn endless_number(&self) -> Option<&Self> {
        match &self.value {
            NodeValue::Number(text) => {
                let is_endless = text.parse::<f64>().is_ok_and(f64::is_infinite);
                is_endless.then_some(self)
            }
            NodeValue::Sequence(elements) => elements.iter().find_map(Self::endless_number),
            NodeValue::Mapping(entries) => {
                let values = entries.iter().map(|entry| &entry.value);
                values.into_iter().find_map(Self::endless_number)
            }
            _ => None,
        }
    }

    /// The value without places. Numbers beyond 64 bits become the nearest double, and those beyond every double `null`; see
    /// [`Node::endless_number`].
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(value) => Value::Bool(*value),
            NodeValue::Number(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            NodeValue::String(text) => Value::String(text.clone()),
            NodeValue::Sequence(elements) => elements.iter().map(Self::to_json).collect(),
            NodeValue::Mapping(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.to_json()))
                .collect(),
        }
    }
}
