//! Defaults of fields, as values of the JSON that the field is written as.

use serde_json::Value;

use super::super::Reader;
use super::super::at::At;
use super::super::warning;
use crate::codes;
use crate::finding::Severity;
use crate::load::tree::Node;
use crate::schema::{Schema, SchemaId, Type};

impl<'d> Reader<'d, '_> {
    /// The default of a field, if it has the same form in JSON. Says so where no value of the field could be it.
    pub(super) fn avro_default(
        &mut self,
        field: &At<'d>,
        node: &Node,
        kind: &At<'d>,
        id: SchemaId,
    ) -> Option<Value> {
        // `null` is read as nothing said wherever it does not matter; here it does.
        let value = self.value(node, Severity::Warning)?;
        if is_rewritten(self.schema_of(id)) {
            return None;
        }
        let fits = self.fits(id, &value, kind);
        if !fits {
            let span = field.get("default").map_or(field.place(), |at| at.place());
            let text = "the default is no value of the field";
            self.files.push(
                warning(&codes::INVALID_VALUE, span, text)
                    .expected("a value of the type, or of the first branch of a union"),
            );
            return None;
        }
        Some(value)
    }

    /// Whether a value is of the type, as far as that is said at first sight.
    fn fits(&self, id: SchemaId, value: &Value, kind: &At<'d>) -> bool {
        let schema = self.schema_of(id);
        let is_of = |schema: &Schema| schema.types.accepts(Type::of(value));
        if schema.any_of.is_empty() {
            let is_symbol = |values: &Vec<Value>| values.contains(value);
            return is_of(schema) && schema.enumeration.as_ref().is_none_or(is_symbol);
        }
        let mut branches = schema.any_of.iter();
        kind.node.elements().is_none() || branches.any(|id| is_of(self.schema_of(*id)))
    }
}

/// Whether values look otherwise in JSON than defaults of Avro do: bytes, and what logical types mean.
fn is_rewritten(schema: &Schema) -> bool {
    const FORMATS: [&str; 6] = ["byte", "date", "date-time", "decimal", "duration", "uuid"];
    let format = schema.format.as_deref();
    format.is_some_and(|format| FORMATS.contains(&format)) || schema.string.pattern.is_some()
}
