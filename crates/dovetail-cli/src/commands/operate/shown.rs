//! What strangers wrote, made fit to be shown: without secrets, without anything that would act on a terminal or on the log of a build.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use dovetail_contract::escape::{escape, escape_line, shorten};
use dovetail_messaging::dead_letter::Listed;
use dovetail_verify::redact::Redactor;
use serde_json::{Value, json};

/// No more of a body is shown.
const PAYLOAD_MAX: usize = 64 * 1024;

/// No more headers are shown.
const HEADERS_MAX: usize = 100;

/// A text without what looks like a secret.
pub(super) fn text(text: &str) -> String {
    Redactor::default().text(text)
}

/// The same, as part of a line.
pub(super) fn line(said: &str) -> String {
    escape(&text(said)).into_owned()
}

/// A document for programs. Nothing but ASCII: what is hidden in a terminal stands there as `\u…`, and means the same.
pub(super) fn json(value: &Value) -> String {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut out = String::with_capacity(pretty.len() + 1);
    for c in pretty.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out.push('\n');
    out
}

/// An instant as RFC 3339 has it, to the second.
pub(super) fn instant(at: SystemTime) -> String {
    // Beyond what a date can say nobody wrote a message.
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0));
    DateTime::<Utc>::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// How long ago something was, in its two largest units at most.
pub(super) fn age(since: SystemTime, now: SystemTime) -> String {
    length(now.duration_since(since).unwrap_or_default())
}

fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Rows under a head, each column as wide as it must be, the last one with what remains of the width. Cells are safe already.
pub(super) fn table(head: &[&str], rows: &[Vec<String>], width: usize) -> String {
    const CELL_MAX: usize = 40;
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count().min(CELL_MAX));
        }
    }
    let (last, columns) = widths.split_last().map_or((0, &[][..]), |(_, columns)| {
        (columns.iter().sum::<usize>() + 2 * columns.len(), columns)
    });
    let rest = width.saturating_sub(last).max(CELL_MAX);
    let head = head.iter().map(|cell| (*cell).to_owned()).collect();
    let mut out = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let cells = row
            .iter()
            .enumerate()
            .map(|(at, cell)| match columns.get(at) {
                Some(width) => format!("{:width$}  ", shorten(cell, *width)),
                None => shorten(cell, rest).into_owned(),
            });
        let line: String = cells.collect();
        out.push_str(&escape_line(line.trim_end()));
        out.push('\n');
    }
    out
}

/// What a letter says of itself, for programs; its headers where they are wanted.
pub(super) fn letter(listed: &Listed, with_headers: bool) -> Value {
    let letter = &listed.letter;
    let message = &letter.message;
    let said = |said: &Option<String>| said.as_deref().map(text);
    let mut value = json!({
        "number": letter.number,
        "state": letter.state.as_str(),
        "reason": letter.reason.as_str(),
        "detail": text(&letter.detail),
        "consumer": text(&letter.consumer),
        "channel": text(&message.channel),
        "kind": said(&message.kind),
        "source": said(&message.source),
        "id": said(&message.id),
        "key": said(&message.key),
        "contract": said(&letter.contract),
        "attempts": letter.attempts,
        "seen": letter.seen,
        "first_at": instant(letter.first_at),
        "last_at": instant(letter.last_at),
        "body_bytes": listed.body_bytes,
        "note": said(&listed.note),
        "problem": said(&listed.problem),
    });
    if with_headers && let Some(fields) = value.as_object_mut() {
        let headers: Vec<Value> = headers(listed)
            .into_iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        fields.insert("headers".to_owned(), headers.into());
    }
    value
}

/// The headers of a letter without their secrets.
pub(super) fn headers(listed: &Listed) -> Vec<(String, String)> {
    let redactor = Redactor::default();
    let headers = listed.letter.message.headers.iter().take(HEADERS_MAX);
    headers
        .map(|(name, value)| (redactor.text(name), redactor.named(name, value)))
        .collect()
}

