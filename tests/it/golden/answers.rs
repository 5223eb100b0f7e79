//! Answers by their status: successes, refusals, ranges, the default, headers, and documents that are not as declared.

use std::fmt::Debug;

use dovetail_client::testing::Step;
use dovetail_client::types::Patch;
use dovetail_client::{Credential, Error, FailureKind, HttpBuilder};
use pets_client::Client;
use pets_client::operations::BEARER_SCHEME;
use pets_client::types::{CreatePetOptions, ListPetsOptions, NewPet, Pet, Species};

use super::{run, said, scripted};

const PET: &str = r#"{"id":9223372036854775807,"name":"Ada","species":"cat","admitted":"2026-01-02T03:04:05+01:00"}"#;

fn builder() -> HttpBuilder {
    Client::builder().credential(&BEARER_SCHEME, &Credential::bearer("t-1"))
}

/// The refusal's variant, or the kind of the failure with what it says.
fn outcome<T: Debug, E: Debug + std::error::Error + 'static>(
    result: Result<T, Error<E>>,
) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(Error::Refused { refusal, .. }) => format!("refused: {refusal:?}"),
        Err(Error::Failed(failure)) => {
            let kind = match failure.kind() {
                FailureKind::Decode { .. } => "cannot read",
                FailureKind::Unexpected(_) => "undeclared",
                _ => "other",
            };
            format!("{kind}: {}", said(&failure))
        }
        Err(error) => format!("neither: {error:?}"),
    }
}

