//! Enumerations: strings and integers become enums that may grow, other values the plain type that holds them.

use dovetail_contract::schema::{SchemaId, Type};
use indexmap::IndexSet;
use serde_json::Value;

use super::scalar;
use super::ty::{Ty, Typed};
use super::types::{Body, Types, WordDraft};
use super::view::View;
use crate::codes;
use crate::rust_name::{self, Casing, Scope, Wanted};

impl Types<'_> {
    /// The type of a schema with `enum` or `const`.
    pub(super) fn enumeration(&mut self, at: SchemaId, view: &View, hint: &str) -> Typed {
        let all = view.values.as_deref().unwrap_or_default();
        let nullable = all.contains(&Value::Null) || view.types.names(Type::Null);
        let values: Vec<&Value> = all.iter().filter(|value| !value.is_null()).collect();
        let kinds: IndexSet<Type> = values.iter().map(|value| Type::of(value)).collect();
        let ty = match kinds.iter().copied().collect::<Vec<_>>().as_slice() {
            [] => Ty::Value,
            [Type::String] => {
                let texts: Vec<&str> = values.iter().filter_map(|value| value.as_str()).collect();
                let names = if all.len() == values.len() {
                    view.value_names.as_slice()
                } else {
                    &[]
                };
                self.words(at, &texts, names, hint)
            }
            [Type::Integer] => self.numbers(at, view, &values, hint),
            [Type::Boolean] => Ty::Bool,
            [Type::Number] | [Type::Integer, Type::Number] | [Type::Number, Type::Integer] => {
                Ty::Float
            }
            _ => {
                self.report(
                    &codes::UNTYPED_SCHEMA,
                    at,
                    "the values of this enumeration have different types, so it becomes raw JSON",
                );
                Ty::Value
            }
        };
        Typed { ty, nullable }
    }

    /// An enum of strings.
    pub(super) fn words(
        &mut self,
        at: SchemaId,
        values: &[&str],
        names: &[String],
        hint: &str,
    ) -> Ty {
        // The arm for values of the future has a name of its own.
        let mut scope = Scope::with(&["Unknown"]);
        let mut seen = IndexSet::new();
        let mut wanted = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if !seen.insert(*value) {
                continue;
            }
            let text = names
                .get(index)
                .filter(|_| names.len() == values.len())
                .map_or(*value, String::as_str);
            wanted.push(Wanted {
                text,
                place: value,
                name: match rust_name::identifier(text, Casing::Variant) {
                    name if name == "Unknown" => "DeclaredUnknown".to_owned(),
                    name => name,
                },
                is_given: false,
            });
        }
        let names = scope.claim_all(&wanted, Casing::Variant);
        let variants = seen.into_iter().zip(names).map(|(value, name)| WordDraft {
            name,
            value: value.to_owned(),
        });
        let variants = variants.collect();
        Ty::Named(self.name(at, hint, Body::Words(variants)))
    }

    fn numbers(&mut self, at: SchemaId, view: &View, values: &[&Value], hint: &str) -> Ty {
        let mut scope = Scope::with(&["Unknown"]);
        let mut seen = IndexSet::new();
        let mut variants = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let Some(number) = value.as_i64() else {
                // Beyond what such an enum holds: the plain type that holds every value.
                let all_natural = values.iter().all(|value| value.as_u64().is_some());
                return Ty::Int(if all_natural { "u64" } else { "i128" });
            };
            if !seen.insert(number) {
                continue;
            }
            let text = view
                .value_names
                .get(index)
                .filter(|_| view.value_names.len() == values.len());
            let wanted = match text {
                Some(name) => rust_name::identifier(name, Casing::Variant),
                None if number < 0 => format!("Minus{}", number.unsigned_abs()),
                None => format!("V{number}"),
            };
            variants.push(WordDraft {
                name: scope.claim(&wanted, Casing::Variant),
                value: number.to_string(),
            });
        }
        let repr = match scalar::integer(view, self.views.schemas) {
            Ty::Int(name @ ("i32" | "i16" | "i8"))
                if seen.iter().all(|number| i8::try_from(*number).is_ok()) =>
            {
                name
            }
            Ty::Int("i32") if seen.iter().all(|number| i32::try_from(*number).is_ok()) => "i32",
            _ => "i64",
        };
        Ty::Named(self.name(at, hint, Body::Numbers(repr, variants)))
    }
}
