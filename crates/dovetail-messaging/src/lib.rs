//! Consume each event once: inbox, outbox and dead letters in the database of the effect.
//!
//! The store half of the crate: what a consumer claims, what it publishes, and what it could not handle is written in the same transaction as
//! its effect, so that a crash at any point leaves either all of it or nothing.

mod message;

pub mod consumer;
pub mod dead_letter;
pub mod inbox;
#[cfg(feature = "sqlite")]
pub mod migrate;
pub mod outbox;
pub mod store;
pub mod transport;

pub use crate::message::{IDENTITY_BYTES_MAX, Message};