/// A body for programs: JSON as what it is, other text as text, anything else in base64. Without secrets, as far as text is text.
pub(super) fn payload(body: &[u8]) -> Value {
    let redactor = Redactor::default();
    let is_cut = body.len() > PAYLOAD_MAX;
    let begin = body.get(..PAYLOAD_MAX).unwrap_or(body);
    if !is_cut && let Ok(value) = serde_json::from_slice::<Value>(body) {
        return json!({ "json": redactor.json(&value) });
    }
    match readable(begin, is_cut) {
        Some(text) => json!({ "text": redactor.text(&text), "cut": is_cut }),
        None => json!({ "base64": STANDARD.encode(begin), "cut": is_cut }),
    }
}

/// A body for people, line by line.
pub(super) fn payload_lines(body: &[u8]) -> Vec<String> {
    let shown = payload(body);
    let text = match (shown.get("json"), shown.get("text"), shown.get("base64")) {
        (Some(value), _, _) => serde_json::to_string_pretty(value).unwrap_or_default(),
        (_, Some(Value::String(text)), _) => text.clone(),
        (_, _, Some(Value::String(base64))) => format!("(base64) {base64}"),
        _ => String::new(),
    };
    let mut lines: Vec<String> = text.lines().map(|line| escape(line).into_owned()).collect();
    if shown.get("cut") == Some(&Value::Bool(true)) {
        lines.push(format!("… {} bytes in all", body.len()));
    }
    lines
}

/// The text that bytes are, but for a character that was cut through.
fn readable(bytes: &[u8], is_cut: bool) -> Option<Cow<'_, str>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(error) if is_cut && error.error_len().is_none() => {
            let sound = bytes.get(..error.valid_up_to())?;
            Some(String::from_utf8_lossy(sound))
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_nothing_that_is_hidden_and_says_the_same() {
        let value = json!({ "a": "x\u{202e}y\u{1b}[2J\u{7f}ü😀" });
        let text = json(&value);
        assert!(
            text.is_ascii() && !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
    }

    #[test]
    fn bodies_are_shown_as_what_they_are() {
        let rows: [(&[u8], Value); 4] = [
            (
                br#"{"password":"hunter2","a":1}"#,
                json!({ "json": { "password": "<redacted>", "a": 1 } }),
            ),
            (
                b"token=abcdefgh x",
                json!({ "text": "token=<redacted> x", "cut": false }),
            ),
            (&[0xff, 0], json!({ "base64": "/wA=", "cut": false })),
            (b"", json!({ "text": "", "cut": false })),
        ];
        for (body, expected) in rows {
            assert_eq!(payload(body), expected);
        }
        let long = "ä".repeat(PAYLOAD_MAX);
        let lines = payload_lines(&long.as_bytes()[..long.len() - 1]);
        assert_eq!(
            lines.last().map(String::as_str),
            Some("… 131071 bytes in all")
        );
        assert_eq!(
            payload_lines(b"a\x1b[2J\n::error::b"),
            ["a␛[2J", "::error::b"]
        );
    }

    #[test]
    fn a_table_is_as_wide_as_it_must_be() {
        let rows = vec![
            vec!["1".to_owned(), "x".repeat(50), "y".repeat(90)],
            vec!["::22".to_owned(), "a".to_owned(), String::new()],
        ];
        let text = table(&["N", "NAME", "DETAIL"], &rows, 100);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("DETAIL"), Some(48));
        assert_eq!(lines[1].chars().count(), 100);
        assert_eq!(lines[2], "\\u{3a}:22  a");
    }

    #[test]
    fn ages_are_said_in_two_units() {
        let rows = [
            (0, "0 s"),
            (61, "1 min 1 s"),
            (7_260, "2 h 1 min"),
            (200_000, "2 d 7 h"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(length(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(
            instant(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            "2027-01-15T08:00:00Z"
        );
    }
}
