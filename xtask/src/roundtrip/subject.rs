//! What is sent through generated types: every component schema of a document, every schema that stands in a JSON body without a name, and what lies
//! inside of these and becomes a type of its own.
//!
//! Operations decide which schemas become types that are both written and read. So a document is made that has one operation for each schema, which
//! takes it and answers with it, and the client of that document is what is tried.

use serde_json::{Map, Value, json};

/// A schema to draw samples of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    /// Where it stands in the document, for people.
    pub(super) shown: String,
    /// What the component is called; nothing for what lies inside of one.
    name: String,
    /// Where it stands in the document that is generated from.
    pub(super) pointer: String,
}

/// A document with one operation for each of its schemas.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) document: Value,
    /// The schemas, in the order of the operations.
    pub(super) subjects: Vec<Subject>,
}

/// The name of the operation, and so of the generated method, for a schema.
fn operation(index: usize) -> String {
    format!("r{index}")
}

/// The schema whose operation has a name.
pub(super) fn number(operation: &str) -> Option<usize> {
    operation.strip_prefix('r')?.parse().ok()
}

/// Prepares a document for those of its schemas whose place is wanted.
pub(super) fn prepare(raw: &Value, is_wanted: impl Fn(&str) -> bool) -> Prepared {
    let mut document = raw.clone();
    let moved = move_references(&mut document);
    let mut components = document
        .get("components")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let mut schemas = match components.get("schemas") {
        Some(Value::Object(schemas)) => schemas.clone(),
        _ => Map::new(),
    };
    let mut subjects: Vec<Subject> = schemas.keys().map(|name| subject(name, None)).collect();
    let paths = document.get("paths").cloned().unwrap_or_default();
    let mut nameless = Vec::new();
    bodies(&paths, "#/paths", &mut nameless);
    for (index, (shown, schema)) in nameless.into_iter().enumerate() {
        let name = format!("RoundtripInline{index}");
        subjects.push(subject(&name, Some(shown)));
        schemas.entry(name).or_insert(schema);
    }
    let mut inside = Vec::new();
    for subject in &subjects {
        if let Some(schema) = schemas.get(&subject.name) {
            let place = (subject.pointer.as_str(), subject.shown.as_str());
            typed_inside(schema, place, false, &mut inside);
        }
    }
    subjects.extend(inside);
    subjects.retain(|subject| is_wanted(&subject.shown));
    if let Some(components) = components.as_object_mut() {
        components.insert("schemas".to_owned(), schemas.into());
    }
    let operations = subjects.iter().enumerate().map(|(index, subject)| {
        let content = json!({ "application/json": { "schema": { "$ref": subject.pointer } } });
        let operation = json!({
            "operationId": operation(index),
            "requestBody": { "required": true, "content": content },
            "responses": { "200": { "description": "The same.", "content": content } },
        });
        (format!("/{index}"), json!({ "post": operation }))
    });
    let operations: Map<String, Value> = operations.collect();
    let mut prepared = json!({
        "openapi": document.get("openapi"),
        "info": { "title": "Samples", "version": "0.1.0" },
        "paths": operations,
        "components": components,
    });
    if moved && let Some(prepared) = prepared.as_object_mut() {
        prepared.insert("x-paths".to_owned(), paths);
    }
    Prepared {
        document: prepared,
        subjects,
    }
}

fn subject(name: &str, shown: Option<String>) -> Subject {
    let pointer = format!("#/components/schemas/{}", escaped(name));
    Subject {
        shown: shown.unwrap_or_else(|| pointer.clone()),
        name: name.to_owned(),
        pointer,
    }
}

/// A step of a JSON pointer (RFC 6901 section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The schemas inside of a schema that become types: objects with properties, unions, enumerations and compositions. What a composition is made of
/// becomes part of its type, so only what lies deeper counts. A place is where a schema is, and what it is called for people.
fn typed_inside(schema: &Value, place: (&str, &str), is_part: bool, found: &mut Vec<Subject>) {
    let Value::Object(members) = schema else {
        return;
    };
    let mut visit = |steps: &[&str], schema: &Value, is_part: bool| {
        let steps: String = steps
            .iter()
            .map(|step| format!("/{}", escaped(step)))
            .collect();
        let pointer = format!("{}{steps}", place.0);
        let shown = format!("{}{steps}", place.1);
        if !is_part && becomes_a_type(schema) {
            found.push(Subject {
                shown: shown.clone(),
                name: String::new(),
                pointer: pointer.clone(),
            });
        }
        typed_inside(schema, (&pointer, &shown), is_part, found);
    };
    for (name, member) in members {
        match (name.as_str(), member) {
            ("properties", Value::Object(properties)) => {
                for (property, schema) in properties {
                    visit(&[name, property], schema, false);
                }
            }
            ("items" | "additionalProperties", schema) => visit(&[name], schema, false),
            ("oneOf" | "anyOf" | "allOf" | "prefixItems", Value::Array(branches)) => {
                for (index, schema) in branches.iter().enumerate() {
                    let is_part = name == "allOf" || is_part && name != "prefixItems";
                    visit(&[name, &index.to_string()], schema, is_part);
                }
            }
            _ => {}
        }
    }
}

