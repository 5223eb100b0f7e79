//! What the YAML parser complains of, in the words of whoever wrote the file.

use serde_yaml::Error;
use serde_yaml::budget::BudgetBreach;

use super::{ALIASES_MAX, Reader};
use crate::codes;
use crate::finding::Finding;
use crate::load::parse::DEPTH_MAX;

/// The finding for an error of the parser.
pub(super) fn finding(error: &Error, reader: &Reader<'_>) -> Finding {
    let error = error.without_snippet();
    let span = error
        .location()
        .map_or_else(|| reader.end(), |location| reader.span(location));
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
        Error::UnsupportedTag { tag, .. } => wrong(&format!("the tag `{tag}` has no meaning here"))
            .expected("values without tags")
            .help("remove the tag"),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            wrong("`<<` merges something that is no mapping")
                .expected("an alias of a mapping, or a list of them")
        }
        Error::UnknownAnchor { .. } => wrong("an alias names an anchor that is not there")
            .expected("an anchor such as `&name` above the alias"),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            wrong("an alias stands inside of what it names")
                .expected("an alias of something that ends above it")
        }
        Error::InvalidScalar { ty, .. } => wrong(&format!(
            "the tag of this value asks for {ty}, which it is not"
        )),
        Error::ExternalMessage { msg, .. } | Error::Message { msg, .. } => {
            syntax(msg, reader, span)
        }
        other => wrong(&other.render_with_formatter(&serde_yaml::UserMessageFormatter)),
    }
}

const ALIASES_MULTIPLY: &str = "aliases make the document far larger than its text";

fn budget_message(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => {
            format!("the document is nested deeper than {DEPTH_MAX} levels")
        }
        BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } => {
            format!("the document has more than {ALIASES_MAX} aliases or anchors")
        }
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => ALIASES_MULTIPLY.to_owned(),
        _ => "the document is larger than the reader allows".to_owned(),
    }
}

/// The parser's own sentence, and what would have been right where that is known.
fn syntax(message: &str, reader: &Reader<'_>, span: crate::source::Span) -> Finding {
    if message.contains("nesting") || message.contains("recursion") {
        let message = format!("the document is nested deeper than {DEPTH_MAX} levels");
        return Finding::new(&codes::TOO_LARGE, span, message);
    }
    let line = reader.line_at(span);
    let finding = reader.wrong_at(span, message);
    if line.trim_end_matches(|c| c != '\t').contains('\t') && line.trim_start() != line {
        return finding
            .expected("spaces before the first word of a line")
            .help("replace the tabs at the beginning of the line by spaces");
    }
    finding
}
