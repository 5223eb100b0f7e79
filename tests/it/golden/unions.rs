//! Unions of every kind: which branch a document becomes, and that nothing of it is lost on the way back.

use serde_json::Value;
use unions_client::Client;
use unions_client::types::{
    AnyOfObjects, Bare, Everything, Fielded, Held, Implied, Kinds, Loose, Mapped, Mixed, Nested,
    Nullable, Told, Twins, Valued, Vehicle,
};

use super::{round_trip, run, scripted};
use dovetail_client::testing::Step;

/// Reads each document, which must become the branch that the row names, and writes it again.
macro_rules! check {
    ($($union:ident { $($json:literal => $branch:pat),+ $(,)? })+) => {$($(
        let value: $union = serde_json::from_str($json).unwrap_or_else(|error| panic!("{}: {error}", $json));
        assert!(matches!(&value, $branch), "{}: {value:?}", $json);
        assert_same($json, &serde_json::to_string(&value).unwrap());
    )+)+};
}

/// Members may change places, and nothing else.
fn assert_same(before: &str, after: &str) {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(read(before), read(after));
}

#[test]
fn a_discriminator_decides_by_mapping_by_name_and_by_heirs() {
    check! {
        Mapped {
            r#"{"shape":"circle","radius":1.5}"# => Mapped::Circle(_),
            r#"{"radius":2.5,"shape":"disc"}"# => Mapped::Circle(_),
            r#"{"shape":"square","side":2.5}"# => Mapped::Square(_),
            r#"{"shape":"line","length":9007199254740993}"# => Mapped::Line(_),
        }
        Bare {
            r#"{"shape":"round","radius":1.5}"# => Bare::Circle(_),
            r#"{"shape":"angular","side":1.5}"# => Bare::Square(_),
        }
        Implied {
            r#"{"shape":"Circle","radius":1.5}"# => Implied::Circle(_),
            r#"{"shape":"Line"}"# => Implied::Line(_),
        }
        Vehicle {
            r#"{"kind":"car","wheels":4,"doors":5}"# => Vehicle::Car(_),
            r#"{"kind":"bike","wheels":2,"bell":true}"# => Vehicle::Bike(_),
        }
    }
}

#[test]
fn without_a_discriminator_values_fields_and_kinds_decide() {
    check! {
        Told {
            r#"{"by":"mail","address":"a"}"# => Told::Mail(_),
            r#"{"number":"1","by":"call"}"# => Told::Call(_),
        }
        Valued {
            r#"{"speed":"walk"}"# => Valued::Walk(_),
            r#"{"speed":"crawl","steps":3}"# => Valued::Walk(_),
            r#"{"speed":"fly","gear":2}"# => Valued::Run(_),
        }
        Fielded {
            r#"{"sku":"s","note":"n"}"# => Fielded::BySku(_),
            r#"{"batch":7}"# => Fielded::ByBatch(_),
            r#"{"name":"n","shelf":"s"}"# => Fielded::ByBoth(_),
        }
        Kinds {
            r#""text""# => Kinds::Text(_),
            "-7" => Kinds::Number(-7),
            "false" => Kinds::Bool(false),
            "[1,2]" => Kinds::List(_),
            "[]" => Kinds::List(_),
            r#"{"a":"b"}"# => Kinds::Object(_),
            "{}" => Kinds::Object(_),
        }
        Mixed {
            r#""text""# => Mixed::Text(_),
            "1.25" => Mixed::Number(_),
            r#"{"x":1,"y":2}"# => Mixed::Point(_),
            r#"{"shape":"circle","radius":0.5}"# => Mixed::Circle(_),
        }
        Held {
            r#"{"id":"1","note":"n","coins":3}"# => Held::Cash(_),
            r#"{"id":"1","code":"c"}"# => Held::Voucher(_),
        }
        Nullable {
            r#"{"x":1,"y":2}"# => Nullable::Point(_),
            r#""t""# => Nullable::Text(_),
        }
        Loose {
            r#""small""# => Loose::Small,
            r#""enormous""# => Loose::Unknown(_),
        }
        Nested {
            r#"{"by":"call","number":"1"}"# => Nested::Call(_),
            r#"{"batch":1}"# => Nested::ByBatch(_),
            "3" => Nested::Number(3),
        }
        AnyOfObjects {
            r#"{"x":1,"y":2}"# => AnyOfObjects::Point(_),
            r#"{"label":"l"}"# => AnyOfObjects::Label(_),
        }
    }
}

