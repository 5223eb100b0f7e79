//! Credentials of every kind, each where its scheme puts it and nowhere else.

use dovetail_client::testing::{Script, Step};
use dovetail_client::{ClientCredentials, Credential, Error, FailureKind, HttpBuilder, Undeclared};
use dovetail_tests::{Recorded, empty};
use pets_client::Client;
use pets_client::operations::{
    BASIC_SCHEME, BEARER_SCHEME, COOKIE_KEY_SCHEME, GRANTED_SCHEME, HEADER_KEY_SCHEME,
    QUERY_KEY_SCHEME,
};

use super::{on_the_wire, run, said, scripted};

/// A client that has a credential for every scheme but the one that fetches tokens.
fn builder() -> HttpBuilder {
    Client::builder()
        .credential(&HEADER_KEY_SCHEME, &Credential::key("in-header"))
        .credential(&QUERY_KEY_SCHEME, &Credential::key("in query&"))
        .credential(&COOKIE_KEY_SCHEME, &Credential::key("in-cookie"))
        .credential(&BASIC_SCHEME, &Credential::basic("ann", "p:w"))
        .credential(&BEARER_SCHEME, &Credential::bearer("in-bearer"))
}

/// What of a request shows who asks: its target, and the headers that can hold a credential.
fn shown(recorded: &Recorded) -> String {
    let mut lines = vec![recorded.target.clone()];
    for (name, value) in &recorded.headers {
        let name = name.to_ascii_lowercase();
        if ["authorization", "cookie", "x-shelter-key"].contains(&name.as_str()) {
            lines.push(format!("{name}: {value}"));
        }
    }
    lines.join(" | ")
}

fn check(expected: &str, call: impl AsyncFnOnce(Client) -> Result<(), Error<Undeclared>>) {
    let (result, recorded) = on_the_wire(builder(), empty(204), call);
    result.unwrap();
    assert_eq!(shown(&recorded), expected);
}

#[test]
fn each_scheme_has_its_place_and_only_what_is_asked_for_is_sent() {
    check("/doors/open", async |client| client.open_door().await);
    check("/doors/header | x-shelter-key: in-header", async |client| {
        client.header_door().await
    });
    check("/doors/query?shelter_key=in%20query%26", async |client| {
        client.query_door().await
    });
    check(
        "/doors/cookie | cookie: shelter=in-cookie",
        async |client| client.cookie_door().await,
    );
    check(
        "/doors/basic | authorization: Basic YW5uOnA6dw==",
        async |client| client.basic_door().await,
    );
    // The contract as a whole asks for it where the operation says nothing.
    check(
        "/doors/bearer | authorization: Bearer in-bearer",
        async |client| client.bearer_door().await,
    );
    check(
        "/doors/both | x-shelter-key: in-header | authorization: Basic YW5uOnA6dw==",
        async |client| client.both_door().await,
    );
    // The first alternative needs what this client does not have.
    check(
        "/doors/either?shelter_key=in%20query%26 | cookie: shelter=in-cookie",
        async |client| client.either_door().await,
    );
}

#[test]
fn without_a_credential_nothing_is_sent_unless_none_is_needed() {
    let (client, script) = scripted::<Client>(Client::builder(), [Step::status(204)]);
    let error = run(client.header_door()).unwrap_err();
    let kind = error.failure().map(dovetail_client::Failure::kind);
    assert!(
        matches!(kind, Some(FailureKind::MissingCredentials { .. })),
        "{error:?}"
    );
    assert!(script.hits().is_empty());
    run(client.either_door()).unwrap();
    assert_eq!(script.hits().len(), 1);
}

#[test]
fn a_granted_token_is_fetched_once_and_shown() {
    let token = r#"{"access_token":"granted-1","token_type":"Bearer","expires_in":3600}"#;
    let credentials = ClientCredentials::new("https://login.pets.test/token", "me", "s3cret")
        .scopes(["pets:read"]);
    let builder = Client::builder().credential(
        &GRANTED_SCHEME,
        &Credential::client_credentials(credentials),
    );
    let steps = [Step::json(200, token), Step::status(204), Step::status(204)];
    let (client, script) = scripted::<Client>(builder, steps);
    run(async {
        client.granted_door().await.unwrap();
        client.either_door().await.unwrap();
    });
    let hits = script.hits();
    let asked: Vec<&str> = hits.iter().map(|hit| hit.request.url.as_str()).collect();
    assert_eq!(
        asked,
        [
            "https://login.pets.test/token",
            "http://provider.test/base/doors/granted",
            "http://provider.test/base/doors/either",
        ]
    );
    assert_eq!(
        hits[0].body(),
        b"grant_type=client_credentials&scope=pets%3Aread"
    );
    assert_eq!(hits[0].header("authorization"), Some("Basic bWU6czNjcmV0"));
    for hit in &hits[1..] {
        assert_eq!(hit.header("authorization"), Some("Bearer granted-1"));
    }
}

#[test]
fn no_error_and_no_debug_text_holds_a_credential() {
    let secrets = [
        "in-header",
        "in query&",
        "in%20query",
        "in-cookie",
        "p:w",
        "in-bearer",
        "cDp3",
        "OnA6dw",
    ];
    let http = builder()
        .base_url("http://provider.test")
        .transport(Script::new([]));
    let client = Client::from(http.build().unwrap());
    let mut texts = vec![format!("{client:?}")];
    let results = run(async {
        [
            client.header_door().await,
            client.query_door().await,
            client.cookie_door().await,
            client.both_door().await,
            client.bearer_door().await,
        ]
    });
    for result in results {
        let error = result.unwrap_err();
        texts.extend([said(&error), format!("{error:?}")]);
    }
    for text in texts {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
