//! Answers that stream, at exact instants of paused time.

use std::time::Duration;

use dovetail_resilience::{Chance, bulkhead};
use futures::StreamExt;
use serde_json::{Value, json};

use super::*;
use crate::{
    DecodeResult, Idempotency, Method, Refusal, Service, Undeclared,
    policy::Policy,
    testing::{Script, Step},
};

const MS: fn(u64) -> Duration = Duration::from_millis;
const SERVICE: Service = Service::new("orders", &["watch", "ask"]);
const POLICY: Policy = Policy::new(Duration::from_secs(5));
const WATCH: Operation = Operation::new(&SERVICE, "watch", Method::Get, "/orders", POLICY);
const ASK: Operation = Operation::new(&SERVICE, "ask", Method::Post, "/answers", POLICY);

fn client(script: &Script) -> Http {
    let builder = Http::builder(&SERVICE)
        .base_url("http://orders")
        .chance(Chance::seeded(1));
    builder
        .body_max(64)
        .stream_idle_timeout(MS(10_000))
        .transport(script.clone())
        .build()
        .unwrap()
}

#[derive(Debug, thiserror::Error)]
#[error("busy")]
struct Busy(Value);

impl Refusal for Busy {
    fn decode(response: &Response) -> DecodeResult<Self> {
        match response.status() {
            409 => response.json().map(Self).map(Some),
            _ => Ok(None),
        }
    }
}

/// What a stream says, one text per item.
async fn said(script: &Script) -> Vec<String> {
    let mut stream = client(script)
        .call(&WATCH)
        .send_stream::<Undeclared>()
        .await
        .unwrap();
    let mut said = Vec::new();
    while let Some(item) = stream.next().await {
        said.push(match item {
            Ok(chunk) => String::from_utf8(chunk.to_vec()).unwrap(),
            Err(failure) => failure.to_string(),
        });
    }
    assert!(stream.next().await.is_none());
    said
}

