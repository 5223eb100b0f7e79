//! OpenAPI's styles: how the value of a parameter becomes text.
//!
//! What is written is what the generated client writes for the same value, so that a replay proves what will be sent.

use dovetail_contract::contract::Style;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Everything but the unreserved characters of RFC 3986.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Reserved characters that may stay in a query without changing which parameters it has.
const RESERVED: &AsciiSet = &VALUE
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';');

/// What a path template may hold between its parameters. A `%` stands for itself only where it begins no escape, which is the author's to say.
const PATH_LITERAL: &AsciiSet = &RESERVED
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'%')
    .add(b'?')
    .add(b'\'');

/// Objects inside objects that `deepObject` writes; deeper ones are written as JSON.
const DEPTH_MAX: usize = 16;

/// Percent-encodes a value.
pub(super) fn encode(text: &str, allow_reserved: bool) -> String {
    utf8_percent_encode(text, if allow_reserved { RESERVED } else { VALUE }).to_string()
}

/// Percent-encodes what stands between the parameters of a path template.
pub(super) fn encode_path_literal(text: &str) -> String {
    utf8_percent_encode(text, PATH_LITERAL).to_string()
}

/// A path parameter, encoded.
pub(super) fn path(name: &str, style: Style, explode: bool, value: &Value) -> String {
    let name = encode(name, false);
    let (prefix, separator) = match style {
        Style::Label => (".", if explode { "." } else { "," }),
        Style::Matrix => (";", if explode { ";" } else { "," }),
        _ => ("", ","),
    };
    let is_matrix = style == Style::Matrix;
    let named = |text: String| match (is_matrix, text.is_empty()) {
        (true, true) => name.clone(),
        (true, false) => format!("{name}={text}"),
        (false, _) => text,
    };
    let encoded = |value: &Value| encode(&scalar(value), false);
    let text = match &present(value) {
        Value::Array(items) if is_matrix && explode => {
            let parts: Vec<String> = items.iter().map(|item| named(encoded(item))).collect();
            parts.join(separator)
        }
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().map(encoded).collect();
            named(parts.join(separator))
        }
        Value::Object(fields) => {
            let between = if explode { "=" } else { "," };
            let part = |(key, field): (&String, &Value)| {
                format!("{}{between}{}", encode(key, false), encoded(field))
            };
            let parts: Vec<String> = fields.iter().map(part).collect();
            let joined = parts.join(separator);
            if explode { joined } else { named(joined) }
        }
        // Nothing to write; the caller refuses an empty segment.
        Value::Null => String::new(),
        value => named(encoded(value)),
    };
    if text.is_empty() {
        text
    } else {
        format!("{prefix}{text}")
    }
}

/// A query parameter, a cookie or a field of a form as encoded pairs. What is null is not sent.
pub(super) fn pairs(
    name: &str,
    style: Style,
    explode: bool,
    allow_reserved: bool,
    value: &Value,
) -> Vec<(String, String)> {
    let encode_value = |value: &Value| encode(&scalar(value), allow_reserved);
    let encoded_name = encode(name, false);
    let separator = match style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        _ => ",",
    };
    if style == Style::DeepObject {
        let mut pairs = Vec::new();
        deep(&encoded_name, value, allow_reserved, DEPTH_MAX, &mut pairs);
        return pairs;
    }
    match &present(value) {
        Value::Null => Vec::new(),
        Value::Array(items) if explode => {
            let pair = |item| (encoded_name.clone(), encode_value(item));
            items.iter().map(pair).collect()
        }
        Value::Object(fields) if explode => {
            let pair = |(key, field): (&String, &Value)| (encode(key, false), encode_value(field));
            fields.iter().map(pair).collect()
        }
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().map(encode_value).collect();
            vec![(encoded_name, parts.join(separator))]
        }
        Value::Object(fields) => {
            let part = |(key, field): (&String, &Value)| [encode(key, false), encode_value(field)];
            let parts: Vec<String> = fields.iter().flat_map(part).collect();
            vec![(encoded_name, parts.join(separator))]
        }
        value => vec![(encoded_name, encode_value(value))],
    }
}

/// A field of a form of which the contract says nothing: lists are repeated, and what is nested deeper is JSON.
pub(super) fn form_field(name: &str, value: &Value) -> Vec<(String, String)> {
    let composite = |value: &Value| value.is_object() || value.is_array();
    let nested = match value {
        Value::Array(items) => items.iter().any(composite),
        value => value.is_object(),
    };
    if nested {
        return vec![(encode(name, false), encode(&value.to_string(), false))];
    }
    pairs(name, Style::Form, true, false, value)
}

