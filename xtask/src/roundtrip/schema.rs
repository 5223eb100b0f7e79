//! A schema of an OpenAPI document with all that it names, as one JSON Schema 2020-12 document.
//!
//! It is made of the raw document, so that what judges the generated types shares nothing with what they were generated from. OpenAPI 3.0 has a
//! dialect of its own (OpenAPI 3.0.3, "Schema Object"): `nullable`, truth values for exclusive bounds, references without siblings.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// Schemas that one closure may hold.
const DEFINITIONS_MAX: usize = 20_000;

/// Which way values of a schema go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Either: what only goes one way may be left out.
    Both,
    /// From consumers to providers, without what is `readOnly`.
    Sent,
    /// From providers to consumers, without what is `writeOnly`.
    Received,
}

impl Way {
    /// Whether a schema with this keyword goes another way.
    fn excludes(self, keyword: &str) -> bool {
        matches!(
            (self, keyword),
            (Self::Sent, "readOnly") | (Self::Received, "writeOnly")
        )
    }
}

/// The schema at a pointer such as `#/components/schemas/Order` as a document that needs no other, or why it cannot be had: `$ref` to the first of its
/// `$defs`, in which a `discriminator` maps tags to names of definitions. Members that go another way are left out of it.
pub(super) fn closure(document: &Value, pointer: &str, way: Way) -> Result<Value, String> {
    let version = document.get("openapi").and_then(Value::as_str);
    let mut writer = Writer {
        document,
        way,
        is_old: version.is_some_and(|version| version.starts_with("3.0")),
        pointers: Vec::new(),
        numbers: HashMap::new(),
    };
    writer.name(pointer)?;
    let mut definitions = Map::new();
    let mut next = 0;
    while let Some(pointer) = writer.pointers.get(next).cloned() {
        let schema = at(document, &pointer).ok_or_else(|| format!("`{pointer}` leads nowhere"))?;
        let schema = writer.schema(schema, Some(&pointer))?;
        definitions.insert(format!("d{next}"), schema);
        next += 1;
    }
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": "#/$defs/d0",
        "$defs": definitions,
    }))
}

