//! What the YAML parser complains of, in the words of whoever wrote the file.

use serde_yaml::Error;
use serde_yaml::budget::BudgetBreach;

use super::{ALIASES_MAX, Reader};
use crate::codes;
use crate::finding::Finding;
use crate::load::parse::DEPTH_MAX;
use crate::source::Span;

/// The finding for an error of the parser.
pub(super) fn finding(error: &Error, reader: &Reader<'_>) -> Finding {
    let error = error.without_snippet();
    let span = place(error, reader);
    let wrong = |message: &str| reader.wrong_at(span, message);
    match error {
        Error::AliasError { error, .. } => finding(error, reader),
        Error::Budget { breach, .. } => {
            Finding::new(&codes::TOO_LARGE, span, budget_message(breach))
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => {
            Finding::new(&codes::TOO_LARGE, span, ALIASES_MULTIPLY)
        }
        Error::Eof { .. } => {
            Finding::new(&codes::EMPTY_FILE, span, "the file is empty").expected("a document")
        }
        Error::MultipleDocuments { .. } => wrong("a second document begins here")
            .expected("one document in a file")
            .help("put each document into a file of its own"),
        Error::UnsupportedTag { tag, .. } => {
            let message = format!("the tag `{tag}` has no meaning here");
            reader
                .wrong_at(tag_before(reader, span), &message)
                .expected("values without tags")
                .help("remove the tag")
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            wrong("`<<` merges something that is no mapping")
                .expected("an alias of a mapping, or a list of them")
        }
        Error::UnknownAnchor { .. } => wrong("an alias names an anchor that is not there")
            .expected("an anchor such as `&name` above the alias")
            .help("put the value in quotes if it is meant as text"),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            wrong("an alias stands inside of what it names")
                .expected("an alias of something that ends above it")
        }
        Error::InvalidScalar { ty, .. } => wrong(&format!(
            "the tag of this value asks for {}, which it is not",
            type_named(ty)
        )),
        Error::ExternalMessage { msg, .. } | Error::Message { msg, .. } => {
            syntax(msg, reader, span)
        }
        other => wrong(&other.render_with_formatter(&serde_yaml::UserMessageFormatter)),
    }
}

const ALIASES_MULTIPLY: &str = "aliases make the document far larger than its text";

/// Where an error is. The scanner knows only line and column.
fn place(error: &Error, reader: &Reader<'_>) -> Span {
    let Some(location) = error.location() else {
        return reader.end();
    };
    let span = reader.span(location);
    let start = reader.offset(location.line(), location.column());
    let rest = reader.text.get(start..).unwrap_or_default();
    // One character at least, so that there is something to underline.
    let first = rest
        .chars()
        .next()
        .filter(|c| *c != '\n')
        .map_or(0, char::len_utf8);
    let length = span.end.saturating_sub(span.start) as usize;
    Span::new(span.file, start, start + length.max(first))
}

fn type_named(ty: &str) -> &str {
    match ty {
        "u64" | "i64" => "an integer",
        "floating point" => "a number",
        "bool" => "a boolean",
        other => other,
    }
}

fn budget_message(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => too_deep(),
        BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } => {
            format!("the document has more than {ALIASES_MAX} aliases or anchors")
        }
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => ALIASES_MULTIPLY.to_owned(),
        _ => "the document is larger than the reader allows".to_owned(),
    }
}

fn too_deep() -> String {
    format!("the document is nested deeper than {DEPTH_MAX} levels")
}

/// What the scanner says, what it comes from, and what would have been right.
struct Wording {
    /// A part of the scanner's sentence.
    says: &'static str,
    message: &'static str,
    expected: &'static str,
    help: &'static str,
}

