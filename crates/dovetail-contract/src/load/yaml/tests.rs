//! What YAML means here, case by case, so that another parser could take the place of this one.

use super::*;
use crate::source::Sources;

fn read(text: &str) -> (Option<Node>, Vec<String>) {
    let mut sources = Sources::default();
    let file = sources.add("a.yaml", text);
    let parsed = parse(file, text);
    let said = parsed.findings.iter().map(|finding| {
        let place = sources.place(finding.place.span);
        format!("{place} {}: {}", finding.code.id, finding.message)
    });
    (parsed.root, said.collect())
}

/// The tree with numbers as they are kept and strings in quotes.
fn write(node: &Node) -> String {
    match &node.value {
        NodeValue::Number(text) => text.clone(),
        NodeValue::Sequence(elements) => {
            let elements: Vec<_> = elements.iter().map(write).collect();
            format!("[{}]", elements.join(","))
        }
        NodeValue::Mapping(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| format!("{:?}:{}", entry.key, write(&entry.value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        _ => node.to_json().to_string(),
    }
}

#[test]
fn scalars_mean_what_the_core_schema_says() {
    let rows = [
        ("no", "\"no\""),
        ("on", "\"on\""),
        ("y", "\"y\""),
        ("Yes", "\"Yes\""),
        ("true", "true"),
        ("False", "false"),
        ("null", "null"),
        ("~", "null"),
        ("''", "\"\""),
        ("'null'", "\"null\""),
        ("!!str null", "\"null\""),
        ("!!str 5", "\"5\""),
        ("010", "\"010\""),
        ("1_000", "\"1_000\""),
        ("0", "0"),
        ("-0", "-0"),
        ("42", "42"),
        ("+42", "42"),
        ("-7", "-7"),
        ("1.10", "1.10"),
        ("1.0", "1.0"),
        ("1e3", "1e3"),
        ("-1.5E-3", "-1.5E-3"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("5.", "5.0"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("0x", "\"0x\""),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "18446744073709551616"),
        ("-9223372036854775809", "-9223372036854775809"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
        (
            "3.14159265358979323846264338327950288",
            "3.14159265358979323846264338327950288",
        ),
        ("1e400", "1e400"),
        ("!!float 3", "3"),
        ("!!int '3'", "3"),
        ("2026-11-23", "\"2026-11-23\""),
        ("12:30", "\"12:30\""),
        ("\"200\"", "\"200\""),
        ("'a''b'", "\"a'b\""),
        ("\"a\\u00fc\\n\"", "\"aü\\n\""),
        ("a b # comment", "\"a b\""),
        ("|\n  a\n  b\n", "\"a\\nb\\n\""),
        (">-\n  a\n  b\n", "\"a b\""),
    ];
    for (text, expected) in rows {
        let text = format!("v: {text}");
        let (root, said) = read(&text);
        assert_eq!(said, Vec::<String>::new(), "{text}");
        let root = root.expect("it is a document");
        assert_eq!(write(&root), format!("{{\"v\":{expected}}}"), "{text}");
    }
}

#[test]
fn structures_are_read_in_either_style() {
    let rows = [
        (
            "{a: [1, {b: c}], 'd': {}}",
            "{\"a\":[1,{\"b\":\"c\"}],\"d\":{}}",
        ),
        ("a:\n- 1\n- - 2\n  - 3\n", "{\"a\":[1,[2,3]]}"),
        (
            "200: a\ntrue: b\n1.0: c\nnull: d\n~: e\n",
            "{\"200\":\"a\",\"true\":\"b\",\"1.0\":\"c\",\"null\":\"d\",\"~\":\"e\"}",
        ),
        (
            "no: a\non: b\n010: c",
            "{\"no\":\"a\",\"on\":\"b\",\"010\":\"c\"}",
        ),
        ("a:\nb:", "{\"a\":null,\"b\":null}"),
        ("a: &x {k: 1}\nb: *x", "{\"a\":{\"k\":1},\"b\":{\"k\":1}}"),
        ("a: &x 1.10\nb: *x", "{\"a\":1.10,\"b\":1.10}"),
        (
            "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}",
            "{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2}}",
        ),
        ("--- # one\na: 1\n...\n", "{\"a\":1}"),
        ("%YAML 1.2\n---\na: 1", "{\"a\":1}"),
        ("a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}"),
        ("? a\n: b", "{\"a\":\"b\"}"),
        ("\"a\": !!map {}", "{\"a\":{}}"),
    ];
    for (text, expected) in rows {
        let (root, said) = read(text);
        assert_eq!(said, Vec::<String>::new(), "{text}");
        let root = root.expect("it is a document");
        assert_eq!(write(&root), expected, "{text}");
    }
}

#[test]
fn what_has_no_meaning_is_refused_at_its_place() {
    let rows = [
        ("", "a.yaml:1:1 empty-file"),
        ("# only a comment\n", "a.yaml:1:1 empty-file"),
        ("---\n", "a.yaml:1:1 empty-file"),
        ("a: [1", "yaml-syntax"),
        ("a: 'b", "yaml-syntax"),
        ("a: b: c", "a.yaml:1:5 yaml-syntax"),
        ("a:\n\tb: 1", "a.yaml:2:1 yaml-syntax"),
        ("a:\n  b: 1\n c: 2", "a.yaml:3:2 yaml-syntax"),
        ("a: 1\n--- \nb: 2", "a.yaml:3:1 yaml-syntax"),
        ("a: *nowhere", "a.yaml:1:4 yaml-syntax"),
        ("a: &a [*a]", "yaml-syntax"),
        ("a: !foo b", "a.yaml:1:4 yaml-syntax"),
        ("a: !!python/object:os.system x", "yaml-syntax"),
        ("a: !!binary aGk=", "a.yaml:1:13 yaml-syntax"),
        ("a: !!binary &x aGk=", "yaml-syntax"),
        ("a: [!!binary aGk=]", "yaml-syntax"),
        ("a: !<tag:yaml.org,2002:binary> aGk=", "yaml-syntax"),
        ("a: !!int x", "yaml-syntax"),
        ("a: .inf", "a.yaml:1:4 invalid-value"),
        ("a: -.INF", "a.yaml:1:4 invalid-value"),
        ("a: .nan", "a.yaml:1:4 invalid-value"),
        ("a: 1\nb: 2\na: 3", "a.yaml:3:1 duplicate-key"),
        ("200: a\n'200': b", "a.yaml:2:1 duplicate-key"),
        ("{a: 1, a: 2}", "a.yaml:1:8 duplicate-key"),
        ("[a, b]: c", "yaml-syntax"),
        ("a: {<<: 5}", "yaml-syntax"),
        ("a: \u{0}", "yaml-syntax"),
    ];
    for (text, expected) in rows {
        let (_, said) = read(text);
        assert_eq!(said.len(), 1, "{text:?}: {said:?}");
        assert!(said[0].contains(expected), "{text:?}: {said:?}");
    }
}

#[test]
fn every_duplicate_is_said_and_the_rest_still_read() {
    let (root, said) = read("a: 1\na: 2\nb: {c: 1, c: 2}\na: 3\n");
    assert_eq!(said.len(), 3, "{said:?}");
    let root = root.expect("it is a document");
    assert_eq!(write(&root), "{\"a\":1,\"b\":{\"c\":1}}");
}

#[test]
fn nesting_has_a_limit() {
    let flow = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read(&flow(DEPTH_MAX)).1, Vec::<String>::new());
    let block: String = (0..DEPTH_MAX - 1)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    assert_eq!(read(&block).1, Vec::<String>::new());
    for text in [
        flow(DEPTH_MAX + 1),
        "[".repeat(100_000),
        "- ".repeat(50_000),
        "? ".repeat(50_000),
        "{a: ".repeat(50_000),
    ] {
        let (root, said) = read(&text);
        assert_eq!((root, said.len()), (None, 1), "{said:?}");
        assert!(said[0].contains("too-large"), "{said:?}");
    }
}

#[test]
fn aliases_cannot_multiply_a_document() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in ('b'..='i').zip('a'..='h') {
        text +=
            &format!("{name}: &{name} [*{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}]\n");
    }
    let (root, said) = read(&text);
    assert_eq!((root, said.len()), (None, 1), "{said:?}");
    assert!(said[0].contains("too-large"), "{said:?}");
}

#[test]
fn places_cover_scalars_and_keys() {
    let text = "ü: [10, 'x', yy]\nb: |\n  text\nc: &x 1\nd: *x\n";
    let mut sources = Sources::default();
    let file = sources.add("a.yaml", text);
    let root = parse(file, text).root.expect("it is a document");
    let entries = root.entries().expect("it is a mapping");
    let keys: Vec<_> = entries.iter().map(|e| sources.text(e.key_span)).collect();
    assert_eq!(keys, ["ü", "b", "c", "d"]);
    let list = entries[0].value.elements().expect("it is a list");
    let covered: Vec<_> = list.iter().map(|e| sources.text(e.span)).collect();
    assert_eq!(covered, ["10", "'x'", "yy"]);
    assert_eq!(sources.place(entries[3].value.span), "a.yaml:5:4");
}
