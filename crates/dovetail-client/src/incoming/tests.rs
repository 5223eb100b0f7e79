//! What becomes of requests that are as the contract says, and of those that are not.

use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

const ROUTES: &[Route] = &[
    Route::new("paid", "POST"),
    Route::new("paid", "PUT"),
    Route::new("lost", "DELETE"),
];

#[derive(Debug, Deserialize)]
struct Order {
    #[expect(dead_code, reason = "only what is wrong with it counts")]
    lines: Vec<u8>,
}

fn shown(reply: &Reply) -> Value {
    assert_eq!(
        reply.headers().get(header::CONTENT_TYPE).unwrap(),
        "application/problem+json"
    );
    serde_json::from_slice(reply.body()).unwrap()
}

fn typed(media_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))])
}

#[test]
fn a_request_is_found_by_name_and_method() {
    for (method, name, expected) in [
        ("POST", "paid", Ok(0)),
        ("PUT", "paid", Ok(1)),
        ("DELETE", "lost", Ok(2)),
        ("GET", "paid", Err((405, Some("POST, PUT")))),
        ("post", "paid", Err((405, Some("POST, PUT")))),
        ("POST", "found", Err((404, None))),
        ("POST", "", Err((404, None))),
    ] {
        let found = Incoming::new(method, name).route(ROUTES);
        let found = found.as_ref().map(|place| *place).map_err(|reply| {
            let allowed = reply.headers().get(header::ALLOW);
            assert_eq!(shown(reply)["status"], reply.status());
            (
                reply.status(),
                allowed.and_then(|value| value.to_str().ok()),
            )
        });
        assert_eq!(found, expected, "{method} {name}");
    }
}

#[test]
fn a_body_has_a_bound_that_can_be_set() {
    let incoming = Incoming::new("POST", "paid").body(vec![b' '; BODY_MAX + 1]);
    assert_eq!(incoming.route(ROUTES).unwrap_err().status(), 413);
    assert!(
        incoming
            .clone()
            .body_max(BODY_MAX + 1)
            .route(ROUTES)
            .is_ok()
    );
    let incoming = incoming.body("12345").body_max(4);
    let reply = incoming.route(ROUTES).unwrap_err();
    assert_eq!(shown(&reply)["detail"], "the body is longer than 4 bytes");
}

#[test]
fn what_does_not_decode_is_refused_with_its_place() {
    let read = |incoming: &Incoming| incoming.json::<Order>().unwrap_err();
    for (body, path) in [
        (r#"{"lines":[1,300]}"#, "lines[1]"),
        (r#"{"lines":{}}"#, "lines"),
        ("{}", "."),
        ("", "."),
        (r#"{"lines":[]} x"#, "."),
    ] {
        let reply = read(&Incoming::new("POST", "paid").body(body));
        assert_eq!(reply.status(), 400, "{body}");
        assert_eq!(shown(&reply)["path"], path, "{body}");
    }
    let form = Incoming::new("POST", "paid").headers(typed("text/plain"));
    assert_eq!(read(&form.body(r#"{"lines":[]}"#)).status(), 400);
}

#[test]
fn a_body_that_may_be_left_out_is_read_where_it_is_there() {
    let incoming = Incoming::new("POST", "paid").headers(typed("Application/Vnd.x+JSON; a=b"));
    assert_eq!(incoming.optional_json::<Value>().unwrap(), None);
    let incoming = incoming.body("[1]");
    assert_eq!(incoming.optional_json::<Value>().unwrap(), Some(json!([1])));
    assert!(incoming.body("[1").optional_json::<Value>().is_err());
}

#[test]
fn parameters_are_read_by_their_type() {
    let mut headers = HeaderMap::new();
    headers.insert("x-try", HeaderValue::from_static("3"));
    let incoming = Incoming::new("POST", "paid")
        .query("at=5&name=a%20b+c&at=6&flag=true&text=7")
        .headers(headers);
    assert_eq!(incoming.parameter::<u8>("at").unwrap(), 5);
    assert_eq!(incoming.parameter::<String>("name").unwrap(), "a b c");
    assert_eq!(incoming.parameter::<String>("text").unwrap(), "7");
    assert_eq!(
        incoming.optional_parameter::<bool>("flag").unwrap(),
        Some(true)
    );
    assert_eq!(incoming.optional_parameter::<bool>("none").unwrap(), None);
    assert_eq!(incoming.header::<u8>("x-try").unwrap(), 3);
    assert_eq!(incoming.optional_header::<u8>("x-none").unwrap(), None);
    for (refused, path) in [
        (
            incoming.parameter::<u8>("name").unwrap_err(),
            "query parameter name",
        ),
        (
            incoming.parameter::<u8>("none").unwrap_err(),
            "query parameter none",
        ),
        (
            incoming.header::<bool>("x-try").unwrap_err(),
            "header x-try",
        ),
        (
            incoming.header::<u8>("x-none").unwrap_err(),
            "header x-none",
        ),
    ] {
        assert_eq!(refused.status(), 400);
        assert_eq!(shown(&refused)["path"], path);
    }
}

#[test]
fn forms_and_texts_are_taken_as_they_are() {
    let incoming = Incoming::new("POST", "paid").body("a=1&b=%C3%A4&a=2");
    let fields = incoming.form().unwrap();
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(fields, [("a", "1"), ("b", "ä"), ("a", "2")]);
    assert!(
        incoming
            .clone()
            .body("a&".repeat(FIELDS_MAX + 1))
            .form()
            .is_err()
    );
    assert_eq!(incoming.text().unwrap(), "a=1&b=%C3%A4&a=2");
    assert!(incoming.body(&b"\xff"[..]).text().is_err());
}

#[test]
fn a_reply_is_always_one_that_can_be_sent() {
    assert_eq!(Reply::status_only(204).status(), 204);
    assert_eq!(Reply::status_only(0).status(), 500);
    assert_eq!(Reply::status_only(999).status(), 500);
    assert!(Reply::bytes(200, "a\nb", "x").headers().is_empty());
    let unwritable = std::collections::HashMap::from([([1], 1)]);
    assert_eq!(Reply::json(200, &unwritable).status(), 500);
    assert_eq!(Reply::json(201, &[1]).body().as_ref(), b"[1]");
}

#[test]
fn nothing_of_a_body_or_a_query_is_shown() {
    let incoming = Incoming::new("POST", "paid")
        .query("secret=1")
        .body("secret");
    let reply = Reply::bytes(200, "text/plain", "secret");
    assert!(!format!("{incoming:?} {reply:?}").contains("secret"));
}