#[tokio::test(start_paused = true)]
async fn pieces_come_for_longer_than_a_call_may_take_and_an_end_is_an_end() {
    let clock = Clock::system();
    let start = clock.now();
    let step = Step::status(200).chunk("a");
    let script = Script::new([(0..9).fold(step, |step, _| step.chunk_after(MS(9_999), "b"))]);
    assert_eq!(said(&script).await.concat(), "abbbbbbbbb");
    assert_eq!(clock.now() - start, MS(9 * 9_999));
    assert_eq!(script.hits()[0].header("x-request-timeout-ms"), None);
    let script = Script::new([Step::status(200).chunk("a").then_reset()]);
    let broke = "watch failed: the connection broke before the answer was complete";
    assert_eq!(said(&script).await, ["a", broke]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_pauses_too_long_is_given_up_exactly_then() {
    for (steps, at) in [
        (Step::status(200).then_hang(), 10_000),
        (
            Step::status(200).chunk_after(MS(7_000), "a").then_hang(),
            17_000,
        ),
        (Step::status(200).chunk_after(MS(10_001), "a"), 10_000),
    ] {
        let clock = Clock::system();
        let start = clock.now();
        let said = said(&Script::new([steps])).await;
        let stalled = "watch failed: nothing more of the answer came for 10s";
        assert_eq!(said.last().unwrap(), stalled);
        assert_eq!(clock.now() - start, MS(at));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_its_time_is_no_pause_of_the_service() {
    let script = Script::new([Step::status(200).chunk("a").chunk_after(MS(1), "b")]);
    let http = client(&script);
    let mut stream = http.call(&WATCH).send_stream::<Undeclared>().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "a");
    Clock::system().sleep(MS(60_000)).await;
    assert_eq!(stream.next().await.unwrap().unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn until_the_head_a_stream_is_a_call_like_any_other() {
    let ok = || {
        Step::status(200)
            .header("x-page", "1")
            .chunk("a")
            .chunk("bc")
    };
    let script = Script::new([Step::status(503), Step::reset(), ok()]);
    let http = client(&script);
    let stream = http.call(&WATCH).send_stream::<Undeclared>().await.unwrap();
    assert_eq!(
        (stream.status(), &stream.headers()["x-page"]),
        (200, &"1".parse().unwrap())
    );
    assert_eq!(
        (stream.collect_bytes(3).await.unwrap(), script.hits().len()),
        ("abc".into(), 3)
    );
    let refusing = Step::json(409, "{\"why\":").chunk("1}");
    let http = client(&Script::new([refusing]));
    let error = http.call(&WATCH).send_stream::<Busy>().await.unwrap_err();
    assert_eq!(error.refusal().unwrap().0, json!({"why": 1}));
    let endless = Step::json(409, "x".repeat(65)).then_hang();
    let http = client(&Script::new([endless]));
    let error = http.call(&WATCH).send_stream::<Busy>().await.unwrap_err();
    let kind = error.failure().unwrap().kind();
    assert!(
        matches!(kind, FailureKind::BodyTooLarge { limit: 64 }),
        "{kind:?}"
    );
    let http = client(&Script::always(Step::hang()));
    let error = http.call(&WATCH).send_stream::<Busy>().await.unwrap_err();
    assert!(matches!(
        error.failure().unwrap().kind(),
        FailureKind::DeadlineExceeded
    ));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_too_long_is_not_collected() {
    let step = Step::status(200).chunk("ab").chunk("cd").then_hang();
    let http = client(&Script::new([step]));
    let stream = http.call(&WATCH).send_stream::<Undeclared>();
    let failure = stream.await.unwrap().collect_bytes(3).await.unwrap_err();
    assert!(matches!(
        failure.kind(),
        FailureKind::BodyTooLarge { limit: 3 }
    ));
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_read_or_dropped_hold_nothing_back() {
    const ONE: Operation = Operation {
        policy: POLICY.bulkhead(Some(bulkhead::Config {
            max_concurrent: 1,
            max_wait: Duration::ZERO,
        })),
        ..WATCH
    };
    let http = client(&Script::always(Step::status(200).then_hang()));
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(http.call(&ONE).send_stream::<Undeclared>().await.unwrap());
    }
    let recorded = http.breaker(&ONE).unwrap().snapshot();
    assert_eq!((recorded.total, recorded.failures), (3, 0));
    drop(streams.pop());
    assert!(streams[0].next().await.unwrap().is_err());
    assert_eq!(http.breaker(&ONE).unwrap().snapshot().failures, 0);
}

/// What a stream of lines or events says, one text per item.
async fn all<T: fmt::Debug>(stream: impl Stream<Item = Result<T, Failure>>) -> Vec<String> {
    let text = |item: Result<T, Failure>| match item {
        Ok(item) => format!("{item:?}"),
        Err(failure) => match failure.kind() {
            FailureKind::Decode { source, .. } => source.to_string(),
            kind => kind.to_string(),
        },
    };
    stream.map(text).collect().await
}

const BROKE: &str = "the connection broke before the answer was complete";

#[tokio::test(start_paused = true)]
async fn lines_are_read_up_to_the_end_and_past_those_that_do_not_decode() {
    let invalid = "at [1]: invalid type: string \"x\", expected i32 at line 1 column 6";
    let too_long = "the body of the answer is longer than 64 bytes";
    for (step, expected) in [
        (
            Step::status(200).chunk("[1]\n[2,").chunk("3]\n\n[4]"),
            &["[1]", "[2, 3]", "[4]"][..],
        ),
        (
            Step::status(200).chunk("[1,\"x\"]\n[2]\n"),
            &[invalid, "[2]"],
        ),
        (
            Step::status(200).chunk("\x1e[1]\n\x1e[2]\n").then_reset(),
            &["[1]", "[2]", BROKE],
        ),
        (
            Step::status(200).chunk("[1]\n[2]").then_reset(),
            &["[1]", BROKE],
        ),
        (
            Step::status(200).chunk(format!("[1]\n[{}1]\n[2]", " ".repeat(64))),
            &["[1]", too_long],
        ),
        (Step::status(204), &[]),
    ] {
        let http = client(&Script::new([step]));
        let lines = http
            .call(&WATCH)
            .send_lines::<Vec<i32>, Undeclared>()
            .await
            .unwrap();
        assert_eq!(all(lines).await, expected);
    }
}

fn event(data: i32, event: Option<&str>, id: Option<&str>) -> String {
    let (event, id) = (event.map(str::to_owned), id.map(str::to_owned));
    format!("{:?}", Event { data, event, id })
}

#[tokio::test(start_paused = true)]
async fn events_are_read_up_to_the_end_and_past_those_that_do_not_decode() {
    let one = event(1, Some("x"), Some("7"));
    let two = event(2, None, None);
    let invalid = "at .: invalid type: string \"x\", expected i32 at line 1 column 3";
    let too_long = "the body of the answer is longer than 64 bytes";
    for (step, expected) in [
        (
            Step::events("event: x\nid: 7\ndata: 1\n\n: c\n\ndata:2\n\n"),
            &[&*one, &two][..],
        ),
        (
            Step::events("data: \"x\"\n\n").chunk("data: 2\n\n"),
            &[invalid, &two],
        ),
        (
            Step::events("data: 2\n\ndata: [DONE]\n\n").then_hang(),
            &[&two],
        ),
        (
            Step::events("data: 2\n\ndata: 3\n").then_reset(),
            &[&two, BROKE],
        ),
        (
            Step::events("data: 2\n\n")
                .chunk("x".repeat(65))
                .then_hang(),
            &[&two, too_long],
        ),
        (Step::status(204), &[]),
    ] {
        let http = client(&Script::new([step]));
        let events = http
            .call(&ASK)
            .json("why")
            .send_events::<i32, Undeclared>()
            .await
            .unwrap();
        assert_eq!(all(events).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_stream_of_events_is_refused() {
    let http = client(&Script::new([Step::json(200, "{}")]));
    let error = http
        .call(&WATCH)
        .send_events::<i32, Undeclared>()
        .await
        .unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.status(), Some(200));
    assert!(format!("{failure:?}").contains("application/json instead of an event stream"));
}

#[tokio::test(start_paused = true)]
async fn text_events_are_taken_as_they_are() {
    let script = Script::new([Step::events("data: [DONE]\n\ndata: {\n\n")]);
    let http = client(&script);
    let mut events = http
        .call(&WATCH)
        .send_text_events::<Undeclared>()
        .await
        .unwrap();
    for expected in ["[DONE]", "{"] {
        assert_eq!(events.next().await.unwrap().unwrap().data, expected);
    }
    assert!(events.next().await.is_none());
    assert_eq!(script.hits()[0].header("accept"), Some("text/event-stream"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_connects_again_only_when_asked_and_only_where_that_changes_nothing() {
    let steps = || {
        [
            Step::events("retry: 300\nid: 7\ndata: 1\n\n"),
            Step::events("data: 2\n\n").then_reset(),
            Step::status(204),
            Step::events("data: 3\n\n"),
        ]
    };
    for (operation, max, expected) in [(&WATCH, 0, 1), (&ASK, 9, 1), (&WATCH, 1, 2)] {
        let script = Script::new(steps());
        let http = client(&script);
        let events = http
            .call(operation)
            .send_events::<i32, Undeclared>()
            .await
            .unwrap();
        let mut events = events.reconnecting(max);
        let mut data = Vec::new();
        while let Some(event) = events.next().await {
            data.push(event.unwrap().data);
        }
        assert_eq!(data.len(), expected, "{} up to {max}", operation.id);
        assert_eq!(
            (events.last_event_id(), events.retry_after()),
            (Some("7"), Some(MS(300)))
        );
        let hits = script.hits();
        let at: Vec<_> = hits.iter().map(|hit| hit.at.as_millis()).collect();
        assert_eq!(
            at,
            if expected == 2 {
                vec![0, 300, 600]
            } else {
                vec![0]
            }
        );
        let ids: Vec<_> = hits.iter().map(|hit| hit.header("last-event-id")).collect();
        assert_eq!(ids[0], None);
        assert!(ids[1..].iter().all(|id| *id == Some("7")), "{ids:?}");
    }
    assert_eq!(ASK.idempotency, Idempotency::None);
}

#[tokio::test(start_paused = true)]
async fn connecting_again_in_vain_ends_with_the_last_failure() {
    let script = Script::new([Step::events("data: 1\n\n")]);
    let http = client(&script);
    let events = http
        .call(&WATCH)
        .send_events::<i32, Undeclared>()
        .await
        .unwrap();
    let said = all(events.reconnecting(2)).await;
    assert_eq!(said, [event(1, None, None), BROKE.to_owned()]);
    assert_eq!(
        script.hits().len(),
        1 + 2 * 3,
        "each is a call with its own retries"
    );
    let script = Script::new([Step::events("data: 1\n\n"), Step::status(401)]);
    let http = client(&script);
    let events = http
        .call(&WATCH)
        .send_events::<i32, Undeclared>()
        .await
        .unwrap();
    let said = all(events.reconnecting(9)).await;
    assert!(said[1].contains("status 401"), "{said:?}");
    assert_eq!(
        script.hits().len(),
        2,
        "what is refused is not asked for again"
    );
}

#[tokio::test(start_paused = true)]
async fn the_wait_before_connecting_again_has_bounds() {
    for (named, waited) in [
        ("0", 100),
        ("99", 100),
        ("101", 101),
        ("99999999999", 3_600_000),
    ] {
        let first = Step::events(format!("retry: {named}\ndata: 1\n\n"));
        let script = Script::new([first, Step::status(204)]);
        let http = client(&script);
        let events = http
            .call(&WATCH)
            .send_events::<i32, Undeclared>()
            .await
            .unwrap();
        assert_eq!(all(events.reconnecting(1)).await.len(), 1);
        assert_eq!(script.hits()[1].at, MS(waited), "{named}");
    }
    let script = Script::new([Step::events("data: 1\n\n"), Step::status(204)]);
    let http = client(&script);
    let events = http
        .call(&WATCH)
        .send_events::<i32, Undeclared>()
        .await
        .unwrap();
    assert_eq!(all(events.reconnecting(1)).await.len(), 1);
    assert!(
        script.hits()[1].at <= MS(1_000),
        "the first wait is a second at most"
    );
}

#[test]
fn streams_can_be_read_by_another_task() {
    fn check<T: Send + Unpin + 'static>() {}
    check::<ByteStream>();
    check::<EventStream<Value>>();
    check::<LineStream<Value>>();
    check::<crate::pagination::Pages<Value, Undeclared>>();
    check::<crate::pagination::Items<Value, Value, Undeclared>>();
}
