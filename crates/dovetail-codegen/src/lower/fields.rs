//! Fields of structs: names, presence, and what becomes of alternatives that share an object with ordinary fields.

use dovetail_contract::schema::{Schema, SchemaId, Type};
use indexmap::IndexMap;
use serde_json::Value;

use super::ty::{Ty, Typed};
use super::types::{FieldDraft, StructBody, Types};
use super::view::View;
use crate::rust_name::{self, Casing, Scope};
use crate::{codes, literal};

impl Types<'_> {
    /// The fields of an object.
    pub(super) fn fields(&mut self, view: &View, owner: &str) -> StructBody {
        let mut scope = Scope::default();
        let mut body = StructBody::default();
        for (wire, candidates) in &view.properties {
            if candidates
                .iter()
                .any(|id| self.views.schemas.schema(*id).never)
            {
                continue;
            }
            let required = view.required.contains(wire);
            let constant = self.constant(candidates).filter(|_| required);
            // What is always the same needs no type.
            let typed = if constant.is_some() {
                Typed::plain(Ty::Value)
            } else {
                self.typed_all(candidates, &hint(owner, wire))
            };
            let origin = candidates.first().copied();
            body.fields.push(FieldDraft {
                constant,
                ..field(&mut scope, wire, origin, typed, required)
            });
        }
        for (wire, alternatives) in self.alternatives(view) {
            let typed = self.typed_any(&alternatives, &hint(owner, &wire));
            body.fields.push(field(
                &mut scope,
                &wire,
                alternatives.first().copied(),
                typed,
                false,
            ));
        }
        for wire in &view.required {
            if body.fields.iter().all(|known| known.wire != *wire)
                && !view.properties.contains_key(wire)
            {
                body.fields
                    .push(field(&mut scope, wire, None, Typed::plain(Ty::Value), true));
            }
        }
        for wire in &view.conditional {
            if body.fields.iter().all(|known| known.wire != *wire)
                && !view.properties.contains_key(wire)
            {
                body.fields.push(field(
                    &mut scope,
                    wire,
                    None,
                    Typed::plain(Ty::Value),
                    false,
                ));
            }
        }
        let additional = view.additional.filter(|_| self.keeps_others(view));
        if let Some(additional) = additional.filter(|_| !body.fields.is_empty()) {
            let ty = self.typed(additional, &format!("{owner}Extra")).element();
            body.extra = Some((scope.claim("extra", Casing::Snake), Ty::map(ty)));
        } else if view.properties.is_empty() && view.unions.is_empty() && !self.is_closed(view) {
            // Where no member is described, those that must be there are not all that there is.
            body.extra = Some((scope.claim("extra", Casing::Snake), Ty::map(Ty::Value)));
        }
        body
    }

    /// Whether no members are allowed but those that are named.
    fn is_closed(&self, view: &View) -> bool {
        let additional = view.additional.map(|id| self.views.schemas.schema(id));
        additional.is_some_and(|schema| schema.never)
    }

    /// The one value that `const` gives a member, as a literal. A list of values may grow, even one of a single value.
    fn constant(&self, candidates: &[SchemaId]) -> Option<String> {
        let schemas = self.views.schemas;
        let mut schemas = candidates
            .iter()
            .map(|id| schemas.schema(self.views.canonical(*id).0));
        let is_one_way = |schema: &Schema| schema.notes.read_only || schema.notes.write_only;
        if schemas.clone().any(is_one_way) {
            return None;
        }
        match schemas.find_map(|schema| schema.constant.as_ref())? {
            Value::String(text) => Some(literal::rust(text)),
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(number) => number.as_i64().map(|number| number.to_string()),
            _ => None,
        }
    }

    /// Fields of the branches of unions that stand beside ordinary fields: any of them may be there.
    fn alternatives(&mut self, view: &View) -> IndexMap<String, Vec<SchemaId>> {
        let mut found: IndexMap<String, Vec<SchemaId>> = IndexMap::new();
        for (holder, branches) in &view.unions {
            for branch in branches {
                let branch_view = self.views.view(*branch);
                let is_object =
                    branch_view.kinds().is_any() || branch_view.kinds().accepts(Type::Object);
                if !is_object || !branch_view.unions.is_empty() {
                    self.report(
                        &codes::UNTYPED_SCHEMA,
                        *holder,
                        "a branch of this union is no plain object, so only the fields beside the union have types",
                    );
                }
                for (wire, ids) in branch_view.properties {
                    if !view.properties.contains_key(&wire) {
                        found.entry(wire).or_default().extend(ids);
                    }
                }
            }
        }
        found
    }
}

fn field(
    scope: &mut Scope,
    wire: &str,
    origin: Option<SchemaId>,
    typed: Typed,
    required: bool,
) -> FieldDraft {
    FieldDraft {
        name: scope.claim(&rust_name::identifier(wire, Casing::Snake), Casing::Snake),
        wire: wire.to_owned(),
        origin,
        ty: typed.ty,
        required,
        nullable: typed.nullable,
        constant: None,
    }
}

fn hint(owner: &str, wire: &str) -> String {
    format!("{owner}{}", rust_name::identifier(wire, Casing::Variant))
}
