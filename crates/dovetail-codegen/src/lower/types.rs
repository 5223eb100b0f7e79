//! Which Rust type each schema becomes. What a schema names becomes one type, once; the rest is written where it is used.
//!
//! Deciding a type never looks into it: bodies of structs, enums and unions wait in a list, so recursion of contracts is not recursion here.

use std::collections::{HashMap, HashSet};

use dovetail_contract::contract::Renames;
use dovetail_contract::finding::{Code, Finding};
use dovetail_contract::schema::{Schema, SchemaId, Schemas, Type, Types as Kinds};

use super::forms::PartDraft;
use super::scalar;
use super::ty::{Ty, Typed};
use super::union::Plan;
use super::view::{self, View, Views, says_nothing};
use crate::codes;
use crate::rust_name::{self, Casing, Scope};

/// How deep types are written within one another before they become raw JSON.
const DEPTH_MAX: usize = 48;

/// All types of a crate, while they are being decided.
#[derive(Debug)]
pub(super) struct Types<'a> {
    pub(super) views: Views<'a>,
    pub(super) scope: Scope,
    pub(super) drafts: Vec<Draft>,
    pub(super) findings: Vec<Finding>,
    /// Schemas that leave open what they are, each with what that means: no finding, for that is what the contract says.
    pub(super) open_ended: Vec<(SchemaId, &'static str)>,
    component_names: HashMap<SchemaId, String>,
    /// Names of components that a type has taken.
    spent: HashSet<String>,
    memo: HashMap<SchemaId, Typed>,
    open: HashSet<SchemaId>,
    pending: Vec<(usize, Pending)>,
}

/// A type of the crate.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    /// The schema that it comes from, for its documentation.
    pub(super) origin: SchemaId,
    pub(super) body: Body,
    /// The type that is received where this one is sent, if that is another.
    pub(super) received_as: Option<usize>,
}

/// What a type is made of.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Not decided yet.
    Open,
    Struct(StructBody),
    Words(Vec<WordDraft>),
    Numbers(&'static str, Vec<WordDraft>),
    Union(UnionBody),
    /// JSON text with an accessor for each type that it may be.
    Alike(Vec<(String, Ty)>),
    /// Another name for a type that is long to write.
    Alias(Ty),
    /// The parts of a multipart form, and what kind of multipart where it is no ordinary one.
    Form(Option<String>, Vec<PartDraft>),
}

/// A value of an enum; strings as they are, integers as digits.
#[derive(Debug, Clone)]
pub(super) struct WordDraft {
    pub(super) name: String,
    pub(super) value: String,
}

/// The fields of a struct.
#[derive(Debug, Clone, Default)]
pub(super) struct StructBody {
    pub(super) fields: Vec<FieldDraft>,
    pub(super) extra: Option<(String, Ty)>,
}

/// A field of a struct.
#[derive(Debug, Clone)]
pub(super) struct FieldDraft {
    pub(super) name: String,
    pub(super) wire: String,
    pub(super) origin: Option<SchemaId>,
    pub(super) ty: Ty,
    pub(super) required: bool,
    pub(super) nullable: bool,
    /// The one value that it has, as a literal: then it is no field of the struct.
    pub(super) constant: Option<String>,
}

/// The variants of a union and what leads to each.
#[derive(Debug, Clone, Default)]
pub(super) struct UnionBody {
    pub(super) variants: Vec<VariantDraft>,
    pub(super) tag: Option<String>,
    /// Whether an object without the tag is wrong rather than unknown.
    pub(super) is_tag_required: bool,
}

/// A variant of a union.
#[derive(Debug, Clone)]
pub(super) struct VariantDraft {
    pub(super) name: String,
    pub(super) origin: Option<SchemaId>,
    pub(super) ty: Ty,
    pub(super) test: Test,
    /// When its test is made among those of the same sort.
    pub(super) rank: usize,
}

/// What leads to a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// Values of the tag.
    Tags(Vec<String>),
    /// The JSON type.
    Kind(Type),
    /// An object with this member.
    Has(String),
    /// An object with this member, of one of these kinds.
    HasKind(String, Vec<Type>),
    /// Any other object.
    Otherwise,
}

