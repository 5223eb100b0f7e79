//! What messages of protobuf become, and what is said of files that are none.

use std::fmt::Write as _;

use crate::conform::{Conformance, Direction, to_json_schema};
use crate::load::{Loaded, load};

/// A workspace whose one event is described by a message, with these files.
fn workspace(event: &str, files: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |path: &str, text: &str| {
        let path = folder.path().join("ws").join(path);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    };
    write("dovetail.yaml", "dovetail: 1\nchannels: { c: {} }\n");
    let service =
        format!("service: a\nprovides: {{ events: {{ e: {{ channel: c, {event} }} }} }}\n");
    write("a/service.yaml", &service);
    for (path, text) in files {
        write(path, text);
    }
    load(&folder.path().join("ws"))
}

fn findings(loaded: &Loaded) -> String {
    let mut said = String::new();
    for finding in &loaded.findings {
        let place = loaded.sources.place(finding.place.span);
        let (severity, code) = (finding.severity, finding.code.id);
        writeln!(said, "{place} {severity} {code}: {}", finding.message).expect("memory takes it");
    }
    said
}

/// The schemas of the event, one a line, and the findings.
fn read(event: &str, files: &[(&str, &str)]) -> String {
    let loaded = workspace(event, files);
    let messaging = &loaded.workspace.services["a"].messaging;
    let mut said = String::new();
    if let Some(id) = messaging.provides["e"].schema {
        let schema = to_json_schema(&messaging.schemas, id, Direction::Response);
        for (name, schema) in schema["$defs"].as_object().expect("it has definitions") {
            writeln!(said, "{name}: {schema}").expect("memory takes it");
        }
    }
    said + &findings(&loaded)
}

const ORDERS: &str = r#"
syntax = "proto3";
package shop.v1;

import "common/money.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";

// An order was placed.
message OrderCreated {
  // What it is known by.
  string order_id = 1;
  int32 small = 2;
  uint32 count = 3;
  int64 big = 4;
  fixed64 huge = 5;
  double rate = 6;
  bool is_gift = 7 [deprecated = true];
  bytes raw = 8;
  State state = 9;
  repeated Line lines = 10;
  map<string, common.Money> prices = 11;
  map<int32, string> notes = 12;
  optional string coupon = 13;
  oneof payment {
    string card = 14;
    common.Money cash = 15;
  }
  google.protobuf.Timestamp at = 16;
  google.protobuf.StringValue hint = 17;
  google.protobuf.Struct extra = 18;
  google.protobuf.Any any = 19;
  google.protobuf.Duration took = 20;
  google.protobuf.NullValue nothing = 21;
  string renamed = 22 [json_name = "other"];
  repeated int64 numbers = 23;
  OrderCreated before = 24;

  message Line { string sku = 1; }
}

enum State {
  // Nothing is known.
  STATE_UNSPECIFIED = 0;
  STATE_OPEN = 1;
}
"#;

const MONEY: &str = "syntax = \"proto3\"; package common; message Money { string amount = 1; }\n";

#[test]
fn a_message_has_the_form_of_the_json_mapping() {
    let files = [("a/orders.proto", ORDERS), ("common/money.proto", MONEY)];
    let event = "schema: 'orders.proto#OrderCreated', key: orderId";
    insta::assert_snapshot!(read(event, &files));
}

