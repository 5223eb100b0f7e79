//! The model as documents of other formats, for those who read these rather than contracts.
//!
//! A document is a tree whose keys stand in the order in which they were put, so the same contracts give the same text everywhere. What is written
//! loads again as what it was made of.

mod asyncapi;
mod brokers;
mod components;
mod schema;
mod text;

pub use asyncapi::{asyncapi, asyncapi_of_document};
pub use text::Item;
