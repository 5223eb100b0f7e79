//! Replaying at scripted providers on loopback.

pub(crate) mod build;
mod hostile;
mod provider;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dovetail_contract::contract::{Isolation, StatusRange};
use dovetail_contract::frame::Look;
use dovetail_contract::schema::{Type, Types};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::report::{self, ProblemKind, Summary};
use crate::{Filter, Options, ReplayError, Report, Target, Verdict, plan, replay};
use build::World;
use provider::{Provider, answer};

impl World {
    /// Replays all of it.
    async fn replay(&self, target: &Target, options: &Options) -> Report {
        let plan = plan(&self.workspace, &self.sources, &Filter::default());
        replay(&plan, target, options)
            .await
            .expect("something was replayed")
    }

    /// The problems of a replay at a provider that answers like this, in one line each.
    async fn problems(&self, status: u16, media_type: &'static str, body: Value) -> Vec<String> {
        let body = body
            .as_str()
            .map_or_else(|| body.to_string(), str::to_owned);
        let provider = Provider::fixed(status, media_type, body).await;
        problems(&self.replay(&provider.target, &Options::default()).await)
    }

    fn human(&self, report: &Report) -> String {
        report::human(report, &self.sources, &Look::default())
    }
}

/// Every problem of a report in one line.
fn problems(report: &Report) -> Vec<String> {
    let all = report
        .interactions
        .iter()
        .flat_map(|outcome| &outcome.problems);
    all.map(|p| {
        format!(
            "{} {}: expected {}, found {}",
            p.code, p.at, p.expected, p.actual
        )
    })
    .collect()
}

