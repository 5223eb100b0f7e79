//! Trees of values with keys in order, and how they are written as YAML and JSON.

use serde_json::Value;

/// A value of a document that is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as JSON writes it.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// Keys with values, in this order. Whoever builds it keeps keys unique.
    Map(Vec<(String, Self)>),
}

/// Spaces for each level.
const INDENT: &str = "  ";

/// Words that YAML takes for something else than text, in one version or another.
const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

impl Item {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A reference to another place of the document.
    #[must_use]
    pub fn reference(pointer: &str) -> Self {
        Self::Map(vec![("$ref".to_owned(), Self::text(pointer))])
    }

    /// The value of a key, if it is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => {
                let found = entries.iter().find(|(known, _)| known == key);
                found.map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// As a YAML document, without a mark at its begin.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        write_block(&mut out, self, 0);
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }

    /// As a JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        write_json(&mut out, self, 0);
        out.push('\n');
        out
    }

    fn is_filled(&self) -> bool {
        match self {
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            _ => false,
        }
    }
}

impl From<&Value> for Item {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(entries) => {
                let entries = entries.iter();
                Self::Map(
                    entries
                        .map(|(key, value)| (key.clone(), value.into()))
                        .collect(),
                )
            }
        }
    }
}

/// Writes what begins at the current place of a line, with everything after the first line below it.
fn write_block(out: &mut String, item: &Item, depth: usize) {
    match item {
        Item::Map(entries) if item.is_filled() => {
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    indent(out, depth);
                }
                out.push_str(&scalar(key));
                out.push(':');
                write_below(out, value, depth);
            }
        }
        Item::List(items) if item.is_filled() => {
            for (index, value) in items.iter().enumerate() {
                if index > 0 {
                    indent(out, depth);
                }
                out.push_str("- ");
                match value.is_filled() {
                    true => write_block(out, value, depth + 1),
                    false => write_scalar(out, value, depth),
                }
            }
        }
        scalar => write_scalar(out, scalar, depth),
    }
}

/// Writes the value of a key, after its colon.
fn write_below(out: &mut String, value: &Item, depth: usize) {
    if value.is_filled() {
        out.push('\n');
        indent(out, depth + 1);
        write_block(out, value, depth + 1);
    } else {
        out.push(' ');
        write_scalar(out, value, depth);
    }
}

/// Writes what stands on one line, or text as a block, and ends the line.
fn write_scalar(out: &mut String, item: &Item, depth: usize) {
    match item {
        Item::Text(text) if is_block(text) => {
            out.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
            for line in text.lines() {
                if !line.is_empty() {
                    indent(out, depth + 1);
                    out.push_str(line);
                }
                out.push('\n');
            }
            return;
        }
        Item::Text(text) => out.push_str(&scalar(text)),
        Item::Null => out.push_str("null"),
        Item::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Item::Number(number) => out.push_str(number),
        Item::List(_) => out.push_str("[]"),
        Item::Map(_) => out.push_str("{}"),
    }
    out.push('\n');
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str(INDENT);
    }
}

/// Whether a text is written as a block of lines: where nothing of it would be lost or taken for something else.
fn is_block(text: &str) -> bool {
    let is_plain = |line: &str| {
        line.is_empty()
            || (!line.starts_with([' ', '\t', '#', '%']) && !line.ends_with([' ', '\t']))
    };
    let mut lines = text.split('\n');
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with('\n')
        && !text.ends_with("\n\n")
        && lines.all(|line| is_plain(line) && line.chars().all(is_shown))
        && !text.lines().any(|line| matches!(line, "---" | "..."))
}

/// Whether a character may stand in YAML as it is.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}'
        )
}

/// Text on one line: as it is where nothing else can be meant, and in quotes elsewhere.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./+$ -".contains(c);
    let lower = text.to_ascii_lowercase();
    let is_word = WORDS.contains(&lower.as_str());
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || "_$".contains(c));
    let ends = text.ends_with(|c: char| c.is_ascii_alphanumeric() || "_.".contains(c));
    if begins && ends && !is_word && text.chars().all(is_plain) {
        return text.to_owned();
    }
    quoted(text)
}

