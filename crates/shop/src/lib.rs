//! The sample system: three services after one picture. `orders` calls `users` and `payments` through the clients that their contracts generate.
//!
//! Each service is a function from its state to a router, so that tests can run it, change its answers, and run it again.

pub mod customer;
pub mod orders;
pub mod payments;
pub mod problem;
pub mod states;
pub mod users;

/// What a service needs of the world besides its callers: the time.
pub type Now = fn() -> chrono::DateTime<chrono::FixedOffset>;

/// The time of this machine.
#[must_use]
pub fn system_time() -> chrono::DateTime<chrono::FixedOffset> {
    chrono::Utc::now().fixed_offset()
}
