//! Whether two JSON texts say the same, to the last digit.
//!
//! Numbers are compared as they are written, not as machine numbers: 0.1 is 1e-1, and 9007199254740993 is not 9007199254740992.

use anyhow::{Result, bail};
use dovetail_contract::load::parse_text;
use dovetail_contract::load::tree::{Entry, Node, NodeValue};

/// One form for all texts that say the same: members sorted, no blanks, numbers as digits and a power of ten.
pub(super) fn canonical(json: &str) -> Result<String> {
    let parsed = parse_text("value.json", json);
    match (parsed.root, parsed.findings.first()) {
        (Some(root), None) => {
            let mut text = String::new();
            write(&root, &mut text);
            Ok(text)
        }
        (_, finding) => bail!(
            "it is not JSON: {}",
            finding.map_or("nothing is there", |finding| finding.message.as_str())
        ),
    }
}

fn write(node: &Node, out: &mut String) {
    match &node.value {
        NodeValue::Null => out.push_str("null"),
        NodeValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        NodeValue::Number(text) => out.push_str(&number(text)),
        NodeValue::String(text) => out.push_str(&quoted(text)),
        NodeValue::Sequence(elements) => {
            out.push('[');
            for element in elements {
                write(element, out);
                out.push(',');
            }
            out.push(']');
        }
        NodeValue::Mapping(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|a, b| a.key.cmp(&b.key));
            out.push('{');
            for entry in sorted {
                out.push_str(&quoted(&entry.key));
                out.push(':');
                write(&entry.value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

/// Where two JSON texts first say something else, and what each says there, cut short.
pub(super) fn difference(before: &str, after: &str) -> String {
    let root = |text| parse_text("value.json", text).root;
    match (root(before), root(after)) {
        (Some(before), Some(after)) => {
            differs("$", &before, &after).unwrap_or_else(|| "nothing differs".to_owned())
        }
        _ => "one of them is not JSON".to_owned(),
    }
}

fn differs(place: &str, before: &Node, after: &Node) -> Option<String> {
    match (&before.value, &after.value) {
        (NodeValue::Mapping(members), NodeValue::Mapping(others)) => {
            let inner = members.iter().find_map(|entry| {
                let place = format!("{place}.{}", entry.key);
                match after.get(&entry.key) {
                    Some(other) => differs(&place, &entry.value, other),
                    None => Some(format!("`{place}` is gone: {}", short(&entry.value))),
                }
            });
            let is_new = |entry: &&Entry| before.get(&entry.key).is_none();
            inner.or_else(|| {
                let new = others.iter().find(is_new)?;
                Some(format!(
                    "`{place}.{}` is new: {}",
                    new.key,
                    short(&new.value)
                ))
            })
        }
        (NodeValue::Sequence(elements), NodeValue::Sequence(others))
            if elements.len() == others.len() =>
        {
            let pairs = elements.iter().zip(others).enumerate();
            let mut differences = pairs.filter_map(|(index, (element, other))| {
                differs(&format!("{place}[{index}]"), element, other)
            });
            differences.next()
        }
        _ => {
            let (was, is) = (short(before), short(after));
            (was != is).then(|| format!("`{place}` was {was} and is {is}"))
        }
    }
}

/// One form of a value, cut short.
fn short(node: &Node) -> String {
    /// Characters that still fit on a line.
    const SHOWN_MAX: usize = 80;
    let mut text = String::new();
    write(node, &mut text);
    text.chars().take(SHOWN_MAX).collect()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A number as its digits, without zeros on either side, and the power of ten that they count.
fn number(text: &str) -> String {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    let zeros = digits.len() - trimmed.len();
    let trimmed = trimmed.trim_start_matches('0');
    if trimmed.is_empty() {
        return "0".to_owned();
    }
    // An exponent beyond all counting stays as it is written: only equal texts are equal then.
    match exponent.parse::<i128>() {
        Ok(exponent) => {
            let length = |count: usize| i128::try_from(count).unwrap_or(i128::MAX);
            let power = exponent - length(fraction.len()) + length(zeros);
            format!("{sign}{trimmed}e{power}")
        }
        Err(_) => format!("{sign}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_where_every_digit_is() {
        let rows = [
            ("1", "1.0", true),
            ("0.1", "1e-1", true),
            ("100", "1E+2", true),
            ("-0", "0", true),
            ("9007199254740993", "9007199254740992", false),
            ("0.30000000000000004", "0.3", false),
            ("1", "-1", false),
            ("10", "1", false),
        ];
        for (a, b, same) in rows {
            assert_eq!(
                canonical(a).unwrap() == canonical(b).unwrap(),
                same,
                "{a} {b}"
            );
        }
    }

    #[test]
    fn members_are_the_same_in_any_order_and_elements_are_not() {
        let same = |a, b| canonical(a).unwrap() == canonical(b).unwrap();
        assert!(same(
            r#"{"a": 1, "b": [true, null]}"#,
            r#"{"b":[true,null],"a":1}"#
        ));
        assert!(!same("[1, 2]", "[2, 1]"));
        assert!(!same(r#"["1"]"#, "[1]"));
        assert!(!same(r#"{"a": null}"#, "{}"));
    }

    #[test]
    fn the_first_difference_is_shown_with_its_place() {
        let rows = [
            (
                r#"{"a": [1, 2]}"#,
                r#"{"a": [1, 3]}"#,
                "`$.a[1]` was 2e0 and is 3e0",
            ),
            (
                r#"{"a": 1, "b": "x"}"#,
                r#"{"a": 1}"#,
                "`$.b` is gone: \"x\"",
            ),
            (
                r#"{"a": 1}"#,
                r#"{"a": 1.0, "b": null}"#,
                "`$.b` is new: null",
            ),
            ("[1]", "[]", "`$` was [1e0,] and is []"),
        ];
        for (before, after, expected) in rows {
            assert_eq!(difference(before, after), expected);
        }
    }

    #[test]
    fn what_is_no_json_has_no_form() {
        assert!(canonical("{").is_err());
        assert!(canonical(r#"{"a": 1, "a": 1}"#).is_err());
    }
}
