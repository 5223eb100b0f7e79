//! Several schemas that one value must keep, seen as one: references followed, `allOf` merged, a branch of each union chosen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::roundtrip::chance::Chance;

/// What a value must be.
#[derive(Debug, Default)]
pub(super) struct View<'s> {
    types: Option<BTreeSet<&'s str>>,
    pub(super) enumeration: Option<Vec<Value>>,
    pub(super) format: Option<&'s str>,
    pub(super) patterns: Vec<&'s str>,
    pub(super) length: (usize, Option<usize>),
    /// The lowest and the highest number; each with whether it is excluded itself.
    pub(super) low: Option<(f64, bool)>,
    pub(super) high: Option<(f64, bool)>,
    pub(super) steps: Vec<f64>,
    pub(super) properties: BTreeMap<&'s str, Vec<&'s Value>>,
    pub(super) required: BTreeSet<&'s str>,
    pub(super) additional: Vec<&'s Value>,
    pub(super) patterns_of_names: Vec<(&'s str, &'s Value)>,
    pub(super) names: Vec<&'s Value>,
    pub(super) members_range: (usize, Option<usize>),
    pub(super) items: Vec<&'s Value>,
    pub(super) prefix: Vec<Vec<&'s Value>>,
    pub(super) contains: Option<&'s Value>,
    pub(super) items_range: (usize, Option<usize>),
    pub(super) is_unique: bool,
    /// Members whose value follows from the branch that was chosen.
    pub(super) tags: BTreeMap<&'s str, String>,
    /// The member that names the branch, where one was chosen by it.
    pub(super) branch_tag: Option<&'s str>,
    /// Whether one of several branches was chosen.
    pub(super) chose: bool,
}

/// Schemas that one view is made of.
const PARTS_MAX: usize = 500;

/// Collects a view.
pub(super) struct Walk<'s, 'c> {
    root: &'s Value,
    chance: &'c mut Chance,
    /// Whether branches that are not null are preferred.
    is_tight: bool,
    parts: usize,
}

impl<'s, 'c> Walk<'s, 'c> {
    pub(super) fn new(root: &'s Value, chance: &'c mut Chance, is_tight: bool) -> Self {
        Self {
            root,
            chance,
            is_tight,
            parts: 0,
        }
    }

    /// What a value that keeps all these schemas must be.
    pub(super) fn view(&mut self, schemas: &[&'s Value]) -> Result<View<'s>, String> {
        let mut view = View::default();
        for schema in schemas {
            self.add(schema, &mut view, true)?;
        }
        Ok(view)
    }

    /// Adds a schema. One that its heirs stand for, told apart by a tag, is replaced by one of them, unless an heir is what is being added.
    fn add(
        &mut self,
        schema: &'s Value,
        view: &mut View<'s>,
        may_be_heir: bool,
    ) -> Result<(), String> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err("it holds itself without end".to_owned());
        }
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(false) => return Err("no value keeps it".to_owned()),
            _ => return Ok(()),
        };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let target = self.target(target)?;
            self.add(target, view, may_be_heir)?;
        }
        let is_union = schema.contains_key("oneOf") || schema.contains_key("anyOf");
        if !is_union
            && may_be_heir
            && let Some(tagged) = Tagged::of(schema)
        {
            return self.add_heir(schema, &tagged, view);
        }
        self.add_own(schema, view)
    }

    fn add_heir(
        &mut self,
        schema: &'s Map<String, Value>,
        tagged: &Tagged<'s>,
        view: &mut View<'s>,
    ) -> Result<(), String> {
        let values: Vec<(&str, &str)> = tagged.values.clone();
        let Some((value, name)) = self.chance.pick(&values).copied() else {
            return self.add_own(schema, view);
        };
        view.tags.insert(tagged.name, value.to_owned());
        view.branch_tag = Some(tagged.name);
        view.chose |= values.len() > 1;
        let target = self.target(&format!("#/$defs/{name}"))?;
        // An heir holds this schema among its parts, unless the tag leads to this schema itself.
        self.add(target, view, false)
    }

    fn add_own(
        &mut self,
        schema: &'s Map<String, Value>,
        view: &mut View<'s>,
    ) -> Result<(), String> {
        view.narrow(schema)?;
        for part in list(schema, "allOf") {
            self.add(part, view, false)?;
        }
        for keyword in ["oneOf", "anyOf"] {
            if schema.contains_key(keyword) {
                self.add_branch(schema, list(schema, keyword), view)?;
            }
        }
        Ok(())
    }

    fn add_branch(
        &mut self,
        schema: &'s Map<String, Value>,
        branches: &'s [Value],
        view: &mut View<'s>,
    ) -> Result<(), String> {
        let others: Vec<&Value> = branches.iter().filter(|branch| !is_null(branch)).collect();
        let is_null_wanted =
            !self.is_tight && others.len() < branches.len() && self.chance.once_in(6);
        if is_null_wanted || others.is_empty() {
            view.narrow_types(BTreeSet::from(["null"]));
            return Ok(());
        }
        view.chose |= others.len() > 1;
        let branch = *self.chance.pick(&others).ok_or("it has no branch")?;
        if let Some(tagged) = Tagged::of(schema) {
            let reference = branch
                .get("$ref")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let leads = |name: &str| reference.strip_prefix("#/$defs/") == Some(name);
            let values: Vec<&str> = tagged
                .values
                .iter()
                .filter(|(_, name)| leads(name))
                .map(|(value, _)| *value)
                .collect();
            if let Some(value) = self.chance.pick(&values) {
                view.tags.insert(tagged.name, (*value).to_owned());
                view.branch_tag = Some(tagged.name);
            }
        }
        self.add(branch, view, true)
    }

    fn target(&self, reference: &str) -> Result<&'s Value, String> {
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        self.root
            .pointer(pointer)
            .ok_or_else(|| format!("`{reference}` leads nowhere"))
    }
}

