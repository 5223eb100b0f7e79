//! Unions: how a value says which branch it is, found out from the schemas before any code is written.
//!
//! A declared discriminator comes first, then a field with one fixed value per branch, then the JSON type, then a required field that only
//! one branch has. Where nothing tells branches apart nobody guesses: they become raw JSON, and a finding says so.

mod tell;

use std::collections::HashSet;

use dovetail_contract::schema::{Discriminator, SchemaId, Type, Types as Kinds};
use serde_json::Value;

use self::tell::{Objects, is_decimal};
use super::scalar;
use super::ty::{Ty, Typed};
use super::types::{KindTest, Pending, Types, UnionBody, VariantDraft, kinds_without_null};
use super::view::View;
use crate::codes;
use crate::rust_name::{self, Casing, Scope};

/// How unions within unions are followed.
const DEPTH_MAX: usize = 16;

/// How a union will be read.
#[derive(Debug)]
pub(super) struct Plan {
    origin: SchemaId,
    tag: Option<String>,
    variants: Vec<PlannedVariant>,
}

#[derive(Debug)]
struct PlannedVariant {
    what: Planned,
    tags: Vec<String>,
    test: Option<KindTest>,
}

/// What a variant holds.
#[derive(Debug)]
enum Planned {
    Schema(SchemaId),
    /// The part of a schema that has this JSON type.
    OfKind(SchemaId, Type),
    /// Any of several kinds of string.
    Strings(Vec<SchemaId>),
    Numbers(Vec<SchemaId>),
    /// What could not be told apart.
    Raw(Type),
}

/// A branch of a union.
#[derive(Debug)]
struct Branch {
    /// As it is named in the union.
    id: SchemaId,
    at: SchemaId,
    view: View,
    kinds: Kinds,
}

impl Plan {
    /// A union of the JSON types that one schema may have.
    pub(super) fn of_kinds(at: SchemaId, kinds: &[Type]) -> Self {
        let variant = |kind: &Type| PlannedVariant {
            what: Planned::OfKind(at, *kind),
            tags: Vec::new(),
            test: Some(KindTest::Kind(*kind)),
        };
        Self {
            origin: at,
            tag: None,
            variants: kinds.iter().map(variant).collect(),
        }
    }
}

