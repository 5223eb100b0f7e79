//! `${name}` in what is sent and read: the place of a value that setting up a state returns.
//!
//! A rule puts the declared examples there, a replay the values of the running provider; both must mean the same by it.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

/// Values by name.
pub type Values = IndexMap<String, Value>;

/// The value with every `${name}` replaced. A string that is nothing else becomes the value itself, with its type.
///
/// # Errors
///
/// The first name that `values` lacks.
pub fn substitute(value: &Value, values: &Values) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => substitute_text(text, values)?,
        Value::Array(items) => items
            .iter()
            .map(|item| substitute(item, values))
            .collect::<Result<_, _>>()?,
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| Ok((name.clone(), substitute(field, values)?)))
            .collect::<Result<_, String>>()?,
        other => other.clone(),
    })
}

/// The names of all placeholders in a value, in alphabetical order.
#[must_use]
pub fn names(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => found.extend(parts(text).filter_map(|part| match part {
            Part::Name(name) => Some(name.to_owned()),
            Part::Text(_) => None,
        })),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn substitute_text(text: &str, values: &Values) -> Result<Value, String> {
    let find = |name: &str| values.get(name).ok_or_else(|| name.to_owned());
    let mut parts = parts(text).peekable();
    let mut out = String::new();
    let mut alone = true;
    while let Some(part) = parts.next() {
        match part {
            Part::Name(name) if alone && parts.peek().is_none() => return find(name).cloned(),
            Part::Name(name) => match find(name)? {
                Value::String(text) => out.push_str(text),
                other => out.push_str(&other.to_string()),
            },
            Part::Text(text) => out.push_str(text),
        }
        alone = false;
    }
    Ok(Value::String(out))
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// The text in pieces. What only looks like a placeholder, such as `${}` or `${a b}`, is text.
fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(at) = rest[from..].find("${").map(|at| from + at) {
            match name_at(&rest[at + 2..]) {
                Some(name) if at == 0 => {
                    rest = &rest[name.len() + 3..];
                    return Some(Part::Name(name));
                }
                Some(_) => {
                    let (before, after) = rest.split_at(at);
                    rest = after;
                    return Some(Part::Text(before));
                }
                None => from = at + 2,
            }
        }
        let all = rest;
        rest = "";
        Some(Part::Text(all))
    })
}

fn name_at(text: &str) -> Option<&str> {
    // Longer names are text: looking further would make a file of `${` slow.
    const LENGTH_MAX: usize = 64;
    let end = text
        .bytes()
        .take(LENGTH_MAX + 1)
        .position(|byte| byte == b'}')?;
    let name = &text[..end];
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_placeholder_alone_keeps_its_type_and_beside_text_becomes_text() {
        let values: Values = [
            ("id".to_owned(), json!(7)),
            ("name".to_owned(), json!("ada")),
            ("none".to_owned(), json!(null)),
        ]
        .into_iter()
        .collect();
        let rows = [
            (json!("${id}"), json!(7)),
            (json!("o-${id}/${name}"), json!("o-7/ada")),
            (json!("${name}${id}"), json!("ada7")),
            (
                json!(["${none}", { "a": "${id}!" }]),
                json!([null, { "a": "7!" }]),
            ),
            (json!("${} ${a b} $id ${"), json!("${} ${a b} $id ${")),
            (json!("${x ${id}"), json!("${x 7")),
            (json!(""), json!("")),
            (json!(1), json!(1)),
        ];
        for (value, becomes) in rows {
            assert_eq!(substitute(&value, &values), Ok(becomes), "{value}");
        }
        assert_eq!(
            substitute(&json!(["${other}"]), &values),
            Err("other".to_owned())
        );
    }

    #[test]
    fn names_are_found_wherever_text_stands() {
        let value = json!({ "a": ["${b}-${a}", 1], "c": { "d": "${c}" }, "${key}": "" });
        assert_eq!(
            names(&value).into_iter().collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
    }
}
