//! What a schema promises of a field, over references, parts and branches.

use super::*;
use dovetail_contract::expect::Matcher;
use dovetail_contract::schema::{Discriminator, Property};
use dovetail_contract::source::{Sources, Spanned};
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
fn values_without_a_type_say_what_it_is() {
    let mut build = Builder::default();
    let texts = build.with(|schema| schema.enumeration = Some(vec![json!("a"), json!(null)]));
    let integers = build.with(|schema| schema.enumeration = Some(vec![json!(1), json!(2)]));
    let null = build.of(Type::Null);
    let maybe = build.with(|schema| schema.any_of = vec![integers, null]);
    let promise = |id| Promise::of(&build.schemas, [id]).expect("few shapes");
    assert_eq!(promise(texts).types(), [Type::String]);
    assert!(promise(texts).names_null().is_some());
    assert_eq!(promise(integers).types(), [Type::Integer]);
    let values = [json!(1), json!(2), json!(null)];
    assert_eq!(promise(maybe).values(), Some(values.iter().collect()));
}

#[test]
fn fields_are_described_by_the_pattern_of_their_name() {
    let mut build = Builder::default();
    let text = build.of(Type::String);
    let never = build.with(|schema| schema.never = true);
    let labels = build.with(|schema| {
        schema
            .object
            .pattern_properties
            .insert("^x-".to_owned(), text);
        schema.object.additional = Some(never);
    });
    assert_eq!(build.presence(labels, "x-a"), Some(Presence::Sometimes));
    assert_eq!(build.presence(labels, "a"), Some(Presence::Undeclared));
}

#[test]
fn who_reads_a_tag_reads_the_branch_that_bears_it() {
    let mut build = Builder::default();
    let text = build.of(Type::String);
    let card = build.object(&[("kind!", text), ("last4!", text)]);
    let bank = build.object(&[("kind!", text), ("iban!", text)]);
    build.schemas.schema_mut(card).name = Some("Card".to_owned());
    build.schemas.schema_mut(bank).name = Some("Bank".to_owned());
    let reference = build.with(|schema| schema.reference = Some(card));
    let constant = |value| move |schema: &mut Schema| schema.constant = Some(json!(value));
    let (one, two) = (build.with(constant("one")), build.with(constant("two")));
    let first = build.object(&[("kind!", one), ("last4!", text)]);
    let second = build.object(&[("kind!", two), ("iban!", text)]);
    let span = build.schemas.schema(card).span;
    let tagged = |mapping: &[(&str, SchemaId)]| Discriminator {
        span,
        property: "kind".to_owned(),
        mapping: mapping
            .iter()
            .map(|(tag, id)| ((*tag).to_owned(), *id))
            .collect(),
        fallback: None,
    };
    let mut union = |branches: &[SchemaId], by: Option<Discriminator>| {
        build.with(|schema| {
            schema.one_of = branches.to_vec();
            schema.discriminator = by;
        })
    };
    let named = union(&[reference, bank], Some(tagged(&[])));
    let mapped = union(
        &[reference, bank],
        Some(tagged(&[("c", card), ("b", bank)])),
    );
    let constants = union(&[first, second], None);
    let untagged = union(&[card, bank], None);
    let rows = [
        (named, "Card", Presence::Always),
        (named, "Bank", Presence::Undeclared),
        (named, "neither", Presence::Sometimes),
        (mapped, "c", Presence::Always),
        (mapped, "b", Presence::Undeclared),
        (constants, "one", Presence::Always),
        (constants, "two", Presence::Undeclared),
        (untagged, "card", Presence::Sometimes),
    ];
    for (id, tag, presence) in rows {
        let mut kind = Matcher::anything(span, span);
        kind.equals = Some(Spanned::new(json!(tag), span));
        let mut matcher = Matcher::anything(span, span);
        matcher.fields.insert("kind".to_owned(), kind);
        let promise = Promise::of(&build.schemas, [id]).expect("few shapes");
        let found = promise.narrowed(&matcher).field("last4");
        assert_eq!(found.map(|field| field.presence), Some(presence), "{tag}");
    }
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