/// Creates an animal at a provider that always answers so.
fn created(step: Step) -> String {
    let (client, script) = scripted::<Client>(builder(), vec![step; 3]);
    let body = NewPet {
        name: "Ada".to_owned(),
        species: Species::Cat,
        chip: Patch::Null,
    };
    let options = CreatePetOptions {
        idempotency_key: Some("k-1".to_owned()),
    };
    let result = run(client.create_pet(&body, &options));
    // More than one where the service is busy: the key says that these are the same.
    for hit in script.hits() {
        assert_eq!(hit.body(), br#"{"name":"Ada","species":"cat","chip":null}"#);
        assert_eq!(hit.header("idempotency-key"), Some("k-1"));
    }
    outcome(result.map(|answered| (answered.headers.location.clone(), answered.into_body())))
}

#[test]
fn several_successes_and_refusals_are_told_apart_by_status() {
    let busy = r#"{"seconds":5}"#;
    let problem = r#"{"title":"no"}"#;
    let rows: &[(u16, &str, &str)] = &[
        (
            200,
            PET,
            "(None, Ok(Pet { id: 9223372036854775807, name: \"Ada\"",
        ),
        (201, PET, "(None, Created(Pet"),
        (
            202,
            r#"{"number":"t-1"}"#,
            "(None, Accepted(Ticket { number: \"t-1\" }))",
        ),
        (204, "", "(None, NoContent)"),
        (
            409,
            r#"{"existing":4}"#,
            "refused: Conflict(Conflict { existing: 4 })",
        ),
        (
            422,
            problem,
            "refused: UnprocessableContent(Problem { title: \"no\", detail: None })",
        ),
        (
            503,
            busy,
            "refused: ServiceUnavailable(Busy { seconds: 5 })",
        ),
        // Its body is that of another status: it is neither that status, nor anything that can be read.
        (503, problem, "cannot read: createPet failed:"),
        (422, busy, "cannot read: createPet failed:"),
        (200, r#"{"number":"t-1"}"#, "cannot read: createPet failed:"),
        // Nothing says what these mean, however well they could be read.
        (203, PET, "undeclared: createPet failed:"),
        (418, problem, "undeclared: createPet failed:"),
        (302, "", "undeclared: createPet failed:"),
    ];
    for (status, body, expected) in rows {
        let step = match *body {
            "" => Step::status(*status),
            body => Step::json(*status, body.to_owned()),
        };
        let outcome = created(step);
        assert!(outcome.starts_with(expected), "{status}: {outcome}");
    }
}

#[test]
fn ranges_and_the_default_take_what_no_status_of_its_own_takes() {
    let problem = r#"{"title":"no"}"#;
    let busy = r#"{"seconds":5}"#;
    let rows: &[(u16, &str, &str)] = &[
        (200, PET, "Pet {"),
        (404, "whatever it says", "refused: NotFound"),
        (
            410,
            problem,
            "refused: ClientError { status: 410, body: Problem",
        ),
        (
            499,
            problem,
            "refused: ClientError { status: 499, body: Problem",
        ),
        (500, busy, "refused: ServerError { status: 500, body: Busy"),
        (599, busy, "refused: ServerError { status: 599, body: Busy"),
        (500, problem, "cannot read: getPet failed:"),
        (302, problem, "refused: Other { status: 302, body: Problem"),
    ];
    for (status, body, expected) in rows {
        let (client, _) = scripted::<Client>(builder(), vec![Step::json(*status, *body); 3]);
        let outcome = outcome(run(client.get_pet(1)));
        assert!(outcome.starts_with(expected), "{status}: {outcome}");
    }
    for status in [200, 204, 299] {
        let (client, script) = scripted::<Client>(builder(), [Step::status(status)]);
        run(client.release_pet(1, "\"v1\"")).unwrap();
        assert_eq!(script.hits()[0].header("if-match"), Some("\"v1\""));
    }
}

#[test]
fn declared_headers_come_beside_the_body() {
    let step = Step::json(201, PET).header("location", "/pets/9");
    assert!(created(step).starts_with("(Some(\"/pets/9\"), Created("));

    let step = Step::json(200, "[]")
        .header("x-total", "9007199254740993")
        .header("x-shelters", "north, \"south\" , east");
    let (client, _) = scripted::<Client>(builder(), [step]);
    let answered = run(client.list_pets(&ListPetsOptions::default())).unwrap();
    assert!(answered.is_empty());
    assert_eq!(answered.headers.x_total, 9_007_199_254_740_993);
    assert_eq!(answered.headers.x_next, None);
    let shelters = answered.headers.x_shelters.unwrap();
    assert_eq!(shelters, ["north", "\"south\"", "east"]);

    let (client, _) = scripted::<Client>(builder(), [Step::status(200).header("etag", "\"7\"")]);
    let answered = run(client.probe_pet(1)).unwrap();
    assert_eq!(answered.headers.e_tag.as_deref(), Some("\"7\""));

    for step in [
        Step::json(200, "[]"),
        Step::json(200, "[]").header("x-total", "many"),
    ] {
        let (client, _) = scripted::<Client>(builder(), [step]);
        let outcome = outcome(run(client.list_pets(&ListPetsOptions::default())));
        assert!(outcome.starts_with("cannot read:"), "{outcome}");
        assert!(
            outcome.to_ascii_lowercase().contains("x-total"),
            "{outcome}"
        );
    }
}

#[test]
fn a_newer_service_is_understood_as_far_as_it_can_be() {
    let pets = |body: &'static str| {
        let step = Step::json(200, body).header("x-total", "1");
        let (client, _) = scripted::<Client>(builder(), [step]);
        run(client.list_pets(&ListPetsOptions::default())).map(dovetail_client::Answered::into_body)
    };
    // A member that nobody named, a value that nobody named, and null for what may only be left out.
    let newer = pets(
        r#"[{"id":-9223372036854775808,"name":"B","species":"axolotl","admitted":"2026-01-02T03:04:05.5Z","tags":null,
            "chip":null,"keeper":{"name":"K","phone":null,"desk":{"nested":[1,2,{"deep":true}]}},"gills":6}]"#,
    );
    let newer = newer.unwrap();
    let [
        Pet {
            id,
            species,
            tags,
            chip,
            keeper,
            ..
        },
    ] = newer.as_slice()
    else {
        panic!("{newer:?}");
    };
    assert_eq!(*id, i64::MIN);
    assert!(matches!(species, Species::Unknown(value) if value.as_str() == "axolotl"));
    assert_eq!((tags, chip), (&None, &Patch::Null));
    assert_eq!(
        keeper.as_ref().map(|keeper| keeper.name.as_str()),
        Patch::Value("K")
    );

    // What must be there and is not, or is something else, is named with its place.
    let rows = [
        (
            r#"[{"id":1,"name":"A","species":"cat"}]"#,
            "[0]: missing field `admitted`",
        ),
        (
            r#"[{"id":1,"name":null,"species":"cat","admitted":"2026-01-02T03:04:05Z"}]"#,
            "[0].name: ",
        ),
        (
            r#"[{"id":9223372036854775808,"name":"A","species":"cat","admitted":"2026-01-02T03:04:05Z"}]"#,
            "[0].id: ",
        ),
        (
            r#"[{"id":1.5,"name":"A","species":"cat","admitted":"2026-01-02T03:04:05Z"}]"#,
            "[0].id: ",
        ),
        (
            r#"[{"id":1,"name":"A","species":"cat","admitted":"yesterday"}]"#,
            "[0].admitted: ",
        ),
        (
            r#"[{"id":1,"name":"A","species":"cat","admitted":"2026-01-02T03:04:05Z","keeper":{}}]"#,
            "[0].keeper: missing field `name`",
        ),
        (r#"[{"id":1,"#, "EOF"),
        ("", "EOF"),
    ];
    for (body, expected) in rows {
        let error = pets(body).unwrap_err();
        assert!(!error.is_retryable());
        assert!(
            said(&error).contains(expected),
            "{expected}: {}",
            said(&error)
        );
    }
}
