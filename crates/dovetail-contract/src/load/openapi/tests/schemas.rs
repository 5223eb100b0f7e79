//! Schemas of every version become those of one.

use super::{read_files, read_schemas, types};
use crate::schema::{Number, Type, Types};

#[test]
fn types_are_read_in_every_spelling() {
    let rows = [
        ("3.0.3", "{type: string}", types(&[Type::String])),
        (
            "3.1.0",
            "{type: [string, 'null']}",
            types(&[Type::String, Type::Null]),
        ),
        (
            "3.1.0",
            "{type: [string, null]}",
            types(&[Type::String, Type::Null]),
        ),
        (
            "3.0.3",
            "{type: integer, nullable: true}",
            types(&[Type::Integer, Type::Null]),
        ),
        (
            "3.0.3",
            "{type: integer, nullable: false}",
            types(&[Type::Integer]),
        ),
        (
            "3.1.0",
            "{type: integer, nullable: true}",
            types(&[Type::Integer, Type::Null]),
        ),
        ("3.0.3", "{nullable: true}", Types::default()),
        ("3.0.3", "{}", Types::default()),
        ("3.1.0", "true", Types::default()),
        ("3.1.0", "{type: []}", Types::default()),
    ];
    for (version, text, expected) in rows {
        let read = read_schemas(version, &format!("S: {text}")).quiet();
        assert_eq!(read.named("S").types, expected, "{text}");
    }
}

#[test]
fn sloppy_types_are_warnings() {
    let rows = [
        ("{type: file}", types(&[Type::String]), "`file` is no type"),
        ("{type: any}", Types::default(), "`any` is no type"),
        (
            "{type: String}",
            types(&[Type::String]),
            "`String` is no type",
        ),
        ("{type: int}", types(&[Type::Integer]), "`int` is no type"),
        (
            "{type: [string, any]}",
            Types::default(),
            "`any` is no type",
        ),
        ("{type: 5}", Types::default(), "`type` is a number"),
    ];
    for (text, expected, said) in rows {
        let read = read_schemas("3.0.3", &format!("S: {text}"));
        assert_eq!(read.named("S").types, expected, "{text}");
        assert_eq!(read.said.len(), 1, "{text}: {:?}", read.said);
        assert!(read.said[0].contains("warning"), "{:?}", read.said);
        assert!(read.said[0].contains(said), "{:?}", read.said);
    }
}

#[test]
fn nullable_means_null_wherever_it_is_written() {
    let read = read_schemas(
        "3.0.3",
        "Enum: {type: string, enum: [a, b], nullable: true}\n\
         Has: {enum: [a, null], nullable: true}\n\
         Ref: {$ref: '#/components/schemas/Enum', nullable: true, description: d}\n\
         All: {allOf: [{$ref: '#/components/schemas/Enum'}], nullable: true}\n\
         One: {oneOf: [{type: string}, {type: integer}], nullable: true}\n\
         Idiom: {anyOf: [{type: string}, {nullable: true, description: d}]}\n\
         Any: {anyOf: [{type: string}, {description: d}]}\n",
    )
    .quiet();
    let values = |name| read.named(name).enumeration.clone();
    assert_eq!(
        values("Enum"),
        Some(vec!["a".into(), "b".into(), serde_json::Value::Null])
    );
    assert_eq!(
        values("Has"),
        Some(vec!["a".into(), serde_json::Value::Null])
    );
    let null = |id| read.at(id).types == Types::only(Type::Null);
    for name in ["Ref", "All"] {
        let schema = read.named(name);
        let [inner, other] = schema.any_of[..] else {
            panic!("{name} has two branches");
        };
        assert!(null(other));
        let inner = read.at(inner);
        assert!(inner.reference.is_some() || inner.all_of.len() == 1);
        assert_eq!((schema.reference, schema.all_of.len()), (None, 0));
    }
    assert_eq!(read.named("Ref").notes.description.as_deref(), Some("d"));
    let one = read.named("One");
    assert_eq!(one.one_of.len(), 3);
    assert!(null(one.one_of[2]));
    assert!(null(read.named("Idiom").any_of[1]));
    assert!(read.at(read.named("Any").any_of[1]).types.is_any());
}

#[test]
fn older_shapes_become_those_of_2020_12() {
    let read = read_schemas(
        "3.0.3",
        "Low: {type: number, minimum: 1, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false}\n\
         New: {type: number, exclusiveMinimum: 1.50, multipleOf: 1e-2}\n\
         Tuple: {type: array, items: [{type: string}, {type: integer}], additionalItems: false}\n\
         Open: {type: object, additionalProperties: true}\n\
         Closed: {type: object, additionalProperties: false}\n\
         Big: {type: integer, maximum: 18446744073709551616}\n\
         Two: {type: string, enum: [a, b, a], x-enum-varnames: [First, Second, Third], example: a}\n",
    )
    .quiet();
    let low = &read.named("Low").number;
    assert_eq!(low.minimum, None);
    let text = |number: &Option<Number>| number.as_ref().map(|number| number.as_str().to_owned());
    assert_eq!(text(&low.exclusive_minimum).as_deref(), Some("1"));
    assert_eq!(text(&low.maximum).as_deref(), Some("9"));
    let new = &read.named("New").number;
    assert_eq!(text(&new.exclusive_minimum).as_deref(), Some("1.50"));
    assert_eq!(text(&new.multiple_of).as_deref(), Some("1e-2"));
    let tuple = &read.named("Tuple").array;
    assert_eq!(tuple.prefix_items.len(), 2);
    assert!(tuple.items.is_some_and(|items| read.at(items).never));
    let additional = |name| {
        read.named(name)
            .object
            .additional
            .map(|id| read.at(id).never)
    };
    assert_eq!(additional("Open"), Some(false));
    assert_eq!(additional("Closed"), Some(true));
    let big = text(&read.named("Big").number.maximum);
    assert_eq!(big.as_deref(), Some("18446744073709551616"));
    let two = read.named("Two");
    assert_eq!(two.enumeration, Some(vec!["a".into(), "b".into()]));
    assert_eq!(two.enumeration_names, ["First", "Second"]);
    assert_eq!(two.notes.examples, [serde_json::json!("a")]);
}

