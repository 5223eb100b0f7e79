//! Parameters in paths, queries, headers and cookies, in every style.

use chrono::{DateTime, NaiveDate};
use dovetail_client::{Credential, HttpBuilder};
use dovetail_tests::{Recorded, answer, empty};
use pets_client::Client;
use pets_client::operations::{BEARER_SCHEME, DECLARED_SERVER, PUBLIC_SERVER};
use pets_client::types::{Condition, ListPetsOptions, ListPetsTheme, Place, Range, Species};
use uuid::Uuid;

use super::on_the_wire;

fn builder() -> HttpBuilder {
    Client::builder().credential(&BEARER_SCHEME, &Credential::bearer("t-1"))
}

fn list(options: &ListPetsOptions) -> Recorded {
    let page = String::from_utf8(answer(200, "application/json", b"[]")).unwrap();
    let page = page.replacen("\r\n", "\r\nx-total: 0\r\n", 1).into_bytes();
    let (result, recorded) = on_the_wire(builder(), page, async |client: Client| {
        client.list_pets(options).await
    });
    result.unwrap();
    recorded
}

fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

const PLACE: Place = Place { lat: 1, lon: -2 };

#[test]
fn queries_are_written_in_the_style_that_the_contract_names() {
    let none = ListPetsOptions::default;
    let condition = |is: Option<String>| Condition {
        field: "a b".to_owned(),
        is,
    };
    let range = |to| Range {
        from: NaiveDate::from_ymd_opt(2026, 1, 2),
        to,
    };
    let rows = [
        (none(), ""),
        (
            ListPetsOptions {
                limit: Some(20),
                ..none()
            },
            "limit=20",
        ),
        (
            ListPetsOptions {
                tag: words(&["a b", "c&d=e", "ü"]),
                ..none()
            },
            "tag=a%20b&tag=c%26d%3De&tag=%C3%BC",
        ),
        (
            ListPetsOptions {
                tag: words(&[]),
                ..none()
            },
            "",
        ),
        (
            ListPetsOptions {
                tag: words(&["one"]),
                ..none()
            },
            "tag=one",
        ),
        (
            ListPetsOptions {
                species: Some(vec![Species::Cat, Species::GuineaPig]),
                ..none()
            },
            "species=cat,guinea%20pig",
        ),
        (
            ListPetsOptions {
                color: words(&["red", "light blue"]),
                ..none()
            },
            "color=red%20light%20blue",
        ),
        (
            ListPetsOptions {
                coat: words(&["long", "a|b"]),
                ..none()
            },
            "coat=long%7Ca%7Cb",
        ),
        (
            ListPetsOptions {
                born: Some(range(None)),
                ..none()
            },
            "born%5Bfrom%5D=2026-01-02",
        ),
        (
            ListPetsOptions {
                born: Some(range(NaiveDate::from_ymd_opt(2026, 3, 4))),
                ..none()
            },
            "born%5Bfrom%5D=2026-01-02&born%5Bto%5D=2026-03-04",
        ),
        (
            ListPetsOptions {
                near: Some(PLACE),
                ..none()
            },
            "lat=1&lon=-2",
        ),
        (
            ListPetsOptions {
                within: Some(PLACE),
                ..none()
            },
            "within=lat,1,lon,-2",
        ),
        (
            ListPetsOptions {
                filter: Some(condition(text("x"))),
                ..none()
            },
            "filter=%7B%22field%22%3A%22a%20b%22%2C%22is%22%3A%22x%22%7D",
        ),
        (
            ListPetsOptions {
                filter: Some(condition(None)),
                ..none()
            },
            "filter=%7B%22field%22%3A%22a%20b%22%7D",
        ),
        (
            ListPetsOptions {
                since: DateTime::parse_from_rfc3339("2026-01-02T03:04:05+05:30").ok(),
                ..none()
            },
            "since=2026-01-02T03%3A04%3A05%2B05%3A30",
        ),
        (
            ListPetsOptions {
                on: NaiveDate::from_ymd_opt(2026, 12, 31),
                ..none()
            },
            "on=2026-12-31",
        ),
        (
            ListPetsOptions {
                reserved: text("a/b:c?d"),
                ..none()
            },
            "reserved=a/b:c?d",
        ),
        // What would end the value or begin another stays encoded, whatever the contract allows.
        (
            ListPetsOptions {
                reserved: text("a&b#c"),
                ..none()
            },
            "reserved=a%26b%23c",
        ),
        (
            ListPetsOptions {
                blank: text(""),
                ..none()
            },
            "blank=",
        ),
    ];
    for (options, query) in rows {
        let recorded = list(&options);
        assert_eq!(recorded.method, "GET");
        let expected = if query.is_empty() {
            "/pets".to_owned()
        } else {
            format!("/pets?{query}")
        };
        assert_eq!(recorded.target, expected, "{options:?}");
        assert_eq!(recorded.header("authorization"), Some("Bearer t-1"));
        assert_eq!(recorded.body, b"");
    }
}

