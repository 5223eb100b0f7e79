//! What becomes of bodies.

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Order {
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Item {
    price: u32,
}

fn response(content_type: &'static str, body: &'static str) -> Response {
    let content_type = HeaderValue::from_static(content_type);
    Response::new(200)
        .with_header(http::header::CONTENT_TYPE, content_type)
        .with_body(body)
}

#[test]
fn an_error_names_the_place_in_the_body() {
    let error = response(
        "application/json",
        r#"{"items":[{"price":1},{"price":"x"}]}"#,
    )
    .json::<Order>()
    .unwrap_err();
    assert_eq!(error.path(), "items[1].price");
    assert!(error.message().contains("invalid type: string"), "{error}");
    let error = response("application/json", r#"{"items":[]} x"#)
        .json::<Order>()
        .unwrap_err();
    assert_eq!(error.path(), ".");
    assert!(error.message().contains("trailing"), "{error}");
}

#[test]
fn json_is_what_calls_itself_so_or_nothing() {
    let body = r#"{"items":[]}"#;
    for content_type in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/problem+json",
        "text/json",
    ] {
        assert!(
            response(content_type, body).json::<Order>().is_ok(),
            "{content_type}"
        );
    }
    assert!(Response::new(200).with_body(body).json::<Order>().is_ok());
    let error = response("text/html; charset=utf-8", body)
        .json::<Order>()
        .unwrap_err();
    assert_eq!(error.message(), "the body is text/html instead of JSON");
}

#[test]
fn text_must_be_utf8() {
    assert_eq!(response("text/plain", "grüß").text().unwrap(), "grüß");
    let error = Response::new(200)
        .with_body(&b"ab\xff"[..])
        .text()
        .unwrap_err();
    assert_eq!(error.message(), "the body is not UTF-8 from byte 2 on");
}
