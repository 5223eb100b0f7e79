//! Reading the value of a key as the type that it should have, and saying so where it has another.
//!
//! A wrong type is an error where something is made from the value, and a warning where it only describes.

use std::borrow::Cow;

use super::at::At;
use super::{Reader, warning};
use crate::codes;
use crate::finding::{Finding, Severity};
use crate::load::tree::{Entry, NodeValue};
use crate::schema::Number;

impl<'d> Reader<'d, '_> {
    /// Text that describes something. A number or boolean is taken as it was written.
    pub(super) fn text(&mut self, at: &At<'d>, key: &str) -> Option<String> {
        let value = at.get(key)?;
        self.text_of(&value)
    }

    /// A value as text that describes something.
    pub(super) fn text_of(&mut self, value: &At<'d>) -> Option<String> {
        let (text, what) = match &value.node.value {
            NodeValue::String(text) => {
                return self.spend(value, text.len()).then(|| text.clone());
            }
            NodeValue::Number(text) => (text.clone(), "a number"),
            NodeValue::Bool(value) => (value.to_string(), "a boolean"),
            _ => {
                self.wrong_type(value, "a string", Severity::Warning);
                return None;
            }
        };
        let message = format!("`{}` is {what}, and is taken as text", value.name());
        self.files.push(
            warning(&codes::WRONG_TYPE, value.place(), message)
                .expected("a string")
                .help("put it in quotes"),
        );
        Some(text)
    }

    /// The description of an object: what stands beside its `$ref`, else what stands where that leads.
    pub(super) fn described(&mut self, written: &At<'d>, meant: &At<'d>) -> Option<String> {
        let beside = written.get("$ref").and_then(|_| written.get("description"));
        match beside {
            Some(beside) => self.text_of(&beside),
            None => self.text(meant, "description"),
        }
    }

    /// A list of texts that describe something.
    pub(super) fn texts(&mut self, at: &At<'d>, key: &str) -> Vec<String> {
        let elements = self.notes_list(at, key);
        elements
            .iter()
            .filter_map(|element| self.text_of(element))
            .collect()
    }

    /// A truth value that something is made from.
    pub(super) fn flag(&mut self, at: &At<'d>, key: &str) -> Option<bool> {
        self.flag_of(at, key, Severity::Error)
    }

    /// A truth value that only describes.
    pub(super) fn note_flag(&mut self, at: &At<'d>, key: &str) -> bool {
        self.flag_of(at, key, Severity::Warning).unwrap_or(false)
    }

    fn flag_of(&mut self, at: &At<'d>, key: &str, severity: Severity) -> Option<bool> {
        let value = at.get(key)?;
        let read = match &value.node.value {
            NodeValue::Bool(read) => return Some(*read),
            NodeValue::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        };
        let severity = read.map_or(severity, |_| Severity::Warning);
        self.wrong_type(&value, "`true` or `false`", severity);
        read
    }

    /// A count, such as `minLength`. What is none is left out.
    pub(super) fn count(&mut self, at: &At<'d>, key: &str) -> Option<u64> {
        let number = self.number(at, key)?;
        let count = number.as_i128().and_then(|count| u64::try_from(count).ok());
        if count.is_none() {
            let place = at.get(key)?.place();
            let message = format!("`{key}` is {}", number.as_str());
            self.files.push(
                warning(&codes::INVALID_VALUE, place, message)
                    .expected("a whole number that is not negative"),
            );
        }
        count
    }

    /// A number as it was written. Digits in quotes are taken as the number.
    pub(super) fn number(&mut self, at: &At<'d>, key: &str) -> Option<Number> {
        let value = at.get(key)?;
        let (number, is_clean) = match &value.node.value {
            NodeValue::Number(text) => (Number::parse(text), true),
            NodeValue::String(text) => (Number::parse(text), false),
            _ => (None, false),
        };
        if !is_clean {
            self.wrong_type(&value, "a number", Severity::Warning);
        }
        number
    }

    /// The elements of a list that something is made from.
    pub(super) fn list(&mut self, at: &At<'d>, key: &str) -> Vec<At<'d>> {
        self.list_of(at, key, Severity::Error)
    }

    /// The elements of a list that only describes.
    pub(super) fn notes_list(&mut self, at: &At<'d>, key: &str) -> Vec<At<'d>> {
        self.list_of(at, key, Severity::Warning)
    }

    fn list_of(&mut self, at: &At<'d>, key: &str, severity: Severity) -> Vec<At<'d>> {
        let Some(list) = at.get(key) else {
            return Vec::new();
        };
        let Some(elements) = list.node.elements() else {
            self.wrong_type(&list, "a list", severity);
            return Vec::new();
        };
        elements
            .iter()
            .enumerate()
            .map(|(index, element)| list.element(index, element))
            .collect()
    }

    /// The entries of a mapping that something is made from.
    pub(super) fn entries(&mut self, at: &At<'d>, key: &str) -> Vec<(&'d Entry, At<'d>)> {
        match at.get(key) {
            Some(mapping) => self.entries_of(&mapping, Severity::Error),
            None => Vec::new(),
        }
    }

    /// The entries of a mapping that only describes.
    pub(super) fn notes_entries(&mut self, at: &At<'d>, key: &str) -> Vec<(&'d Entry, At<'d>)> {
        match at.get(key) {
            Some(mapping) => self.entries_of(&mapping, Severity::Warning),
            None => Vec::new(),
        }
    }

    fn entries_of(&mut self, mapping: &At<'d>, severity: Severity) -> Vec<(&'d Entry, At<'d>)> {
        let Some(entries) = mapping.node.entries() else {
            self.wrong_type(mapping, "a mapping", severity);
            return Vec::new();
        };
        entries
            .iter()
            .map(|entry| (entry, mapping.child(entry)))
            .collect()
    }

    /// Says that a value has the wrong type.
    pub(super) fn wrong_type(&mut self, value: &At<'d>, expected: &str, severity: Severity) {
        let name = value.name();
        let kind = value.node.kind();
        let message = if value.has_key() {
            format!("`{name}` is {kind}")
        } else if name.is_empty() {
            format!("the document is {kind}")
        } else {
            format!("this element is {kind}")
        };
        let is_empty = match &value.node.value {
            NodeValue::Sequence(elements) => value.has_key() && elements.is_empty(),
            NodeValue::Mapping(entries) => value.has_key() && entries.is_empty(),
            _ => false,
        };
        let mut finding = Finding::new(&codes::WRONG_TYPE, value.place(), message);
        // Some generators write `[]` for an empty mapping and the other way round.
        finding.severity = if is_empty {
            Severity::Warning
        } else {
            severity
        };
        self.files.push(finding.expected(expected));
    }

    /// Says that a key is missing without which something cannot be read.
    pub(super) fn missing_key(&mut self, at: &At<'d>, key: &str, what: &str) {
        let message = format!("{what} does not say `{key}`");
        self.files
            .push(Finding::new(&codes::MISSING_KEY, at.declared(), message));
    }
}

/// A text as a message quotes it. A path may be quoted once for each of its parameters, so a long one is cut.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    const CHARACTERS_MAX: usize = 100;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}
