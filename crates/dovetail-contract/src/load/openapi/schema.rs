//! Schemas: each place that holds one is read once, whoever refers to it, so cycles are data and recursion has no depth.
//!
//! A schema is given its id when it is first met and read later, from a queue. What its keywords say is read in [`super::keywords`].

use std::collections::{HashMap, VecDeque};

use super::Reader;
use super::at::{At, place};
use super::reference::Kind;
use super::{cycle, warning};
use crate::codes;
use crate::finding::{Finding, Severity};
use crate::json_pointer::unescape;
use crate::load::tree::NodeValue;
use crate::schema::{Schema, SchemaId, Schemas, Type, Types};
use crate::source::{FileId, Span};

/// Most bytes of all pointers together. The largest documents have a tenth of it.
const POINTER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The schemas that were met so far.
#[derive(Debug, Default)]
pub(super) struct SchemaReader<'d> {
    arena: Schemas,
    /// The schemas by the place of their nodes in memory.
    known: HashMap<usize, SchemaId>,
    queue: VecDeque<(SchemaId, At<'d>)>,
    /// Length of all pointers together.
    pointer_bytes: usize,
    /// Stands for every schema beyond the limit.
    full: Option<SchemaId>,
}

impl<'d> Reader<'d, '_> {
    /// The schema that stands here.
    pub(super) fn schema(&mut self, at: &At<'d>) -> SchemaId {
        if let Some(full) = self.schemas.full {
            return full;
        }
        if let Some(known) = self.schemas.known.get(&place(at.node)) {
            return *known;
        }
        let pointer = at.pointer();
        if let Some(full) = self.is_full(at, pointer.len()) {
            return full;
        }
        let id = self.reserve(at.declared(), at.file, &pointer);
        let name = self.schema_name(at.file, &pointer);
        self.schemas.known.insert(place(at.node), id);
        self.schemas.arena.schema_mut(id).name = name;
        match &at.node.value {
            NodeValue::Mapping(_) | NodeValue::Bool(_) => {
                self.schemas.queue.push_back((id, at.clone()));
            }
            NodeValue::Null => {
                let message = format!("the schema `{}` says nothing", at.name());
                self.files.push(
                    warning(&codes::WRONG_TYPE, at.place(), message)
                        .expected("a schema; `{}` accepts everything"),
                );
            }
            NodeValue::Sequence(_) if at.has_key() => {
                let name = at.name();
                let message = format!("`{name}` is a list");
                let mut finding = Finding::new(&codes::WRONG_TYPE, at.place(), message);
                if matches!(
                    name.as_str(),
                    "required" | "oneOf" | "anyOf" | "allOf" | "enum"
                ) {
                    finding = finding.help(format!("is `{name}` indented too far?"));
                }
                self.files.push(finding.expected("a schema"));
            }
            _ => self.wrong_type(at, "a schema", Severity::Error),
        }
        id
    }

    /// The schema that a key holds, if the key is there.
    pub(super) fn schema_at(&mut self, at: &At<'d>, key: &str) -> Option<SchemaId> {
        at.get(key).map(|schema| self.schema(&schema))
    }

    /// A schema for what a document leaves unsaid: it accepts values of these types.
    pub(super) fn unsaid_schema(
        &mut self,
        span: Span,
        at: &At<'d>,
        key: &str,
        types: Types,
    ) -> SchemaId {
        if let Some(full) = self.schemas.full {
            return full;
        }
        let pointer = format!("{}/{key}", at.pointer());
        if let Some(full) = self.is_full(at, pointer.len()) {
            return full;
        }
        let id = self.reserve(span, at.file, &pointer);
        self.schemas.arena.schema_mut(id).types = types;
        id
    }

    /// A schema that stands at the same place as another and holds a part of what is said there.
    pub(super) fn part_of(&mut self, whole: SchemaId, part: &str, fill: Schema) -> SchemaId {
        let schema = self.schemas.arena.schema(whole);
        let (span, pointer) = (schema.span, format!("{}/{part}", schema.pointer));
        let id = self.schemas.arena.reserve(span, pointer.clone());
        *self.schemas.arena.schema_mut(id) = Schema {
            span,
            pointer,
            name: None,
            ..fill
        };
        id
    }

    /// A place in the arena for what stands here and is read by another reader than that of JSON Schema.
    pub(super) fn schema_here(&mut self, at: &At<'d>) -> SchemaId {
        let pointer = at.pointer();
        self.schema_at_pointer(at, &pointer)
    }

    /// The same for a part of what stands here.
    pub(super) fn part_at(&mut self, at: &At<'d>, part: &str, schema: Schema) -> SchemaId {
        let pointer = format!("{}/{part}", at.pointer());
        let id = self.schema_at_pointer(at, &pointer);
        self.fill(id, schema);
        id
    }

    fn schema_at_pointer(&mut self, at: &At<'d>, pointer: &str) -> SchemaId {
        if let Some(full) = self.schemas.full {
            return full;
        }
        match self.is_full(at, pointer.len()) {
            Some(full) => full,
            None => self.reserve(at.declared(), at.file, pointer),
        }
    }

    /// Keeps what a schema says. Its place stays as it is.
    pub(super) fn fill(&mut self, id: SchemaId, schema: Schema) {
        if self.schemas.full == Some(id) {
            return;
        }
        let known = self.schemas.arena.schema_mut(id);
        let (span, pointer) = (known.span, std::mem::take(&mut known.pointer));
        *known = Schema {
            span,
            pointer,
            ..schema
        };
    }

    /// What is known of a schema so far.
    pub(super) fn schema_of(&self, id: SchemaId) -> &Schema {
        self.schemas.arena.schema(id)
    }

    /// Reads every schema that was met and those that they name, and gives them all away.
    pub(super) fn finish_schemas(&mut self) -> Schemas {
        while let Some((id, at)) = self.schemas.queue.pop_front() {
            let known = self.schemas.arena.schema(id);
            let mut schema = Schema::any(known.span, known.pointer.clone());
            schema.name.clone_from(&known.name);
            match at.node.as_bool() {
                Some(accepts) => schema.never = !accepts,
                None => self.read_schema(id, &at, &mut schema),
            }
            *self.schemas.arena.schema_mut(id) = schema;
        }
        let mut schemas = std::mem::take(&mut self.schemas.arena);
        for finding in cycle::break_cycles(&mut schemas) {
            self.files.push(finding);
        }
        schemas
    }

    /// What stands for a schema that goes beyond the limit on pointers, which a document with long keys could make far larger than itself.
    fn is_full(&mut self, at: &At<'d>, length: usize) -> Option<SchemaId> {
        self.schemas.pointer_bytes = self.schemas.pointer_bytes.saturating_add(length);
        if self.schemas.pointer_bytes <= POINTER_BYTES_MAX {
            return None;
        }
        if self.schemas.full.is_none() {
            let message = "the keys of the document are too long for all of its schemas";
            let finding = Finding::new(&codes::TOO_LARGE, at.declared(), message);
            self.files.push(finding);
            self.schemas.full = Some(self.reserve(at.declared(), at.file, ""));
        }
        self.schemas.full
    }

    fn read_schema(&mut self, id: SchemaId, at: &At<'d>, schema: &mut Schema) {
        if let Some(reference) = at.get("$ref") {
            schema.reference = self.referred(&reference);
            if !self.siblings_count {
                // OpenAPI 3.0 lets nothing stand beside `$ref`. What only describes, and `nullable`, can mean but one thing.
                self.schema_notes(at, schema);
                self.nullable(id, at, schema);
                return;
            }
        } else if let Some(reference) = at.get("$dynamicRef").or_else(|| at.get("$recursiveRef")) {
            // Which anchor is meant depends on who refers here; the one in this document is what almost always is.
            let text = reference.node.as_str().unwrap_or_default();
            match self.locate_quietly(at, text) {
                Some(target) => schema.reference = Some(self.schema(&target)),
                None => {
                    let message = format!("`{text}` leads nowhere; every value is accepted");
                    self.warn(&codes::DANGLING_REFERENCE, reference.place(), message);
                }
            }
        }
        self.schema_notes(at, schema);
        self.keywords(at, schema);
        self.nullable(id, at, schema);
    }

    fn referred(&mut self, reference: &At<'d>) -> Option<SchemaId> {
        let Some(text) = reference.node.as_str() else {
            self.wrong_type(reference, "a reference as text", Severity::Error);
            return None;
        };
        let target = self.resolve(reference, text, reference.node.span, Kind::Schema)?;
        Some(self.schema(&target))
    }

    fn reserve(&mut self, span: Span, file: FileId, pointer: &str) -> SchemaId {
        let path = &self.files.sources().file(file).path;
        let pointer = format!("{path}#{pointer}");
        self.schemas.arena.reserve(span, pointer)
    }

    /// The name that a schema has where it stands, if it has one.
    fn schema_name(&self, file: FileId, pointer: &str) -> Option<String> {
        let tokens: Vec<&str> = pointer.split('/').skip(1).collect();
        let is_own_file = file == self.root;
        let name = match tokens.as_slice() {
            [] if !is_own_file => return file_stem(&self.files.sources().file(file).path),
            ["components", "schemas", name] => name,
            // A file that only collects definitions.
            [name] | ["schemas" | "types", name] if !is_own_file => name,
            [before @ .., "$defs" | "definitions", name]
                if !matches!(before.last(), Some(&("properties" | "patternProperties"))) =>
            {
                name
            }
            _ => return None,
        };
        Some(unescape(name).into_owned())
    }
}

/// The name of a file without its folder and everything after the first dot.
fn file_stem(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let stem = name.split('.').next()?;
    (!stem.is_empty()).then(|| stem.to_owned())
}

/// The set of one type, for schemas that stand for something unsaid.
pub(super) fn string_type() -> Types {
    Types::only(Type::String)
}
