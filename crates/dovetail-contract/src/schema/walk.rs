//! Where a JSON pointer into a value leads among the schemas that the value must fit.

use std::collections::HashSet;

use super::{Schema, SchemaId, Schemas, Type};
use crate::json_pointer::unescape;

/// Most schemas that are applied to one value. No honest schema is made of more.
const APPLIED_MAX: usize = 1_000;

impl Schemas {
    /// The schema of what stands at a JSON pointer (RFC 6901) in values of `id`: the first that names it, through references, `allOf` and
    /// branches of unions. `None` where no schema names a step, or where the text is no pointer.
    #[must_use]
    pub fn at_pointer(&self, id: SchemaId, pointer: &str) -> Option<SchemaId> {
        if pointer.is_empty() {
            return Some(id);
        }
        let tokens = pointer.strip_prefix('/')?.split('/');
        tokens
            .map(unescape)
            .try_fold(id, |at, token| self.child(at, &token))
    }

    /// Whether something that values of `id` must fit says that they are of this type, if only in one branch.
    #[must_use]
    pub fn names_type(&self, id: SchemaId, kind: Type) -> bool {
        self.applied(id).any(|schema| schema.names_type(kind))
    }

    /// The schema of one property or element.
    fn child(&self, id: SchemaId, token: &str) -> Option<SchemaId> {
        self.applied(id).find_map(|schema| schema.child(token))
    }

    /// A schema and all that are applied to the same value, each once: what stands here before what is referred to.
    pub(super) fn applied(&self, id: SchemaId) -> impl Iterator<Item = &Schema> {
        let mut seen = HashSet::from([id]);
        let mut stack = vec![id];
        let all = std::iter::from_fn(move || {
            let schema = self.schema(stack.pop()?);
            let parts = [&schema.all_of, &schema.any_of, &schema.one_of];
            let next = parts.into_iter().flatten().copied().chain(schema.reference);
            let next: Vec<SchemaId> = next.filter(|id| seen.insert(*id)).collect();
            stack.extend(next.into_iter().rev());
            Some(schema)
        });
        all.take(APPLIED_MAX)
    }
}

impl Schema {
    /// Whether it says itself that values are of this type.
    pub(super) fn names_type(&self, kind: Type) -> bool {
        let by_rules = match kind {
            Type::Array => self.array.items.is_some() || !self.array.prefix_items.is_empty(),
            Type::Object => !self.object.properties.is_empty(),
            _ => false,
        };
        self.types.names(kind) || (by_rules && self.types.is_any())
    }

    /// The schema that it gives one property or element.
    pub(super) fn child(&self, token: &str) -> Option<SchemaId> {
        let property = self.object.properties.get(token);
        if let Some(property) = property {
            return Some(property.schema);
        }
        let index: usize = token.parse().ok()?;
        let prefix = self.array.prefix_items.get(index).copied();
        prefix.or(self.array.items)
    }
}
