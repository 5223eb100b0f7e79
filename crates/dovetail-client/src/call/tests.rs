//! What reaches a service, how often, and at which instant of paused time.

mod answers;
mod requests;
mod spans;
mod streams;

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use dovetail_resilience::{CallContext, Chance, Clock, Deadline, Sample, TraceParent, breaker};
use serde_json::{Value, json};

use super::*;
use crate::{
    Error, FailureKind, Idempotency, Method, Refusal, Response, Service, Success, Undeclared,
    policy::{Policy, Retry, Trigger, Triggers},
    testing::{Hit, Script, Step},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

const SERVICE: Service = Service::new("orders", &["get", "create", "keyed"]);
const POLICY: Policy = Policy::new(Duration::from_secs(5));
const GET: Operation = Operation::new(&SERVICE, "get", Method::Get, "/orders/{id}", POLICY);
const CREATE: Operation = Operation::new(&SERVICE, "create", Method::Post, "/orders", POLICY);
const KEYED: Operation = Operation::new(&SERVICE, "keyed", Method::Post, "/orders", POLICY)
    .idempotency(Idempotency::Key {
        header: "Idempotency-Key",
    });

fn client(script: &Script) -> Http {
    Http::builder(&SERVICE)
        .base_url("http://orders/v1")
        .chance(Chance::seeded(1))
        .clock(Clock::pinned_at(
            UNIX_EPOCH + Duration::from_secs(784_111_774),
        ))
        .transport(script.clone())
        .build()
        .unwrap()
}

type Sent = (Result<Value, Error<Undeclared>>, Vec<Hit>);

async fn get(operation: &'static Operation, steps: impl IntoIterator<Item = Step>) -> Sent {
    let script = Script::new(steps);
    let result = client(&script)
        .call(operation)
        .path("id", "o-1")
        .send_json()
        .await;
    (result, script.hits())
}

async fn post(operation: &'static Operation, steps: impl IntoIterator<Item = Step>) -> Sent {
    let script = Script::new(steps);
    let result = client(&script)
        .call(operation)
        .json(&json!({"a": 1}))
        .send_json()
        .await;
    (result, script.hits())
}

fn ok() -> Step {
    Step::json(200, "{}")
}

fn instants(hits: &[Hit]) -> Vec<u64> {
    hits.iter()
        .map(|hit| u64::try_from(hit.at.as_millis()).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn only_what_may_be_sent_twice_is() {
    let (result, hits) = get(&GET, [Step::status(503), Step::status(503), ok()]).await;
    assert_eq!((result.unwrap(), hits.len()), (json!({}), 3));
    for step in [
        Step::status(503),
        Step::status(429),
        Step::status(408),
        Step::reset(),
        Step::status(502),
    ] {
        let (result, hits) = post(&CREATE, [step, ok()]).await;
        assert_eq!((result.is_err(), hits.len()), (true, 1));
    }
    for step in [Step::refuse(), Step::not_processed()] {
        let (result, hits) = post(&CREATE, [step, ok()]).await;
        assert_eq!(
            (result.is_ok(), hits.len()),
            (true, 2),
            "nothing was done yet"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_keeps_its_key_over_all_attempts_and_each_call_has_its_own() {
    let steps = || [Step::status(503), Step::reset(), ok()];
    let (result, hits) = post(&KEYED, steps()).await;
    assert!(result.is_ok());
    let keys: Vec<_> = hits
        .iter()
        .map(|hit| hit.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(
        (keys.len(), keys.iter().all(|key| *key == keys[0])),
        (3, true)
    );
    let key: uuid::Uuid = keys[0].parse().unwrap();
    assert_eq!(key.get_version_num(), 7);
    let script = Script::always(ok());
    let http = client(&script);
    for _ in 0..2 {
        let _: Value = http
            .call(&KEYED)
            .send_json::<_, Undeclared>()
            .await
            .unwrap();
    }
    let own = http
        .call(&KEYED)
        .idempotency_key("stored-1")
        .send_json::<Value, Undeclared>()
        .await;
    assert!(own.is_ok());
    let hits = script.hits();
    assert_ne!(
        hits[0].header("idempotency-key"),
        hits[1].header("idempotency-key")
    );
    assert_eq!(hits[2].header("idempotency-key"), Some("stored-1"));
}

#[tokio::test(start_paused = true)]
async fn a_named_wait_is_kept_exactly_or_surfaces_at_once() {
    for header in ["2", "Sun, 06 Nov 1994 08:49:36 GMT"] {
        let (result, hits) = get(
            &GET,
            [Step::status(503).header("retry-after", header), ok()],
        )
        .await;
        assert_eq!(
            (result.is_ok(), instants(&hits)),
            (true, vec![0, 2_000]),
            "{header}"
        );
    }
    let start = Clock::system().now();
    let (result, hits) = get(&GET, [Step::status(503).header("retry-after", "10"), ok()]).await;
    let error = result.unwrap_err();
    assert_eq!((hits.len(), Clock::system().now()), (1, start));
    assert_eq!(
        (error.retry_after(), error.status()),
        (Some(Duration::from_secs(10)), Some(503))
    );
    assert!(error.is_retryable() && !error.retry_budget_exhausted());
}

#[tokio::test(start_paused = true)]
async fn a_hanging_service_costs_the_total_and_not_a_millisecond_more() {
    const HANGING: Operation = Operation::new(
        &SERVICE,
        "get",
        Method::Get,
        "/orders/{id}",
        Policy::new(Duration::from_millis(700)).attempt(Duration::from_millis(300)),
    );
    let start = Clock::system().now();
    let (result, hits) = get(&HANGING, [Step::hang(), Step::hang(), Step::hang()]).await;
    let error = result.unwrap_err();
    assert_eq!(Clock::system().now() - start, MS(700));
    assert!(matches!(
        error.failure().unwrap().kind(),
        FailureKind::DeadlineExceeded
    ));
    assert_eq!((hits.len(), error.attempts()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn the_next_service_learns_how_much_time_is_left() {
    const NEXT: Operation = Operation::new(
        &SERVICE,
        "get",
        Method::Get,
        "/orders/{id}",
        Policy::new(Duration::from_millis(1_000)).attempt(Duration::from_millis(800)),
    );
    let timeouts = |hits: &[Hit]| -> Vec<String> {
        hits.iter()
            .map(|hit| hit.header("x-request-timeout-ms").unwrap().to_owned())
            .collect()
    };
    let (_, hits) = get(&NEXT, [ok()]).await;
    assert_eq!(timeouts(&hits), ["795"]);
    let deadline = Some(Deadline::after(Clock::system().now(), MS(1_000)));
    let context = CallContext {
        deadline,
        trace: None,
    };
    Clock::system().sleep(MS(400)).await;
    let (_, hits) = context
        .scope(get(
            &NEXT,
            [Step::status(503).header("retry-after", "0"), ok()],
        ))
        .await;
    assert_eq!(timeouts(&hits), ["595", "595"]);
    let (_, hits) = context
        .scope(get(
            &NEXT,
            [
                Step::status(503).after(MS(100)).header("retry-after", "0"),
                ok(),
            ],
        ))
        .await;
    assert_eq!(timeouts(&hits), ["595", "495"]);
    Clock::system().sleep(MS(500)).await;
    let (result, hits) = context.scope(get(&NEXT, [ok()])).await;
    assert!(matches!(
        result.unwrap_err().failure().unwrap().kind(),
        FailureKind::DeadlineSpent
    ));
    assert!(hits.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_header_can_be_renamed_and_left_out() {
    let script = Script::always(ok());
    let base = || {
        Http::builder(&SERVICE)
            .base_url("http://orders")
            .transport(script.clone())
    };
    for http in [
        base().deadline_header("x-envoy-upstream-rq-timeout-ms"),
        base().no_deadline_header(),
    ] {
        let http = http.build().unwrap();
        let _: Value = http
            .call(&CREATE)
            .send_json::<_, Undeclared>()
            .await
            .unwrap();
    }
    let hits = script.hits();
    assert_eq!(
        hits[0].header("x-envoy-upstream-rq-timeout-ms"),
        Some("4995")
    );
    assert!(
        hits.iter()
            .all(|hit| hit.header("x-request-timeout-ms").is_none())
    );
    assert_eq!(hits[1].header("x-envoy-upstream-rq-timeout-ms"), None);
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_a_span_of_its_own_in_the_trace_of_the_caller() {
    let parent: TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        .parse()
        .unwrap();
    let context = CallContext {
        deadline: None,
        trace: Some(parent),
    };
    let steps = || [Step::status(503), Step::status(503), ok()];
    let spans = |hits: &[Hit]| -> Vec<TraceParent> {
        hits.iter()
            .map(|hit| hit.header("traceparent").unwrap().parse().unwrap())
            .collect()
    };
    let (_, hits) = context.scope(get(&GET, steps())).await;
    let inherited = spans(&hits);
    assert!(
        inherited
            .iter()
            .all(|span| span.trace_id() == parent.trace_id())
    );
    let (_, hits) = get(&GET, steps()).await;
    let started = spans(&hits);
    assert!(
        started
            .iter()
            .all(|span| span.trace_id() == started[0].trace_id())
    );
    assert_ne!(started[0].trace_id(), parent.trace_id());
    let mut ids: Vec<u64> = inherited
        .iter()
        .chain(&started)
        .map(|span| span.span_id())
        .collect();
    ids.push(parent.span_id());
    ids.sort_unstable();
    ids.dedup();
    // Both clients draw from the same seed, but the second also draws a trace.
    assert_eq!(ids.len(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_sends_nothing_and_waits_for_nothing() {
    let script = Script::always(ok());
    let http = client(&script);
    let breaker = http.breaker(&GET).unwrap();
    (0..20).for_each(|_| breaker.admit().unwrap().record(Sample::Failure));
    let start = Clock::system().now();
    let error = http
        .call(&GET)
        .path("id", "x")
        .send_json::<Value, Undeclared>()
        .await
        .unwrap_err();
    assert!(matches!(
        error.failure().unwrap().kind(),
        FailureKind::BreakerOpen { .. }
    ));
    assert!(
        error
            .retry_after()
            .is_some_and(|after| after >= MS(4_000) && after <= MS(6_000))
    );
    assert_eq!(
        (script.hits().len(), Clock::system().now(), error.attempts()),
        (0, start, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_do_not_open_a_breaker_and_faults_do() {
    let rows = [
        (400, breaker::State::Closed),
        (404, breaker::State::Closed),
        (409, breaker::State::Closed),
        (422, breaker::State::Closed),
        (429, breaker::State::Closed),
        (500, breaker::State::Open),
        (502, breaker::State::Open),
        (503, breaker::State::Open),
        (504, breaker::State::Open),
    ];
    for (status, expected) in rows {
        let script = Script::always(Step::status(status));
        let http = client(&script);
        for _ in 0..100 {
            let _ = http.call(&CREATE).send_empty::<Undeclared>().await;
        }
        assert_eq!(
            http.breaker(&CREATE).unwrap().snapshot().state,
            expected,
            "{status}"
        );
        let hits = if expected == breaker::State::Open {
            20
        } else {
            100
        };
        assert_eq!(script.hits().len(), hits, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_calls_without_an_answer_open_a_breaker_however_they_failed() {
    const ONCE: Operation = Operation::new(
        &SERVICE,
        "create",
        Method::Post,
        "/orders",
        Policy::new(Duration::from_secs(5))
            .attempt(Duration::from_millis(100))
            .retry(Retry::off()),
    );
    for step in [Step::refuse(), Step::reset(), Step::hang()] {
        let script = Script::always(step.clone());
        let http = client(&script);
        for _ in 0..19 {
            let _ = http.call(&ONCE).send_empty::<Undeclared>().await;
        }
        let state = || http.breaker(&ONCE).unwrap().snapshot().state;
        assert_eq!(state(), breaker::State::Closed, "{step:?}");
        for _ in 0..10 {
            let _ = http.call(&ONCE).send_empty::<Undeclared>().await;
        }
        assert_eq!(
            (state(), script.hits().len()),
            (breaker::State::Open, 20),
            "{step:?}"
        );
    }
    let script = Script::always(Step::hang());
    let http = client(&script);
    let clock = Clock::system();
    for _ in 0..50 {
        let call = http.call(&CREATE).send_empty::<Undeclared>();
        assert!(clock.until(clock.now() + MS(10), call).await.is_err());
    }
    assert_eq!(
        http.breaker(&CREATE).unwrap().snapshot().total,
        0,
        "a caller that hangs up says nothing about the service"
    );
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_is_told_with_the_last_error() {
    const MANY: Operation = Operation::new(
        &SERVICE,
        "get",
        Method::Get,
        "/orders/{id}",
        POLICY.breaker(None).retry(Retry {
            budget: Some(dovetail_resilience::budget::Config {
                min_per_sec: 0,
                ..dovetail_resilience::budget::Config::new()
            }),
            ..Retry::new()
        }),
    );
    let script = Script::always(Step::status(503));
    let http = client(&script);
    let (mut told, mut attempts) = (0, 0);
    for _ in 0..1_000 {
        let error = http
            .call(&MANY)
            .path("id", "x")
            .send_json::<Value, Undeclared>()
            .await
            .unwrap_err();
        told += u32::from(error.retry_budget_exhausted());
        attempts += error.attempts();
    }
    assert!(
        (1_090..=1_100).contains(&script.hits().len()),
        "{} hits",
        script.hits().len()
    );
    assert_eq!(attempts as usize, script.hits().len());
    assert!(told >= 900, "{told} were told");
}

#[tokio::test(start_paused = true)]
async fn five_hundreds_are_repeated_where_the_policy_says_so() {
    const AGAIN: Operation = Operation::new(
        &SERVICE,
        "get",
        Method::Get,
        "/orders/{id}",
        POLICY.retry(Retry {
            on: Triggers::of(&[Trigger::InternalServerError]),
            ..Retry::new()
        }),
    );
    assert_eq!(get(&GET, [Step::status(500), ok()]).await.1.len(), 1);
    assert_eq!(get(&AGAIN, [Step::status(500), ok()]).await.1.len(), 2);
}