/// Text as JSON writes it, which YAML reads as well.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_shown(c) => out.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

fn write_json(out: &mut String, item: &Item, depth: usize) {
    match item {
        Item::Map(entries) if item.is_filled() => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ",\n" } else { "\n" });
                indent(out, depth + 1);
                out.push_str(&quoted(key));
                out.push_str(": ");
                write_json(out, value, depth + 1);
            }
            out.push('\n');
            indent(out, depth);
            out.push('}');
        }
        Item::List(items) if item.is_filled() => {
            out.push('[');
            for (index, value) in items.iter().enumerate() {
                out.push_str(if index > 0 { ",\n" } else { "\n" });
                indent(out, depth + 1);
                write_json(out, value, depth + 1);
            }
            out.push('\n');
            indent(out, depth);
            out.push(']');
        }
        Item::Text(text) => out.push_str(&quoted(text)),
        Item::Null => out.push_str("null"),
        Item::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Item::Number(number) => out.push_str(number),
        Item::List(_) => out.push_str("[]"),
        Item::Map(_) => out.push_str("{}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::parse_text;

    fn is_read_back(value: &Value) {
        let item = Item::from(value);
        for (path, text) in [("a.yaml", item.to_yaml()), ("a.json", item.to_json())] {
            let parsed = parse_text(path, &text);
            assert_eq!(parsed.findings, [], "{text}");
            let read = parsed.root.expect("it is a document").to_json();
            assert_eq!(read, *value, "{text}");
        }
    }

    #[test]
    fn every_text_comes_back_as_it_was() {
        let texts = [
            "",
            " ",
            "a",
            "a b",
            "a: b",
            "- a",
            "null",
            "Yes",
            "off",
            "1",
            "1e3",
            "0x1f",
            ".5",
            "~",
            "#a",
            "a #b",
            "a\nb",
            "a\nb\n",
            "a\n\nb",
            "\na",
            "a\n ",
            " a\nb",
            "a\n\tb",
            "a\n\n",
            "a\r\nb",
            "---\na",
            "a\n---",
            "a\n...",
            "\u{0}",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{1f600}",
            "\"",
            "\\",
            "{a}",
            "[a]",
            "*a",
            "&a",
            "!a",
            "%a\nb",
            "a\n#b",
            "@a",
            "`a`",
            "a,b",
            "2001-01-01",
            "12:30",
            "é",
            "=",
            "<<",
            "a-",
            "-",
            "_",
            "a\u{a0}b",
            "a:\nb",
        ];
        for text in texts {
            let key = if text.is_empty() { "empty" } else { text };
            is_read_back(
                &serde_json::json!({ key: text, "in a list": [text, [text, [1.5, null]]] }),
            );
        }
    }

    #[test]
    fn a_tree_is_written_in_its_order() {
        let entry = |key: &str, item| (key.to_owned(), item);
        let inner = Item::Map(vec![
            entry("b", Item::Null),
            entry("a", Item::List(vec![Item::Bool(true), Item::Map(vec![])])),
        ]);
        let item = Item::Map(vec![
            entry("z", Item::List(vec![inner.clone(), inner])),
            entry("a", Item::Number("1.50".to_owned())),
            entry("text", Item::text("one\n\n# not\ntwo")),
            entry("block", Item::text("one\n\ntwo\n")),
            entry("none", Item::List(vec![])),
        ]);
        insta::assert_snapshot!(item.to_yaml(), @r##"
        z:
          - b: null
            a:
              - true
              - {}
          - b: null
            a:
              - true
              - {}
        a: 1.50
        text: "one\n\n# not\ntwo"
        block: |
          one

          two
        none: []
        "##);
    }
}
