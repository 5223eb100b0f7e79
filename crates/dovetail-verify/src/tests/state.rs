//! States: what they return, that they are taken down, and what follows where they fail.

use super::*;

/// Answers states with `returned`, and everything else with `status`.
async fn provider(state_status: u16, returned: &'static str, status: u16) -> Provider {
    Provider::start(move |asked| {
        let is_state = asked.line.ends_with("/_states");
        let (status, body) = if is_state {
            (state_status, returned)
        } else {
            (status, "{}")
        };
        std::future::ready(answer(status, "application/json", body))
    })
    .await
}

#[tokio::test]
async fn what_a_state_returns_is_sent_and_read() {
    let mut world = World::new("POST", "/orders/{id}");
    world.given("an order", Isolation::Shared, &["order_id"]);
    world.path("id", json!("${order_id}"));
    world.body(json!({ "id": "${order_id}", "text": "order ${order_id}" }));
    let mut body = world.matcher();
    body.equals = Some(world.said(json!({})));
    world.interaction_mut().response.body = Some(body);
    let provider = provider(200, r#"{"order_id": 42}"#, 200).await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(problems(&report), [""; 0]);
    assert_eq!(
        provider.lines(),
        [
            r#"POST /_states {"action":"setup","params":{},"state":"an order"}"#,
            r#"POST /orders/42 {"id":42,"text":"order 42"}"#,
            r#"POST /_states {"action":"teardown","params":{},"state":"an order"}"#,
        ]
    );
}

#[tokio::test]
async fn states_are_taken_down_in_reverse_though_the_interaction_fails() {
    let mut world = World::new("GET", "/a");
    world.given("one", Isolation::Exclusive, &[]);
    world.given("two", Isolation::Exclusive, &[]);
    let provider = provider(204, "", 500).await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(report.verdict, Verdict::Failed);
    let steps: Vec<String> = provider
        .lines()
        .iter()
        .map(|line| line.replace(r#","params":{},"state""#, ""))
        .collect();
    assert_eq!(
        steps,
        [
            r#"POST /_states {"action":"setup":"one"}"#,
            r#"POST /_states {"action":"setup":"two"}"#,
            "GET /a ",
            r#"POST /_states {"action":"teardown":"two"}"#,
            r#"POST /_states {"action":"teardown":"one"}"#,
        ]
    );
}

#[tokio::test]
async fn a_state_that_fails_leaves_the_interaction_unknown_and_unsent() {
    let rows = [
        (
            500,
            "{}",
            "expected a status of 200 to 299, found status 500",
        ),
        (
            200,
            "{}",
            "expected the value `id`, found an answer without it",
        ),
        (
            200,
            "[]",
            "expected a JSON object of values, found it is JSON of another kind",
        ),
        (
            200,
            "<html>",
            "expected a JSON object of values, found expected value at line 1 column 1",
        ),
    ];
    for (status, returned, reason) in rows {
        let mut world = World::new("GET", "/a");
        world.given("an order", Isolation::Shared, &["id"]);
        let provider = provider(status, returned, 200).await;
        let report = world.replay(&provider.target, &Options::default()).await;
        assert_eq!(report.verdict, Verdict::Unknown);
        let found = problems(&report);
        assert_eq!(
            found[0],
            format!("state-set-up setup of state `an order`: {reason}")
        );
        let lines = provider.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].contains("teardown"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_state_without_an_endpoint_is_never_skipped() {
    let mut world = World::new("GET", "/a");
    world.given("an order", Isolation::Shared, &[]);
    world.api_mut().states.path = None;
    let provider = provider(200, "{}", 200).await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(report.verdict, Verdict::Unknown);
    assert!(provider.asked().is_empty());

    // An address given for this run takes the place of the declared path.
    let options = Options {
        states_url: Some(format!("{}/_states", provider.target)),
        ..Options::default()
    };
    let report = world.replay(&provider.target, &options).await;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", problems(&report));
}

#[tokio::test]
async fn a_state_that_is_not_taken_down_leaves_the_interaction_unknown() {
    let mut world = World::new("GET", "/a");
    world.given("an order", Isolation::Exclusive, &[]);
    let provider = Provider::start(|asked| {
        let status = if asked.body.contains("teardown") {
            500
        } else {
            200
        };
        std::future::ready(answer(status, "application/json", "{}"))
    })
    .await;
    let report = world.replay(&provider.target, &Options::default()).await;
    assert_eq!(report.verdict, Verdict::Unknown);
    let found = problems(&report);
    assert_eq!(
        found,
        [
            "state-teardown teardown of state `an order`: expected a status of 200 to 299, found status 500"
        ]
    );
}

#[tokio::test]
async fn a_state_that_the_provider_never_heard_of_is_not_taken_down() {
    let mut world = World::new("GET", "/a");
    world.given("an order", Isolation::Exclusive, &[]);
    let report = world
        .replay(&Provider::stopped().await, &Options::default())
        .await;
    assert_eq!(report.verdict, Verdict::Unknown);
    assert_eq!(problems(&report).len(), 1, "{:?}", problems(&report));
}
