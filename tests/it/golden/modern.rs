//! What OpenAPI 3.1 says: exact numbers, times with offsets, tuples, constants, changes, and pieces of other files.

use dovetail_client::testing::Step;
use dovetail_client::types::Patch;
use modern_client::Client;
use modern_client::errors::MeasureError;
use modern_client::types::{
    Change, MeasureOptions, MeasureUnit, Size, Values, ValuesConstant, ValuesLevel,
};
use serde_json::Value;
use uuid::Uuid;

use super::{round_trip, run, said, scripted};

#[test]
fn values_of_every_type_come_back_as_they_were() {
    let rows = [
        // Exact numbers: the bounds of their types, beyond 2^53, and decimals of 30 digits.
        r#"{"int32":-2147483648}"#,
        r#"{"int64":9223372036854775807}"#,
        r#"{"int64":-9223372036854775808}"#,
        r#"{"plain":9007199254740993}"#,
        r#"{"uint64":18446744073709551615}"#,
        r#"{"money":"123456789012345678901234567890.00"}"#,
        r#"{"money":"-0.10"}"#,
        r#"{"exact":123456789012345678901234567890.10}"#,
        r#"{"exact":0.000000000000000000000000000010}"#,
        r#"{"number":0.1}"#,
        r#"{"float":0.03}"#,
        // Times keep their offset.
        r#"{"at":"2026-01-02T03:04:05+05:30"}"#,
        r#"{"at":"2026-01-02T03:04:05-08:00"}"#,
        r#"{"at":"2026-01-02T03:04:05.123456789+01:00"}"#,
        r#"{"day":"2024-02-29"}"#,
        r#"{"id":"67e55044-10b1-426f-9247-bb680e5fe0c8"}"#,
        r#"{"blob":"AAH/"}"#,
        r#"{"blob":""}"#,
        r#"{"text_or_number":"7"}"#,
        r#"{"text_or_number":7}"#,
        r#"{"text_or_number":[7]}"#,
        r#"{"number_or_null":null}"#,
        r#"{"number_or_null":1.5}"#,
        r#"{"pair":["a",1]}"#,
        r#"{"triple":["2026-01-02T03:04:05+05:30",1,null]}"#,
        r#"{"open_tuple":["a",1,2]}"#,
        r#"{"constant":"fixed"}"#,
        r#"{"constant":"changed"}"#,
        r#"{"whole":3}"#,
        r#"{"flag":true}"#,
        r#"{"anything":{"a":[null,true]}}"#,
        r#"{"empty":"text"}"#,
        r#"{"local":{"inner":{"depth":1},"more":[{"depth":2}]}}"#,
        r#"{"status":"on"}"#,
        r#"{"status":null}"#,
        r#"{"status":"standby"}"#,
        r#"{"numbers":[1,2]}"#,
        r#"{"words":{"x-a":"b"}}"#,
        r#"{"open":{"known":"k","other":7}}"#,
        r#"{"closed":{"known":"k"}}"#,
        r#"{"size":{"width":1,"unit":"mm"}}"#,
        r#"{"level":2}"#,
        r#"{"level":9}"#,
        "{}",
    ];
    for row in rows {
        match round_trip::<Values>(row) {
            Ok(after) => assert_eq!(after, row),
            Err(error) => panic!("{row}: {error}"),
        }
    }
}