impl Types<'_> {
    /// The type of a schema that stands for those that inherit from it.
    pub(super) fn inherited_union(
        &mut self,
        at: SchemaId,
        children: &[SchemaId],
        hint: &str,
    ) -> Typed {
        let discriminator = self.views.schemas.schema(at).discriminator.clone();
        let branches = children
            .iter()
            .map(|child| self.branch(*child, *child))
            .collect::<Vec<_>>();
        match self.objects(&branches.iter().collect::<Vec<_>>(), discriminator.as_ref()) {
            Objects::Tags(tag, tags) => {
                let variants = branches
                    .iter()
                    .zip(tags)
                    .map(|(branch, tags)| PlannedVariant {
                        what: Planned::Schema(branch.id),
                        tags,
                        test: None,
                    });
                let plan = Plan {
                    origin: at,
                    tag: Some(tag),
                    variants: variants.collect(),
                };
                Typed::plain(self.declare(at, hint, Pending::Union(plan)))
            }
            Objects::Fields(_) | Objects::Alike => {
                let view = self.views.view(at);
                self.classify_view(at, view, hint)
            }
        }
    }

    /// The type of a `oneOf` or `anyOf`.
    pub(super) fn union(&mut self, at: SchemaId, view: &View, hint: &str) -> Typed {
        let [(holder, ids)] = view.unions.as_slice() else {
            self.report(
                &codes::UNTYPED_SCHEMA,
                at,
                "several unions hold at once here, so the type is raw JSON",
            );
            return Typed {
                ty: Ty::Value,
                nullable: view.types.names(Type::Null),
            };
        };
        let discriminator = self.views.schemas.schema(*holder).discriminator.clone();
        let mut typed = self.union_of(at, ids, discriminator.as_ref(), hint);
        typed.nullable |= view.types.names(Type::Null);
        typed
    }

    /// The type of what any one of several schemas describes.
    pub(super) fn typed_any(&mut self, ids: &[SchemaId], hint: &str) -> Typed {
        match ids {
            [] => Typed::plain(Ty::Value),
            [only] => self.typed(*only, hint),
            [first, ..] => self.union_of(*first, ids, None, hint),
        }
    }

    fn union_of(
        &mut self,
        at: SchemaId,
        ids: &[SchemaId],
        discriminator: Option<&Discriminator>,
        hint: &str,
    ) -> Typed {
        let mut found = Vec::new();
        let mut nullable = false;
        self.expand(ids, discriminator.is_none(), &mut found, &mut nullable, 0);
        let mut seen = HashSet::new();
        found.retain(|branch| seen.insert(branch.at));
        if let [only] = found.as_slice() {
            let id = only.id;
            self.inherit_name(at, only.at, hint);
            let mut typed = self.typed(id, hint);
            typed.nullable |= nullable;
            return typed;
        }
        if found.is_empty() || found.iter().any(|branch| branch.kinds.is_any()) {
            if !found.is_empty() {
                self.report(
                    &codes::UNTYPED_SCHEMA,
                    at,
                    "a branch of this union accepts anything, so its type is raw JSON",
                );
            }
            return Typed::plain(Ty::Value);
        }
        if is_decimal(&found, self) {
            return Typed {
                ty: Ty::Decimal,
                nullable,
            };
        }
        Typed {
            ty: self.told_apart(at, &found, discriminator, hint),
            nullable,
        }
    }

    /// The type of a union of several branches, each of which has JSON types of its own.
    fn told_apart(
        &mut self,
        at: SchemaId,
        found: &[Branch],
        discriminator: Option<&Discriminator>,
        hint: &str,
    ) -> Ty {
        let objects: Vec<&Branch> = found
            .iter()
            .filter(|branch| branch.kinds.names(Type::Object))
            .collect();
        let told = self.objects(&objects, discriminator);
        let only_objects = found
            .iter()
            .all(|branch| branch.kinds == Kinds::only(Type::Object));
        if matches!(told, Objects::Alike) {
            self.report(
                &codes::INDISTINCT_UNION,
                at,
                "nothing tells the objects of this union apart, so they become raw JSON",
            );
            if only_objects {
                return Ty::Value;
            }
        }
        let mut plan = Plan {
            origin: at,
            tag: None,
            variants: Vec::new(),
        };
        plan.add_objects(&objects, told);
        plan.add_other_kinds(found);
        match plan.variants.as_slice() {
            [only] if only.tags.is_empty() => self.planned(&only.what, at, hint),
            _ => self.declare(at, hint, Pending::Union(plan)),
        }
    }

    /// The branches of a union, those of unions within it among them, without `null` and what accepts nothing.
    fn expand(
        &self,
        ids: &[SchemaId],
        flatten: bool,
        found: &mut Vec<Branch>,
        nullable: &mut bool,
        depth: usize,
    ) {
        for id in ids {
            let (at, null) = self.views.canonical(*id);
            *nullable |= null;
            let branch = self.branch(*id, at);
            let only_null =
                |values: &Vec<Value>| !values.is_empty() && values.iter().all(Value::is_null);
            if branch.view.never {
                continue;
            }
            if branch.view.types == Kinds::only(Type::Null)
                || branch.view.values.as_ref().is_some_and(only_null)
            {
                *nullable = true;
                continue;
            }
            *nullable |= branch.view.kinds().names(Type::Null);
            let is_plain_union =
                branch.view.properties.is_empty() && self.views.children(at).is_empty();
            match branch.view.unions.as_slice() {
                [(holder, inner)] if is_plain_union && depth < DEPTH_MAX => {
                    let has_tag = self.views.schemas.schema(*holder).discriminator.is_some();
                    if flatten && !has_tag {
                        self.expand(inner, true, found, nullable, depth + 1);
                        continue;
                    }
                    found.push(Branch {
                        kinds: Kinds::only(Type::Object),
                        ..branch
                    });
                }
                _ => found.push(branch),
            }
        }
    }

    fn branch(&self, id: SchemaId, at: SchemaId) -> Branch {
        let view = self.views.view(at);
        let kinds = if self.views.children(at).is_empty() {
            kinds_without_null(&view)
        } else {
            Kinds::only(Type::Object)
        };
        Branch {
            id,
            at,
            kinds,
            view,
        }
    }

    /// The variants of a union whose plan is made.
    pub(super) fn variants(&mut self, plan: Plan, owner: &str) -> UnionBody {
        let mut scope = Scope::with(&["Unknown"]);
        let mut body = UnionBody {
            tag: plan.tag,
            ..UnionBody::default()
        };
        for planned in plan.variants {
            let wanted = self.variant_name(&planned);
            let hint = format!("{owner}{wanted}");
            let ty = self.planned(&planned.what, plan.origin, &hint);
            let index = body.variants.len();
            let origin = match planned.what {
                Planned::Schema(id) => Some(id),
                _ => None,
            };
            body.variants.push(VariantDraft {
                name: scope.claim(&wanted, Casing::Variant),
                origin,
                ty,
            });
            if !planned.tags.is_empty() {
                body.tags.push((planned.tags, index));
            }
            if let Some(test) = planned.test {
                body.kinds.push((test, index));
            }
        }
        // What has a field of its own is asked before what is any object.
        body.kinds
            .sort_by_key(|(test, _)| matches!(test, KindTest::Kind(_)));
        body
    }

    fn planned(&mut self, what: &Planned, origin: SchemaId, hint: &str) -> Ty {
        match what {
            Planned::Schema(id) => self.typed(*id, hint).ty,
            Planned::OfKind(id, kind) => {
                let mut view = self.views.view(*id);
                view.types = Kinds::only(*kind);
                let at = *id;
                self.of_kind(at, *kind, view, hint)
            }
            Planned::Strings(ids) => self.strings(ids, origin, hint),
            Planned::Numbers(ids) => {
                let views: Vec<View> = ids.iter().map(|id| self.views.view(*id)).collect();
                scalar::numbers(&views, self.views.schemas)
            }
            Planned::Raw(Type::Array) => Ty::list(Ty::Value),
            Planned::Raw(_) => Ty::map(Ty::Value),
        }
    }

    /// Several kinds of string: one enum of all the values that are listed, else just a string.
    fn strings(&mut self, ids: &[SchemaId], origin: SchemaId, hint: &str) -> Ty {
        let mut listed: Vec<String> = Vec::new();
        for id in ids {
            let values = self.views.view(*id).values.unwrap_or_default();
            listed.extend(
                values
                    .iter()
                    .filter_map(|value| value.as_str().map(str::to_owned)),
            );
        }
        let with_values: Vec<&SchemaId> = ids
            .iter()
            .filter(|id| self.views.view(**id).values.is_some())
            .collect();
        match with_values.as_slice() {
            [] => Ty::Text,
            [only] => {
                let (at, _) = self.views.canonical(**only);
                self.inherit_name(origin, at, hint);
                self.typed(**only, hint).ty
            }
            _ => {
                let texts: Vec<&str> = listed.iter().map(String::as_str).collect();
                self.words(origin, &texts, &[], hint)
            }
        }
    }

    fn variant_name(&self, planned: &PlannedVariant) -> String {
        let of_kind = |kind: &Type| match kind {
            Type::Null => "Null",
            Type::Boolean => "Bool",
            Type::Integer => "Integer",
            Type::Number => "Number",
            Type::String => "Text",
            Type::Array => "List",
            Type::Object => "Object",
        };
        let wanted = match &planned.what {
            Planned::Schema(id) => {
                let schema = self.views.schemas.schema(*id);
                let title = || schema.notes.title.clone();
                let tag = || planned.tags.first().cloned();
                let by_kind = || match &planned.test {
                    Some(KindTest::Kind(kind)) => of_kind(kind).to_owned(),
                    Some(KindTest::Field(field)) => format!("with {field}"),
                    None => "object".to_owned(),
                };
                let name = self
                    .reference_name(*id)
                    .or_else(tag)
                    .or_else(title)
                    .unwrap_or_else(by_kind);
                rust_name::identifier(&name, Casing::Variant)
            }
            Planned::OfKind(_, kind) | Planned::Raw(kind) => of_kind(kind).to_owned(),
            Planned::Strings(_) => "Text".to_owned(),
            Planned::Numbers(_) => "Number".to_owned(),
        };
        if wanted == "Unknown" {
            "DeclaredUnknown".to_owned()
        } else {
            wanted
        }
    }
}

