//! The CloudEvents 1.0 envelope: what an event says about itself, whatever its data is.
//!
//! An [`Event`] is valid by construction: a [`Builder`] or a reader made it, and both check the same rules. It travels in
//!
//! - *structured* mode, where one JSON document holds all of it: [`json::read`] and [`json::write`];
//! - *batch* mode, a JSON array of those: [`json::read_batch`] and [`json::write_batch`];
//! - *binary* mode, where headers hold the attributes and the body is the data: [`Binding::read`] and [`Binding::write`].
//!
//! [`Binding::mode`] tells which of them a message is in.
//!
//! What an event carries is kept as it was written: a time keeps its offset and its digits, and data in JSON keeps its text, so that
//! no number loses precision on its way through.

mod attribute;
mod binding;
mod data;
mod error;
mod event;
mod limits;
mod media_type;
mod reader;
mod timestamp;
mod uri;

pub mod json;

pub use self::{
    attribute::{Attribute, NAME_LENGTH_RECOMMENDED, Value},
    binding::{Binding, Message, Mode},
    data::{Data, JsonText},
    error::EventError,
    event::{Builder, Event},
    limits::{InvalidNames, Limits, Reading},
    media_type::{BATCH_JSON, STRUCTURED_JSON},
    timestamp::Timestamp,
};
