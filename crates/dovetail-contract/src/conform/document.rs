//! The model's schemas as one JSON Schema 2020-12 document.
//!
//! Every schema that can be reached is a definition `s0`, `s1`, … in the order of the walk, so that recursion is ordinary and
//! the number in the place of a violation leads back to the schema.

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value, json};

use super::Direction;
use crate::schema::{Number, Schema, SchemaId, Schemas, Type};

/// A schema and all that it names as JSON Schema 2020-12.
#[must_use]
pub fn to_json_schema(schemas: &Schemas, id: SchemaId, direction: Direction) -> Value {
    Document::new(schemas, id, direction).root
}

/// The document with what leads back to the model.
pub(super) struct Document {
    root: Value,
    ids: IndexSet<SchemaId>,
}

impl Document {
    pub(super) fn new(schemas: &Schemas, id: SchemaId, direction: Direction) -> Self {
        let mut writer = Writer {
            schemas,
            direction,
            ids: IndexSet::from([id]),
        };
        let mut definitions = Map::new();
        let mut next = 0;
        while let Some(id) = writer.ids.get_index(next).copied() {
            definitions.insert(format!("s{next}"), writer.schema(id));
            next += 1;
        }
        let root = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": "#/$defs/s0",
            "$defs": definitions,
        });
        Self {
            root,
            ids: writer.ids,
        }
    }

    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    pub(super) fn ids(&self) -> &IndexSet<SchemaId> {
        &self.ids
    }

    /// The schema that a pointer into the document lies in.
    pub(super) fn owner(&self, pointer: &str) -> Option<SchemaId> {
        self.ids.get_index(number_in(pointer)?).copied()
    }

    /// A schema that applies itself to the same value again, which no check of it would ever end.
    pub(super) fn cycle(&self, schemas: &Schemas) -> Option<SchemaId> {
        let mut state: IndexMap<SchemaId, Visit> = IndexMap::new();
        for start in &self.ids {
            if state.contains_key(start) {
                continue;
            }
            let mut stack = vec![(*start, applied_in_place(schemas.schema(*start)))];
            state.insert(*start, Visit::Open);
            while let Some((id, rest)) = stack.last_mut() {
                match rest.pop() {
                    Some(next) => match state.get(&next) {
                        Some(Visit::Open) => return Some(next),
                        Some(Visit::Done) => {}
                        None => {
                            state.insert(next, Visit::Open);
                            stack.push((next, applied_in_place(schemas.schema(next))));
                        }
                    },
                    None => {
                        state.insert(*id, Visit::Done);
                        stack.pop();
                    }
                }
            }
        }
        None
    }
}

enum Visit {
    Open,
    Done,
}

/// The number of the definition that a pointer into the document lies in.
pub(super) fn number_in(pointer: &str) -> Option<usize> {
    let rest = pointer.strip_prefix("/$defs/s")?;
    rest.split('/').next()?.parse().ok()
}

/// The schemas that apply to the very value that `schema` applies to.
fn applied_in_place(schema: &Schema) -> Vec<SchemaId> {
    let condition = schema.condition.iter();
    let mut ids: Vec<SchemaId> = schema.reference.into_iter().collect();
    ids.extend(&schema.all_of);
    ids.extend(&schema.any_of);
    ids.extend(&schema.one_of);
    ids.extend(schema.not);
    ids.extend(condition.flat_map(|c| [Some(c.test), c.then, c.otherwise].into_iter().flatten()));
    ids.extend(schema.object.dependent_schemas.values());
    ids
}

struct Writer<'a> {
    schemas: &'a Schemas,
    direction: Direction,
    ids: IndexSet<SchemaId>,
}

