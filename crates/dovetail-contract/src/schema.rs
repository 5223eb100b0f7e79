//! Schemas, free of versions: what OpenAPI 3.0 and 3.1 and JSON Schema say, in the words of JSON Schema 2020-12.
//!
//! Schemas live in one [`Schemas`] arena per document and name each other by [`SchemaId`], so recursion is ordinary data.
//! OpenAPI 3.0's boolean `exclusiveMinimum` and the like are converted on loading. `nullable` becomes `null` among the types and values of `enum`
//! beside `type`, one more branch beside `oneOf` or `anyOf`, and an `anyOf` of everything that was said and of `null` beside `$ref` or `allOf`.

mod members;
mod walk;

use indexmap::IndexMap;
use serde_json::Value;

use crate::contract::ExternalDocs;
use crate::source::Span;

pub(crate) use members::{Members, Uncertain};

/// All schemas of one document.
#[derive(Debug, Clone, Default)]
pub struct Schemas {
    items: Vec<Schema>,
}

/// A schema of a [`Schemas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId(u32);

/// One schema: what its keywords say. A schema that says nothing accepts everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Where it stands.
    pub span: Span,
    /// Its key under `components/schemas` or `$defs`, or the name of the file that it fills.
    pub name: Option<String>,
    /// Where it stands as `file#/json/pointer`, stable while its document does not move.
    pub pointer: String,
    /// `false`: nothing is accepted.
    pub never: bool,
    /// The schema that `$ref` names; the other keywords hold as well.
    pub reference: Option<SchemaId>,
    /// Accepted JSON types; empty for any. `null` is one of them.
    pub types: Types,
    /// `format`.
    pub format: Option<String>,
    /// `enum`.
    pub enumeration: Option<Vec<Value>>,
    /// Names for the values of `enum`, from `x-enum-varnames` or `x-enumNames`; none, or as many as there are values.
    pub enumeration_names: Vec<String>,
    /// What the values of `enum` mean, from `x-enum-descriptions`, as Markdown; none, or as many as there are values. May be empty for a value.
    pub enumeration_descriptions: Vec<String>,
    /// `const`.
    pub constant: Option<Value>,
    /// Keywords of numbers.
    pub number: NumberRules,
    /// Keywords of strings.
    pub string: StringRules,
    /// Keywords of arrays.
    pub array: ArrayRules,
    /// Keywords of objects.
    pub object: ObjectRules,
    /// `allOf`.
    pub all_of: Vec<SchemaId>,
    /// `anyOf`.
    pub any_of: Vec<SchemaId>,
    /// `oneOf`.
    pub one_of: Vec<SchemaId>,
    /// `not`.
    pub not: Option<SchemaId>,
    /// `if`, with `then` and `else`.
    pub condition: Option<Condition>,
    /// What tells the branches of a union apart.
    pub discriminator: Option<Discriminator>,
    /// What it is, for people.
    pub notes: Notes,
}

/// What a schema says for people and generators rather than validators.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notes {
    /// `title`.
    pub title: Option<String>,
    /// `description`, as Markdown.
    pub description: Option<String>,
    /// `default`.
    pub default: Option<Value>,
    /// `example` and `examples`.
    pub examples: Vec<Value>,
    /// `deprecated`.
    pub deprecated: bool,
    /// `readOnly`: only ever sent by the provider.
    pub read_only: bool,
    /// `writeOnly`: only ever sent by the consumer.
    pub write_only: bool,
    /// `externalDocs`.
    pub external_docs: Option<Box<ExternalDocs>>,
}

/// A set of JSON types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Types(u8);

/// A JSON type. `integer` is told apart from `number`, as JSON Schema does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are JSON Schema's")]
pub enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// A number as it was written, so that nothing is lost: bounds may lie beyond any machine number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(String);