#[test]
fn what_the_mapping_writes_is_accepted_and_other_things_are_not() {
    let files = [("a/orders.proto", ORDERS), ("common/money.proto", MONEY)];
    let loaded = workspace(
        "schema: 'orders.proto#shop.v1.OrderCreated', key: orderId",
        &files,
    );
    let messaging = &loaded.workspace.services["a"].messaging;
    let id = messaging.provides["e"].schema.expect("it is read");
    let schema =
        Conformance::new(&messaging.schemas, id, Direction::Response).expect("it compiles");
    let rows = [
        (r#"{"orderId":"1"}"#, true),
        (r#"{}"#, false),
        (
            r#"{"orderId":"1","big":"9223372036854775807","huge":"18446744073709551615"}"#,
            true,
        ),
        (r#"{"orderId":"1","big":9}"#, false),
        (r#"{"orderId":"1","huge":"-1"}"#, false),
        (r#"{"orderId":"1","count":4294967296}"#, false),
        (r#"{"orderId":"1","raw":"AQI="}"#, true),
        (r#"{"orderId":"1","raw":"%"}"#, false),
        (r#"{"orderId":"1","state":"STATE_OPEN"}"#, true),
        (r#"{"orderId":"1","state":1}"#, false),
        (r#"{"orderId":"1","card":"x"}"#, true),
        (r#"{"orderId":"1","card":"x","cash":{}}"#, false),
        (
            r#"{"orderId":"1","at":"2024-01-01T00:00:00Z","took":"1.5s","hint":null}"#,
            true,
        ),
        (r#"{"orderId":"1","took":"1.5"}"#, false),
        (
            r#"{"orderId":"1","extra":{"a":[1]},"any":{"@type":"x","b":1}}"#,
            true,
        ),
        (r#"{"orderId":"1","any":{}}"#, false),
        (
            r#"{"orderId":"1","prices":{"a":{"amount":"1"}},"notes":{"1":"x"},"before":{"orderId":"0"}}"#,
            true,
        ),
        (r#"{"orderId":"1","prices":{"a":1}}"#, false),
    ];
    for (value, is_accepted) in rows {
        let parsed = serde_json::from_str(value).expect("it is JSON");
        assert_eq!(schema.accepts(&parsed), is_accepted, "{value}");
    }
}

#[test]
fn a_field_that_must_be_there_is_required() {
    let behavior =
        "syntax = \"proto3\"; package google.api; import \"google/protobuf/descriptor.proto\";
      extend google.protobuf.FieldOptions { repeated FieldBehavior field_behavior = 1052; }
      enum FieldBehavior { FIELD_BEHAVIOR_UNSPECIFIED = 0; OPTIONAL = 1; REQUIRED = 2; }";
    let three = "syntax = \"proto3\"; import \"google/api/field_behavior.proto\";
      message M { string a = 1 [(google.api.field_behavior) = REQUIRED]; string b = 2 [(google.api.field_behavior) = OPTIONAL]; }";
    let files = [
        ("a/m.proto", three),
        ("google/api/field_behavior.proto", behavior),
    ];
    let two = "syntax = \"proto2\"; message M { required string a = 1; optional string b = 2; optional group G = 3 { optional int32 x = 1; } }";
    let said = [
        read("schema: 'm.proto#M', key: a", &files),
        read("schema: 'm.proto#M', key: a", &[("a/m.proto", two)]),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let head = "syntax = \"proto3\";\n";
    let rows = [
        ("m.proto#M", "message M { string a; }"),
        ("m.proto#M", "message M { Other a = 1; }"),
        ("m.proto#M", "message M { string a = 1; string b = 1; }"),
        ("m.proto#M", "message M { string a_b = 1; string aB = 2; }"),
        ("m.proto#M", "message M {} message M {}"),
        ("m.proto#M", "import \"none.proto\"; message M {}"),
        ("m.proto#M", "import \"../../outside.proto\"; message M {}"),
        ("m.proto#M", "import \"/etc/hostname\"; message M {}"),
        (
            "m.proto#M",
            "import \"http://127.0.0.1/x.proto\"; message M {}",
        ),
        ("m.proto#M", "import \"m.proto\"; message M {}"),
        ("m.proto#M", "import \"n.proto\"; message M {}"),
        ("m.proto#N", "message M {}"),
        ("m.proto", "message M {}"),
        (
            "m.proto#M.AEntry",
            "message M { map<string, string> a = 1; }",
        ),
        ("none.proto#M", "message M {}"),
        ("m.proto#M", "\u{e9}"),
        ("m.proto#M", "message M { string a = 1 [(unknown) = 2]; }"),
    ];
    let mut said = String::new();
    for (reference, text) in rows {
        let text = format!("{head}{text}");
        let again = "syntax = \"proto3\"; import \"m.proto\";";
        let files = [
            ("a/m.proto", text.as_str()),
            ("a/n.proto", again),
            ("../outside.proto", head),
        ];
        let loaded = workspace(&format!("schema: '{reference}'"), &files);
        writeln!(said, "{reference} {text}\n{}", findings(&loaded)).expect("memory takes it");
    }
    insta::assert_snapshot!(said);
}

/// The text with a number of its own for each field.
fn numbered(text: &str) -> String {
    let mut next = 0;
    let parts = text.split(';').map(|part| match part.rsplit_once(" = ") {
        Some((before, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            next += 1;
            format!(
                "{before} = {}",
                if next < 19_000 { next } else { next + 1_000 }
            )
        }
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(";")
}

#[test]
fn what_is_made_to_hurt_is_refused_or_read() {
    let head = "syntax = \"proto3\";\n";
    let deep = format!(
        "{head}{}{}",
        "message A { ".repeat(20_000),
        "}".repeat(20_000)
    );
    let chain: String = (0..5_000)
        .map(|n| format!("message M{n} {{ M{} a = 1; }}\n", n + 1))
        .collect();
    let chain = format!("{head}{chain}message M5000 {{}}\n");
    let option = format!("{head}option (x) = {{ {} }};", "a { ".repeat(20_000));
    let one_of: String = (1..16).map(|n| format!("string f{n} = {n};")).collect();
    let many: String = (0..5_000)
        .map(|n| {
            format!(
                "oneof o{n} {{ {} }}",
                one_of.replace("string f", &format!("string f{n}x"))
            )
        })
        .collect();
    let many = format!("{head}message M0 {{ {many} }}");
    let rows = [
        (deep, "too-large"),
        (chain, ""),
        (option, "too-large"),
        (many.clone(), "error"),
        (numbered(&many), ""),
        (format!("{head}{}", "/*".repeat(100_000)), "error"),
        (format!("{head}\"{}", "\\".repeat(100_001)), "error"),
        (head.repeat(2), "error"),
        (" ".repeat(3_000_000), "too-large"),
    ];
    for (text, expected) in rows {
        let said = findings(&workspace("schema: 'm.proto#M0'", &[("a/m.proto", &text)]));
        let is_refused = said.contains(" error ");
        assert_eq!(is_refused, !expected.is_empty(), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn an_import_is_no_way_out_of_the_workspace() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let root = folder.path().join("ws");
    std::fs::create_dir_all(root.join("a")).expect("it can be made");
    std::fs::write(folder.path().join("secret.proto"), MONEY).expect("it can be written");
    std::os::unix::fs::symlink(
        folder.path().join("secret.proto"),
        root.join("a/link.proto"),
    )
    .expect("it can be linked");
    let files = [
        ("dovetail.yaml", "dovetail: 1\nchannels: { c: {} }\n"),
        (
            "a/service.yaml",
            "service: a\nprovides: { events: { e: { channel: c, schema: 'm.proto#M' } } }\n",
        ),
        (
            "a/m.proto",
            "syntax = \"proto3\"; import \"link.proto\"; message M { common.Money a = 1; }",
        ),
    ];
    for (path, text) in files {
        std::fs::write(root.join(path), text).expect("it can be written");
    }
    let loaded = load(&root);
    assert!(
        findings(&loaded).contains("missing-file"),
        "{}",
        findings(&loaded)
    );
    assert!(
        loaded
            .sources
            .iter()
            .all(|(_, file)| !file.text.contains("Money {"))
    );
}
