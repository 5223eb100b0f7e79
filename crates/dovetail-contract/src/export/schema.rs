//! One schema as AsyncAPI has it: JSON Schema draft-07, with what later drafts added where draft-07 has no word for it.
//!
//! Tuples are `items` and `additionalItems`, and what depends on a property is in `dependencies`. `unevaluatedProperties` and the like, which draft-07
//! does not know, are written all the same: readers that know them keep the whole meaning, and all others accept more.

use std::collections::HashSet;

use serde_json::Value;

use super::components::Components;
use super::text::Item;
use crate::contract::ExternalDocs;
use crate::schema::{Discriminator, Number, Schema, SchemaId, Type};

/// Keys of a mapping, as they are put together.
pub(super) type Entries = Vec<(String, Item)>;

impl Components<'_> {
    /// What a schema says itself.
    pub(super) fn body(&mut self, arena: usize, id: SchemaId, depth: usize) -> Item {
        let schemas = self.schemas(arena);
        let schema = schemas.schema(id);
        if schema.never {
            return Item::Bool(false);
        }
        let mut writer = Writer {
            components: self,
            arena,
            depth: depth + 1,
        };
        let mut out = Entries::new();
        writer.reference(&mut out, schema);
        notes_before(&mut out, schema);
        values(&mut out, schema);
        numbers(&mut out, schema);
        writer.strings(&mut out, schema);
        writer.arrays(&mut out, schema);
        writer.objects(&mut out, schema);
        writer.combinations(&mut out, schema);
        notes_after(&mut out, schema);
        Item::Map(out)
    }
}

/// Writes the schemas that one schema names.
struct Writer<'w, 'a> {
    components: &'w mut Components<'a>,
    arena: usize,
    depth: usize,
}

impl Writer<'_, '_> {
    fn part(&mut self, id: SchemaId) -> Item {
        self.components.part(self.arena, id, self.depth)
    }

    fn parts(&mut self, ids: &[SchemaId]) -> Item {
        Item::List(ids.iter().map(|id| self.part(*id)).collect())
    }

    fn put(&mut self, out: &mut Entries, key: &str, id: Option<SchemaId>) {
        if let Some(id) = id {
            let part = self.part(id);
            out.push((key.to_owned(), part));
        }
    }

    fn put_all(&mut self, out: &mut Entries, key: &str, ids: &[SchemaId]) {
        if !ids.is_empty() {
            let parts = self.parts(ids);
            out.push((key.to_owned(), parts));
        }
    }

