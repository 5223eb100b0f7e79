//! The named types of an Avro schema: records, enums and fixed, each by its full name.

use indexmap::IndexMap;

use super::super::Reader;
use super::super::at::At;
use super::PRIMITIVES;
use crate::codes;
use crate::finding::Finding;
use crate::load::lower;
use crate::schema::SchemaId;
use crate::source::Span;

/// What was declared so far.
#[derive(Debug, Default)]
pub(crate) struct Names {
    declared: IndexMap<String, (SchemaId, Span)>,
    /// The types by the last part of their names; none where several have it.
    by_last: IndexMap<String, Option<SchemaId>>,
    ids: std::collections::HashSet<SchemaId>,
}

/// A name where it is declared.
#[derive(Debug)]
pub(super) struct Declared {
    /// Its last part.
    pub(super) name: String,
    /// The namespace that holds inside.
    pub(super) namespace: String,
}

impl Names {
    /// The type that a name means inside a namespace.
    pub(super) fn find(&self, name: &str, namespace: &str) -> Option<SchemaId> {
        let full = full_name(name, namespace);
        let found = self.declared.get(&full);
        found.map(|(id, _)| *id)
    }

    /// The type with a full name, or with this last part where no other has it.
    pub(super) fn by_any_name(&self, name: &str) -> Option<SchemaId> {
        let full = self.declared.get(name).map(|(id, _)| *id);
        full.or_else(|| *self.by_last.get(name)?)
    }

    /// Whether a schema is one of the named types.
    pub(super) fn declares(&self, id: SchemaId) -> bool {
        self.ids.contains(&id)
    }

    /// Every full name.
    pub(super) fn full_names(&self) -> Vec<&str> {
        self.declared.keys().map(String::as_str).collect()
    }

    /// The same as texts of their own, some of them where there are very many.
    pub(super) fn full_names_owned(&self) -> impl Iterator<Item = String> {
        self.declared.keys().take(100).cloned()
    }
}

impl<'d> Reader<'d, '_> {
    /// Declares the named type that stands here as `id`. What is wrong with its name is said.
    pub(super) fn declare(
        &mut self,
        at: &At<'d>,
        id: SchemaId,
        namespace: &str,
        names: &mut Names,
    ) -> Declared {
        let said = self.text(at, "name").unwrap_or_default();
        let own = self.text(at, "namespace");
        let (space, name) = match said.rsplit_once('.') {
            Some((space, name)) => (space.to_owned(), name.to_owned()),
            None => (own.unwrap_or_else(|| namespace.to_owned()), said.clone()),
        };
        let place = at.get("name").map_or(at.place(), |name| name.place());
        let is_fit = is_name(&name) && (space.is_empty() || space.split('.').all(is_name));
        if !is_fit || PRIMITIVES.contains(&name.as_str()) {
            let text = match said.is_empty() {
                true => "the type has no name".to_owned(),
                false => format!("`{}` is not a name for a type", lower::shorten(&said)),
            };
            self.files.push(
                Finding::new(&codes::INVALID_VALUE, place, text)
                    .expected("letters, digits and `_`, with a namespace before it if there is one")
                    .help("write it like `Order`, or `com.example.Order`"),
            );
        }
        let full = full_name(&name, &space);
        if let Some((_, first)) = names.declared.get(&full) {
            let text = format!("the type `{}` is declared twice", lower::shorten(&full));
            self.files.push(
                Finding::new(&codes::INVALID_VALUE, place, text)
                    .related(*first, "the first one")
                    .expected("its name alone wherever it is used again"),
            );
        } else {
            names.declared.insert(full, (id, place));
            let last = names.by_last.entry(name.clone());
            last.and_modify(|id| *id = None).or_insert(Some(id));
        }
        names.ids.insert(id);
        Declared {
            name,
            namespace: space,
        }
    }
}

/// Whether a text is a name that Avro takes.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn full_name(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}
