//! Rust types while they are being decided: trees over the types of the crate, which are known by number until all have names.

use std::collections::BTreeMap;

/// A Rust type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ty {
    Bool,
    /// An integer of this name.
    Int(&'static str),
    Float,
    /// An integer or another number, each as it came.
    Number,
    Text,
    Bytes,
    /// The body of a request, whole or streamed.
    Body,
    /// A file in a form.
    File,
    /// A form that the caller makes.
    Form,
    /// Bytes as they come.
    Stream,
    /// Events as they come.
    Events(Box<Ty>),
    /// Lines as they come.
    Lines(Box<Ty>),
    Base64,
    /// A decimal number in a string.
    Decimal,
    /// A decimal number as JSON writes numbers.
    DecimalNumber,
    DateTime,
    Date,
    Uuid,
    /// Any JSON.
    Value,
    List(Box<Ty>),
    Map(Box<Ty>),
    Tuple(Vec<Ty>),
    /// Something, or `null`.
    Optional(Box<Ty>),
    /// A type of this crate.
    Named(usize),
}

/// A type and whether `null` may stand in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) ty: Ty,
    pub(super) nullable: bool,
}

impl Ty {
    pub(super) fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    pub(super) fn map(of: Self) -> Self {
        Self::Map(Box::new(of))
    }

    /// The types of this crate that it holds directly, so that a cycle of them would have no size.
    pub(super) fn held_by_value(&self, found: &mut Vec<usize>) {
        match self {
            Self::Named(index) => found.push(*index),
            Self::Optional(inner) => inner.held_by_value(found),
            Self::Tuple(parts) => parts.iter().for_each(|part| part.held_by_value(found)),
            _ => {}
        }
    }

    /// All types of this crate that it mentions.
    pub(super) fn mentioned(&self, found: &mut Vec<usize>) {
        match self {
            Self::List(inner) | Self::Map(inner) | Self::Events(inner) | Self::Lines(inner) => {
                inner.mentioned(found);
            }
            Self::Named(_) | Self::Optional(_) | Self::Tuple(_) => match self {
                Self::Optional(inner) => inner.mentioned(found),
                Self::Tuple(parts) => parts.iter().for_each(|part| part.mentioned(found)),
                _ => self.held_by_value(found),
            },
            _ => {}
        }
    }

    /// Puts other types of this crate in the place of some.
    pub(super) fn replace(&mut self, others: &BTreeMap<usize, usize>) {
        match self {
            Self::Named(index) => *index = others.get(index).copied().unwrap_or(*index),
            Self::List(inner)
            | Self::Map(inner)
            | Self::Optional(inner)
            | Self::Events(inner)
            | Self::Lines(inner) => inner.replace(others),
            Self::Tuple(parts) => parts.iter_mut().for_each(|part| part.replace(others)),
            _ => {}
        }
    }

    /// Whether comparing it for equality is not reflexive.
    pub(super) fn has_float(&self) -> bool {
        match self {
            Self::Float => true,
            Self::List(inner) | Self::Map(inner) | Self::Optional(inner) => inner.has_float(),
            Self::Tuple(parts) => parts.iter().any(Self::has_float),
            _ => false,
        }
    }

    /// How many lists, maps and tuples stand within one another.
    pub(super) fn nesting(&self) -> usize {
        match self {
            Self::List(inner) | Self::Map(inner) => 1 + inner.nesting(),
            Self::Optional(inner) => inner.nesting(),
            Self::Tuple(parts) => 1 + parts.iter().map(Self::nesting).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether values of it can be compared, as far as it is no type of this crate.
    pub(super) fn is_comparable(&self) -> bool {
        match self {
            Self::Body
            | Self::File
            | Self::Form
            | Self::Stream
            | Self::Events(_)
            | Self::Lines(_) => false,
            Self::List(inner) | Self::Map(inner) | Self::Optional(inner) => inner.is_comparable(),
            Self::Tuple(parts) => parts.iter().all(Self::is_comparable),
            _ => true,
        }
    }

    /// Whether it can be read from a word of text.
    pub(super) fn is_scalar(&self) -> bool {
        matches!(
            self,
            Self::Bool
                | Self::Int(_)
                | Self::Float
                | Self::Text
                | Self::DateTime
                | Self::Date
                | Self::Uuid
        )
    }

    /// Whether it is passed by value rather than borrowed.
    pub(super) fn is_copy(&self) -> bool {
        match self {
            Self::Bool | Self::Int(_) | Self::Float | Self::Date | Self::Uuid | Self::DateTime => {
                true
            }
            Self::Optional(inner) => inner.is_copy(),
            _ => false,
        }
    }
}

impl Typed {
    pub(super) fn plain(ty: Ty) -> Self {
        Self {
            ty,
            nullable: false,
        }
    }

    /// The type as an element of a list or a map.
    pub(super) fn element(self) -> Ty {
        if self.nullable && self.ty != Ty::Value {
            Ty::Optional(Box::new(self.ty))
        } else {
            self.ty
        }
    }
}
