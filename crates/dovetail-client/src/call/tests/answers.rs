//! What becomes of answers, by status.

use serde::Deserialize;

use http::HeaderName;

use super::*;
use crate::{DecodeError, DecodeResult};

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
