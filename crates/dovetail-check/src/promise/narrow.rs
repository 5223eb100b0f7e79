//! What is promised of a value of which one field is known, apart because it is the one place that looks at tags.
//!
//! Who reads that `kind` is `card` reads a card: what only other branches of a union leave out is promised all the same.

use dovetail_contract::expect::Matcher;
use dovetail_contract::placeholder;
use dovetail_contract::schema::{Discriminator, Schema};
use serde_json::Value;

use super::{Promise, Shape};

impl<'a> Promise<'a> {
    /// What is left where the fields that are read have the values that are asked for; all of it where that leaves nothing.
    pub(crate) fn narrowed(&self, matcher: &Matcher) -> Self {
        let known: Vec<(&str, Vec<&Value>)> = matcher
            .fields
            .iter()
            .filter(|(_, field)| !field.optional && !field.nullable)
            .filter_map(|(name, field)| Some((name.as_str(), values_of(field)?)))
            .collect();
        let mut narrowed = self.clone();
        narrowed.shapes.retain(|shape| {
            let mut known = known.iter();
            known.all(|(name, values)| self.may_have(shape, name, values))
        });
        if narrowed.shapes.is_empty() {
            self.clone()
        } else {
            narrowed
        }
    }

    /// Whether a field of a shape may have one of these values.
    fn may_have(&self, shape: &Shape, name: &str, values: &[&Value]) -> bool {
        let tagged = |schema: &'a Schema| {
            let discriminator = schema.discriminator.as_ref();
            let tags = self.tags(
                shape,
                schema,
                discriminator.filter(|it| it.property == name)?,
            );
            (!tags.is_empty()).then_some(tags)
        };
        let listed = |schema: &'a Schema| {
            let property = schema.object.properties.get(name)?;
            Promise::of(self.schemas, [property.schema])?.values()
        };
        self.all(shape).all(|schema| {
            let is_tag = |tag: &&str| values.iter().any(|value| value.as_str() == Some(*tag));
            tagged(schema).is_none_or(|tags| tags.iter().any(is_tag))
                && listed(schema).is_none_or(|listed| listed.iter().any(|it| values.contains(it)))
        })
    }

    /// The tags of the branches of `union` that hold in a shape.
    fn tags(&self, shape: &Shape, union: &'a Schema, by: &'a Discriminator) -> Vec<&'a str> {
        let branches = union.one_of.iter().chain(&union.any_of);
        let mut tags = Vec::new();
        for branch in branches.filter(|branch| shape.contains(branch)) {
            let target = self.schemas.resolve(*branch);
            let before = tags.len();
            let mapped = by.mapping.iter();
            let mapped = mapped.filter(|(_, id)| self.schemas.resolve(**id) == target);
            tags.extend(mapped.map(|(tag, _)| tag.as_str()));
            if tags.len() == before {
                match &self.schemas.schema(target).name {
                    Some(name) => tags.push(name),
                    // A branch without a tag may have any.
                    None => return Vec::new(),
                }
            }
        }
        tags
    }
}

/// The values that a field must have, if they are said and known before anything runs.
fn values_of(matcher: &Matcher) -> Option<Vec<&Value>> {
    let said = matcher.equals.iter().chain(&matcher.one_of);
    let values: Vec<&Value> = said.map(|said| &said.value).collect();
    let is_known = |value: &&Value| placeholder::names(value).is_empty();
    (!values.is_empty() && values.iter().all(is_known)).then_some(values)
}