    fn named<'i>(&mut self, ids: impl IntoIterator<Item = (&'i String, SchemaId)>) -> Entries {
        let ids = ids.into_iter();
        ids.map(|(name, id)| (name.clone(), self.part(id)))
            .collect()
    }

    /// `$ref`, where nothing that limits values stands beside it: draft-07 would not look at that.
    fn reference(&mut self, out: &mut Entries, schema: &Schema) {
        if let Some(target) = schema.reference.filter(|_| schema.is_only_reference()) {
            let pointer = self.components.pointer(self.arena, target);
            put_text(out, "$ref", Some(&pointer));
        }
    }

    fn strings(&mut self, out: &mut Entries, schema: &Schema) {
        let rules = &schema.string;
        put_count(out, "minLength", rules.min_length);
        put_count(out, "maxLength", rules.max_length);
        put_text(out, "pattern", rules.pattern.as_deref());
        put_text(out, "contentEncoding", rules.content_encoding.as_deref());
        put_text(out, "contentMediaType", rules.content_media_type.as_deref());
        self.put(out, "contentSchema", rules.content_schema);
    }

    fn arrays(&mut self, out: &mut Entries, schema: &Schema) {
        let rules = &schema.array;
        if rules.prefix_items.is_empty() {
            self.put(out, "items", rules.items);
        } else {
            self.put_all(out, "items", &rules.prefix_items);
            self.put(out, "additionalItems", rules.items);
        }
        self.put(out, "unevaluatedItems", rules.unevaluated);
        self.put(out, "contains", rules.contains);
        put_count(out, "minContains", rules.min_contains);
        put_count(out, "maxContains", rules.max_contains);
        put_count(out, "minItems", rules.min_items);
        put_count(out, "maxItems", rules.max_items);
        put_true(out, "uniqueItems", rules.unique_items);
    }

    fn objects(&mut self, out: &mut Entries, schema: &Schema) {
        let rules = &schema.object;
        if !rules.required.is_empty() {
            out.push(("required".to_owned(), texts(&rules.required)));
        }
        let properties = rules.properties.iter();
        let properties = properties.map(|(name, property)| (name, property.schema));
        let properties = self.named(properties);
        put_map(out, "properties", properties);
        self.put(out, "additionalProperties", rules.additional);
        self.put(out, "unevaluatedProperties", rules.unevaluated);
        let patterns = rules.pattern_properties.iter().map(|(key, id)| (key, *id));
        let patterns = self.named(patterns);
        put_map(out, "patternProperties", patterns);
        self.put(out, "propertyNames", rules.property_names);
        put_count(out, "minProperties", rules.min_properties);
        put_count(out, "maxProperties", rules.max_properties);
        let mut dependencies: Entries = rules
            .dependent_required
            .iter()
            .map(|(name, names)| (name.clone(), texts(names)))
            .collect();
        // One key can only have one of both; the other keeps its later name.
        let (beside, alone): (Vec<_>, Vec<_>) = rules
            .dependent_schemas
            .iter()
            .map(|(name, id)| (name, *id))
            .partition(|(name, _)| rules.dependent_required.contains_key(*name));
        dependencies.extend(self.named(alone));
        put_map(out, "dependencies", dependencies);
        let beside = self.named(beside);
        put_map(out, "dependentSchemas", beside);
    }

    fn combinations(&mut self, out: &mut Entries, schema: &Schema) {
        let reference = schema.reference.filter(|_| !schema.is_only_reference());
        let mut all_of: Vec<Item> = Vec::new();
        if let Some(target) = reference {
            let pointer = self.components.pointer(self.arena, target);
            all_of.push(Item::reference(&pointer));
        }
        all_of.extend(schema.all_of.iter().map(|id| self.part(*id)));
        if !all_of.is_empty() {
            out.push(("allOf".to_owned(), Item::List(all_of)));
        }
        self.put_all(out, "anyOf", &schema.any_of);
        self.put_all(out, "oneOf", &schema.one_of);
        self.put(out, "not", schema.not);
        if let Some(condition) = schema.condition {
            self.put(out, "if", Some(condition.test));
            self.put(out, "then", condition.then);
            self.put(out, "else", condition.otherwise);
        }
        if let Some(discriminator) = &schema.discriminator {
            self.discriminator(out, schema, discriminator);
        }
    }

    /// AsyncAPI has the name of the property only; the branches of tags that do not go by the names of components stand beside it.
    fn discriminator(&mut self, out: &mut Entries, schema: &Schema, said: &Discriminator) {
        put_text(out, "discriminator", Some(&said.property));
        let mut mapping: Entries = Vec::new();
        for (tag, id) in &said.mapping {
            let pointer = self.components.pointer(self.arena, *id);
            mapping.push((tag.clone(), Item::text(pointer)));
        }
        let schemas = self.components.schemas(self.arena);
        let said_ids = said.mapping.values().map(|id| schemas.resolve(*id));
        let mut met: HashSet<SchemaId> = said_ids.collect();
        let mut tags: HashSet<&str> = said.mapping.keys().map(String::as_str).collect();
        for branch in schema.one_of.iter().chain(&schema.any_of) {
            let branch = schemas.resolve(*branch);
            let Some(name) = schemas.schema(branch).name.as_deref() else {
                continue;
            };
            let pointer = self.components.pointer(self.arena, branch);
            let is_same = pointer.ends_with(&format!("/{name}"));
            if met.insert(branch) && tags.insert(name) && !is_same {
                mapping.push((name.to_owned(), Item::text(pointer)));
            }
        }
        put_map(out, "x-dovetail-mapping", mapping);
        if let Some(fallback) = said.fallback {
            let pointer = self.components.pointer(self.arena, fallback);
            put_text(out, "x-dovetail-default-mapping", Some(&pointer));
        }
    }
}

