//! The three types of the language, and how each becomes another.

use std::borrow::Cow;

use crate::cloudevents::Attribute;

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// A text, borrowed from the event or the filter where it can be.
    String(Cow<'a, str>),
}

/// A value cannot become another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoCast;

impl<'a> Value<'a> {
    /// A text that is not made.
    pub(super) fn text(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }

    /// The same value, borrowed.
    pub(super) fn borrowed(&'a self) -> Self {
        match self {
            Self::Boolean(value) => Self::Boolean(*value),
            Self::Integer(value) => Self::Integer(*value),
            Self::String(text) => Self::text(text),
        }
    }

    /// The value as a boolean: a number unless it is 0, and the texts `true` and `false` in whatever case.
    pub(super) fn to_boolean(&self) -> Result<bool, NoCast> {
        match self {
            Self::Boolean(value) => Ok(*value),
            Self::Integer(value) => Ok(*value != 0),
            Self::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Self::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Self::String(_) => Err(NoCast),
        }
    }

    /// The value as a number: 1 or 0 for a boolean, and the number that a text writes in base 10.
    pub(super) fn to_integer(&self) -> Result<i32, NoCast> {
        match self {
            Self::Boolean(value) => Ok(i32::from(*value)),
            Self::Integer(value) => Ok(*value),
            Self::String(text) => text.parse().map_err(|_| NoCast),
        }
    }

    /// The value as a text, which each of them has.
    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
            Self::Integer(value) => Cow::Owned(value.to_string()),
            Self::String(text) => text,
        }
    }

    /// Whether two values are equal, once `other` has become the type of this one.
    pub(super) fn equals(&self, other: &Self) -> Result<bool, NoCast> {
        match self {
            Self::Boolean(value) => Ok(*value == other.to_boolean()?),
            Self::Integer(value) => Ok(*value == other.to_integer()?),
            Self::String(text) => Ok(*text == other.borrowed().into_text()),
        }
    }
}

impl<'a> From<Attribute<'a>> for Value<'a> {
    fn from(attribute: Attribute<'a>) -> Self {
        match attribute {
            Attribute::Boolean(value) => Self::Boolean(value),
            Attribute::Integer(value) => Self::Integer(value),
            Attribute::Text(_) | Attribute::Binary(_) => Self::String(attribute.to_text()),
        }
    }
}
