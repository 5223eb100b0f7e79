//! What schemas promise of a value: always, sometimes, or not at all.
//!
//! A value may be any of several shapes, one for each way through `oneOf` and `anyOf`; all schemas of a shape hold at once, as
//! with `allOf`. Something is promised only if every shape promises it.

mod narrow;

use dovetail_contract::schema::{Schema, SchemaId, Schemas, Type, Types};
use dovetail_contract::source::Span;
use serde_json::Value;

/// What is known of a value: one of these shapes. No schema at all is a shape that promises nothing.
#[derive(Debug, Clone)]
pub(crate) struct Promise<'a> {
    schemas: &'a Schemas,
    shapes: Vec<Shape>,
}

/// Schemas that hold at once.
type Shape = Vec<SchemaId>;

/// Whether a field is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Presence {
    /// No shape of the value mentions it.
    Undeclared,
    /// It may be left out, or only some shapes mention it.
    Sometimes,
    /// It is there.
    Always,
}

/// What is known of a field.
#[derive(Debug)]
pub(crate) struct FieldPromise<'a> {
    pub(crate) presence: Presence,
    /// The schema that says least of it.
    pub(crate) place: Option<Span>,
    /// What is known of its value, from the shapes that mention it.
    pub(crate) value: Promise<'a>,
}

/// More shapes than this are not told apart: nothing is said of such a value.
const SHAPES_MAX: usize = 128;

static NULL: Value = Value::Null;

/// Schemas that are visited to find the shapes of one value.
const STEPS_MAX: usize = 10_000;

impl<'a> Promise<'a> {
    /// What alternative schemas promise; `None` where they have too many shapes to say.
    pub(crate) fn of(
        schemas: &'a Schemas,
        alternatives: impl IntoIterator<Item = SchemaId>,
    ) -> Option<Self> {
        let mut shapes = Vec::new();
        for id in alternatives {
            let mut expansion = Expansion {
                schemas,
                within: Vec::new(),
                steps: STEPS_MAX,
            };
            shapes.extend(expansion.of(id)?);
        }
        let possible = |shape: &Shape| !shape.iter().any(|id| schemas.schema(*id).never);
        shapes.retain(possible);
        (shapes.len() <= SHAPES_MAX).then_some(Self { schemas, shapes })
    }

    /// The place of a schema that takes part, for pointing at: one with fields rather than one that only refers to it.
    pub(crate) fn place(&self) -> Option<Span> {
        self.shapes.first().and_then(|shape| self.telling(shape))
    }

    /// The place of the schema of a shape that says most.
    fn telling(&self, shape: &Shape) -> Option<Span> {
        let mut fields = self
            .all(shape)
            .filter(|schema| !schema.object.properties.is_empty());
        let telling = fields.next().or(self.all(shape).next())?;
        Some(telling.span)
    }

    /// Whether the value may be of a type.
    pub(crate) fn allows(&self, kind: Type) -> bool {
        self.shapes.is_empty()
            || self
                .shapes
                .iter()
                .any(|shape| self.shape_allows(shape, kind))
    }

    /// Types that the value may have, besides null; empty where nothing restricts it.
    pub(crate) fn types(&self) -> Vec<Type> {
        let restricted = |shape: &Shape| {
            self.all(shape)
                .any(|schema| !schema.types.is_any() || listed(schema).is_some())
        };
        if self.shapes.is_empty() || !self.shapes.iter().all(restricted) {
            return Vec::new();
        }
        // A number may be an integer and the other way round; only what is said counts here.
        let said = |kind: Type| {
            let is_listed = |values: &[Value]| values.iter().any(|value| Type::of(value) == kind);
            let by = |shape: &Shape| {
                self.all(shape).all(|schema| {
                    schema.types.accepts(kind) && listed(schema).is_none_or(is_listed)
                })
            };
            self.shapes.iter().any(by)
        };
        let number = said(Type::Number);
        let kinds = Type::ALL
            .into_iter()
            .filter(|kind| *kind != Type::Null && self.allows(*kind));
        kinds
            .filter(|kind| match kind {
                Type::Integer => !number,
                Type::Number => number,
                _ => true,
            })
            .collect()
    }

