//! How generated types stand on the wire: what clients exchange and what messages carry, read forgivingly and compiled cheaply.
//!
//! A generated type is a table: [`object!`], [`open_enum!`], [`open_numbers!`], [`union!`] or [`alike!`]. Values, branches and members that a
//! newer service adds survive in it. Apart from the runtimes, because clients and messages both need it and neither needs the other.

mod error;
mod tables;

pub mod decode;
pub mod encode;
pub mod types;

/// What the macros for generated types name, so that they work whatever the crate around them calls its own things.
#[doc(hidden)]
pub mod generated {
    pub use std::{
        collections::BTreeMap,
        convert::From,
        default::Default,
        fmt::{Display, Formatter, Result as FormatResult},
        matches,
        option::Option::{self, None, Some},
        result::Result::{self, Err, Ok},
        string::String,
    };

    pub use serde::{
        Deserialize, Deserializer, Serialize, Serializer,
        de::{Error as DecodeError, MapAccess},
    };
}

pub use crate::{
    error::{DecodeError, EncodeError, read_json},
    types::{Base64, Decimal, Patch, UnknownValue, UnknownVariant},
};
