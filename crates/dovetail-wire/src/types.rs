//! Types that generated crates use where Rust has none that keeps what the wire says.

mod base64;
mod decimal;
mod patch;
mod raw;
mod unknown;

pub use self::{
    base64::Base64,
    decimal::{Decimal, DecimalError, DecimalNumber},
    patch::Patch,
    raw::RawJson,
    unknown::{UnknownValue, UnknownVariant},
};