fn becomes_a_type(schema: &Value) -> bool {
    let has_properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|properties| !properties.is_empty());
    let is_other = ["oneOf", "anyOf", "allOf", "enum"]
        .iter()
        .any(|name| schema.get(name).is_some());
    schema.get("$ref").is_none() && (has_properties || is_other)
}

/// Lets references into `paths` follow the paths to where they are kept. Whether there were any.
fn move_references(value: &mut Value) -> bool {
    match value {
        Value::Array(elements) => {
            let mut moved = false;
            for element in elements {
                moved |= move_references(element);
            }
            moved
        }
        Value::Object(members) => {
            let mut moved = false;
            for (name, member) in members {
                let rest = member
                    .as_str()
                    .and_then(|target| target.strip_prefix("#/paths/"));
                match rest.filter(|_| name == "$ref") {
                    Some(rest) => {
                        *member = format!("#/x-paths/{rest}").into();
                        moved = true;
                    }
                    None => moved |= move_references(member),
                }
            }
            moved
        }
        _ => false,
    }
}

/// The schemas of JSON bodies that are no mere references, each with its place.
fn bodies(value: &Value, place: &str, found: &mut Vec<(String, Value)>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, element)| (index.to_string(), element))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), member))
            .collect(),
        _ => return,
    };
    for (name, member) in members {
        let place = format!("{place}/{}", escaped(&name));
        let media_types = member.as_object().filter(|_| name == "content");
        for (media_type, content) in media_types.into_iter().flatten() {
            let base = media_type.split(';').next().unwrap_or_default().trim();
            let is_json = base == "application/json" || base.ends_with("+json");
            if let Some(schema) = content
                .get("schema")
                .filter(|schema| is_json && schema.get("$ref").is_none())
            {
                let media_type = escaped(media_type);
                found.push((format!("{place}/{media_type}/schema"), schema.clone()));
            }
        }
        // Examples may look like anything, bodies among it.
        if !matches!(name.as_str(), "example" | "examples" | "schema") {
            bodies(member, &place, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_has_an_operation() {
        let raw = json!({
            "openapi": "3.1.0",
            "security": [{ "key": [] }],
            "paths": { "/a": { "get": { "responses": { "200": { "content": {
                "application/json": { "schema": { "type": "object", "properties": { "b": { "$ref": "#/paths/~1a/x" } } } },
                "application/problem+json; v=1": { "schema": { "$ref": "#/components/schemas/A" } },
                "text/plain": { "schema": { "type": "string" } },
            } } } } } },
            "components": { "schemas": { "A": { "type": "string" }, "Deep": {
                "properties": { "a/b": { "type": "array", "items": { "enum": ["x"] } }, "plain": { "type": "string" } },
                "allOf": [{ "properties": { "c": { "properties": { "d": true } } } }],
            } } },
        });
        let prepared = prepare(&raw, |_| true);
        let shown: Vec<&str> = prepared
            .subjects
            .iter()
            .map(|subject| subject.shown.as_str())
            .collect();
        let inline = "#/paths/~1a/get/responses/200/content/application~1json/schema";
        let deep = "#/components/schemas/Deep";
        let items = &format!("{deep}/properties/a~1b/items");
        let part = &format!("{deep}/allOf/0/properties/c");
        assert_eq!(shown, ["#/components/schemas/A", deep, inline, part, items]);
        let document = &prepared.document;
        assert_eq!(document["paths"]["/2"]["post"]["operationId"], "r2");
        let inline = &document["components"]["schemas"]["RoundtripInline0"];
        assert_eq!(inline["properties"]["b"]["$ref"], "#/x-paths/~1a/x");
        assert!(document["x-paths"]["/a"].is_object());
        assert!(document.get("security").is_none());
        let one = prepare(&raw, |place| place.ends_with("/A"));
        assert_eq!(one.subjects.len(), 1);
    }
}
