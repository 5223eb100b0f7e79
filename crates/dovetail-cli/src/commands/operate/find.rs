//! Finding dead letters and reading them.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::DateTime;
use dovetail_contract::policy;
use dovetail_messaging::cesql::Filter;
use dovetail_messaging::dead_letter::{By, Entry, Group, Listed, Reason, Search, Selection};
use dovetail_messaging::store::{Replays, Triage};
use serde_json::{Value, json};

use super::{Desk, failed, no_letter, nothing, shown, state};
use crate::args::operate::{self, GroupBy, Selecting};
use crate::exit::{Exit, Stop};

/// Entries of the audit that are shown with a letter.
const HISTORY_MAX: u32 = 100;

/// What the command line selects.
pub(super) fn search(desk: &Desk, asked: &Selecting, numbers: &[i64]) -> Result<Search, Stop> {
    let reason = asked.reason.as_deref().map(|word| {
        word.parse::<Reason>().map_err(|_| {
            let known = Reason::ALL.map(|reason| format!("`{reason}`")).join(", ");
            Stop::usage(format!("`--reason {word}` is none; there is {known}"))
        })
    });
    let filter = asked.filter.as_deref().map(|text| {
        Filter::parse(text).map_err(|error| Stop::usage(format!("`--filter` is no CESQL: {error}")))
    });
    let time = |flag: &str, text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| instant(desk, flag, text)).transpose()
    };
    Ok(Search {
        selection: Selection {
            numbers: numbers.to_vec(),
            consumer: asked.consumer.clone(),
            reason: reason.transpose()?,
            kind: asked.kind.clone(),
            channel: asked.channel.clone(),
            since: time("--since", &asked.since)?,
            until: time("--until", &asked.until)?,
            ..Selection::default()
        },
        filter: filter.transpose()?,
    })
}

/// Whether the command line says which letters are meant.
pub(super) fn is_selecting(asked: &Selecting, numbers: &[i64]) -> bool {
    let texts = [
        &asked.consumer,
        &asked.reason,
        &asked.kind,
        &asked.channel,
        &asked.since,
        &asked.until,
        &asked.filter,
    ];
    !numbers.is_empty() || texts.into_iter().any(Option::is_some)
}

/// What `--since` and its like mean: an instant, or so long ago.
pub(super) fn instant(desk: &Desk, flag: &str, text: &str) -> Result<SystemTime, Stop> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.into());
    }
    let ago = duration(flag, text).ok();
    ago.and_then(|ago| desk.now().checked_sub(ago)).ok_or_else(|| {
        Stop::usage(format!(
            "`{flag} {text}` is no time; write it like `2026-11-24T09:00:00Z`, or like `2h` for so long ago"
        ))
    })
}

/// A length of time on the command line.
pub(super) fn duration(flag: &str, text: &str) -> Result<Duration, Stop> {
    let parsed = policy::Duration::parse(text);
    let parsed = parsed.map(|duration| Duration::from_millis(duration.millis));
    parsed.ok_or_else(|| {
        Stop::usage(format!(
            "`{flag} {text}` is no length of time; write it like `5s` or `7d`"
        ))
    })
}

pub(super) fn list_search(desk: &Desk, asked: &operate::List) -> Result<Search, Stop> {
    let mut search = search(desk, &asked.selecting, &[])?;
    search.selection.state = state(asked.state);
    search.selection.replayable = asked.replayable;
    Ok(search)
}

pub(super) async fn list<S: Triage>(
    desk: &Desk,
    store: &S,
    asked: &operate::List,
) -> Result<Exit, Stop> {
    let search = list_search(desk, asked)?;
    let matches = search.count(store).await.map_err(failed)?;
    let page = search.page(store, asked.after, asked.limit).await;
    let page = page.map_err(failed)?;
    let end = page.last().map_or(0, |listed| listed.letter.number);
    let next = (end < matches.last && !page.is_empty()).then_some(end);
    let document = json!({
        "schema": 1,
        "count": matches.count,
        "oldest_at": matches.oldest_at.map(shown::instant),
        "letters": page.iter().map(|listed| shown::letter(listed, false)).collect::<Vec<_>>(),
        "next": next,
    });
    desk.write(&listing(desk, &page), &document)?;
    if matches.count == 0 {
        return Err(nothing("no dead letter matches"));
    }
    let more = next.map_or_else(String::new, |next| format!("; `--after {next}` goes on"));
    let count = matches.count;
    desk.ui
        .message(&format!("{} of {count} dead letters{more}", page.len()));
    Ok(Exit::Ok)
}

