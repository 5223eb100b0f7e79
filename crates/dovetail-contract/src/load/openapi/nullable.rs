//! `nullable`, the way of OpenAPI 3.0 to say that `null` is accepted, in the words of later versions.
//!
//! The standard lets it work only beside `type`. Authors mean it wherever they write it, so it always works here:
//!
//! - beside `type` it adds `null` to the types, and to `enum` where that lacks it;
//! - beside `oneOf` or `anyOf` it adds a branch that accepts `null` alone;
//! - alone in a branch of `oneOf` or `anyOf` it is the branch that accepts `null` alone;
//! - beside `$ref` or `allOf` the schema becomes `anyOf` of all that it says, and of `null`.

use super::Reader;
use super::at::At;
use crate::schema::{Schema, SchemaId, Type, Types};

impl<'d> Reader<'d, '_> {
    /// Applies `nullable` to what was read of a schema.
    pub(super) fn nullable(&mut self, id: SchemaId, at: &At<'d>, schema: &mut Schema) {
        if self.flag(at, "nullable") != Some(true) {
            return;
        }
        if is_branch(at) && *schema == whole_of(schema) {
            schema.types = Types::only(Type::Null);
            return;
        }
        if schema.reference.is_some() || !schema.all_of.is_empty() {
            self.or_null(id, schema);
            return;
        }
        Self::add_type(schema, Type::Null);
        if let Some(values) = &mut schema.enumeration
            && !values.iter().any(serde_json::Value::is_null)
        {
            values.push(serde_json::Value::Null);
            if !schema.enumeration_names.is_empty() {
                schema.enumeration_names.push("Null".to_owned());
            }
            if !schema.enumeration_descriptions.is_empty() {
                schema.enumeration_descriptions.push(String::new());
            }
        }
        if !schema.one_of.is_empty() || !schema.any_of.is_empty() {
            let null = self.null_branch(id);
            for branches in [&mut schema.one_of, &mut schema.any_of] {
                if !branches.is_empty() {
                    branches.push(null);
                }
            }
        }
    }

    /// Turns a schema into `anyOf` of itself and `null`. Name and notes stay with the whole.
    fn or_null(&mut self, id: SchemaId, schema: &mut Schema) {
        let whole = whole_of(schema);
        let mut value = std::mem::replace(schema, whole);
        value.notes = crate::schema::Notes::default();
        let value = self.part_of(id, "~value", value);
        let null = self.null_branch(id);
        schema.any_of = vec![value, null];
    }

    fn null_branch(&mut self, id: SchemaId) -> SchemaId {
        let mut null = Schema::any(crate::source::Span::start_of(self.root), String::new());
        null.types = Types::only(Type::Null);
        self.part_of(id, "~null", null)
    }
}

/// A schema with the same name and notes that accepts anything.
fn whole_of(schema: &Schema) -> Schema {
    Schema {
        name: schema.name.clone(),
        notes: schema.notes.clone(),
        ..Schema::any(schema.span, schema.pointer.clone())
    }
}

/// Whether a schema is written as a branch of a union.
fn is_branch(at: &At<'_>) -> bool {
    let pointer = at.pointer();
    let union = pointer.rsplit('/').nth(1);
    matches!(union, Some("oneOf" | "anyOf"))
}
