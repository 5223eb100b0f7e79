//! Types of the crate, ready to be printed: documentation, presence of fields, boxes and derives.

use std::collections::HashSet;

use dovetail_contract::schema::{Schema, SchemaId, Type};
use serde_json::Value;

use super::forms::PartDraft;
use super::graph::BOXED_ABOVE;
use super::parts::mentioned;
use super::spell::{Speller, Uses};
use super::split::{OneWay, one_way};
use super::ty::Ty;
use super::types::{Body, Draft, FieldDraft, StructBody, Test, Types, UnionBody, WordDraft};
use super::{scalar, tables};
use crate::{doc, ir, literal};

/// Which way a type goes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Directions {
    pub(super) sent: bool,
    pub(super) received: bool,
}

/// How a member of a struct is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Plain,
    Option,
    Patch,
}

/// A type and how it is read and written.
type Item = (ir::TypeItem, Option<ir::Table>);

/// Types that come from schemas, as they are written out.
pub(super) struct Items<'a> {
    types: &'a Types<'a>,
    speller: Speller<'a>,
    ways: Vec<Directions>,
}

impl<'a> Items<'a> {
    /// Which way each type goes follows from those that are sent and those that are received.
    pub(super) fn new(
        types: &'a Types<'a>,
        speller: Speller<'a>,
        (sent, received): (Vec<usize>, Vec<usize>),
    ) -> Self {
        let mut ways = vec![Directions::default(); types.drafts.len()];
        for index in reachable(&types.drafts, sent) {
            if let Some(ways) = ways.get_mut(index) {
                ways.sent = true;
            }
        }
        for index in reachable(&types.drafts, received) {
            if let Some(ways) = ways.get_mut(index) {
                ways.received = true;
            }
        }
        Self {
            types,
            speller,
            ways,
        }
    }

    /// A type of the crate, and what the file of types and the file of tables import for it.
    pub(super) fn item(&self, index: usize, uses: &mut Uses, wire: &mut Uses) -> Option<Item> {
        let draft = self.types.drafts.get(index)?;
        let ways = self.ways.get(index).copied().unwrap_or_default();
        if !ways.sent && !ways.received {
            return None;
        }
        let docs = type_docs(self.types, draft);
        if let Body::Alias(ty) = &draft.body {
            let name = draft.name.clone();
            let ty = self.speller.owned(ty, uses);
            return Some((ir::TypeItem::Alias(ir::Alias { docs, name, ty }), None));
        }
        wire.add("crate::types", &draft.name);
        let (item, table) = match &draft.body {
            Body::Struct(body) => self.structure((index, draft, body), docs, ways, uses, wire),
            Body::Words(variants) => {
                let unknown = uses.add("dovetail_client::types", "UnknownValue");
                let derives = "Debug, Clone, PartialEq, Eq, Hash";
                let item = self.words(draft, variants, derives, unknown, docs);
                (item, tables::words(draft, variants, wire))
            }
            Body::Numbers(repr, variants) => {
                let derives = "Debug, Clone, Copy, PartialEq, Eq, Hash";
                let item = self.words(draft, variants, derives, (*repr).to_owned(), docs);
                (item, tables::numbers(draft, repr, variants, wire))
            }
            Body::Union(body) => self.union((index, draft, body), docs, ways, uses, wire),
            Body::Alike(accessors) => {
                uses.runtime(&["types::RawJson"]);
                let item = alike(draft, docs, ways);
                (
                    item,
                    tables::alike(draft, accessors, &self.speller, ways, wire),
                )
            }
            Body::Form(subtype, parts) => {
                let item = self.form(draft, parts, docs, uses);
                (item, tables::form(draft, subtype.as_deref(), parts, wire))
            }
            Body::Open | Body::Alias(_) => return None,
        };
        Some((item, Some(table)))
    }

    fn structure(
        &self,
        (index, draft, body): (usize, &Draft, &StructBody),
        mut docs: Vec<String>,
        ways: Directions,
        uses: &mut Uses,
        wire: &mut Uses,
    ) -> (ir::TypeItem, ir::Table) {
        let mut fields: Vec<ir::Field> = body
            .fields
            .iter()
            .filter(|field| field.constant.is_none())
            .map(|field| self.field((index, field), ways, uses))
            .collect();
        fields.extend(body.extra.as_ref().map(|(name, ty)| ir::Field {
            docs: vec!["Fields that the contract does not name.".to_owned()],
            name: name.clone(),
            ty: self.speller.owned(ty, uses),
        }));
        for field in &body.fields {
            if let Some(value) = &field.constant {
                let about = format!(
                    "Its {} is always {}.",
                    doc::code(&field.wire),
                    doc::code(value)
                );
                docs.push(String::new());
                docs.extend(doc::wrap(&about));
            }
        }
        let is_required = |index: usize| {
            let field = body.fields.get(index);
            field.is_some_and(|field| self.is_required(field, ways))
        };
        // Nothing is invented where everything may be left out.
        let default = if !body.fields.is_empty() && !(0..body.fields.len()).any(is_required) {
            ", Default"
        } else {
            ""
        };
        let table = tables::object(draft, body, is_required, ways, wire);
        let item = ir::TypeItem::Struct(ir::Struct {
            docs,
            name: draft.name.clone(),
            derives: format!("Debug, Clone{default}, PartialEq{}", self.eq(index)),
            fields: without_many_bools(fields),
        });
        (item, table)
    }

