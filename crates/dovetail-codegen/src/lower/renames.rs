//! Names that contracts give to generated code, and names of what stands together: both are settled in one place, by
//! [`Scope::claim_all`].

use std::collections::{HashMap, HashSet};

use dovetail_contract::contract::{Operation, Renames};
use dovetail_contract::schema::{SchemaId, Schemas};

use super::types::{Body, Types};
use crate::rust_name::{self, Casing, Scope, Wanted};

/// Most schemas that are looked through for who declares a property.
const HOLDERS_MAX: usize = 256;

/// Names of all schemas that have one.
pub(super) fn components(
    schemas: &Schemas,
    renames: &Renames,
    scope: &mut Scope,
) -> HashMap<SchemaId, String> {
    let named: Vec<(SchemaId, Wanted<'_>)> = schemas
        .iter()
        .filter_map(|(id, schema)| {
            let text = schema.name.as_deref()?;
            let given = renames.schemas.get(text);
            let name = given.map_or(text, |given| given.value.as_str());
            let name = rust_name::identifier(name, Casing::Type);
            let name = match name.as_str() {
                "Error" => "ErrorBody".to_owned(),
                reserved if scope.holds(reserved) => format!("{reserved}Type"),
                _ => name,
            };
            let wanted = Wanted {
                text,
                place: &schema.pointer,
                name,
                is_given: given.is_some(),
            };
            Some((id, wanted))
        })
        .collect();
    let (ids, wanted): (Vec<_>, Vec<_>) = named.into_iter().unzip();
    let names = scope.claim_all(&wanted, Casing::Type);
    ids.into_iter().zip(names).collect()
}

/// What an operation should be called, and whether that was given.
pub(super) fn operation<'a>(operation: &'a Operation, renames: &'a Renames) -> (&'a str, bool) {
    let id = operation.id.value.as_str();
    let given = renames.operations.get(id);
    given.map_or((id, false), |given| (given.value.as_str(), true))
}

/// Names the members of all types that have some, now that all of them are known.
pub(super) fn members(types: &mut Types<'_>, renames: &Renames) {
    let schemas = types.views.schemas;
    for draft in &mut types.drafts {
        let given = Given::of(draft.origin, schemas, renames);
        match &mut draft.body {
            Body::Struct(body) => {
                let mut scope = Scope::default();
                let wires = body.fields.iter().map(|field| field.wire.as_str());
                let names = given.members(wires, &mut scope);
                for (field, name) in body.fields.iter_mut().zip(names) {
                    field.name = name;
                }
                if let Some((name, _)) = &mut body.extra {
                    *name = scope.claim("extra", Casing::Snake);
                }
            }
            Body::Form(_, parts) => {
                let wires = parts.iter().map(|part| part.wire.as_str());
                let names = given.members(wires, &mut Scope::default());
                for (part, name) in parts.iter_mut().zip(names) {
                    part.name = name;
                }
            }
            _ => {}
        }
    }
}

/// New names of the properties of a schema: its own, then those of what it inherits from.
struct Given<'a> {
    renames: &'a Renames,
    /// Names of the schemas.
    holders: Vec<&'a str>,
}

impl<'a> Given<'a> {
    fn of(origin: SchemaId, schemas: &'a Schemas, renames: &'a Renames) -> Self {
        let mut holders = Vec::new();
        let mut seen = HashSet::new();
        let mut open = vec![origin];
        while let Some(id) = open.pop() {
            if renames.properties.is_empty() || seen.len() == HOLDERS_MAX || !seen.insert(id) {
                continue;
            }
            let schema = schemas.schema(id);
            holders.extend(schema.name.as_deref());
            let parts = schema.reference.iter().chain(&schema.all_of);
            // The first part is looked at first.
            open.extend(parts.rev());
        }
        Self { renames, holders }
    }

    fn member(&self, wire: &str) -> Option<&'a str> {
        let of = |holder: &&str| self.renames.properties.get(*holder)?.get(wire);
        self.holders
            .iter()
            .find_map(of)
            .map(|name| name.value.as_str())
    }

    fn members<'w>(&self, wires: impl Iterator<Item = &'w str>, scope: &mut Scope) -> Vec<String> {
        let wanted: Vec<Wanted<'_>> = wires
            .map(|wire| {
                let given = self.member(wire);
                Wanted {
                    text: wire,
                    place: "",
                    name: rust_name::identifier(given.unwrap_or(wire), Casing::Snake),
                    is_given: given.is_some(),
                }
            })
            .collect();
        scope.claim_all(&wanted, Casing::Snake)
    }
}