impl Plan {
    fn add_objects(&mut self, objects: &[&Branch], told: Objects) {
        match told {
            Objects::Tags(tag, tags) => {
                self.tag = Some(tag);
                self.variants
                    .extend(
                        objects
                            .iter()
                            .zip(tags)
                            .map(|(branch, tags)| PlannedVariant {
                                what: branch.object(),
                                tags,
                                test: None,
                            }),
                    );
            }
            Objects::Fields(fields) => {
                self.variants
                    .extend(
                        objects
                            .iter()
                            .zip(fields)
                            .map(|(branch, field)| PlannedVariant {
                                what: branch.object(),
                                tags: Vec::new(),
                                test: Some(
                                    field.map_or(KindTest::Kind(Type::Object), KindTest::Field),
                                ),
                            }),
                    );
            }
            Objects::Alike => self
                .variants
                .push(PlannedVariant::of(Planned::Raw(Type::Object), Type::Object)),
        }
    }

    /// One variant for each other JSON type.
    fn add_other_kinds(&mut self, branches: &[Branch]) {
        let with = |kinds: &[Type]| -> Vec<&Branch> {
            branches
                .iter()
                .filter(|branch| kinds.iter().any(|kind| branch.kinds.names(*kind)))
                .collect()
        };
        let ids = |branches: &[&Branch]| branches.iter().map(|branch| branch.id).collect();
        for kind in [Type::String, Type::Boolean, Type::Array] {
            match with(&[kind]).as_slice() {
                [] => {}
                [only] => self
                    .variants
                    .push(PlannedVariant::of(only.of_kind(kind), kind)),
                many => {
                    let what = match kind {
                        Type::String => Planned::Strings(ids(many)),
                        Type::Boolean => Planned::OfKind(
                            many.first().map_or(self.origin, |branch| branch.id),
                            kind,
                        ),
                        _ => Planned::Raw(kind),
                    };
                    self.variants.push(PlannedVariant::of(what, kind));
                }
            }
        }
        match with(&[Type::Integer, Type::Number]).as_slice() {
            [] => {}
            [only] => {
                let kind = if only.kinds.names(Type::Number) {
                    Type::Number
                } else {
                    Type::Integer
                };
                self.variants
                    .push(PlannedVariant::of(only.of_kind(kind), Type::Number));
            }
            many => self.variants.push(PlannedVariant::of(
                Planned::Numbers(ids(many)),
                Type::Number,
            )),
        }
    }
}

impl PlannedVariant {
    fn of(what: Planned, kind: Type) -> Self {
        Self {
            what,
            tags: Vec::new(),
            test: Some(KindTest::Kind(kind)),
        }
    }
}

impl Branch {
    fn object(&self) -> Planned {
        self.of_kind(Type::Object)
    }

    /// The branch itself where it has but one type, else its part of that type.
    fn of_kind(&self, kind: Type) -> Planned {
        let is_alone = self.kinds == Kinds::only(kind)
            || (kind == Type::Number
                && self
                    .kinds
                    .without(Type::Integer)
                    .without(Type::Number)
                    .is_any());
        if is_alone {
            Planned::Schema(self.id)
        } else {
            Planned::OfKind(self.id, kind)
        }
    }
}