/// Keywords of numbers.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are JSON Schema's")]
pub struct NumberRules {
    pub minimum: Option<Number>,
    pub maximum: Option<Number>,
    pub exclusive_minimum: Option<Number>,
    pub exclusive_maximum: Option<Number>,
    pub multiple_of: Option<Number>,
}

/// Keywords of strings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are JSON Schema's")]
pub struct StringRules {
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<String>,
    pub content_encoding: Option<String>,
    pub content_media_type: Option<String>,
    /// `contentSchema`: what a string holds that is a document itself.
    pub content_schema: Option<SchemaId>,
}

/// Keywords of arrays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are JSON Schema's")]
pub struct ArrayRules {
    pub items: Option<SchemaId>,
    /// `unevaluatedItems`; a boolean is a schema that accepts all or nothing.
    pub unevaluated: Option<SchemaId>,
    pub prefix_items: Vec<SchemaId>,
    pub contains: Option<SchemaId>,
    pub min_contains: Option<u64>,
    pub max_contains: Option<u64>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub unique_items: bool,
}

/// Keywords of objects.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are JSON Schema's")]
pub struct ObjectRules {
    pub properties: IndexMap<String, Property>,
    pub required: Vec<String>,
    /// `additionalProperties`; a boolean is a schema that accepts all or nothing.
    pub additional: Option<SchemaId>,
    /// `unevaluatedProperties`: like `additionalProperties`, but what branches and references name is not additional.
    pub unevaluated: Option<SchemaId>,
    pub pattern_properties: IndexMap<String, SchemaId>,
    pub property_names: Option<SchemaId>,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
    pub dependent_required: IndexMap<String, Vec<String>>,
    pub dependent_schemas: IndexMap<String, SchemaId>,
}

/// A property of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Property {
    /// Where its name stands.
    pub span: Span,
    /// Its schema.
    pub schema: SchemaId,
}

/// `if`, `then` and `else`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// `if`.
    pub test: SchemaId,
    /// `then`.
    pub then: Option<SchemaId>,
    /// `else`.
    pub otherwise: Option<SchemaId>,
}

/// What tells the branches of a union apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discriminator {
    /// Where it stands.
    pub span: Span,
    /// Name of the property that holds the tag.
    pub property: String,
    /// Branch of each tag that is spelled out; a branch not named here has its schema's name as tag.
    pub mapping: IndexMap<String, SchemaId>,
    /// The branch of a value without tag, or with a tag that names none; OpenAPI 3.2 has it.
    pub fallback: Option<SchemaId>,
}

impl Schemas {
    /// Adds a schema that says nothing yet, so that others can name it while it is read.
    pub fn reserve(&mut self, span: Span, pointer: impl Into<String>) -> SchemaId {
        let id = SchemaId(u32::try_from(self.items.len()).unwrap_or(u32::MAX));
        self.items.push(Schema::any(span, pointer));
        id
    }

    /// A schema to be filled in.
    ///
    /// # Panics
    ///
    /// Where `id` belongs to another arena: that is a defect of the caller.
    pub fn schema_mut(&mut self, id: SchemaId) -> &mut Schema {
        &mut self.items[id.0 as usize]
    }

    /// A schema by id.
    ///
    /// # Panics
    ///
    /// Where `id` belongs to another arena: that is a defect of the caller.
    #[must_use]
    pub fn schema(&self, id: SchemaId) -> &Schema {
        &self.items[id.0 as usize]
    }

    /// The schema that is meant: follows references that have no keywords beside them. A cycle of references ends where it began.
    #[must_use]
    pub fn resolve(&self, id: SchemaId) -> SchemaId {
        let mut at = id;
        for _ in 0..self.items.len() {
            match self.schema(at).reference {
                Some(target) if self.schema(at).is_only_reference() => at = target,
                _ => return at,
            }
        }
        id
    }

