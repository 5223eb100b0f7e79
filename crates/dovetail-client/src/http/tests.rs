//! What a client can be built from, and which calls share what.

use std::time::Duration;

use dovetail_resilience::{Sample, breaker};

use super::*;
use crate::{
    Method,
    policy::{Policy, Scope},
    testing::{Script, Step},
};

const SERVICE: Service = Service::new("orders", &["a", "b", "alone"]);
const POLICY: Policy = Policy::new(Duration::from_secs(1));
const A: Operation = Operation::new(&SERVICE, "a", Method::Get, "/a", POLICY);
const B: Operation = Operation::new(&SERVICE, "b", Method::Get, "/b", POLICY);
const STRICT: breaker::Config = breaker::Config {
    min_calls: 5,
    ..breaker::Config::new()
};
const OTHERWISE: Operation = Operation::new(
    &SERVICE,
    "b",
    Method::Get,
    "/b",
    POLICY.breaker(Some(STRICT)),
);
const ALONE: Operation = Operation::new(
    &SERVICE,
    "alone",
    Method::Get,
    "/c",
    POLICY.breaker_scope(Scope::Operation),
);

#[test]
fn a_base_url_is_http_and_nothing_but_a_place() {
    for url in [
        "http://orders",
        "https://orders:8443/",
        "http://[::1]:80/v1/",
        "http://orders/a/b",
    ] {
        assert!(
            Http::builder(&SERVICE).base_url(url).build().is_ok(),
            "{url}"
        );
    }
    let reasons = [
        ("orders", "it is not an absolute url"),
        ("ftp://orders", "it is neither http nor https"),
        ("ann:secret@orders", "it is neither http nor https"),
        (
            "http://ann:secret@orders",
            "it has a user or a password; give credentials apart",
        ),
        ("http://orders?x=1", "it has a query or a fragment"),
        ("http://orders/#secret", "it has a query or a fragment"),
        ("http://orders/?key=secret", "it has a query or a fragment"),
    ];
    for (url, expected) in reasons {
        let builder = Http::builder(&SERVICE).base_url(url);
        assert!(!format!("{builder:?}").contains("secret"), "{url}");
        let error = builder.build().unwrap_err();
        assert!(
            matches!(&error, ConfigError::BaseUrl { reason, .. } if *reason == expected),
            "{url}: {error}"
        );
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
    assert!(matches!(
        Http::builder(&SERVICE).build(),
        Err(ConfigError::NoBaseUrl)
    ));
}

#[test]
fn the_first_thing_that_does_not_fit_is_named() {
    let error = Http::builder(&SERVICE)
        .header("bad name", "x")
        .deadline_header("also bad")
        .base_url("http://orders")
        .build()
        .unwrap_err();
    assert!(matches!(error, ConfigError::Header { name } if name == "bad name"));
}

#[test]
fn paths_keep_their_prefix_and_cannot_leave_the_host() {
    let base = BaseUrl::parse("http://orders/v1/").unwrap();
    let rows = [
        ("/orders/o-1", "", "http://orders/v1/orders/o-1"),
        ("/orders", "a=1&b=%2F", "http://orders/v1/orders?a=1&b=%2F"),
        ("//evil.example/x", "", "http://orders/v1//evil.example/x"),
        ("/@evil.example", "", "http://orders/v1/@evil.example"),
        ("/a?b#c", "", "http://orders/v1/a%3Fb%23c"),
        ("/...;v=1/;v=1", "", "http://orders/v1/...;v=1/;v=1"),
        (
            r"/x\..\..\admin",
            "",
            "http://orders/v1/x%5C..%5C..%5Cadmin",
        ),
        ("/a/.\t./\r\nb", "", "http://orders/v1/a/.%09./%0D%0Ab"),
    ];
    for (path, query, expected) in rows {
        assert_eq!(base.join(path, query).unwrap().as_str(), expected);
    }
    for path in ["/..", "/a/../b", "/a/.", "/%2e%2E/b", "/.%2e", "/..;v=1/b"] {
        assert!(base.join(path, "").is_err(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn operations_of_a_service_share_a_breaker_unless_configured_otherwise() {
    let script = Script::always(Step::status(204));
    let http = Http::builder(&SERVICE)
        .base_url("http://orders")
        .transport(script)
        .build()
        .unwrap();
    for _ in 0..20 {
        http.breaker(&A)
            .unwrap()
            .admit()
            .unwrap()
            .record(Sample::Failure);
    }
    let state = |operation| http.breaker(operation).unwrap().snapshot().state;
    assert_eq!(state(&A), breaker::State::Open);
    assert_eq!(state(&B), breaker::State::Open);
    assert_eq!(state(&ALONE), breaker::State::Closed);
    let other = Http::builder(&SERVICE)
        .base_url("http://orders")
        .transport(Script::new([]))
        .build()
        .unwrap();
    assert_eq!(
        other.breaker(&OTHERWISE).unwrap().snapshot().state,
        breaker::State::Closed
    );
    for _ in 0..5 {
        other
            .breaker(&OTHERWISE)
            .unwrap()
            .admit()
            .unwrap()
            .record(Sample::Failure);
    }
    assert_eq!(
        other.breaker(&OTHERWISE).unwrap().snapshot().state,
        breaker::State::Open
    );
    assert_eq!(
        other.breaker(&A).unwrap().snapshot().state,
        breaker::State::Closed
    );
}

#[tokio::test(start_paused = true)]
async fn an_override_for_an_operation_that_does_not_exist_is_an_error() {
    let set = |text: &str| PolicySet::from_yaml(text).unwrap();
    let build = |set| {
        Http::builder(&SERVICE)
            .base_url("http://orders")
            .policies(&set)
            .build()
    };
    let error = build(set("services: {orders: {operations: {c: {breaker: off}}}}")).unwrap_err();
    assert!(
        matches!(error, ConfigError::Policy(PolicyError::UnknownOperation { operation, .. }) if operation == "c")
    );
    let http = build(set(
        "services: {orders: {operations: {a: {breaker: off}}}, others: {operations: {c: {}}}}",
    ));
    let http = http.unwrap();
    assert!(http.breaker(&A).is_none() && http.breaker(&B).is_some());
}

#[test]
fn a_policy_of_a_consumer_for_an_operation_that_does_not_exist_is_an_error() {
    const OWN: &[(&str, Policy)] = &[("a", POLICY), ("gone", POLICY)];
    let error = Http::builder(&SERVICE)
        .base_url("http://orders")
        .operation_policies(OWN)
        .build()
        .unwrap_err();
    assert!(
        matches!(&error, ConfigError::Policy(PolicyError::UnknownOperation { operation, .. }) if operation == "gone"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_consumer_replaces_the_policy_of_the_contract_and_overrides_come_on_top() {
    const OWN: &[(&str, Policy)] = &[
        ("a", Policy::new(Duration::from_secs(2)).bulkhead(None)),
        ("a", Policy::new(Duration::from_secs(9))),
    ];
    let set = "services: {orders: {operations: {a: {timeout: {attempt: 1500ms}}}}}";
    let http = Http::builder(&SERVICE)
        .base_url("http://orders")
        .operation_policies(OWN)
        .policies(&PolicySet::from_yaml(set).unwrap())
        .build()
        .unwrap();
    let stack = |operation| http.policies(operation).unwrap().stack.clone();
    let (a, b) = (stack(&A), stack(&B));
    let attempt = Some(Duration::from_millis(1_500));
    assert_eq!(
        (a.total, a.attempt, a.bulkhead.is_none()),
        (Duration::from_secs(2), attempt, true)
    );
    assert_eq!(
        (b.total, b.attempt, b.bulkhead.is_none()),
        (Duration::from_secs(1), None, false)
    );
}
