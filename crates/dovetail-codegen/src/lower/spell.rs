//! Types as Rust writes them, and the imports that this takes.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use super::ty::Ty;
use super::types::{Body, Draft};

/// Writes types out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speller<'a> {
    pub(super) drafts: &'a [Draft],
    pub(super) graph: &'a Graph,
}

/// What a file imports: items by the path that they are in.
#[derive(Debug, Default)]
pub(super) struct Uses {
    items: BTreeMap<String, BTreeSet<String>>,
}

impl Speller<'_> {
    /// The type, as it is owned.
    pub(super) fn owned(&self, ty: &Ty, uses: &mut Uses) -> String {
        match ty {
            Ty::Bool => "bool".to_owned(),
            Ty::Int(name) => (*name).to_owned(),
            Ty::Float => "f64".to_owned(),
            Ty::Number => uses.add("serde_json", "Number"),
            Ty::Text => "String".to_owned(),
            Ty::Bytes => uses.add("bytes", "Bytes"),
            Ty::Body => uses.add("dovetail_client", "Body"),
            Ty::File => uses.add("dovetail_client::multipart", "FilePart"),
            Ty::Form => uses.add("dovetail_client::multipart", "Form"),
            Ty::Stream => uses.add("dovetail_client", "ByteStream"),
            Ty::Events(data) => {
                let data = self.owned(data, uses);
                format!("{}<{data}>", uses.add("dovetail_client", "EventStream"))
            }
            Ty::Lines(line) => {
                let line = self.owned(line, uses);
                format!("{}<{line}>", uses.add("dovetail_client", "LineStream"))
            }
            Ty::Base64 => uses.add("dovetail_client::types", "Base64"),
            Ty::Decimal => uses.add("dovetail_client::types", "Decimal"),
            Ty::DecimalNumber => uses.add("dovetail_client::types", "DecimalNumber"),
            Ty::DateTime => {
                uses.add("chrono", "FixedOffset");
                format!("{}<FixedOffset>", uses.add("chrono", "DateTime"))
            }
            Ty::Date => uses.add("chrono", "NaiveDate"),
            Ty::Uuid => uses.add("uuid", "Uuid"),
            Ty::Value => uses.add("serde_json", "Value"),
            Ty::List(inner) => format!("Vec<{}>", self.owned(inner, uses)),
            Ty::Map(inner) => {
                let inner = self.owned(inner, uses);
                format!(
                    "{}<String, {inner}>",
                    uses.add("std::collections", "BTreeMap")
                )
            }
            Ty::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.owned(part, uses)).collect();
                let comma = if parts.len() == 1 { "," } else { "" };
                format!("({}{comma})", parts.join(", "))
            }
            Ty::Optional(inner) => format!("Option<{}>", self.owned(inner, uses)),
            Ty::Named(index) => {
                let name = self
                    .drafts
                    .get(*index)
                    .map(|draft| draft.name.clone())
                    .unwrap_or_default();
                uses.add("crate::types", &name)
            }
        }
    }

    /// Whether values of the type can be compared.
    pub(super) fn is_comparable(&self, ty: &Ty) -> bool {
        let mut mentioned = Vec::new();
        ty.mentioned(&mut mentioned);
        let is_form = |index: &usize| {
            let draft = self.drafts.get(*index);
            draft.is_some_and(|draft| matches!(draft.body, Body::Form(..)))
        };
        ty.is_comparable() && !mentioned.iter().any(is_form)
    }

    /// The type, as an argument takes it.
    pub(super) fn borrowed(&self, ty: &Ty, uses: &mut Uses) -> String {
        match ty {
            Ty::Text => "&str".to_owned(),
            Ty::List(inner) => format!("&[{}]", self.owned(inner, uses)),
            _ if ty.is_copy() => self.owned(ty, uses),
            _ => format!("&{}", self.owned(ty, uses)),
        }
    }

    /// What a value is, for people.
    pub(super) fn words(&self, ty: &Ty) -> String {
        match ty {
            Ty::Bool => "true or false".to_owned(),
            Ty::Int(_) => "an integer".to_owned(),
            Ty::Float | Ty::Number => "a number".to_owned(),
            Ty::Text => "a string".to_owned(),
            Ty::Bytes | Ty::Body | Ty::Stream => "bytes".to_owned(),
            Ty::File => "a file".to_owned(),
            Ty::Form => "a form".to_owned(),
            Ty::Events(_) => "events".to_owned(),
            Ty::Lines(_) => "lines".to_owned(),
            Ty::Base64 => "bytes, as Base64".to_owned(),
            Ty::Decimal | Ty::DecimalNumber => "a decimal number".to_owned(),
            Ty::DateTime => "a date and time".to_owned(),
            Ty::Date => "a date".to_owned(),
            Ty::Uuid => "a UUID".to_owned(),
            Ty::Value => "any JSON".to_owned(),
            Ty::List(_) => "a list".to_owned(),
            Ty::Map(_) => "a map".to_owned(),
            Ty::Tuple(parts) => format!("a list of {}", parts.len()),
            Ty::Optional(inner) => self.words(inner),
            Ty::Named(index) => {
                let name = self
                    .drafts
                    .get(*index)
                    .map_or("", |draft| draft.name.as_str());
                let article = if name.starts_with(['A', 'E', 'I', 'O']) {
                    "an"
                } else {
                    "a"
                };
                format!("{article} [`{name}`]")
            }
        }
    }
}

