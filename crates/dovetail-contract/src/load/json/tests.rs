//! What JSON is, and what is said where it is not.

use super::*;
use crate::source::Sources;

fn read(text: &str) -> (Option<Node>, Vec<String>) {
    let mut sources = Sources::default();
    let file = sources.add("a.json", text);
    let parsed = parse(file, text);
    let said = parsed.findings.iter().map(|finding| {
        let place = sources.place(finding.place.span);
        format!("{place} {}: {}", finding.code.id, finding.message)
    });
    (parsed.root, said.collect())
}

#[test]
fn values_are_read_with_numbers_as_they_were_written() {
    let rows = [
        ("null", "null"),
        (" true ", "true"),
        ("\"a\\u00fc\\ud83e\\udd80\\n\\/\"", "\"aü🦀\\n/\""),
        ("[1, -0, 1.50, 2E+3]", "[1,-0,1.50,2E+3]"),
        ("18446744073709551616", "18446744073709551616"),
        ("1e999", "1e999"),
        ("{\"a\":{\"b\":[]},\"c\":{}}", "{\"a\":{\"b\":[]},\"c\":{}}"),
        ("{\"\":1,\"a/b\":2}", "{\"\":1,\"a/b\":2}"),
    ];
    for (text, expected) in rows {
        let (root, said) = read(text);
        assert_eq!(said, Vec::<String>::new(), "{text}");
        let root = root.expect("it is a document");
        assert_eq!(write(&root), expected, "{text}");
    }
}

#[test]
fn every_departure_has_its_place() {
    let rows = [
        ("", "a.json:1:1 empty-file: the file is empty"),
        (" \n\t", "a.json:1:1 empty-file: the file is empty"),
        ("{", "a.json:1:2 json-syntax: unexpected end of the file"),
        ("[1,]", "a.json:1:4 json-syntax: unexpected ']'"),
        ("{\"a\":1,}", "a.json:1:8 json-syntax: unexpected '}'"),
        ("{a:1}", "a.json:1:2 json-syntax: unexpected 'a'"),
        ("{'a':1}", "a.json:1:2 json-syntax: unexpected '\\''"),
        ("{\"a\" 1}", "a.json:1:6 json-syntax: unexpected '1'"),
        ("[1 2]", "a.json:1:4 json-syntax: unexpected '2'"),
        ("1 1", "a.json:1:3 json-syntax: unexpected '1'"),
        ("{}\n// c", "a.json:2:1 json-syntax: unexpected '/'"),
        ("nul", "a.json:1:1 json-syntax: unexpected 'n'"),
        ("nulls", "a.json:1:1 json-syntax: unexpected 'n'"),
        ("NaN", "a.json:1:1 json-syntax: unexpected 'N'"),
        ("-", "a.json:1:2 json-syntax: unexpected end of the file"),
        ("01", "a.json:1:1 json-syntax: a number begins with zero"),
        ("-00", "a.json:1:1 json-syntax: a number begins with zero"),
        ("1.", "a.json:1:3 json-syntax: unexpected end of the file"),
        (".5", "a.json:1:1 json-syntax: unexpected '.'"),
        ("1e", "a.json:1:3 json-syntax: unexpected end of the file"),
        ("+1", "a.json:1:1 json-syntax: unexpected '+'"),
        ("\"a", "a.json:1:1 json-syntax: a string is never closed"),
        (
            "\"a\nb\"",
            "a.json:1:3 json-syntax: a string holds the control character U+000A as it is",
        ),
        (
            "\"a\\x\"",
            "a.json:1:3 json-syntax: a backslash is followed by no escape of JSON",
        ),
        (
            "\"\\u12\"",
            "a.json:1:2 json-syntax: `\\u` is not followed by a code",
        ),
        (
            "\"\\u+123\"",
            "a.json:1:2 json-syntax: `\\u` is not followed by a code",
        ),
        (
            "\"\\ud800\"",
            "a.json:1:2 json-syntax: half of a surrogate pair stands alone",
        ),
        (
            "\"\\udc00\"",
            "a.json:1:2 json-syntax: half of a surrogate pair stands alone",
        ),
        (
            "\"\\ud800\\u0041\"",
            "a.json:1:2 json-syntax: half of a surrogate pair stands alone",
        ),
        (
            "\u{FEFF}{}",
            "a.json:1:1 json-syntax: unexpected '\\u{feff}'",
        ),
        ("[\"ü\" x]", "a.json:1:6 json-syntax: unexpected 'x'"),
    ];
    for (text, expected) in rows {
        assert_eq!(read(text), (None, vec![expected.to_owned()]), "{text}");
    }
}

#[test]
fn a_key_that_stands_twice_is_said_and_its_first_value_kept() {
    let many: String = (0..20).map(|n| format!("\"k{n}\":{n},")).collect();
    let rows = [
        ("{\"a\":1,\"b\":2,\"a\":3}".to_owned(), "\"a\":1"),
        (format!("{{{many}\"k3\":99}}"), "\"k3\":3"),
    ];
    for (text, kept) in rows {
        let (root, said) = read(&text);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("duplicate-key"), "{said:?}");
        let written = write(&root.expect("it is a document"));
        assert!(
            written.contains(kept) && !written.contains("99"),
            "{written}"
        );
    }
}

#[test]
fn nesting_has_a_limit_and_no_stack_of_its_own_to_lose() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read(&nested(DEPTH_MAX)).1, Vec::<String>::new());
    let expected = "a.json:1:129 too-large: the document is nested deeper than 128 levels";
    for text in [
        nested(DEPTH_MAX + 1),
        "[".repeat(100_000),
        "[".repeat(DEPTH_MAX) + &"{\"a\":".repeat(50_000),
    ] {
        assert_eq!(read(&text), (None, vec![expected.to_owned()]));
    }
}

#[test]
fn places_cover_scalars_and_the_beginning_of_the_rest() {
    let text = "{\"a\": [10, \"x\"]}";
    let mut sources = Sources::default();
    let file = sources.add("a.json", text);
    let root = parse(file, text).root.expect("it is a document");
    let entry = root.entry("a").expect("the key is there");
    let elements = entry.value.elements().expect("it is a list");
    let covered = [
        entry.key_span,
        entry.value.span,
        elements[0].span,
        elements[1].span,
    ];
    assert_eq!(
        covered.map(|span| sources.text(span)),
        ["\"a\"", "[", "10", "\"x\""]
    );
}

/// The tree as JSON again, with numbers as they are kept.
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
                .map(|entry| format!("{}:{}", serde_json::json!(entry.key), write(&entry.value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        _ => node.to_json().to_string(),
    }
}