    /// Whether null is among what is promised, rather than merely not excluded.
    pub(crate) fn names_null(&self) -> Option<Span> {
        self.shapes.iter().find_map(|shape| {
            let named = self.all(shape).find(|schema| {
                let is_listed = |values: &[Value]| values.iter().any(Value::is_null);
                schema.types.names(Type::Null) || listed(schema).is_some_and(is_listed)
            })?;
            self.shape_allows(shape, Type::Null).then_some(named.span)
        })
    }

    /// All values that it can have, if they are listed.
    pub(crate) fn values(&self) -> Option<Vec<&'a Value>> {
        let mut values = Vec::new();
        for shape in &self.shapes {
            // Null has one value, which nobody lists.
            let only_null = |schema: &Schema| {
                (schema.types == Types::only(Type::Null)).then_some(std::slice::from_ref(&NULL))
            };
            let found = self
                .all(shape)
                .find_map(|schema| listed(schema).or_else(|| only_null(schema)));
            for value in found? {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        (!values.is_empty()).then_some(values)
    }

    /// The schemas of each shape.
    pub(crate) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// What it promises of a field, looking at the shapes that may be objects.
    pub(crate) fn field(&self, name: &str) -> Option<FieldPromise<'a>> {
        let mut shapes: Vec<(Presence, Option<Span>)> = Vec::new();
        let mut found = Vec::new();
        for shape in &self.shapes {
            if self.shape_allows(shape, Type::Object) {
                shapes.push(self.field_of(shape, name, &mut found));
            }
        }
        if self.shapes.is_empty() {
            shapes.push((Presence::Undeclared, None));
        }
        let most = shapes.iter().map(|(presence, _)| *presence).max()?;
        let (least, place) = shapes.into_iter().min_by_key(|(presence, _)| *presence)?;
        Some(FieldPromise {
            presence: least.max(most.min(Presence::Sometimes)),
            place,
            value: Self::of(self.schemas, found)?,
        })
    }

    /// What it promises of the elements of an array.
    pub(crate) fn elements(&self) -> Option<Self> {
        let arrays = self
            .shapes
            .iter()
            .filter(|shape| self.shape_allows(shape, Type::Array));
        let items =
            arrays.flat_map(|shape| self.all(shape).filter_map(|schema| schema.array.items));
        Self::of(self.schemas, items)
    }

    /// The most elements that an array can have, if that is said.
    pub(crate) fn elements_max(&self) -> Option<u64> {
        let bound = |shape: &Shape| {
            self.all(shape)
                .filter_map(|schema| schema.array.max_items)
                .min()
        };
        let bounds: Option<Vec<u64>> = self.shapes.iter().map(bound).collect();
        bounds?.into_iter().max()
    }

