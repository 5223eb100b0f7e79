//! What a schema promises of a field, over references, parts and branches.

use super::*;
use dovetail_contract::schema::Property;
use dovetail_contract::source::Sources;
use serde_json::json;

/// Schemas made by hand.
#[derive(Default)]
struct Builder {
    schemas: Schemas,
    sources: Sources,
}

impl Builder {
    fn with(&mut self, change: impl FnOnce(&mut Schema)) -> SchemaId {
        let found = self.sources.find("api.yaml");
        let file = found.unwrap_or_else(|| self.sources.add("api.yaml", "x"));
        let id = self.schemas.reserve(Span::start_of(file), "api.yaml#/");
        change(self.schemas.schema_mut(id));
        id
    }

    fn of(&mut self, kind: Type) -> SchemaId {
        self.with(|schema| schema.types = Types::only(kind))
    }

    /// An object; a name that ends with `!` is required.
    fn object(&mut self, fields: &[(&str, SchemaId)]) -> SchemaId {
        self.with(|schema| {
            schema.types = Types::only(Type::Object);
            for (name, field) in fields {
                let plain = name.trim_end_matches('!').to_owned();
                if name.ends_with('!') {
                    schema.object.required.push(plain.clone());
                }
                let (span, field) = (schema.span, *field);
                let property = Property {
                    span,
                    schema: field,
                };
                schema.object.properties.insert(plain, property);
            }
        })
    }

    fn presence(&self, id: SchemaId, name: &str) -> Option<Presence> {
        let promise = Promise::of(&self.schemas, [id])?;
        promise.field(name).map(|field| field.presence)
    }
}

#[test]
fn a_field_is_promised_only_where_every_shape_promises_it() {
    let mut build = Builder::default();
    let text = build.of(Type::String);
    let both = build.object(&[("a!", text), ("b!", text)]);
    let one = build.object(&[("a!", text), ("b", text)]);
    let other = build.object(&[("a!", text)]);
    let null = build.of(Type::Null);
    let reference = build.with(|schema| schema.reference = Some(both));
    let all = build.with(|schema| schema.all_of = vec![other, reference]);
    let any = build.with(|schema| schema.any_of = vec![both, one]);
    let union = build.with(|schema| schema.one_of = vec![both, other, null]);
    let nothing = build.with(|_| {});
    let rows = [
        (both, "b", Presence::Always),
        (one, "b", Presence::Sometimes),
        (other, "b", Presence::Undeclared),
        (reference, "b", Presence::Always),
        (all, "b", Presence::Always),
        (any, "a", Presence::Always),
        (any, "b", Presence::Sometimes),
        (union, "a", Presence::Always),
        (union, "b", Presence::Sometimes),
        (union, "c", Presence::Undeclared),
        (nothing, "a", Presence::Undeclared),
    ];
    for (id, name, presence) in rows {
        assert_eq!(build.presence(id, name), Some(presence), "{id:?} {name}");
    }
    let of_nothing = Promise::of(&build.schemas, []).expect("no shapes are few");
    let field = of_nothing.field("a").map(|field| field.presence);
    assert_eq!(field, Some(Presence::Undeclared));
}

#[test]
fn what_only_the_consumer_sends_is_not_promised() {
    let mut build = Builder::default();
    let secret = build.with(|schema| schema.notes.write_only = true);
    let reference = build.with(|schema| schema.reference = Some(secret));
    let object = build.object(&[("secret!", reference)]);
    assert_eq!(build.presence(object, "secret"), Some(Presence::Undeclared));
}

#[test]
fn additional_fields_are_described_and_not_promised() {
    let mut build = Builder::default();
    let text = build.of(Type::String);
    let map = build.with(|schema| schema.object.additional = Some(text));
    assert_eq!(build.presence(map, "a"), Some(Presence::Sometimes));
    let never = build.with(|schema| schema.never = true);
    let closed = build.with(|schema| schema.object.additional = Some(never));
    assert_eq!(build.presence(closed, "a"), Some(Presence::Undeclared));
}

#[test]
fn types_and_values_are_those_of_all_shapes() {
    let mut build = Builder::default();
    let (integer, number, text) = (
        build.of(Type::Integer),
        build.of(Type::Number),
        build.of(Type::String),
    );
    let null = build.of(Type::Null);
    let one = build.with(|schema| schema.enumeration = Some(vec![json!("a"), json!("b")]));
    let two = build.with(|schema| schema.constant = Some(json!("c")));
    let mixed = build.with(|schema| schema.any_of = vec![integer, text, null]);
    let listed = build.with(|schema| schema.one_of = vec![one, two]);
    let half = build.with(|schema| schema.one_of = vec![one, text]);
    let promise = |id| Promise::of(&build.schemas, [id]).expect("few shapes");
    assert_eq!(promise(integer).types(), [Type::Integer]);
    assert_eq!(promise(number).types(), [Type::Number]);
    assert_eq!(promise(mixed).types(), [Type::Integer, Type::String]);
    assert!(promise(mixed).names_null().is_some() && promise(half).names_null().is_none());
    assert!(promise(number).allows(Type::Integer) && !promise(listed).allows(Type::Integer));
    let values = [json!("a"), json!("b"), json!("c")];
    assert_eq!(promise(listed).values(), Some(values.iter().collect()));
    assert_eq!(promise(half).values(), None);
}

#[test]
fn what_has_too_many_shapes_or_is_part_of_itself_is_left_alone() {
    let mut build = Builder::default();
    let cycle = build.with(|_| {});
    let text = build.of(Type::String);
    build.schemas.schema_mut(cycle).any_of = vec![text, cycle, cycle];
    assert!(Promise::of(&build.schemas, [cycle]).is_none());
    // Each level doubles: by alternatives in the first tower, by parts that hold at once in the second.
    for combine in [
        (|schema: &mut Schema, id| schema.any_of = vec![id, id]) as fn(&mut Schema, SchemaId),
        |schema, id| schema.all_of = vec![id, id],
    ] {
        let mut top = text;
        for _ in 0..60 {
            top = build.with(|schema| combine(schema, top));
        }
        assert!(Promise::of(&build.schemas, [top]).is_none());
    }
}
