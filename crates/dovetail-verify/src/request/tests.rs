//! Requests as they go on the wire, for every style and place of a parameter.

use super::*;
use crate::tests::build;
use serde_json::json;

fn prepared(path: &str, change: impl FnOnce(&mut build::World)) -> Result<Prepared, String> {
    let mut world = build::World::new("POST", path);
    change(&mut world);
    let target = Target::parse("http://127.0.0.1:8080/base").expect("a target");
    let values = [("id".to_owned(), json!(7))].into_iter().collect();
    prepare(&target, world.operation(), world.interaction(), &values).map_err(|e| e.reason)
}

#[test]
fn values_cannot_leave_their_part_of_the_path() {
    let sent = |value: Value| {
        let prepared = prepared("/orders/{id}/items", |world| world.path("id", value));
        prepared.map(|request| request.url.to_string())
    };
    let base = "http://127.0.0.1:8080/base/orders";
    let rows = [
        (json!("a"), "a"),
        (json!("${id}"), "7"),
        (json!("o-${id}"), "o-7"),
        (json!("a/b"), "a%2Fb"),
        (json!("../../admin"), "..%2F..%2Fadmin"),
        (json!("%2F"), "%252F"),
        (json!("?a=b#c"), "%3Fa%3Db%23c"),
        (json!("a\r\nb"), "a%0D%0Ab"),
        (json!("@evil.example"), "%40evil.example"),
        (json!("ü"), "%C3%BC"),
    ];
    for (value, segment) in rows {
        assert_eq!(
            sent(value.clone()),
            Ok(format!("{base}/{segment}/items")),
            "{value}"
        );
    }
    for value in ["..", "."] {
        let refused = sent(json!(value)).expect_err("another path");
        assert!(refused.contains("another path"), "{refused}");
    }
    let refused = sent(json!("")).expect_err("another path");
    assert!(refused.contains("is empty"), "{refused}");
    let refused = sent(json!("${other}")).expect_err("unset");
    assert_eq!(refused, "no state returned `other`");
    let missing = prepared("/orders/{id}", |_| {}).expect_err("missing");
    assert_eq!(missing, "the path needs a value for `id`");
}

#[test]
fn headers_cannot_be_split() {
    let refused = prepared("/a", |world| world.header("x-a", json!("a\r\nx-b: c")));
    assert_eq!(
        refused.expect_err("refused"),
        "the header `x-a` holds what a header cannot"
    );
    let sent = prepared("/a", |world| {
        world.header("X-List", json!(["a", 1]));
        world.cookie("session", json!("a; b=c"));
    });
    let headers: Vec<String> = sent
        .expect("sendable")
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
        .collect();
    assert_eq!(
        headers,
        ["x-list: a,1", "cookie: session=a%3B%20b%3Dc", "accept: */*"]
    );
}

#[test]
fn bodies_are_written_as_their_media_type() {
    let sent = |media_type: &str, body: Value| {
        prepared("/a", |world| {
            world.body(body);
            world.content_type(media_type);
        })
        .map(|request| String::from_utf8(request.body.expect("a body")).expect("text"))
    };
    let rows = [
        ("application/json", json!({ "a": "${id}" }), "{\"a\":7}"),
        (
            "application/problem+json; charset=utf-8",
            json!("x"),
            "\"x\"",
        ),
        (
            "application/x-www-form-urlencoded",
            json!({ "a": ["b c", 2] }),
            "a=b%20c&a=2",
        ),
        (
            "application/x-www-form-urlencoded",
            json!({ "a": { "b": 1 }, "c": null }),
            "a=%7B%22b%22%3A1%7D",
        ),
        ("text/plain", json!("plain"), "plain"),
        ("text/plain", json!(1), "1"),
        ("application/xml", json!("<a/>"), "<a/>"),
    ];
    for (media_type, body, text) in rows {
        assert_eq!(sent(media_type, body), Ok(text.to_owned()), "{media_type}");
    }
    assert!(sent("multipart/form-data", json!({})).is_err());
    assert!(sent("application/x-www-form-urlencoded", json!([])).is_err());
}

#[test]
fn the_query_is_encoded_and_kept() {
    let sent = prepared("/a", |world| {
        world.query("q", json!("a&b=c#d"));
        world.query("list", json!([1, 2]));
    });
    let url = sent.expect("sendable").url;
    assert_eq!(
        url.as_str(),
        "http://127.0.0.1:8080/base/a?q=a%26b%3Dc%23d&list=1&list=2"
    );
}