fn listing(desk: &Desk, page: &[Listed]) -> String {
    if page.is_empty() {
        return String::new();
    }
    let head = [
        "NUMBER", "FIRST", "STATE", "REASON", "CONSUMER", "KIND", "ID", "TRIES", "DETAIL",
    ];
    let said = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), shown::line);
    let rows: Vec<Vec<String>> = page
        .iter()
        .map(|listed| {
            let letter = &listed.letter;
            let note = listed.note.as_deref();
            let note = note.map_or(String::new(), |note| format!(" ({note})"));
            let detail = match &listed.problem {
                Some(problem) => format!("unreadable: {problem}"),
                None => letter.detail.clone(),
            };
            vec![
                letter.number.to_string(),
                shown::instant(letter.first_at),
                letter.state.as_str().to_owned(),
                letter.reason.to_string(),
                shown::line(&letter.consumer),
                said(&letter.message.kind),
                said(&letter.message.id),
                letter.attempts.to_string(),
                shown::line(&format!("{detail}{note}")),
            ]
        })
        .collect();
    shown::table(&head, &rows, desk.ui.width())
}

pub(super) async fn show<S: Triage>(
    desk: &Desk,
    store: &S,
    asked: &operate::Show,
) -> Result<Exit, Stop> {
    let found = store.letter(asked.number).await.map_err(failed)?;
    let listed = found.ok_or_else(|| no_letter(asked.number))?;
    let history = store.audit(Some(asked.number), 0, HISTORY_MAX).await;
    let history = history.map_err(failed)?;
    let body = &listed.letter.message.body;
    if let Some(path) = &asked.payload_to {
        write_new(path, body)?;
        let (length, path) = (body.len(), path.display());
        desk.ui
            .message(&format!("{length} bytes written to `{path}`"));
    }
    let mut document = shown::letter(&listed, true);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("schema".to_owned(), 1.into());
        let history: Vec<Value> = history.iter().map(entry).collect();
        fields.insert("history".to_owned(), history.into());
        if asked.payload {
            fields.insert("payload".to_owned(), shown::payload(body));
        }
    }
    desk.write(&sheet(&listed, &history, asked.payload), &document)?;
    Ok(Exit::Ok)
}

/// Writes a file that is not there yet, for nobody else to read.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| {
        let context = format!("cannot write the new file `{}`", path.display());
        Stop::new(
            Exit::Infrastructure,
            anyhow::Error::new(error).context(context),
        )
    })
}

/// A letter for people. Every line begins with words of ours.
fn sheet(listed: &Listed, history: &[Entry], with_payload: bool) -> String {
    let letter = &listed.letter;
    let message = &letter.message;
    let said = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), shown::line);
    let rows = [
        ("reason", letter.reason.to_string()),
        ("detail", shown::line(&letter.detail)),
        ("consumer", shown::line(&letter.consumer)),
        ("channel", shown::line(&message.channel)),
        ("kind", said(&message.kind)),
        ("source", said(&message.source)),
        ("id", said(&message.id)),
        ("key", said(&message.key)),
        ("contract", said(&letter.contract)),
        ("attempts", letter.attempts.to_string()),
        (
            "seen",
            format!(
                "{} times, first {}, last {}",
                letter.seen,
                shown::instant(letter.first_at),
                shown::instant(letter.last_at)
            ),
        ),
        ("note", said(&listed.note)),
    ];
    let mut out = format!("dead letter {}: {}\n", letter.number, letter.state.as_str());
    for (name, value) in rows {
        let _ = writeln!(out, "  {name:9} {value}");
    }
    if let Some(problem) = &listed.problem {
        let _ = writeln!(out, "  unreadable {}", shown::line(problem));
    }
    for (name, value) in shown::headers(listed) {
        let line = dovetail_contract::escape::escape(&format!("{name}: {value}")).into_owned();
        let _ = writeln!(out, "  header    {line}");
    }
    if with_payload {
        let _ = writeln!(out, "  payload   {} bytes", listed.body_bytes);
        for line in shown::payload_lines(&message.body) {
            let _ = writeln!(out, "  | {line}");
        }
    } else {
        let bytes = listed.body_bytes;
        let _ = writeln!(out, "  payload   {bytes} bytes, shown by `--payload`");
    }
    for entry in history {
        let _ = writeln!(out, "  history   {}", history_line(entry));
    }
    out
}

