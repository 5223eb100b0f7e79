//! Events in the headers of every protocol.

use proptest::prelude::*;

use super::*;
use crate::cloudevents::{InvalidNames, Value};

const ALL: [Binding; 5] = [
    Binding::HTTP,
    Binding::KAFKA,
    Binding::AMQP,
    Binding::AMQP_JMS,
    Binding::NATS,
];

type Headers<'a> = &'a [(&'a str, &'a str)];

fn read(binding: Binding, headers: Headers<'_>, body: &'static str) -> Result<Event, EventError> {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()));
    let body = Some(Bytes::from_static(body.as_bytes()));
    binding.read(headers, body, &Reading::default())
}

fn read_back(binding: Binding, message: &Message) -> Result<Event, EventError> {
    binding.read(message.pairs(), message.body.clone(), &Reading::default())
}

fn event() -> Event {
    Event::builder("1", "/a", "t")
        .subject("Euro € \"😀\" 100%")
        .time("2018-04-26T14:48:09.1234+02:00")
        .extension("key", "a b")
        .data(Data::json(&[1]).expect("a list is JSON"))
        .build()
        .expect("the event is valid")
}

#[test]
fn each_protocol_has_its_names_and_its_way_to_write_values() {
    let subject = "Euro € \"😀\" 100%";
    let encoded = "Euro%20%E2%82%AC%20%22%F0%9F%98%80%22%20100%25";
    let rows = [
        (Binding::HTTP, "ce-subject", encoded, "content-type"),
        (Binding::KAFKA, "ce_subject", subject, "content-type"),
        (
            Binding::AMQP,
            "cloudEvents:subject",
            subject,
            "content-type",
        ),
        (
            Binding::AMQP_JMS,
            "cloudEvents_subject",
            subject,
            "content-type",
        ),
        (Binding::NATS, "ce-subject", encoded, "ce-datacontenttype"),
    ];
    for (binding, name, value, content_type) in rows {
        let message = binding.write(&event()).expect("it is written");
        let header = |name| message.headers.get(name).map(|value| &**value);
        assert_eq!(header(name), Some(value.as_bytes()), "{binding:?}");
        assert_eq!(header(content_type), Some(JSON.as_bytes()), "{binding:?}");
        assert_eq!(message.headers.len(), 8, "{binding:?}");
        assert_eq!(message.body.as_deref(), Some(&b"[1]"[..]), "{binding:?}");
    }
}

#[test]
fn an_event_comes_back_in_every_mode_of_every_protocol() {
    let plain = event();
    // What JSON implies, headers say.
    let said = || Event::builder("1", "/a", "t").datacontenttype("application/json");
    for binding in ALL {
        let structured = binding.write_structured(&plain).expect("it is written");
        assert_eq!(binding.mode(&structured.headers), Mode::Structured);
        assert_eq!(read_back(binding, &structured), Ok(plain.clone()));

        let binary = binding.write(&plain).expect("it is written");
        assert_eq!(binding.mode(&binary.headers), Mode::Binary);
        let read = read_back(binding, &binary).expect("it is read");
        assert_eq!(read.datacontenttype(), Some("application/json"));
        assert_eq!(read.data(), plain.data());
        assert_eq!(read.subject(), plain.subject());
        assert_eq!(read.time(), plain.time());

        for data in [None, Some(Data::json(&1).expect("a number is JSON"))] {
            let mut builder = said();
            if let Some(data) = data {
                builder = builder.data(data);
            }
            let event = builder.build().expect("the event is valid");
            let message = binding.write(&event).expect("it is written");
            assert_eq!(read_back(binding, &message), Ok(event));
        }
    }
}

#[test]
fn types_become_text_in_headers() {
    let event = Event::builder("1", "/a", "t")
        .extension("flag", true)
        .extension("number", -5)
        .extension("bytes", Value::Binary(Bytes::from_static(&[0xe0, 0xff])))
        .build()
        .expect("the event is valid");
    let read = read_back(
        Binding::KAFKA,
        &Binding::KAFKA.write(&event).expect("written"),
    );
    let read = read.expect("it is read");
    for (name, text) in [("flag", "true"), ("number", "-5"), ("bytes", "4P8=")] {
        assert_eq!(read.extension(name), Some(&Value::from(text)), "{name}");
    }
}

