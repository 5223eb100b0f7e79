//! What is read at one place of an answer. A matcher that cannot fail, or that nothing could ever meet, is a finding.

use super::super::files::Files;
use super::super::lower::{self, Keys};
use super::super::tree::{Entry, Node, NodeValue};
use crate::codes;
use crate::expect::{Matcher, Pattern};
use crate::finding::Finding;
use crate::schema::Type;
use crate::source::Spanned;

pub(crate) const MATCHER: Keys = Keys {
    what: "a matcher",
    known: &[
        "example", "type", "equals", "one_of", "regex", "format", "optional", "nullable", "absent",
        "fields", "each", "min", "max",
    ],
    required: &[],
};

/// Formats that a text can be held against.
pub const FORMATS: &[&str] = &[
    "date",
    "date-time",
    "decimal",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uuid",
];

/// Backtracking steps that a pattern may take on one text.
const BACKTRACK_LIMIT: usize = 100_000;

/// The matcher of a named place.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape that `lower::map` reads values with"
)]
pub(super) fn named(files: &mut Files, entry: &Entry) -> Option<Matcher> {
    Some(read(files, &entry.value, entry.key_span))
}

/// A mapping says what must hold; a scalar is the value itself.
fn read(files: &mut Files, node: &Node, name_span: crate::source::Span) -> Matcher {
    let mut matcher = Matcher::anything(name_span, node.span);
    match &node.value {
        NodeValue::Mapping(_) => {
            if lower::mapping(files, node, &MATCHER).is_some() {
                fill(files, node, &mut matcher);
                judge(files, node, &matcher);
            }
        }
        NodeValue::Sequence(_) => {
            files.push(lower::wrong_type(node, "a matcher or a plain value").help(
                "write `{ each: … }` for what each element is, or `{ equals: [...] }` for exactly this list",
            ));
        }
        _ => matcher.equals = Some(Spanned::new(node.to_json(), node.span)),
    }
    matcher
}

fn fill(files: &mut Files, node: &Node, matcher: &mut Matcher) {
    let value = |key: &str| {
        node.get(key)
            .map(|node| Spanned::new(node.to_json(), node.span))
    };
    let mut flag = |key: &str| {
        node.get(key)
            .and_then(|node| lower::boolean(files, node, key))
            .unwrap_or(false)
    };
    (matcher.optional, matcher.nullable, matcher.absent) =
        (flag("optional"), flag("nullable"), flag("absent"));
    matcher.example = value("example");
    matcher.equals = value("equals");
    if let Some(node) = node.get("one_of") {
        let values = lower::list_of(files, node, "values");
        matcher.one_of = values
            .iter()
            .map(|node| Spanned::new(node.to_json(), node.span))
            .collect();
        if node.elements().is_some_and(<[Node]>::is_empty) {
            files.push(lower::wrong_type(node, "at least one value"));
        }
    }
    matcher.kind = node.get("type").and_then(|node| kind(files, node));
    matcher.regex = node.get("regex").and_then(|node| regex(files, node));
    matcher.format = node.get("format").and_then(|node| format(files, node));
    if let Some(node) = node.get("fields") {
        matcher.fields = lower::map(files, node, "fields by name", named);
    }
    matcher.each = node
        .entry("each")
        .map(|entry| Box::new(read(files, &entry.value, entry.key_span)));
    let mut count = |key, what| lower::integer(files, node.get(key)?, what, (0, 1_000_000));
    matcher.min = count("min", "the fewest elements");
    matcher.max = count("max", "the most elements");
}

fn kind(files: &mut Files, node: &Node) -> Option<Spanned<Type>> {
    let words = Type::ALL.map(|kind| (kind.as_str(), kind));
    lower::word(files, node, "a type", &words).map(|kind| Spanned::new(kind, node.span))
}

fn format(files: &mut Files, node: &Node) -> Option<Spanned<String>> {
    let words: Vec<(&str, &str)> = FORMATS.iter().map(|format| (*format, *format)).collect();
    lower::word(files, node, "a format", &words)
        .map(|format| Spanned::new(format.to_owned(), node.span))
}

fn regex(files: &mut Files, node: &Node) -> Option<Spanned<Pattern>> {
    let text = lower::text(files, node, "a regular expression")?;
    match fancy_regex::RegexBuilder::new(&text.value)
        .backtrack_limit(BACKTRACK_LIMIT)
        .build()
    {
        Ok(regex) => Some(Spanned::new(
            Pattern {
                text: text.value,
                regex,
            },
            text.span,
        )),
        Err(error) => {
            files.push(
                Finding::new(
                    &codes::INVALID_VALUE,
                    text.span,
                    "the regular expression cannot be read",
                )
                .label(lower::shorten(
                    &error.to_string().replace(char::is_control, " "),
                ))
                .expected("a regular expression in Perl's syntax"),
            );
            None
        }
    }
}

