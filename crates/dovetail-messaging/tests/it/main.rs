//! Consumers, leases and relays over real SQLite files; the envelope and the filters against the suites of the CloudEvents project.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod batches;
mod cesql;
mod crash;
mod duplicates;
mod failures;
mod features;
mod json_format;
mod kill;
#[cfg(feature = "postgres")]
mod later;
mod leases;
mod letters;
#[cfg(feature = "metrics")]
mod metrics;
mod offsets;
mod order;
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
mod rejected;
mod replays;
mod routes;
mod sample_events;
mod service;
mod shared;
mod support;
mod transport;
mod triage;