impl Uses {
    /// Imports an item and returns its name.
    pub(super) fn add(&mut self, path: &str, item: &str) -> String {
        self.items
            .entry(path.to_owned())
            .or_default()
            .insert(item.to_owned());
        item.to_owned()
    }

    /// Imports items of the runtime, given with their module.
    pub(super) fn runtime(&mut self, items: &[&str]) {
        for item in items {
            match item.rsplit_once("::") {
                Some((module, name)) => self.add(&format!("dovetail_client::{module}"), name),
                None => self.add("dovetail_client", item),
            };
        }
    }

    /// What `client.rs` always imports.
    pub(super) fn add_client(&mut self, has_callers: bool) {
        self.runtime(&["ConfigError", "Http", "HttpBuilder"]);
        self.add("crate", "operations");
        if has_callers {
            self.add("crate", "policies");
        }
    }

    /// Does not import these items of a path, because the file has them itself.
    pub(super) fn forget(&mut self, path: &str, is_own: impl Fn(&str) -> bool) {
        if let Some(items) = self.items.get_mut(path) {
            items.retain(|item| !is_own(item));
            if items.is_empty() {
                self.items.remove(path);
            }
        }
    }

    /// The imports as paths, each with all that is imported of it.
    pub(super) fn paths(&self) -> Vec<String> {
        let paths = self.items.iter().map(|(path, items)| {
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            match items.as_slice() {
                [only] => format!("{path}::{only}"),
                many => format!("{path}::{{{}}}", many.join(", ")),
            }
        });
        paths.collect()
    }

    /// The same, of another crate of the runtime: what types stand on is in each of them.
    pub(super) fn of_runtime(&self, krate: &str) -> Self {
        let items = self.items.iter().map(|(path, items)| {
            let path = match path.strip_prefix("dovetail_client") {
                Some(rest) => format!("{krate}{rest}"),
                None => path.clone(),
            };
            (path, items.clone())
        });
        Self {
            items: items.collect(),
        }
    }

    /// Adds the imports of another file.
    pub(super) fn take(&mut self, other: &Self) {
        for (path, items) in &other.items {
            let own = self.items.entry(path.clone()).or_default();
            own.extend(items.iter().cloned());
        }
    }

    /// Adds those imports of another file that a text mentions.
    pub(super) fn take_mentioned(&mut self, other: &Self, text: &str) {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let words: BTreeSet<&str> = text.split(|c: char| !is_part(c)).collect();
        for (path, items) in &other.items {
            for item in items.iter().filter(|item| words.contains(item.as_str())) {
                self.add(path, item);
            }
        }
    }

    /// Whether anything of a crate is imported.
    pub(super) fn mentions(&self, krate: &str) -> bool {
        self.items
            .keys()
            .any(|path| path.split("::").next() == Some(krate))
    }

    /// The imports as lines that are no longer than lines may be, for a file that nothing formats.
    pub(super) fn wrapped(&self) -> Vec<String> {
        const WIDTH_MAX: usize = 100;
        let mut lines = Vec::new();
        for line in self.lines() {
            let list = line
                .split_once('{')
                .filter(|_| line.chars().count() > WIDTH_MAX);
            let Some((path, items)) = list else {
                lines.push(line);
                continue;
            };
            lines.push(format!("{path}{{"));
            let mut row = String::new();
            for item in items.trim_end_matches("};").split(", ") {
                if !row.is_empty() && row.len() + item.len() + 6 > WIDTH_MAX {
                    lines.push(format!("    {}", row.trim_end()));
                    row.clear();
                }
                row.push_str(item);
                row.push_str(", ");
            }
            lines.push(format!("    {}", row.trim_end()));
            lines.push("};".to_owned());
        }
        lines
    }

    /// The imports as lines: the standard library, other crates, this crate.
    pub(super) fn lines(&self) -> Vec<String> {
        let rank = |path: &str| match path.split("::").next() {
            Some("std") => 0,
            Some("crate") => 2,
            _ => 1,
        };
        let mut lines = Vec::new();
        for group in 0..3 {
            let before = lines.len();
            for (path, items) in self.items.iter().filter(|(path, _)| rank(path) == group) {
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                match items.as_slice() {
                    [only] => lines.push(format!("use {path}::{only};")),
                    many => lines.push(format!("use {path}::{{{}}};", many.join(", "))),
                }
            }
            if let Some(added) = lines.get_mut(before..) {
                added.sort();
            }
            if lines.len() > before && lines.len() > 1 && before > 0 {
                lines.insert(before, String::new());
            }
        }
        lines
    }
}
