//! Bodies that are more than one document: how they are sent, and how often.

use std::io;

use futures::stream;

use super::*;
use crate::multipart::{FilePart, Form};

fn streamed() -> Body {
    Body::stream(stream::iter(
        ["ab", "cd"].map(|piece| Ok(Bytes::from(piece))),
    ))
}

#[tokio::test(start_paused = true)]
async fn a_streamed_body_is_sent_once_at_most_whatever_the_operation() {
    const PUT: Operation = Operation::new(&SERVICE, "create", Method::Put, "/orders", POLICY);
    for (steps, sent, is_ok) in [
        (vec![ok()], 1, true),
        (vec![Step::refuse(), Step::refuse(), ok()], 3, true),
        (vec![Step::refuse(), Step::reset(), ok()], 2, false),
        (vec![Step::status(503), ok()], 1, false),
        (vec![Step::reset(), ok()], 1, false),
        // It may have taken a part.
        (vec![Step::not_processed(), ok()], 1, false),
    ] {
        for operation in [&PUT, &KEYED] {
            let script = Script::new(steps.clone());
            let http = client(&script);
            let call = http.call(operation).bytes("text/csv", streamed());
            let result = call.send_empty::<Undeclared>().await;
            assert_eq!(result.is_ok(), is_ok, "{result:?}");
            let hits = script.hits();
            assert_eq!((hits.len(), hits[sent - 1].body()), (sent, &b"abcd"[..]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_is_not_held_against_the_service() {
    let broken = || {
        let pieces = [Ok(Bytes::from("ab")), Err(io::Error::other("no such disk"))];
        Body::stream(stream::iter(pieces))
    };
    let too_short = || streamed().with_length(5);
    for body in [broken(), too_short()] {
        let script = Script::always(ok());
        let http = client(&script);
        let call = http.call(&KEYED).bytes("text/csv", body);
        let error = call.send_empty::<Undeclared>().await.unwrap_err();
        let failure = error.failure().unwrap();
        assert!(
            matches!(failure.kind(), FailureKind::RequestBody(_)),
            "{failure:?}"
        );
        assert!(!failure.is_retryable());
        let recorded = http.breaker(&KEYED).unwrap().snapshot();
        assert_eq!((recorded.total, recorded.failures), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_is_sent_again_as_it_was_unless_it_holds_a_stream() {
    for (content, sent) in [(Body::from("abcd"), 2), (streamed(), 1)] {
        let script = Script::new([Step::status(503), ok()]);
        let http = client(&script);
        let form = Form::new().file("f", &FilePart::new(content));
        let _ = http
            .call(&KEYED)
            .multipart(form)
            .send_empty::<Undeclared>()
            .await;
        let hits = script.hits();
        assert_eq!(hits.len(), sent);
        for hit in &hits {
            assert_eq!(hit.body(), hits[0].body());
            assert_eq!(hit.header("content-type"), hits[0].header("content-type"));
        }
        let (_, boundary) = hits[0]
            .header("content-type")
            .unwrap()
            .split_once("boundary=")
            .unwrap();
        assert!(
            hits[0]
                .body()
                .starts_with(format!("--{boundary}\r\n").as_bytes())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_that_cannot_be_written_is_not_sent() {
    let script = Script::always(ok());
    let http = client(&script);
    let file = FilePart::new("").of_type("a\r\nb");
    let call = http.call(&CREATE).multipart(Form::new().file("f", &file));
    let error = call.send_empty::<Undeclared>().await.unwrap_err();
    let kind = error.failure().unwrap().kind();
    assert!(matches!(kind, FailureKind::InvalidRequest(_)), "{kind:?}");
    assert!(script.hits().is_empty());
}

#[tokio::test(start_paused = true)]
async fn documents_are_sent_one_on_each_line() {
    let script = Script::always(ok());
    let http = client(&script);
    let call = http
        .call(&CREATE)
        .json_lines([json!({"a": "x\ny"}), json!(2)]);
    call.send_empty::<Undeclared>().await.unwrap();
    let hits = script.hits();
    assert_eq!(hits[0].body(), b"{\"a\":\"x\\ny\"}\n2\n");
    assert_eq!(hits[0].header("content-type"), Some("application/x-ndjson"));
}
