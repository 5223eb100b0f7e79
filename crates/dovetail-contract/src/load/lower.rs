//! Reading the tree by hand: each reader takes a node, returns what it could read, and pushes a finding for what it could not.
//!
//! Contract files are strict. A mapping declares its keys once, as [`Keys`]; whatever else it holds is a finding with a suggestion.

use indexmap::IndexMap;

use super::files::Files;
use super::tree::{Entry, Node, NodeValue};
use crate::codes;
use crate::finding::Finding;
use crate::policy::Duration;
use crate::source::{Span, Spanned};

/// The keys of one kind of mapping. The JSON Schemas for editors are held against these in a test.
#[derive(Debug)]
pub(crate) struct Keys {
    /// What the mapping is, for messages: `a service`.
    pub(crate) what: &'static str,
    /// Every key that it may have.
    pub(crate) known: &'static [&'static str],
    /// Those that it must have.
    pub(crate) required: &'static [&'static str],
}

/// The entries of a mapping whose keys are declared. Says what is unknown and what is missing.
pub(crate) fn mapping<'a>(files: &mut Files, node: &'a Node, keys: &Keys) -> Option<&'a Node> {
    let entries = free_mapping(files, node, keys.what)?;
    for entry in entries
        .iter()
        .filter(|entry| !keys.known.contains(&entry.key.as_str()))
    {
        files.push(unknown_key(entry, keys));
    }
    for key in keys.required.iter().filter(|key| node.get(key).is_none()) {
        files.push(
            Finding::new(
                &codes::MISSING_KEY,
                node.span,
                format!("{} needs the key `{key}`", keys.what),
            )
            .expected(format!("`{key}:` with a value"))
            .help(format!("add `{key}: …` here")),
        );
    }
    Some(node)
}

/// A finding with what was probably meant among the names of an author, of which there may be many.
pub(crate) fn suggest<'a>(
    files: &Files,
    finding: Finding,
    said: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Finding {
    /// Most names that are looked at.
    const LOOKED_AT_MAX: usize = 1_000;
    if files.is_flooded() {
        return finding;
    }
    finding.did_you_mean(said, known.into_iter().take(LOOKED_AT_MAX))
}

fn unknown_key(entry: &Entry, keys: &Keys) -> Finding {
    let message = format!("{} has no key `{}`", keys.what, shorten(&entry.key));
    Finding::new(&codes::UNKNOWN_KEY, entry.key_span, message)
        .expected(format!("one of {}", list(keys.known)))
        .did_you_mean(&entry.key, keys.known.iter().copied())
}

/// The entries of a mapping whose keys are names of the author's.
pub(crate) fn free_mapping<'a>(
    files: &mut Files,
    node: &'a Node,
    what: &str,
) -> Option<&'a [Entry]> {
    let entries = node.entries();
    if entries.is_none() {
        files.push(wrong_type(node, &format!("{what}, which is a mapping")));
    }
    entries
}

/// The elements of a list.
pub(crate) fn list_of<'a>(files: &mut Files, node: &'a Node, what: &str) -> &'a [Node] {
    match node.elements() {
        Some(elements) => elements,
        None => {
            files.push(wrong_type(node, &format!("a list of {what}")));
            &[]
        }
    }
}

/// Text that is not empty.
pub(crate) fn text(files: &mut Files, node: &Node, what: &str) -> Option<Spanned<String>> {
    match &node.value {
        NodeValue::String(text) if !text.trim().is_empty() => {
            Some(Spanned::new(text.clone(), node.span))
        }
        NodeValue::Number(_) | NodeValue::Bool(_) => {
            files.push(wrong_type(node, what).help("put it in quotes to make it text"));
            None
        }
        _ => {
            files.push(wrong_type(node, what));
            None
        }
    }
}

/// A name that may become part of a path, a crate or an address.
pub(crate) fn slug(files: &mut Files, node: &Node, what: &str) -> Option<Spanned<String>> {
    let name = text(files, node, what)?;
    if is_slug(&name.value) {
        return Some(name);
    }
    files.push(
        Finding::new(
            &codes::INVALID_VALUE,
            name.span,
            format!("`{}` is not {what}", shorten(&name.value)),
        )
        .expected("up to 64 lower-case letters, digits and single hyphens, beginning with a letter")
        .help("write it like `order-history`"),
    );
    None
}

fn is_slug(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Whether a key is a name that channels and messages may have. Says so if not.
pub(crate) fn is_name(files: &mut Files, entry: &Entry, what: &str) -> bool {
    let is_name = fits_name(&entry.key);
    if !is_name {
        let message = format!("`{}` is not a name for {what}", shorten(&entry.key));
        files.push(
            Finding::new(&codes::INVALID_VALUE, entry.key_span, message)
                .expected("up to 128 letters, digits, `.`, `_` and `-`, from a letter to a letter or digit")
                .help("write it like `order.created`"),
        );
    }
    is_name
}

/// Whether a text is a name that channels and messages may have.
pub(crate) fn fits_name(name: &str) -> bool {
    const LENGTH_MAX: usize = 128;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.len() <= LENGTH_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(fits)
}

/// Whether what is of a media type is written as JSON.
pub(crate) fn is_json(media_type: &str) -> bool {
    let name = media_type.split(';').next().unwrap_or_default();
    let name = name.trim().to_ascii_lowercase();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c);
    let Some((kind, of_kind)) = name.split_once('/') else {
        return false;
    };
    let is_written_so = of_kind == "json" || of_kind.ends_with("+json");
    is_written_so
        && !kind.is_empty()
        && kind.chars().chain(of_kind.chars()).all(is_token)
        && !media_type.chars().any(char::is_control)
}

