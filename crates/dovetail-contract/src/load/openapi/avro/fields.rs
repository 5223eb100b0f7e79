//! Records, enums and fixed: the types that have names.

use std::collections::HashMap;

use super::super::Reader;
use super::super::at::At;
use super::names::{Names, is_name};
use super::{base64, typed};
use crate::codes;
use crate::finding::{Finding, Severity};
use crate::load::lower;
use crate::schema::{Property, Schema, SchemaId, Type};
use crate::source::Span;

/// Largest fixed. Its text is a third longer.
const FIXED_BYTES_MAX: u64 = 1_000_000_000;

impl<'d> Reader<'d, '_> {
    /// A record: an object with its fields in their order.
    pub(super) fn avro_record(
        &mut self,
        at: &At<'d>,
        namespace: &str,
        names: &mut Names,
    ) -> SchemaId {
        let id = self.schema_here(at);
        let declared = self.declare(at, id, namespace, names);
        let mut schema = typed(at.declared(), Type::Object);
        schema.name = Some(declared.name.clone());
        schema.notes.description = self.text(at, "doc");
        // Whoever refers to it meanwhile finds its name.
        self.fill(id, schema.clone());
        if at.get("fields").is_none() {
            let text = "the record does not say its `fields`";
            let finding = Finding::new(&codes::MISSING_KEY, at.place(), text);
            self.files
                .push(finding.expected("a list of fields, which may be empty"));
        }
        let mut first: HashMap<String, Span> = HashMap::new();
        for field in self.list(at, "fields") {
            let Some((name, span)) = self.avro_name(&field, "a field") else {
                continue;
            };
            if let Some(first) = first.get(&name) {
                self.files.push(
                    Finding::new(
                        &codes::DUPLICATE_KEY,
                        span,
                        format!("the field `{name}` stands twice in one record"),
                    )
                    .related(*first, "the first one")
                    .expected("each field once"),
                );
                continue;
            }
            first.insert(name.clone(), span);
            let Some((field, is_required)) = self.avro_field(&field, &declared.namespace, names)
            else {
                continue;
            };
            if is_required {
                schema.object.required.push(name.clone());
            }
            let property = Property {
                span,
                schema: field,
            };
            schema.object.properties.insert(name, property);
        }
        self.fill(id, schema);
        id
    }

    /// The schema of a field, and whether each record has it.
    fn avro_field(
        &mut self,
        field: &At<'d>,
        namespace: &str,
        names: &mut Names,
    ) -> Option<(SchemaId, bool)> {
        let Some(kind) = field.get("type") else {
            let text = "the field does not say its `type`";
            let finding = Finding::new(&codes::MISSING_KEY, field.place(), text);
            self.files.push(finding.expected("an Avro schema"));
            return None;
        };
        let id = self.avro_type(&kind, namespace, names);
        let default = field.value("default");
        let value = default.and_then(|node| self.avro_default(field, node, &kind, id));
        let description = self.text(field, "doc");
        if value.is_none() && description.is_none() {
            return Some((id, default.is_none()));
        }
        // What is said of the field is not said of a type that others share.
        if names.declares(id) {
            let mut whole = Schema::any(field.declared(), String::new());
            whole.reference = Some(id);
            whole.notes.default = value;
            whole.notes.description = description;
            let whole_id = self.schema_here(field);
            self.fill(whole_id, whole);
            return Some((whole_id, default.is_none()));
        }
        let mut schema = self.schema_of(id).clone();
        schema.notes.default = value;
        schema.notes.description = description.or(schema.notes.description);
        self.fill(id, schema);
        Some((id, default.is_none()))
    }

    /// An enum: text that is one of its symbols.
    pub(super) fn avro_enum(
        &mut self,
        at: &At<'d>,
        namespace: &str,
        names: &mut Names,
    ) -> SchemaId {
        let id = self.schema_here(at);
        let declared = self.declare(at, id, namespace, names);
        let mut schema = typed(at.declared(), Type::String);
        schema.name = Some(declared.name);
        schema.notes.description = self.text(at, "doc");
        if at.get("symbols").is_none() {
            let text = "the enum does not say its `symbols`";
            let finding = Finding::new(&codes::MISSING_KEY, at.place(), text);
            self.files.push(finding.expected("a list of names"));
        }
        let mut symbols: indexmap::IndexSet<String> = indexmap::IndexSet::new();
        for symbol in self.list(at, "symbols") {
            let text = symbol.node.as_str().unwrap_or_default();
            if !is_name(text) {
                self.not_a_name(symbol.place(), text, "a symbol");
            } else if !symbols.insert(text.to_owned()) {
                let text = format!("the symbol `{text}` stands twice in one enum");
                let finding = Finding::new(&codes::DUPLICATE_KEY, symbol.place(), text);
                self.files.push(finding.expected("each symbol once"));
            }
        }
        if let Some(default) = at.get("default") {
            let said = default.node.as_str().unwrap_or_default();
            if !symbols.contains(said) {
                let text = format!(
                    "the default `{}` is no symbol of the enum",
                    lower::shorten(said)
                );
                let finding = Finding::new(&codes::INVALID_VALUE, default.place(), text);
                let known = symbols.iter().map(String::as_str);
                let finding = lower::suggest(self.files, finding, said, known);
                self.files.push(finding.expected("one of its symbols"));
            }
        }
        schema.enumeration = Some(symbols.into_iter().map(Into::into).collect());
        self.fill(id, schema);
        id
    }

    /// A fixed: so many bytes, as base64.
    pub(super) fn avro_fixed(
        &mut self,
        at: &At<'d>,
        namespace: &str,
        names: &mut Names,
    ) -> SchemaId {
        let id = self.schema_here(at);
        let declared = self.declare(at, id, namespace, names);
        let mut schema = base64(at.declared());
        let size = self
            .count(at, "size")
            .filter(|size| *size <= FIXED_BYTES_MAX);
        match size {
            Some(size) => {
                let length = size.div_ceil(3) * 4;
                schema.string.min_length = Some(length);
                schema.string.max_length = Some(length);
            }
            None => {
                let text = "the fixed does not say how many bytes it has";
                let finding = Finding::new(&codes::MISSING_KEY, at.place(), text);
                self.files
                    .push(finding.expected("`\"size\": 16`, or another number of bytes"));
            }
        }
        self.logical(at, "fixed", &mut schema);
        schema.name = Some(declared.name);
        schema.notes.description = self.text(at, "doc");
        self.fill(id, schema);
        id
    }

    /// The name of a field, and where it stands.
    fn avro_name(&mut self, at: &At<'d>, what: &str) -> Option<(String, Span)> {
        if at.node.entries().is_none() {
            self.wrong_type(at, what, Severity::Error);
            return None;
        }
        let name = at.get("name");
        let text = name.as_ref().and_then(|name| name.node.as_str());
        let text = text.unwrap_or_default().to_owned();
        let span = name.map_or(at.place(), |name| name.place());
        if !is_name(&text) {
            self.not_a_name(span, &text, what);
            return None;
        }
        Some((text, span))
    }

    fn not_a_name(&mut self, span: Span, text: &str, what: &str) {
        let text = match text.is_empty() {
            true => format!("{what} has no name"),
            false => format!("`{}` is not a name for {what}", lower::shorten(text)),
        };
        let finding = Finding::new(&codes::INVALID_VALUE, span, text);
        self.files
            .push(finding.expected("letters, digits and `_`, beginning with no digit"));
    }
}
