//! When tokens are fetched, kept and replaced, at exact instants of paused time.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    ClientAuthentication, ClientCredentials, ConfigError, Credential, Error, FailureKind, Http,
    Idempotency, Method, Operation, SecurityScheme, Service, TokenRefusal, Undeclared,
    policy::{Policy, Retry},
    resilience::{Chance, Clock},
    testing::{Script, Step},
};

const MS: fn(u64) -> Duration = Duration::from_millis;
const SERVICE: Service = Service::new("orders", &["create", "ping"]);
const OAUTH: SecurityScheme = SecurityScheme::bearer("oauth");
const KEY: SecurityScheme = SecurityScheme::header_key("key", "x-key");
const POLICY: Policy = Policy::new(Duration::from_secs(5)).retry(Retry::off());
const CREATE: Operation = Operation::new(&SERVICE, "create", Method::Post, "/orders", POLICY)
    .security(&[&[KEY], &[OAUTH]]);
const PING: Operation = Operation::new(&SERVICE, "ping", Method::Get, "/ping", POLICY);

fn credentials() -> ClientCredentials {
    ClientCredentials::new("https://login/token?tenant=a", "me:1", "s3cr3t/").scopes(["a", "b"])
}

fn client(script: &Script, credentials: ClientCredentials) -> Http {
    Http::builder(&SERVICE)
        .base_url("http://orders")
        .chance(Chance::seeded(1))
        .credential(&OAUTH, &Credential::client_credentials(credentials))
        .transport(script.clone())
        .build()
        .unwrap()
}

fn token(name: &str, expires_in: impl Into<Value>) -> Step {
    let expires_in = expires_in.into();
    let answer = json!({"access_token": name, "token_type": "Bearer", "expires_in": expires_in});
    Step::json(200, answer.to_string())
}

fn ok() -> Step {
    Step::status(204)
}

async fn create(http: &Http) -> Result<(), Error<Undeclared>> {
    http.call(&CREATE).json("x").send_empty().await
}

/// What came: the token of a call, or `?` for a request for a token, each with its second.
fn came(script: &Script) -> Vec<(String, u64)> {
    let hits = script.hits();
    let said = hits.iter().map(|hit| {
        let authorization = hit.header("authorization").unwrap_or_default();
        let is_call = hit.request.url.host_str() == Some("orders");
        let said = if is_call {
            authorization.trim_start_matches("Bearer ")
        } else {
            "?"
        };
        (said.to_owned(), hit.at.as_secs())
    });
    said.collect()
}

