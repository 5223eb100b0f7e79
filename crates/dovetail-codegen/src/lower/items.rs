//! Types of the crate, ready to be printed: documentation, presence of fields, boxes and derives.

use std::collections::HashSet;

use dovetail_contract::schema::{Schema, SchemaId, Type};

use super::graph::BOXED_ABOVE;
use super::operations::OperationDraft;
use super::policies::grouped;
use super::scalar;
use super::spell::{Speller, Uses};
use super::ty::Ty;
use super::types::{Body, Draft, FieldDraft, KindTest, StructBody, Types, UnionBody, WordDraft};
use crate::rust_name::{Casing, Scope};
use crate::{doc, ir, literal};

/// More variants than this are kept in a table rather than in a `match`.
const MATCH_MAX: usize = 60;

/// Which way a type goes.
#[derive(Debug, Clone, Copy, Default)]
struct Directions {
    sent: bool,
    received: bool,
}

/// All types that come from schemas.
pub(super) fn items(
    types: &Types<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
    drafts: &[OperationDraft<'_>],
) -> Vec<ir::TypeItem> {
    let (sent, received) = super::roots(drafts);
    let sent = reachable(&types.drafts, sent);
    let received = reachable(&types.drafts, received);
    let mut items = Vec::new();
    for (index, draft) in types.drafts.iter().enumerate() {
        let ways = Directions {
            sent: sent.contains(&index),
            received: received.contains(&index),
        };
        let docs = type_docs(types, draft);
        items.push(match &draft.body {
            Body::Struct(body) => ir::TypeItem::Struct(structure(
                types,
                speller,
                uses,
                (index, draft, body),
                docs,
                ways,
            )),
            Body::Words(variants) => ir::TypeItem::Words(words(draft, variants, docs, uses)),
            Body::Numbers(repr, variants) => {
                ir::TypeItem::Numbers(numbers(draft, repr, variants, docs, uses))
            }
            Body::Union(body) => {
                ir::TypeItem::Union(union(types, speller, uses, (index, draft, body), docs))
            }
            Body::Open => continue,
        });
    }
    items
}

fn reachable(drafts: &[Draft], roots: Vec<usize>) -> HashSet<usize> {
    let mut found = HashSet::new();
    let mut open = roots;
    while let Some(index) = open.pop() {
        if !found.insert(index) {
            continue;
        }
        match drafts.get(index).map(|draft| &draft.body) {
            Some(Body::Struct(body)) => {
                body.fields
                    .iter()
                    .for_each(|field| field.ty.mentioned(&mut open));
                body.extra
                    .iter()
                    .for_each(|(_, ty)| ty.mentioned(&mut open));
            }
            Some(Body::Union(body)) => body
                .variants
                .iter()
                .for_each(|variant| variant.ty.mentioned(&mut open)),
            _ => {}
        }
    }
    found
}

fn structure(
    types: &Types<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
    (index, draft, body): (usize, &Draft, &StructBody),
    docs: Vec<String>,
    ways: Directions,
) -> ir::Struct {
    let mut locals = Scope::with(&["fields", "name", "rest", "drop"]);
    let fields: Vec<ir::Field> = body
        .fields
        .iter()
        .map(|field| {
            // A long variable would break its line, and a lint wants another form then.
            let local: String = field
                .name
                .trim_start_matches("r#")
                .chars()
                .take(32)
                .collect();
            let local = locals.claim(local.trim_end_matches('_'), Casing::Snake);
            ir::Field {
                local,
                ..wire_field(types, speller, uses, (index, field), ways)
            }
        })
        .collect();
    let extra = body.extra.as_ref().map(|(name, ty)| ir::Extra {
        name: name.clone(),
        ty: speller.owned(ty, uses),
    });
    let eq = if speller.graph.type_has_float(index) {
        ""
    } else {
        ", Eq"
    };
    uses.add("serde", "Serialize");
    uses.add("serde", "Deserialize");
    let read = if extra.is_some() {
        uses.add("serde", "Deserializer");
        uses.add("serde::de", "MapAccess");
        uses.add("dovetail_client", "decode");
        ""
    } else {
        ", Deserialize"
    };
    ir::Struct {
        docs,
        name: draft.name.clone(),
        derives: format!("Debug, Clone, PartialEq{eq}, Serialize{read}"),
        fields: without_many_bools(fields),
        extra,
    }
}

/// Readers, and a lint, lose track of many fields that are just true or false; an alias at least says what they are.
pub(super) fn without_many_bools(mut fields: Vec<ir::Field>) -> Vec<ir::Field> {
    const BOOLS_MAX: usize = 3;
    if fields.iter().filter(|field| field.ty == "bool").count() > BOOLS_MAX {
        for field in fields.iter_mut().filter(|field| field.ty == "bool") {
            field.ty = "Flag".to_owned();
        }
    }
    fields
}

fn wire_field(
    types: &Types<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
    (owner, field): (usize, &FieldDraft),
    ways: Directions,
) -> ir::Field {
    let schema = field.origin.map(|id| types.views.schemas.schema(id));
    // Who sends a type need not give what only the provider knows, and who receives it cannot expect what is never told.
    let is_one_way = schema.is_some_and(|schema| {
        (schema.notes.read_only && ways.sent) || (schema.notes.write_only && ways.received)
    });
    let required = field.required && !is_one_way;
    let mut spelled = speller.owned(&field.ty, uses);
    if speller.graph.needs_box(owner, &field.ty) {
        spelled = format!("Box<{spelled}>");
    }
    let nullable = field.nullable && field.ty != Ty::Value;
    let mut serde = Vec::new();
    if field.name.trim_start_matches("r#") != field.wire {
        serde.push(format!("rename = {}", literal::rust(&field.wire)));
    }
    let (ty, read) = match (required, nullable) {
        (true, false) => (spelled, "required()?"),
        (true, true) => {
            serde.push(
                "deserialize_with = \"dovetail_client::decode::required_nullable\"".to_owned(),
            );
            (format!("Option<{spelled}>"), "required()?")
        }
        (false, false) => {
            serde.push("skip_serializing_if = \"Option::is_none\"".to_owned());
            (format!("Option<{spelled}>"), "or_default()")
        }
        (false, true) => {
            serde.extend([
                "default".to_owned(),
                "skip_serializing_if = \"Patch::is_absent\"".to_owned(),
            ]);
            uses.runtime(&["types::Patch"]);
            (format!("Patch<{spelled}>"), "or_default()")
        }
    };
    ir::Field {
        docs: field_docs(field, schema, speller),
        serde,
        name: field.name.clone(),
        local: String::new(),
        ty,
        wire: literal::rust(&field.wire),
        read: read.to_owned(),
    }
}

fn field_docs(field: &FieldDraft, schema: Option<&Schema>, speller: &Speller<'_>) -> Vec<String> {
    let description = schema.and_then(|schema| schema.notes.description.as_deref());
    let mut docs = doc::lines(description.unwrap_or_default());
    if docs.is_empty() {
        docs = doc::wrap(&format!(
            "{}, {}.",
            doc::code(&field.wire),
            speller.words(&field.ty)
        ));
    }
    if let Some(schema) = schema {
        add_limits(&mut docs, schema, schema.notes.deprecated);
    }
    docs
}

/// Adds what a schema allows, and whether callers should move away from it.
pub(super) fn add_limits(docs: &mut Vec<String>, schema: &Schema, deprecated: bool) {
    if let Some(limits) = scalar::limits(schema) {
        docs.extend([String::new(), limits]);
    }
    if deprecated {
        docs.extend([String::new(), "Deprecated.".to_owned()]);
    }
}

fn type_docs(types: &Types<'_>, draft: &Draft) -> Vec<String> {
    let schema = types.views.schemas.schema(draft.origin);
    let mut docs = doc::lines(schema.notes.description.as_deref().unwrap_or_default());
    if docs.is_empty() {
        let title = schema
            .notes
            .title
            .as_deref()
            .filter(|title| title.contains(' '))
            .unwrap_or_default();
        docs = doc::wrap(&doc::sentence(title));
    }
    if docs.is_empty() {
        let what = match &draft.body {
            Body::Struct(_) => "an object",
            Body::Words(_) => "one of several strings",
            Body::Numbers(..) => "one of several integers",
            Body::Union(_) | Body::Open => "one of several types",
        };
        docs = doc::wrap(&format!(
            "{}, {what}.",
            doc::code(schema.name.as_deref().unwrap_or(&draft.name))
        ));
    }
    if schema.notes.deprecated {
        docs.extend([String::new(), "Deprecated.".to_owned()]);
    }
    docs
}

fn words(draft: &Draft, variants: &[WordDraft], docs: Vec<String>, uses: &mut Uses) -> ir::Words {
    for item in ["Deserialize", "Deserializer", "Serialize", "Serializer"] {
        uses.add("serde", item);
    }
    uses.add("std", "fmt");
    uses.add("dovetail_client", "decode");
    uses.runtime(&["types::UnknownValue"]);
    let variant = |word: &WordDraft| ir::Word {
        docs: vec![format!("{}.", doc::code(&word.value))],
        name: word.name.clone(),
        value: literal::rust(&word.value),
    };
    ir::Words {
        docs,
        name: draft.name.clone(),
        variants: variants.iter().map(variant).collect(),
        is_long: variants.len() > MATCH_MAX,
    }
}

fn numbers(
    draft: &Draft,
    repr: &str,
    variants: &[WordDraft],
    docs: Vec<String>,
    uses: &mut Uses,
) -> ir::Numbers {
    for item in ["Deserialize", "Deserializer", "Serialize", "Serializer"] {
        uses.add("serde", item);
    }
    let variant = |word: &WordDraft| {
        let digits = word.value.trim_start_matches('-');
        let sign = if word.value.starts_with('-') { "-" } else { "" };
        let digits = digits.parse().map_or_else(|_| digits.to_owned(), grouped);
        ir::Word {
            docs: vec![format!("{}.", word.value)],
            name: word.name.clone(),
            value: format!("{sign}{digits}"),
        }
    };
    ir::Numbers {
        docs,
        name: draft.name.clone(),
        repr: repr.to_owned(),
        variants: variants.iter().map(variant).collect(),
        is_long: variants.len() > MATCH_MAX,
    }
}

fn union(
    types: &Types<'_>,
    speller: &Speller<'_>,
    uses: &mut Uses,
    (index, draft, body): (usize, &Draft, &UnionBody),
    docs: Vec<String>,
) -> ir::Union {
    for item in ["Deserialize", "Deserializer", "Serialize", "Serializer"] {
        uses.add("serde", item);
    }
    uses.runtime(&["types::UnknownVariant"]);
    uses.add("dovetail_client", "decode");
    let variants: Vec<ir::Variant> = body
        .variants
        .iter()
        .enumerate()
        .map(|(at, variant)| {
            let spelled = speller.owned(&variant.ty, uses);
            let boxed = speller.graph.needs_box(index, &variant.ty)
                || speller.graph.size(&variant.ty) > BOXED_ABOVE;
            let ty = if boxed {
                format!("Box<{spelled}>")
            } else {
                spelled
            };
            ir::Variant {
                docs: variant_docs(types, speller, variant.origin, &variant.ty),
                name: variant.name.clone(),
                ty,
                write: write(types, body, at, uses),
            }
        })
        .collect();
    let name_of = |index: usize| {
        variants
            .get(index)
            .map(|variant| variant.name.clone())
            .unwrap_or_default()
    };
    let arms = body.tags.iter().map(|(tags, index)| {
        let tags: Vec<String> = tags.iter().map(|tag| literal::rust(tag)).collect();
        ir::Arm {
            pattern: format!("Some({})", tags.join(" | ")),
            variant: name_of(*index),
        }
    });
    let tests = body.kinds.iter().map(|(test, index)| ir::Arm {
        pattern: condition(test),
        variant: name_of(*index),
    });
    let eq = if speller.graph.type_has_float(index) {
        ""
    } else {
        ", Eq"
    };
    ir::Union {
        docs,
        name: draft.name.clone(),
        derives: format!("Debug, Clone, PartialEq{eq}"),
        tag: body.tag.as_deref().map(literal::rust),
        arms: arms.collect(),
        tests: tests.collect(),
        variants,
    }
}

/// The expression that writes a variant, with its tag where its type may leave that out.
fn write(types: &Types<'_>, body: &UnionBody, at: usize, uses: &mut Uses) -> String {
    let plain = || "value.serialize(serializer)".to_owned();
    let own = body.tags.iter().find(|(_, index)| *index == at);
    let (Some(member), Some(tag)) = (&body.tag, own.and_then(|(tags, _)| tags.first())) else {
        return plain();
    };
    let held = body.variants.get(at).and_then(|variant| match variant.ty {
        Ty::Named(index) => types.drafts.get(index),
        _ => None,
    });
    let says_it = |field: &FieldDraft| {
        let schema = field.origin.map(|id| &types.views.schemas.schema(id).notes);
        let is_one_way = schema.is_some_and(|notes| notes.read_only || notes.write_only);
        field.wire == *member && field.required && !field.nullable && !is_one_way
    };
    if let Some(Body::Struct(held)) = held.map(|draft| &draft.body)
        && held.fields.iter().any(says_it)
    {
        return plain();
    }
    uses.add("dovetail_client", "encode");
    format!(
        "encode::tagged(value, {}, {}, serializer)",
        literal::rust(member),
        literal::rust(tag)
    )
}

fn variant_docs(
    types: &Types<'_>,
    speller: &Speller<'_>,
    origin: Option<SchemaId>,
    ty: &Ty,
) -> Vec<String> {
    let description =
        origin.and_then(|id| types.views.schemas.schema(id).notes.description.as_deref());
    let docs = doc::lines(description.unwrap_or_default());
    if !docs.is_empty() {
        return docs;
    }
    let mut words = speller.words(ty);
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    vec![format!("{words}.")]
}

fn condition(test: &KindTest) -> String {
    match test {
        KindTest::Field(field) => format!("variant.has({})", literal::rust(field)),
        KindTest::Kind(Type::Number) => {
            "matches!(variant.kind(), decode::JsonKind::Integer | decode::JsonKind::Number)"
                .to_owned()
        }
        KindTest::Kind(kind) => {
            let kind = match kind {
                Type::Null => "Null",
                Type::Boolean => "Boolean",
                Type::Integer => "Integer",
                Type::Number => "Number",
                Type::String => "String",
                Type::Array => "Array",
                Type::Object => "Object",
            };
            format!("variant.kind() == decode::JsonKind::{kind}")
        }
    }
}
