//! What a replay found: one value that every output is made from, so that all of them say the same.
//!
//! Secrets are gone before anything gets here; what providers wrote is escaped by each renderer for its own medium.

mod curl;
mod human;
mod json;
mod junit;

use dovetail_contract::escape::shorten;
use dovetail_contract::source::{LineColumn, Sources, Span};
use serde::Serialize;

pub use human::human;
pub use json::json;
pub use junit::{JunitError, junit};

use crate::body;
use crate::exchange::Answer;
use crate::redact::Redactor;
use crate::request::Prepared;

/// Version of the report's shape; it grows when a reader of the old shape would misread the new one.
pub const SCHEMA: u32 = 1;

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of this shape.
    pub schema: u32,
    /// The addresses of the providers.
    pub targets: Vec<String>,
    /// The verdict on all of it.
    pub verdict: Verdict,
    /// How many there are of each verdict.
    pub summary: Summary,
    /// Every selected interaction, in the order of the plan.
    pub interactions: Vec<Outcome>,
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It does.
    Passed,
    /// It does not.
    Failed,
    /// It could not be found out.
    Unknown,
}

/// How many interactions there are of each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are the verdicts")]
pub struct Summary {
    pub total: usize,
    pub passed: usize,
    pub failed: usize,
    pub unknown: usize,
}

/// What was found out about one interaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Who relies on it.
    pub consumer: String,
    /// Who was asked.
    pub provider: String,
    /// The interaction's name.
    pub name: String,
    /// Id of the operation that it calls.
    pub operation: String,
    /// Where it is written.
    pub place: Place,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Why not; empty where it passed.
    pub problems: Vec<Problem>,
    /// What was sent and came back, if it came to that.
    pub exchange: Option<Exchange>,
    /// How long it took, states included, in milliseconds.
    pub millis: u64,
}

/// One reason why an interaction did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whose fault it is.
    pub kind: ProblemKind,
    /// A stable name, such as `missing` or `wrong-type`; `dovetail explain` tells more.
    pub code: String,
    /// What it is about: `status`, a header, a place in the body such as `$.items[3].price`.
    pub at: String,
    /// What would have been right.
    pub expected: String,
    /// What was found: shortened, and without secrets.
    pub actual: String,
    /// The line of a contract that says what would have been right.
    pub place: Place,
}

/// Whose fault a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemKind {
    /// The answer is not what the consumer reads.
    Expectation,
    /// The answer is not what the provider's own contract promises.
    Promise,
    /// There was no answer to look at.
    Infrastructure,
    /// The contract cannot be replayed as it stands.
    Contract,
}

/// A place in a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, relative to the workspace.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The text, for renderers that have the sources.
    #[serde(skip)]
    pub span: Span,
}

/// What was sent and what came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// Method and address.
    pub request: String,
    /// A command that sends the same again, credentials left out.
    pub curl: String,
    /// The answer, if there was one.
    pub answer: Option<ShownAnswer>,
}

/// An answer as a report shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownAnswer {
    /// The status.
    pub status: u16,
    /// The headers in the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body.
    pub body: String,
    /// Bytes of the whole body.
    pub body_bytes: usize,
}

/// Characters of a body that a report shows.
const BODY_LENGTH_MAX: usize = 2_000;

/// Characters of one header that a report shows.
const HEADER_LENGTH_MAX: usize = 200;

impl Report {
    pub(crate) fn new(targets: Vec<String>, interactions: Vec<Outcome>) -> Self {
        let count = |verdict| {
            let of_verdict = interactions
                .iter()
                .filter(|outcome| outcome.verdict == verdict);
            of_verdict.count()
        };
        let summary = Summary {
            total: interactions.len(),
            passed: count(Verdict::Passed),
            failed: count(Verdict::Failed),
            unknown: count(Verdict::Unknown),
        };
        Self {
            schema: SCHEMA,
            targets,
            verdict: summary.verdict(),
            summary,
            interactions,
        }
    }

    /// The reports of several providers as one, in the order given.
    #[must_use]
    pub fn merge(reports: impl IntoIterator<Item = Self>) -> Self {
        let mut targets = Vec::new();
        let mut interactions = Vec::new();
        for report in reports {
            targets.extend(report.targets);
            interactions.extend(report.interactions);
        }
        Self::new(targets, interactions)
    }
}

impl Summary {
    /// One failure fails all; nothing passes unless all that was selected did, and something was.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.failed > 0 {
            Verdict::Failed
        } else if self.unknown > 0 || self.total == 0 {
            Verdict::Unknown
        } else {
            Verdict::Passed
        }
    }
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// What follows from the problems of an interaction: one that is somebody's fault fails it, and without an answer nothing is known.
    pub(crate) fn of(problems: &[Problem]) -> Self {
        let infrastructure = |problem: &Problem| problem.kind == ProblemKind::Infrastructure;
        if problems.is_empty() {
            Self::Passed
        } else if problems.iter().all(infrastructure) {
            Self::Unknown
        } else {
            Self::Failed
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Place {
    pub(crate) fn new(sources: &Sources, span: Span) -> Self {
        let file = sources.file(span.file);
        let LineColumn { line, column } = file.line_column(span.start);
        Self {
            file: file.path.clone(),
            line,
            column,
            span,
        }
    }
}

impl Exchange {
    pub(crate) fn new(
        redactor: &Redactor,
        request: &Prepared,
        extra_headers: &[(String, String)],
        answer: Option<&Answer>,
    ) -> Self {
        let url = shown_url(redactor, request);
        Self {
            request: format!("{} {url}", request.method),
            curl: curl::command(redactor, request, &url, extra_headers),
            answer: answer.map(|answer| ShownAnswer::new(redactor, answer)),
        }
    }
}

impl ShownAnswer {
    fn new(redactor: &Redactor, answer: &Answer) -> Self {
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            let value = redactor.named(name.as_str(), &value);
            (
                name.to_string(),
                shorten(&value, HEADER_LENGTH_MAX).into_owned(),
            )
        };
        Self {
            status: answer.status,
            headers: answer.headers.iter().map(header).collect(),
            body: shown_body(redactor, &answer.body),
            body_bytes: answer.body.len(),
        }
    }
}

/// The beginning of a body without its secrets. Only so much is looked at that a secret at the cut is still recognised.
fn shown_body(redactor: &Redactor, bytes: &[u8]) -> String {
    const LOOKED_AT: usize = 16 * BODY_LENGTH_MAX;
    if bytes.len() <= LOOKED_AT
        && let Ok(value) = body::json(bytes)
    {
        let text = redactor.json(&value).to_string();
        return shorten(&text, BODY_LENGTH_MAX).into_owned();
    }
    let beginning = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    let text = redactor.text(&String::from_utf8_lossy(beginning));
    shorten(&text, BODY_LENGTH_MAX).into_owned()
}

/// The address with secret parameters redacted.
fn shown_url(redactor: &Redactor, request: &Prepared) -> String {
    let mut url = request.url.clone();
    let Some(query) = request.url.query() else {
        return redactor.text(url.as_str());
    };
    let shown: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if redactor.hides(name) => format!("{name}=REDACTED"),
            _ => pair.to_owned(),
        })
        .collect();
    url.set_query(Some(&shown.join("&")));
    redactor
        .text(url.as_str())
        .replace("=REDACTED", "=<redacted>")
}

#[cfg(test)]
mod tests;