fn expected(rows: &[(&str, u64)]) -> Vec<(String, u64)> {
    rows.iter()
        .map(|(said, at)| ((*said).to_owned(), *at))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_for_as_the_standard_says() {
    let basic = "Basic bWUlM0ExOnMzY3IzdCUyRg==";
    let plain = "grant_type=client_credentials&scope=a+b&audience=x%26y";
    let all = "grant_type=client_credentials&scope=a+b&audience=x%26y&client_id=me%3A1&client_secret=s3cr3t%2F";
    for (authentication, header, body) in [
        (ClientAuthentication::Basic, Some(basic), plain),
        (ClientAuthentication::Form, None, all),
    ] {
        let script = Script::new([token("t-1", 60), ok(), ok()]);
        let credentials = credentials().parameter("audience", "x&y");
        let http = client(&script, credentials.authentication(authentication));
        create(&http).await.unwrap();
        http.call(&PING).send_empty::<Undeclared>().await.unwrap();
        let hits = script.hits();
        assert_eq!(hits[0].request.url.as_str(), "https://login/token?tenant=a");
        assert_eq!(
            (hits[0].header("authorization"), hits[0].body()),
            (header, body.as_bytes())
        );
        let form = "application/x-www-form-urlencoded";
        assert_eq!(hits[0].header("content-type"), Some(form));
        assert_eq!(hits[1].header("authorization"), Some("Bearer t-1"));
        assert_eq!(hits[2].header("authorization"), None, "nothing asks for it");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_at_once_fetch_one_token() {
    let steps = [token("t-1", "3600").after(MS(2_000))];
    let script = Script::new(steps.into_iter().chain((0..9).map(|_| ok())));
    let http = client(&script, credentials());
    let results = join_all((0..9).map(|_| create(&http))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let came = came(&script);
    assert_eq!(
        (came.len(), &came[0].0, came[9].1),
        (10, &"?".to_owned(), 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_before_it_runs_out_and_nobody_waits_for_it() {
    let clock = Clock::system();
    let script = Script::new([
        token("t-1", 100),
        ok(),
        ok(),
        // At second 80, and while it is on its way the old one serves.
        token("t-2", 100).after(MS(3_000)),
        ok(),
        ok(),
        ok(),
    ]);
    let http = client(&script, credentials());
    create(&http).await.unwrap();
    clock.sleep(MS(79_000)).await;
    create(&http).await.unwrap();
    clock.sleep(MS(1_000)).await;
    let (one, other) = tokio::join!(create(&http), create(&http));
    assert!(one.is_ok() && other.is_ok());
    create(&http).await.unwrap();
    let rows = [
        ("?", 0),
        ("t-1", 0),
        ("t-1", 79),
        ("?", 80),
        ("t-1", 80),
        ("t-2", 83),
        ("t-2", 83),
    ];
    assert_eq!(came(&script), expected(&rows));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_replaced_serves_for_as_long_as_it_is_good() {
    let clock = Clock::system();
    let script = Script::new([
        token("t-1", 100),
        ok(),
        Step::status(500),
        ok(),
        ok(),
        Step::status(500),
    ]);
    let http = client(&script, credentials());
    create(&http).await.unwrap();
    clock.sleep(MS(98_000)).await;
    create(&http).await.unwrap();
    create(&http).await.unwrap();
    clock.sleep(MS(2_000)).await;
    let error = create(&http).await.unwrap_err();
    assert!(
        matches!(error.failure().unwrap().kind(), FailureKind::Token(_)),
        "{error:?}"
    );
    let rows = [
        ("?", 0),
        ("t-1", 0),
        ("?", 98),
        ("t-1", 98),
        ("t-1", 98),
        ("?", 100),
    ];
    assert_eq!(came(&script), expected(&rows));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_known_is_made_once_more_with_a_new_token() {
    assert_eq!(CREATE.idempotency, Idempotency::None);
    let script = Script::new([
        token("t-1", Value::Null),
        ok(),
        Step::status(401),
        token("t-2", Value::Null),
        ok(),
        Step::status(401),
        token("t-3", Value::Null),
        Step::status(401),
        // With a token that is as new as can be, another would fare no better.
    ]);
    let http = client(&script, credentials());
    create(&http).await.unwrap();
    create(&http).await.unwrap();
    let error = create(&http).await.unwrap_err();
    assert_eq!((error.status(), error.attempts()), (Some(401), 2));
    let rows = [
        ("?", 0),
        ("t-1", 0),
        ("t-1", 0),
        ("?", 0),
        ("t-2", 0),
        ("t-2", 0),
        ("?", 0),
        ("t-3", 0),
    ];
    assert_eq!(came(&script), expected(&rows));
    let script = Script::new([token("t-1", 60), Step::status(401)]);
    let error = create(&client(&script, credentials())).await.unwrap_err();
    assert_eq!(
        (error.status(), error.attempts(), script.hits().len()),
        (Some(401), 1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn all_of_it_has_the_time_of_one_call() {
    let clock = Clock::system();
    let script = Script::new([Step::hang()]);
    let error = create(&client(&script, credentials())).await.unwrap_err();
    let kind = error.failure().unwrap().kind();
    assert!(matches!(kind, FailureKind::DeadlineExceeded), "{kind:?}");
    let start = clock.now();
    let script = Script::new([token("t-1", 60).after(MS(3_000)), Step::hang()]);
    create(&client(&script, credentials())).await.unwrap_err();
    assert_eq!(clock.now() - start, MS(5_000));
}

#[tokio::test(start_paused = true)]
async fn why_there_is_no_token_is_told_without_secrets() {
    let refused = |status, body: &'static str| Step::json(status, body);
    for (step, is_retryable, told) in [
        (Step::refuse(), true, "who issues tokens did not answer"),
        (Step::reset(), true, "who issues tokens did not answer"),
        (
            Step::status(503),
            true,
            "who issues tokens refused with status 503",
        ),
        (
            refused(
                401,
                r#"{"error":"invalid_client","error_description":"s3cr3t"}"#,
            ),
            false,
            "who issues tokens refused with status 401: invalid_client",
        ),
        (
            refused(400, r#"{"error":"s3cr3t"}"#),
            false,
            "who issues tokens refused with status 400",
        ),
        (
            refused(200, r#"{"access_token":["s3cr3t"],"token_type":"Bearer"}"#),
            false,
            "the answer of who issues tokens holds no bearer token",
        ),
        (
            refused(200, r#"{"access_token":"s3cr3t\n","token_type":"Bearer"}"#),
            false,
            "the answer of who issues tokens holds no bearer token",
        ),
        (
            refused(200, r#"{"access_token":"s3cr3t","token_type":"mac"}"#),
            false,
            "the answer of who issues tokens holds no bearer token",
        ),
    ] {
        let script = Script::new([step]);
        let http = client(&script, credentials());
        let error = create(&http).await.unwrap_err();
        let failure = error.failure().unwrap();
        let FailureKind::Token(reason) = failure.kind() else {
            panic!("{failure:?}")
        };
        assert_eq!(
            (reason.to_string().as_str(), failure.is_retryable()),
            (told, is_retryable)
        );
        assert_eq!(script.hits().len(), 1);
        let more = credentials().parameter("assertion", "s3cr3t");
        let printed = format!("{error:?} {error} {http:?} {more:?}");
        assert!(!printed.contains("s3cr3t"), "{printed}");
    }
    assert_eq!(
        TokenRefusal::of("invalid_scope"),
        Some(TokenRefusal::InvalidScope)
    );
}

#[test]
fn a_secret_is_only_sent_where_nobody_can_read_it_on_the_way() {
    for (url, is_taken) in [
        ("https://login/token", true),
        ("http://127.0.0.1:9/token", true),
        ("http://[::1]/token", true),
        ("http://localhost/token", true),
        ("http://login/token", false),
        ("http://localhost.evil/token", false),
        ("http://128.0.0.1/token", false),
        ("https://me:s3cr3t@login/token", false),
        ("https://login/token#s3cr3t", false),
        ("ftp://login/token", false),
        ("/token", false),
        ("s3cr3t", false),
    ] {
        let credential = Credential::client_credentials(ClientCredentials::new(url, "me", "x"));
        let built = Http::builder(&SERVICE)
            .base_url("http://orders")
            .credential(&OAUTH, &credential)
            .build();
        assert_eq!(built.is_ok(), is_taken, "{url}");
        if let Err(error) = built {
            assert!(
                matches!(
                    error,
                    ConfigError::TokenUrl {
                        scheme: "oauth",
                        ..
                    }
                ),
                "{error:?}"
            );
            assert!(!format!("{error} {error:?}").contains("s3cr3t"));
        }
    }
    let credential = Credential::client_credentials(credentials());
    let built = Http::builder(&SERVICE)
        .base_url("http://orders")
        .credential(&KEY, &credential)
        .build();
    assert!(matches!(
        built,
        Err(ConfigError::Credential { scheme: "key" })
    ));
}
