//! What producers and consumers of messages stand on: the envelope, filters over it, and a store in which each message has its effect once.
//!
//! - [`cloudevents`] is the CloudEvents 1.0 envelope: reading, checking and writing it in every mode, over any carrier of headers.
//! - [`envelope`] leads from there to a [`Message`], which is what stores and transports carry.
//! - [`cesql`] is CloudEvents SQL 1.0: a filter is parsed once, and then answers for any number of events.
//! - [`consumer`] leads from a delivery to what becomes of it, on a [`store`]: what a consumer claims ([`inbox`]), what it publishes
//!   ([`outbox`]), and what it could not handle ([`dead_letter`]) is written in the same transaction as its effect, so that a crash at any
//!   point leaves either all of it or nothing.
//! - [`replay`] sends many dead letters again: slowly, in their order, a few first, and never twice.
//! - [`metrics`] says how all of them fare.
//! - [`transport`] is what carries messages; the embedded one lives in the same SQLite file.
//! - [`declared`] is what contracts say of messages, as generated crates hold it; [`producer`] makes events of payloads, and [`service`] runs
//!   all that consumes and publishes in one service.
//!
//! The crate knows nothing of contracts or HTTP. All that it reads is taken to be hostile: every size has a limit, no input makes it
//! recurse without one, and the work is linear in what is read.

mod message;

pub mod cesql;
pub mod cloudevents;
pub mod consumer;
pub mod dead_letter;
pub mod declared;
pub mod envelope;
#[cfg(feature = "failpoints")]
pub mod failpoint;
#[cfg(not(feature = "failpoints"))]
mod failpoint;
pub mod inbox;
pub mod metrics;
pub mod migrate;
pub mod outbox;
pub mod producer;
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    expect(dead_code, unused_imports, reason = "stores take its steps")
)]
pub mod replay;
pub mod service;
pub mod store;
pub mod transport;

/// How payloads stand on the wire.
#[doc(inline)]
pub use dovetail_wire::{alike, object, open_enum, open_numbers, types, union};

/// Where time and chance come from.
pub use dovetail_resilience::{Chance, Clock};

pub use crate::message::{IDENTITY_BYTES_MAX, Message};
