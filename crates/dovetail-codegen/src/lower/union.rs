//! Unions: how a value says which branch it is, found out from the schemas before any code is written.
//!
//! A declared discriminator comes first, then a field with one fixed value per branch, then the JSON type, then a required field that only
//! one branch has, or has with values of another kind. Where nothing tells branches apart nobody guesses: they become the JSON text with an
//! accessor for each branch, and a finding says so.

mod tell;

use std::collections::HashSet;

use dovetail_contract::schema::{Discriminator, SchemaId, Type, Types as Kinds};
use serde_json::Value;

use self::tell::{Objects, Tell, is_decimal};
use super::scalar;
use super::ty::{Ty, Typed};
use super::types::{Body, Pending, Test, Types, UnionBody, VariantDraft, kinds_without_null};
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
    is_tag_required: bool,
    variants: Vec<PlannedVariant>,
}

#[derive(Debug)]
struct PlannedVariant {
    what: Planned,
    test: Test,
    /// When its test is made among those of the same sort.
    rank: usize,
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
    /// A branch together with what stands beside the union, and the name of the branch.
    Merged(SchemaId, Box<View>),
    /// What could not be told apart.
    Alike(Vec<Planned>),
}

/// A branch of a union.
#[derive(Debug)]
struct Branch {
    /// As it is named in the union.
    id: SchemaId,
    at: SchemaId,
    view: View,
    kinds: Kinds,
    /// Whether the view holds what stands beside the union as well.
    is_merged: bool,
}

