//! Values held against schemas, with the place and the words of each violation.

use super::*;
use crate::schema::{Condition, Number, Property, Type, Types};
use crate::source::Sources;
use serde_json::json;

/// Builds schemas by hand, each with a place of its own.
struct Builder {
    schemas: Schemas,
    sources: Sources,
}

impl Builder {
    fn new() -> Self {
        Self {
            schemas: Schemas::default(),
            sources: Sources::default(),
        }
    }

    fn any(&mut self) -> SchemaId {
        let number = self.schemas.len();
        let file = self
            .sources
            .find("api.yaml")
            .unwrap_or_else(|| self.sources.add("api.yaml", "schemas"));
        self.schemas
            .reserve(Span::new(file, number, number + 1), format!("#/{number}"))
    }

    fn of(&mut self, kind: Type) -> SchemaId {
        let id = self.any();
        self.schemas.schema_mut(id).types = Types::only(kind);
        id
    }

    fn object(&mut self, fields: &[(&str, SchemaId)], required: &[&str]) -> SchemaId {
        let id = self.of(Type::Object);
        let span = self.schemas.schema(id).span;
        let object = &mut self.schemas.schema_mut(id).object;
        for (name, schema) in fields {
            let property = Property {
                span,
                schema: *schema,
            };
            object.properties.insert((*name).to_owned(), property);
        }
        object.required = required.iter().map(|name| (*name).to_owned()).collect();
        id
    }

    fn messages(&self, id: SchemaId, value: &Value) -> Vec<String> {
        Conformance::new(&self.schemas, id, Direction::Response)
            .expect("the schema compiles")
            .check(value)
            .into_iter()
            .map(|v| format!("{} {}: {}", v.path, v.keyword, v.message))
            .collect()
    }
}

#[test]
fn violations_name_the_place_in_the_value_and_the_place_of_the_schema() {
    let mut build = Builder::new();
    let price = build.of(Type::Number);
    let item = build.object(&[("unit price", price)], &["unit price"]);
    let items = build.of(Type::Array);
    build.schemas.schema_mut(items).array.items = Some(item);
    let order = build.object(&[("items", items)], &["items", "id"]);

    let conformance =
        Conformance::new(&build.schemas, order, Direction::Response).expect("compiles");
    let found =
        conformance.check(&json!({ "items": [{ "unit price": 1 }, { "unit price": "1" }] }));
    let find = |keyword: &str| {
        found
            .iter()
            .find(|violation| violation.keyword == keyword)
            .unwrap_or_else(|| panic!("{keyword} in {found:?}"))
    };
    let wrong = find("type");
    assert_eq!(wrong.path, "$.items[1]['unit price']");
    assert_eq!(wrong.message, "expected number, found string \"1\"");
    assert_eq!(wrong.place, build.schemas.schema(price).span);
    let missing = find("required");
    assert_eq!(missing.path, "$");
    assert_eq!(missing.message, "the field \"id\" is missing");
    assert_eq!(missing.place, build.schemas.schema(order).span);
    assert_eq!(found.len(), 2);
}

#[test]
fn keywords_are_kept_and_said_in_our_words() {
    let mut build = Builder::new();
    let number = |text: &str| Number::parse(text);
    let mut rows: Vec<(SchemaId, Value, &str)> = Vec::new();

    let id = build.of(Type::Integer);
    build.schemas.schema_mut(id).format = Some("int32".to_owned());
    rows.push((
        id,
        json!(2_147_483_648_u64),
        "$ maximum: expected at most 2147483647, found 2147483648",
    ));
    let id = build.of(Type::Number);
    build.schemas.schema_mut(id).number.exclusive_minimum = number("0");
    rows.push((
        id,
        json!(0),
        "$ exclusiveMinimum: expected more than 0, found 0",
    ));
    let id = build.of(Type::String);
    build.schemas.schema_mut(id).format = Some("uuid".to_owned());
    rows.push((
        id,
        json!("x"),
        "$ format: expected text of format `uuid`, found \"x\"",
    ));
    let id = build.of(Type::String);
    build.schemas.schema_mut(id).format = Some("decimal".to_owned());
    rows.push((
        id,
        json!("1e3"),
        "$ format: expected text of format `decimal`, found \"1e3\"",
    ));
    let id = build.of(Type::String);
    build.schemas.schema_mut(id).string.pattern = Some("^(?!no)".to_owned());
    rows.push((
        id,
        json!("nope"),
        "$ pattern: expected text that matches `^(?!no)`, found \"nope\"",
    ));
    let id = build.any();
    build.schemas.schema_mut(id).enumeration = Some(vec![json!("a"), json!(2)]);
    rows.push((
        id,
        json!("b"),
        "$ enum: expected one of \"a\", 2, found \"b\"",
    ));
    let id = build.any();
    build.schemas.schema_mut(id).never = true;
    rows.push((
        id,
        json!([]),
        "$ falseSchema: nothing is allowed here, found an array of 0",
    ));
    let (test, then) = (build.of(Type::String), build.any());
    build.schemas.schema_mut(then).string.max_length = Some(2);
    let id = build.any();
    build.schemas.schema_mut(id).condition = Some(Condition {
        test,
        then: Some(then),
        otherwise: None,
    });
    rows.push((
        id,
        json!("abc"),
        "$ maxLength: expected at most 2 characters, found \"abc\"",
    ));

    for (id, value, message) in rows {
        assert_eq!(build.messages(id, &value), [message], "{value}");
    }
}