/// A body that waits to be decided.
#[derive(Debug)]
pub(super) enum Pending {
    Struct(Box<View>),
    Union(Plan),
}

impl<'a> Types<'a> {
    /// No types yet, but the names of `schemas` and `reserved` are taken.
    pub(super) fn new(schemas: &'a Schemas, renames: &Renames, reserved: &[&str]) -> Self {
        let mut scope = Scope::with(reserved);
        Self {
            component_names: super::renames::components(schemas, renames, &mut scope),
            views: Views::new(schemas),
            scope,
            drafts: Vec::new(),
            findings: Vec::new(),
            open_ended: Vec::new(),
            spent: HashSet::new(),
            memo: HashMap::new(),
            open: HashSet::new(),
            pending: Vec::new(),
        }
    }

    /// The type of a schema. `hint` names it if it is to have a name and the contract gives it none.
    pub(super) fn typed(&mut self, id: SchemaId, hint: &str) -> Typed {
        let (at, nullable) = self.views.canonical(id);
        let mut typed = self.canonical_typed(at, hint);
        typed.nullable |= nullable;
        typed
    }

    fn canonical_typed(&mut self, at: SchemaId, hint: &str) -> Typed {
        if let Some(known) = self.memo.get(&at) {
            return known.clone();
        }
        if self.open.len() > DEPTH_MAX || !self.open.insert(at) {
            self.report(
                &codes::UNTYPED_SCHEMA,
                at,
                "this schema holds itself without end, so it becomes raw JSON",
            );
            return Typed::plain(Ty::Value);
        }
        let base = self.component_names.get(&at).cloned();
        let typed = self.classify(at, base.as_deref().unwrap_or(hint));
        self.open.remove(&at);
        self.memo.insert(at, typed.clone());
        typed
    }

    /// The type of what several schemas describe together.
    pub(super) fn typed_all(&mut self, ids: &[SchemaId], hint: &str) -> Typed {
        let mut parts: Vec<SchemaId> = Vec::new();
        for id in ids {
            let (at, _) = self.views.canonical(*id);
            if !parts.contains(&at) && !says_nothing(self.views.schemas.schema(at)) {
                parts.push(at);
            }
        }
        self.drop_weaker(&mut parts);
        let [first, _, ..] = parts.as_slice() else {
            return match parts.first().or(ids.first()) {
                Some(id) => self.typed(*id, hint),
                None => Typed::plain(Ty::Value),
            };
        };
        let view = self.views.view_of_all(&parts);
        if view.conflicts {
            self.report(
                &codes::CONFLICTING_ALL_OF,
                *first,
                "parts of an `allOf` give this field types that have nothing in common, so it becomes raw JSON",
            );
            return Typed::plain(Ty::Value);
        }
        self.classify_view(*first, view, hint)
    }

    /// Drops parts that say no more than the JSON type, where another part says that and more.
    fn drop_weaker(&self, parts: &mut Vec<SchemaId>) {
        let is_bare = |id: &SchemaId| {
            let schema = self.views.schemas.schema(*id);
            !schema.types.is_any()
                && *schema
                    == Schema {
                        types: schema.types,
                        ..bare(schema)
                    }
        };
        if let Some(strong) = parts.iter().find(|id| !is_bare(id)).copied() {
            let kinds = kinds_without_null(&self.views.view(strong));
            parts.retain(|id| {
                !is_bare(id) || self.views.schemas.schema(*id).types.without(Type::Null) != kinds
            });
        }
    }

    fn classify(&mut self, at: SchemaId, hint: &str) -> Typed {
        let children = self.views.children(at).to_vec();
        if !children.is_empty() {
            return self.inherited_union(at, &children, hint);
        }
        let view = self.views.view(at);
        self.classify_view(at, view, hint)
    }