impl Writer<'_> {
    fn reference(&mut self, id: SchemaId) -> Value {
        let (number, _) = self.ids.insert_full(id);
        json!({ "$ref": format!("#/$defs/s{number}") })
    }

    fn references(&mut self, ids: &[SchemaId]) -> Value {
        ids.iter().map(|id| self.reference(*id)).collect()
    }

    fn schema(&mut self, id: SchemaId) -> Value {
        let schema = self.schemas.schema(id);
        if schema.never {
            return Value::Bool(false);
        }
        let mut out = Map::new();
        if let Some(target) = schema.reference
            && let Value::Object(reference) = self.reference(target)
        {
            out.extend(reference);
        }
        let types: Vec<&str> = schema.types.iter().map(Type::as_str).collect();
        match types.as_slice() {
            [] => {}
            [one] => put(&mut out, "type", Some(*one)),
            many => put(&mut out, "type", Some(many.to_vec())),
        }
        put(&mut out, "format", schema.format.as_deref());
        put(&mut out, "enum", schema.enumeration.clone());
        put(&mut out, "const", schema.constant.clone());
        write_number(&mut out, schema);
        put(&mut out, "minLength", schema.string.min_length);
        put(&mut out, "maxLength", schema.string.max_length);
        put(&mut out, "pattern", schema.string.pattern.as_deref());
        self.write_array(&mut out, schema);
        self.write_object(&mut out, schema);
        self.write_combination(&mut out, schema);
        Value::Object(out)
    }

    fn write_array(&mut self, out: &mut Map<String, Value>, schema: &Schema) {
        let array = &schema.array;
        put(out, "items", array.items.map(|id| self.reference(id)));
        if !array.prefix_items.is_empty() {
            put(
                out,
                "prefixItems",
                Some(self.references(&array.prefix_items)),
            );
        }
        put(
            out,
            "unevaluatedItems",
            array.unevaluated.map(|id| self.reference(id)),
        );
        put(out, "contains", array.contains.map(|id| self.reference(id)));
        put(out, "minContains", array.min_contains);
        put(out, "maxContains", array.max_contains);
        put(out, "minItems", array.min_items);
        put(out, "maxItems", array.max_items);
        put(out, "uniqueItems", array.unique_items.then_some(true));
    }

    fn write_object(&mut self, out: &mut Map<String, Value>, schema: &Schema) {
        let object = &schema.object;
        let required: Vec<&String> = object
            .required
            .iter()
            .filter(|name| !self.is_other_way(schema, name))
            .collect();
        if !required.is_empty() {
            put(out, "required", Some(required));
        }
        let properties = object
            .properties
            .iter()
            .map(|(name, property)| (name.clone(), self.reference(property.schema)))
            .collect::<Map<_, _>>();
        put_filled(out, "properties", properties);
        put(
            out,
            "additionalProperties",
            object.additional.map(|id| self.reference(id)),
        );
        put(
            out,
            "unevaluatedProperties",
            object.unevaluated.map(|id| self.reference(id)),
        );
        let patterns = self.named(&object.pattern_properties);
        put_filled(out, "patternProperties", patterns);
        put(
            out,
            "propertyNames",
            object.property_names.map(|id| self.reference(id)),
        );
        put(out, "minProperties", object.min_properties);
        put(out, "maxProperties", object.max_properties);
        let dependent = object
            .dependent_required
            .iter()
            .map(|(name, names)| (name.clone(), json!(names)))
            .collect();
        put_filled(out, "dependentRequired", dependent);
        let dependent = self.named(&object.dependent_schemas);
        put_filled(out, "dependentSchemas", dependent);
    }

    fn write_combination(&mut self, out: &mut Map<String, Value>, schema: &Schema) {
        for (keyword, ids) in [
            ("allOf", &schema.all_of),
            ("anyOf", &schema.any_of),
            ("oneOf", &schema.one_of),
        ] {
            if !ids.is_empty() {
                put(out, keyword, Some(self.references(ids)));
            }
        }
        put(out, "not", schema.not.map(|id| self.reference(id)));
        if let Some(condition) = schema.condition {
            put(out, "if", Some(self.reference(condition.test)));
            put(out, "then", condition.then.map(|id| self.reference(id)));
            put(
                out,
                "else",
                condition.otherwise.map(|id| self.reference(id)),
            );
        }
    }

    fn named(&mut self, ids: &IndexMap<String, SchemaId>) -> Map<String, Value> {
        ids.iter()
            .map(|(name, id)| (name.clone(), self.reference(*id)))
            .collect()
    }

    /// Whether a property is only ever sent the other way.
    fn is_other_way(&self, schema: &Schema, name: &str) -> bool {
        let Some(property) = schema.object.properties.get(name) else {
            return false;
        };
        let mut at = property.schema;
        // A chain of references is at most as long as there are schemas.
        for _ in 0..=self.schemas.len() {
            let schema = self.schemas.schema(at);
            let notes = &schema.notes;
            let other_way = match self.direction {
                Direction::Request => notes.read_only,
                Direction::Response => notes.write_only,
            };
            if other_way {
                return true;
            }
            match schema.reference {
                Some(target) => at = target,
                None => return false,
            }
        }
        false
    }
}

fn write_number(out: &mut Map<String, Value>, schema: &Schema) {
    let rules = &schema.number;
    put(out, "minimum", number(rules.minimum.as_ref()));
    put(out, "maximum", number(rules.maximum.as_ref()));
    put(
        out,
        "exclusiveMinimum",
        number(rules.exclusive_minimum.as_ref()),
    );
    put(
        out,
        "exclusiveMaximum",
        number(rules.exclusive_maximum.as_ref()),
    );
    put(out, "multipleOf", number(rules.multiple_of.as_ref()));
    // Consumers read these into machine integers, so a value beyond them is not what was promised.
    let is_integer = schema.types.names(Type::Integer) && !schema.types.names(Type::Number);
    let range = match schema.format.as_deref() {
        Some("int32") if is_integer => (json!(i32::MIN), json!(i32::MAX)),
        Some("int64") if is_integer => (json!(i64::MIN), json!(i64::MAX)),
        _ => return,
    };
    if !out.contains_key("minimum") {
        put(out, "minimum", Some(range.0));
    }
    if !out.contains_key("maximum") {
        put(out, "maximum", Some(range.1));
    }
}

/// A bound as a JSON number; a bound beyond every double holds for all numbers that can arrive.
fn number(bound: Option<&Number>) -> Option<Value> {
    bound.and_then(|bound| serde_json::from_str(bound.as_str()).ok())
}

fn put<T: serde::Serialize>(out: &mut Map<String, Value>, keyword: &str, value: Option<T>) {
    if let Some(value) = value.and_then(|value| serde_json::to_value(value).ok()) {
        out.insert(keyword.to_owned(), value);
    }
}

fn put_filled(out: &mut Map<String, Value>, keyword: &str, map: Map<String, Value>) {
    if !map.is_empty() {
        out.insert(keyword.to_owned(), Value::Object(map));
    }
}
