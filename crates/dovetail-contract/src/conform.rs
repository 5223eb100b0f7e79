//! Whether a value keeps what a schema promises.
//!
//! The model's schemas become one JSON Schema 2020-12 document, which the `jsonschema` crate compiles; what it finds is said in our
//! words, with the place in the value and the place of the schema. A schema that cannot be compiled is an error: it proves nothing.

mod document;
mod message;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

pub use document::to_json_schema;

use crate::schema::{SchemaId, Schemas};
use crate::source::Span;
use document::Document;

/// Which way a value goes: what only the provider sends is not required in a request, and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the consumer to the provider.
    Request,
    /// From the provider to the consumer.
    Response,
}

/// A compiled schema.
#[derive(Debug)]
pub struct Conformance {
    validator: jsonschema::Validator,
    /// Place of each schema of the document, by its number there.
    places: Vec<Span>,
    /// Place of the schema itself.
    root: Span,
}

/// One way in which a value does not keep its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Place in the value, such as `$.items[3].price`.
    pub path: String,
    /// The keyword that is not kept.
    pub keyword: String,
    /// What is wrong: lower-case, values shortened, naming what would be right.
    pub message: String,
    /// The schema that says so.
    pub place: Span,
}

/// A schema that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema `{pointer}` cannot be checked: {reason}")]
pub struct NotCompilable {
    /// Where the schema stands as `file#/json/pointer`.
    pub pointer: String,
    /// Its place.
    pub place: Span,
    /// Why, in a few words.
    pub reason: String,
}

/// Most violations that one check returns.
pub const VIOLATIONS_MAX: usize = 20;

/// Steps after which matching a pattern is given up.
const BACKTRACK_LIMIT: usize = 100_000;

/// Bytes that one compiled pattern may take.
const PATTERN_SIZE_LIMIT: usize = 4 * 1024 * 1024;

impl Conformance {
    /// Compiles a schema and all that it names.
    ///
    /// # Errors
    ///
    /// Where it cannot be compiled: an invalid pattern, a schema that is part of itself.
    pub fn new(
        schemas: &Schemas,
        id: SchemaId,
        direction: Direction,
    ) -> Result<Self, NotCompilable> {
        let refused = |id: SchemaId, reason: String| NotCompilable {
            pointer: schemas.schema(id).pointer.clone(),
            place: schemas.schema(id).span,
            reason,
        };
        let document = Document::new(schemas, id, direction);
        if let Some(cycle) = document.cycle(schemas) {
            return Err(refused(cycle, "it is part of itself".to_owned()));
        }
        let patterns = jsonschema::PatternOptions::fancy_regex()
            .backtrack_limit(BACKTRACK_LIMIT)
            .size_limit(PATTERN_SIZE_LIMIT);
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(patterns)
            .with_format("byte", crate::format::is_base64)
            .with_format("decimal", crate::format::is_decimal)
            .build(document.root())
            .map_err(|error| {
                let place = document.owner(error.schema_path().as_str());
                let place = place.or_else(|| document.owner(error.instance_path().as_str()));
                refused(place.unwrap_or(id), message::of(&error))
            })?;
        let places = document
            .ids()
            .iter()
            .map(|id| schemas.schema(*id).span)
            .collect();
        Ok(Self {
            validator,
            places,
            root: schemas.schema(id).span,
        })
    }

    /// What of a value does not keep the schema, at most [`VIOLATIONS_MAX`].
    #[must_use]
    pub fn check(&self, value: &Value) -> Vec<Violation> {
        let mut found = Vec::new();
        for error in self.validator.iter_errors(value).take(VIOLATIONS_MAX) {
            message::explain(&error, &mut |error| {
                if found.len() < VIOLATIONS_MAX {
                    found.push(self.violation(error));
                }
            });
        }
        found
    }

    /// Whether a value keeps the schema.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    fn violation(&self, error: &jsonschema::ValidationError<'_>) -> Violation {
        let place = document::number_in(error.schema_path().as_str())
            .and_then(|number| self.places.get(number).copied())
            .unwrap_or(self.root);
        Violation {
            path: message::path(error.instance_path()),
            keyword: error.kind().keyword().to_owned(),
            message: message::of(error),
            place,
        }
    }
}

/// Compiled schemas of one document, each compiled once.
#[derive(Debug)]
pub struct Conformances<'a> {
    schemas: &'a Schemas,
    compiled: Mutex<BTreeMap<(SchemaId, Direction), Compiled>>,
}

type Compiled = Result<Arc<Conformance>, NotCompilable>;

impl<'a> Conformances<'a> {
    /// Nothing compiled yet.
    #[must_use]
    pub fn new(schemas: &'a Schemas) -> Self {
        Self {
            schemas,
            compiled: Mutex::default(),
        }
    }

    /// The compiled form of a schema.
    ///
    /// # Errors
    ///
    /// Where it cannot be compiled.
    pub fn of(&self, id: SchemaId, direction: Direction) -> Compiled {
        // Compiling cannot leave the map half changed, so a poisoned lock is still good.
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled
            .entry((id, direction))
            .or_insert_with(|| Conformance::new(self.schemas, id, direction).map(Arc::new))
            .clone()
    }
}

#[cfg(test)]
mod tests;
