//! Words of contracts as YAML, JSON, `PromQL`, templates of Prometheus and arguments of a shell: the only way by which they get there.

use std::fmt::Write as _;

use crate::literal;

/// A YAML string of exactly this text, always quoted: singly where that spares escapes. What parsers refuse unless it is written by its
/// number is written so.
pub(super) fn yaml(text: &str) -> String {
    let has_marks = text.contains(['"', '\\']);
    if has_marks && !text.chars().any(needs_number) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            // Writing to a string cannot fail.
            _ if needs_number(c) => drop(write!(quoted, "\\u{:04x}", u32::from(c))),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Controls, breaks of lines and what is no character: all of them have four digits.
fn needs_number(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// A JSON string of exactly this text.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A string of `PromQL`, or of a matcher of Alertmanager, of exactly this text.
pub(super) fn promql(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{text}\"")
}

/// A template of Prometheus that prints exactly this text. Single braces count: they could become two with what follows.
pub(super) fn template(text: &str) -> String {
    text.replace('{', "{{ \"{\" }}")
}

/// An argument of a shell.
pub(super) fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// One line of what people read: no line breaks, nothing that cannot be seen.
pub(super) fn line(text: &str) -> String {
    literal::visible(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_contract_says_stays_text() {
        assert_eq!(yaml("a\"b\\c\nd\u{7}é"), "\"a\\\"b\\\\c\\nd\\u0007é\"");
        assert_eq!(yaml("\u{2028}\u{85}"), "\"\\u2028\\u0085\"");
        assert_eq!(yaml("it's {a=\"b\\n\"}"), "'it''s {a=\"b\\n\"}'");
        assert_eq!(yaml("it's"), "\"it's\"");
        assert_eq!(promql("a\"b\\\n"), "\"a\\\"b\\\\\\n\"");
        assert_eq!(template("{{ x }}"), "{{ \"{\" }}{{ \"{\" }} x }}");
        assert_eq!(shell("it's"), "'it'\\''s'");
    }
}
