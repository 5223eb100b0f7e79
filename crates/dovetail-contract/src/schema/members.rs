//! Which members every accepted object has.

use std::collections::{HashMap, HashSet};

use super::{Schema, SchemaId, Schemas, Type};
use crate::json_pointer::unescape;

/// Most schemas that are looked at for one member. No honest object is made of more.
const LOOKED_AT_MAX: usize = 1_000;

/// Deepest nesting of unions and `allOf` that is looked into.
const DEPTH_MAX: usize = 64;

/// Looks for members of objects, and remembers what long lists of required ones hold.
#[derive(Debug)]
pub(crate) struct Members<'s> {
    schemas: &'s Schemas,
    required: HashMap<SchemaId, HashSet<&'s str>>,
}

/// Where a pointer stops being certain to lead somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Uncertain {
    /// No schema names this member of what stands at the schema.
    Absent(SchemaId, String),
    /// An object without this member is accepted as well.
    Optional(String),
    /// A list may be too short for this element.
    Element(String),
    /// Too many schemas would have to be looked at.
    TooMuch,
}

impl<'s> Members<'s> {
    /// For the schemas of one arena.
    pub(crate) fn new(schemas: &'s Schemas) -> Self {
        Self {
            schemas,
            required: HashMap::new(),
        }
    }

    /// The schema of one member that every value of `id` has. What is looked at is taken off `left`.
    pub(crate) fn member(
        &mut self,
        id: SchemaId,
        name: &str,
        left: &mut usize,
    ) -> Result<SchemaId, Uncertain> {
        let mut found = None;
        let mut is_list = false;
        for part in self.schemas.applied(id) {
            *left = left.checked_sub(1).ok_or(Uncertain::TooMuch)?;
            is_list |= part.types.names(Type::Array);
            found = found.or_else(|| part.child(name));
        }
        let Some(member) = found else {
            return Err(Uncertain::Absent(id, name.to_owned()));
        };
        let mut share = LOOKED_AT_MAX.min(*left);
        let before = share;
        let is_required = self.requires(id, name, &mut share, DEPTH_MAX);
        *left = left.saturating_sub(before - share);
        match is_required {
            true => Ok(member),
            false if is_list => Err(Uncertain::Element(name.to_owned())),
            false => Err(Uncertain::Optional(name.to_owned())),
        }
    }

    /// The schema of what a JSON pointer leads to in every value of `id`. What is looked at is taken off `left`.
    pub(crate) fn at_pointer(
        &mut self,
        id: SchemaId,
        pointer: &str,
        left: &mut usize,
    ) -> Result<SchemaId, Uncertain> {
        let tokens = pointer.split('/').skip(1);
        tokens
            .map(unescape)
            .try_fold(id, |at, token| self.member(at, &token, left))
    }

    /// The first of these types that something says a value of `id` may have. What is looked at is taken off `left`.
    pub(crate) fn first_type(
        &self,
        id: SchemaId,
        kinds: &[Type],
        left: &mut usize,
    ) -> Result<Option<Type>, Uncertain> {
        for part in self.schemas.applied(id) {
            *left = left.checked_sub(1).ok_or(Uncertain::TooMuch)?;
            let may_be = |kind: &&Type| part.names_type(**kind);
            if let Some(kind) = kinds.iter().find(may_be) {
                return Ok(Some(*kind));
            }
        }
        Ok(None)
    }

    /// The names of the members of one object, those of its parts included.
    pub(crate) fn names(&self, id: SchemaId) -> impl Iterator<Item = &'s str> {
        let parts = self.schemas.applied(id);
        parts.flat_map(|part| part.object.properties.keys().map(String::as_str))
    }

    /// Whether every object that is accepted has the member. What lies beyond the limits is not looked at, and does not count.
    fn requires(&mut self, id: SchemaId, name: &str, left: &mut usize, depth: usize) -> bool {
        if *left == 0 || depth == 0 {
            return false;
        }
        *left -= 1;
        let schema: &'s Schema = self.schemas.schema(id);
        let own = &schema.object.required;
        let required = self.required.entry(id);
        let required = required.or_insert_with(|| own.iter().map(String::as_str).collect());
        if required.contains(name) {
            return true;
        }
        let mut parts = schema.all_of.iter().copied().chain(schema.reference);
        if parts.any(|part| self.requires(part, name, left, depth - 1)) {
            return true;
        }
        let unions = [&schema.any_of, &schema.one_of];
        let mut unions = unions.into_iter().filter(|branches| !branches.is_empty());
        unions.any(|branches| {
            let mut branches = branches.iter();
            branches.all(|branch| self.requires(*branch, name, left, depth - 1))
        })
    }
}
