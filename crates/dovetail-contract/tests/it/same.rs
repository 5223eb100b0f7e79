//! Whether two models say the same, wherever their schemas stand and whatever those without a name of their own are called.

use std::collections::HashSet;

use dovetail_contract::contract::Messaging;
use dovetail_contract::schema::{Notes, Schema, SchemaId, Schemas};

/// Says what differs between the messages of two models.
pub(crate) fn messages(a: &Messaging, b: &Messaging) -> Result<(), String> {
    let names = |of: &Messaging| of.provides.keys().cloned().collect::<Vec<_>>();
    equal("names", &names(a), &names(b))?;
    for (name, one) in &a.provides {
        let other = &b.provides[name];
        let said = |message: &dovetail_contract::contract::Message| {
            let text = |said: &Option<dovetail_contract::source::Spanned<String>>| {
                said.as_ref().map(|said| said.value.clone())
            };
            let of_itself = (
                message.kind,
                message.content_type.clone(),
                message.deprecated,
            );
            let described = message.description.clone();
            (
                text(&message.key),
                text(&message.channel),
                of_itself,
                described,
            )
        };
        equal(name, &said(one), &said(other))?;
        match (one.schema, other.schema) {
            (Some(one), Some(other)) => {
                schemas((&a.schemas, one), (&b.schemas, other))
                    .map_err(|why| format!("{name}: {why}"))?;
            }
            (one, other) => equal(name, &one.is_some(), &other.is_some())?,
        }
    }
    Ok(())
}

/// Says what differs between two schemas.
pub(crate) fn schemas(
    (a, at): (&Schemas, SchemaId),
    (b, bt): (&Schemas, SchemaId),
) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut stack = vec![(at, bt, String::new())];
    while let Some((at, bt, path)) = stack.pop() {
        let (at, bt) = (plain(a, at), plain(b, bt));
        if !seen.insert((at, bt)) {
            continue;
        }
        let (one, other) = (a.schema(at), b.schema(bt));
        if is_never(a, at) && is_never(b, bt) {
            continue;
        }
        equal(&path, &own(one), &own(other))?;
        let (ones, others) = (parts(one), parts(other));
        let names = |parts: &[(String, SchemaId)]| {
            parts
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        equal(&path, &names(&ones), &names(&others))?;
        for ((name, one), (_, other)) in ones.into_iter().zip(others) {
            stack.push((one, other, format!("{path}/{name}")));
        }
    }
    Ok(())
}

fn equal<T: PartialEq + std::fmt::Debug>(path: &str, a: &T, b: &T) -> Result<(), String> {
    match a == b {
        true => Ok(()),
        false => Err(format!("{path}: {a:?} and {b:?}")),
    }
}

/// What references lead to that say nothing else.
fn plain(schemas: &Schemas, id: SchemaId) -> SchemaId {
    let mut at = id;
    while let schema = schemas.schema(at)
        && let Some(target) = schema.reference
        && schema.is_only_reference()
        && schema.notes == Notes::default()
    {
        at = target;
    }
    at
}

/// Whether nothing is accepted: by `false`, or by what is no value at all.
fn is_never(schemas: &Schemas, id: SchemaId) -> bool {
    let schema = schemas.schema(id);
    let refused = schema.not.map(|id| schemas.schema(id));
    schema.never
        || refused.is_some_and(|refused| own(refused) == own(&Schema::any(refused.span, "")))
}

/// What a schema says itself, without those that it names.
fn own(schema: &Schema) -> String {
    let (string, array, object) = (&schema.string, &schema.array, &schema.object);
    let discriminator = schema.discriminator.as_ref().map(|said| &said.property);
    format!(
        "{:?}",
        (
            (
                schema.never,
                schema.types,
                &schema.format,
                &schema.enumeration,
                &schema.constant
            ),
            (
                &schema.enumeration_names,
                &schema.enumeration_descriptions,
                discriminator
            ),
            (
                &schema.number,
                string.min_length,
                string.max_length,
                &string.pattern
            ),
            (
                &string.content_encoding,
                &string.content_media_type,
                &schema.notes
            ),
            (
                array.min_contains,
                array.max_contains,
                array.min_items,
                array.max_items,
                array.unique_items
            ),
            (
                &object.required,
                object.min_properties,
                object.max_properties,
                &object.dependent_required
            ),
        )
    )
}

/// The schemas that one names, by what they are to it. What stands beside a reference holds as if both were parts of `allOf`.
fn parts(schema: &Schema) -> Vec<(String, SchemaId)> {
    let (string, array, object) = (&schema.string, &schema.array, &schema.object);
    let mut all: Vec<(String, SchemaId)> = Vec::new();
    let mut put = |name: &str, ids: Vec<SchemaId>| {
        all.extend(ids.into_iter().map(|id| (name.to_owned(), id)));
    };
    let is_only = schema.is_only_reference();
    put(
        if is_only { "$ref" } else { "allOf" },
        schema.reference.into_iter().collect(),
    );
    put("allOf", schema.all_of.clone());
    put("anyOf", schema.any_of.clone());
    put("oneOf", schema.one_of.clone());
    put("not", schema.not.into_iter().collect());
    put("items", array.items.into_iter().collect());
    put("prefixItems", array.prefix_items.clone());
    put("unevaluatedItems", array.unevaluated.into_iter().collect());
    put("contains", array.contains.into_iter().collect());
    put("additional", object.additional.into_iter().collect());
    put("unevaluated", object.unevaluated.into_iter().collect());
    put("propertyNames", object.property_names.into_iter().collect());
    put("contentSchema", string.content_schema.into_iter().collect());
    if let Some(condition) = schema.condition {
        put("if", vec![condition.test]);
        put("then", condition.then.into_iter().collect());
        put("else", condition.otherwise.into_iter().collect());
    }
    if let Some(discriminator) = &schema.discriminator {
        put("default", discriminator.fallback.into_iter().collect());
        for (tag, id) in &discriminator.mapping {
            put(&format!("tag {tag}"), vec![*id]);
        }
    }
    for (name, property) in &object.properties {
        put(&format!("property {name}"), vec![property.schema]);
    }
    for (name, id) in object
        .pattern_properties
        .iter()
        .chain(&object.dependent_schemas)
    {
        put(name, vec![*id]);
    }
    all
}
