//! What a schema says with everything that it inherits: references followed and `allOf` laid side by side.

use std::collections::{BTreeMap, HashMap, HashSet};

use dovetail_contract::schema::{Schema, SchemaId, Schemas, Type, Types};
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

/// How far references and `allOf` with something beside them are followed; deeper ones are cut, which is a finding.
pub(super) const DEPTH_MAX: usize = 256;

/// A schema with what it inherits.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// Nothing is accepted.
    pub(super) never: bool,
    /// Types that every part accepts.
    pub(super) types: Types,
    /// Values of `enum` or `const`, each once.
    pub(super) values: Option<Vec<Value>>,
    pub(super) value_names: Vec<String>,
    /// Each format that a part names.
    formats: Vec<String>,
    /// Parts that hold keywords of numbers and strings.
    pub(super) parts: Vec<SchemaId>,
    pub(super) items: Vec<SchemaId>,
    pub(super) prefix_items: Vec<SchemaId>,
    pub(super) has_array_rules: bool,
    /// Schemas of each property; several where parts disagree or refine one another.
    pub(super) properties: IndexMap<String, Vec<SchemaId>>,
    pub(super) required: IndexSet<String>,
    /// Members that only conditions name, such as an `anyOf` of what must be there.
    pub(super) conditional: IndexSet<String>,
    pub(super) additional: Option<SchemaId>,
    pub(super) has_object_rules: bool,
    pub(super) pattern_properties: Vec<SchemaId>,
    /// Branches of each `oneOf` and `anyOf` that tells types apart, with the schema that holds it.
    pub(super) unions: Vec<(SchemaId, Vec<SchemaId>)>,
    pub(super) has_string_rules: bool,
    /// Parts name types that have nothing in common.
    pub(super) conflicts: bool,
    /// More inherits from one another than is followed.
    pub(super) is_cut: bool,
}

/// Reads schemas together with what they inherit.
#[derive(Debug)]
pub(super) struct Views<'a> {
    pub(super) schemas: &'a Schemas,
    /// Schemas that inherit, through `allOf`, from one with a discriminator.
    children: BTreeMap<SchemaId, Vec<SchemaId>>,
    /// Which schema is meant by each that only leads to another, and whether it may be null by that.
    canonicals: HashMap<SchemaId, (SchemaId, bool)>,
}

impl<'a> Views<'a> {
    pub(super) fn new(schemas: &'a Schemas) -> Self {
        let mut children: BTreeMap<SchemaId, Vec<SchemaId>> = BTreeMap::new();
        for (id, schema) in schemas.iter() {
            if schema.name.is_none() {
                continue;
            }
            for part in &schema.all_of {
                let parent = schemas.resolve(*part);
                if parent != id {
                    children.entry(parent).or_default().push(id);
                }
            }
        }
        let mut views = Self {
            schemas,
            children,
            canonicals: HashMap::new(),
        };
        let bases: Vec<_> = views.children.keys().copied().collect();
        let mut inherited = BTreeMap::new();
        for base in bases {
            let schema = schemas.schema(base);
            if schema.discriminator.is_some()
                && schema.one_of.is_empty()
                && schema.any_of.is_empty()
            {
                inherited.insert(base, views.descendants(base));
            }
        }
        views.children = inherited;
        views.decide_canonicals();
        views
    }

    /// The schemas that a discriminated base stands for; empty for any other schema.
    pub(super) fn children(&self, id: SchemaId) -> &[SchemaId] {
        self.children.get(&id).map_or(&[], Vec::as_slice)
    }

    fn descendants(&self, base: SchemaId) -> Vec<SchemaId> {
        let mut found = IndexSet::new();
        let mut open = self.children.get(&base).cloned().unwrap_or_default();
        open.reverse();
        while let Some(id) = open.pop() {
            if id != base && found.insert(id) {
                open.extend(self.children.get(&id).into_iter().flatten().rev());
            }
        }
        found.into_iter().collect()
    }

    /// The schema that is meant, and whether `null` is allowed on the way: follows bare references and `allOf` around a single schema.
    pub(super) fn canonical(&self, id: SchemaId) -> (SchemaId, bool) {
        self.canonicals.get(&id).copied().unwrap_or((id, false))
    }