/// The same, without what looks like JSON and is an encoding of its own: Avro has one with tags around the branches of unions.
pub(crate) fn is_plain_json(media_type: &str) -> bool {
    is_json(media_type) && !media_type.to_ascii_lowercase().contains("avro")
}

/// A truth value.
pub(crate) fn boolean(files: &mut Files, node: &Node, what: &str) -> Option<bool> {
    let value = node.as_bool();
    if value.is_none() {
        files.push(wrong_type(node, &format!("`true` or `false` for {what}")));
    }
    value
}

/// A whole number within bounds, both included.
pub(crate) fn integer(
    files: &mut Files,
    node: &Node,
    what: &str,
    bounds: (u64, u64),
) -> Option<Spanned<u64>> {
    let value = match &node.value {
        NodeValue::Number(text) => text.parse::<u64>().ok(),
        _ => None,
    };
    let value = value.filter(|value| (bounds.0..=bounds.1).contains(value));
    if value.is_none() {
        files.push(wrong_type(
            node,
            &format!("{what}, a whole number from {} to {}", bounds.0, bounds.1),
        ));
    }
    value.map(|value| Spanned::new(value, node.span))
}

/// A share between 0 and 1, written as a number or as a percentage.
pub(crate) fn share(files: &mut Files, node: &Node, what: &str) -> Option<Spanned<f64>> {
    let value = match &node.value {
        NodeValue::Number(text) => text.parse::<f64>().ok(),
        NodeValue::String(text) => text
            .strip_suffix('%')
            .and_then(|text| text.trim().parse::<f64>().ok())
            .map(|percent| percent / 100.0),
        _ => None,
    };
    let value = value.filter(|value| (0.0..=1.0).contains(value));
    if value.is_none() {
        files.push(wrong_type(
            node,
            &format!("{what}, a share such as `0.5` or `50%`"),
        ));
    }
    value.map(|value| Spanned::new(value, node.span))
}

/// A length of time.
pub(crate) fn duration(files: &mut Files, node: &Node, what: &str) -> Option<Spanned<Duration>> {
    let value = node.as_str().and_then(Duration::parse);
    if value.is_none() {
        files.push(wrong_type(
            node,
            &format!("{what}, a length of time such as `300ms`, `1.5s` or `2m`"),
        ));
    }
    value.map(|value| Spanned::new(value, node.span))
}

/// One of a few words.
pub(crate) fn word<T: Copy>(
    files: &mut Files,
    node: &Node,
    what: &str,
    words: &[(&str, T)],
) -> Option<T> {
    let said = node.as_str().unwrap_or_default();
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == said) {
        return Some(*value);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let message = match node.as_str() {
        Some(said) => format!("`{}` is not {what}", shorten(said)),
        None => format!("{} is not {what}", node.kind()),
    };
    files.push(
        Finding::new(&codes::INVALID_VALUE, node.span, message)
            .expected(format!("one of {}", list(&known)))
            .did_you_mean(said, known.iter().copied()),
    );
    None
}

/// Reads the value of each key into a map, leaving out what could not be read.
pub(crate) fn map<T>(
    files: &mut Files,
    node: &Node,
    what: &str,
    mut read: impl FnMut(&mut Files, &Entry) -> Option<T>,
) -> IndexMap<String, T> {
    let mut map = IndexMap::new();
    for entry in free_mapping(files, node, what).unwrap_or_default() {
        if let Some(value) = read(files, entry) {
            map.insert(entry.key.clone(), value);
        }
    }
    map
}

/// A finding that says what stands here and what should.
pub(crate) fn wrong_type(node: &Node, expected: &str) -> Finding {
    let found = match &node.value {
        NodeValue::String(text) if text.trim().is_empty() => "empty text".to_owned(),
        NodeValue::String(text) | NodeValue::Number(text) => format!("`{}`", shorten(text)),
        NodeValue::Bool(value) => format!("`{value}`"),
        NodeValue::Null => "nothing".to_owned(),
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => node.kind().to_owned(),
    };
    Finding::new(
        &codes::WRONG_TYPE,
        node.span,
        format!("{found} does not fit here"),
    )
    .label(node.kind())
    .expected(expected)
}

/// The keys as a reader wants to see them.
pub(crate) fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Text of the author's, short enough for a message.
pub(crate) fn shorten(text: &str) -> String {
    const LENGTH_MAX: usize = 60;
    match text.char_indices().nth(LENGTH_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The place of a key, or of the whole mapping where the key is missing.
pub(crate) fn place_of(node: &Node, key: &str) -> Span {
    node.entry(key).map_or(node.span, |entry| entry.key_span)
}
