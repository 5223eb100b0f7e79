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
