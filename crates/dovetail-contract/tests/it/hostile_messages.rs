//! Contracts for messages that are made to hurt: names that would be other addresses, payloads without end, many messages.

use std::fmt::Write as _;
use std::path::Path;

use dovetail_contract::load::{Loaded, load};

use crate::growth;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
    std::fs::write(path, text).expect("it can be written");
}

/// A workspace of one service that says this, with a payload.
fn workspace(service: &str, payload: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(
        folder.path(),
        "dovetail.yaml",
        "dovetail: 1\nchannels: {c: {}}\n",
    );
    write(folder.path(), "a/service.yaml", service);
    write(folder.path(), "a/e.yaml", payload);
    folder
}

/// One event whose payload is `e.yaml`, and whose key is `k`.
const EVENT: &str = "service: a\nprovides: {events: {e: {schema: e.yaml, channel: c, key: k}}}\n";

fn codes(loaded: &Loaded) -> Vec<&str> {
    let errors = loaded.findings.iter().filter(|finding| finding.is_error());
    errors.map(|finding| finding.code.id).collect()
}

#[test]
fn a_name_of_a_message_is_no_path_and_no_wildcard() {
    let long = "a".repeat(129);
    let names = [
        "../x", "a/b", "*", ">", "a b", "a\u{0}", "a\nb", "", ".", "-a", "a.", "1a", "é", &long,
    ];
    for name in names {
        let quoted = serde_json::to_string(name).expect("it can be quoted");
        let service = format!(
            "service: a\nprovides: {{events: {{{quoted}: {{schema: e.yaml, channel: c}}}}}}\n"
        );
        let loaded = load(workspace(&service, "type: object\n").path());
        assert_eq!(codes(&loaded), ["invalid-value"], "{name:?}");
        let messages = &loaded.workspace.services["a"].messaging.provides;
        assert!(messages.is_empty(), "{name:?}");
    }
}

#[test]
fn a_payload_stays_in_the_workspace() {
    let rows = [
        ("../../outside.yaml", "reference-outside"),
        ("/etc/hostname", "reference-outside"),
        ("http://127.0.0.1/e.yaml", "reference-remote"),
        ("file:///etc/hostname", "reference-outside"),
        ("..\\\\..\\\\outside.yaml", "reference-outside"),
        ("%2e%2e/%2e%2e/outside.yaml", "reference-outside"),
        ("e.yaml#/%2e%2e/outside", "dangling-reference"),
        (".", "unreadable-file"),
        ("e.yaml/x", "missing-file"),
        ("\\0", "missing-file"),
    ];
    for (path, expected) in rows {
        let service = format!(
            "service: a\nprovides: {{events: {{e: {{schema: \"{path}\", channel: c, key: k}}}}}}\n"
        );
        let folder = workspace(&service, "type: object\n");
        let loaded = load(folder.path());
        assert_eq!(codes(&loaded), [expected], "{path}");
    }
}

#[test]
fn a_payload_that_is_made_of_itself_is_no_work() {
    let chain: String = (0..60)
        .map(|n| {
            format!(
                "  A{n}: {{allOf: [{{$ref: '#/$defs/A{0}'}}, {{$ref: '#/$defs/A{0}'}}]}}\n",
                n + 1
            )
        })
        .collect();
    let payloads = [
        "$ref: '#'\n".to_owned(),
        "allOf: [{$ref: '#'}]\nproperties: {k: {$ref: '#'}}\n".to_owned(),
        "oneOf: [{$ref: '#'}, {anyOf: [{$ref: '#'}]}]\nproperties: {k: {$ref: '#'}}\n".to_owned(),
        format!("$ref: '#/$defs/A0'\nproperties: {{k: {{}}}}\n$defs:\n{chain}  A60: {{}}\n"),
        "- not a schema\n".to_owned(),
        "true\n".to_owned(),
        "null\n".to_owned(),
        "$ref: 'http://127.0.0.1/x.json'\n".to_owned(),
    ];
    for payload in payloads {
        let loaded = load(workspace(EVENT, &payload).path());
        assert!(!codes(&loaded).is_empty(), "{payload}");
    }
}