#[test]
fn what_no_branch_describes_is_kept_to_the_last_digit() {
    check! {
        Mapped {
            r#"{"shape":"hexagon","sides":6,"exact":1.10}"# => Mapped::Unknown(_),
        }
        Bare {
            r#"{"shape":"circle","radius":1}"# => Bare::Unknown(_),
        }
        Implied {
            r#"{"shape":"circle"}"# => Implied::Unknown(_),
        }
        Vehicle {
            r#"{"kind":"boat","wheels":0}"# => Vehicle::Unknown(_),
        }
        Told {
            r#"{"by":"pigeon"}"# => Told::Unknown(_),
        }
        Valued {
            r#"{"speed":"teleport","range":12345678901234567890}"# => Valued::Unknown(_),
        }
        Fielded {
            r#"{"colour":"red"}"# => Fielded::Unknown(_),
        }
        Mixed {
            "[1]" => Mixed::Unknown(_),
            r#"{"newer":{}}"# => Mixed::Unknown(_),
            "true" => Mixed::Unknown(_),
        }
        Nullable {
            "[1]" => Nullable::Unknown(_),
            "1" => Nullable::Unknown(_),
        }
        Nested {
            "[]" => Nested::Unknown(_),
            r#"{"by":"pigeon"}"# => Nested::Unknown(_),
        }
        AnyOfObjects {
            r#"{"z":1}"# => AnyOfObjects::Unknown(_),
        }
    }
    // Byte for byte: what a number said is not rounded.
    for json in [
        r#"{"shape":"hexagon","exact":123456789012345678901234567890.12345,"e":1e400}"#,
        r#"{"shape":"hexagon","text":"\u00fc \ud83e\udd80","space" : [ 1 , 2 ]}"#,
    ] {
        assert_eq!(round_trip::<Mapped>(json).unwrap(), json);
    }
    let Ok(Mapped::Unknown(other)) = serde_json::from_str(r#"{"shape":"hexagon"}"#) else {
        panic!("a shape that nobody named is unknown");
    };
    assert_eq!(other.tag(), Some("hexagon"));
}

#[test]
fn what_nothing_tells_apart_can_be_read_as_either() {
    let twins: Twins = serde_json::from_str(r#"{"name":"n","more":1.10}"#).unwrap();
    assert_eq!(twins.as_left().unwrap().name, "n");
    assert_eq!(twins.as_right().unwrap().name, "n");
    assert_eq!(
        serde_json::to_string(&twins).unwrap(),
        r#"{"name":"n","more":1.10}"#
    );
    let other: Twins = serde_json::from_str("[1]").unwrap();
    assert!(other.as_left().is_err());
}

#[test]
fn a_branch_that_does_not_hold_is_named_with_its_place() {
    let rows = [
        (
            r#"{"mapped":{"shape":"circle"}}"#,
            "mapped: missing field `radius`",
        ),
        (
            r#"{"mapped":{"radius":1}}"#,
            "mapped: missing field `shape`",
        ),
        (
            r#"{"mapped":{"shape":"square","side":"wide"}}"#,
            "mapped.side: ",
        ),
        (r#"{"several":[1,{"x":1,"y":"2"}]}"#, "several[1].y: "),
        (
            r#"{"named":{"a":{"shape":"line"},"b":{"shape":"line","length":1.5}}}"#,
            "named.b.length: ",
        ),
        (r#"{"told":{"by":"mail","address":7}}"#, "told.address: "),
        (r#"{"kinds":[1,"2"]}"#, "kinds[1]: "),
        (
            r#"{"nested":{"by":"call"}}"#,
            "nested: missing field `number`",
        ),
    ];
    for (body, place) in rows {
        let (client, _) = scripted::<Client>(Client::builder(), [Step::json(200, body)]);
        let nothing: Everything = serde_json::from_str("{}").unwrap();
        let error = run(client.exchange(&nothing)).unwrap_err();
        let said = super::said(&error);
        assert!(said.contains(place), "{place}: {said}");
    }
}

#[test]
fn unions_travel_both_ways_within_documents() {
    let all = r#"{"mapped":{"shape":"disc","radius":1.5},"told":{"address":"a","by":"mail"},"kinds":{"a":"b"},"twins":[1.10],"nullable":null,
        "loose":"huge","several":["a",1.5,{"x":1,"y":2},[null]],"named":{"a":{"shape":"star","points":5}}}"#;
    let (client, script) = scripted::<Client>(Client::builder(), [Step::json(200, all)]);
    let sent: Everything = serde_json::from_str(all).unwrap();
    let came = run(client.exchange(&sent)).unwrap();
    assert_eq!(came, sent);
    assert_same(all, &String::from_utf8_lossy(script.hits()[0].body()));

    // A refusal may be a union as well.
    let step = Step::json(400, r#"{"by":"pigeon"}"#);
    let (client, _) = scripted::<Client>(Client::builder(), [step]);
    let error = run(client.exchange(&sent)).unwrap_err();
    assert!(
        format!("{:?}", error.refusal()).contains("Unknown"),
        "{error:?}"
    );
}