impl Plan {
    /// A union of the JSON types that one schema may have.
    pub(super) fn of_kinds(at: SchemaId, kinds: &[Type]) -> Self {
        let variant = |kind: &Type| PlannedVariant {
            what: Planned::OfKind(at, *kind),
            test: Test::Kind(*kind),
            rank: 0,
        };
        Self {
            origin: at,
            tag: None,
            is_tag_required: false,
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
        let objects: Vec<&Branch> = branches.iter().collect();
        let told = self.objects(&objects, discriminator.as_ref());
        if told.tells.iter().any(|tell| !matches!(tell, Tell::Tags(_))) {
            let view = self.views.view(at);
            return self.classify_view(at, view, hint);
        }
        let mut plan = Plan::of_objects(at, &told);
        plan.add_objects(&objects, told);
        Typed::plain(self.declare(at, hint, Pending::Union(plan)))
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
        // A declared tag is a promise of more branches to come.
        let is_open = discriminator.is_some()
            && found
                .iter()
                .all(|branch| branch.kinds == Kinds::only(Type::Object));
        if let [only] = found.as_slice()
            && !is_open
        {
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
        if told.tells.contains(&Tell::Alike) {
            self.report(
                &codes::INDISTINCT_UNION,
                at,
                "nothing tells some objects of this union apart, so they become JSON text with an accessor for each",
            );
        }
        let mut plan = Plan::of_objects(at, &told);
        plan.add_objects(&objects, told);
        plan.add_other_kinds(found);
        match plan.variants.as_slice() {
            [only] if !matches!(only.test, Test::Tags(_)) => self.planned(&only.what, at, hint),
            _ => self.declare(at, hint, Pending::Union(plan)),
        }
    }

    /// The type of an object with a `oneOf` beside its own properties: one struct for each branch, with the properties in each. Nothing where
    /// the branches could not be told apart or would repeat too much.
    pub(super) fn merged_union(&mut self, at: SchemaId, view: &View, hint: &str) -> Option<Typed> {
        const FIELDS_MAX: usize = 400;
        let [(holder, ids)] = view.unions.as_slice() else {
            return None;
        };
        let schema = self.views.schemas.schema(*holder);
        if schema.one_of != *ids || ids.len() * view.properties.len() > FIELDS_MAX {
            return None;
        }
        let discriminator = schema.discriminator.clone();
        let branches: Vec<Branch> = ids.iter().map(|id| self.merged(at, *holder, *id)).collect();
        let is_object = |branch: &Branch| {
            branch.kinds == Kinds::only(Type::Object) && branch.view.unions.is_empty()
        };
        if !branches.iter().all(is_object) {
            return None;
        }
        let objects: Vec<&Branch> = branches.iter().collect();
        let told = self.objects(&objects, discriminator.as_ref());
        if objects.len() < 2 || told.tells.contains(&Tell::Alike) {
            return None;
        }
        let mut plan = Plan::of_objects(at, &told);
        plan.add_objects(&objects, told);
        let ty = self.declare(at, hint, Pending::Union(plan));
        let nullable = view.types.names(Type::Null);
        Some(Typed { ty, nullable })
    }

    /// A branch together with what stands beside its union.
    fn merged(&self, at: SchemaId, holder: SchemaId, id: SchemaId) -> Branch {
        let mut view = self.views.view_of_all(&[at, id]);
        view.unions.retain(|(other, _)| *other != holder);
        Branch {
            id,
            at: self.views.canonical(id).0,
            kinds: kinds_without_null(&view),
            view,
            is_merged: true,
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
            is_merged: false,
        }
    }

    /// The variants of a union whose plan is made.
    pub(super) fn variants(&mut self, plan: Plan, owner: &str) -> UnionBody {
        let mut scope = Scope::with(&["Unknown"]);
        let mut body = UnionBody {
            tag: plan.tag,
            is_tag_required: plan.is_tag_required,
            ..UnionBody::default()
        };
        for planned in plan.variants {
            let wanted = self.variant_name(&planned.what, Some(&planned.test));
            let hint = format!("{owner}{wanted}");
            let ty = self.planned(&planned.what, plan.origin, &hint);
            let origin = match &planned.what {
                Planned::Schema(id) | Planned::Merged(id, _) => Some(*id),
                _ => None,
            };
            body.variants.push(VariantDraft {
                name: scope.claim(&wanted, Casing::Variant),
                origin,
                ty,
                test: planned.test,
                rank: planned.rank,
            });
        }
        body
    }

    fn planned(&mut self, what: &Planned, origin: SchemaId, hint: &str) -> Ty {
        match what {
            Planned::Schema(id) => self.typed(*id, hint).ty,
            Planned::OfKind(id, kind) => {
                let mut view = self.views.view(*id);
                // Who names integers beside numbers means them exactly.
                let has_integers = *kind == Type::Number && view.types.names(Type::Integer);
                view.types = Kinds::only(*kind);
                if has_integers {
                    view.types = view.types.with(Type::Integer);
                }
                let at = *id;
                self.of_kind(at, *kind, view, hint)
            }
            Planned::Strings(ids) => self.strings(ids, origin, hint),
            Planned::Numbers(ids) => {
                let views: Vec<View> = ids.iter().map(|id| self.views.view(*id)).collect();
                scalar::numbers(&views, self.views.schemas)
            }
            Planned::Merged(id, view) => self.declare(*id, hint, Pending::Struct(view.clone())),
            Planned::Alike(all) => {
                let mut scope = Scope::default();
                let mut accessors = Vec::new();
                for what in all {
                    let name = self.variant_name(what, None);
                    let ty = self.planned(what, origin, &format!("{hint}{name}"));
                    if ty == Ty::Value || accessors.iter().any(|(_, known)| *known == ty) {
                        continue;
                    }
                    let wanted = format!("as_{}", rust_name::identifier(&name, Casing::Snake));
                    accessors.push((scope.claim(&wanted, Casing::Snake), ty));
                }
                Ty::Named(self.name(origin, hint, Body::Alike(accessors)))
            }
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

    fn variant_name(&self, what: &Planned, test: Option<&Test>) -> String {
        let wanted = match what {
            Planned::Schema(id) | Planned::Merged(id, _) => {
                let schema = self.views.schemas.schema(*id);
                let title = || schema.notes.title.clone();
                let tag = || match test {
                    Some(Test::Tags(tags)) => tags.first().cloned(),
                    _ => None,
                };
                let by_kind = || match test {
                    Some(Test::Kind(kind)) => of_kind(*kind).to_owned(),
                    Some(Test::Has(field) | Test::HasKind(field, _)) => format!("with {field}"),
                    _ => self.kind_name(*id),
                };
                let name = self
                    .reference_name(*id)
                    .or_else(tag)
                    .or_else(title)
                    .unwrap_or_else(by_kind);
                rust_name::identifier(&name, Casing::Variant)
            }
            Planned::OfKind(_, kind) => of_kind(*kind).to_owned(),
            Planned::Strings(_) => "Text".to_owned(),
            Planned::Numbers(_) => "Number".to_owned(),
            Planned::Alike(_) => match test {
                Some(Test::Kind(Type::Array)) => "List".to_owned(),
                _ => "Object".to_owned(),
            },
        };
        if wanted == "Unknown" {
            "DeclaredUnknown".to_owned()
        } else {
            wanted
        }
    }

    /// What a schema without a name is called: by what it holds, where it is a list.
    fn kind_name(&self, id: SchemaId) -> String {
        let view = self.views.view(self.views.canonical(id).0);
        let kinds = kinds_without_null(&view);
        let kind = Type::ALL
            .into_iter()
            .find(|kind| kinds == Kinds::only(*kind));
        match (kind, view.items.first()) {
            (Some(Type::Array), Some(item)) => {
                let of = self
                    .reference_name(*item)
                    .unwrap_or_else(|| self.item_name(*item));
                format!("list of {of}")
            }
            (Some(kind), _) => of_kind(kind).to_owned(),
            (None, _) => "object".to_owned(),
        }
    }

    fn item_name(&self, id: SchemaId) -> String {
        let kinds = kinds_without_null(&self.views.view(self.views.canonical(id).0));
        let kind = Type::ALL
            .into_iter()
            .find(|kind| kinds == Kinds::only(*kind));
        kind.map_or("any", of_kind).to_owned()
    }
}

fn of_kind(kind: Type) -> &'static str {
    match kind {
        Type::Null => "Null",
        Type::Boolean => "Bool",
        Type::Integer => "Integer",
        Type::Number => "Number",
        Type::String => "Text",
        Type::Array => "List",
        Type::Object => "Object",
    }
}

impl Plan {
    /// The beginning of a plan for objects.
    fn of_objects(origin: SchemaId, told: &Objects) -> Self {
        Self {
            origin,
            tag: told.tag.clone(),
            is_tag_required: told.is_tag_required,
            variants: Vec::new(),
        }
    }

    fn add_objects(&mut self, objects: &[&Branch], told: Objects) {
        let mut alike = Vec::new();
        let rank = |index: usize| told.asked.iter().position(|asked| *asked == index);
        for (index, (branch, tell)) in objects.iter().zip(told.tells).enumerate() {
            let test = match tell {
                Tell::Tags(tags) => Test::Tags(tags),
                Tell::Has(name) => Test::Has(name),
                Tell::HasKind(name, kinds) => Test::HasKind(name, kinds),
                Tell::Otherwise => Test::Otherwise,
                Tell::Alike => {
                    alike.push(branch.object());
                    continue;
                }
            };
            let what = branch.object();
            let rank = rank(index).unwrap_or(0);
            self.variants.push(PlannedVariant { what, test, rank });
        }
        if !alike.is_empty() {
            self.variants.push(PlannedVariant {
                what: Planned::Alike(alike),
                test: Test::Otherwise,
                rank: 0,
            });
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
            let what = match (with(&[kind]).as_slice(), kind) {
                ([], _) => continue,
                ([only], _) => only.of_kind(kind),
                (many, Type::String) => Planned::Strings(ids(many)),
                (many, Type::Array) => {
                    Planned::Alike(many.iter().map(|branch| branch.of_kind(kind)).collect())
                }
                ([first, ..], _) => Planned::OfKind(first.id, kind),
            };
            self.variants.push(PlannedVariant::of(what, kind));
        }
        let numbers = with(&[Type::Integer, Type::Number]);
        let what = match numbers.as_slice() {
            [] => return,
            [only] if only.kinds.names(Type::Number) => only.of_kind(Type::Number),
            [only] => only.of_kind(Type::Integer),
            many => Planned::Numbers(ids(many)),
        };
        self.variants.push(PlannedVariant::of(what, Type::Number));
    }
}

impl PlannedVariant {
    fn of(what: Planned, kind: Type) -> Self {
        Self {
            what,
            test: Test::Kind(kind),
            rank: 0,
        }
    }
}

impl Branch {
    fn object(&self) -> Planned {
        if self.is_merged {
            Planned::Merged(self.id, Box::new(self.view.clone()))
        } else {
            self.of_kind(Type::Object)
        }
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
