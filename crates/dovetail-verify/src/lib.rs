//! Whether a running service keeps what its consumers rely on.
//!
//! [`plan()`] selects interactions, [`replay()`] sends them to one running provider and compares its answers with what the consumer
//! reads and with what the provider's own contract promises. The outcome is one [`Report`], which [`report::human`],
//! [`report::json`] and [`report::junit`] show; nothing here prints. A verdict that could not be reached is unknown, never passed.

pub mod codes;
pub mod plan;
pub mod redact;
pub mod replay;
pub mod report;
pub mod target;

mod answer;
mod body;
mod exchange;
mod matching;
mod request;
mod states;

pub use plan::{Filter, Plan, plan};
pub use replay::{Options, ReplayError, replay};
pub use report::{Report, Verdict};
pub use target::{Refused, Target, TargetError};

#[cfg(test)]
mod tests;