/// A header. Its syntax has no escapes, so nothing is encoded; what a header cannot hold is refused when it is made.
pub(super) fn header(explode: bool, value: &Value) -> String {
    match &present(value) {
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().map(scalar).collect();
            parts.join(",")
        }
        Value::Object(fields) => {
            let between = if explode { "=" } else { "," };
            let part = |(key, field): (&String, &Value)| format!("{key}{between}{}", scalar(field));
            let parts: Vec<String> = fields.iter().map(part).collect();
            parts.join(",")
        }
        Value::Null => String::new(),
        value => scalar(value),
    }
}

/// Encoded pairs as one text.
pub(super) fn join_pairs(pairs: &[(String, String)], separator: &str) -> String {
    let parts: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parts.join(separator)
}

fn deep(
    name: &str,
    value: &Value,
    allow_reserved: bool,
    depth: usize,
    pairs: &mut Vec<(String, String)>,
) {
    match value {
        Value::Null => {}
        Value::Object(fields) if depth > 0 => {
            for (key, field) in fields {
                let name = format!("{name}%5B{}%5D", encode(key, false));
                deep(&name, field, allow_reserved, depth - 1, pairs);
            }
        }
        // The style says nothing of lists; an index is what stays readable where objects stand in them.
        Value::Array(items) if depth > 0 => {
            for (index, item) in items.iter().enumerate() {
                let name = format!("{name}%5B{index}%5D");
                deep(&name, item, allow_reserved, depth - 1, pairs);
            }
        }
        value => pairs.push((name.to_owned(), encode(&scalar(value), allow_reserved))),
    }
}

/// What of a value is sent: nothing of what is null, and nothing of an empty list or object.
fn present(value: &Value) -> Value {
    let present = match value {
        Value::Array(items) => items
            .iter()
            .filter(|item| !item.is_null())
            .cloned()
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(name, field)| (name.clone(), field.clone()))
            .collect(),
        value => value.clone(),
    };
    if present == serde_json::json!([]) || present == serde_json::json!({}) {
        Value::Null
    } else {
        present
    }
}

/// A value as text: text as it is, anything else as JSON.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn path_styles_are_those_of_the_specification() {
        let (array, object) = (json!(["a", "b c"]), json!({ "G": 2, "R": 1 }));
        let rows = [
            (Style::Simple, false, &json!("a/b"), "a%2Fb"),
            (Style::Simple, false, &array, "a,b%20c"),
            (Style::Simple, true, &array, "a,b%20c"),
            (Style::Simple, false, &object, "G,2,R,1"),
            (Style::Simple, true, &object, "G=2,R=1"),
            (Style::Label, false, &json!(5), ".5"),
            (Style::Label, false, &array, ".a,b%20c"),
            (Style::Label, true, &array, ".a.b%20c"),
            (Style::Label, true, &object, ".G=2.R=1"),
            (Style::Matrix, false, &json!(5), ";id=5"),
            (Style::Matrix, false, &json!(""), ";id"),
            (Style::Matrix, false, &array, ";id=a,b%20c"),
            (Style::Matrix, true, &array, ";id=a;id=b%20c"),
            (Style::Matrix, false, &object, ";id=G,2,R,1"),
            (Style::Matrix, true, &object, ";G=2;R=1"),
        ];
        for (style, explode, value, text) in rows {
            assert_eq!(
                path("id", style, explode, value),
                text,
                "{style:?} {explode}"
            );
        }
    }

    #[test]
    fn query_styles_are_those_of_the_specification() {
        let (array, object) = (json!(["a", "b&c"]), json!({ "G": 2, "R": null }));
        let deep = json!({ "a": { "b": [1, 2] }, "c": "=" });
        let rows = [
            (Style::Form, true, &json!("a=b"), "x=a%3Db"),
            (Style::Form, true, &array, "x=a&x=b%26c"),
            (Style::Form, false, &array, "x=a,b%26c"),
            (Style::Form, true, &object, "G=2"),
            (Style::SpaceDelimited, false, &array, "x=a%20b%26c"),
            (Style::PipeDelimited, false, &array, "x=a%7Cb%26c"),
            (
                Style::DeepObject,
                true,
                &deep,
                "x%5Ba%5D%5Bb%5D%5B0%5D=1&x%5Ba%5D%5Bb%5D%5B1%5D=2&x%5Bc%5D=%3D",
            ),
            (Style::Form, true, &json!(null), ""),
            (Style::Form, false, &json!([]), ""),
            (Style::Form, false, &json!({ "a": null }), ""),
            (Style::Form, false, &json!([null, 1]), "x=1"),
        ];
        for (style, explode, value, text) in rows {
            let pairs = pairs("x", style, explode, false, value);
            assert_eq!(join_pairs(&pairs, "&"), text, "{style:?} {explode}");
        }
        let reserved = pairs("x", Style::Form, true, true, &json!("a/b?c&d#e"));
        assert_eq!(join_pairs(&reserved, "&"), "x=a/b?c%26d%23e");
    }
}
