//! What the keywords of one schema say.

use std::collections::{HashMap, HashSet};

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::at::At;
use super::reference::{Kind, SUGGESTED_MAX, is_nothing};
use super::{Reader, warning};
use crate::codes;
use crate::finding::{Finding, Severity};
use crate::load::tree::{Node, NodeValue};
use crate::schema::{Condition, Discriminator, Property, Schema, SchemaId, Type};

impl<'d> Reader<'d, '_> {
    /// What is said for people rather than validators.
    pub(super) fn schema_notes(&mut self, at: &At<'d>, schema: &mut Schema) {
        schema.notes.title = self.text(at, "title");
        schema.notes.description = self.text(at, "description");
        let default = at.value("default");
        schema.notes.default = default.and_then(|value| self.value(value, Severity::Warning));
        schema.notes.deprecated = self.note_flag(at, "deprecated");
        schema.notes.read_only = self.note_flag(at, "readOnly");
        schema.notes.write_only = self.note_flag(at, "writeOnly");
        schema.notes.external_docs = self.external_docs(at).map(Box::new);
        let mut examples: Vec<&Node> = at.value("example").into_iter().collect();
        match at.get("examples").map(|examples| &examples.node.value) {
            Some(NodeValue::Sequence(listed)) => examples.extend(listed),
            // Written as examples of a media type are.
            Some(NodeValue::Mapping(named)) => {
                examples.extend(named.iter().filter_map(|entry| entry.value.get("value")));
            }
            _ => {}
        }
        let examples = examples.into_iter();
        let examples = examples.filter_map(|value| self.value(value, Severity::Warning));
        schema.notes.examples.extend(examples);
    }

    /// A value that can be had, compared and sent: without numbers beyond every double. Says so where it has one.
    pub(super) fn value(&mut self, node: &Node, severity: Severity) -> Option<Value> {
        if let Some(number) = node.endless_number() {
            let message = "the number lies beyond what programs can hold";
            let mut finding = Finding::new(&codes::INVALID_VALUE, number.span, message);
            finding.severity = severity;
            self.files.push(finding.expected("a number below 1.8e308"));
            return None;
        }
        Some(node.to_json())
    }

    /// What is said of the values that are accepted.
    pub(super) fn keywords(&mut self, at: &At<'d>, schema: &mut Schema) {
        self.types(at, schema);
        self.enumeration(at, schema);
        self.number_rules(at, schema);
        self.string_rules(at, schema);
        self.array_rules(at, schema);
        self.object_rules(at, schema);
        schema.all_of = self.branches(at, "allOf");
        schema.any_of = self.branches(at, "anyOf");
        schema.one_of = self.branches(at, "oneOf");
        schema.not = self.schema_at(at, "not");
        if let Some(test) = self.schema_at(at, "if") {
            schema.condition = Some(Condition {
                test,
                then: self.schema_at(at, "then"),
                otherwise: self.schema_at(at, "else"),
            });
        }
        schema.discriminator = self.discriminator(at);
    }

    fn enumeration(&mut self, at: &At<'d>, schema: &mut Schema) {
        let constant = at.value("const");
        schema.constant = constant.and_then(|value| self.value(value, Severity::Error));
        if is_nothing(at.value("enum")) {
            return;
        }
        let Some(listed) = at.get("enum") else {
            return;
        };
        let Some(values) = listed.node.elements() else {
            self.wrong_type(&listed, "a list of values", Severity::Error);
            return;
        };
        let names = self.said_of_values(at, &["x-enum-varnames", "x-enumNames"], values.len());
        let meanings = self.meanings_of_values(at, values);
        let mut seen = HashSet::new();
        let mut kept = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let Some(value) = self.value(value, Severity::Error) else {
                continue;
            };
            // A value that is listed twice is one value.
            if seen.insert(value.to_string()) {
                schema.enumeration_names.extend(names.get(index).cloned());
                let meaning = meanings.get(index).cloned();
                schema.enumeration_descriptions.extend(meaning);
                kept.push(value);
            }
        }
        schema.enumeration = Some(kept);
    }

    /// What an extension says of the values of an enumeration, one text for each.
    fn said_of_values(&mut self, at: &At<'d>, keys: &[&str], count: usize) -> Vec<String> {
        for key in keys {
            let Some(said) = at.get(key) else {
                continue;
            };
            let texts = self.texts(at, key);
            if texts.len() == count {
                return texts;
            }
            let message = format!("`{key}` has {} texts for {count} values", texts.len());
            self.files.push(
                warning(&codes::INVALID_VALUE, said.place(), message)
                    .expected("one text for each value"),
            );
        }
        Vec::new()
    }

    /// What each value of an enumeration means: by a list beside theirs, or by a mapping from value to text.
    fn meanings_of_values(&mut self, at: &At<'d>, values: &[Node]) -> Vec<String> {
        const KEYS: [&str; 2] = ["x-enum-descriptions", "x-enumDescriptions"];
        let mapping = KEYS.iter().find_map(|key| at.get(key)?.node.entries());
        let Some(mapping) = mapping else {
            return self.said_of_values(at, &KEYS, values.len());
        };
        let by_value: HashMap<&str, &Node> = mapping
            .iter()
            .map(|entry| (entry.key.as_str(), &entry.value))
            .collect();
        let meaning = |value: &Node| {
            let text = match &value.value {
                NodeValue::String(text) | NodeValue::Number(text) => by_value.get(text.as_str()),
                _ => by_value.get(value.to_json().to_string().as_str()),
            };
            text.and_then(|text| text.as_str()).unwrap_or_default()
        };
        values
            .iter()
            .map(|value| meaning(value).to_owned())
            .collect()
    }

    fn number_rules(&mut self, at: &At<'d>, schema: &mut Schema) {
        schema.number.minimum = self.number(at, "minimum");
        schema.number.maximum = self.number(at, "maximum");
        schema.number.multiple_of = self.number(at, "multipleOf");
        // Up to OpenAPI 3.0 these are truth values that turn the other bound into an exclusive one.
        match at.get("exclusiveMinimum").map(|at| at.node.as_bool()) {
            Some(Some(true)) => schema.number.exclusive_minimum = schema.number.minimum.take(),
            Some(None) => schema.number.exclusive_minimum = self.number(at, "exclusiveMinimum"),
            Some(Some(false)) | None => {}
        }
        match at.get("exclusiveMaximum").map(|at| at.node.as_bool()) {
            Some(Some(true)) => schema.number.exclusive_maximum = schema.number.maximum.take(),
            Some(None) => schema.number.exclusive_maximum = self.number(at, "exclusiveMaximum"),
            Some(Some(false)) | None => {}
        }
    }

    fn string_rules(&mut self, at: &At<'d>, schema: &mut Schema) {
        if schema.format.is_none() {
            schema.format = self.text(at, "format");
        }
        schema.string.min_length = self.count(at, "minLength");
        schema.string.max_length = self.count(at, "maxLength");
        schema.string.pattern = self.text(at, "pattern");
        schema.string.content_encoding = self.text(at, "contentEncoding");
        schema.string.content_media_type = self.text(at, "contentMediaType");
        schema.string.content_schema = self.schema_at(at, "contentSchema");
    }

    fn array_rules(&mut self, at: &At<'d>, schema: &mut Schema) {
        schema.array.prefix_items = self.branches(at, "prefixItems");
        match at.get("items") {
            // Up to draft 2019-09 a tuple is a list under `items`.
            Some(items) if items.node.elements().is_some() => {
                schema.array.prefix_items = self.branches(at, "items");
                schema.array.items = self.schema_at(at, "additionalItems");
            }
            Some(items) => schema.array.items = Some(self.schema(&items)),
            None => {}
        }
        schema.array.unevaluated = self.schema_at(at, "unevaluatedItems");
        schema.array.contains = self.schema_at(at, "contains");
        schema.array.min_contains = self.count(at, "minContains");
        schema.array.max_contains = self.count(at, "maxContains");
        schema.array.min_items = self.count(at, "minItems");
        schema.array.max_items = self.count(at, "maxItems");
        schema.array.unique_items = self.flag(at, "uniqueItems").unwrap_or(false);
    }

    fn object_rules(&mut self, at: &At<'d>, schema: &mut Schema) {
        for (entry, property) in self.entries(at, "properties") {
            let property = Property {
                span: entry.key_span,
                schema: self.schema(&property),
            };
            schema.object.properties.insert(entry.key.clone(), property);
        }
        schema.object.required = self.required(at);
        schema.object.additional = self.schema_at(at, "additionalProperties");
        schema.object.unevaluated = self.schema_at(at, "unevaluatedProperties");
        schema.object.pattern_properties = self.schemas_by_name(at, "patternProperties");
        schema.object.property_names = self.schema_at(at, "propertyNames");
        schema.object.min_properties = self.count(at, "minProperties");
        schema.object.max_properties = self.count(at, "maxProperties");
        schema.object.dependent_schemas = self.schemas_by_name(at, "dependentSchemas");
        if let Some(dependent) = at.get("dependentRequired") {
            for entry in dependent.node.entries().unwrap_or_default() {
                let names = self.texts(&dependent, &entry.key);
                let required = &mut schema.object.dependent_required;
                required.insert(entry.key.clone(), names);
            }
        }
        self.older_dependencies(at, schema);
    }

    /// `dependencies`, which became two keywords after draft 7.
    fn older_dependencies(&mut self, at: &At<'d>, schema: &mut Schema) {
        let Some(dependencies) = at.get("dependencies") else {
            return;
        };
        for entry in dependencies.node.entries().unwrap_or_default() {
            let key = entry.key.clone();
            if entry.value.elements().is_some() {
                let names = self.texts(&dependencies, &entry.key);
                schema.object.dependent_required.entry(key).or_insert(names);
            } else {
                let dependent = self.schema(&dependencies.child(entry));
                let schemas = &mut schema.object.dependent_schemas;
                schemas.entry(key).or_insert(dependent);
            }
        }
    }

    fn required(&mut self, at: &At<'d>) -> Vec<String> {
        let Some(required) = at.get("required") else {
            return Vec::new();
        };
        if required.node.as_bool().is_some() {
            let message = "`required` of a schema lists the properties that must be there";
            self.files.push(
                warning(&codes::WRONG_TYPE, required.place(), message)
                    .expected("a list of names")
                    .help("name this property in the `required` of the object that has it"),
            );
            return Vec::new();
        }
        let elements = self.list(at, "required");
        let names = elements.iter().filter_map(|element| self.text_of(element));
        let names: IndexSet<String> = names.collect();
        names.into_iter().collect()
    }

    fn branches(&mut self, at: &At<'d>, key: &str) -> Vec<SchemaId> {
        let branches = self.list(at, key);
        branches.iter().map(|branch| self.schema(branch)).collect()
    }

    fn schemas_by_name(&mut self, at: &At<'d>, key: &str) -> IndexMap<String, SchemaId> {
        let entries = self.entries(at, key);
        entries
            .into_iter()
            .map(|(entry, schema)| (entry.key.clone(), self.schema(&schema)))
            .collect()
    }

    fn discriminator(&mut self, at: &At<'d>) -> Option<Discriminator> {
        let discriminator = at.get("discriminator")?;
        let span = discriminator.declared();
        if let Some(property) = discriminator.node.as_str() {
            return Some(self.named_discriminator(at, &discriminator, property));
        }
        if discriminator.node.entries().is_none() {
            self.wrong_type(
                &discriminator,
                "a mapping with `propertyName`",
                Severity::Error,
            );
            return None;
        }
        let Some(property) = self.text(&discriminator, "propertyName") else {
            let message = "the discriminator does not say `propertyName`";
            self.warn(&codes::MISSING_KEY, span, message);
            return None;
        };
        let mut mapping = IndexMap::new();
        for (entry, target) in self.entries(&discriminator, "mapping") {
            if let Some(branch) = self.tagged_branch(&target) {
                mapping.insert(entry.key.clone(), branch);
            }
        }
        let fallback = discriminator.get("defaultMapping");
        Some(Discriminator {
            span,
            property,
            mapping,
            fallback: fallback.and_then(|target| self.tagged_branch(&target)),
        })
    }

    /// A discriminator that is but the name of a property, as AsyncAPI has it and Swagger 2.0 had it. Extensions beside it say the rest.
    fn named_discriminator(
        &mut self,
        at: &At<'d>,
        discriminator: &At<'d>,
        property: &str,
    ) -> Discriminator {
        let root = self.documents.of_file(self.root);
        if root.is_none_or(|root| root.get("asyncapi").is_none()) {
            let expected = "a mapping with `propertyName`";
            self.wrong_type(discriminator, expected, Severity::Warning);
        }
        let mut mapping = IndexMap::new();
        for (entry, target) in self.entries(at, "x-dovetail-mapping") {
            if let Some(branch) = self.tagged_branch(&target) {
                mapping.insert(entry.key.clone(), branch);
            }
        }
        let fallback = at.get("x-dovetail-default-mapping");
        Discriminator {
            span: discriminator.declared(),
            property: property.to_owned(),
            mapping,
            fallback: fallback.and_then(|target| self.tagged_branch(&target)),
        }
    }

    /// The branch that a mapping names: by the bare name of a schema, or by reference.
    fn tagged_branch(&mut self, target: &At<'d>) -> Option<SchemaId> {
        let text = self.text_of(target)?;
        let by_name = || {
            format!(
                "#/components/schemas/{}",
                crate::json_pointer::escape(&text)
            )
        };
        let is_name = !text.contains(['#', '/']);
        let named = is_name.then(by_name).and_then(|pointer| {
            let here = self.locate_quietly(target, &pointer);
            here.or_else(|| {
                let root = self.documents.of_file(self.root)?;
                self.locate_quietly(&root, &pointer)
            })
        });
        if let Some(found) = named {
            return Some(self.schema(&found));
        }
        if is_name && !text.contains('.') {
            let of_file = |file| self.documents.of_file(file);
            let root = of_file(self.root).or_else(|| of_file(target.file))?;
            let schemas = root.step("components").and_then(|at| at.step("schemas"));
            let known = schemas.and_then(|at| at.node.entries()).unwrap_or_default();
            let message = format!("there is no schema `{text}`");
            self.files.push(
                warning(&codes::DANGLING_REFERENCE, target.place(), message).did_you_mean(
                    &text,
                    known
                        .iter()
                        .map(|entry| entry.key.as_str())
                        .take(SUGGESTED_MAX),
                ),
            );
            return None;
        }
        let found = self.resolve(target, &text, target.node.span, Kind::Schema)?;
        Some(self.schema(&found))
    }

    /// Adds a type, unless types are not limited at all.
    pub(super) fn add_type(schema: &mut Schema, kind: Type) {
        if !schema.types.is_any() {
            schema.types = schema.types.with(kind);
        }
    }
}
