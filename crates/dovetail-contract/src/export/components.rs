//! The schemas of a document that is written: which stand under `components/schemas`, what they are called there, and which stand where they are used.

use std::collections::{HashMap, HashSet};

use super::schema::Entries;
use super::text::Item;
use crate::schema::{Schema, SchemaId, Schemas};

/// Deepest nesting of schemas without names. What lies deeper becomes a component, so that no document is too deep to be read.
const INLINE_MAX: usize = 12;

/// Longest name of a component, without the number that tells it from others.
const NAME_MAX: usize = 100;

/// Steps of pointers that are words of JSON Schema or AsyncAPI rather than names. The loader takes those at the top of a file for names.
const KEYWORDS: [&str; 18] = [
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
    "payload",
    "schema",
    "properties",
];

/// A schema of one of the arenas.
type Place = (usize, SchemaId);

/// The components that a document needs.
#[derive(Debug, Default)]
pub(super) struct Components<'a> {
    arenas: Vec<&'a Schemas>,
    /// The schemas that stand apart, by name. Each is written once, in the order in which they were met.
    names: HashMap<Place, String>,
    taken: HashSet<String>,
    /// The number that the next component has whose name is taken.
    next: HashMap<String, usize>,
    order: Vec<Place>,
    /// The schemas that more than one place names.
    shared: HashSet<Place>,
    seen: HashSet<Place>,
}

impl<'a> Components<'a> {
    /// The number of an arena, which is added where it is not known.
    pub(super) fn arena(&mut self, schemas: &'a Schemas) -> usize {
        let known = self
            .arenas
            .iter()
            .position(|known| std::ptr::eq(*known, schemas));
        known.unwrap_or_else(|| {
            self.arenas.push(schemas);
            self.arenas.len() - 1
        })
    }

    /// The schemas of an arena.
    ///
    /// # Panics
    ///
    /// Where [`Components::arena`] did not give the number: that is a defect of the caller.
    pub(super) fn schemas(&self, arena: usize) -> &'a Schemas {
        self.arenas[arena]
    }

    /// Looks at a schema that will be written and at all that it names, before anything is written.
    pub(super) fn scan(&mut self, arena: usize, id: SchemaId) {
        let schemas = self.schemas(arena);
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            if !self.seen.insert((arena, id)) {
                self.shared.insert((arena, id));
                continue;
            }
            let schema = schemas.schema(id);
            for target in named(schema) {
                self.shared.insert((arena, target));
                if !self.seen.contains(&(arena, target)) {
                    stack.push(target);
                }
            }
            stack.extend(inside(schema));
        }
    }

    /// A schema where it is used: a reference where it stands apart, and all of it elsewhere.
    pub(super) fn part(&mut self, arena: usize, id: SchemaId, depth: usize) -> Item {
        let schema = self.schemas(arena).schema(id);
        if name_of(schema).is_some() || depth > INLINE_MAX || self.shared.contains(&(arena, id)) {
            return Item::reference(&self.pointer(arena, id));
        }
        self.body(arena, id, depth)
    }

    /// Where a schema stands among the components, which it is added to.
    pub(super) fn pointer(&mut self, arena: usize, id: SchemaId) -> String {
        if !self.names.contains_key(&(arena, id)) {
            let name = self.name(self.schemas(arena).schema(id));
            self.names.insert((arena, id), name);
            self.order.push((arena, id));
        }
        let name = self.names.get(&(arena, id));
        let name = name.map(String::as_str).unwrap_or_default();
        format!("#/components/schemas/{name}")
    }

    /// Every component that something names, and what these name.
    pub(super) fn finish(mut self) -> Entries {
        let mut entries = Entries::new();
        let mut next = 0;
        while let Some((arena, id)) = self.order.get(next).copied() {
            next += 1;
            let body = match self.body(arena, id, 0) {
                // AsyncAPI has no truth values among components.
                Item::Bool(_) => Item::Map(vec![("not".to_owned(), Item::Map(Vec::new()))]),
                body => body,
            };
            let name = self.names.get(&(arena, id)).cloned();
            entries.push((name.unwrap_or_default(), body));
        }
        entries
    }

    /// A name that no other component has.
    fn name(&mut self, schema: &Schema) -> String {
        let said = name_of(schema);
        let said = said.unwrap_or_else(|| last_name(&schema.pointer));
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let base: String = said.chars().take(NAME_MAX).collect();
        let base = base.replace(|c| !fits(c), "_");
        let base = if base.is_empty() {
            "schema".to_owned()
        } else {
            base
        };
        let mut name = base.clone();
        while !self.taken.insert(name.clone()) {
            let number = self.next.entry(base.clone()).or_insert(2);
            name = format!("{base}{number}");
            *number += 1;
        }
        name
    }
}

/// The name that a schema was given.
fn name_of(schema: &Schema) -> Option<&str> {
    let name = schema.name.as_deref();
    name.filter(|name| !KEYWORDS.contains(name))
}

/// The last step of a pointer that is a name of the author's.
fn last_name(pointer: &str) -> &str {
    let (_, pointer) = pointer.split_once('#').unwrap_or(("", pointer));
    let is_name = |step: &&str| {
        !step.is_empty() && !KEYWORDS.contains(step) && step.chars().any(|c| !c.is_ascii_digit())
    };
    pointer.rsplit('/').find(is_name).unwrap_or("schema")
}

/// The schemas that one names by reference, and which so need a place of their own.
fn named(schema: &Schema) -> Vec<SchemaId> {
    let mut ids: Vec<SchemaId> = schema.reference.into_iter().collect();
    if let Some(discriminator) = &schema.discriminator {
        ids.extend(discriminator.mapping.values());
        ids.extend(discriminator.fallback);
    }
    ids
}

/// The schemas that one holds.
fn inside(schema: &Schema) -> Vec<SchemaId> {
    let (array, object) = (&schema.array, &schema.object);
    let lists = [
        &schema.all_of,
        &schema.any_of,
        &schema.one_of,
        &array.prefix_items,
    ];
    let mut ids: Vec<SchemaId> = lists.into_iter().flatten().copied().collect();
    ids.extend(
        [schema.not, schema.string.content_schema]
            .into_iter()
            .flatten(),
    );
    ids.extend(
        [array.items, array.unevaluated, array.contains]
            .into_iter()
            .flatten(),
    );
    ids.extend(
        [object.additional, object.unevaluated, object.property_names]
            .into_iter()
            .flatten(),
    );
    ids.extend(object.properties.values().map(|property| property.schema));
    ids.extend(object.pattern_properties.values());
    ids.extend(object.dependent_schemas.values());
    if let Some(condition) = schema.condition {
        ids.push(condition.test);
        ids.extend(condition.then);
        ids.extend(condition.otherwise);
    }
    ids
}