#[test]
fn keywords_of_2020_12_are_kept() {
    let read = read_schemas(
        "3.1.0",
        "S:\n  $ref: '#/components/schemas/T'\n  description: d\n  maxLength: 3\n\
         T:\n  const: x\n  contentEncoding: base64\n  contentMediaType: image/png\n  examples: [x, y]\n\
         O:\n  type: object\n  required: [a, a]\n  properties: {a: true, $ref: {type: string}}\n  patternProperties: {'^x': {}}\n  propertyNames: {maxLength: 3}\n  dependentRequired: {a: [b]}\n  dependentSchemas: {a: {}}\n  unevaluatedProperties: false\n  if: {}\n  then: {}\n\
         A:\n  type: array\n  prefixItems: [{}]\n  contains: {}\n  minContains: 2\n  uniqueItems: true\n  $defs: {Inner: {type: string}}\n  items: {$ref: '#/components/schemas/A/$defs/Inner'}\n",
    )
    .quiet();
    let s = read.named("S");
    assert!(
        s.reference
            .is_some_and(|id| read.at(id).name.as_deref() == Some("T"))
    );
    assert_eq!(s.string.max_length, Some(3));
    assert_eq!(s.notes.description.as_deref(), Some("d"));
    let t = read.named("T");
    assert_eq!(t.constant, Some("x".into()));
    assert_eq!(t.string.content_encoding.as_deref(), Some("base64"));
    assert_eq!(t.notes.examples.len(), 2);
    let o = &read.named("O").object;
    assert_eq!(o.required, ["a"]);
    assert_eq!(o.properties.keys().collect::<Vec<_>>(), ["a", "$ref"]);
    assert_eq!(o.pattern_properties.len(), 1);
    assert!(o.property_names.is_some());
    assert_eq!(o.dependent_required["a"], ["b"]);
    assert_eq!(o.dependent_schemas.len(), 1);
    let condition = read.named("O").condition.expect("it has a condition");
    assert!(condition.then.is_some() && condition.otherwise.is_none());
    let a = &read.named("A").array;
    assert_eq!((a.min_contains, a.unique_items), (Some(2), true));
    let inner = a.items.map(|id| read.api.schemas.resolve(id));
    assert_eq!(
        inner.and_then(|id| read.at(id).name.as_deref()),
        Some("Inner")
    );
}

#[test]
fn siblings_of_a_reference_hold_from_3_1_on() {
    let text =
        "S: {$ref: '#/components/schemas/T', maxLength: 3, deprecated: true}\nT: {type: string}\n";
    let old = read_schemas("3.0.3", text).quiet();
    let new = read_schemas("3.1.0", text).quiet();
    assert_eq!(old.named("S").string.max_length, None);
    assert_eq!(new.named("S").string.max_length, Some(3));
    assert!(old.named("S").notes.deprecated && new.named("S").notes.deprecated);
}

#[test]
fn a_discriminator_names_branches_by_pointer_by_name_and_by_file() {
    let read = read_files(&[
        (
            "openapi.yaml",
            "openapi: 3.0.3\ninfo: {title: t, version: v}\npaths: {}\ncomponents:\n  schemas:\n    Pet:\n      oneOf: [{$ref: '#/components/schemas/Cat'}]\n      discriminator:\n        propertyName: kind\n        mapping:\n          cat: '#/components/schemas/Cat'\n          tom: Cat\n          dog: dog.yaml\n          odd: v1.Odd\n          gone: Cta\n    Cat: {type: object}\n    v1.Odd: {type: object}\n",
        ),
        ("dog.yaml", "type: object\n"),
    ]);
    assert_eq!(read.said.len(), 1, "{:?}", read.said);
    assert!(read.said[0].contains("warning dangling-reference: there is no schema `Cta`"));
    let discriminator = read.named("Pet").discriminator.clone().expect("it has one");
    let branches: Vec<_> = discriminator
        .mapping
        .iter()
        .map(|(tag, id)| {
            (
                tag.as_str(),
                read.at(*id).name.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    let expected = [
        ("cat", "Cat"),
        ("tom", "Cat"),
        ("dog", "dog"),
        ("odd", "v1.Odd"),
    ];
    assert_eq!(branches, expected);
}
