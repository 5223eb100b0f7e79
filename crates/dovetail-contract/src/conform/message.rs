//! What the validator finds, in our words: lower-case, one clause, values shortened.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;

use crate::escape::shorten;
use crate::json_path::{Step, json_path};
use crate::schema::Type;

/// Characters of a value that a message shows.
const VALUE_LENGTH_MAX: usize = 60;

/// Values of an `enum` that a message lists.
const VALUES_MAX: usize = 8;

/// Alternatives that are looked into, one inside the other.
const DEPTH_MAX: usize = 8;

/// Passes on the errors that say most: of an alternative that was plainly meant, its own; otherwise the error as it is.
pub(super) fn explain<'e>(
    error: &'e ValidationError<'e>,
    found: &mut dyn FnMut(&ValidationError<'_>),
) {
    explain_within(error, DEPTH_MAX, found);
}

fn explain_within(
    error: &ValidationError<'_>,
    depth: usize,
    found: &mut dyn FnMut(&ValidationError<'_>),
) {
    let (Kind::AnyOf { context: branches } | Kind::OneOfNotValid { context: branches }) =
        error.kind()
    else {
        return found(error);
    };
    match meant(branches, error) {
        Some(branch) if depth > 0 => {
            for error in branch {
                explain_within(error, depth - 1, found);
            }
        }
        _ => found(error),
    }
}

/// The one branch that accepts the kind of value at hand, if there is exactly one.
fn meant<'e>(
    branches: &'e [Vec<ValidationError<'static>>],
    error: &ValidationError<'_>,
) -> Option<&'e [ValidationError<'static>]> {
    let refused_outright = |branch: &&Vec<ValidationError<'static>>| {
        branch.iter().any(|inner| {
            inner.instance_path() == error.instance_path()
                && matches!(
                    inner.kind(),
                    Kind::Type { .. }
                        | Kind::Constant { .. }
                        | Kind::Enum { .. }
                        | Kind::FalseSchema
                )
        })
    };
    let mut candidates = branches.iter().filter(|branch| !refused_outright(branch));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The place in the value.
pub(super) fn path(location: &Location) -> String {
    let segments: Vec<LocationSegment<'_>> = location.segments().collect();
    let steps: Vec<Step<'_>> = segments
        .iter()
        .map(|segment| match segment {
            LocationSegment::Property(name) => Step::Field(name),
            LocationSegment::Index(index) => Step::Element(*index),
        })
        .collect();
    json_path(&steps)
}

/// The error in one clause.
pub(super) fn of(error: &ValidationError<'_>) -> String {
    let value = shown(error.instance());
    match error.kind() {
        Kind::Type { kind } => format!(
            "expected {}, found {}",
            types(kind),
            typed(error.instance())
        ),
        Kind::Required { property } => format!("the field {} is missing", shown(property)),
        Kind::Enum { options } => format!("expected {}, found {value}", one_of(options)),
        Kind::Constant { expected_value } => {
            format!("expected {}, found {value}", shown(expected_value))
        }
        Kind::Format { format } => format!("expected text of format `{format}`, found {value}"),
        Kind::Pattern { pattern } => format!(
            "expected text that matches `{}`, found {value}",
            shorten(pattern, VALUE_LENGTH_MAX)
        ),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            "matching the pattern takes too many steps".to_owned()
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("the fields {} are not allowed", names(unexpected))
        }
        Kind::FalseSchema => format!("nothing is allowed here, found {value}"),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            format!("none of the {} alternatives accepts {value}", context.len())
        }
        Kind::OneOfMultipleValid { .. } => {
            format!("more than one alternative accepts {value}, and only one may")
        }
        Kind::Not { .. } => format!("{value} is what the schema excludes"),
        Kind::UniqueItems => "the elements are not all different".to_owned(),
        Kind::Contains => "no element is of the kind that must be there".to_owned(),
        Kind::PropertyNames { error } => {
            format!("the name of a field is not allowed: {}", of(error))
        }
        other => bound(other, &value),
    }
}

fn bound(kind: &Kind, value: &str) -> String {
    match kind {
        Kind::Minimum { limit } => format!("expected at least {limit}, found {value}"),
        Kind::Maximum { limit } => format!("expected at most {limit}, found {value}"),
        Kind::ExclusiveMinimum { limit } => format!("expected more than {limit}, found {value}"),
        Kind::ExclusiveMaximum { limit } => format!("expected less than {limit}, found {value}"),
        Kind::MultipleOf { multiple_of } => {
            format!("expected a multiple of {multiple_of}, found {value}")
        }
        Kind::MinLength { limit } => format!("expected at least {limit} characters, found {value}"),
        Kind::MaxLength { limit } => format!("expected at most {limit} characters, found {value}"),
        Kind::MinItems { limit } => format!("expected at least {limit} elements, found {value}"),
        Kind::MaxItems { limit } => format!("expected at most {limit} elements, found {value}"),
        Kind::MinProperties { limit } => format!("expected at least {limit} fields, found {value}"),
        Kind::MaxProperties { limit } => format!("expected at most {limit} fields, found {value}"),
        other => format!("{value} does not keep `{}`", other.keyword()),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(many) => {
            let names: Vec<String> = many.iter().map(|kind| kind.to_string()).collect();
            names.join(" or ")
        }
    }
}

fn one_of(options: &Value) -> String {
    let Some(options) = options.as_array() else {
        return shown(options);
    };
    let mut listed: Vec<String> = options.iter().take(VALUES_MAX).map(shown).collect();
    if options.len() > VALUES_MAX {
        listed.push(format!("… ({} in all)", options.len()));
    }
    match listed.as_slice() {
        [one] => one.clone(),
        many => format!("one of {}", many.join(", ")),
    }
}

fn names(names: &[String]) -> String {
    let mut listed: Vec<String> = names
        .iter()
        .take(VALUES_MAX)
        .map(|name| format!("`{}`", shorten(name, VALUE_LENGTH_MAX)))
        .collect();
    if names.len() > VALUES_MAX {
        listed.push(format!("… ({} in all)", names.len()));
    }
    listed.join(", ")
}

/// A value with its type, unless it says so itself.
fn typed(value: &Value) -> String {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => shown(value),
        scalar => format!("{} {}", Type::of(scalar), shown(scalar)),
    }
}

/// A value as short JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(fields) => format!("an object of {}", fields.len()),
        Value::String(text) => {
            // Cut first: a megabyte of text is not worth quoting.
            Value::from(shorten(text, VALUE_LENGTH_MAX)).to_string()
        }
        scalar => scalar.to_string(),
    }
}
