//! What every check returns: a problem of a contract with its place, what was expected, and how to mend it.

use crate::source::{Sources, Span};

/// A problem of a contract, for its author.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What kind of problem; `dovetail explain` tells more.
    pub code: &'static Code,
    /// How much it matters.
    pub severity: Severity,
    /// The problem in one sentence, naming what is concerned.
    pub message: String,
    /// Where it is, with a few words to stand under the underlined text.
    pub place: Label,
    /// Other places that take part, such as the operation that an expectation names.
    pub related: Vec<Label>,
    /// What would have been right.
    pub expected: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

/// A place and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The text to underline.
    pub span: Span,
    /// A few words; empty where the message says it all.
    pub text: String,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something to know; nothing fails.
    Note,
    /// Likely a mistake; nothing fails.
    Warning,
    /// Wrong: nothing is generated or verified from it.
    Error,
}

/// A kind of problem with a stable name.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The name, in kebab case, the same for ever.
    pub id: &'static str,
    /// How much it matters unless said otherwise.
    pub severity: Severity,
    /// The page that `dovetail explain` prints, as Markdown.
    pub page: &'static str,
}

impl Finding {
    /// A finding at `span`, as severe as its code says.
    pub fn new(code: &'static Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity,
            message: message.into(),
            place: Label {
                span,
                text: String::new(),
            },
            related: Vec::new(),
            expected: None,
            help: None,
        }
    }

    /// Puts words under the underlined text.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.place.text = text.into();
        self
    }

    /// Names another place that takes part.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Says what would have been right.
    #[must_use]
    pub fn expected(mut self, text: impl Into<String>) -> Self {
        self.expected = Some(text.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Says what was probably meant, if anything known is close to `said`.
    #[must_use]
    pub fn did_you_mean<'a>(self, said: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(said, known) {
            Some(best) => self.help(format!("did you mean `{best}`?")),
            None => self,
        }
    }

    /// Whether anything may be made from the contract in spite of this finding.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Sorts findings by file, place and code, and drops those said twice.
pub fn sort(findings: &mut Vec<Finding>, sources: &Sources) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| {
            let span = finding.place.span;
            (
                sources.file(span.file).path.clone(),
                span.start,
                span.end,
                finding.code.id,
            )
        };
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    findings.dedup();
}

/// The known word closest to `said`, if it is close enough to be what was meant.
#[must_use]
pub fn closest<'a>(said: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing very long words is slow, and nobody means them.
    const LENGTH_MAX: usize = 128;
    if said.len() > LENGTH_MAX {
        return None;
    }
    let folded = said.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for word in known.into_iter().filter(|word| word.len() <= LENGTH_MAX) {
        let score = strsim::normalized_damerau_levenshtein(&folded, &word.to_lowercase());
        if score >= 0.6 && best.is_none_or(|(top, _)| score > top) {
            best = Some((score, word));
        }
    }
    best.map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_word_is_suggested_and_a_strange_one_is_not() {
        let known = ["summary", "version", "calls"];
        assert_eq!(closest("sumary", known), Some("summary"));
        assert_eq!(closest("Call", known), Some("calls"));
        assert_eq!(closest("timeout", known), None);
        assert_eq!(closest(&"x".repeat(1000), known), None);
    }
}