#[test]
fn headers_and_cookies_are_written_in_the_style_that_the_contract_names() {
    let id = Uuid::from_u128(7);
    let recorded = list(&ListPetsOptions {
        x_request_id: Some(id),
        x_fields: words(&["id", "name"]),
        x_window: Some(PLACE),
        x_context: Some(Condition {
            field: "ü".to_owned(),
            is: None,
        }),
        session: text("a b;c"),
        theme: Some(ListPetsTheme::Dark),
        ..ListPetsOptions::default()
    });
    assert_eq!(recorded.target, "/pets");
    assert_eq!(
        recorded.header("x-request-id"),
        Some(id.to_string().as_str())
    );
    assert_eq!(recorded.header("x-fields"), Some("id,name"));
    assert_eq!(recorded.header("x-window"), Some("lat=1,lon=-2"));
    // Headers are ASCII, and JSON can be written so.
    assert_eq!(recorded.header("x-context"), Some(r#"{"field":"\u00fc"}"#));
    assert_eq!(
        recorded.header("cookie"),
        Some("session=a%20b%3Bc; theme=dark")
    );
    let without = list(&ListPetsOptions::default());
    for name in [
        "x-request-id",
        "x-fields",
        "x-window",
        "x-context",
        "cookie",
    ] {
        assert_eq!(without.header(name), None, "{name}");
    }
}

#[test]
fn paths_are_written_in_the_style_that_the_contract_names() {
    let rows: [(&str, &[i32], &[&str], &str); 4] = [
        (
            "a",
            &[1, 2],
            &["x", "y"],
            "/places/a/.1,2/;lat=1;lon=-2/;list=x,y/lat=1,lon=-2",
        ),
        (
            "../up",
            &[3],
            &["a b"],
            "/places/..%2Fup/.3/;lat=1;lon=-2/;list=a%20b/lat=1,lon=-2",
        ),
        (
            "a?b#c",
            &[-1],
            &["/"],
            "/places/a%3Fb%23c/.-1/;lat=1;lon=-2/;list=%2F/lat=1,lon=-2",
        ),
        (
            "ü%2F",
            &[0],
            &["a,b"],
            "/places/%C3%BC%252F/.0/;lat=1;lon=-2/;list=a%2Cb/lat=1,lon=-2",
        ),
    ];
    for (plain, label, items, target) in rows {
        let items = words(items).unwrap_or_default();
        let (result, recorded) = on_the_wire(builder(), empty(204), async |client: Client| {
            client
                .find_place(plain, label, &PLACE, &items, &PLACE)
                .await
        });
        result.unwrap();
        assert_eq!(recorded.target, target);
    }
}

#[test]
fn what_cannot_be_sent_is_refused_before_anything_is() {
    let (client, script) = super::scripted::<Client>(builder(), []);
    let result = super::run(client.release_pet(1, "a\r\nx-evil: 1"));
    let said = super::said(&result.unwrap_err());
    assert!(said.contains("the header `if-match`"), "{said}");
    for plain in ["", ".", ".."] {
        let result = super::run(client.find_place(plain, &[1], &PLACE, &[], &PLACE));
        assert!(result.is_err(), "{plain:?}");
    }
    assert!(script.hits().is_empty());
}

#[test]
fn addresses_that_the_contract_declares_are_filled_in_and_stay_what_they_are() {
    /// What is filled in, and what comes of it.
    type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
    let rows: &[Row<'_>] = &[
        (&[], Some("https://north.shelter.test:8443/v1")),
        (
            &[("region", "south"), ("port", "9"), ("major", "2")],
            Some("https://south.shelter.test:9/v2"),
        ),
        (&[("region", "west")], None),
        (&[("port", "1@evil.test")], None),
        (&[("major", "..")], None),
        (&[("planet", "mars")], None),
    ];
    for (values, expected) in rows {
        let url = PUBLIC_SERVER.url(values).ok();
        assert_eq!(url.as_deref(), *expected, "{values:?}");
    }
    let local = DECLARED_SERVER.url(&[]).unwrap();
    assert!(Client::new(&local).is_ok());
}
