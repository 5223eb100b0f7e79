//! Types that lead back to themselves: they are read and written, and hostile depth is an error.

use dovetail_client::testing::Step;
use serde_json::{Value, json};
use trees_client::Client;
use trees_client::types::{Expression, Forest};

use super::{round_trip, run, said, scripted};

#[test]
fn types_that_lead_back_to_themselves_travel_both_ways() {
    // The chain is longer than readers of JSON go.
    let mut chain = json!({});
    for _ in 1..100 {
        chain = json!({ "next": chain });
    }
    let rows = [
        json!({ "node": { "name": "a", "next": { "name": "b", "other": null }, "other": { "name": "c" } } }),
        json!({ "ping": { "n": 1, "pong": { "ping": { "n": 2, "pong": { "ping": { "n": 3 }, "note": "x" } } } } }),
        json!({ "list": { "items": [{ "items": [] }, { "items": [{ "items": [] }] }] } }),
        json!({ "map": { "by_name": { "a": {}, "b": { "by_name": { "c": {} } } } } }),
        json!({ "nested": [[], [[], [[]]]] }),
        json!({ "folder": { "a": {}, "b": { "c": { "d": {} } } } }),
        json!({ "expression": { "left": 1, "right": { "minus": { "left": { "minus": 2 }, "right": 3 } } } }),
        json!({ "expression": { "left": { "power": [1, 2] }, "right": 1 } }),
        json!({ "heir": { "id": "1", "extra": "e", "child": { "id": "2" }, "sibling": { "id": "3", "child": { "id": "4" } } } }),
        json!({ "alias": { "again": { "many": [{}, { "again": {} }] } } }),
        json!({ "ring": { "b": { "c": { "a": { "b": {} }, "tail": [{ "c": {} }] } } } }),
        json!({ "deep": chain }),
    ];
    for row in rows {
        let (client, script) =
            scripted::<Client>(Client::builder(), [Step::json(200, row.to_string())]);
        let sent: Forest = serde_json::from_value(row.clone()).unwrap();
        let came = run(client.replant(&sent)).unwrap();
        assert_eq!(came, sent);
        let body: Value = serde_json::from_slice(script.hits()[0].body()).unwrap();
        assert_eq!(body, row);
    }
}

#[test]
fn calls_with_long_chains_of_types_move_between_threads() {
    fn can_move(_: &impl Send) {}
    let (client, _) = scripted::<Client>(Client::builder(), [Step::json(200, "{}")]);
    let forest: Forest = serde_json::from_str("{}").unwrap();
    let call = client.replant(&forest);
    can_move(&call);
    run(call).unwrap();
}

#[test]
fn depth_without_end_is_an_error_and_no_crash() {
    const DEPTH: usize = 100_000;
    let rows = [
        (r#"{"node":"#, r#"{"name":"a","next":"#),
        (r#"{"list":"#, r#"{"items":["#),
        (r#"{"map":"#, r#"{"by_name":{"a":"#),
        (r#"{"nested":"#, "["),
        (r#"{"folder":"#, r#"{"a":"#),
        (r#"{"expression":"#, r#"{"minus":"#),
        (r#"{"expression":"#, r#"{"right":1,"left":"#),
        (r#"{"unnamed":"#, "["),
    ];
    for (head, level) in rows {
        let body = format!("{head}{}", level.repeat(DEPTH));
        let (client, _) = scripted::<Client>(Client::builder(), [Step::json(200, body)]);
        let forest: Forest = serde_json::from_str("{}").unwrap();
        let error = run(client.replant(&forest)).unwrap_err();
        assert_eq!(error.status(), Some(200), "{}", said(&error));
    }
    // As deep as readers of JSON go is not too deep.
    let json = format!("{}1{}", r#"{"minus":"#.repeat(60), "}".repeat(60));
    assert_eq!(round_trip::<Expression>(&json).unwrap(), json);
}
