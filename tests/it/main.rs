//! Tests that cross crates, in one binary: linking is what costs.

// The compiler looks through all of the chain in `trees-client`, here as in that crate.
#![recursion_limit = "1024"]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod command;
mod dead_letters;
mod end_to_end;
mod export;
mod generated;
mod golden;
mod hostile;
mod incoming;
mod init;
mod laws;
mod messages;
mod monitoring;
mod pages;
mod readme;
mod services;
mod wire;
