//! Which Rust type each schema became, as the generated client says it: the methods are public, and what they are made by is not asked.

use std::collections::BTreeMap;

use dovetail_codegen::Package;

use super::schema::Way;
use super::subject::number;

/// The types of the operations of a client.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// What is tried, in the order of the schemas.
    pub(super) lanes: Vec<Lane>,
    /// Schemas of which nothing can be tried, and why.
    pub(super) refused: BTreeMap<usize, String>,
    /// What the types are written with, as items of another crate.
    pub(super) imports: String,
}

/// A type of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    /// The number of the schema.
    pub(super) subject: usize,
    pub(super) way: Way,
    pub(super) ty: String,
}

/// Reads the methods of a client.
pub(super) fn read(package: &Package, subjects: usize) -> Types {
    let mut found = Types::default();
    let mut types = BTreeMap::new();
    let krate = package.name.replace('-', "_");
    for (path, text) in &package.files {
        if !path.starts_with("src/") || !path.ends_with(".rs") {
            continue;
        }
        let before = types.len();
        for (at, head) in text.match_indices("pub async fn ") {
            let rest = text.get(at + head.len()..).unwrap_or_default();
            let named = rest.split_once('(').and_then(|(name, rest)| {
                Some((number(name).filter(|index| *index < subjects)?, rest))
            });
            if let Some((index, rest)) = named {
                types.insert(index, method(rest));
            }
        }
        if types.len() > before {
            found.imports.push_str(&imports(text, &krate));
        }
    }
    for subject in 0..subjects {
        let lane = |way, ty| Lane { subject, way, ty };
        match types.remove(&subject) {
            Some(Ok((sent, received))) if sent == received => {
                found.lanes.push(lane(Way::Both, received));
            }
            Some(Ok((sent, received))) => {
                found.lanes.push(lane(Way::Sent, sent));
                found.lanes.push(lane(Way::Received, received));
            }
            Some(Err(reason)) => drop(found.refused.insert(subject, reason)),
            None => drop(
                found
                    .refused
                    .insert(subject, "no method takes it".to_owned()),
            ),
        }
    }
    found
}

/// The types that a method takes and returns, from the text after the bracket of its arguments.
fn method(text: &str) -> Result<(String, String), String> {
    let arguments = until_closed(text);
    let body = split(arguments)
        .into_iter()
        .find_map(|argument| argument.trim().strip_prefix("body:"));
    let (_, after) = text
        .split_once("-> Result<")
        .ok_or("its method returns no result")?;
    let returned = one_line(
        split(until_closed(after))
            .first()
            .copied()
            .unwrap_or_default(),
    );
    match body.map(owned) {
        _ if returned == "()" => Err("it becomes no type".to_owned()),
        Some(sent) if sent == returned || sent.contains("Request") => Ok((sent, returned)),
        Some(sent) => Err(format!(
            "it is sent as `{sent}` and received as `{returned}`"
        )),
        None => Err("its method takes no body".to_owned()),
    }
}

/// The type that an argument is borrowed from.
fn owned(argument: &str) -> String {
    let argument = one_line(argument);
    match argument.strip_prefix('&') {
        Some("str") => "String".to_owned(),
        Some(slice) => match slice
            .strip_prefix('[')
            .and_then(|slice| slice.strip_suffix(']'))
        {
            Some(element) => format!("Vec<{element}>"),
            None => slice.to_owned(),
        },
        None => argument,
    }
}

/// Formatting breaks long types over lines, with a comma after the last part.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .replace("< ", "<")
        .replace("( ", "(")
        .replace(", >", ">")
        .replace(",>", ">")
        .replace(", )", ")")
}

/// The text up to the bracket that closes what was open before it.
fn until_closed(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '<' | '{' => depth += 1,
            ')' | ']' | '>' | '}' if depth == 0 => return text.get(..at).unwrap_or(text),
            ')' | ']' | '>' | '}' => depth -= 1,
            _ => {}
        }
    }
    text
}

/// The parts between the commas that are in no bracket.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '<' | '{' => depth += 1,
            ')' | ']' | '>' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..).filter(|last| !last.trim().is_empty()));
    parts
}

/// The imports of a file, for another crate.
fn imports(text: &str, krate: &str) -> String {
    let mut kept = String::new();
    let mut is_open = false;
    for line in text.lines() {
        is_open |= line.starts_with("use ");
        if is_open {
            kept.push_str(&line.replace("use crate::", &format!("use {krate}::")));
            kept.push('\n');
            is_open = !line.ends_with(';');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_says_the_type() {
        let rows = [
            (
                "&self, body: &Shape) -> Result<Shape, Error<X>> {",
                Ok("Shape"),
            ),
            (
                "&self, body: &str) -> Result<String, Error<X>> {",
                Ok("String"),
            ),
            (
                "\n        &self,\n        body: &[Vec<i64>],\n    ) -> Result<Vec<Vec<i64>>, Error<X>> {",
                Ok("Vec<Vec<i64>>"),
            ),
            (
                "&self, body: &[ShapeRequest]) -> Result<Vec<Shape>, Error<X>> {",
                Ok("Vec<Shape>"),
            ),
            ("&self, body: Uuid) -> Result<Uuid, Error<X>> {", Ok("Uuid")),
            (
                "&self, body: &(String, i64)) -> Result<(String, i64), Error<X>> {",
                Ok("(String, i64)"),
            ),
            (
                "&self, body: &BTreeMap<\n            String,\n            Value,\n        >) -> Result<BTreeMap<String, Value>, Error<X>> {",
                Ok("BTreeMap<String, Value>"),
            ),
            ("&self, body: &A) -> Result<(), Error<X>> {", Err("no type")),
            (
                "&self, body: &A) -> Result<B, Error<X>> {",
                Err("sent as `A` and received as `B`"),
            ),
            ("&self) -> Result<B, Error<X>> {", Err("no body")),
        ];
        for (text, expected) in rows {
            match (method(text), expected) {
                (Ok((sent, said)), Ok(expected)) => {
                    assert_eq!(said, expected);
                    assert_eq!(sent.replace("Request", ""), expected);
                }
                (Err(said), Err(part)) => assert!(said.contains(part), "{said}"),
                (said, expected) => panic!("{text}: {said:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn imports_lead_into_the_crate() {
        let text = "//! x\nuse std::fmt;\n\nuse crate::types::{\n    A,\n    B,\n};\nfn f() {}\n";
        assert_eq!(
            imports(text, "k"),
            "use std::fmt;\nuse k::types::{\n    A,\n    B,\n};\n"
        );
    }
}