/// The scanner's sentences that mistakes lead to most often. Any other is passed on as it is.
const WORDINGS: &[Wording] = &[
    Wording {
        says: "tab",
        message: "a tab stands where a line is indented",
        expected: "spaces before the first word of a line",
        help: "replace the tab by spaces",
    },
    Wording {
        says: "mapping values are not allowed",
        message: "a `:` makes a value of a second key where none can stand",
        expected: "one `key: value` on a line, and keys of one mapping below each other",
        help: "indent the line like its neighbours, or put text that holds `: ` in quotes",
    },
    Wording {
        says: "did not find expected key",
        message: "this line belongs to no mapping above it",
        expected: "a key, indented like the other keys of its mapping",
        help: "indent the line like its neighbours",
    },
    Wording {
        says: "did not find expected '-' indicator",
        message: "this line belongs to no list above it",
        expected: "an element that begins with `- `, or a line indented less than the list",
        help: "indent the line like its neighbours",
    },
    Wording {
        says: "simple key expected ':'",
        message: "a line holds text that is no key",
        expected: "`key: value`",
        help: "indent the line if it continues the text above it",
    },
    Wording {
        says: "unclosed bracket",
        message: "a bracket is never closed",
        expected: "a closing bracket",
        help: "close it, or put the text in quotes",
    },
    Wording {
        says: "misplaced bracket",
        message: "a bracket closes nothing",
        expected: "an opening bracket before it",
        help: "remove it, or put the text in quotes",
    },
    Wording {
        says: "expected ',' or",
        message: "elements inside of brackets are not parted",
        expected: "a comma or the closing bracket",
        help: "close the bracket, or put a comma between",
    },
    Wording {
        says: "placement of ':'",
        message: "a key stands inside of a list in brackets",
        expected: "a comma or the closing bracket",
        help: "close the bracket that is open above",
    },
    Wording {
        says: "expected <document start>",
        message: "text follows the end of the document",
        expected: "nothing more",
        help: "indent the text if it belongs to the value above it",
    },
    Wording {
        says: "unclosed quote",
        message: "a quote is never closed",
        expected: "a closing quote",
        help: "close it; inside of single quotes a quote is written twice",
    },
    Wording {
        says: "trailing content after",
        message: "text follows a closing quote",
        expected: "the end of the line",
        help: "write a quote inside of single quotes twice",
    },
    Wording {
        says: "unknown escape",
        message: "a backslash is followed by no escape of YAML",
        expected: "an escape such as `\\n`, `\\\"` or `\\\\`",
        help: "write the backslash twice, or use single quotes",
    },
    Wording {
        says: "unexpected character",
        message: "a value cannot begin with this character",
        expected: "text in quotes, or text that begins with a letter or digit",
        help: "put the value in quotes",
    },
];

fn syntax(message: &str, reader: &Reader<'_>, span: Span) -> Finding {
    if message.contains("nesting") || message.contains("recursion") {
        return Finding::new(&codes::TOO_LARGE, span, too_deep());
    }
    match WORDINGS.iter().find(|known| message.contains(known.says)) {
        Some(known) => reader
            .wrong_at(tab_near(message, reader, span), known.message)
            .expected(known.expected)
            .help(known.help),
        None => reader.wrong_at(span, message),
    }
}

/// The tag of a value: the parser names the value.
fn tag_before(reader: &Reader<'_>, span: Span) -> Span {
    let before = reader.text.get(..span.start as usize).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    match before.rfind('!').filter(|at| *at >= line) {
        Some(_) => {
            let tag = before.trim_end();
            let start = tag
                .rfind([' ', '\t', '\n', '[', '{', ','])
                .map_or(0, |at| at + 1);
            Span::new(span.file, start, tag.len())
        }
        None => span,
    }
}

/// The tab that the scanner speaks of: it names the text before or after it.
fn tab_near(message: &str, reader: &Reader<'_>, span: Span) -> Span {
    let start = span.start as usize;
    let (Some(before), Some(after)) = (reader.text.get(..start), reader.text.get(start..)) else {
        return span;
    };
    let at = match after.find('\t') {
        _ if !message.contains("tab") => return span,
        _ if before.ends_with('\t') => start - 1,
        Some(at) => start + at,
        None => return span,
    };
    Span::new(span.file, at, at + 1)
}