/// What a pointer into the document leads to.
pub(super) fn at<'a>(document: &'a Value, pointer: &str) -> Option<&'a Value> {
    let path = pointer.strip_prefix('#')?;
    // Pointers in references may be percent-encoded (RFC 6901, section 6); real documents have `%20` and `%7B` there.
    document
        .pointer(path)
        .or_else(|| document.pointer(&decoded(path)))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Writer<'a> {
    document: &'a Value,
    way: Way,
    is_old: bool,
    pointers: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Writer<'_> {
    /// The name of the definition for a pointer, which is written once its turn comes.
    fn name(&mut self, pointer: &str) -> Result<String, String> {
        if !pointer.starts_with("#/") {
            return Err(format!("the reference `{pointer}` leaves the document"));
        }
        let next = self.pointers.len();
        if next > DEFINITIONS_MAX {
            return Err("it names too many schemas".to_owned());
        }
        let number = *self.numbers.entry(pointer.to_owned()).or_insert(next);
        if number == next {
            self.pointers.push(pointer.to_owned());
        }
        Ok(format!("d{number}"))
    }

    fn schema(&mut self, schema: &Value, pointer: Option<&str>) -> Result<Value, String> {
        let schema = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(schema) => schema,
            _ => return Err("a schema is no mapping".to_owned()),
        };
        let mut out = Map::new();
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let name = self.name(reference)?;
            out.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
            if self.is_old {
                return Ok(Value::Object(out));
            }
        }
        for (keyword, value) in schema {
            if let Some(value) = self.keyword(keyword, value)? {
                out.insert(keyword.clone(), value);
            }
        }
        self.leave_out(schema, &mut out);
        if let Some(discriminator) = schema.get("discriminator") {
            let written = self.discriminator(discriminator, schema, pointer)?;
            out.extend(written.map(|written| ("discriminator".to_owned(), written)));
        }
        // Since 3.1 bytes are said by their encoding, which nothing asserts by itself.
        if schema.get("contentEncoding").and_then(Value::as_str) == Some("base64") {
            out.insert("format".to_owned(), "byte".into());
        }
        if self.is_old {
            modernise(schema, &mut out);
        }
        Ok(Value::Object(out))
    }

    /// Leaves out the members of a schema that go another way.
    fn leave_out(&self, schema: &Map<String, Value>, out: &mut Map<String, Value>) {
        if self.way == Way::Both {
            return;
        }
        let excluded = |name: &str| {
            let member = schema.get("properties").and_then(|all| all.get(name));
            let member = member.and_then(Value::as_object);
            // To the letter, 3.0 gives no meaning to what stands beside a reference; who writes it there means it.
            member.is_some_and(|member| {
                member.iter().any(|(keyword, value)| {
                    *value == Value::Bool(true) && self.way.excludes(keyword)
                })
            })
        };
        if let Some(Value::Object(properties)) = out.get_mut("properties") {
            let before = properties.len();
            properties.retain(|name, _| !excluded(name));
            let is_less = properties.len() < before;
            // A schema of which all members go the other way is no map for that.
            let says_nothing = out
                .get("additionalProperties")
                .is_some_and(|others| *others == json!(true) || *others == json!({}));
            if is_less && says_nothing {
                out.remove("additionalProperties");
            }
        }
        if let Some(Value::Array(required)) = out.get_mut("required") {
            required.retain(|name| !name.as_str().is_some_and(excluded));
        }
    }

    /// A keyword of the new document, if it has a say in which values are valid or which way they go.
    fn keyword(&mut self, keyword: &str, value: &Value) -> Result<Option<Value>, String> {
        let written = match keyword {
            "properties" | "patternProperties" | "dependentSchemas" => {
                self.schemas_by_name(value)?
            }
            "items"
            | "additionalProperties"
            | "not"
            | "contains"
            | "propertyNames"
            | "if"
            | "then"
            | "else" => self.schema(value, None)?,
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => self.schemas(value)?,
            // Some documents say `required: true` of a single property, which means nothing there.
            "required" if !value.is_array() => return Ok(None),
            "type" => known_type(value)?,
            "required" | "enum" | "const" | "format" | "minimum" | "maximum"
            | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minLength"
            | "maxLength" | "pattern" | "minItems" | "maxItems" | "uniqueItems" | "minContains"
            | "maxContains" | "minProperties" | "maxProperties" | "dependentRequired" => {
                value.clone()
            }
            // One way, what goes that way must be there.
            "readOnly" | "writeOnly" if self.way == Way::Both => value.clone(),
            "$dynamicRef"
            | "$id"
            | "$anchor"
            | "$dynamicAnchor"
            | "unevaluatedProperties"
            | "unevaluatedItems" => {
                return Err(format!("`{keyword}` is not followed here"));
            }
            _ => return Ok(None),
        };
        Ok(Some(written))
    }

    fn schemas(&mut self, value: &Value) -> Result<Value, String> {
        let schemas = value.as_array().ok_or("a list of schemas is no list")?;
        let is_old = self.is_old;
        // What is nothing but `nullable` allows any value to the letter, and is how generators of documents write null as a branch.
        let is_null = |schema: &&Value| is_old && schema.as_object().is_some_and(is_only_nullable);
        let written = |schema: &Value| match is_null(&schema) {
            true => Ok(json!({ "type": "null" })),
            false => self.schema(schema, None),
        };
        schemas.iter().map(written).collect()
    }

    fn schemas_by_name(&mut self, value: &Value) -> Result<Value, String> {
        let schemas = value
            .as_object()
            .ok_or("a mapping of schemas is no mapping")?;
        let mut out = Map::new();
        for (name, schema) in schemas {
            out.insert(name.clone(), self.schema(schema, None)?);
        }
        Ok(Value::Object(out))
    }

    /// The name of the tag, and for each value of it the definition that it leads to: those that the mapping names, then the branches or heirs that it
    /// does not name, by their own names (OpenAPI 3.1.1, "Discriminator Object").
    fn discriminator(
        &mut self,
        discriminator: &Value,
        schema: &Map<String, Value>,
        pointer: Option<&str>,
    ) -> Result<Option<Value>, String> {
        let Some(tag) = discriminator.get("propertyName").and_then(Value::as_str) else {
            return Ok(None);
        };
        let mut targets: Vec<(String, String)> = Vec::new();
        if let Some(mapping) = discriminator.get("mapping").and_then(Value::as_object) {
            for (value, target) in mapping {
                let target = target.as_str().unwrap_or_default();
                let target = match target.starts_with("#/") {
                    true => target.to_owned(),
                    false => format!("#/components/schemas/{target}"),
                };
                if at(self.document, &target).is_some() {
                    targets.push((value.clone(), target));
                }
            }
        }
        for target in branches(schema).unwrap_or_else(|| heirs(self.document, pointer)) {
            let is_named = targets.iter().any(|(_, named)| *named == target);
            let name = target.rsplit('/').next().unwrap_or_default().to_owned();
            if !is_named {
                targets.push((name, target));
            }
        }
        let mut mapping = Map::new();
        for (value, target) in targets {
            mapping.insert(value, self.name(&target)?.into());
        }
        Ok(Some(json!({ "propertyName": tag, "mapping": mapping })))
    }
}

