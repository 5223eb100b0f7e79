//! Whether contracts are sound and agree with each other.
//!
//! [`check`] holds a workspace against every rule of [`RULES`]. A rule is one value: its code with its page, its category and its
//! function; the example that proves it stands in `cases/` under its name. Nothing here reads a file or prints.

mod calls;
mod context;
mod names;
mod policy;
mod promise;
mod request;
mod response;
mod rule;
mod states;

use dovetail_contract::contract::Workspace;
use dovetail_contract::finding::Finding;

pub use rule::{Category, Rule};

use context::Context;

/// Every rule, in the order of the reference.
pub const RULES: &[&Rule] = &[
    &names::UNKNOWN_PROVIDER,
    &names::UNKNOWN_CONSUMER,
    &names::UNKNOWN_OPERATION,
    &request::INVALID_REQUEST,
    &response::UNDECLARED_STATUS,
    &response::UNPROMISED_HEADER,
    &response::UNPROMISED_FIELD,
    &response::IMPOSSIBLE_MATCH,
    &response::UNLISTED_VALUE,
    &states::UNKNOWN_STATE,
    &states::UNKNOWN_STATE_VALUE,
    &calls::UNVERIFIED_CALL,
    &calls::UNDECLARED_CALL,
    &policy::ATTEMPT_EXCEEDS_TOTAL,
    &policy::UNSAFE_RETRY,
    &policy::KEY_NOT_ACCEPTED,
];

/// What of a workspace breaks a rule, in the order of the rules.
#[must_use]
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let context = Context::new(workspace);
    let mut findings = Vec::new();
    for rule in RULES {
        (rule.check)(&context, &mut findings);
    }
    findings
}

#[cfg(test)]
mod tests;
