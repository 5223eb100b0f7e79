//! What each failure means for who called.

use std::error::Error as _;

use super::*;
use crate::{Method, Service, Undeclared, operation::Operation, policy::Policy};

const SERVICE: Service = Service::new("orders", &[]);
const POLICY: Policy = Policy::new(Duration::from_secs(1));
const GET: Operation = Operation::new(&SERVICE, "get", Method::Get, "/", POLICY);
const POST: Operation = Operation::new(&SERVICE, "post", Method::Post, "/", POLICY);

fn unexpected(status: u16) -> FailureKind {
    let (headers, excerpt) = (HeaderMap::new(), String::new());
    FailureKind::Unexpected(Box::new(Unexpected {
        status,
        headers,
        excerpt,
        retry_after: None,
    }))
}

/// A failure, and whether it is retryable for an idempotent and for another operation.
type Row = (fn() -> FailureKind, bool, bool);

#[test]
fn retryable_is_what_may_succeed_later_and_is_not_done_twice() {
    let rows: [Row; 12] = [
        (|| FailureKind::Connect("x".into()), true, true),
        (|| FailureKind::NotProcessed("x".into()), true, true),
        (|| FailureKind::BulkheadFull, true, true),
        (|| FailureKind::DeadlineSpent, true, true),
        (
            || FailureKind::BreakerOpen {
                retry_after: Duration::ZERO,
            },
            true,
            true,
        ),
        (|| FailureKind::Interrupted("x".into()), true, false),
        (|| FailureKind::AttemptTimeout, true, false),
        (|| FailureKind::DeadlineExceeded, true, false),
        (|| unexpected(503), true, false),
        (|| unexpected(500), false, false),
        (|| FailureKind::BodyTooLarge { limit: 1 }, false, false),
        (
            || FailureKind::Decode {
                status: 200,
                source: DecodeError::new(".", "x"),
            },
            false,
            false,
        ),
    ];
    for (kind, idempotent, other) in rows {
        assert_eq!(
            Failure::new(&GET, kind()).is_retryable(),
            idempotent,
            "{}",
            kind()
        );
        assert_eq!(
            Failure::new(&POST, kind()).is_retryable(),
            other,
            "{}",
            kind()
        );
    }
}

#[test]
fn a_chain_of_errors_repeats_nothing() {
    let failure = Failure::new(
        &GET,
        FailureKind::Decode {
            status: 200,
            source: DecodeError::new("a[1]", "wrong"),
        },
    );
    let error = Error::<Undeclared>::Failed(failure);
    assert_eq!(
        error.to_string(),
        "get failed: the answer with status 200 is not what the contract says"
    );
    let source = error.source().unwrap();
    assert_eq!(source.to_string(), "at a[1]: wrong");
    assert!(source.source().is_none());
    assert!(
        Error::<Undeclared>::Failed(Failure::new(&GET, FailureKind::BulkheadFull))
            .source()
            .is_none()
    );
}

#[test]
fn errors_are_small_enough_to_hand_around() {
    assert!(size_of::<Failure>() == 8 && size_of::<Error<Undeclared>>() <= 16);
}

#[test]
fn a_refusal_does_not_print_the_secrets_of_its_answer() {
    let mut headers = http::HeaderMap::new();
    for (name, value) in [
        ("set-cookie", "session=s3cr3t"),
        ("x-new-token", "s3cr3t"),
        ("x-request-id", "r-1"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let response = crate::Response::new(404)
        .with_headers(headers.clone())
        .with_body("s3cr3t");
    let answer = Answer(Box::new(AnswerParts {
        operation: "get",
        status: 404,
        headers,
        retry_after: None,
        is_retryable: false,
        attempts: 1,
        retry_budget_exhausted: false,
    }));
    for text in [format!("{answer:?}"), format!("{response:?}")] {
        assert!(!text.contains("s3cr3t") && text.contains("r-1"), "{text}");
    }
    assert_eq!(answer.headers()["x-new-token"], "s3cr3t");
}

#[test]
fn an_error_quotes_a_part_of_a_long_body_only() {
    let long = "é".repeat(1_000_000);
    let response = crate::Response::new(200).with_body(format!("\"{long}\""));
    let error = response.json::<u8>().unwrap_err();
    assert!(error.message().len() < 1_100, "{}", error.message().len());
    assert!(
        error.message().starts_with("invalid type: string")
            && error.message().contains("expected u8"),
        "{error}"
    );
    let response = crate::Response::new(200).with_body(format!(r#"{{"{long}":"x"}}"#));
    let error = response
        .json::<std::collections::BTreeMap<String, u8>>()
        .unwrap_err();
    assert!(error.path().len() < 1_100, "{}", error.path().len());
}
