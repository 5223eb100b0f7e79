//! Documents in structured mode: which of them are events, and whether those are written as they were read.

use std::{collections::BTreeMap, path::Path};

use dovetail_messaging::cloudevents::{
    Binding, Event, EventError, InvalidNames, Reading, Value, json,
};

use crate::shared;

/// How many documents of version 1.0 and of version 0.3 there are.
const DOCUMENTS: (usize, usize) = (17, 14);

fn read(document: &[u8], invalid_names: InvalidNames) -> Result<Event, EventError> {
    let reading = Reading {
        invalid_names,
        ..Reading::default()
    };
    json::read(document, &reading)
}

/// A document as JSON has it, without the attributes that are unset.
fn parsed(document: &[u8]) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_slice(document).expect("it is JSON");
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, value| name == "data" || !value.is_null());
    }
    value
}

#[test]
fn documents_are_accepted_and_refused_as_expected() {
    let Some(folder) = shared::folder("sdk-java") else {
        return;
    };
    let expectations: BTreeMap<String, String> =
        serde_json::from_str(&shared::text(&folder.join("expectations.json")))
            .expect("it is a map of files to verdicts");
    let (mut current, mut old) = (0, 0);
    for (file, verdict) in expectations {
        let Some(file) = file.strip_prefix("cloudevents/sdk-java/") else {
            panic!("{file} is not below the folder");
        };
        let document = || shared::text(&folder.join(file)).into_bytes();
        if file.starts_with("json/v1/") {
            current += 1;
            check(file, &document(), &verdict);
        } else if file.starts_with("json/v03/") {
            old += 1;
            let document = document();
            // Two of these say that they are of version 1.0, and are wrong about more than that.
            if parsed(&document)["specversion"] == "1.0" {
                check(file, &document, &verdict);
            } else {
                let error = read(&document, InvalidNames::Drop);
                assert_eq!(error, Err(EventError::Version("0.3".to_owned())), "{file}");
            }
        }
    }
    assert_eq!((current, old), DOCUMENTS);
}

fn check(file: &str, document: &[u8], verdict: &str) {
    let event = read(document, InvalidNames::Refuse);
    match verdict {
        "accept" => check_round_trips(file, document, &event.expect(file)),
        "reject" => assert!(event.is_err(), "{file}"),
        _ if verdict.starts_with("reject-by-default; accept+drop") => {
            assert!(matches!(event, Err(EventError::Name(_))), "{file}");
            let event = read(document, InvalidNames::Drop).expect(file);
            let mut expected = parsed(document);
            let members = expected.as_object_mut().expect("it is an object");
            members.retain(|name, _| !name.contains('_'));
            assert_eq!(
                parsed(&json::write(&event).expect(file)),
                expected,
                "{file}"
            );
        }
        _ if verdict.starts_with("reject-by-default; accept with lower-casing") => {
            assert!(matches!(event, Err(EventError::Name(_))), "{file}");
            let event = read(document, InvalidNames::LowerCase).expect(file);
            for (name, value) in [
                ("astring", Value::from("aaa")),
                ("aboolean", Value::from(true)),
                ("anumber", Value::from(10)),
            ] {
                assert_eq!(event.extension(name), Some(&value), "{file}");
            }
        }
        other => panic!("{file}: nobody knows what {other} means"),
    }
}

/// The event is written as it was read, alone and in a batch, and comes back from the headers of every protocol.
fn check_round_trips(file: &str, document: &[u8], event: &Event) {
    let written = json::write(event).expect(file);
    assert_eq!(parsed(&written), parsed(document), "{file}");
    let batch = json::write_batch(&[event.clone(), event.clone()]).expect(file);
    let read = json::read_batch(&batch, &Reading::default()).expect(file);
    assert_eq!(read, [event.clone(), event.clone()], "{file}");
    for binding in [Binding::HTTP, Binding::KAFKA, Binding::AMQP, Binding::NATS] {
        let message = binding.write(event).expect(file);
        let back = binding.read(message.pairs(), message.body.clone(), &Reading::default());
        let back = back.expect(file);
        // Headers have no types, so all is compared as text; data whose content type declares text or JSON is no longer bytes.
        let bytes = |event: &Event| event.data().map(|data| data.as_bytes().to_vec());
        assert_eq!(bytes(&back), bytes(event), "{file}");
        for name in [
            "id",
            "source",
            "type",
            "subject",
            "time",
            "dataschema",
            "datacontenttype",
        ] {
            assert_eq!(back.attribute(name), event.attribute(name), "{file}");
        }
        let texts = |event: &Event| {
            let extensions = event.extensions();
            let texts = extensions.map(|(name, value)| {
                (name.to_owned(), value.as_attribute().to_text().into_owned())
            });
            texts.collect::<Vec<_>>()
        };
        assert_eq!(texts(&back), texts(event), "{file}");
    }
}

#[test]
fn the_documents_are_where_the_expectations_say() {
    let Some(folder) = shared::folder("sdk-java/json") else {
        return;
    };
    let found = |name| shared::files(&folder.join(Path::new(name)), "json").len();
    assert_eq!((found("v1"), found("v03")), DOCUMENTS);
}