    /// All schemas with their ids, in the order of reading.
    pub fn iter(&self) -> impl Iterator<Item = (SchemaId, &Schema)> {
        (0..).map(SchemaId).zip(&self.items)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl SchemaId {
    /// Its place in the arena, for tables that run beside it.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Schema {
    /// A schema that accepts everything.
    pub fn any(span: Span, pointer: impl Into<String>) -> Self {
        Self {
            span,
            name: None,
            pointer: pointer.into(),
            never: false,
            reference: None,
            types: Types::default(),
            format: None,
            enumeration: None,
            enumeration_names: Vec::new(),
            enumeration_descriptions: Vec::new(),
            constant: None,
            number: NumberRules::default(),
            string: StringRules::default(),
            array: ArrayRules::default(),
            object: ObjectRules::default(),
            all_of: Vec::new(),
            any_of: Vec::new(),
            one_of: Vec::new(),
            not: None,
            condition: None,
            discriminator: None,
            notes: Notes::default(),
        }
    }

    /// Whether it is a bare reference: nothing but notes stands beside `$ref`.
    #[must_use]
    pub fn is_only_reference(&self) -> bool {
        // Every field is named, so that a new one is not forgotten here.
        let Self {
            span: _,
            name: _,
            pointer: _,
            notes: _,
            never,
            reference,
            types,
            format,
            enumeration,
            enumeration_names: _,
            enumeration_descriptions: _,
            constant,
            number,
            string,
            array,
            object,
            all_of,
            any_of,
            one_of,
            not,
            condition,
            discriminator,
        } = self;
        reference.is_some()
            && !never
            && types.is_any()
            && format.is_none()
            && enumeration.is_none()
            && constant.is_none()
            && not.is_none()
            && condition.is_none()
            && discriminator.is_none()
            && [all_of, any_of, one_of].iter().all(|ids| ids.is_empty())
            && *number == NumberRules::default()
            && *string == StringRules::default()
            && *array == ArrayRules::default()
            && *object == ObjectRules::default()
    }
}

impl Types {
    /// The set of one type.
    #[must_use]
    pub fn only(kind: Type) -> Self {
        Self::default().with(kind)
    }

    /// The set with one type more.
    #[must_use]
    pub fn with(self, kind: Type) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// The set with one type less.
    #[must_use]
    pub fn without(self, kind: Type) -> Self {
        Self(self.0 & !(1 << kind as u8))
    }

    /// Whether the type was named. See [`Types::accepts`] for whether it is accepted.
    #[must_use]
    pub fn names(self, kind: Type) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// Whether a value of the type is accepted: an empty set accepts all, and integers are numbers.
    #[must_use]
    pub fn accepts(self, kind: Type) -> bool {
        self.is_any() || self.names(kind) || (kind == Type::Integer && self.names(Type::Number))
    }

    /// Whether nothing is said of types.
    #[must_use]
    pub fn is_any(self) -> bool {
        self.0 == 0
    }

    /// The types named, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Type> {
        Type::ALL.into_iter().filter(move |kind| self.names(*kind))
    }
}

impl Type {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::Null,
        Self::Boolean,
        Self::Integer,
        Self::Number,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    /// The name that JSON Schema gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The narrowest type of a value: `1.0` is an integer, as JSON Schema has it.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => {
                if number.as_f64().is_some_and(|float| float.fract() == 0.0) {
                    Self::Integer
                } else {
                    Self::Number
                }
            }
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Number {
    /// A number from its text, if the text is a JSON number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<&serde_json::value::RawValue>(text).ok()?;
        text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            .then(|| Self(text.to_owned()))
    }

    /// The text, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value, if it is an integer that fits.
    #[must_use]
    pub fn as_i128(&self) -> Option<i128> {
        self.0.parse().ok().or_else(|| {
            let float: f64 = self.0.parse().ok()?;
            // Whole floats below 2^53 are exact, so the cast loses nothing.
            #[expect(clippy::cast_possible_truncation, reason = "bounded by the condition")]
            (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then_some(float as i128)
        })
    }

    /// The nearest double; infinite beyond their range.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::INFINITY)
    }
}