#[tokio::test]
async fn what_is_read_and_promised_passes() {
    let mut world = World::new("POST", "/orders/{id}");
    world.path("id", json!("o-1"));
    world.query("dry", json!(true));
    world.header("x-trace", json!("t"));
    world.body(json!({ "amount": 1 }));
    world.reads(&[("id", json!("p-1"))]);
    world.promises(&[("id", Type::String)]);
    let provider = Provider::fixed(200, "application/json", r#"{"id":"p-2","more":[]}"#).await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(problems(&report), [""; 0]);
    assert_eq!(report.verdict, Verdict::Passed);
    let asked = &provider.asked()[0];
    assert_eq!(asked.line, "POST /orders/o-1?dry=true");
    assert_eq!(asked.body, r#"{"amount":1}"#);
    for header in [
        "x-trace: t",
        "content-type: application/json",
        "accept: */*",
    ] {
        assert!(asked.headers.iter().any(|sent| sent == header), "{asked:?}");
    }
}

#[tokio::test]
async fn what_is_read_and_not_there_fails_at_its_place() {
    let mut world = World::new("GET", "/a");
    world.reads(&[("amount", json!(1)), ("id", json!("p-1"))]);
    let found = world
        .problems(200, "application/json", json!({ "amount": "12.5" }))
        .await;
    assert_eq!(
        found,
        [
            "wrong-type $.amount: expected integer, found string \"12.5\"",
            "missing $.id: expected string, found nothing",
        ]
    );
    let found = world
        .problems(200, "text/html", json!("<h1>Oops</h1>"))
        .await;
    assert_eq!(
        found,
        ["wrong-type $: expected object, found string \"<h1>Oops</h1>\""]
    );
    let found = world.problems(200, "application/json", json!("<h1>")).await;
    assert_eq!(
        found[0],
        "not-json body: expected JSON, found expected value at line 1 column 1"
    );
    let found = world
        .problems(
            200,
            "application/json",
            json!(r#"{"id":"a","id":"b","amount":1}"#),
        )
        .await;
    assert!(
        found[0].starts_with("duplicate-key body: expected each key once"),
        "{found:?}"
    );
    let found = world.problems(500, "application/json", json!({})).await;
    assert_eq!(
        found,
        [
            "wrong-status status: expected 200, found 500",
            "undeclared-answer status: expected a declared status: 200, found 500",
        ]
    );
}

#[tokio::test]
async fn the_providers_own_promise_is_checked_though_nobody_reads_it() {
    let mut world = World::new("GET", "/a");
    world.promises(&[("id", Type::String)]);
    let media = &mut world.api_mut().operations[0].responses[0].content[0];
    media.media_type = "application/json".to_owned();
    let found = world
        .problems(200, "application/json", json!({ "id": 1 }))
        .await;
    assert_eq!(
        found,
        ["broken-promise $.id: expected string, found integer 1"]
    );
    let found = world.problems(200, "application/json", json!({})).await;
    assert_eq!(
        found,
        ["broken-promise $: expected the field \"id\", found nothing there"]
    );
    let found = world.problems(200, "text/plain", json!("x")).await;
    assert_eq!(
        found,
        [
            "undeclared-media-type header `content-type`: expected a body of application/json, found text/plain"
        ]
    );
    let found = world.problems(200, "application/json", json!("")).await;
    assert_eq!(
        found,
        ["missing body: expected a body of application/json, found no body"]
    );
    world.api_mut().operations[0].responses[0].content.clear();
    let found = world.problems(200, "application/json", json!({})).await;
    assert_eq!(
        found,
        ["unexpected-body body: expected no body, found 2 bytes"]
    );
}

#[tokio::test]
async fn a_schema_speaks_of_the_text_that_it_describes() {
    let mut world = World::new("GET", "/a");
    let api = world.api_mut();
    let schema = api.operations[0].responses[0].content[0].schema;
    api.schemas.schema_mut(schema.expect("a schema")).types = Types::only(Type::Integer);
    let found = world.problems(200, "text/plain", json!("12")).await;
    assert_eq!(found, [""; 0]);
    let found = world.problems(200, "text/plain", json!("twelve")).await;
    assert_eq!(
        found,
        ["broken-promise $: expected integer, found string \"twelve\""]
    );
    // What a document of XML holds is not what the schema describes, as far as anybody here can tell.
    let found = world.problems(200, "application/xml", json!("<a/>")).await;
    assert_eq!(found, [""; 0]);
    let provider = Provider::fixed(200, "text/plain", &b"\xff\xfe"[..]).await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(
        problems(&report),
        ["not-text body: expected text, found bytes that are no text of its charset"]
    );
}

#[tokio::test]
async fn headers_are_read_without_regard_to_case() {
    let mut world = World::new("GET", "/a");
    let mut matcher = world.matcher();
    matcher.equals = Some(world.said(json!(3)));
    let other = world.matcher();
    let headers = &mut world.interaction_mut().response.headers;
    headers.insert("X-Total".to_owned(), matcher);
    headers.insert("ETag".to_owned(), other);
    let with = |total: &'static str| {
        Provider::start(move |_| {
            let mut response = answer(200, "text/plain", "ok");
            response
                .headers_mut()
                .insert("x-total", total.parse().expect("a header"));
            std::future::ready(response)
        })
    };
    let report = world
        .replay(&with("3").await.target, &Options::default())
        .await;
    assert_eq!(
        problems(&report),
        ["missing header `etag`: expected a value, found nothing"]
    );
    let report = world
        .replay(&with("4").await.target, &Options::default())
        .await;
    assert_eq!(
        problems(&report)[0],
        "not-equal header `x-total`: expected 3, found 4"
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let mut world = World::new("GET", "/a");
    world.api_mut().operations[0].responses[0].status = StatusRange::Exactly(302);
    world.interaction_mut().response.status.value = 302;
    let provider = Provider::start(|_| {
        let mut response = answer(302, "text/plain", "elsewhere");
        let elsewhere = "http://127.0.0.1:1/b".parse().expect("a header");
        response.headers_mut().insert("location", elsewhere);
        std::future::ready(response)
    })
    .await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", problems(&report));
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn a_provider_that_is_not_there_leaves_everything_unknown() {
    let mut world = World::new("GET", "/a");
    for name in ["b", "c", "d", "e", "f"] {
        world.add(name);
    }
    let options = Options {
        concurrency: 1,
        ..Options::default()
    };
    let report = world.replay(&Provider::stopped().await, &options).await;
    assert_eq!(report.verdict, Verdict::Unknown);
    assert_eq!((report.summary.unknown, report.summary.total), (6, 6));
    for outcome in &report.interactions {
        let problem = &outcome.problems[0];
        assert_eq!(
            (problem.kind, problem.code.as_str()),
            (ProblemKind::Infrastructure, "unreachable")
        );
    }
    let last = problems(&report).pop().unwrap_or_default();
    assert!(last.contains("not tried"), "{last}");
}

#[tokio::test]
async fn interactions_run_together_and_are_reported_in_the_order_of_the_plan() {
    let mut world = World::new("GET", "/a");
    for number in 1..8 {
        world.add(&format!("number {number}"));
    }
    // Nobody is answered before four have asked, which only happens where four ask at the same time.
    let barrier = Arc::new(Barrier::new(4));
    let provider = Provider::start(move |_| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            answer(200, "text/plain", "ok")
        }
    })
    .await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", problems(&report));
    let names: Vec<&str> = report
        .interactions
        .iter()
        .map(|o| o.name.as_str())
        .collect();
    assert_eq!(names[0], "it works");
    assert_eq!(names[7], "number 7");
    assert!(names[1..].is_sorted());
}

#[tokio::test]
async fn an_interaction_with_a_state_of_its_own_runs_alone() {
    let mut world = World::new("GET", "/a");
    for number in 0..12 {
        world.add(&format!("number {number}"));
        match number % 3 {
            0 => world.given("mine", Isolation::Exclusive, &[]),
            1 => world.given("ours", Isolation::Shared, &[]),
            _ => {}
        }
    }
    let holds = Arc::new(AtomicUsize::new(0));
    let provider = Provider::start(move |asked| {
        let holds = Arc::clone(&holds);
        async move {
            let held = if asked.body.contains("mine") {
                let setup = asked.body.contains("setup");
                holds.store(usize::from(setup), Ordering::SeqCst);
                0
            } else {
                holds.load(Ordering::SeqCst)
            };
            answer(200, "application/json", format!("{{\"held\":{held}}}"))
        }
    })
    .await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", problems(&report));
    let held = report.interactions.iter().filter(|outcome| {
        let answer = outcome
            .exchange
            .as_ref()
            .and_then(|exchange| exchange.answer.as_ref());
        answer.is_some_and(|answer| answer.body.contains("\"held\":1"))
    });
    let names: Vec<&str> = held.map(|outcome| outcome.name.as_str()).collect();
    assert_eq!(names, ["number 0", "number 3", "number 6", "number 9"]);
}

#[tokio::test]
async fn only_what_the_filter_names_is_replayed() {
    let mut world = World::new("GET", "/a");
    world.add("Another one");
    let count = |filter: Filter| {
        let plan = plan(&world.workspace, &world.sources, &filter);
        assert!(
            plan.names()
                .all(|(consumer, provider, _)| (consumer, provider) == ("orders", "payments"))
        );
        plan.len()
    };
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(count(Filter::default()), 2);
    assert_eq!(
        count(Filter {
            name: named("another"),
            ..Filter::default()
        }),
        1
    );
    assert_eq!(
        count(Filter {
            consumer: named("users"),
            ..Filter::default()
        }),
        0
    );
    assert_eq!(
        count(Filter {
            operation: named("operate"),
            ..Filter::default()
        }),
        2
    );
    assert_eq!(
        count(Filter {
            provider: named("orders"),
            ..Filter::default()
        }),
        0
    );
}

#[tokio::test]
async fn what_may_not_be_sent_anything_is_refused() {
    let world = World::new("GET", "/a");
    let plan = plan(&world.workspace, &world.sources, &Filter::default());
    let target = Target::parse("http://192.0.2.1").expect("a target");
    let refused = replay(&plan, &target, &Options::default()).await;
    assert!(
        matches!(refused, Err(ReplayError::Refused(_))),
        "{refused:?}"
    );
    let loopback = Target::parse("http://127.0.0.1:9").expect("a target");
    let options = Options {
        states_url: Some("http://192.0.2.1/states".to_owned()),
        ..Options::default()
    };
    let refused = replay(&plan, &loopback, &options).await;
    assert!(
        matches!(refused, Err(ReplayError::Refused(_))),
        "{refused:?}"
    );
    let options = Options {
        headers: vec![("x-a".to_owned(), "a\r\nb".to_owned())],
        ..Options::default()
    };
    let refused = replay(&plan, &loopback, &options).await;
    assert_eq!(refused, Err(ReplayError::Header("x-a".to_owned())));
}

#[tokio::test]
async fn a_contract_that_cannot_be_replayed_fails() {
    let mut world = World::new("GET", "/a");
    world.interaction_mut().operation.value = "operatte".to_owned();
    let found = world.problems(200, "text/plain", json!("ok")).await;
    assert_eq!(
        found,
        [
            "unsendable-request call: expected an operation of the provider, found no operation `operatte`"
        ]
    );
}

#[tokio::test]
async fn all_outputs_count_alike_and_nothing_passes_for_want_of_interactions() {
    let mut world = World::new("GET", "/a");
    world.reads(&[("id", json!(1))]);
    world.add("passes");
    world.add("has no state");
    world.given("broken", Isolation::Exclusive, &[]);
    let provider = Provider::start(|asked| {
        let status = if asked.line.contains("_states") {
            500
        } else {
            200
        };
        std::future::ready(answer(status, "application/json", "{}"))
    })
    .await;
    let report = world.replay(&provider.target, &Options::default()).await;
    let summary = Summary {
        total: 3,
        passed: 1,
        failed: 1,
        unknown: 1,
    };
    assert_eq!(report.summary, summary);
    assert_eq!(report.verdict, Verdict::Failed);
    let human = world.human(&report);
    assert!(
        human.contains("3 interactions") && human.contains("1 passed, 1 failed, 1 unknown"),
        "{human}"
    );
    let junit = report::junit(&report).expect("a document");
    assert!(
        junit.contains(r#"tests="3""#)
            && junit.contains(r#"failures="1""#)
            && junit.contains(r#"errors="1""#),
        "{junit}"
    );
    let json: Value = serde_json::from_str(&report::json(&report)).expect("JSON");
    assert_eq!(
        json["summary"],
        json!({ "total": 3, "passed": 1, "failed": 1, "unknown": 1 })
    );
    assert_eq!(
        (&json["schema"], &json["verdict"]),
        (&json!(1), &json!("failed"))
    );
    assert_eq!(
        json["interactions"][0]["problems"][0]["place"]["file"],
        "orders/expects/payments.yaml"
    );
    assert_eq!(Report::merge([]).verdict, Verdict::Unknown);
    let twice = Report::merge([report.clone(), report]);
    assert_eq!((twice.summary.total, twice.targets.len()), (6, 2));
}

#[tokio::test]
async fn a_failure_shows_the_line_the_answer_and_the_command() {
    let mut world = World::new("POST", "/a");
    world.body(json!({ "note": "it's" }));
    world.reads(&[("id", json!(1))]);
    let provider = Provider::fixed(200, "application/json", r#"{"id":"p-1"}"#).await;
    let report = world.replay(&provider.target, &Options::default()).await;
    let port = provider
        .target
        .url()
        .port()
        .map(|port| port.to_string())
        .unwrap_or_default();
    let human = world.human(&report).replace(&port, "PORT");
    insta::assert_snapshot!(human);
}

#[tokio::test]
async fn the_run_ends_at_its_deadline() {
    let mut world = World::new("GET", "/a");
    world.add("another");
    let provider = Provider::fixed(200, "text/plain", "ok").await;
    let options = Options {
        deadline: Duration::ZERO,
        ..Options::default()
    };
    let report = world.replay(&provider.target, &options).await;
    assert_eq!(report.summary.unknown, 2);
    assert!(provider.asked().is_empty());
}

#[tokio::test]
async fn a_thousand_interactions_share_one_client_and_each_have_an_outcome() {
    let mut world = World::new("GET", "/a");
    world.reads(&[("id", json!(1))]);
    for number in 1..1000 {
        world.add(&format!("number {number:03}"));
        world.reads(&[("id", json!(1))]);
    }
    let provider = Provider::fixed(200, "application/json", r#"{"id":1}"#).await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(report.summary.passed, 1000);
}

#[tokio::test]
async fn a_provider_without_tls_is_no_answer_over_https() {
    let world = World::new("GET", "/a");
    let provider = Provider::fixed(200, "text/plain", "ok").await;
    let https = provider.target.to_string().replace("http:", "https:");
    let target = Target::parse(&https).expect("a target");
    let report = world.replay(&target, &Options::default()).await;
    assert_eq!(report.verdict, Verdict::Unknown);
    assert_eq!(
        report.interactions[0].problems[0].kind,
        ProblemKind::Infrastructure
    );
    assert!(provider.asked().is_empty());
}