    /// Decides for every schema which is meant, each step of a chain once.
    fn decide_canonicals(&mut self) {
        let mut decided: HashMap<SchemaId, (SchemaId, bool)> = HashMap::new();
        let mut chain = Vec::new();
        for (id, _) in self.schemas.iter() {
            let mut at = id;
            let mut is_open = HashSet::new();
            // A chain that comes back to itself means nothing but where it began.
            let end = loop {
                if let Some(end) = decided.get(&at) {
                    break *end;
                }
                match self.next(at) {
                    Some(next) if is_open.insert(at) => {
                        chain.push(at);
                        at = next;
                    }
                    _ => break (at, false),
                }
            };
            let mut end = end;
            while let Some(at) = chain.pop() {
                end.1 |= self.schemas.schema(at).types.names(Type::Null);
                decided.insert(at, end);
            }
        }
        self.canonicals = decided;
    }

    /// The schema that is meant where one is nothing but a name for it.
    fn next(&self, id: SchemaId) -> Option<SchemaId> {
        let schema = self.schemas.schema(id);
        let next = self.only_part(schema)?;
        // What inherits from a discriminated base is one of its kinds, not the base.
        let inherits = !schema.all_of.is_empty() && schema.name.is_some() && {
            !self.children(self.schemas.resolve(next)).is_empty()
        };
        (!inherits && next != id).then_some(next)
    }

    fn only_part(&self, schema: &Schema) -> Option<SchemaId> {
        if !says_nothing_itself(schema) {
            return None;
        }
        let mut parts = schema.reference.into_iter().chain(
            schema
                .all_of
                .iter()
                .copied()
                .filter(|part| !says_nothing(self.schemas.schema(*part))),
        );
        let only = parts.next()?;
        parts.next().is_none().then_some(only)
    }

    /// Everything that holds for a schema.
    pub(super) fn view(&self, id: SchemaId) -> View {
        let mut view = View::default();
        self.gather(id, &mut view, &mut HashSet::new(), 0);
        view
    }

    /// Everything that holds where several schemas hold.
    pub(super) fn view_of_all(&self, ids: &[SchemaId]) -> View {
        let mut view = View::default();
        let mut seen = HashSet::new();
        for id in ids {
            self.gather(*id, &mut view, &mut seen, 0);
        }
        view
    }

    fn gather(&self, id: SchemaId, view: &mut View, seen: &mut HashSet<SchemaId>, depth: usize) {
        if depth > DEPTH_MAX {
            view.is_cut = true;
            return;
        }
        // What only leads to another takes no depth.
        let (mut id, mut passed) = (id, Vec::new());
        while seen.insert(id) {
            match self.next(id) {
                Some(next) => passed.push(std::mem::replace(&mut id, next)),
                None => {
                    self.gather_own(id, view, seen, depth);
                    break;
                }
            }
        }
        for id in passed.into_iter().rev() {
            view.parts.push(id);
            view.narrow(self.schemas.schema(id).types);
        }
    }

    fn gather_own(
        &self,
        id: SchemaId,
        view: &mut View,
        seen: &mut HashSet<SchemaId>,
        depth: usize,
    ) {
        let schema = self.schemas.schema(id);
        for part in schema.reference.iter().chain(&schema.all_of) {
            self.gather(*part, view, seen, depth + 1);
        }
        view.never |= schema.never;
        view.parts.push(id);
        view.narrow(schema.types);
        view.take_values(schema);
        if let Some(format) = schema
            .format
            .as_ref()
            .filter(|format| !view.formats.contains(format))
        {
            view.formats.push(format.clone());
        }
        view.has_string_rules |= schema.string != Default::default();
        view.items.extend(schema.array.items);
        if view.prefix_items.is_empty() {
            view.prefix_items.clone_from(&schema.array.prefix_items);
        }
        view.has_array_rules |= schema.array != Default::default();
        view.take_object(schema);
        for branches in [&schema.one_of, &schema.any_of] {
            if branches.iter().any(|branch| !self.is_constraint(*branch)) {
                view.unions.push((id, branches.clone()));
                continue;
            }
            for branch in branches {
                let object = &self.schemas.schema(*branch).object;
                let names = object.required.iter().chain(object.properties.keys());
                view.conditional.extend(names.cloned());
            }
        }
    }

