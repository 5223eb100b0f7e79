//! Avro schemas (1.12, as JSON) as schemas of the model.
//!
//! Messages are written as JSON whatever describes them, so what is read here is what a value looks like in plain JSON: no tags around the branches
//! of unions, bytes in base64, dates and times as text of RFC 3339, decimals as text. That is not Avro's own JSON encoding.
//!
//! - A union with `null` accepts `null`. A field without a default is required.
//! - Named types are schemas of their own, which names lead to; recursion is ordinary.
//! - Aliases and the order of sorting say nothing of values in JSON.

mod defaults;
mod fields;
mod logical;
mod names;

use std::collections::HashMap;

use super::Reader;
use super::at::{At, place};
use super::warning;
use crate::codes;
use crate::finding::Finding;
use crate::load::lower;
use crate::load::tree::NodeValue;
use crate::schema::{Schema, SchemaId, Type, Types};
use crate::source::Span;

pub(super) use names::Names;

/// The types that have no names of their own.
const PRIMITIVES: [&str; 8] = [
    "null", "boolean", "int", "long", "float", "double", "bytes", "string",
];

/// The schemas that were read, by the places of their nodes in memory, with the names that each declares.
pub(super) type Known = HashMap<usize, (SchemaId, Names)>;

impl<'d> Reader<'d, '_> {
    /// The schema that an Avro schema is, with all that it declares. It is read once.
    pub(super) fn avro(&mut self, at: &At<'d>) -> SchemaId {
        let key = place(at.node);
        if let Some((known, _)) = self.avro.get(&key) {
            return *known;
        }
        let mut names = Names::default();
        let id = self.avro_type(at, "", &mut names);
        self.avro.insert(key, (id, names));
        id
    }

    /// The schema of a type that an Avro schema declares, by its full name, or by its last part where that is one type only.
    pub(super) fn avro_named(&mut self, at: &At<'d>, name: &str) -> Result<SchemaId, Box<Finding>> {
        let whole = self.avro(at);
        let names = self.avro.get(&place(at.node)).map(|(_, names)| names);
        if let Some(id) = names.and_then(|names| names.by_any_name(name)) {
            return Ok(id);
        }
        let span = self.schema_of(whole).span;
        let known = names.map(Names::full_names).unwrap_or_default();
        let text = format!("the schema declares no type `{}`", lower::shorten(name));
        let finding = Finding::new(&codes::DANGLING_REFERENCE, span, text)
            .expected("the name of a record, an enum or a fixed of the file");
        Err(Box::new(lower::suggest(self.files, finding, name, known)))
    }

    /// One type, wherever it stands.
    fn avro_type(&mut self, at: &At<'d>, namespace: &str, names: &mut Names) -> SchemaId {
        match &at.node.value {
            NodeValue::String(name) => self.avro_reference(at, name, namespace, names),
            NodeValue::Sequence(_) => self.avro_union(at, namespace, names),
            NodeValue::Mapping(_) => self.avro_object(at, namespace, names),
            _ => {
                self.wrong_type(
                    at,
                    "an Avro schema: a name, a list or a mapping",
                    crate::finding::Severity::Error,
                );
                self.avro_any(at)
            }
        }
    }

    /// What a name stands for.
    fn avro_reference(
        &mut self,
        at: &At<'d>,
        name: &str,
        namespace: &str,
        names: &mut Names,
    ) -> SchemaId {
        if PRIMITIVES.contains(&name) {
            let schema = primitive(at.declared(), name);
            return self.avro_schema(at, schema);
        }
        if let Some(id) = names.find(name, namespace) {
            return id;
        }
        let text = format!(
            "there is no type `{}` before this place",
            lower::shorten(name)
        );
        let finding = Finding::new(&codes::DANGLING_REFERENCE, at.place(), text)
            .expected("a type that is declared further up in the file");
        let known = PRIMITIVES.into_iter().map(str::to_owned);
        let known: Vec<String> = known.chain(names.full_names_owned()).collect();
        let known = known.iter().map(String::as_str);
        let finding = lower::suggest(self.files, finding, name, known);
        self.files.push(finding);
        self.avro_any(at)
    }

    fn avro_object(&mut self, at: &At<'d>, namespace: &str, names: &mut Names) -> SchemaId {
        let Some(kind) = at.get("type") else {
            let text = "the Avro schema does not say its `type`";
            let finding = Finding::new(&codes::MISSING_KEY, at.place(), text);
            self.files
                .push(finding.expected("`\"type\": \"record\"`, or another type"));
            return self.avro_any(at);
        };
        let Some(name) = kind.node.as_str() else {
            // A schema may stand where the name of a type does.
            return self.avro_type(&kind, namespace, names);
        };
        match name {
            "record" | "error" => self.avro_record(at, namespace, names),
            "enum" => self.avro_enum(at, namespace, names),
            "fixed" => self.avro_fixed(at, namespace, names),
            "array" => {
                let mut schema = typed(at.declared(), Type::Array);
                schema.array.items = self.avro_inside(at, "items", namespace, names);
                self.avro_schema(at, schema)
            }
            "map" => {
                let mut schema = typed(at.declared(), Type::Object);
                schema.object.additional = self.avro_inside(at, "values", namespace, names);
                self.avro_schema(at, schema)
            }
            name if PRIMITIVES.contains(&name) => {
                let mut schema = primitive(at.declared(), name);
                self.logical(at, name, &mut schema);
                self.avro_schema(at, schema)
            }
            name => self.avro_reference(&kind, name, namespace, names),
        }
    }

    /// What an array or a map holds.
    fn avro_inside(
        &mut self,
        at: &At<'d>,
        key: &str,
        namespace: &str,
        names: &mut Names,
    ) -> Option<SchemaId> {
        let Some(inside) = at.get(key) else {
            let text = format!("the Avro schema does not say `{key}`");
            let finding = Finding::new(&codes::MISSING_KEY, at.place(), text);
            self.files.push(finding.expected("an Avro schema"));
            return None;
        };
        Some(self.avro_type(&inside, namespace, names))
    }

    /// A union: its branches stand as they are, since JSON tells most of them apart.
    fn avro_union(&mut self, at: &At<'d>, namespace: &str, names: &mut Names) -> SchemaId {
        let elements = at.node.elements().unwrap_or_default();
        let mut branches: Vec<(At<'d>, SchemaId)> = Vec::new();
        let mut has_null = false;
        for (index, node) in elements.iter().enumerate() {
            let branch = at.element(index, node);
            if branch.node.elements().is_some() {
                let text = "a union stands directly in a union";
                let finding = Finding::new(&codes::INVALID_VALUE, branch.place(), text);
                self.files
                    .push(finding.expected("the branches of both in one list"));
                continue;
            }
            let id = self.avro_type(&branch, namespace, names);
            let is_null = self.schema_of(id).types == Types::only(Type::Null);
            match is_null {
                true => has_null = true,
                false => branches.push((branch, id)),
            }
        }
        self.say_alike(&branches);
        let ids: Vec<SchemaId> = branches.into_iter().map(|(_, id)| id).collect();
        let mut whole = Schema::any(at.declared(), String::new());
        match ids.as_slice() {
            [] if has_null => whole.types = Types::only(Type::Null),
            [] => whole.never = true,
            [only] if has_null && !names.declares(*only) => {
                // A type that stands here alone takes `null` itself.
                let mut schema = self.schema_of(*only).clone();
                schema.types = schema.types.with(Type::Null);
                whole = schema;
            }
            _ => {
                whole.any_of = ids;
                if has_null {
                    let null = self.part_at(at, "~null", typed(at.declared(), Type::Null));
                    whole.any_of.push(null);
                }
            }
        }
        self.avro_schema(at, whole)
    }

    /// Says which branches of a union nobody could tell apart in JSON.
    fn say_alike(&mut self, branches: &[(At<'d>, SchemaId)]) {
        let mut first: HashMap<&'static str, &At<'d>> = HashMap::new();
        for (branch, id) in branches {
            let Some(look) = look(self.schema_of(*id)) else {
                continue;
            };
            let Some(other) = first.get(look) else {
                first.insert(look, branch);
                continue;
            };
            let text = format!("two branches of the union are {look} in JSON");
            self.files.push(
                warning(&codes::WRITTEN_AS_JSON, branch.place(), text)
                    .related(other.place(), "the other one")
                    .expected("branches that differ in JSON, where no tag tells them apart")
                    .help("make each branch a record with a member of its own"),
            );
        }
    }

    /// Keeps a schema at its place.
    fn avro_schema(&mut self, at: &At<'d>, schema: Schema) -> SchemaId {
        let id = self.schema_here(at);
        self.fill(id, schema);
        id
    }

    /// What stands for a type that could not be read.
    fn avro_any(&mut self, at: &At<'d>) -> SchemaId {
        self.avro_schema(at, Schema::any(at.declared(), String::new()))
    }
}

/// A schema of one type.
fn typed(span: Span, kind: Type) -> Schema {
    let mut schema = Schema::any(span, String::new());
    schema.types = Types::only(kind);
    schema
}

/// Text that stands for bytes.
fn base64(span: Span) -> Schema {
    let mut schema = typed(span, Type::String);
    schema.format = Some("byte".to_owned());
    schema.string.content_encoding = Some("base64".to_owned());
    schema
}

fn primitive(span: Span, name: &str) -> Schema {
    let (kind, format) = match name {
        "null" => (Type::Null, None),
        "boolean" => (Type::Boolean, None),
        "int" => (Type::Integer, Some("int32")),
        "long" => (Type::Integer, Some("int64")),
        "float" => (Type::Number, Some("float")),
        "double" => (Type::Number, Some("double")),
        "bytes" => return base64(span),
        _ => (Type::String, None),
    };
    let mut schema = typed(span, kind);
    schema.format = format.map(str::to_owned);
    schema
}

/// What values of a schema are in JSON, if two branches of a union that are the same could be confused. Objects are told apart by their members.
fn look(schema: &Schema) -> Option<&'static str> {
    let names = |kind| schema.types.names(kind);
    if names(Type::String) || schema.enumeration.is_some() {
        return Some("text");
    }
    if names(Type::Integer) || names(Type::Number) {
        return Some("a number");
    }
    names(Type::Array).then_some("a list")
}

#[cfg(test)]
mod tests;
