//! Where credentials go, and where they never appear.

use std::time::Duration;

use super::*;
use crate::{
    Http, Method, Service, Undeclared,
    policy::Policy,
    testing::{Script, Step},
};

const SERVICE: Service = Service::new("orders", &["read"]);
const BEARER: SecurityScheme = SecurityScheme::bearer("token");
const BASIC: SecurityScheme = SecurityScheme::basic("login");
const HEADER: SecurityScheme = SecurityScheme::header_key("key", "x-api-key");
const QUERY: SecurityScheme = SecurityScheme::query_key("query", "api key");
const COOKIE: SecurityScheme = SecurityScheme::cookie_key("cookie", "session");

const OPEN: Operation = Operation::new(
    &SERVICE,
    "read",
    Method::Get,
    "/",
    Policy::new(Duration::from_secs(1)),
);
const ALTERNATIVES: Operation = OPEN.security(&[&[BEARER], &[HEADER, QUERY, COOKIE], &[BASIC]]);
const OPTIONAL: Operation = OPEN.security(&[&[], &[BEARER]]);

fn client(script: &Script, credentials: &[(SecurityScheme, Credential)]) -> Http {
    let builder = Http::builder(&SERVICE)
        .base_url("http://orders")
        .transport(script.clone());
    let add = |builder: crate::HttpBuilder, (scheme, credential): &(SecurityScheme, Credential)| {
        builder.credential(scheme, credential)
    };
    credentials.iter().fold(builder, add).build().unwrap()
}

async fn send(
    operation: &'static Operation,
    credentials: &[(SecurityScheme, Credential)],
) -> Script {
    let script = Script::always(Step::status(204));
    client(&script, credentials)
        .call(operation)
        .send_empty::<Undeclared>()
        .await
        .unwrap();
    script
}

#[tokio::test(start_paused = true)]
async fn each_credential_goes_where_its_scheme_says() {
    let script = send(&ALTERNATIVES, &[(BEARER, Credential::bearer("t-1"))]).await;
    assert_eq!(script.hits()[0].header("authorization"), Some("Bearer t-1"));
    let script = send(&ALTERNATIVES, &[(BASIC, Credential::basic("ann", "a:b"))]).await;
    assert_eq!(
        script.hits()[0].header("authorization"),
        Some("Basic YW5uOmE6Yg==")
    );
    let keys = [
        (COOKIE, Credential::key("c;d")),
        (HEADER, Credential::key("h")),
        (QUERY, Credential::key("q&r")),
    ];
    let script = send(&ALTERNATIVES, &keys).await;
    let hit = &script.hits()[0];
    assert_eq!(
        (hit.header("x-api-key"), hit.header("cookie")),
        (Some("h"), Some("session=c%3Bd"))
    );
    assert!(
        hit.request.headers["cookie"].is_sensitive()
            && hit.request.headers["x-api-key"].is_sensitive()
    );
    assert_eq!(hit.request.url.query(), Some("api%20key=q%26r"));
}

#[tokio::test(start_paused = true)]
async fn the_first_alternative_that_is_complete_is_used() {
    let script = send(
        &ALTERNATIVES,
        &[
            (HEADER, Credential::key("h")),
            (BASIC, Credential::basic("a", "b")),
        ],
    )
    .await;
    let hit = &script.hits()[0];
    assert_eq!(
        hit.header("x-api-key"),
        None,
        "a key without its companions is not sent"
    );
    assert!(
        hit.header("authorization")
            .is_some_and(|value| value.starts_with("Basic "))
    );
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_may_be_anonymous_still_gets_what_the_client_has() {
    assert_eq!(
        send(&OPTIONAL, &[]).await.hits()[0].header("authorization"),
        None
    );
    let script = send(&OPTIONAL, &[(BEARER, Credential::bearer("t"))]).await;
    assert_eq!(script.hits()[0].header("authorization"), Some("Bearer t"));
    let script = send(&OPEN, &[(BEARER, Credential::bearer("t"))]).await;
    assert_eq!(
        script.hits()[0].header("authorization"),
        None,
        "an operation that wants nothing gets nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn missing_credentials_are_an_error_before_anything_is_sent() {
    let script = Script::always(Step::status(204));
    let error = client(&script, &[(HEADER, Credential::key("h"))])
        .call(&ALTERNATIVES)
        .send_empty::<Undeclared>()
        .await
        .unwrap_err();
    let failure = error.failure().unwrap();
    assert!(matches!(
        failure.kind(),
        FailureKind::MissingCredentials { .. }
    ));
    assert_eq!(
        failure.to_string(),
        "read failed: the client has no credentials for token or key and query and cookie or login"
    );
    assert!(script.hits().is_empty());
}

#[test]
fn a_credential_must_fit_its_scheme() {
    let build = |scheme, credential| {
        Http::builder(&SERVICE)
            .base_url("http://orders")
            .credential(&scheme, &credential)
            .build()
            .unwrap_err()
    };
    let unfit = [
        (BEARER, Credential::key("k")),
        (HEADER, Credential::bearer("t")),
        (BASIC, Credential::basic("a:b", "c")),
        (BEARER, Credential::bearer("a\r\nx: y")),
    ];
    for (scheme, credential) in unfit {
        assert!(
            matches!(build(scheme, credential), ConfigError::Credential { .. }),
            "{scheme:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_printed_shows_a_secret() {
    let secret = "s3cr3t";
    let credentials = [
        (COOKIE, Credential::key(secret)),
        (HEADER, Credential::key(secret)),
        (QUERY, Credential::key(secret)),
        (BEARER, Credential::bearer(secret)),
        (BASIC, Credential::basic("ann", secret)),
    ];
    let script = Script::new([Step::status(500), Step::reset()]);
    let http = Http::builder(&SERVICE)
        .base_url("http://orders")
        .header("authorization", secret)
        .transport(script.clone());
    let mut printed = vec![format!("{credentials:?}")];
    let http = credentials.iter().fold(http, |http, (scheme, credential)| {
        http.credential(scheme, credential)
    });
    printed.push(format!("{http:?}"));
    let http = http.build().unwrap();
    const KEYS: Operation = OPEN.security(&[&[HEADER, QUERY, COOKIE]]);
    for _ in 0..2 {
        let error = http
            .call(&KEYS)
            .send_empty::<Undeclared>()
            .await
            .unwrap_err();
        printed.push(format!("{error:?} {error}"));
    }
    printed.push(format!(
        "{http:?} {:?} {:?}",
        http.call(&KEYS).header("x", secret),
        script.hits()
    ));
    // Base64 of the pair, which is as good as the secret.
    for text in printed {
        assert!(
            !text.contains(secret) && !text.contains("YW5uOnMzY3IzdA"),
            "{text}"
        );
    }
}