    pub(super) fn classify_view(&mut self, at: SchemaId, view: View, hint: &str) -> Typed {
        if view.never {
            self.report(
                &codes::UNTYPED_SCHEMA,
                at,
                "this schema accepts nothing, so its type is raw JSON",
            );
            return Typed::plain(Ty::Value);
        }
        if view.is_cut {
            let message = format!(
                "this schema inherits through more than {} others, of which the rest is left out",
                view::DEPTH_MAX
            );
            self.report(&codes::UNTYPED_SCHEMA, at, &message);
        }
        if view.values.is_some() {
            return self.enumeration(at, &view, hint);
        }
        if !view.unions.is_empty() {
            if view.properties.is_empty() && !self.keeps_others(&view) {
                return self.union(at, &view, hint);
            }
            if let Some(typed) = self.merged_union(at, &view, hint) {
                return typed;
            }
        }
        let kinds = view.kinds();
        let nullable = kinds.names(Type::Null);
        let mut named: Vec<Type> = kinds.without(Type::Null).iter().collect();
        if named.contains(&Type::Number) {
            named.retain(|kind| *kind != Type::Integer);
        }
        let ty = match named.as_slice() {
            [] => {
                self.open_ended
                    .push((at, "the schema says nothing of its type, so it is any JSON"));
                Ty::Value
            }
            [kind] => self.of_kind(at, *kind, view, hint),
            _ => return self.several_kinds(at, &named, nullable, hint),
        };
        Typed { ty, nullable }
    }

    /// Whether members that no property names have a type of their own.
    pub(super) fn keeps_others(&self, view: &View) -> bool {
        view.additional.is_some_and(|id| {
            let schema = self.views.schemas.schema(id);
            !schema.never && !says_nothing(schema)
        })
    }

    /// The type of values of one JSON type.
    pub(super) fn of_kind(&mut self, at: SchemaId, kind: Type, view: View, hint: &str) -> Ty {
        match kind {
            Type::Null => Ty::Value,
            Type::Boolean => Ty::Bool,
            Type::Integer => scalar::integer(&view, self.views.schemas),
            Type::Number => scalar::number(&view),
            Type::String => scalar::text(&view, self.views.schemas),
            Type::Array => self.array(&view, hint),
            Type::Object => self.object(at, view, hint),
        }
    }

    fn array(&mut self, view: &View, hint: &str) -> Ty {
        const TUPLE_MAX: usize = 8;
        let schemas = self.views.schemas;
        let never = |id: &SchemaId| schemas.schema(*id).never;
        let length = view.prefix_items.len();
        if (1..=TUPLE_MAX).contains(&length) && view.has_fixed_length(schemas) {
            let parts = view.prefix_items.iter().zip(1..);
            return Ty::Tuple(
                parts
                    .map(|(id, number)| self.typed(*id, &format!("{hint}Part{number}")).element())
                    .collect(),
            );
        }
        if length > 0 || view.items.iter().any(never) {
            return Ty::list(Ty::Value);
        }
        Ty::list(
            self.typed_all(&view.items, &format!("{hint}Item"))
                .element(),
        )
    }

    /// A map of these values. What is nested deeper than readers follow has a name of its own.
    fn map_of(&mut self, at: SchemaId, values: SchemaId, hint: &str) -> Ty {
        const NESTING_MAX: usize = 2;
        let hint = format!("{hint}Value");
        let inner = self.typed(values, &hint).element();
        if inner.nesting() < NESTING_MAX {
            return Ty::map(inner);
        }
        let alias = self.name_only(at, &hint, Body::Alias(inner));
        Ty::map(Ty::Named(alias))
    }

    fn object(&mut self, at: SchemaId, view: View, hint: &str) -> Ty {
        let schemas = self.views.schemas;
        let is_closed = view.additional.is_some_and(|id| schemas.schema(id).never);
        if view.properties.is_empty() && view.required.is_empty() && view.unions.is_empty() {
            if let [only] = view.pattern_properties.as_slice()
                && view.additional.is_none_or(|id| schemas.schema(id).never)
            {
                return self.map_of(at, *only, hint);
            }
            if let Some(additional) = view
                .additional
                .filter(|_| !is_closed && view.pattern_properties.is_empty())
            {
                return self.map_of(at, additional, hint);
            }
            if !is_closed || !view.pattern_properties.is_empty() {
                let reason =
                    "the schema describes no member of its objects, so they may be any JSON";
                self.open_ended.push((at, reason));
                return Ty::map(Ty::Value);
            }
        }
        self.declare(at, hint, Pending::Struct(Box::new(view)))
    }

