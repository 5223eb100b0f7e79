//! The sample system: three services after one picture. `orders` calls `users` and `payments` through the clients that their contracts generate.
//!
//! Each service is a function from its state to a router, so that tests can run it, change its answers, and run it again.

pub mod broker;
pub mod customer;
pub mod invoicing;
pub mod orders;
pub mod payments;
pub mod problem;
pub mod states;
pub mod users;

use std::path::Path;

use anyhow::{Context, Result};
use dovetail_messaging::store::sqlite::{Options, Sqlite};

/// What a service needs of the world besides its callers: the time.
pub type Now = fn() -> chrono::DateTime<chrono::FixedOffset>;

/// The time of this machine.
#[must_use]
pub fn system_time() -> chrono::DateTime<chrono::FixedOffset> {
    chrono::Utc::now().fixed_offset()
}

/// The database of a service, with what messages need beside its own tables: a file, or in memory.
///
/// # Errors
///
/// Where the file cannot be opened.
pub fn store(file: Option<&Path>) -> Result<Sqlite> {
    let path = file.unwrap_or(Path::new(":memory:"));
    Sqlite::open(path, Options::default(), system_time().into()).context("cannot open the database")
}
