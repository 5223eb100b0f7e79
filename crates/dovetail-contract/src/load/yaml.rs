//! YAML to tree, by way of `serde_yaml`: the only module that names it, and the one place that decides what YAML means here.
//!
//! It means YAML 1.2's core schema: `no` and `010` are strings, numbers keep every digit that was written, and tags that say something else are
//! refused. The parser hands out machine numbers, so the text of each number is read again from its place.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_yaml::{Location, Options, Spanned};

use crate::codes;
use crate::finding::Finding;
use crate::load::parse::{DEPTH_MAX, Parsed, empty, keep_first};
use crate::load::tree::{Entry, Node, NodeValue};
use crate::source::{FileId, Span};

mod error;

/// Most aliases of a document.
const ALIASES_MAX: usize = 10_000;
/// Stack for [`DEPTH_MAX`] levels of the parser, which takes several frames for each. Only what is used of it costs memory.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Parses a text that holds one YAML document.
pub(crate) fn parse(file: FileId, text: &str) -> Parsed {
    let reader = Reader { file, text };
    // Callers may have small stacks, and how deep a document is shows only while it is read.
    let outcome = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || reader.parse())
            .map(std::thread::ScopedJoinHandle::join)
    });
    match outcome {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(_)) => Parsed::failed(reader.wrong(0, "the YAML reader failed on this text")),
        Err(_) => Parsed::failed(reader.wrong(0, "there is no memory to read this text")),
    }
}

struct Reader<'t> {
    file: FileId,
    text: &'t str,
}

impl Reader<'_> {
    fn parse(&self) -> Parsed {
        match serde_yaml::from_str_with_options::<Spanned<Raw>>(self.text, options(self.text)) {
            Ok(raw) if raw.value == Raw::Null => Parsed::failed(empty(self.file)),
            Ok(raw) => {
                let mut findings = Vec::new();
                let root = self.node(raw, &mut findings);
                Parsed {
                    root: Some(root),
                    findings,
                }
            }
            Err(error) => Parsed::failed(error::finding(&error, self)),
        }
    }

    fn node(&self, raw: Spanned<Raw>, findings: &mut Vec<Finding>) -> Node {
        let span = self.span(raw.referenced);
        let lexeme = self.lexeme(raw.defined);
        let value = match raw.value {
            Raw::Null => NodeValue::Null,
            Raw::Bool(value) => NodeValue::Bool(value),
            Raw::Unsigned(value) => NodeValue::Number(number(lexeme, value)),
            Raw::Signed(value) => NodeValue::Number(number(lexeme, value)),
            Raw::Float(value) => match number_text(lexeme) {
                Some(text) => NodeValue::Number(text),
                None if value.is_finite() => NodeValue::Number(number(lexeme, value)),
                None => {
                    findings.push(
                        Finding::new(
                            &codes::INVALID_VALUE,
                            span,
                            format!("`{lexeme}` is no number of JSON"),
                        )
                        .expected("a finite number")
                        .help("put it in quotes if it is meant as text"),
                    );
                    NodeValue::Null
                }
            },
            Raw::String(text) => {
                if self.is_binary(raw.defined) {
                    findings.push(
                        self.wrong_at(span, "the tag `!!binary` has no meaning here")
                            .expected("text, with the bytes encoded as base64"),
                    );
                }
                NodeValue::String(text)
            }
            Raw::Sequence(elements) => NodeValue::Sequence(
                elements
                    .into_iter()
                    .map(|element| self.node(element, findings))
                    .collect(),
            ),
            Raw::Mapping(pairs) => NodeValue::Mapping(self.entries(pairs, findings)),
        };
        Node { span, value }
    }

    fn entries(
        &self,
        pairs: Vec<(Spanned<Raw>, Spanned<Raw>)>,
        findings: &mut Vec<Finding>,
    ) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key_span = self.span(key.referenced);
            let value = self.node(value, findings);
            let key = match key.value {
                Raw::String(text) => text,
                Raw::Sequence(_) | Raw::Mapping(_) => {
                    let kind = "a list or mapping stands as a key";
                    findings.push(self.wrong_at(key_span, kind).expected("a plain key"));
                    continue;
                }
                // `200`, `true` and the like are keys as they are written.
                Raw::Null | Raw::Bool(_) | Raw::Unsigned(_) | Raw::Signed(_) | Raw::Float(_) => {
                    self.lexeme(key.defined).to_owned()
                }
            };
            entries.push(Entry {
                key,
                key_span,
                value,
            });
        }
        keep_first(&mut entries, findings);
        entries
    }

    fn span(&self, location: Location) -> Span {
        let narrow = |offset: Option<u64>| offset.and_then(|offset| usize::try_from(offset).ok());
        let start = narrow(location.span().byte_offset()).unwrap_or(0);
        let length = narrow(location.span().byte_len()).unwrap_or(0);
        let end = start.saturating_add(length).min(self.text.len());
        Span::new(self.file, start.min(end), end)
    }

    /// The text of a scalar as it was written.
    fn lexeme(&self, location: Location) -> &str {
        let span = self.span(location);
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
            .trim()
    }

    /// Whether `!!binary` stands before a scalar, possibly with an anchor between.
    fn is_binary(&self, location: Location) -> bool {
        let start = self.span(location).start as usize;
        let before = self.text.get(..start).unwrap_or_default();
        // A tag ends with a blank. Without one there is none, and looking for a word could go back to the beginning of a very long line.
        if !before.ends_with(char::is_whitespace) {
            return false;
        }
        let before = before.trim_end();
        let mut words = before.rsplit(char::is_whitespace).take(2);
        let is_tag = |word: &str| {
            let tag = word.trim_start_matches(['[', '{', ',']);
            tag.starts_with('!') && tag.trim_end_matches('>').ends_with("binary")
        };
        match words.next() {
            Some(word) if word.starts_with('&') => words.next().is_some_and(is_tag),
            Some(word) => is_tag(word),
            None => false,
        }
    }

    /// The place where the text ends.
    fn end(&self) -> Span {
        Span::new(self.file, self.text.len(), self.text.len())
    }

    /// The offset of a line and column, which both count from 1.
    fn offset(&self, line: u64, column: u64) -> usize {
        let breaks = self.text.match_indices('\n').map(|(at, _)| at + 1);
        let lines_before = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = std::iter::once(0).chain(breaks).nth(lines_before);
        let start = start.unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        let characters_before = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        let within = rest.char_indices().nth(characters_before);
        within.map_or(self.text.len(), |(at, _)| start + at)
    }

    fn wrong(&self, at: usize, message: &str) -> Finding {
        self.wrong_at(Span::new(self.file, at, at), message)
    }

    fn wrong_at(&self, span: Span, message: &str) -> Finding {
        Finding::new(&codes::YAML_SYNTAX, span, message)
    }
}