fn notes_before(out: &mut Entries, schema: &Schema) {
    put_text(out, "title", schema.notes.title.as_deref());
    put_text(out, "description", schema.notes.description.as_deref());
}

fn notes_after(out: &mut Entries, schema: &Schema) {
    let notes = &schema.notes;
    put_value(out, "default", notes.default.as_ref());
    if !notes.examples.is_empty() {
        let examples = notes.examples.iter().map(Item::from).collect();
        out.push(("examples".to_owned(), Item::List(examples)));
    }
    put_true(out, "deprecated", notes.deprecated);
    put_true(out, "readOnly", notes.read_only);
    put_true(out, "writeOnly", notes.write_only);
    if let Some(docs) = &notes.external_docs {
        out.push(("externalDocs".to_owned(), external_docs(docs)));
    }
}

fn external_docs(docs: &ExternalDocs) -> Item {
    let mut out = Entries::new();
    put_text(&mut out, "description", docs.description.as_deref());
    put_text(&mut out, "url", Some(&docs.url));
    Item::Map(out)
}

fn values(out: &mut Entries, schema: &Schema) {
    let types: Vec<&str> = schema.types.iter().map(Type::as_str).collect();
    match types.as_slice() {
        [] => {}
        [one] => put_text(out, "type", Some(*one)),
        many => {
            let many = many.iter().map(|name| Item::text(*name)).collect();
            out.push(("type".to_owned(), Item::List(many)));
        }
    }
    put_text(out, "format", schema.format.as_deref());
    if let Some(values) = &schema.enumeration {
        let values = values.iter().map(Item::from).collect();
        out.push(("enum".to_owned(), Item::List(values)));
    }
    for (key, names) in [
        ("x-enum-varnames", &schema.enumeration_names),
        ("x-enum-descriptions", &schema.enumeration_descriptions),
    ] {
        if !names.is_empty() {
            out.push((key.to_owned(), texts(names)));
        }
    }
    put_value(out, "const", schema.constant.as_ref());
}

fn numbers(out: &mut Entries, schema: &Schema) {
    let rules = &schema.number;
    for (key, number) in [
        ("minimum", &rules.minimum),
        ("maximum", &rules.maximum),
        ("exclusiveMinimum", &rules.exclusive_minimum),
        ("exclusiveMaximum", &rules.exclusive_maximum),
        ("multipleOf", &rules.multiple_of),
    ] {
        let number = number.as_ref().map(Number::as_str);
        out.extend(number.map(|number| (key.to_owned(), Item::Number(number.to_owned()))));
    }
}

fn texts(texts: &[String]) -> Item {
    Item::List(texts.iter().map(Item::text).collect())
}

pub(super) fn put_text(out: &mut Entries, key: &str, text: Option<&str>) {
    out.extend(text.map(|text| (key.to_owned(), Item::text(text))));
}

pub(super) fn put_count(out: &mut Entries, key: &str, count: Option<u64>) {
    out.extend(count.map(|count| (key.to_owned(), Item::Number(count.to_string()))));
}

pub(super) fn put_map(out: &mut Entries, key: &str, map: Entries) {
    if !map.is_empty() {
        out.push((key.to_owned(), Item::Map(map)));
    }
}

pub(super) fn put_true(out: &mut Entries, key: &str, is_true: bool) {
    if is_true {
        out.push((key.to_owned(), Item::Bool(true)));
    }
}

fn put_value(out: &mut Entries, key: &str, value: Option<&Value>) {
    out.extend(value.map(|value| (key.to_owned(), value.into())));
}
