//! What is drawn keeps the schema it is drawn from: the validator is asked, as it is for real documents.

use serde_json::json;

use super::*;

/// Draws many samples and says how many of them are valid.
fn valid(schema: &Value) -> usize {
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .unwrap();
    let drawn = |seed| {
        let fill = [Fill::Least, Fill::Most, Fill::Some][usize::try_from(seed % 3).unwrap()];
        draw(schema, fill, Chance::new(seed, &[])).ok()
    };
    (0..60)
        .filter_map(drawn)
        .filter(|drawn| validator.is_valid(&drawn.value))
        .count()
}

#[test]
fn every_sample_of_a_simple_schema_is_valid() {
    let rows = [
        json!({ "type": "string", "minLength": 3, "maxLength": 5 }),
        json!({ "type": "string", "format": "date-time" }),
        json!({ "type": "string", "format": "date" }),
        json!({ "type": "string", "format": "uuid" }),
        json!({ "type": "string", "format": "email" }),
        json!({ "type": "string", "format": "uri" }),
        json!({ "type": "string", "format": "ipv4" }),
        json!({ "type": "string", "format": "ipv6" }),
        json!({ "type": "string", "format": "duration" }),
        json!({ "type": "string", "format": "hostname" }),
        json!({ "type": "string", "pattern": "^[A-Z]{3}-\\d+(a|b)?$" }),
        json!({ "type": "string", "pattern": "^[a-z]+$", "minLength": 10, "maxLength": 30 }),
        json!({ "type": "integer", "minimum": 3, "exclusiveMaximum": 5 }),
        json!({ "type": "integer", "multipleOf": 5, "minimum": 7, "maximum": 12 }),
        json!({ "type": "number", "minimum": 0.5, "maximum": 0.75 }),
        json!({ "type": "number", "multipleOf": 0.01, "minimum": 0 }),
        json!({ "type": ["string", "null"] }),
        json!({ "enum": ["a", 1, null] }),
        json!({ "const": { "a": 1 } }),
        json!({ "type": "array", "items": { "type": "integer" }, "minItems": 2, "maxItems": 2 }),
        json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }], "items": false }),
        json!({ "type": "object", "additionalProperties": { "type": "integer" }, "minProperties": 2 }),
        json!({ "type": "object", "patternProperties": { "^x-": {} }, "additionalProperties": false }),
        json!({ "type": "object", "propertyNames": { "pattern": "^[a-z]{4}$" }, "additionalProperties": true }),
        json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "string" }, "b": {} } }),
        json!({ "allOf": [{ "type": "object", "required": ["a"] }, { "properties": { "a": { "type": "integer" } } }] }),
        json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }),
        json!({ "oneOf": [{ "type": "string" }, { "type": "integer" }] }),
        json!({ "type": "number", "allOf": [{ "type": "integer" }] }),
        json!(true),
    ];
    for schema in rows {
        assert_eq!(valid(&schema), 60, "{schema}");
    }
}

#[test]
fn bytes_are_as_long_as_they_must_be() {
    let schema = json!({ "type": "string", "format": "byte", "minLength": 6, "maxLength": 12 });
    for seed in 0..60 {
        let drawn = draw(&schema, Fill::Some, Chance::new(seed, &[])).unwrap();
        let text = drawn.value.as_str().unwrap();
        assert!(matches!(text.len(), 8 | 12), "{text}");
    }
}

#[test]
fn recursion_ends() {
    let schema = json!({
        "$ref": "#/$defs/d0",
        "$defs": { "d0": {
            "type": "object",
            "required": ["children"],
            "properties": { "children": { "type": "array", "items": { "$ref": "#/$defs/d0" } }, "up": { "$ref": "#/$defs/d0" } },
        } },
    });
    assert_eq!(valid(&schema), 60);
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let rows = [
        (
            json!({ "allOf": [{ "type": "string" }, { "type": "object" }] }),
            "no type in common",
        ),
        (json!(false), "no value keeps it"),
        (
            json!({ "type": "string", "pattern": "^(?!a)b" }),
            "not understood",
        ),
        (
            json!({ "$ref": "#/$defs/d0", "$defs": { "d0": { "$ref": "#/$defs/d0" } } }),
            "without end",
        ),
        (
            json!({ "$ref": "#/$defs/d0", "$defs": { "d0": { "required": ["a"], "properties": { "a": { "$ref": "#/$defs/d0" } } } } }),
            "no end",
        ),
    ];
    for (schema, reason) in rows {
        let said = draw(&schema, Fill::Some, Chance::new(1, &[])).unwrap_err();
        assert!(said.contains(reason), "{schema}: {said}");
    }
}

#[test]
fn a_tag_says_the_branch() {
    let schema = json!({
        "oneOf": [{ "$ref": "#/$defs/d0" }, { "$ref": "#/$defs/d1" }],
        "discriminator": { "propertyName": "kind", "mapping": { "cat": "d0", "dog": "d1" } },
        "$defs": {
            "d0": { "type": "object", "required": ["kind", "meows"], "properties": { "kind": { "type": "string" }, "meows": { "type": "boolean" } } },
            "d1": { "type": "object", "required": ["kind", "barks"], "properties": { "kind": { "type": "string" }, "barks": { "type": "boolean" } } },
        },
    });
    for seed in 0..20 {
        let drawn = draw(&schema, Fill::Some, Chance::new(seed, &[])).unwrap();
        let expected = if drawn.value.get("meows").is_some() {
            "cat"
        } else {
            "dog"
        };
        assert_eq!(drawn.value["kind"], expected);
        let kinds: Vec<&SiteKind> = drawn.sites.iter().map(|site| &site.kind).collect();
        assert!(
            kinds.contains(&&SiteKind::Tagged("kind".to_owned())),
            "{kinds:?}"
        );
    }
}

#[test]
fn an_heir_stands_for_its_base() {
    let schema = json!({
        "$ref": "#/$defs/d0",
        "$defs": {
            "d0": { "type": "object", "required": ["kind"], "properties": { "kind": { "type": "string" } },
                "discriminator": { "propertyName": "kind", "mapping": { "Cat": "d1" } } },
            "d1": { "allOf": [{ "$ref": "#/$defs/d0" }, { "required": ["meows"], "properties": { "meows": { "type": "boolean" } } }] },
        },
    });
    let drawn = draw(&schema, Fill::Least, Chance::new(1, &[])).unwrap();
    assert_eq!(drawn.value["kind"], "Cat");
    assert!(drawn.value["meows"].is_boolean());
}

#[test]
fn places_that_drift_can_change_are_remembered() {
    let schema = json!({
        "type": "object",
        "required": ["a/b", "id"],
        "properties": {
            "a/b": { "enum": ["x", "y"] },
            "id": { "type": "string", "readOnly": true },
            "n": { "type": "integer" },
        },
    });
    let drawn = draw(&schema, Fill::Most, Chance::new(1, &[])).unwrap();
    let object = SiteKind::Object {
        optional: vec!["n".to_owned()],
        required: vec!["a/b".to_owned()],
        is_open: true,
    };
    let site = |pointer: &str, kind| Site {
        pointer: pointer.to_owned(),
        in_union: false,
        kind,
    };
    assert_eq!(
        drawn.sites,
        [site("/a~1b", SiteKind::Word), site("", object)]
    );
}
