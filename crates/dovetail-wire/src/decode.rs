//! How generated types are read: hand-written [`Deserialize`] in a few lines each, through code that is compiled once.
//!
//! `derive(Deserialize)` is most of what a generated crate costs to compile, and has no room for what a newer service may
//! say. A generated type implements [`Object`] instead, an enum calls [`open_enum`], and a union reads a [`Variant`].

mod limits;
mod object;
mod scalar;
mod union;

pub(crate) use self::union::within;
pub use self::{
    object::{Members, Object, object},
    scalar::{closed_enum, open_enum},
    union::{JsonKind, Variant},
};

#[expect(unused_imports, reason = "named in the documentation of the module")]
use serde::Deserialize;

#[cfg(test)]
mod tests;