    /// Names of all fields that any shape mentions.
    pub(crate) fn field_names(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for shape in &self.shapes {
            for schema in self.all(shape) {
                names.extend(schema.object.properties.keys().map(String::as_str));
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn field_of(
        &self,
        shape: &Shape,
        name: &str,
        found: &mut Vec<SchemaId>,
    ) -> (Presence, Option<Span>) {
        let declared: Vec<_> = self
            .all(shape)
            .filter_map(|schema| schema.object.properties.get(name))
            .collect();
        let write_only = declared.iter().any(|property| {
            let schema = self.schemas.schema(property.schema);
            let target = self.schemas.schema(self.schemas.resolve(property.schema));
            schema.notes.write_only || target.notes.write_only
        });
        if write_only {
            return (
                Presence::Undeclared,
                declared.first().map(|property| property.span),
            );
        }
        found.extend(declared.iter().map(|property| property.schema));
        let required =
            |schema: &'a Schema| schema.object.required.iter().any(|field| field == name);
        let place = declared
            .first()
            .map(|property| property.span)
            .or(self.telling(shape));
        if self.all(shape).any(required) {
            return (Presence::Always, place);
        }
        if !declared.is_empty() {
            return (Presence::Sometimes, place);
        }
        // A schema for all other fields describes it without promising it.
        let others = self.all(shape).flat_map(|schema| others(schema, name));
        let others: Vec<SchemaId> = others
            .filter(|id| !self.schemas.schema(*id).never)
            .collect();
        let described = !others.is_empty();
        found.extend(others);
        let presence = if described {
            Presence::Sometimes
        } else {
            Presence::Undeclared
        };
        (presence, place)
    }

    fn shape_allows(&self, shape: &Shape, kind: Type) -> bool {
        self.all(shape).all(|schema| {
            let is_listed = |value: &Value| {
                let actual = Type::of(value);
                actual == kind || (kind == Type::Number && actual == Type::Integer)
            };
            accepts(schema.types, kind)
                && listed(schema).is_none_or(|values| values.iter().any(is_listed))
        })
    }

    fn all<'s>(&self, shape: &'s Shape) -> impl Iterator<Item = &'a Schema> + use<'a, 's> {
        let schemas = self.schemas;
        shape.iter().map(move |id| schemas.schema(*id))
    }
}

/// The values that a schema lists, if it does.
fn listed(schema: &Schema) -> Option<&[Value]> {
    match &schema.constant {
        Some(constant) => Some(std::slice::from_ref(constant)),
        None => schema.enumeration.as_deref(),
    }
}

/// The schemas that describe a field which is not declared by its name.
fn others(schema: &Schema, name: &str) -> Vec<SchemaId> {
    let rules = &schema.object;
    // A pattern that cannot be read, or is given up on, may be meant for the field.
    let is_meant = |pattern: &str| {
        fancy_regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(name).unwrap_or(true))
    };
    let patterns = rules.pattern_properties.iter();
    let meant: Vec<SchemaId> = patterns
        .filter(|(pattern, _)| is_meant(pattern))
        .map(|(_, id)| *id)
        .collect();
    if meant.is_empty() {
        rules.additional.into_iter().collect()
    } else {
        meant
    }
}

/// Whether a value of the type can be among those accepted: a number may turn out to be an integer.
fn accepts(types: Types, kind: Type) -> bool {
    types.accepts(kind) || (kind == Type::Number && types.names(Type::Integer))
}

/// Finding the shapes of a schema.
struct Expansion<'a> {
    schemas: &'a Schemas,
    /// The schemas that are being expanded, each a part of the one before.
    within: Vec<SchemaId>,
    /// How many more may be visited: parts that are shared are visited each time.
    steps: usize,
}

impl Expansion<'_> {
    /// The shapes of a schema; `None` where there are too many, or where it is part of itself.
    fn of(&mut self, id: SchemaId) -> Option<Vec<Shape>> {
        if self.within.contains(&id) {
            return None;
        }
        self.steps = self.steps.checked_sub(1)?;
        self.within.push(id);
        let schema = self.schemas.schema(id);
        let mut shapes: Vec<Shape> = vec![vec![id]];
        for id in schema.reference.iter().chain(&schema.all_of) {
            shapes = product(&shapes, &self.of(*id)?)?;
        }
        for branches in [&schema.one_of, &schema.any_of] {
            let mut alternatives = Vec::new();
            for id in branches {
                alternatives.extend(self.of(*id)?);
                if alternatives.len() > SHAPES_MAX {
                    return None;
                }
            }
            if !branches.is_empty() {
                shapes = product(&shapes, &alternatives)?;
            }
        }
        self.within.pop();
        Some(shapes)
    }
}

fn product(shapes: &[Shape], others: &[Shape]) -> Option<Vec<Shape>> {
    if shapes.len().saturating_mul(others.len()) > SHAPES_MAX {
        return None;
    }
    let mut out = Vec::new();
    for shape in shapes {
        for other in others {
            let mut both = shape.clone();
            both.extend(other.iter().filter(|id| !shape.contains(id)));
            out.push(both);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests;
