//! Tests that cross crates, in one binary: linking is what costs.

mod bad_input;
mod command;
mod end_to_end;
mod generated;
mod init;
mod services;