    /// Whether a branch of a union only says which fields must be there, so that it makes no type of its own.
    fn is_constraint(&self, id: SchemaId) -> bool {
        let schema = self.schemas.schema(id);
        let object = &schema.object;
        schema.reference.is_none()
            && !schema.never
            && schema.types.without(Type::Object).is_any()
            && schema.enumeration.is_none()
            && schema.constant.is_none()
            && schema.format.is_none()
            && schema.all_of.iter().all(|part| self.is_constraint(*part))
            && schema.one_of.is_empty()
            && schema.any_of.is_empty()
            && schema.array == Default::default()
            && object.additional.is_none()
            && object.pattern_properties.is_empty()
            && object
                .properties
                .values()
                .all(|property| says_nothing(self.schemas.schema(property.schema)))
            && (!object.required.is_empty()
                || schema.not.is_some()
                || !object.properties.is_empty())
    }
}

impl View {
    fn narrow(&mut self, types: Types) {
        if types.is_any() {
            return;
        }
        if self.types.is_any() {
            self.types = types;
            return;
        }
        let both = Type::ALL
            .into_iter()
            .filter(|kind| self.types.accepts(*kind) && types.accepts(*kind))
            .fold(Types::default(), Types::with);
        if both.is_any() {
            self.conflicts = true;
        } else {
            self.types = both;
        }
    }

    fn take_values(&mut self, schema: &Schema) {
        let values = match (&schema.enumeration, &schema.constant) {
            (_, Some(constant)) => vec![constant.clone()],
            (Some(values), None) => values.clone(),
            (None, None) => return,
        };
        match &mut self.values {
            Some(known) => {
                let both: Vec<_> = known
                    .iter()
                    .filter(|value| values.contains(value))
                    .cloned()
                    .collect();
                if !both.is_empty() {
                    *known = both;
                    self.value_names.clear();
                }
            }
            None => {
                self.value_names.clone_from(&schema.enumeration_names);
                self.values = Some(values);
            }
        }
    }

    fn take_object(&mut self, schema: &Schema) {
        let object = &schema.object;
        for (name, property) in &object.properties {
            let candidates = self.properties.entry(name.clone()).or_default();
            if !candidates.contains(&property.schema) {
                candidates.push(property.schema);
            }
        }
        self.required.extend(object.required.iter().cloned());
        if self.additional.is_none() {
            self.additional = object.additional;
        }
        self.pattern_properties
            .extend(object.pattern_properties.values());
        self.has_object_rules |= *object != Default::default();
    }

    /// Whether an array has as many items as `prefixItems` lists, no more and no fewer.
    pub(super) fn has_fixed_length(&self, schemas: &Schemas) -> bool {
        let length = self.prefix_items.len() as u64;
        let rules = || self.parts.iter().map(|id| &schemas.schema(*id).array);
        let is_closed = rules().any(|rules| rules.items.is_some_and(|id| schemas.schema(id).never))
            || rules().any(|rules| rules.max_items == Some(length));
        is_closed && rules().any(|rules| rules.min_items == Some(length))
    }

    /// The format, where parts do not name several.
    pub(super) fn format(&self) -> Option<&str> {
        match self.formats.as_slice() {
            [format] => Some(format),
            _ => None,
        }
    }

    /// The types that are meant: those named, else those that the keywords are about.
    pub(super) fn kinds(&self) -> Types {
        if !self.types.is_any() {
            return self.types;
        }
        if let Some(values) = &self.values {
            return values
                .iter()
                .map(Type::of)
                .fold(Types::default(), Types::with);
        }
        if self.has_object_rules {
            return Types::only(Type::Object);
        }
        if self.has_array_rules {
            return Types::only(Type::Array);
        }
        if self.has_string_rules
            || self
                .formats
                .iter()
                .any(|format| super::scalar::is_text_format(format))
        {
            return Types::only(Type::String);
        }
        Types::default()
    }
}

/// Whether a schema has no keyword but notes.
pub(super) fn says_nothing(schema: &Schema) -> bool {
    schema.reference.is_none()
        && schema.all_of.is_empty()
        && schema.types.is_any()
        && says_nothing_itself(schema)
}

/// Whether nothing but references, `allOf`, notes and the types `object` and `null` is said.
fn says_nothing_itself(schema: &Schema) -> bool {
    !schema.never
        && schema
            .types
            .without(Type::Object)
            .without(Type::Null)
            .is_any()
        && schema.format.is_none()
        && schema.enumeration.is_none()
        && schema.constant.is_none()
        && schema.number == Default::default()
        && schema.string == Default::default()
        && schema.array == Default::default()
        && schema.object == Default::default()
        && schema.any_of.is_empty()
        && schema.one_of.is_empty()
        && schema.not.is_none()
        && schema.condition.is_none()
        && schema.discriminator.is_none()
}