#[test]
fn values_that_do_not_fit_are_refused_with_their_place() {
    let rows = [
        (r#"{"int32":2147483648}"#, "int32: "),
        (r#"{"int64":9223372036854775808}"#, "int64: "),
        (r#"{"uint64":-1}"#, "uint64: "),
        (r#"{"plain":1.5}"#, "plain: "),
        (r#"{"money":"12,50"}"#, "money: "),
        (r#"{"at":"2026-13-02T03:04:05Z"}"#, "at: "),
        (r#"{"day":"2025-02-29"}"#, "day: "),
        (r#"{"id":"nobody"}"#, "id: "),
        (r#"{"blob":"?"}"#, "blob: "),
        (r#"{"pair":["a"]}"#, "pair"),
        (r#"{"pair":[1,"a"]}"#, "pair[0]: "),
        (
            r#"{"triple":["2026-01-02T03:04:05Z","1",null]}"#,
            "triple[1]: ",
        ),
        (
            r#"{"local":{"inner":{}}}"#,
            "local.inner: missing field `depth`",
        ),
        (r#"{"open":{"other":"seven"}}"#, "open.other: "),
        (r#"{"numbers":[1,null]}"#, "numbers[1]: "),
        (r#"{"flag":"true"}"#, "flag: "),
    ];
    let nothing: Values = serde_json::from_str("{}").unwrap();
    for (body, place) in rows {
        let (client, _) = scripted::<Client>(Client::builder(), [Step::json(200, body)]);
        let error = run(client.exchange_values(&nothing)).unwrap_err();
        assert!(said(&error).contains(place), "{place}: {}", said(&error));
    }
}

#[test]
fn values_that_nobody_named_have_a_place_in_their_types() {
    let values: Values = serde_json::from_str(r#"{"level":9,"constant":"changed"}"#).unwrap();
    assert_eq!(values.level, Some(ValuesLevel::Unknown(9)));
    assert!(
        matches!(values.constant, Some(ValuesConstant::Unknown(value)) if value.as_str() == "changed")
    );
}

#[test]
fn a_change_says_absent_null_and_value_apart() {
    let size = Size {
        width: 3,
        unit: None,
    };
    let change = |note, size, limit| Change {
        name: None,
        note,
        size,
        limit,
    };
    let rows = [
        (change(Patch::Absent, Patch::Absent, Patch::Absent), "{}"),
        (
            change(Patch::Null, Patch::Absent, Patch::Value(i64::MIN)),
            r#"{"note":null,"limit":-9223372036854775808}"#,
        ),
        (
            change(Patch::Value(String::new()), Patch::Value(size), Patch::Null),
            r#"{"note":"","size":{"width":3},"limit":null}"#,
        ),
    ];
    for (change, body) in rows {
        let (client, script) = scripted::<Client>(
            Client::builder(),
            [Step::json(
                200,
                r#"{"id":"67e55044-10b1-426f-9247-bb680e5fe0c8","name":"n","note":null}"#,
            )],
        );
        let record = run(client.change_record(Uuid::from_u128(1), &change)).unwrap();
        assert_eq!(record.note, Patch::Null);
        let hits = script.hits();
        assert_eq!(std::str::from_utf8(hits[0].body()), Ok(body));
        assert_eq!(
            hits[0].header("content-type"),
            Some("application/merge-patch+json")
        );
        assert_eq!(
            hits[0].request.url.path(),
            "/base/records/00000000-0000-0000-0000-000000000001"
        );
        let back: Change = serde_json::from_str(body).unwrap();
        assert_eq!(back, change);
    }
}

#[test]
fn what_is_for_one_direction_only_is_not_asked_of_the_other() {
    let answer = r#"{"id":"67e55044-10b1-426f-9247-bb680e5fe0c8","version":7,"name":"n"}"#;
    let (client, script) = scripted::<Client>(Client::builder(), [Step::json(200, answer)]);
    let record = modern_client::types::RecordRequest {
        secret: "s".to_owned(),
        name: "n".to_owned(),
        note: Patch::Absent,
        size: None,
    };
    let written = run(client.write_record(Uuid::nil(), &record)).unwrap();
    assert_eq!(
        written.id.to_string(),
        "67e55044-10b1-426f-9247-bb680e5fe0c8"
    );
    assert_eq!(written.version, Some(7));
    let sent: Value = serde_json::from_slice(script.hits()[0].body()).unwrap();
    assert_eq!(sent, serde_json::json!({ "secret": "s", "name": "n" }));
}

#[test]
fn pieces_of_other_files_are_one_type() {
    let (client, script) = scripted::<Client>(
        Client::builder(),
        [
            Step::json(200, r#"{"width":3}"#),
            Step::json(404, r#"{"title":"t","about":{"width":4}}"#),
        ],
    );
    let options = MeasureOptions {
        unit: Some(MeasureUnit::Inch),
    };
    let size = run(client.measure(&options)).unwrap();
    assert_eq!(
        size,
        Size {
            width: 3,
            unit: None
        }
    );
    let error = run(client.measure(&MeasureOptions::default())).unwrap_err();
    let Some(MeasureError::Other { status: 404, body }) = error.refusal() else {
        panic!("{error:?}");
    };
    assert_eq!(
        body.about,
        Some(Size {
            width: 4,
            unit: None
        })
    );
    let queries: Vec<_> = script
        .hits()
        .iter()
        .map(|hit| hit.request.url.query().map(str::to_owned))
        .collect();
    assert_eq!(queries, [Some("unit=inch".to_owned()), None]);
}