#[test]
fn of_alternatives_the_one_that_was_meant_explains() {
    let mut build = Builder::new();
    let (text, null) = (build.of(Type::String), build.of(Type::Null));
    let object = build.object(&[("name", text)], &["name"]);
    let id = build.any();
    build.schemas.schema_mut(id).any_of = vec![object, null];
    assert_eq!(
        build.messages(id, &json!({})),
        ["$ required: the field \"name\" is missing"]
    );
    assert_eq!(
        build.messages(id, &json!(3)),
        ["$ anyOf: none of the 2 alternatives accepts 3"]
    );
}

#[test]
fn what_goes_only_the_other_way_is_not_required() {
    let mut build = Builder::new();
    let (id, secret) = (build.of(Type::String), build.of(Type::String));
    build.schemas.schema_mut(id).notes.read_only = true;
    build.schemas.schema_mut(secret).notes.write_only = true;
    let named = build.any();
    build.schemas.schema_mut(named).reference = Some(id);
    let user = build.object(&[("id", named), ("secret", secret)], &["id", "secret"]);
    let accepts = |direction, value: Value| {
        Conformance::new(&build.schemas, user, direction)
            .expect("compiles")
            .accepts(&value)
    };
    assert!(accepts(Direction::Request, json!({ "secret": "s" })));
    assert!(!accepts(Direction::Request, json!({ "id": "i" })));
    assert!(accepts(Direction::Response, json!({ "id": "i" })));
    assert!(!accepts(Direction::Response, json!({ "secret": "s" })));
}

#[test]
fn recursion_through_fields_is_checked_and_through_itself_refused() {
    let mut build = Builder::new();
    let node = build.object(&[], &[]);
    let span = build.schemas.schema(node).span;
    let next = Property { span, schema: node };
    let object = &mut build.schemas.schema_mut(node).object;
    object.properties.insert("next".to_owned(), next);
    assert_eq!(
        build.messages(node, &json!({ "next": { "next": 1 } })),
        ["$.next.next type: expected object, found integer 1"]
    );

    let (a, b) = (build.any(), build.any());
    build.schemas.schema_mut(a).all_of = vec![b];
    build.schemas.schema_mut(b).any_of = vec![a];
    let refused = Conformance::new(&build.schemas, a, Direction::Request).expect_err("a cycle");
    assert_eq!(refused.reason, "it is part of itself");
    let c = build.any();
    build.schemas.schema_mut(c).reference = Some(c);
    assert!(Conformance::new(&build.schemas, c, Direction::Request).is_err());
}

#[test]
fn a_pattern_that_cannot_be_compiled_is_an_error_with_its_place() {
    let mut build = Builder::new();
    let text = build.of(Type::String);
    build.schemas.schema_mut(text).string.pattern = Some("(".to_owned());
    let id = build.object(&[("a", text)], &[]);
    let refused = Conformance::new(&build.schemas, id, Direction::Request).expect_err("refused");
    assert_eq!(refused.place, build.schemas.schema(text).span, "{refused}");
}

#[test]
fn a_pattern_that_explodes_comes_to_an_end_and_does_not_pass() {
    let mut build = Builder::new();
    let id = build.of(Type::String);
    build.schemas.schema_mut(id).string.pattern = Some("(?i)(a|b|ab)*(?=c)".to_owned());
    let messages = build.messages(id, &json!("ab".repeat(40)));
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].starts_with("$ pattern: "), "{messages:?}");
}

#[test]
fn each_schema_is_compiled_once_for_each_direction() {
    let mut build = Builder::new();
    let id = build.of(Type::String);
    let all = Conformances::new(&build.schemas);
    let first = all.of(id, Direction::Request).expect("compiles");
    let again = all.of(id, Direction::Request).expect("compiles");
    assert!(Arc::ptr_eq(&first, &again));
    let other = all.of(id, Direction::Response).expect("compiles");
    assert!(!Arc::ptr_eq(&first, &other));
}

#[test]
fn the_document_holds_what_can_be_reached_and_nothing_else() {
    let mut build = Builder::new();
    let text = build.of(Type::String);
    build.of(Type::Boolean);
    let id = build.object(&[("a", text)], &["a"]);
    assert_eq!(
        to_json_schema(&build.schemas, id, Direction::Request),
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": "#/$defs/s0",
            "$defs": {
                "s0": {
                    "type": "object",
                    "required": ["a"],
                    "properties": { "a": { "$ref": "#/$defs/s1" } },
                },
                "s1": { "type": "string" },
            },
        })
    );
}