/// A tag with its values and the definition that each leads to.
struct Tagged<'s> {
    name: &'s str,
    values: Vec<(&'s str, &'s str)>,
}

impl<'s> Tagged<'s> {
    fn of(schema: &'s Map<String, Value>) -> Option<Self> {
        let discriminator = schema.get("discriminator")?;
        let mapping = discriminator.get("mapping")?.as_object()?;
        let values = mapping
            .iter()
            .filter_map(|(value, name)| Some((value.as_str(), name.as_str()?)));
        Some(Self {
            name: discriminator.get("propertyName")?.as_str()?,
            values: values.collect(),
        })
    }
}

fn list<'s>(schema: &'s Map<String, Value>, keyword: &str) -> &'s [Value] {
    let list = schema.get(keyword).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
        || schema.get("const") == Some(&Value::Null)
        || schema
            .get("enum")
            .and_then(Value::as_array)
            .is_some_and(|values| !values.is_empty() && values.iter().all(Value::is_null))
}

impl<'s> View<'s> {
    fn narrow(&mut self, schema: &'s Map<String, Value>) -> Result<(), String> {
        match schema.get("type") {
            Some(Value::String(name)) => self.narrow_types(BTreeSet::from([name.as_str()])),
            Some(Value::Array(names)) => {
                self.narrow_types(names.iter().filter_map(Value::as_str).collect());
            }
            _ => {}
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            self.narrow_values(values);
        }
        if let Some(value) = schema.get("const") {
            self.narrow_values(std::slice::from_ref(value));
        }
        self.format = schema.get("format").and_then(Value::as_str).or(self.format);
        self.patterns
            .extend(schema.get("pattern").and_then(Value::as_str));
        range(&mut self.length, schema, "minLength", "maxLength");
        self.narrow_numbers(schema);
        self.narrow_arrays(schema);
        self.narrow_objects(schema);
        match &self.types {
            Some(types) if types.is_empty() => Err("its parts have no type in common".to_owned()),
            _ => Ok(()),
        }
    }

    fn narrow_types(&mut self, mut types: BTreeSet<&'s str>) {
        if let Some(known) = &self.types {
            let has = |set: &BTreeSet<&str>, name: &str| {
                set.contains(name) || name == "integer" && set.contains("number")
            };
            let both: BTreeSet<&str> = known
                .iter()
                .filter(|name| has(&types, name))
                .copied()
                .collect();
            types.retain(|name| has(known, name));
            types.extend(both);
            if types.contains("integer") {
                types.remove("number");
            }
        }
        self.types = Some(types);
    }

    fn narrow_values(&mut self, values: &[Value]) {
        let kept = match self.enumeration.take() {
            Some(known) => known
                .into_iter()
                .filter(|value| values.contains(value))
                .collect(),
            None => values.to_vec(),
        };
        self.enumeration = Some(kept);
    }

    fn narrow_numbers(&mut self, schema: &Map<String, Value>) {
        for (keyword, excluded) in [("minimum", false), ("exclusiveMinimum", true)] {
            if let Some(bound) = schema.get(keyword).and_then(Value::as_f64)
                && self.low.is_none_or(|(low, _)| bound >= low)
            {
                self.low = Some((bound, excluded));
            }
        }
        for (keyword, excluded) in [("maximum", false), ("exclusiveMaximum", true)] {
            if let Some(bound) = schema.get(keyword).and_then(Value::as_f64)
                && self.high.is_none_or(|(high, _)| bound <= high)
            {
                self.high = Some((bound, excluded));
            }
        }
        self.steps
            .extend(schema.get("multipleOf").and_then(Value::as_f64));
    }

    fn narrow_arrays(&mut self, schema: &'s Map<String, Value>) {
        self.items.extend(schema.get("items"));
        for (index, part) in list(schema, "prefixItems").iter().enumerate() {
            match self.prefix.get_mut(index) {
                Some(parts) => parts.push(part),
                None => self.prefix.push(vec![part]),
            }
        }
        self.contains = schema.get("contains").or(self.contains);
        range(&mut self.items_range, schema, "minItems", "maxItems");
        self.is_unique |= schema.get("uniqueItems") == Some(&Value::Bool(true));
    }

