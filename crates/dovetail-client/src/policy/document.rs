//! The YAML of policy overrides; the only module of this crate that names the YAML reader.
//!
//! Every part is optional, so each struct here mirrors one of [`super`] with options, and lays itself over it.

mod scalar;

use std::collections::BTreeMap;

use dovetail_resilience::{backoff, breaker, budget, bulkhead};
use serde::Deserialize;

use self::scalar::{Attempts, Count, Factor, Positive, Rate, Switch, Time, TriggerName};
use super::{Policy, PolicyError, Propagation, Retry, Scope, Triggers};

/// Reads the document.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, ServicePatch>, PolicyError> {
    let document: Document = serde_yaml::from_str_with_options(text, options(text))
        .map_err(|error| malformed(&error))?;
    Ok(document.services)
}

/// What YAML means here: version 1.2's types, no tags, and no more nodes than the text can hold.
fn options(text: &str) -> serde_yaml::Options {
    const NODES_MIN: usize = 1_000;
    serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_yaml::budget! {
            max_depth: 16,
            max_nodes: text.len().saturating_mul(2).max(NODES_MIN),
            max_aliases: 100,
        },
    }
}

/// The reader's own words, with its place apart.
fn malformed(error: &serde_yaml::Error) -> PolicyError {
    let (line, column) = error
        .location()
        .map_or((1, 1), |place| (place.line(), place.column()));
    let text = error.without_snippet().to_string();
    let message = text.lines().next().unwrap_or_default();
    let message = message
        .rfind(" at line ")
        .map_or(message, |place| &message[..place]);
    PolicyError::Malformed {
        line,
        column,
        message: message.to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    services: BTreeMap<String, ServicePatch>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServicePatch {
    pub(super) policy: Option<PolicyPatch>,
    #[serde(default)]
    pub(super) operations: BTreeMap<String, PolicyPatch>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyPatch {
    timeout: Option<TimeoutPatch>,
    deadline: Option<DeadlinePatch>,
    retry: Option<Switch<RetryPatch>>,
    breaker: Option<Switch<BreakerPatch>>,
    bulkhead: Option<Switch<BulkheadPatch>>,
}

impl PolicyPatch {
    pub(super) fn apply(mut policy: Policy, patch: &Self) -> Policy {
        if let Some(timeout) = &patch.timeout {
            set(&mut policy.total, timeout.total.map(|time| time.0));
            // Who shortens the call alone shortens its attempts with it.
            let attempt = policy.attempt.map(|attempt| attempt.min(policy.total));
            policy.attempt = timeout.attempt.map(|time| time.0).or(attempt);
        }
        if let Some(deadline) = &patch.deadline {
            deadline.apply(&mut policy.deadline);
        }
        match &patch.retry {
            Some(Switch::On(retry)) => retry.apply(&mut policy.retry),
            Some(Switch::Off) => {
                policy.retry = Retry {
                    max_attempts: 1,
                    ..policy.retry
                }
            }
            None => {}
        }
        match &patch.breaker {
            Some(Switch::On(breaker)) => breaker.apply(&mut policy),
            Some(Switch::Off) => policy.breaker = None,
            None => {}
        }
        match &patch.bulkhead {
            Some(Switch::On(bulkhead)) => {
                let config = policy.bulkhead.get_or_insert_default();
                bulkhead.apply(config);
            }
            Some(Switch::Off) => policy.bulkhead = None,
            None => {}
        }
        policy
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeoutPatch {
    total: Option<Positive>,
    attempt: Option<Positive>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadlinePatch {
    propagate: Option<bool>,
    hop_allowance: Option<Time>,
    min_useful: Option<Time>,
}

impl DeadlinePatch {
    fn apply(&self, propagation: &mut Propagation) {
        set(&mut propagation.propagate, self.propagate);
        set(
            &mut propagation.hop_allowance,
            self.hop_allowance.map(|time| time.0),
        );
        set(
            &mut propagation.min_useful,
            self.min_useful.map(|time| time.0),
        );
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryPatch {
    max_attempts: Option<Attempts>,
    on: Option<Vec<TriggerName>>,
    backoff: Option<BackoffPatch>,
    retry_after: Option<RetryAfterPatch>,
    budget: Option<Switch<BudgetPatch>>,
}

impl RetryPatch {
    fn apply(&self, retry: &mut Retry) {
        set(
            &mut retry.max_attempts,
            self.max_attempts.map(|attempts| attempts.0),
        );
        if let Some(on) = &self.on {
            retry.on = Triggers::of(&on.iter().map(|name| name.0).collect::<Vec<_>>());
        }
        if let Some(backoff) = &self.backoff {
            backoff.apply(&mut retry.backoff);
        }
        set(
            &mut retry.honour_retry_after,
            self.retry_after.as_ref().map(|patch| patch.honour),
        );
        match &self.budget {
            Some(Switch::On(budget)) => budget.apply(retry.budget.get_or_insert_default()),
            Some(Switch::Off) => retry.budget = None,
            None => {}
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryAfterPatch {
    honour: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackoffPatch {
    base: Option<Time>,
    throttled_base: Option<Time>,
    max: Option<Time>,
}

impl BackoffPatch {
    fn apply(&self, backoff: &mut backoff::Config) {
        set(&mut backoff.base, self.base.map(|time| time.0));
        set(
            &mut backoff.throttled_base,
            self.throttled_base.map(|time| time.0),
        );
        set(&mut backoff.max, self.max.map(|time| time.0));
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetPatch {
    ratio: Option<Rate>,
    min_per_sec: Option<u32>,
    ttl: Option<Positive>,
}

impl BudgetPatch {
    fn apply(&self, budget: &mut budget::Config) {
        set(&mut budget.ratio, self.ratio.map(|rate| rate.0));
        set(&mut budget.min_per_sec, self.min_per_sec);
        set(&mut budget.ttl, self.ttl.map(|time| time.0));
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakerPatch {
    window: Option<Positive>,
    min_calls: Option<Count>,
    failure_rate: Option<Rate>,
    slow: Option<Switch<SlowPatch>>,
    open: Option<OpenPatch>,
    half_open: Option<HalfOpenPatch>,
    scope: Option<ScopeName>,
}

impl BreakerPatch {
    fn apply(&self, policy: &mut Policy) {
        set(
            &mut policy.breaker_scope,
            self.scope.as_ref().map(ScopeName::scope),
        );
        let breaker = policy.breaker.get_or_insert_default();
        set(&mut breaker.window, self.window.map(|time| time.0));
        set(&mut breaker.min_calls, self.min_calls.map(|count| count.0));
        set(
            &mut breaker.failure_rate,
            self.failure_rate.map(|rate| rate.0),
        );
        match &self.slow {
            Some(Switch::On(slow)) => {
                breaker.slow = Some(breaker::Slow {
                    duration: slow.duration.0,
                    rate: slow.rate.0,
                });
            }
            Some(Switch::Off) => breaker.slow = None,
            None => {}
        }
        if let Some(open) = &self.open {
            set(&mut breaker.open.initial, open.initial.map(|time| time.0));
            set(&mut breaker.open.max, open.max.map(|time| time.0));
            set(
                &mut breaker.open.multiplier,
                open.multiplier.map(|factor| factor.0),
            );
            set(&mut breaker.open.jitter, open.jitter.map(|rate| rate.0));
        }
        if let Some(half_open) = &self.half_open {
            let half = &mut breaker.half_open;
            set(&mut half.probes, half_open.probes.map(|count| count.0));
            set(
                &mut half.successes,
                half_open.successes.map(|count| count.0),
            );
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowPatch {
    duration: Positive,
    rate: Rate,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenPatch {
    initial: Option<Positive>,
    max: Option<Positive>,
    multiplier: Option<Factor>,
    jitter: Option<Rate>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct HalfOpenPatch {
    probes: Option<Count>,
    successes: Option<Count>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct BulkheadPatch {
    max_concurrent: Option<Count>,
    max_wait: Option<Time>,
}

impl BulkheadPatch {
    fn apply(&self, bulkhead: &mut bulkhead::Config) {
        set(
            &mut bulkhead.max_concurrent,
            self.max_concurrent.map(|count| count.0),
        );
        set(&mut bulkhead.max_wait, self.max_wait.map(|time| time.0));
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScopeName {
    Service,
    Operation,
}

impl ScopeName {
    const fn scope(&self) -> Scope {
        match self {
            Self::Service => Scope::Service,
            Self::Operation => Scope::Operation,
        }
    }
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}
