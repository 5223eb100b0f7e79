//! What tells the branches of a union apart.

use std::collections::{BTreeSet, HashSet};

use dovetail_contract::schema::{Discriminator, SchemaId, Type, Types as Kinds};
use indexmap::IndexMap;

use super::Branch;
use crate::lower::types::Types;

/// How the objects of a union are told apart.
pub(super) enum Objects {
    Tags(String, Vec<Vec<String>>),
    Fields(Vec<Option<String>>),
    Alike,
}

impl Types<'_> {
    /// How objects are told apart.
    pub(super) fn objects(
        &self,
        objects: &[&Branch],
        discriminator: Option<&Discriminator>,
    ) -> Objects {
        if objects.len() < 2 && discriminator.is_none() {
            return Objects::Fields(vec![None; objects.len()]);
        }
        let declared =
            discriminator.and_then(|discriminator| self.declared_tags(objects, discriminator));
        declared
            .or_else(|| self.constant_tags(objects))
            .or_else(|| own_fields(objects))
            .unwrap_or(Objects::Alike)
    }

    fn declared_tags(&self, objects: &[&Branch], discriminator: &Discriminator) -> Option<Objects> {
        let mut taken = HashSet::new();
        let mut all = Vec::new();
        for branch in objects {
            let mapped = discriminator.mapping.iter().filter(|(_, target)| {
                **target == branch.id || self.views.canonical(**target).0 == branch.at
            });
            let mut tags: Vec<String> = mapped.map(|(tag, _)| tag.clone()).collect();
            if tags.is_empty() {
                tags = self
                    .constants(branch, &discriminator.property)
                    .unwrap_or_default();
            }
            if tags.is_empty() {
                let name = [branch.id, branch.at]
                    .into_iter()
                    .find_map(|id| self.reference_name(id));
                tags.extend(name);
            }
            tags.retain(|tag| taken.insert(tag.clone()));
            if tags.is_empty() {
                return None;
            }
            all.push(tags);
        }
        Some(Objects::Tags(discriminator.property.clone(), all))
    }

    /// The name of a component, also where it is only referred to.
    pub(super) fn reference_name(&self, id: SchemaId) -> Option<String> {
        let schema = self.views.schemas.schema(id);
        schema
            .name
            .clone()
            .or_else(|| self.views.schemas.schema(schema.reference?).name.clone())
    }

    fn constant_tags(&self, objects: &[&Branch]) -> Option<Objects> {
        let (first, rest) = objects.split_first()?;
        for property in first.view.properties.keys() {
            let Some(constants) = self.constants(first, property) else {
                continue;
            };
            let mut taken: HashSet<String> = constants.iter().cloned().collect();
            let mut all = vec![constants];
            for branch in rest {
                match self.constants(branch, property) {
                    Some(constants) if constants.iter().all(|tag| taken.insert(tag.clone())) => {
                        all.push(constants);
                    }
                    _ => break,
                }
            }
            if all.len() == objects.len() {
                return Some(Objects::Tags(property.clone(), all));
            }
        }
        None
    }

    /// The strings that a field may be in a branch, if they are listed.
    fn constants(&self, branch: &Branch, property: &str) -> Option<Vec<String>> {
        let candidates = branch.view.properties.get(property)?;
        let values = self.views.view_of_all(candidates).values?;
        let texts: Option<Vec<String>> = values
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect();
        texts.filter(|texts| !texts.is_empty())
    }
}

/// Objects of which each, but for one at most, must have a field that no other knows.
fn own_fields(objects: &[&Branch]) -> Option<Objects> {
    let mut known: IndexMap<&str, usize> = IndexMap::new();
    for branch in objects {
        let names: BTreeSet<&str> = branch
            .view
            .properties
            .keys()
            .chain(&branch.view.required)
            .map(String::as_str)
            .collect();
        for name in names {
            *known.entry(name).or_default() += 1;
        }
    }
    let own = |branch: &&Branch| {
        let has_map = branch.view.properties.is_empty();
        let field = branch
            .view
            .required
            .iter()
            .find(|name| known.get(name.as_str()) == Some(&1));
        field.filter(|_| !has_map).cloned()
    };
    let fields: Vec<Option<String>> = objects.iter().map(own).collect();
    (fields.iter().filter(|field| field.is_none()).count() <= 1).then_some(Objects::Fields(fields))
}

/// Whether a union is a number that may also be written as text, as exact decimal numbers are.
pub(super) fn is_decimal(branches: &[Branch], types: &Types<'_>) -> bool {
    let [one, other] = branches else {
        return false;
    };
    let is_number =
        |branch: &Branch| branch.kinds == Kinds::only(Type::Number) && branch.view.values.is_none();
    let is_digits = |branch: &Branch| {
        branch.kinds == Kinds::only(Type::String)
            && branch.view.values.is_none()
            && branch.view.parts.iter().any(|id| {
                let pattern = types.views.schemas.schema(*id).string.pattern.as_deref();
                pattern.is_some_and(|pattern| pattern.contains("\\d*\\.?\\d"))
            })
    };
    (is_number(one) && is_digits(other)) || (is_number(other) && is_digits(one))
}