/// Whether a schema says that it is nullable, and else nothing but what is for people.
fn is_only_nullable(schema: &Map<String, Value>) -> bool {
    let is_for_people =
        |name: &str| matches!(name, "title" | "description" | "example") || name.starts_with("x-");
    schema.get("nullable") == Some(&Value::Bool(true))
        && schema
            .keys()
            .all(|name| name == "nullable" || is_for_people(name))
}

/// The references of a union, if it is one.
fn branches(schema: &Map<String, Value>) -> Option<Vec<String>> {
    let union = schema.get("oneOf").or_else(|| schema.get("anyOf"))?;
    Some(references(union))
}

/// The schemas that are this one and more.
fn heirs(document: &Value, pointer: Option<&str>) -> Vec<String> {
    let schemas = document
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    let (Some(schemas), Some(pointer)) = (schemas, pointer) else {
        return Vec::new();
    };
    let heirs = schemas.iter().filter(|(_, schema)| {
        let parts = schema.get("allOf").map(references);
        parts.is_some_and(|parts| parts.iter().any(|part| part == pointer))
    });
    heirs
        .map(|(name, _)| {
            format!(
                "#/components/schemas/{}",
                name.replace('~', "~0").replace('/', "~1")
            )
        })
        .collect()
}

fn references(list: &Value) -> Vec<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter_map(|schema| schema.get("$ref")?.as_str())
        .map(str::to_owned)
        .collect()
}

fn known_type(value: &Value) -> Result<Value, String> {
    const TYPES: [&str; 7] = [
        "null", "boolean", "integer", "number", "string", "array", "object",
    ];
    let is_known = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    let all_known = match value {
        Value::Array(types) => types.iter().all(is_known),
        one => is_known(one),
    };
    match all_known {
        true => Ok(value.clone()),
        false => Err(format!("{value} is no type of JSON")),
    }
}