    /// A new type of the crate, whose body is decided later.
    pub(super) fn declare(&mut self, at: SchemaId, hint: &str, pending: Pending) -> Ty {
        let index = self.name(at, hint, Body::Open);
        self.pending.push((index, pending));
        Ty::Named(index)
    }

    /// A new type of the crate.
    pub(super) fn name(&mut self, at: SchemaId, hint: &str, body: Body) -> usize {
        // A component's name is already its own; it is spent by the first type that is made of it.
        let own = self.component_names.get(&at).filter(|name| *name == hint);
        let name = match own {
            Some(name) if self.spent.insert(name.clone()) => name.clone(),
            _ => self.own_name(at, hint),
        };
        self.drafts.push(Draft {
            name,
            origin: at,
            body,
            received_as: None,
        });
        self.drafts.len() - 1
    }

    /// A type with a name for what a schema describes, even where that needs none of its own.
    pub(super) fn named(&mut self, id: SchemaId, hint: &str) -> usize {
        match self.typed(id, hint).element() {
            Ty::Named(index) => index,
            other => {
                let (at, _) = self.views.canonical(id);
                let base = self.component_names.get(&at).cloned();
                self.name(at, base.as_deref().unwrap_or(hint), Body::Alias(other))
            }
        }
    }

    /// A new type of the crate, with a name of its own whatever the schema is called.
    pub(super) fn name_only(&mut self, at: SchemaId, hint: &str, body: Body) -> usize {
        let name = self.own_name(at, hint);
        self.drafts.push(Draft {
            name,
            origin: at,
            body,
            received_as: None,
        });
        self.drafts.len() - 1
    }

    /// A name like `hint`; where that is taken, one that follows from where the schema stands.
    fn own_name(&mut self, at: SchemaId, hint: &str) -> String {
        let wanted = rust_name::identifier(hint, Casing::Type);
        let pointer = &self.views.schemas.schema(at).pointer;
        self.scope.claim_for(&wanted, pointer, Casing::Type)
    }

    /// Decides the bodies that wait, and those that wait because of them.
    pub(super) fn finish(&mut self) {
        while let Some((index, pending)) = self.pending.pop() {
            let mark = self.pending.len();
            let name = self
                .drafts
                .get(index)
                .map(|draft| draft.name.clone())
                .unwrap_or_default();
            let body = match pending {
                Pending::Struct(view) => Body::Struct(self.fields(&view, &name)),
                Pending::Union(plan) => Body::Union(self.variants(plan, &name)),
            };
            if let Some(draft) = self.drafts.get_mut(index) {
                draft.body = body;
            }
            if let Some(added) = self.pending.get_mut(mark..) {
                added.reverse();
            }
        }
    }

    fn several_kinds(&mut self, at: SchemaId, kinds: &[Type], nullable: bool, hint: &str) -> Typed {
        let ty = self.declare(at, hint, Pending::Union(Plan::of_kinds(at, kinds)));
        Typed { ty, nullable }
    }

    pub(super) fn report(&mut self, code: &'static Code, at: SchemaId, message: &str) {
        let span = self.views.schemas.schema(at).span;
        self.findings.push(Finding::new(code, span, message));
    }

    /// Lets `part` have the name of `whole` where `whole` is nothing but that part.
    pub(super) fn inherit_name(&mut self, whole: SchemaId, part: SchemaId, hint: &str) {
        let own = self
            .component_names
            .get(&whole)
            .filter(|name| *name == hint);
        if let Some(name) = own.cloned() {
            self.component_names.entry(part).or_insert(name);
        }
    }
}

/// A schema that says nothing but is known by the same name.
fn bare(schema: &Schema) -> Schema {
    Schema {
        name: schema.name.clone(),
        notes: schema.notes.clone(),
        ..Schema::any(schema.span, schema.pointer.clone())
    }
}

/// The kinds that a view may be, without `null`.
pub(super) fn kinds_without_null(view: &View) -> Kinds {
    view.kinds().without(Type::Null)
}