    /// Who sends a type need not give what only the provider knows, and who receives it cannot expect what is never told.
    fn is_required(&self, field: &FieldDraft, ways: Directions) -> bool {
        let goes = match one_way(self.types.views.schemas, field.origin) {
            Some(OneWay::Received) => !ways.sent,
            Some(OneWay::Sent) => !ways.received,
            None => true,
        };
        field.required && goes
    }

    fn presence(&self, field: &FieldDraft, ways: Directions) -> Presence {
        let nullable = field.nullable && field.ty != Ty::Value;
        match (self.is_required(field, ways), nullable) {
            (true, false) => Presence::Plain,
            (true, true) | (false, false) => Presence::Option,
            (false, true) => Presence::Patch,
        }
    }

    /// The field of a struct that holds a member, how it is held, and its type.
    pub(super) fn member(&self, of: &Ty, wire: &str) -> Option<(&str, Presence, &Ty)> {
        let Ty::Named(index) = of else { return None };
        let Body::Struct(body) = &self.types.drafts.get(*index)?.body else {
            return None;
        };
        let ways = self.ways.get(*index).copied().unwrap_or_default();
        let mut fields = body.fields.iter();
        let field = fields.find(|field| field.wire == wire && field.constant.is_none())?;
        Some((&field.name, self.presence(field, ways), &field.ty))
    }

    /// The value that a schema says is meant where none is given.
    pub(super) fn default_of(&self, id: SchemaId) -> Option<&Value> {
        let views = &self.types.views;
        let notes = |id| views.schemas.schema(id).notes.default.as_ref();
        notes(id).or_else(|| notes(views.canonical(id).0))
    }

    /// Whether values of a type can be compared, and so copied and sent again.
    pub(super) fn is_comparable(&self, ty: &Ty) -> bool {
        self.speller.is_comparable(ty)
    }

    fn field(
        &self,
        (owner, field): (usize, &FieldDraft),
        ways: Directions,
        uses: &mut Uses,
    ) -> ir::Field {
        let schema = field.origin.map(|id| self.types.views.schemas.schema(id));
        let mut spelled = self.speller.owned(&field.ty, uses);
        if self.speller.graph.needs_box(owner, &field.ty) {
            spelled = format!("Box<{spelled}>");
        }
        let ty = match self.presence(field, ways) {
            Presence::Plain => spelled,
            Presence::Option => format!("Option<{spelled}>"),
            Presence::Patch => {
                uses.runtime(&["types::Patch"]);
                format!("Patch<{spelled}>")
            }
        };
        ir::Field {
            docs: member_docs(&field.wire, &field.ty, schema, &self.speller),
            name: field.name.clone(),
            ty,
        }
    }

    fn form(
        &self,
        draft: &Draft,
        parts: &[PartDraft],
        docs: Vec<String>,
        uses: &mut Uses,
    ) -> ir::TypeItem {
        let fields = parts.iter().map(|part| {
            let schema = part.origin.map(|id| self.types.views.schemas.schema(id));
            let ty = self.speller.owned(&part.ty, uses);
            ir::Field {
                docs: member_docs(&part.wire, &part.ty, schema, &self.speller),
                name: part.name.clone(),
                ty: if part.required {
                    ty
                } else {
                    format!("Option<{ty}>")
                },
            }
        });
        ir::TypeItem::Struct(ir::Struct {
            docs,
            name: draft.name.clone(),
            derives: "Debug, Clone".to_owned(),
            fields: without_many_bools(fields.collect()),
        })
    }

    fn union(
        &self,
        (index, draft, body): (usize, &Draft, &UnionBody),
        docs: Vec<String>,
        ways: Directions,
        uses: &mut Uses,
        wire: &mut Uses,
    ) -> (ir::TypeItem, ir::Table) {
        uses.runtime(&["types::UnknownVariant"]);
        let graph = self.speller.graph;
        let variants = body.variants.iter().map(|variant| {
            let spelled = self.speller.owned(&variant.ty, uses);
            let boxed =
                graph.needs_box(index, &variant.ty) || graph.size(&variant.ty) > BOXED_ABOVE;
            ir::Variant {
                docs: variant_docs(self.types, &self.speller, variant.origin, &variant.ty),
                name: variant.name.clone(),
                ty: if boxed {
                    format!("Box<{spelled}>")
                } else {
                    spelled
                },
            }
        });
        let item = ir::TypeItem::Union(ir::Union {
            docs,
            name: draft.name.clone(),
            derives: format!("Debug, Clone, PartialEq{}", self.eq(index)),
            variants: variants.collect(),
        });
        let write_tag = |at: usize| self.written_tag(body, at);
        (item, tables::union(draft, body, write_tag, ways, wire))
    }