#[test]
fn a_message_tells_its_mode() {
    let rows: [(Binding, Headers<'_>, Mode); 11] = [
        (
            Binding::HTTP,
            &[(
                "Content-Type",
                "Application/CloudEvents+JSON; charset=utf-8",
            )],
            Mode::Structured,
        ),
        (
            Binding::HTTP,
            &[("content-type", "application/cloudevents-batch+json")],
            Mode::Batch,
        ),
        (
            Binding::HTTP,
            &[("content-type", "application/cloudevents+avro")],
            Mode::OtherFormat,
        ),
        (
            Binding::HTTP,
            &[("content-type", "application/cloudevents")],
            Mode::OtherFormat,
        ),
        (Binding::HTTP, &[("Ce-SpecVersion", "1.0")], Mode::Binary),
        (
            Binding::HTTP,
            &[("ce-id", "1"), ("content-type", "application/json")],
            Mode::NoEvent,
        ),
        (Binding::HTTP, &[], Mode::NoEvent),
        (Binding::KAFKA, &[("ce_specversion", "1.0")], Mode::Binary),
        (Binding::KAFKA, &[("CE_specversion", "1.0")], Mode::NoEvent),
        (
            Binding::AMQP,
            &[("cloudEvents_specversion", "1.0")],
            Mode::Binary,
        ),
        (
            Binding::AMQP_JMS,
            &[("cloudEvents:specversion", "1.0")],
            Mode::Binary,
        ),
    ];
    for (binding, headers, mode) in rows {
        assert_eq!(binding.mode(headers.iter().copied()), mode, "{headers:?}");
    }
    for (headers, says) in [
        (&[("content-type", BATCH_JSON)], "batch mode"),
        (
            &[("content-type", "application/cloudevents+avro")],
            "another mode",
        ),
        (
            &[("content-type", "application/json")],
            "`specversion` is missing",
        ),
    ] {
        let error = read(Binding::HTTP, headers, "")
            .expect_err(says)
            .to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn headers_that_break_the_rules_are_refused() {
    let required = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/a"),
        ("ce-type", "t"),
    ];
    let rows = [
        (("ce-ID", "2"), "`id` is said twice"),
        (("ce-data", "2"), "meaning of its own"),
        (("ce-a-b", "2"), "`a-b` is no name"),
        (("ce-", "2"), "`` is no name"),
        (("ce-a", "%C0%A0"), "not UTF-8"),
        (("ce-a", "%0A"), "control character"),
        (("ce-time", "now"), "RFC 3339"),
        (("content-type", "json"), "is not a media type"),
    ];
    for (header, says) in rows {
        let mut headers = required.to_vec();
        headers.push(header);
        let error = read(Binding::HTTP, &headers, "")
            .expect_err(says)
            .to_string();
        assert!(error.contains(says), "{header:?}: {error}");
    }
    let mut version = required;
    version[0].1 = "0.3";
    assert!(read(Binding::HTTP, &version, "").is_err());
    assert!(read(Binding::HTTP, &required[..3], "").is_err());
    let differs = [
        ("content-type", "text/plain"),
        ("ce-datacontenttype", "text/html"),
    ];
    let differs = [&required[..], &differs[..]].concat();
    assert!(read(Binding::HTTP, &differs, "").is_err());
    let event = read(Binding::NATS, &differs, "").expect("the prefixed one holds");
    assert_eq!(event.datacontenttype(), Some("text/html"));
    let twice = [
        ("content-type", "text/plain"),
        ("Content-Type", "text/plain"),
    ];
    assert!(read(Binding::HTTP, &[&required[..], &twice[..]].concat(), "").is_err());

    let mut named = required.to_vec();
    named.push(("ce-a_b", "1"));
    let headers = named.iter().map(|(name, value)| (*name, value.as_bytes()));
    let reading = Reading {
        invalid_names: InvalidNames::Drop,
        ..Reading::default()
    };
    let event = Binding::HTTP
        .read(headers, None, &reading)
        .expect("it is dropped");
    assert_eq!(event.extensions().count(), 0);
}

#[test]
fn an_empty_body_is_no_data_unless_the_protocol_tells_them_apart() {
    for (binding, prefix, has_data) in
        [(Binding::HTTP, "ce-", false), (Binding::KAFKA, "ce_", true)]
    {
        let names = ["specversion", "id", "source", "type"].map(|name| format!("{prefix}{name}"));
        let headers: Vec<_> = names
            .iter()
            .map(String::as_str)
            .zip(["1.0", "1", "/a", "t"])
            .collect();
        let event = read(binding, &headers, "").expect("it is read");
        assert_eq!(event.data().is_some(), has_data);
    }
}

#[test]
fn text_that_its_charset_cannot_write_is_refused() {
    let event = Event::builder("1", "/a", "t")
        .datacontenttype("text/plain; charset=iso-8859-1")
        .data(Data::Text("é".to_owned()))
        .build()
        .expect("the event is valid");
    assert!(Binding::HTTP.write(&event).is_err());
    assert!(Binding::HTTP.write_structured(&event).is_ok());
}

#[test]
fn an_event_within_an_event_is_not_taken_for_it() {
    let event = Event::builder("1", "/a", "t")
        .datacontenttype("Application/CloudEvents+json")
        .data(Data::json(&[1]).expect("a list is JSON"))
        .build()
        .expect("the event is valid");
    for binding in ALL {
        match binding.write(&event) {
            Ok(message) => assert_eq!(read_back(binding, &message), Ok(event.clone())),
            Err(error) => assert!(error.to_string().contains("is an event itself"), "{error}"),
        }
    }
    assert!(Binding::NATS.write(&event).is_ok());
    assert!(Binding::HTTP.write(&event).is_err());
}

#[test]
fn a_body_has_a_limit() {
    let mut reading = Reading::default();
    reading.limits.message_bytes = 2;
    let message = Binding::HTTP.write(&event()).expect("it is written");
    let read = Binding::HTTP.read(message.pairs(), message.body.clone(), &reading);
    assert!(matches!(read, Err(EventError::TooLarge { .. })), "{read:?}");
}

proptest! {
    #[test]
    fn no_headers_make_reading_panic(
        headers in proptest::collection::vec(
            ("(ce-|ce_|cloudEvents:|cloudEvents_|)(specversion|id|source|type|time|[a-zA-Zé_-]{0,5})", any::<Vec<u8>>()),
            0..8,
        ),
        body in any::<Vec<u8>>(),
    ) {
        for binding in ALL {
            let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
            let _ = binding.read(headers, Some(body.clone().into()), &Reading::default());
        }
    }
}
