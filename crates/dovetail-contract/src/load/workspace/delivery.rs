//! How messages are consumed: the same keys in `dovetail.yaml`, for all messages, and under one message that is consumed.

use super::super::files::Files;
use super::super::lower::{self, Keys};
use super::super::tree::Node;
use super::policy::{count, positive};
use crate::codes;
use crate::contract::{
    ConsumeRetrySettings, ConsumeSettings, DeadLetterSettings, InboxMode, InboxSettings,
};
use crate::finding::Finding;
use crate::policy::Duration;
use crate::source::Spanned;

pub(crate) const RETRY: Keys = Keys {
    what: "trying to handle a message again",
    known: &["attempts", "backoff"],
    required: &[],
};
pub(crate) const BACKOFF: Keys = Keys {
    what: "a backoff",
    known: &["base", "max"],
    required: &["base", "max"],
};
pub(crate) const DEAD_LETTER: Keys = Keys {
    what: "what becomes of dead letters",
    known: &["alert", "retain"],
    required: &[],
};
pub(crate) const ALERT: Keys = Keys {
    what: "an alert for dead letters",
    known: &["depth", "oldest"],
    required: &[],
};

/// Most attempts. Beyond it a message is not about to succeed, and keeps its key waiting.
const ATTEMPTS_MAX: u64 = 100;

/// Most dead letters that an alert waits for.
const DEPTH_MAX: u64 = 1_000_000;

/// The keys on consuming of a mapping, which may have others beside them. `inbox` is what it says under `idempotency`.
pub(super) fn read(files: &mut Files, node: &Node, inbox: InboxSettings) -> ConsumeSettings {
    let retry = node.get("retry").map(|node| retry(files, node));
    let dead_letter = node.get("dead_letter").map(|node| dead_letter(files, node));
    ConsumeSettings {
        inbox,
        retry: retry.unwrap_or_default(),
        dead_letter: dead_letter.unwrap_or_default(),
        deadline: positive(
            files,
            node.get("deadline"),
            "the time for one attempt to handle a message",
        ),
    }
}

/// What `idempotency` says of the inbox.
pub(super) fn inbox(files: &mut Files, node: &Node) -> InboxSettings {
    let modes = [
        ("transaction", InboxMode::Transaction),
        ("lease", InboxMode::Lease),
        ("offset", InboxMode::Offset),
        ("both", InboxMode::Both),
    ];
    let mode = node.get("mode").and_then(|node| {
        let mode = lower::word(files, node, "a way to remember messages", &modes)?;
        Some(Spanned::new(mode, node.span))
    });
    InboxSettings {
        mode,
        retain: positive(
            files,
            node.get("retain"),
            "the time for which handled messages are remembered",
        ),
    }
}

fn retry(files: &mut Files, node: &Node) -> ConsumeRetrySettings {
    let Some(node) = lower::mapping(files, node, &RETRY) else {
        return ConsumeRetrySettings::default();
    };
    let attempts = node.get("attempts");
    let attempts = count(files, attempts, "the number of attempts", (1, ATTEMPTS_MAX));
    let waits = node
        .get("backoff")
        .and_then(|node| backoff(files, node))
        .unzip();
    ConsumeRetrySettings {
        attempts,
        base: waits.0,
        max: waits.1,
    }
}

/// The first and the longest wait, as `1s..1m` or by their names.
fn backoff(files: &mut Files, node: &Node) -> Option<(Spanned<Duration>, Spanned<Duration>)> {
    let (base, max) = match node.as_str() {
        Some(text) => {
            let parts = text.split_once("..").and_then(|(base, max)| {
                let parse = |text: &str| {
                    let duration = Duration::parse(text.trim())?;
                    (duration.millis > 0).then(|| Spanned::new(duration, node.span))
                };
                Some((parse(base)?, parse(max)?))
            });
            if parts.is_none() {
                let expected = "the first and the longest wait, such as `1s..1m`";
                files.push(lower::wrong_type(node, expected));
            }
            parts?
        }
        None => {
            let node = lower::mapping(files, node, &BACKOFF)?;
            let base = positive(files, node.get("base"), "the first wait");
            let max = positive(files, node.get("max"), "the longest wait");
            (base?, max?)
        }
    };
    if base.value > max.value {
        let message = format!(
            "the first wait of {} is longer than the longest of {}",
            base.value, max.value
        );
        files.push(
            Finding::new(&codes::INVALID_VALUE, base.span, message)
                .expected("the shorter one first")
                .help(format!("write `{}..{}`", max.value, base.value)),
        );
        return None;
    }
    Some((base, max))
}

fn dead_letter(files: &mut Files, node: &Node) -> DeadLetterSettings {
    let Some(node) = lower::mapping(files, node, &DEAD_LETTER) else {
        return DeadLetterSettings::default();
    };
    let alert = node.get("alert");
    let alert = alert.and_then(|node| lower::mapping(files, node, &ALERT));
    DeadLetterSettings {
        alert_depth: count(
            files,
            alert.and_then(|alert| alert.get("depth")),
            "the number of dead letters that raises an alert",
            (1, DEPTH_MAX),
        ),
        alert_oldest: positive(
            files,
            alert.and_then(|alert| alert.get("oldest")),
            "the age of a dead letter that raises an alert",
        ),
        retain: positive(
            files,
            node.get("retain"),
            "the time for which dead letters are kept",
        ),
    }
}