/// What OpenAPI 3.0 says in words of its own.
fn modernise(schema: &Map<String, Value>, out: &mut Map<String, Value>) {
    // `nullable` widens `type` and nothing else: where there is no type, or an `enum` without null, it changes nothing.
    if schema.get("nullable") == Some(&Value::Bool(true))
        && let Some(Value::String(name)) = out.get("type")
    {
        out.insert("type".to_owned(), json!([name, "null"]));
    }
    for (bound, exclusive) in [
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ] {
        match out.remove(exclusive) {
            Some(Value::Bool(true)) => {
                if let Some(value) = out.remove(bound) {
                    out.insert(exclusive.to_owned(), value);
                }
            }
            Some(Value::Bool(false)) | None => {}
            Some(number) => {
                out.insert(exclusive.to_owned(), number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(version: &str, schema: &Value) -> Value {
        let document = json!({ "openapi": version, "components": { "schemas": { "A": schema } } });
        let closure = closure(&document, "#/components/schemas/A", Way::Both).unwrap();
        closure["$defs"]["d0"].clone()
    }

    #[test]
    fn the_dialect_of_3_0_is_translated() {
        let rows = [
            (
                json!({ "type": "string", "nullable": true }),
                json!({ "type": ["string", "null"] }),
            ),
            (json!({ "nullable": true }), json!({})),
            (
                json!({ "anyOf": [{ "type": "string" }, { "nullable": true, "title": "none" }] }),
                json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }),
            ),
            (
                json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": true }),
                json!({ "type": "integer", "exclusiveMinimum": 1 }),
            ),
            (
                json!({ "type": "integer", "maximum": 1, "exclusiveMaximum": false }),
                json!({ "type": "integer", "maximum": 1 }),
            ),
            (
                json!({ "$ref": "#/components/schemas/A", "type": "string" }),
                json!({ "$ref": "#/$defs/d0" }),
            ),
            (
                json!({ "properties": { "required": { "required": true, "x-y": 1 } } }),
                json!({ "properties": { "required": {} } }),
            ),
        ];
        for (old, new) in rows {
            assert_eq!(first("3.0.3", &old), new);
        }
    }

    #[test]
    fn later_versions_stay_as_they_are() {
        let schema =
            json!({ "$ref": "#/components/schemas/A", "exclusiveMinimum": 1, "nullable": true });
        let expected = json!({ "$ref": "#/$defs/d0", "exclusiveMinimum": 1 });
        assert_eq!(first("3.1.0", &schema), expected);
        let bytes = json!({ "type": "string", "contentEncoding": "base64" });
        let expected = json!({ "type": "string", "format": "byte" });
        assert_eq!(first("3.1.0", &bytes), expected);
    }

    #[test]
    fn members_that_go_another_way_are_left_out() {
        let document = json!({ "openapi": "3.1.0", "components": { "schemas": { "A": {
            "properties": { "id": { "readOnly": true }, "secret": { "writeOnly": true }, "name": {} },
            "required": ["id", "secret", "name"],
            "additionalProperties": true,
        } } } });
        let rows = [
            (Way::Sent, ["secret", "name"]),
            (Way::Received, ["id", "name"]),
        ];
        for (way, required) in rows {
            let closure = closure(&document, "#/components/schemas/A", way).unwrap();
            let expected = json!({
                "properties": { required[0]: {}, required[1]: {} },
                "required": required,
            });
            assert_eq!(closure["$defs"]["d0"], expected, "{way:?}");
        }
    }

    #[test]
    fn tags_lead_to_branches_and_heirs() {
        let document = json!({ "openapi": "3.1.0", "components": { "schemas": {
            "Pet": { "discriminator": { "propertyName": "kind", "mapping": { "cat": "Cat" } } },
            "Cat": { "allOf": [{ "$ref": "#/components/schemas/Pet" }] },
            "Dog": { "allOf": [{ "$ref": "#/components/schemas/Pet" }] },
        } } });
        let closure = closure(&document, "#/components/schemas/Pet", Way::Both).unwrap();
        let expected = json!({ "propertyName": "kind", "mapping": { "cat": "d1", "Dog": "d2" } });
        assert_eq!(closure["$defs"]["d0"]["discriminator"], expected);
        let dog = json!({ "allOf": [{ "$ref": "#/$defs/d0" }] });
        assert_eq!(closure["$defs"]["d2"], dog);
    }

    #[test]
    fn what_cannot_be_followed_is_said() {
        let refused = |schema: Value| {
            let document =
                json!({ "openapi": "3.1.0", "components": { "schemas": { "A": schema } } });
            closure(&document, "#/components/schemas/A", Way::Both).unwrap_err()
        };
        assert!(refused(json!({ "$ref": "other.yaml#/A" })).contains("leaves the document"));
        assert!(refused(json!({ "$ref": "#/components/schemas/B" })).contains("leads nowhere"));
        assert!(refused(json!({ "type": "file" })).contains("no type of JSON"));
    }

    #[test]
    fn pointers_may_be_percent_encoded() {
        let document = json!({ "a b": { "{c}": 1 } });
        assert_eq!(at(&document, "#/a%20b/%7Bc%7D"), Some(&json!(1)));
        assert_eq!(at(&document, "#/a b/{c}"), Some(&json!(1)));
    }
}
