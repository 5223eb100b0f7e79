//! The table of outcomes, row by row.

use std::time::UNIX_EPOCH;

use dovetail_resilience::Repeat::{Always, Free, IfIdempotent, Never};
use http::{HeaderName, HeaderValue};

use super::*;

const PLAIN: Classifier = Classifier {
    on: Triggers::new(),
    idempotency: Idempotency::Safe,
};
const KEYED: Classifier = Classifier {
    idempotency: Idempotency::Key {
        header: "idempotency-key",
    },
    ..PLAIN
};

fn judge(classifier: &Classifier, number: u32, response: &Response) -> Outcome {
    classifier.judge(number, Ended::Answered(response), || UNIX_EPOCH)
}

fn asking(status: u16, retry_after: &'static str) -> Response {
    let name = HeaderName::from_static("retry-after");
    Response::new(status).with_header(name, HeaderValue::from_static(retry_after))
}

#[test]
fn each_status_counts_as_the_table_says() {
    let rows: [(&[u16], Sample, Repeat); 7] = [
        (
            &[
                200, 201, 204, 301, 304, 400, 401, 403, 404, 409, 410, 418, 422,
            ],
            Sample::Success,
            Never,
        ),
        (&[501, 505], Sample::Success, Never),
        (&[500, 507, 511, 599], Sample::Failure, Never),
        (&[502, 503, 504], Sample::Failure, IfIdempotent),
        (&[408, 425, 429], Sample::Ignored, IfIdempotent),
        (&[600, 999], Sample::Success, Never),
        (&[100, 199], Sample::Success, Never),
    ];
    for (statuses, sample, repeat) in rows {
        for status in statuses {
            let outcome = judge(&PLAIN, 1, &Response::new(*status));
            assert_eq!(
                (outcome.sample, outcome.repeat),
                (sample, repeat),
                "{status}"
            );
            assert_eq!(outcome.throttled, *status == 429, "{status}");
        }
    }
}

#[test]
fn each_way_to_have_no_answer_counts_as_the_table_says() {
    let rows = [
        (TransportErrorKind::Connect, Sample::Failure, Always),
        (TransportErrorKind::NotProcessed, Sample::Ignored, Free),
        (
            TransportErrorKind::Interrupted,
            Sample::Failure,
            IfIdempotent,
        ),
        (
            TransportErrorKind::BodyTooLarge { limit: 1 },
            Sample::Success,
            Never,
        ),
    ];
    for (kind, sample, repeat) in rows {
        let error = TransportError::new(kind, "test");
        let outcome = PLAIN.judge(1, Ended::Failed(&error), || UNIX_EPOCH);
        assert_eq!(
            (outcome.sample, outcome.repeat),
            (sample, repeat),
            "{kind:?}"
        );
    }
    let outcome = PLAIN.judge(1, Ended::TimedOut, || UNIX_EPOCH);
    assert_eq!(
        (outcome.sample, outcome.repeat),
        (Sample::Failure, IfIdempotent)
    );
}

#[test]
fn triggers_turn_repeating_on_and_off_but_never_what_the_breaker_sees() {
    let only_500 = Classifier {
        on: Triggers::of(&[Trigger::InternalServerError]),
        ..PLAIN
    };
    for (status, repeat) in [(500, IfIdempotent), (503, Never)] {
        let outcome = judge(&only_500, 1, &Response::new(status));
        assert_eq!((outcome.sample, outcome.repeat), (Sample::Failure, repeat));
    }
    let and_500 = Classifier {
        on: PLAIN.on.and(Trigger::InternalServerError),
        ..PLAIN
    };
    for status in [500, 503] {
        assert_eq!(
            judge(&and_500, 1, &Response::new(status)).repeat,
            IfIdempotent
        );
    }
    let error = TransportError::new(TransportErrorKind::Connect, "test");
    assert_eq!(
        only_500
            .judge(1, Ended::Failed(&error), || UNIX_EPOCH)
            .repeat,
        Never
    );
}

#[test]
fn a_conflict_is_repeated_only_where_an_earlier_attempt_may_be_its_cause() {
    let conflict = Response::new(409);
    assert_eq!(judge(&KEYED, 1, &conflict).repeat, Never);
    assert_eq!(judge(&KEYED, 2, &conflict).repeat, IfIdempotent);
    assert_eq!(judge(&PLAIN, 2, &conflict).repeat, Never);
}

#[test]
fn a_wait_is_read_as_seconds_or_as_a_date() {
    let now = || UNIX_EPOCH + Duration::from_secs(784_111_774);
    let rows = [
        ("2", Some(2)),
        (" 120 ", Some(120)),
        ("0", Some(0)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(3)),
        ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
        ("4294967295", Some(4_294_967_295)),
        ("4294967296", Some(4_294_967_295)),
        ("99999999999999999999999999", Some(4_294_967_295)),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ];
    for (text, expected) in rows {
        assert_eq!(
            retry_after(&asking(503, text), now),
            expected.map(Duration::from_secs),
            "{text}"
        );
    }
}

#[test]
fn a_service_that_names_a_wait_is_throttling() {
    let outcome = judge(&PLAIN, 1, &asking(503, "7"));
    assert_eq!((outcome.sample, outcome.throttled), (Sample::Failure, true));
    assert_eq!(outcome.retry_after, Some(Duration::from_secs(7)));
    assert!(!judge(&PLAIN, 1, &Response::new(503)).throttled);
    assert!(judge(&PLAIN, 1, &Response::new(429)).throttled);
}
