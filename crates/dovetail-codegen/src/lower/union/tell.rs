//! What tells the branches of a union apart.

use std::collections::HashSet;

use dovetail_contract::schema::{Discriminator, SchemaId, Type, Types as Kinds};

use super::Branch;
use crate::lower::split::{OneWay, one_way};
use crate::lower::types::Types;

/// More objects than this are only told apart by a tag: comparing each with each would take too long.
const COMPARED_MAX: usize = 64;

/// More fields than this are not tried as the tag.
const TAGS_TRIED_MAX: usize = 32;

/// How the objects of a union are told apart: the tag that some have, and what leads to each, in the order of the objects.
pub(super) struct Objects {
    pub(super) tag: Option<String>,
    /// Whether every object must have the tag.
    pub(super) is_tag_required: bool,
    pub(super) tells: Vec<Tell>,
    /// The objects that members tell apart, in the order in which they must be asked.
    pub(super) asked: Vec<usize>,
}

/// What leads to one object of a union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tell {
    /// Values of the tag.
    Tags(Vec<String>),
    /// A member that no other has.
    Has(String),
    /// A member that others have with values of other kinds.
    HasKind(String, Vec<Type>),
    /// Being none of the others.
    Otherwise,
    /// Nothing.
    Alike,
}

impl Types<'_> {
    /// How objects are told apart.
    pub(super) fn objects(
        &self,
        objects: &[&Branch],
        discriminator: Option<&Discriminator>,
    ) -> Objects {
        let mut told = Objects {
            tag: None,
            is_tag_required: false,
            tells: vec![Tell::Alike; objects.len()],
            asked: Vec::new(),
        };
        if objects.len() < 2 && discriminator.is_none() {
            told.tells.fill(Tell::Otherwise);
            return told;
        }
        let declared =
            discriminator.and_then(|discriminator| self.declared_tags(objects, discriminator));
        let tags = declared.or_else(|| self.constant_tags(objects));
        let mut rest: Vec<usize> = (0..objects.len()).collect();
        if let Some((tag, tags)) = tags {
            rest.retain(|index| tags.get(*index).is_some_and(Vec::is_empty));
            let tagged = objects
                .iter()
                .zip(&tags)
                .filter(|(_, tags)| !tags.is_empty());
            told.is_tag_required = rest.is_empty()
                && tagged
                    .clone()
                    .all(|(branch, _)| branch.view.required.contains(&tag));
            for (tell, tags) in told.tells.iter_mut().zip(tags) {
                if !tags.is_empty() {
                    *tell = Tell::Tags(tags);
                }
            }
            told.tag = Some(tag);
        }
        self.tell_by_members(objects, rest, &mut told);
        told
    }

    /// Takes one object after the other away that has a member by which it cannot be any of those that are left.
    fn tell_by_members(&self, objects: &[&Branch], mut rest: Vec<usize>, told: &mut Objects) {
        while (2..=COMPARED_MAX).contains(&rest.len()) || rest.len() == 1 && objects.len() > 1 {
            let found = rest.iter().enumerate().find_map(|(place, index)| {
                let others: Vec<&Branch> = rest
                    .iter()
                    .filter(|other| *other != index)
                    .filter_map(|other| objects.get(*other).copied())
                    .collect();
                let branch = objects.get(*index)?;
                let all: Vec<&Branch> = objects
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| other != index)
                    .map(|(_, other)| *other)
                    .collect();
                // What no other has at all says more than what only those that are left lack.
                let tell = self
                    .only_name(branch, &all)
                    .or_else(|| self.own_member(branch, &others));
                tell.map(|tell| (place, tell))
            });
            let Some((place, tell)) = found else { break };
            let index = rest.remove(place);
            told.asked.push(index);
            if let Some(place) = told.tells.get_mut(index) {
                *place = tell;
            }
        }
        if let [only] = rest.as_slice()
            && let Some(tell) = told.tells.get_mut(*only)
        {
            *tell = Tell::Otherwise;
        }
    }

    /// A member that an object must have and that no other of these can have like this.
    fn own_member(&self, branch: &Branch, others: &[&Branch]) -> Option<Tell> {
        if let Some(tell) = self.only_name(branch, others) {
            return Some(tell);
        }
        self.expected(branch).find_map(|name| {
            let kinds = self.member_kinds(branch, name)?;
            let differs = others.iter().all(|other| {
                !knows(other, name)
                    || self.member_kinds(other, name).is_some_and(|others| {
                        !kinds.iter().any(|kind| others.accepts(kind))
                            && !others.iter().any(|kind| kinds.accepts(kind))
                    })
            });
            differs.then(|| Tell::HasKind(name.clone(), kinds.iter().collect()))
        })
    }

    /// A member that an object must have and that no other of these knows.
    fn only_name(&self, branch: &Branch, others: &[&Branch]) -> Option<Tell> {
        let own = self.expected(branch).find(|name| {
            let is_described = branch.view.properties.contains_key(*name);
            is_described && !others.iter().any(|other| knows(other, name))
        });
        own.map(|name| Tell::Has(name.clone()))
    }

    /// The members that an object must have where it is received: not those that are never told.
    fn expected<'b>(&'b self, branch: &'b Branch) -> impl Iterator<Item = &'b String> {
        let schemas = self.views.schemas;
        branch.view.required.iter().filter(move |name| {
            let candidates = branch.view.properties.get(*name);
            let origin = candidates.and_then(|candidates| candidates.first().copied());
            one_way(schemas, origin) != Some(OneWay::Sent)
        })
    }

    /// The JSON types that a member may have, if that is said.
    fn member_kinds(&self, branch: &Branch, name: &str) -> Option<Kinds> {
        let candidates = branch.view.properties.get(name)?;
        let mut kinds = self.views.view_of_all(candidates).kinds();
        for id in candidates {
            if self.views.canonical(*id).1 {
                kinds = kinds.with(Type::Null);
            }
        }
        let view = self.views.view_of_all(candidates);
        (!kinds.is_any() && view.unions.is_empty()).then_some(kinds)
    }

    /// The tags of a declared discriminator; none for an object that has none.
    fn declared_tags(
        &self,
        objects: &[&Branch],
        discriminator: &Discriminator,
    ) -> Option<(String, Vec<Vec<String>>)> {
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
            all.push(tags);
        }
        all.iter()
            .any(|tags| !tags.is_empty())
            .then(|| (discriminator.property.clone(), all))
    }

    /// The name of a component, also where it is only referred to.
    pub(super) fn reference_name(&self, id: SchemaId) -> Option<String> {
        let schema = self.views.schemas.schema(id);
        schema
            .name
            .clone()
            .or_else(|| self.views.schemas.schema(schema.reference?).name.clone())
    }

    /// The field that most objects have with values of their own, if two have one. No other object may have the field: it
    /// could have any value there.
    fn constant_tags(&self, objects: &[&Branch]) -> Option<(String, Vec<Vec<String>>)> {
        let mut names: Vec<&String> = Vec::new();
        for branch in objects {
            for name in branch.view.properties.keys() {
                if names.len() < TAGS_TRIED_MAX
                    && !names.contains(&name)
                    && self.constants(branch, name).is_some()
                {
                    names.push(name);
                }
            }
        }
        let tags = names.into_iter().filter_map(|name| {
            let mut taken = HashSet::new();
            let mut all = Vec::new();
            for branch in objects {
                let constants = match self.constants(branch, name) {
                    Some(constants) => constants,
                    None if branch.view.properties.contains_key(name) => return None,
                    None => Vec::new(),
                };
                if !constants.iter().all(|tag| taken.insert(tag.clone())) {
                    return None;
                }
                all.push(constants);
            }
            let count = all.iter().filter(|tags| !tags.is_empty()).count();
            (count > 1).then(|| (count, name.clone(), all))
        });
        // The first of equals, so that the order of the document decides.
        let best = tags.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        Some((best.1, best.2))
    }

    /// The texts that a field may be in a branch, if they are listed.
    fn constants(&self, branch: &Branch, property: &str) -> Option<Vec<String>> {
        let candidates = branch.view.properties.get(property)?;
        let values = self.views.view_of_all(candidates).values?;
        let texts: Option<Vec<String>> = values.iter().map(tag_text).collect();
        texts.filter(|texts| !texts.is_empty())
    }
}

fn knows(branch: &Branch, name: &str) -> bool {
    branch.view.properties.contains_key(name) || branch.view.required.contains(name)
}

/// A value as the runtime reads a tag.
fn tag_text(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Bool(_) => Some(value.to_string()),
        serde_json::Value::Number(number) if !number.is_f64() => Some(value.to_string()),
        _ => None,
    }
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
