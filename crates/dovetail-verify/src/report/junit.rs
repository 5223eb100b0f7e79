//! The report for CI servers, as JUnit XML.

use std::fmt::Write as _;
use std::time::Duration;

use dovetail_contract::escape::escape;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, Report, Verdict};

/// The document could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the JUnit document could not be written: {0}")]
pub struct JunitError(String);

/// The report as JUnit XML: a suite for each consumer and provider, a case for each interaction; what is unknown is an error.
///
/// # Errors
///
/// Where the document cannot be written, which no report that this crate makes leads to.
pub fn junit(report: &Report) -> Result<String, JunitError> {
    let mut document = quick_junit::Report::new("dovetail verify");
    for group in super::human::groups(report) {
        let Some(first) = group.first() else {
            continue;
        };
        let name = format!("{} → {}", first.consumer, first.provider);
        let mut suite = TestSuite::new(escape(&name));
        for outcome in group {
            suite.add_test_case(case(outcome, &name));
        }
        document.add_test_suite(suite);
    }
    document
        .to_string()
        .map_err(|error| JunitError(error.to_string()))
}

fn case(outcome: &Outcome, suite: &str) -> TestCase {
    let status = match outcome.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed => failure(outcome, NonSuccessKind::Failure),
        Verdict::Unknown => failure(outcome, NonSuccessKind::Error),
    };
    let mut case = TestCase::new(escape(&outcome.name), status);
    case.set_classname(escape(suite));
    case.set_time(Duration::from_millis(outcome.millis));
    case
}

fn failure(outcome: &Outcome, kind: NonSuccessKind) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    if let Some(first) = outcome.problems.first() {
        status.set_type(escape(&first.code));
        let message = format!(
            "{}: expected {}, found {}",
            first.at, first.expected, first.actual
        );
        status.set_message(escape(&message));
    }
    let mut text = String::new();
    for problem in &outcome.problems {
        let (at, expected, actual) = (
            escape(&problem.at),
            escape(&problem.expected),
            escape(&problem.actual),
        );
        let place = &problem.place;
        let _ = writeln!(text, "{at}: expected {expected}, found {actual}");
        let _ = writeln!(
            text,
            "  {}:{}:{}",
            escape(&place.file),
            place.line,
            place.column
        );
    }
    if let Some(exchange) = &outcome.exchange {
        let _ = writeln!(text, "{}", escape(&exchange.curl));
    }
    status.set_description(text);
    status
}