/// Says where a matcher contradicts itself or cannot fail.
fn judge(files: &mut Files, node: &Node, matcher: &Matcher) {
    let says_more = node
        .entries()
        .unwrap_or_default()
        .iter()
        .any(|entry| entry.key != "absent");
    if matcher.absent && says_more {
        let place = lower::place_of(node, "absent");
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                place,
                "what must be absent cannot be anything else as well",
            )
            .help("keep `absent: true` alone"),
        );
    }
    if node.entries().is_some_and(<[Entry]>::is_empty) {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                matcher.name_span,
                "an empty matcher proves nothing",
            )
            .expected("a type, an example or another property of the value")
            .help("write `{ type: string }`, for example"),
        );
    }
    judge_force(files, node, matcher);
    if let (Some(min), Some(max)) = (&matcher.min, &matcher.max)
        && min.value > max.value
    {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                max.span,
                "`max` is less than `min`, so nothing ever matches",
            )
            .related(min.span, "the fewest elements"),
        );
    }
    judge_example(files, matcher);
    judge_types(files, node, matcher);
}

/// A matcher that lets everything pass looks like an expectation and is none.
fn judge_force(files: &mut Files, node: &Node, matcher: &Matcher) {
    if let Some(fields) = node.entry("fields").filter(
        |entry| matches!(&entry.value.value, NodeValue::Mapping(entries) if entries.is_empty()),
    ) {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                fields.key_span,
                "`fields` names no field, so it proves nothing",
            )
            .expected("the fields that the consumer reads")
            .help("name a field, or write `type: object` if only that is relied on"),
        );
    }
    let entries = node.entries().unwrap_or_default();
    let says_nothing = entries
        .iter()
        .all(|entry| matches!(&*entry.key, "optional" | "nullable" | "absent"));
    if matcher.optional && says_nothing && !matcher.absent {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                matcher.name_span,
                "what may be left out and may be anything proves nothing",
            )
            .label("cannot fail")
            .expected("what the value is where it is there")
            .help("write `{ optional: true, type: string }`, for example"),
        );
    }
}

/// An example that its own matcher refuses would mislead whoever reads it.
fn judge_example(files: &mut Files, matcher: &Matcher) {
    let Some(example) = &matcher.example else {
        return;
    };
    let found = Type::of(&example.value);
    if let Some(kind) = &matcher.kind
        && !fits(found, kind.value)
        && !(found == Type::Null && matcher.nullable)
    {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                example.span,
                format!("the example is of type {found}"),
            )
            .related(kind.span, "the type")
            .expected(format!("an example of type {}", kind.value)),
        );
    }
    let refused = match (&matcher.regex, example.value.as_str()) {
        (Some(regex), Some(text)) => !regex.value.regex.is_match(text).unwrap_or(false),
        _ => false,
    };
    if let Some(regex) = matcher.regex.as_ref().filter(|_| refused) {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                example.span,
                "the example does not match the regular expression",
            )
            .related(regex.span, "the expression"),
        );
    }
}

/// Keywords that speak of different types never hold together.
fn judge_types(files: &mut Files, node: &Node, matcher: &Matcher) {
    let mut said: Vec<(&str, Type)> = Vec::new();
    let keywords = [
        ("fields", Type::Object),
        ("each", Type::Array),
        ("min", Type::Array),
        ("max", Type::Array),
        ("regex", Type::String),
        ("format", Type::String),
    ];
    said.extend(
        keywords
            .into_iter()
            .filter(|(key, _)| node.get(key).is_some()),
    );
    let Some(kind) = matcher
        .kind
        .as_ref()
        .map(|kind| kind.value)
        .or_else(|| said.first().map(|(_, kind)| *kind))
    else {
        return;
    };
    for (key, other) in said.into_iter().filter(|(_, other)| *other != kind) {
        files.push(
            Finding::new(
                &codes::INVALID_VALUE,
                lower::place_of(node, key),
                format!("`{key}` is about a value of type {other}, but this one is of type {kind}"),
            )
            .help(format!("remove `{key}`, or say what the value is")),
        );
    }
}

fn fits(found: Type, wanted: Type) -> bool {
    found == wanted || (found == Type::Integer && wanted == Type::Number)
}
