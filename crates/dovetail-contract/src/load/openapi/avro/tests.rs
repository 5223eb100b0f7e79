//! What Avro schemas become, and what is said of those that are none.

use std::fmt::Write as _;

use crate::conform::{Direction, to_json_schema};
use crate::load::load;

/// What a workspace says whose one event is described by this Avro schema: the schema of the event, and the findings.
fn read(reference: &str, avro: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    };
    write("dovetail.yaml", "dovetail: 1\nchannels: { c: {} }\n");
    let service = format!(
        "service: a\nprovides: {{ events: {{ e: {{ schema: '{reference}', channel: c }} }} }}\n"
    );
    write("a/service.yaml", &service);
    write("a/e.avsc", avro);
    let loaded = load(folder.path());
    let messaging = &loaded.workspace.services["a"].messaging;
    let mut said = String::new();
    if let Some(id) = messaging.provides["e"].schema {
        let schema = to_json_schema(&messaging.schemas, id, Direction::Response);
        let schema = &schema["$defs"];
        for (name, schema) in schema.as_object().expect("it has definitions") {
            writeln!(said, "{name}: {schema}").expect("memory takes it");
        }
    }
    for finding in &loaded.findings {
        let place = loaded.sources.place(finding.place.span);
        let (severity, code) = (finding.severity, finding.code.id);
        writeln!(said, "{place} {severity} {code}: {}", finding.message).expect("memory takes it");
    }
    said
}

#[test]
fn a_record_is_an_object_with_its_fields() {
    let avro = r#"{
  "type": "record", "name": "Order", "namespace": "com.shop", "doc": "An order.",
  "fields": [
    { "name": "id", "type": { "type": "string", "logicalType": "uuid" }, "doc": "What it is known by." },
    { "name": "note", "type": ["null", "string"], "default": null },
    { "name": "count", "type": "int", "default": 1 },
    { "name": "total", "type": "long" },
    { "name": "rate", "type": ["double", "null"] },
    { "name": "raw", "type": "bytes", "default": "\u00ff" },
    { "name": "hash", "type": { "type": "fixed", "name": "Md5", "size": 16 } },
    { "name": "state", "type": { "type": "enum", "name": "State", "symbols": ["OPEN", "DONE"], "default": "OPEN" }, "default": "OPEN" },
    { "name": "before", "type": ["null", "State"], "doc": "The state before." },
    { "name": "lines", "type": { "type": "array", "items": { "type": "record", "name": "other.Line", "fields": [
      { "name": "sku", "type": "string" }, { "name": "order", "type": ["null", "com.shop.Order"] }
    ] } } },
    { "name": "tags", "type": { "type": "map", "values": "boolean" }, "default": {} },
    { "name": "paid", "type": ["string", { "type": "record", "name": "Card", "aliases": ["Payment"], "fields": [] }, "other.Line"] },
    { "name": "on", "type": { "type": "int", "logicalType": "date" }, "default": 0 },
    { "name": "at", "type": { "type": "long", "logicalType": "timestamp-millis" } },
    { "name": "time", "type": { "type": "int", "logicalType": "time-millis" } },
    { "name": "local", "type": { "type": "long", "logicalType": "local-timestamp-micros" } },
    { "name": "price", "type": { "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 } },
    { "name": "odd", "type": { "type": "int", "logicalType": "color" } },
    { "name": "nested", "type": { "type": { "type": "float" } } },
    { "name": "nothing", "type": "null" }
  ]
}"#;
    insta::assert_snapshot!(read("e.avsc", avro));
}

#[test]
fn a_type_of_a_file_is_named_after_the_mark() {
    let avro = r#"["null", { "type": "record", "name": "x.A", "fields": [] }, { "type": "enum", "name": "y.A", "symbols": ["a"] },
      { "type": "fixed", "name": "x.B", "size": 1 }]"#;
    let names = ["e.avsc#x.A", "e.avsc#B", "e.avsc#A", "e.avsc"];
    let said = names.map(|name| format!("{name}\n{}", read(name, avro)));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let rows = [
        r#"{"type": "record", "name": "R"}"#,
        r#"{"type": "record", "fields": []}"#,
        r#"{"type": "record", "name": "int", "fields": []}"#,
        r#"{"type": "record", "name": "R", "fields": [{"name": "a"}, {"type": "int"}, {"name": "a b", "type": "int"}, 1]}"#,
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}"#,
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "Later"}, {"name": "b", "type": {"type": "fixed", "name": "Later", "size": 1}}]}"#,
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "record", "name": "R", "fields": []}}]}"#,
        r#"{"type": "enum", "name": "E", "symbols": ["a", "a", "b c", 1], "default": "d"}"#,
        r#"{"type": "enum", "name": "E"}"#,
        r#"{"type": "fixed", "name": "F", "size": -1}"#,
        r#"{"type": "array"}"#,
        r#"{"type": "map", "values": "strin"}"#,
        r#"["null", ["int"]]"#,
        "[]",
        "{}",
        "1",
        r#"["string", "bytes", "int", "double"]"#,
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": "x"}, {"name": "b", "type": ["int", "null"], "default": 1.5}]}"#,
        r#"{"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}"#,
        r#"{"type": "string", "logicalType": "date"}"#,
        r#"{"type": "fixed", "name": "F", "size": 15, "logicalType": "uuid"}"#,
        "{",
    ];
    let mut said = String::new();
    for avro in rows {
        let all = read("e.avsc", avro);
        let findings = all.lines().filter(|line| line.starts_with("a/"));
        let findings: Vec<&str> = findings.filter(|line| !line.contains(" note ")).collect();
        writeln!(said, "{avro}\n  {}", findings.join("\n  ")).expect("memory takes it");
    }
    insta::assert_snapshot!(said);
}

#[test]
fn what_is_nested_or_repeated_without_end_is_refused_or_read() {
    let deep = format!(
        "{}\"int\"{}",
        r#"{"type":"array","items":"#.repeat(50_000),
        "}".repeat(50_000)
    );
    assert!(read("e.avsc", &deep).contains("error"));
    let fields: Vec<String> = (0..20_000)
        .map(|n| format!(r#"{{"name":"f{n}","type":"R"}}"#))
        .collect();
    let wide = format!(
        r#"{{"type":"record","name":"R","fields":[{}]}}"#,
        fields.join(",")
    );
    assert!(!read("e.avsc", &wide).contains(" error "));
}