/// What YAML means here. Every setting that matters is spelled out: the defaults of the parser read `no` as false and `010` as ten.
fn options(text: &str) -> Options {
    // Without aliases a document cannot have more nodes than bytes, so this stops aliases that multiply, and nothing else.
    let nodes_max = text.len().saturating_mul(2).clamp(10_000, 10_000_000);
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX + 1,
            max_nodes: nodes_max,
            // Every node has an event, and collections and the document have one more.
            max_events: nodes_max.saturating_mul(2).saturating_add(10),
            max_aliases: ALIASES_MAX,
            max_anchors: ALIASES_MAX,
            enforce_alias_anchor_ratio: false,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        ignore_binary_tag_for_string: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// A number as JSON writes it: as it was written where JSON can write it so.
fn number(lexeme: &str, value: impl std::fmt::Display) -> String {
    number_text(lexeme).unwrap_or_else(|| value.to_string())
}

/// The digits of a decimal number in the form that JSON has for them, with nothing lost.
fn number_text(lexeme: &str) -> Option<String> {
    let unsigned = lexeme.strip_prefix('+').unwrap_or(lexeme);
    let (sign, digits) = match unsigned.strip_prefix('-') {
        Some(digits) if unsigned.len() == lexeme.len() => ("-", digits),
        Some(_) => return None,
        None => ("", unsigned),
    };
    let zero = if digits.starts_with('.') { "0" } else { "" };
    let mantissa_end = digits.find(['e', 'E']).unwrap_or(digits.len());
    let (mantissa, exponent) = digits.split_at(mantissa_end);
    let fraction = if mantissa.ends_with('.') { "0" } else { "" };
    let text = format!("{sign}{zero}{mantissa}{fraction}{exponent}");
    crate::schema::Number::parse(&text).map(|_| text)
}

/// A value as the parser hands it out.
#[derive(Debug, PartialEq)]
enum Raw {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    String(String),
    Sequence(Vec<Spanned<Self>>),
    Mapping(Vec<(Spanned<Self>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Raw::Sequence(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(Raw::Mapping(pairs))
    }
}

#[cfg(test)]
mod tests;
