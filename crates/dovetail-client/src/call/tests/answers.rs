//! What becomes of answers, by status.

use serde::Deserialize;

use http::HeaderName;

use super::*;
use crate::{DecodeError, DecodeResult, FromHeaders, Headers};

#[derive(Debug, PartialEq, Deserialize)]
struct Problem {
    title: String,
}

#[derive(Debug, PartialEq)]
enum Refused {
    NotFound(Problem),
    Client(u16),
}

impl Refusal for Refused {
    fn decode(response: &Response) -> DecodeResult<Self> {
        match response.status() {
            404 => response.json().map(Self::NotFound).map(Some),
            status @ 400..=499 => Ok(Some(Self::Client(status))),
            _ => Ok(None),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("refused")
    }
}

impl std::error::Error for Refused {}

#[derive(Debug, PartialEq)]
enum Stored {
    Created(Value),
    Accepted,
}

impl Success for Stored {
    fn decode(response: &Response) -> DecodeResult<Self> {
        match response.status() {
            201 => response.json().map(Self::Created).map(Some),
            202 => Ok(Some(Self::Accepted)),
            _ => Ok(None),
        }
    }
}

async fn store(step: Step) -> Result<Stored, Error<Refused>> {
    client(&Script::new([step]))
        .call(&CREATE)
        .json("x")
        .send()
        .await
}

#[tokio::test(start_paused = true)]
async fn answers_are_told_apart_by_status_and_never_by_shape() {
    assert_eq!(
        store(Step::json(201, "{}")).await.unwrap(),
        Stored::Created(json!({}))
    );
    assert_eq!(store(Step::status(202)).await.unwrap(), Stored::Accepted);
    let error = store(Step::json(404, r#"{"title":"gone"}"#))
        .await
        .unwrap_err();
    assert_eq!(
        error.refusal(),
        Some(&Refused::NotFound(Problem {
            title: "gone".into()
        }))
    );
    assert_eq!(error.to_string(), "create was refused with status 404");
    let error = store(Step::json(429, r#"{"title":"gone"}"#).header("retry-after", "3"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.refusal(), error.retry_after()),
        (Some(&Refused::Client(429)), Some(MS(3_000)))
    );
    let error = store(Step::json(200, r#"{"title":"gone"}"#))
        .await
        .unwrap_err();
    assert!(
        matches!(error.failure().unwrap().kind(), FailureKind::Unexpected(unexpected) if unexpected.status == 200)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_not_what_the_contract_says_keeps_its_status() {
    let error = store(Step::json(404, r#"{"title":7}"#)).await.unwrap_err();
    assert_eq!((error.status(), error.refusal()), (Some(404), None));
    let FailureKind::Decode { source, .. } = error.failure().unwrap().kind() else {
        panic!("{error:?}")
    };
    assert_eq!(source.path(), "title");
    assert_eq!(
        error.to_string(),
        "create failed: the answer with status 404 is not what the contract says"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unexpected_answer_is_shown_in_part() {
    let step = Step::json(500, "é".repeat(2_000))
        .header("set-cookie", "secret=1")
        .header("x-request-id", "r-1");
    let error = store(step).await.unwrap_err();
    let FailureKind::Unexpected(unexpected) = error.failure().unwrap().kind() else {
        panic!("{error:?}")
    };
    assert_eq!(
        unexpected
            .headers
            .keys()
            .map(HeaderName::as_str)
            .collect::<Vec<_>>(),
        ["content-type", "x-request-id"]
    );
    assert!(unexpected.excerpt.len() < 1_100 && unexpected.excerpt.ends_with('…'));
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_taken_as_it_is() {
    let script = Script::new([Step::json(418, "tea"), Step::json(200, "\"x\"")]);
    let http = client(&script);
    let response = http.call(&CREATE).send_raw().await.unwrap();
    assert_eq!(
        (response.status(), &response.body()[..]),
        (418, &b"tea"[..])
    );
    assert_eq!(
        http.call(&CREATE).send_text::<Undeclared>().await.unwrap(),
        "\"x\""
    );
    let decode: fn(&Response) -> Result<String, DecodeError> = Response::json;
    assert!(decode(&response).is_err());
}

#[derive(Debug, PartialEq)]
struct Page {
    rest: u32,
}

impl FromHeaders for Page {
    fn from_headers(headers: &Headers<'_>) -> Result<Self, DecodeError> {
        let rest = headers.required("x-rest")?;
        Ok(Self { rest })
    }
}

#[tokio::test(start_paused = true)]
async fn headers_come_beside_the_body_whichever_way_a_call_is_sent() {
    let step = Step::json(200, "[1]").header("x-rest", "7");
    let script = Script::always(step);
    let http = client(&script);
    let call = || http.call(&CREATE).with_headers::<Page>();
    let json = call().send_json::<Vec<u8>, Undeclared>().await.unwrap();
    assert_eq!((json.len(), &json.headers), (1, &Page { rest: 7 }));
    assert_eq!(json.into_body(), [1]);
    let text = call().send_text::<Undeclared>().await.unwrap();
    let bytes = call().send_bytes::<Undeclared>().await.unwrap();
    let nothing = call().send_empty::<Undeclared>().await.unwrap();
    let rests = [text.headers.rest, bytes.headers.rest, nothing.headers.rest];
    assert_eq!((&**text, &bytes[..], rests), ("[1]", &b"[1]"[..], [7; 3]));
    let stream = call().send_stream::<Undeclared>().await.unwrap();
    assert_eq!(stream.headers.rest, 7);
    assert_eq!(stream.into_body().collect_bytes(9).await.unwrap(), "[1]");
    let mut lines = call().send_lines::<Value, Undeclared>().await.unwrap();
    assert_eq!(
        (
            lines.headers.rest,
            lines.body.next().await.unwrap().unwrap()
        ),
        (7, json!([1]))
    );
    let script = Script::always(Step::events("data: 1\n\n").header("x-rest", "7"));
    let http = client(&script);
    let call = || http.call(&CREATE).with_headers::<Page>();
    let mut events = call().send_events::<u8, Undeclared>().await.unwrap();
    assert_eq!(
        (
            events.headers.rest,
            events.body.next().await.unwrap().unwrap().data
        ),
        (7, 1)
    );
    let events = call().send_text_events::<Undeclared>().await.unwrap();
    assert_eq!(events.headers.rest, 7);
}

#[tokio::test(start_paused = true)]
async fn a_header_that_is_not_what_the_contract_says_is_told_by_its_name() {
    let script = Script::always(Step::json(200, "[1]").header("x-rest", "many"));
    let http = client(&script);
    let call = || http.call(&CREATE).with_headers::<Page>();
    let json = call().send_json::<Value, Undeclared>().await.unwrap_err();
    let stream = call().send_stream::<Undeclared>().await.unwrap_err();
    for error in [json, stream] {
        let FailureKind::Decode { status, source } = error.failure().unwrap().kind() else {
            panic!("{error:?}")
        };
        assert_eq!((*status, source.path()), (200, "header x-rest"));
    }
    let refusing = client(&Script::always(Step::json(404, r#"{"title":"none"}"#)));
    let call = refusing.call(&CREATE).with_headers::<Page>();
    let error = call.send_json::<Value, Refused>().await.unwrap_err();
    assert!(
        error.refusal().is_some(),
        "a refusal has headers of its own"
    );
}