    /// The tag that is written with a variant, where its type may leave that out.
    fn written_tag(&self, body: &UnionBody, at: usize) -> Option<String> {
        let member = body.tag.as_ref()?;
        let variant = body.variants.get(at)?;
        let Test::Tags(tags) = &variant.test else {
            return None;
        };
        let held = match variant.ty {
            Ty::Named(index) => self.types.drafts.get(index),
            _ => None,
        };
        let says_it = |field: &FieldDraft| {
            let is_sent = one_way(self.types.views.schemas, field.origin) != Some(OneWay::Received);
            field.wire == *member && field.required && !field.nullable && is_sent
        };
        if let Some(Body::Struct(held)) = held.map(|draft| &draft.body)
            && held.fields.iter().any(says_it)
        {
            return None;
        }
        let tag = tags.first()?;
        Some(format!(
            "{} = {}",
            literal::rust(member),
            literal::rust(tag)
        ))
    }

    fn words(
        &self,
        draft: &Draft,
        variants: &[WordDraft],
        derives: &'static str,
        unknown: String,
        docs: Vec<String>,
    ) -> ir::TypeItem {
        let schema = self.types.views.schemas.schema(draft.origin);
        let variants = variants.iter().map(|word| ir::Word {
            docs: word_docs(schema, &word.value),
            name: word.name.clone(),
        });
        ir::TypeItem::Words(ir::Words {
            docs,
            name: draft.name.clone(),
            derives,
            variants: variants.collect(),
            unknown,
        })
    }

    /// The derive for types that can be compared exactly.
    fn eq(&self, index: usize) -> &'static str {
        if self.speller.graph.type_has_float(index) {
            ""
        } else {
            ", Eq"
        }
    }
}

pub(super) fn reachable(drafts: &[Draft], roots: Vec<usize>) -> HashSet<usize> {
    let mut found = HashSet::new();
    let mut open = roots;
    while let Some(index) = open.pop() {
        if !found.insert(index) {
            continue;
        }
        if let Some(draft) = drafts.get(index) {
            mentioned(draft, &mut open);
        }
    }
    found
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

fn member_docs(wire: &str, ty: &Ty, schema: Option<&Schema>, speller: &Speller<'_>) -> Vec<String> {
    let description = schema.and_then(|schema| schema.notes.description.as_deref());
    let mut docs = doc::lines(description.unwrap_or_default());
    if docs.is_empty() {
        docs = doc::wrap(&format!("{}, {}.", doc::code(wire), speller.words(ty)));
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
            Body::Form(..) => "a form of several parts",
            Body::Alias(Ty::Map(_)) => "a map",
            Body::Alias(Ty::List(_)) => "a list",
            Body::Alias(_) => "a value of its own",
            Body::Words(_) => "one of several strings",
            Body::Numbers(..) => "one of several integers",
            Body::Union(_) | Body::Alike(_) | Body::Open => "one of several types",
        };
        docs = doc::wrap(&format!(
            "{}, {what}.",
            doc::code(schema.name.as_deref().unwrap_or(&draft.name))
        ));
    }
    if let Some(received) = draft.received_as.and_then(|index| types.drafts.get(index)) {
        let about = format!(
            "This is what is sent; {} is what is received.",
            doc::code(&received.name)
        );
        docs.push(String::new());
        docs.extend(doc::wrap(&about));
    }
    if schema.notes.deprecated {
        docs.extend([String::new(), "Deprecated.".to_owned()]);
    }
    docs
}

fn alike(draft: &Draft, mut docs: Vec<String>, ways: Directions) -> ir::TypeItem {
    let about = if ways.received {
        "Nothing tells its types apart, so this is the JSON text, with an accessor for each."
    } else {
        "Nothing tells its types apart, so this is the JSON text: `RawJson::of` makes it of any of them."
    };
    docs.push(String::new());
    docs.extend(doc::wrap(about));
    let name = draft.name.clone();
    ir::TypeItem::Alike(ir::Alike { docs, name })
}

/// The value, and what the contract says of it.
fn word_docs(schema: &Schema, value: &str) -> Vec<String> {
    let mut docs = vec![format!("{}.", doc::code(value))];
    let values = schema.enumeration.as_deref().unwrap_or_default();
    let is_it = |one: &Value| match one {
        Value::String(text) => text == value,
        other => other
            .as_i64()
            .is_some_and(|number| value.parse() == Ok(number)),
    };
    let place = values.iter().position(is_it);
    let described = place.and_then(|place| schema.enumeration_descriptions.get(place));
    let described = doc::lines(described.map(String::as_str).unwrap_or_default());
    if !described.is_empty() {
        docs.push(String::new());
        docs.extend(described);
    }
    docs
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

/// What the runtime calls a JSON type. Every integer is a number.
pub(super) fn wire_kind(kind: Type) -> &'static str {
    match kind {
        Type::Null => "Null",
        Type::Boolean => "Boolean",
        Type::Integer => "Integer",
        Type::Number => "Integer | Number",
        Type::String => "String",
        Type::Array => "Array",
        Type::Object => "Object",
    }
}
