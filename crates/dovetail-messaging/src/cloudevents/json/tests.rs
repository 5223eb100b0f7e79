//! Events in structured and batch mode that the shared suites do not have.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::cloudevents::InvalidNames;

const MINIMAL: &str = r#""specversion":"1.0","id":"1","source":"/a","type":"t""#;

fn with(members: &str) -> Result<Event, EventError> {
    read(
        format!("{{{MINIMAL},{members}}}").as_bytes(),
        &Reading::default(),
    )
}

#[test]
fn data_is_json_text_or_bytes_as_the_content_type_and_the_member_say() {
    let rows = [
        (r#""data":null"#, Data::json(&json!(null)).expect("JSON")),
        (r#""data":"a""#, Data::json(&json!("a")).expect("JSON")),
        (
            r#""datacontenttype":"text/json","data":"{}""#,
            Data::json(&json!("{}")).expect("JSON"),
        ),
        (
            r#""datacontenttype":"text/plain","data":"a""#,
            Data::Text("a".to_owned()),
        ),
        (
            r#""data":"a","datacontenttype":"text/plain""#,
            Data::Text("a".to_owned()),
        ),
        (
            r#""data_base64":"e30=""#,
            Data::Binary(Bytes::from_static(b"{}")),
        ),
        (
            r#""data":1.00,"data_base64":null"#,
            Data::Json(JsonText::parse("1.00").expect("JSON")),
        ),
    ];
    for (members, data) in rows {
        let event = with(members).expect(members);
        assert_eq!(event.data(), Some(&data), "{members}");
        let written = write(&event).expect("it is written");
        assert_eq!(read(&written, &Reading::default()), Ok(event), "{members}");
    }
    assert_eq!(with(r#""subject":null"#).expect("valid").data(), None);
}

#[test]
fn what_is_no_event_is_refused_with_the_reason() {
    let rows = [
        (r#""data":1,"data_base64":"""#, "is there twice"),
        (r#""data":1,"data":1"#, "`data` is said twice"),
        (r#""a":1,"a":1"#, "`a` is said twice"),
        (r#""id":"2""#, "`id` is said twice"),
        (r#""data_base64":1"#, "not a string"),
        (r#""data_base64":"e30""#, "not Base64"),
        (
            r#""datacontenttype":"text/plain","data":{}"#,
            "its content type is not JSON",
        ),
        (r#""a":{}"#, "neither a string"),
        (r#""a":[]"#, "neither a string"),
        (r#""a":1.0"#, "32 bits"),
        (r#""a":1e3"#, "32 bits"),
        (r#""a":2147483648"#, "32 bits"),
        (r#""a":"\ud800""#, "Unicode"),
        (r#""a":"\n""#, "control character"),
        (r#""subject":1"#, "`subject` is not a string"),
        (r#""time":"1""#, "RFC 3339"),
        (r#""a_b":1"#, "`a_b` is no name"),
    ];
    for (members, says) in rows {
        let error = with(members).expect_err(members).to_string();
        assert!(error.contains(says), "{members}: {error}");
    }
    let alone = [
        ("", "line 1"),
        ("[]", "expected an object"),
        ("{}", "`specversion` is missing"),
        (r#"{"specversion":"1.0"}"#, "`source` is missing"),
        (r#"{"specversion":"0.3"}"#, "`0.3`"),
        (r#"{"specversion":1.0}"#, "`specversion` is not a string"),
        (r#"{"specversion":null}"#, "`specversion` is missing"),
    ];
    for (document, says) in alone {
        let error = read(document.as_bytes(), &Reading::default());
        let error = error.expect_err(document).to_string();
        assert!(error.contains(says), "{document}: {error}");
    }
    assert!(read(b"{\"\xff\":1}", &Reading::default()).is_err());
    let quoted = format!("\"{}\"", "a".repeat(100_000));
    let error = read(quoted.as_bytes(), &Reading::default()).expect_err("a string");
    assert!(error.to_string().len() < 400, "{error}");
}

#[test]
fn invalid_names_are_refused_dropped_or_lowered() {
    let document = format!("{{{MINIMAL},\"aName\":1,\"b_c\":2}}");
    let read_with = |invalid_names| {
        let reading = Reading {
            invalid_names,
            ..Reading::default()
        };
        read(document.as_bytes(), &reading)
    };
    assert!(read_with(InvalidNames::Refuse).is_err());
    let dropped = read_with(InvalidNames::Drop).expect("invalid ones are dropped");
    assert_eq!(dropped.extensions().count(), 0);
    assert_eq!(
        read_with(InvalidNames::LowerCase),
        Err(EventError::Name("b_c".to_owned()))
    );
    let twice = format!("{{{MINIMAL},\"aname\":1,\"aName\":1}}");
    let reading = Reading {
        invalid_names: InvalidNames::LowerCase,
        ..Reading::default()
    };
    assert_eq!(
        read(twice.as_bytes(), &reading),
        Err(EventError::Duplicate("aname".to_owned()))
    );
}

#[test]
fn a_batch_is_read_as_a_whole() {
    let event =
        |id: &str| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/a","type":"t"}}"#);
    let batch = format!("[{},{}]", event("1"), event("2"));
    let events = read_batch(batch.as_bytes(), &Reading::default()).expect("both are valid");
    assert_eq!(events.iter().map(Event::id).collect::<Vec<_>>(), ["1", "2"]);
    let written = write_batch(&events).expect("it is written");
    assert_eq!(read_batch(&written, &Reading::default()), Ok(events));
    assert_eq!(read_batch(b"[]", &Reading::default()), Ok(Vec::new()));

    let wrong = format!("[{},{}]", event("1"), event(""));
    let error = read_batch(wrong.as_bytes(), &Reading::default());
    assert!(
        matches!(error, Err(EventError::InBatch { index: 1, .. })),
        "{error:?}"
    );
    let mut reading = Reading::default();
    reading.limits.batch_events = 1;
    assert!(matches!(
        read_batch(batch.as_bytes(), &reading),
        Err(EventError::TooLarge {
            found: 2,
            limit: 1,
            ..
        })
    ));
    assert!(read_batch(event("1").as_bytes(), &reading).is_err());
}

#[test]
fn every_size_has_a_limit() {
    let mut reading = Reading::default();
    reading.limits.message_bytes = 200;
    reading.limits.attributes = 6;
    reading.limits.name_bytes = 11;
    reading.limits.value_bytes = 16;
    let rows = [
        (r#""a":1,"data":[1]"#.to_owned(), true),
        (r#""a":1,"b":1,"c":1"#.to_owned(), false),
        (format!(r#""{}":1"#, "a".repeat(12)), false),
        (format!(r#""subject":"{}""#, "a".repeat(17)), false),
        (format!(r#""a":"{}""#, "a".repeat(17)), false),
        (format!(r#""data":"{}""#, "a".repeat(200)), false),
    ];
    for (members, is_read) in rows {
        let document = format!("{{{MINIMAL},{members}}}");
        let event = read(document.as_bytes(), &reading);
        assert_eq!(event.is_ok(), is_read, "{members}: {event:?}");
        if !is_read {
            assert!(
                matches!(event, Err(EventError::TooLarge { .. })),
                "{members}: {event:?}"
            );
        }
    }
    let deep = format!("{{{MINIMAL},\"data\":{}}}", "[".repeat(100_000));
    assert!(read(deep.as_bytes(), &Reading::default()).is_err());
    let extension = format!(
        "{{{MINIMAL},\"a\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(read(extension.as_bytes(), &Reading::default()).is_err());
}

proptest! {
    #[test]
    fn no_document_makes_reading_panic(
        document in prop_oneof![
            any::<Vec<u8>>(),
            "[\\[\\]{}\",:0-9a-z. \\\\-]{0,80}".prop_map(String::into_bytes),
        ],
    ) {
        let _ = read(&document, &Reading::default());
        let _ = read_batch(&document, &Reading::default());
    }

    #[test]
    fn what_is_built_is_read_again(
        id in "[ -~é😀]{1,20}",
        text in "[ -~é😀]{0,20}",
        number: i32,
        flag: bool,
        data in proptest::option::of(any::<Vec<u8>>()),
    ) {
        let mut builder = Event::builder(id, "/a", "t")
            .extension("text", text)
            .extension("number", number)
            .extension("flag", flag);
        if let Some(data) = data {
            builder = builder.data(Data::Binary(data.into()));
        }
        let event = builder.build().expect("the event is valid");
        let written = write(&event).expect("it is written");
        prop_assert_eq!(read(&written, &Reading::default()), Ok(event));
    }
}
