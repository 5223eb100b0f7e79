//! CloudEvents SQL 1.0: which events are meant, said in the way of a `WHERE` clause.
//!
//! ```
//! use dovetail_messaging::{cesql::Filter, cloudevents::Event};
//!
//! let filter = Filter::parse("type LIKE 'order.%' AND attempt < 5")?;
//! let event = Event::builder("1", "/orders", "order.created").extension("attempt", 2).build()?;
//! assert!(filter.matches(&event));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - Keywords, functions and attributes are the same in upper and lower case.
//! - `NOT` and `-` bind strongest, then `LIKE`, `IN` and `EXISTS`, then `* / %`, then `+ -`, then comparisons. `AND`, `OR` and `XOR` bind
//!   *alike*, from left to right: `a OR b AND c` is `(a OR b) AND c`.
//! - Values are cast where an operator needs another type: `'5' = 5` holds. What is on the right decides, for `IN` what is on the left.
//! - Nothing stops an evaluation. An error is a value beside the result, and an event with an error does not pass.
//!
//! A filter may come from anyone: its length, its depth and its parts are limited, texts that it makes are too, and matching a pattern takes
//! time linear in the text.

mod evaluate;
mod expression;
mod function;
mod like;
mod parse;
mod token;
mod value;

use std::{fmt, str::FromStr};

use thiserror::Error;

use self::expression::Expression;
pub use self::{
    evaluate::{Evaluation, EvaluationError, EvaluationErrorKind},
    value::Value,
};
use crate::cloudevents::Event;

/// The longest text that a filter may have, in bytes.
pub const LENGTH_MAX: usize = 16 * 1024;
/// How deep the parts of a filter may nest.
pub const DEPTH_MAX: usize = 64;
/// How many parts a filter may have: operands, operators and calls.
pub const PARTS_MAX: usize = 1024;
/// The longest text that an evaluation makes, in bytes. What is longer is an error of the function that makes it.
pub const TEXT_MAX: usize = 64 * 1024;

/// An expression that tells the events that are meant from others.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    expression: Expression,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, and where.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Ok(Self {
            text: text.to_owned(),
            expression: parse::parse(text)?,
        })
    }

    /// Whether the event is meant: the expression is true of it, and no error came up on the way.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.evaluate(event).passes()
    }

    /// What the expression comes to for an event, with all that went wrong.
    #[must_use]
    pub fn evaluate<'a>(&'a self, event: &'a Event) -> Evaluation<'a> {
        evaluate::evaluate(&self.expression, event)
    }

    /// The text that was read.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Filter {
    /// Equal are filters that are written alike.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Filter {}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}, after {position} bytes of the filter")]
pub struct FilterError {
    /// How many bytes of the text stand before the place.
    pub position: usize,
    /// What is wrong there.
    pub kind: FilterErrorKind,
}

/// What is wrong with the text of a filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FilterErrorKind {
    /// Something else can stand there.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What can stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A character that nothing begins with.
    #[error("the character `{0}` means nothing here")]
    Character(char),
    /// A string has no closing quote.
    #[error("the string is not closed")]
    OpenString,
    /// A number does not fit into 32 bits.
    #[error("the number does not fit into 32 bits")]
    Integer,
    /// The text is longer than [`LENGTH_MAX`].
    #[error("the filter is longer than {LENGTH_MAX} bytes")]
    TooLong,
    /// The parts nest deeper than [`DEPTH_MAX`].
    #[error("the filter nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// There are more parts than [`PARTS_MAX`].
    #[error("the filter has more than {PARTS_MAX} parts")]
    TooManyParts,
    /// A pattern is longer than what is matched in bounded memory.
    #[error("the pattern has more than {} characters", like::PATTERN_MAX)]
    PatternTooLong,
}
