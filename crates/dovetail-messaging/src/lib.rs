//! What producers and consumers of messages stand on: the envelope, filters over it, and a store in which each message has its effect once.
//!
//! - [`cloudevents`] is the CloudEvents 1.0 envelope: reading, checking and writing it in every mode, over any carrier of headers.
//! - [`envelope`] leads from there to a [`Message`], which is what stores and transports carry.
//! - [`cesql`] is CloudEvents SQL 1.0: a filter is parsed once, and then answers for any number of events.
//! - [`consumer`] leads from a delivery to what becomes of it, on a [`store`]: what a consumer claims ([`inbox`]), what it publishes
//!   ([`outbox`]), and what it could not handle ([`dead_letter`]) is written in the same transaction as its effect, so that a crash at any
//!   point leaves either all of it or nothing.
//! - [`transport`] is what carries messages; the embedded one lives in the same SQLite file.
//!
//! The crate knows nothing of contracts or HTTP. All that it reads is taken to be hostile: every size has a limit, no input makes it
//! recurse without one, and the work is linear in what is read.

mod message;

pub mod cesql;
pub mod cloudevents;
pub mod consumer;
pub mod dead_letter;
pub mod envelope;
#[cfg(feature = "failpoints")]
pub mod failpoint;
#[cfg(not(feature = "failpoints"))]
mod failpoint;
pub mod inbox;
pub mod migrate;
pub mod outbox;
pub mod store;
pub mod transport;

pub use crate::message::{IDENTITY_BYTES_MAX, Message};
