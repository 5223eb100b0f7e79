//! What can be overridden, and what is wrong where.

use std::time::Duration;

use dovetail_resilience::breaker;

use super::*;
use crate::{
    Method,
    policy::{Retry, Scope, Trigger, Triggers},
};

const SERVICE: Service = Service::new("orders", &["getOrder"]);
const POLICY: Policy = Policy::new(Duration::from_secs(1));
const GET_ORDER: Operation = Operation::new(&SERVICE, "getOrder", Method::Get, "/", POLICY);

const MS: fn(u64) -> Duration = Duration::from_millis;

#[track_caller]
fn applied(yaml: &str) -> Policy {
    let set = PolicySet::from_yaml(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    set.apply(&GET_ORDER, GET_ORDER.policy).unwrap()
}

#[test]
fn nothing_mentioned_changes_nothing() {
    for yaml in [
        "services: {}",
        "services: {users: {policy: {breaker: off}}}",
        "services: {orders: {}}",
    ] {
        assert_eq!(applied(yaml), POLICY, "{yaml}");
    }
}

#[test]
fn every_part_can_be_overridden() {
    let policy = applied(
        "
services:
  orders:
    operations:
      getOrder:
        timeout: { total: 2s, attempt: 300ms }
        deadline: { propagate: false, hop_allowance: 10ms, min_useful: 0ms }
        retry:
          max_attempts: 5
          on: [connect, 500, 503]
          backoff: { base: 10ms, throttled_base: 2s, max: 1m }
          retry_after: { honour: false }
          budget: { ratio: 0.2, min_per_sec: 3, ttl: 20s }
        breaker:
          window: 30s
          min_calls: 50
          failure_rate: 0.25
          slow: { duration: 500ms, rate: 0.8 }
          open: { initial: 1s, max: 2m, multiplier: 3, jitter: 0 }
          half_open: { probes: 1, successes: 2 }
          scope: operation
        bulkhead: { max_concurrent: 7, max_wait: 20ms }
",
    );
    assert_eq!((policy.total, policy.attempt), (MS(2_000), Some(MS(300))));
    assert_eq!(
        policy.deadline,
        crate::policy::Propagation {
            propagate: false,
            hop_allowance: MS(10),
            min_useful: MS(0)
        }
    );
    let retry = policy.retry;
    assert_eq!((retry.max_attempts, retry.honour_retry_after), (5, false));
    assert_eq!(
        retry.on,
        Triggers::of(&[
            Trigger::Connect,
            Trigger::InternalServerError,
            Trigger::Unavailable
        ])
    );
    assert_eq!(
        (
            retry.backoff.base,
            retry.backoff.throttled_base,
            retry.backoff.max
        ),
        (MS(10), MS(2_000), MS(60_000))
    );
    let budget = retry.budget.unwrap();
    assert_eq!(
        (budget.ratio, budget.min_per_sec, budget.ttl),
        (0.2, 3, MS(20_000))
    );
    let expected = breaker::Config {
        window: MS(30_000),
        min_calls: 50,
        failure_rate: 0.25,
        slow: Some(breaker::Slow {
            duration: MS(500),
            rate: 0.8,
        }),
        open: breaker::Open {
            initial: MS(1_000),
            max: MS(120_000),
            multiplier: 3.0,
            jitter: 0.0,
        },
        half_open: breaker::HalfOpen {
            probes: 1,
            successes: 2,
            ..breaker::Config::new().half_open
        },
    };
    assert_eq!(
        (policy.breaker, policy.breaker_scope),
        (Some(expected), Scope::Operation)
    );
    let bulkhead = policy.bulkhead.unwrap();
    assert_eq!((bulkhead.max_concurrent, bulkhead.max_wait), (7, MS(20)));
}

/// A policy of which no part is a default.
const UNUSUAL: Policy = Policy {
    total: Duration::from_secs(9),
    attempt: Some(Duration::from_secs(3)),
    deadline: crate::policy::Propagation {
        propagate: false,
        hop_allowance: Duration::from_millis(7),
        min_useful: Duration::from_millis(8),
    },
    retry: Retry {
        max_attempts: 4,
        on: Triggers::of(&[Trigger::Connect]),
        backoff: dovetail_resilience::backoff::Config {
            base: Duration::from_millis(11),
            throttled_base: Duration::from_millis(12),
            max: Duration::from_millis(13),
        },
        honour_retry_after: false,
        budget: Some(dovetail_resilience::budget::Config {
            ratio: 0.3,
            min_per_sec: 5,
            ttl: Duration::from_secs(6),
        }),
    },
    breaker: Some(breaker::Config {
        window: Duration::from_secs(21),
        min_calls: 22,
        failure_rate: 0.23,
        slow: Some(breaker::Slow {
            duration: Duration::from_millis(24),
            rate: 0.25,
        }),
        open: breaker::Open {
            initial: Duration::from_secs(26),
            max: Duration::from_secs(27),
            multiplier: 2.8,
            jitter: 0.29,
        },
        half_open: breaker::HalfOpen {
            probes: 30,
            successes: 31,
            decide_within: Duration::from_secs(32),
        },
    }),
    breaker_scope: Scope::Operation,
    bulkhead: Some(dovetail_resilience::bulkhead::Config {
        max_concurrent: 33,
        max_wait: Duration::from_millis(34),
    }),
};

#[test]
fn a_part_that_is_overridden_leaves_all_others_as_the_contract_has_them() {
    let breaker = |policy: &mut Policy, change: fn(&mut breaker::Config)| {
        change(policy.breaker.as_mut().unwrap());
    };
    type Change<'a> = &'a dyn Fn(&mut Policy);
    let rows: [(&str, Change<'_>); 12] = [
        ("timeout: {total: 4s}", &|policy| policy.total = MS(4_000)),
        ("timeout: {attempt: 2s}", &|policy| {
            policy.attempt = Some(MS(2_000));
        }),
        ("deadline: {propagate: true}", &|policy| {
            policy.deadline.propagate = true;
        }),
        ("retry: {max_attempts: 2}", &|policy| {
            policy.retry.max_attempts = 2;
        }),
        ("retry: {backoff: {max: 1s}}", &|policy| {
            policy.retry.backoff.max = MS(1_000);
        }),
        ("retry: {budget: {ratio: 0.5}}", &|policy| {
            policy.retry.budget.as_mut().unwrap().ratio = 0.5;
        }),
        ("breaker: {min_calls: 5}", &|policy| {
            breaker(policy, |breaker| breaker.min_calls = 5);
        }),
        ("breaker: {slow: off}", &|policy| {
            breaker(policy, |breaker| breaker.slow = None);
        }),
        ("breaker: {open: {jitter: 0}}", &|policy| {
            breaker(policy, |breaker| breaker.open.jitter = 0.0);
        }),
        ("breaker: {half_open: {probes: 1}}", &|policy| {
            breaker(policy, |breaker| breaker.half_open.probes = 1);
        }),
        ("breaker: {scope: service}", &|policy| {
            policy.breaker_scope = Scope::Service;
        }),
        ("bulkhead: {max_wait: 0ms}", &|policy| {
            policy.bulkhead.as_mut().unwrap().max_wait = MS(0);
        }),
    ];
    for (part, change) in rows {
        let yaml = format!("services: {{orders: {{policy: {{{part}}}}}}}");
        let set = PolicySet::from_yaml(&yaml).unwrap();
        let mut expected = UNUSUAL;
        change(&mut expected);
        assert_eq!(set.apply(&GET_ORDER, UNUSUAL).unwrap(), expected, "{part}");
    }
}

#[test]
fn a_shorter_call_has_shorter_attempts_unless_they_are_named_too() {
    let apply = |timeout: &str| {
        let yaml = format!("services: {{orders: {{policy: {{timeout: {{{timeout}}}}}}}}}");
        PolicySet::from_yaml(&yaml)
            .unwrap()
            .apply(&GET_ORDER, UNUSUAL)
    };
    let policy = apply("total: 1s").unwrap();
    assert_eq!((policy.total, policy.attempt), (MS(1_000), Some(MS(1_000))));
    assert!(apply("total: 1s, attempt: 2s").is_err());
}

#[test]
fn policies_can_be_turned_off_and_the_operation_has_the_last_word() {
    let policy = applied(
        "services: {orders: {policy: {breaker: off, bulkhead: off, retry: off, timeout: {total: 3s}}, \
         operations: {getOrder: {retry: {max_attempts: 2, budget: off}, bulkhead: {max_concurrent: 1}}}}}",
    );
    assert_eq!((policy.breaker, policy.total), (None, MS(3_000)));
    assert_eq!(
        policy.retry,
        Retry {
            max_attempts: 2,
            budget: None,
            ..Retry::new()
        }
    );
    assert_eq!(policy.bulkhead.unwrap().max_concurrent, 1);
}

#[test]
fn what_means_nothing_is_an_error_with_its_place() {
    let rows = [
        ("services:\n  orders:\n    polcy: {}\n", 3, "polcy"),
        (
            "services:\n  orders:\n    policy: { retries: {} }\n",
            3,
            "retries",
        ),
        (
            "services:\n  orders:\n    policy:\n      timeout: { total: soon }\n",
            4,
            "`soon` is not a duration",
        ),
        (
            "services:\n  orders:\n    policy:\n      timeout: { total: 0s }\n",
            4,
            "above zero",
        ),
        (
            "services:\n  orders:\n    policy:\n      retry: { max_attempts: 6 }\n",
            4,
            "from 1 to 5",
        ),
        (
            "services:\n  orders:\n    policy:\n      retry: { on: [418] }\n",
            4,
            "`418` is not one of",
        ),
        (
            "services:\n  orders:\n    policy:\n      breaker: { failure_rate: 1.5 }\n",
            4,
            "a rate from 0 to 1",
        ),
        (
            "services:\n  orders:\n    policy:\n      breaker: { failure_rate: .nan }\n",
            4,
            "a rate from 0 to 1",
        ),
        (
            "services:\n  orders:\n    policy:\n      breaker: { min_calls: 0 }\n",
            4,
            "a number above zero",
        ),
        (
            "services:\n  orders:\n    policy:\n      breaker: { half_open: { probes: 0 } }\n",
            4,
            "a number above zero",
        ),
        (
            "services:\n  orders:\n    policy:\n      bulkhead: { max_concurrent: 0 }\n",
            4,
            "a number above zero",
        ),
        (
            "services:\n  orders:\n    policy:\n      breaker: maybe\n",
            4,
            "the word `off`",
        ),
        ("services:\n  orders: {}\n  orders: {}\n", 3, "orders"),
        ("services: [\n", 1, ""),
        ("other: {}\n", 1, "other"),
    ];
    for (yaml, expected, words) in rows {
        let error = PolicySet::from_yaml(yaml).unwrap_err();
        let PolicyError::Malformed {
            line,
            column,
            message,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(*line, expected, "{yaml}: {error}");
        assert!(*column >= 1 && message.contains(words), "{yaml}: {error}");
    }
}

#[test]
fn an_attempt_cannot_outlast_its_call() {
    let set =
        PolicySet::from_yaml("services: {orders: {policy: {timeout: {attempt: 2s}}}}").unwrap();
    let error = set.apply(&GET_ORDER, GET_ORDER.policy).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an attempt at `getOrder` of `orders` may take longer than the whole call"
    );
}

#[test]
fn a_hostile_document_is_refused_quickly() {
    let deep = format!("services: {}", "{a: ".repeat(10_000));
    assert!(PolicySet::from_yaml(&deep).is_err());
    let laughs = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\nservices: {}\n";
    assert!(PolicySet::from_yaml(laughs).is_err());
}