    fn narrow_objects(&mut self, schema: &'s Map<String, Value>) {
        let named = |keyword: &str| {
            schema
                .get(keyword)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
        };
        for (name, property) in named("properties") {
            self.properties.entry(name).or_default().push(property);
        }
        self.required
            .extend(list(schema, "required").iter().filter_map(Value::as_str));
        self.additional.extend(schema.get("additionalProperties"));
        self.patterns_of_names
            .extend(named("patternProperties").map(|(pattern, schema)| (pattern.as_str(), schema)));
        self.names.extend(schema.get("propertyNames"));
        range(
            &mut self.members_range,
            schema,
            "minProperties",
            "maxProperties",
        );
    }

    /// The types that a value may have: those that are named, or else those that keywords speak of, or else any.
    pub(super) fn kinds(&self) -> Vec<&'s str> {
        if let Some(types) = &self.types {
            return types.iter().copied().collect();
        }
        let speaks_of_objects = !self.properties.is_empty()
            || !self.required.is_empty()
            || !self.additional.is_empty()
            || !self.patterns_of_names.is_empty()
            || self.members_range != (0, None);
        let speaks_of_arrays =
            !self.items.is_empty() || !self.prefix.is_empty() || self.items_range != (0, None);
        let speaks_of_text =
            !self.patterns.is_empty() || self.format.is_some() || self.length != (0, None);
        let speaks_of_numbers = self.low.is_some() || self.high.is_some() || !self.steps.is_empty();
        let spoken = [
            (speaks_of_objects, "object"),
            (speaks_of_arrays, "array"),
            (speaks_of_text, "string"),
            (speaks_of_numbers, "number"),
        ];
        let spoken: Vec<&str> = spoken
            .iter()
            .filter(|(speaks, _)| *speaks)
            .map(|(_, kind)| *kind)
            .collect();
        match spoken.is_empty() {
            true => vec!["string", "integer", "boolean"],
            false => spoken,
        }
    }

    /// Whether a value has one of the types.
    pub(super) fn allows(&self, value: &Value) -> bool {
        let Some(types) = &self.types else {
            return true;
        };
        types.iter().any(|kind| match *kind {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            _ => value.is_object(),
        })
    }

    /// The schemas of a member.
    pub(super) fn member(&self, name: &str) -> Vec<&'s Value> {
        match self.properties.get(name) {
            Some(schemas) => schemas.clone(),
            None => self.additional.clone(),
        }
    }

    /// Whether a member may never be there.
    pub(super) fn is_never(&self, name: &str) -> bool {
        let mut schemas = self.properties.get(name).into_iter().flatten();
        schemas.any(|schema| **schema == Value::Bool(false))
    }

    /// Whether a member only ever goes one way.
    pub(super) fn is_one_way(&self, name: &str, root: &Value) -> bool {
        let says = |schema: &Value| {
            ["readOnly", "writeOnly"]
                .iter()
                .any(|word| schema.get(word) == Some(&Value::Bool(true)))
        };
        let mut schemas = self.properties.get(name).into_iter().flatten();
        schemas.any(|schema| {
            let target = schema
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|target| root.pointer(target.strip_prefix('#')?));
            says(schema) || target.is_some_and(says)
        })
    }

    /// Whether members are named by the value rather than by the schema. Where some are named and the others may be anything, as they may be
    /// wherever nothing is said, the others are what drift adds.
    pub(super) fn is_map(&self) -> bool {
        let is_typed = |schema: &&Value| {
            let says = schema.as_object().is_some_and(|schema| !schema.is_empty());
            says || self.properties.is_empty() && **schema != Value::Bool(false)
        };
        let is_shut = self
            .additional
            .iter()
            .any(|schema| **schema == Value::Bool(false));
        !self.patterns_of_names.is_empty() || !is_shut && self.additional.iter().any(is_typed)
    }

    /// Whether nothing is said of members that are not named.
    pub(super) fn lets_others_be_anything(&self) -> bool {
        self.additional.iter().all(|schema| match schema {
            Value::Object(schema) => schema.is_empty(),
            schema => **schema == Value::Bool(true),
        })
    }

    /// Whether there is nothing after the first elements.
    pub(super) fn is_closed_tuple(&self) -> bool {
        !self.prefix.is_empty()
            && self
                .items
                .iter()
                .any(|schema| **schema == Value::Bool(false))
    }
}

fn range(range: &mut (usize, Option<usize>), schema: &Map<String, Value>, least: &str, most: &str) {
    let count = |keyword: &str| {
        let value = schema.get(keyword)?.as_u64()?;
        usize::try_from(value).ok()
    };
    range.0 = range.0.max(count(least).unwrap_or(0));
    if let Some(most) = count(most) {
        range.1 = Some(range.1.map_or(most, |known| known.min(most)));
    }
}