#[test]
fn a_pointer_to_an_id_is_as_long_as_a_payload_is_deep() {
    for (pointer, expected) in [
        ("/k".repeat(20), vec![]),
        ("/k".repeat(501), vec!["invalid-value"]),
        ("/~".to_owned(), vec!["unfit-idempotency"]),
        ("/".to_owned(), vec!["unfit-idempotency"]),
    ] {
        let service =
            format!("{EVENT}consumes: {{a/e: {{handler: h, idempotency: {{key: {pointer}}}}}}}\n")
                .replace(", key: k", "");
        let payload = "required: [k]\nproperties: {k: {$ref: '#'}}\ntype: [object, string]\n";
        let loaded = load(workspace(&service, payload).path());
        let codes = codes(&loaded);
        if expected.is_empty() {
            // It is there, however deep, and is an object.
            assert_eq!(codes, ["unfit-idempotency"]);
        } else {
            assert_eq!(codes, expected, "{pointer}");
        }
    }
}

#[test]
fn lengths_of_time_without_end_are_added_up_without_harm() {
    let most = "213503982334d";
    let service = format!(
        "service: a\nprovides: {{events: {{e: {{schema: e.yaml, channel: c}}}}}}\nconsumes: {{a/e: {{handler: h, deadline: {most}, retry: {{attempts: 100, backoff: {most}..{most}}}}}}}\n"
    );
    let loaded = load(workspace(&service, "type: object\n").path());
    let said: Vec<&str> = loaded
        .findings
        .iter()
        .map(|finding| finding.code.id)
        .collect();
    assert_eq!(said, ["short-retention"]);
}

#[test]
fn more_messages_than_anybody_writes_are_refused() {
    let events: String = (0..10_001)
        .map(|n| format!("    e{n}: {{schema: e.yaml, channel: c}}\n"))
        .collect();
    let service = format!("service: a\nprovides:\n  events:\n{events}");
    let loaded = load(workspace(&service, "type: object\n").path());
    assert_eq!(codes(&loaded), ["too-large"]);
}

/// A payload of that many parts and required members, the key among the last ones.
fn payload(parts: usize) -> String {
    let mut text = String::from("properties: {k: {type: string}}\nallOf:\n");
    for n in 0..parts {
        writeln!(text, "- {{required: [a{n}, b{n}]}}").expect("memory takes it");
    }
    text.push_str("- {required: [k]}\n");
    text
}

/// A workspace of as many messages as consumptions of them.
fn messages(count: usize) -> tempfile::TempDir {
    let mut service = String::from("service: a\nprovides:\n  events:\n");
    for n in 0..count {
        writeln!(service, "    e{n}: {{schema: e.yaml, channel: c, key: k}}")
            .expect("memory takes it");
    }
    service.push_str("consumes:\n");
    for n in 0..count {
        writeln!(
            service,
            "  a/e{n}: {{handler: h{n}, idempotency: {{key: /k}}}}"
        )
        .expect("memory takes it");
    }
    workspace(&service, &payload(10))
}

#[test]
fn messages_take_time_by_their_number_and_that_of_their_parts() {
    let read = |folder: &tempfile::TempDir| {
        let loaded = load(folder.path());
        assert_eq!(loaded.findings, []);
        loaded
    };
    growth::check("messages", 60, messages, read);
    growth::check("parts", 100, |n| workspace(EVENT, &payload(n)), read);
}

#[test]
fn what_would_be_looked_at_too_often_is_said_and_left() {
    let mut service = String::from("service: a\nprovides:\n  events:\n");
    for n in 0..600 {
        writeln!(service, "    e{n}: {{schema: e.yaml, channel: c, key: k}}")
            .expect("memory takes it");
    }
    let loaded = load(workspace(&service, &payload(900)).path());
    let codes = codes(&loaded);
    assert!(codes.contains(&"too-large"));
    assert!(codes.iter().all(|code| *code == "too-large"));
}
