//! Deadlines, retries with a budget, breakers and bulkheads around any async call.
//!
//! The crate knows nothing of HTTP, brokers or contracts. It sees calls that come to an [`Outcome`], and decides what
//! follows. Each policy is a pure state machine over the time and the outcome, with a thin async shell around it; time
//! comes from a [`Clock`] and chance from a [`Chance`], so every instant in a test is exact.
//!
//! The order in which policies nest is fixed, and [`stack`] says why:
//!
//! ```text
//! total deadline → bulkhead → retry with budget → breaker → attempt timeout → call
//! ```
//!
//! A policy may be tuned or turned off. It may not be moved.

mod clock;
mod deadline;
mod outcome;
mod window;

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod bulkhead;
pub mod retry;
pub mod stack;

pub use crate::{
    breaker::Breaker,
    budget::Budget,
    bulkhead::Bulkhead,
    clock::{Chance, Clock, Elapsed, later},
    deadline::{CallContext, Deadline, TraceParent, detach},
    outcome::{Outcome, Repeat, Sample},
    stack::Stack,
};
/// The instant that every policy goes by; paused time in tests moves it.
pub use tokio::time::Instant;
