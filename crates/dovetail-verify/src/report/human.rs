//! The report for people: what failed, why, which line says so, and how to see it again.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use dovetail_contract::escape::{escape, escape_line, shorten};
use dovetail_contract::finding::Label;
use dovetail_contract::frame::{Look, render_place};
use dovetail_contract::source::Sources;

use super::{Exchange, Outcome, Problem, ProblemKind, Report, Summary, Verdict};

/// Interactions of one consumer that are listed though they passed; of more, the number says enough.
const LISTED_MAX: usize = 20;

/// Lines of a body that are shown.
const BODY_LINES_MAX: usize = 12;

/// The report as text.
#[must_use]
pub fn human(report: &Report, sources: &Sources, look: &Look) -> String {
    let mut out = String::new();
    for group in groups(report) {
        push_group(&mut out, group, sources, look);
    }
    push_summary(&mut out, report, look);
    out
}

/// The outcomes of each consumer with one provider; they stand together, as the workspace orders them.
pub(super) fn groups(report: &Report) -> impl Iterator<Item = &[Outcome]> {
    report
        .interactions
        .chunk_by(|a, b| a.consumer == b.consumer && a.provider == b.provider)
}

fn push_group(out: &mut String, group: &[Outcome], sources: &Sources, look: &Look) {
    let Some(first) = group.first() else {
        return;
    };
    let title = format!(
        "{} → {}",
        escape_line(&first.consumer),
        escape(&first.provider)
    );
    let _ = writeln!(out, "{}", look.paint(Style::new().bold(), &title));
    for outcome in group {
        if outcome.verdict != Verdict::Passed || group.len() <= LISTED_MAX {
            let verdict = look.paint(
                style(outcome.verdict),
                &format!("{:7}", outcome.verdict.as_str()),
            );
            let _ = writeln!(out, "  {verdict}  {}", escape(&outcome.name));
        }
        if outcome.verdict != Verdict::Passed {
            push_problems(out, outcome, sources, look);
        }
    }
    // Problems end with an empty line of their own.
    if group
        .last()
        .is_some_and(|last| last.verdict == Verdict::Passed)
    {
        out.push('\n');
    }
}

fn push_problems(out: &mut String, outcome: &Outcome, sources: &Sources, look: &Look) {
    for problem in &outcome.problems {
        let _ = writeln!(out, "\n    {}", sentence(problem, outcome, look));
        let label = Label {
            span: problem.place.span,
            text: match problem.kind {
                ProblemKind::Expectation => format!("`{}` reads this", outcome.consumer),
                ProblemKind::Promise => format!("`{}` promises this", outcome.provider),
                ProblemKind::Infrastructure => String::new(),
                ProblemKind::Contract => "this cannot be replayed".to_owned(),
            },
        };
        let inner = Look {
            width: look.width.saturating_sub(4),
            ..*look
        };
        for line in render_place(&label, sources, &inner).lines() {
            let _ = writeln!(out, "    {line}");
        }
    }
    if let Some(exchange) = &outcome.exchange {
        out.push('\n');
        push_exchange(out, exchange, look);
    }
    out.push('\n');
}

fn sentence(problem: &Problem, outcome: &Outcome, look: &Look) -> String {
    let at = look.paint(Style::new().bold(), &escape(&problem.at));
    let expected = escape(&problem.expected);
    let actual = escape(&problem.actual);
    let code = escape(&problem.code);
    match problem.kind {
        ProblemKind::Expectation | ProblemKind::Promise => {
            let provider = escape(&outcome.provider);
            format!("{at}: expected {expected}; `{provider}` sent {actual} [{code}]")
        }
        ProblemKind::Infrastructure | ProblemKind::Contract => {
            format!("{at}: expected {expected}; found {actual} [{code}]")
        }
    }
}

fn push_exchange(out: &mut String, exchange: &Exchange, look: &Look) {
    let quiet = Style::new().fg_color(Some(AnsiColor::Blue.into()));
    let title = |name: &str| look.paint(quiet, &format!("{name:9}"));
    let _ = writeln!(
        out,
        "    {} {}",
        title("request"),
        escape(&exchange.request)
    );
    if let Some(answer) = &exchange.answer {
        let kind = answer
            .headers
            .iter()
            .find(|(name, _)| name == "content-type");
        let kind = kind.map_or("no content type", |(_, value)| value);
        let _ = writeln!(
            out,
            "    {} {}, {}, {} bytes",
            title("answer"),
            answer.status,
            escape(kind),
            answer.body_bytes
        );
        let width = look.width.saturating_sub(14).max(24);
        let lines: Vec<&str> = answer.body.lines().collect();
        for line in lines.iter().take(BODY_LINES_MAX) {
            let shown = shorten(line, width * 4);
            let _ = writeln!(out, "    {} {}", " ".repeat(9), escape_line(&shown));
        }
        if lines.len() > BODY_LINES_MAX {
            let _ = writeln!(out, "    {} …", " ".repeat(9));
        }
    }
    let _ = writeln!(out, "    {} {}", title("again"), escape(&exchange.curl));
}

fn push_summary(out: &mut String, report: &Report, look: &Look) {
    let Summary {
        total,
        passed,
        failed,
        unknown,
    } = report.summary;
    let mut parts = vec![format!("{passed} passed")];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if unknown > 0 {
        parts.push(format!("{unknown} unknown"));
    }
    let verdict = look.paint(style(report.verdict), report.verdict.as_str());
    let interactions = if total == 1 {
        "interaction"
    } else {
        "interactions"
    };
    let _ = writeln!(
        out,
        "{verdict}: {total} {interactions} at {}: {}",
        escape(&report.targets.join(", ")),
        parts.join(", ")
    );
}

fn style(verdict: Verdict) -> Style {
    let color = match verdict {
        Verdict::Passed => AnsiColor::Green,
        Verdict::Failed => AnsiColor::Red,
        Verdict::Unknown => AnsiColor::Yellow,
    };
    Style::new().bold().fg_color(Some(color.into()))
}
