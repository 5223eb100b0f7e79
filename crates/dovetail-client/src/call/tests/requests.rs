//! What requests are made of.

use super::*;

#[tokio::test(start_paused = true)]
async fn every_kind_of_body_and_parameter_arrives() {
    const EVERYTHING: Operation = Operation::new(
        &SERVICE,
        "create",
        Method::Post,
        "/a/{x}/b{y}",
        Policy::new(Duration::from_secs(1)),
    );
    let script = Script::always(Step::status(204));
    let http = client(&script);
    let call = || http.call(&EVERYTHING).path("y", &7).path("x", "a b/ü");
    let form = call()
        .query("q", &["1", "2"])
        .query("none", &None::<u8>)
        .parameter(
            &Parameter::query("j").style(Style::Json),
            &json!({"k": [1.50]}),
        )
        .header("x-tenant", "t 1")
        .parameter(
            &Parameter::header("x-json").style(Style::Json),
            &json!({"ü": "a\"🦀"}),
        )
        .cookie("a", "1;2")
        .cookie("b", &true)
        .form(&json!({"k": "v w", "l": [1, 2]}), &[]);
    form.send_empty::<Undeclared>().await.unwrap();
    call()
        .text("grüß")
        .send_empty::<Undeclared>()
        .await
        .unwrap();
    call()
        .bytes("image/png", vec![1, 2])
        .accept("image/png")
        .send_bytes::<Undeclared>()
        .await
        .unwrap();
    let hits = script.hits();
    let url = "http://orders/v1/a/a%20b%2F%C3%BC/b7?q=1&q=2&j=%7B%22k%22%3A%5B1.5%5D%7D";
    assert_eq!(hits[0].request.url.as_str(), url);
    assert_eq!(hits[0].header("x-tenant"), Some("t 1"));
    let json = r#"{"\u00fc":"a\"\ud83e\udd80"}"#;
    assert_eq!(hits[0].header("x-json"), Some(json));
    assert_eq!(hits[0].header("cookie"), Some("a=1%3B2; b=true"));
    let bodies: Vec<_> = hits
        .iter()
        .map(|hit| {
            (
                hit.header("content-type").unwrap(),
                Bytes::copy_from_slice(hit.body()),
            )
        })
        .collect();
    assert_eq!(
        bodies[0],
        (
            "application/x-www-form-urlencoded",
            Bytes::from("k=v%20w&l=1&l=2")
        )
    );
    assert_eq!(
        bodies[1],
        ("text/plain; charset=utf-8", Bytes::from("grüß"))
    );
    assert_eq!(bodies[2], ("image/png", Bytes::from(vec![1, 2])));
    assert_eq!(hits[2].header("accept"), Some("image/png"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_an_error_before_anything_is() {
    let script = Script::always(Step::status(204));
    let http = client(&script);
    let rows = [
        (http.call(&GET), InvalidRequest::EmptyPath("id".into())),
        (
            http.call(&GET).path("id", ""),
            InvalidRequest::EmptyPath("id".into()),
        ),
        (
            http.call(&GET).path("id", &None::<u8>),
            InvalidRequest::EmptyPath("id".into()),
        ),
        (http.call(&GET).path("id", ".."), InvalidRequest::DotSegment),
        (http.call(&GET).path("id", "."), InvalidRequest::DotSegment),
        (
            http.call(&CREATE).header("x-a", "b\r\nx-c: d"),
            InvalidRequest::Header("x-a".into()),
        ),
        (
            http.call(&KEYED).idempotency_key(" "),
            InvalidRequest::EmptyKey("idempotency-key".into()),
        ),
        (
            http.call(&KEYED).header("Idempotency-Key", ""),
            InvalidRequest::EmptyKey("idempotency-key".into()),
        ),
        (
            http.call(&CREATE).bytes("a\nb", ""),
            InvalidRequest::Header("content-type".into()),
        ),
        (
            http.call(&CREATE).query("q", &json!([[1]])),
            InvalidRequest::Nested("q".into()),
        ),
    ];
    for (call, expected) in rows {
        let error = call.send_empty::<Undeclared>().await.unwrap_err();
        let FailureKind::InvalidRequest(problem) = error.failure().unwrap().kind() else {
            panic!("{error:?}")
        };
        assert_eq!(*problem, expected);
        assert!(!error.is_retryable());
    }
    let unserialisable = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = http
        .call(&CREATE)
        .json(&unserialisable)
        .send_empty::<Undeclared>()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("the request cannot be sent"),
        "{error}"
    );
    assert!(script.hits().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_may_be_left_out_is_sent_where_there_is_one() {
    let script = Script::always(Step::status(204));
    let http = client(&script);
    for body in [Some("x"), None] {
        let call = http.call(&CREATE).with(body, Call::json);
        call.send_empty::<Undeclared>().await.unwrap();
    }
    let hits = script.hits();
    let sent = |hit: &Hit| {
        (
            hit.header("content-type").map(str::to_owned),
            Bytes::copy_from_slice(hit.body()),
        )
    };
    assert_eq!(
        sent(&hits[0]),
        (Some("application/json".to_owned()), Bytes::from("\"x\""))
    );
    assert_eq!(sent(&hits[1]), (None, Bytes::new()));
}
