//! Consumers, leases and relays over real SQLite files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod crash;
mod duplicates;
mod failures;
mod kill;
mod leases;
mod offsets;
mod order;
mod outbox;
mod support;
mod transport;
