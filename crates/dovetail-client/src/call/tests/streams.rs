//! Bodies that are streams: how often they are sent.

use std::io;

use futures::stream;

use super::*;

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