fn history_line(entry: &Entry) -> String {
    let job = entry
        .job
        .map_or(String::new(), |job| format!(" by replay {job}"));
    let gap = if entry.detail.is_empty() { "" } else { ": " };
    format!(
        "{} {} by {}{job}{gap}{}",
        shown::instant(entry.act.at),
        entry.action,
        shown::line(&entry.act.who),
        shown::line(&entry.detail)
    )
}

fn entry(entry: &Entry) -> Value {
    json!({
        "number": entry.number,
        "at": shown::instant(entry.act.at),
        "who": shown::text(&entry.act.who),
        "action": entry.action.as_str(),
        "letter": entry.letter,
        "job": entry.job,
        "detail": shown::text(&entry.detail),
    })
}

pub(super) fn group_search(desk: &Desk, asked: &operate::Group) -> Result<Search, Stop> {
    let mut search = search(desk, &asked.selecting, &[])?;
    search.selection.state = state(asked.state);
    Ok(search)
}

pub(super) async fn group<S: Triage>(
    desk: &Desk,
    store: &S,
    asked: &operate::Group,
) -> Result<Exit, Stop> {
    let search = group_search(desk, asked)?;
    let (by, word) = match asked.by {
        GroupBy::Reason => (By::Reason, "REASON"),
        GroupBy::Consumer => (By::Consumer, "CONSUMER"),
        GroupBy::Kind => (By::Kind, "KIND"),
        GroupBy::Detail => (By::Detail, "DETAIL"),
    };
    let groups = search.groups(store, by).await.map_err(failed)?;
    let rows: Vec<Vec<String>> = groups.iter().map(|group| group_row(desk, group)).collect();
    let documents: Vec<Value> = groups
        .iter()
        .map(|group| {
            json!({
                "name": shown::text(&group.name),
                "count": group.count,
                "oldest_at": shown::instant(group.oldest_at),
                "newest_at": shown::instant(group.newest_at),
                "example": group.example,
            })
        })
        .collect();
    let document = json!({ "schema": 1, "by": word.to_lowercase(), "groups": documents });
    let human = if groups.is_empty() {
        String::new()
    } else {
        let head = ["COUNT", "OLDEST", "EXAMPLE", word];
        shown::table(&head, &rows, desk.ui.width())
    };
    desk.write(&human, &document)?;
    if groups.is_empty() {
        return Err(nothing("no dead letter matches"));
    }
    Ok(Exit::Ok)
}

fn group_row(desk: &Desk, group: &Group) -> Vec<String> {
    let name = if group.name.is_empty() {
        "-"
    } else {
        &group.name
    };
    vec![
        group.count.to_string(),
        format!("{} ago", shown::age(group.oldest_at, desk.now())),
        group.example.to_string(),
        shown::line(name),
    ]
}

pub(super) async fn audit<S: Replays>(
    desk: &Desk,
    store: &S,
    number: Option<i64>,
    (after, limit): (i64, u32),
) -> Result<Exit, Stop> {
    let entries = store.audit(number, after, limit).await.map_err(failed)?;
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let number =
                |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
            vec![
                entry.number.to_string(),
                shown::instant(entry.act.at),
                shown::line(&entry.act.who),
                entry.action.to_string(),
                number(entry.letter),
                number(entry.job),
                shown::line(&entry.detail),
            ]
        })
        .collect();
    let document = json!({ "schema": 1, "entries": entries.iter().map(entry).collect::<Vec<_>>() });
    let human = if rows.is_empty() {
        String::new()
    } else {
        let head = ["ENTRY", "AT", "WHO", "ACTION", "LETTER", "REPLAY", "DETAIL"];
        shown::table(&head, &rows, desk.ui.width())
    };
    desk.write(&human, &document)?;
    if entries.is_empty() {
        return Err(nothing("nothing was done"));
    }
    Ok(Exit::Ok)
}
