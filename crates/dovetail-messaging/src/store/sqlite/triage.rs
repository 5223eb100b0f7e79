//! Looking at dead letters and deciding about them, as statements.

use std::{sync::LazyLock, time::SystemTime};

use rusqlite::{
    Connection, OptionalExtension, Row, params, params_from_iter,
    types::{Type, Value},
};

use super::{Sqlite, dead_letter, millis, outbox, time};
use crate::{
    dead_letter::{
        Act, Action, By, Closed, Entry, Group, Listed, Matches, Reason, Restored, Selection, State,
        purged,
    },
    message::{IDENTITY_BYTES_MAX, Message, shortened},
    replay::addressed,
    store::{LETTERS_MAX, StoreError, Triage},
};

/// Groups that are told apart.
const GROUPS_MAX: u32 = 10_000;

/// What of a letter can be sent again as it is.
static REPLAYABLE: LazyLock<String> = LazyLock::new(|| {
    let unfit = Reason::ALL
        .into_iter()
        .filter(|reason| !reason.can_replay());
    let unfit: Vec<String> = unfit.map(|reason| format!("'{reason}'")).collect();
    format!(
        "(state = 'open' AND source <> '' AND length(CAST(source AS BLOB)) <= {IDENTITY_BYTES_MAX}
          AND id <> '' AND length(CAST(id AS BLOB)) <= {IDENTITY_BYTES_MAX} AND reason NOT IN ({}))",
        unfit.join(", ")
    )
});

/// What a selection means. Its parameters are those of [`meant_by`].
pub(super) static MEANT: LazyLock<String> = LazyLock::new(|| {
    let replayable = REPLAYABLE.as_str();
    format!(
        "(?1 IS NULL OR consumer = ?1) AND (?2 IS NULL OR reason = ?2) AND (?3 IS NULL OR state = ?3)
         AND (?4 IS NULL OR kind = ?4) AND (?5 IS NULL OR channel = ?5)
         AND (?6 IS NULL OR first_at >= ?6) AND (?7 IS NULL OR first_at < ?7)
         AND (?8 IS NULL OR {replayable} = ?8)
         AND (?9 IS NULL OR number IN (SELECT value FROM json_each(?9)))"
    )
});

/// A letter with what was noted on it last.
const NOTED: &str = "
    length(body) AS body_bytes,
    (SELECT nullif(note.detail, '') FROM dovetail_audit AS note
     WHERE note.letter = letter.number AND note.action = 'note' ORDER BY note.number DESC LIMIT 1) AS note
    FROM dovetail_dead_letter AS letter";

/// All of a letter but its body, which may be long.
const HEAD: &str = "number, consumer, channel, source, id, kind, key, expires_at, headers, x'' AS body, fingerprint,
    reason, detail, contract, attempts, seen, state, first_at, last_at";

/// The parameters of [`MEANT`].
pub(super) fn meant_by(selection: &Selection) -> [Value; 9] {
    let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::from(text.to_owned()));
    let instant = |at: Option<SystemTime>| at.map_or(Value::Null, |at| Value::from(millis(at)));
    let numbers = (!selection.numbers.is_empty()).then(|| {
        let numbers: Vec<String> = selection.numbers.iter().map(i64::to_string).collect();
        format!("[{}]", numbers.join(","))
    });
    [
        text(selection.consumer.as_deref()),
        text(selection.reason.map(Reason::as_str)),
        text(selection.state.map(State::as_str)),
        text(selection.kind.as_deref()),
        text(selection.channel.as_deref()),
        instant(selection.since),
        instant(selection.until),
        selection.replayable.map_or(Value::Null, Value::from),
        text(numbers.as_deref()),
    ]
}

impl Triage for Sqlite {
    async fn matches(&self, selection: Selection) -> Result<Matches, StoreError> {
        self.writer
            .read("count dead letters", move |connection| {
                let sql = format!(
                    "SELECT count(*), min(first_at), coalesce(max(number), 0) FROM dovetail_dead_letter WHERE {}",
                    *MEANT
                );
                connection
                    .prepare_cached(&sql)?
                    .query_row(params_from_iter(meant_by(&selection)), |row| {
                        Ok(Matches {
                            count: row.get::<_, i64>(0)?.unsigned_abs(),
                            oldest_at: row.get::<_, Option<i64>>(1)?.map(time),
                            last: row.get(2)?,
                        })
                    })
            })
            .await
    }

    async fn list(
        &self,
        selection: Selection,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Listed>, StoreError> {
        self.writer
            .read("list dead letters", move |connection| {
                let sql = format!(
                    "SELECT {HEAD}, {NOTED} WHERE {} AND number > ?10 ORDER BY number LIMIT ?11",
                    *MEANT
                );
                let page = [Value::from(after), Value::from(limit)];
                let parameters = meant_by(&selection).into_iter().chain(page);
                connection
                    .prepare_cached(&sql)?
                    .query_map(params_from_iter(parameters), listed)?
                    .collect()
            })
            .await
    }

    async fn letter(&self, number: i64) -> Result<Option<Listed>, StoreError> {
        self.writer
            .read("read a dead letter", move |connection| {
                connection
                    .prepare_cached(&format!("SELECT *, {NOTED} WHERE number = ?1"))?
                    .query_row([number], listed)
                    .optional()
            })
            .await
    }

    async fn groups(&self, selection: Selection, by: By) -> Result<Vec<Group>, StoreError> {
        self.writer
            .read("group dead letters", move |connection| {
                let column = match by {
                    By::Reason => "reason",
                    By::Consumer => "consumer",
                    By::Kind => "coalesce(kind, '')",
                    By::Detail => "detail",
                };
                let sql = format!(
                    "SELECT {column} AS name, count(*) AS count, min(first_at), max(first_at), max(number)
                     FROM dovetail_dead_letter WHERE {} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {GROUPS_MAX}",
                    *MEANT
                );
                connection
                    .prepare_cached(&sql)?
                    .query_map(params_from_iter(meant_by(&selection)), |row| {
                        Ok(Group {
                            name: row.get(0)?,
                            count: row.get::<_, i64>(1)?.unsigned_abs(),
                            oldest_at: time(row.get(2)?),
                            newest_at: time(row.get(3)?),
                            example: row.get(4)?,
                        })
                    })?
                    .collect()
            })
            .await
    }

    async fn annotate(&self, number: i64, note: String, act: Act) -> Result<bool, StoreError> {
        self.writer
            .transact("note something on a dead letter", move |connection| {
                let is_there = is_there(connection, number)?;
                if is_there {
                    record(connection, &act, Action::Note, (Some(number), None), &note)?;
                }
                Ok(is_there)
            })
            .await
    }

    async fn send_copy(&self, number: i64, copy: Message, act: Act) -> Result<Closed, StoreError> {
        let closed = self
            .writer
            .transact("send a copy of a dead letter", move |connection| {
                send_copy(connection, number, copy, &act)
            })
            .await?;
        self.outbox_changed.notify_one();
        Ok(closed)
    }

    async fn discard_all(&self, numbers: Vec<i64>, act: Act) -> Result<Vec<i64>, StoreError> {
        let discarded = self
            .writer
            .transact("discard dead letters", move |connection| {
                let mut discarded = Vec::new();
                for number in numbers.into_iter().take(LETTERS_MAX) {
                    if dead_letter::shut(connection, number, State::Discarded, act.at)? {
                        record(connection, &act, Action::Discard, (Some(number), None), "")?;
                        discarded.push(number);
                    }
                }
                Ok(discarded)
            })
            .await?;
        self.outbox_changed.notify_one();
        Ok(discarded)
    }

    async fn restore_all(&self, numbers: Vec<i64>, act: Act) -> Result<Restored, StoreError> {
        self.writer
            .transact("open dead letters again", move |connection| {
                let mut restored = Restored::default();
                for number in numbers.into_iter().take(LETTERS_MAX) {
                    let list = restore(connection, number, &act, &mut restored)?;
                    list.push(number);
                }
                Ok(restored)
            })
            .await
    }

    async fn log(&self, act: Act, action: Action, detail: String) -> Result<(), StoreError> {
        self.writer
            .transact("write down what is done", move |connection| {
                record(connection, &act, action, (None, None), &detail)
            })
            .await
    }

    async fn audit(
        &self,
        letter: Option<i64>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.writer
            .read("read what was done", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT * FROM dovetail_audit WHERE (?1 IS NULL OR letter = ?1) AND number > ?2 ORDER BY number LIMIT ?3",
                    )?
                    .query_map(params![letter, after, limit], entry)?
                    .collect()
            })
            .await
    }
}

/// Writes down that something was done to a letter, by a job or to it.
pub(super) fn record(
    connection: &Connection,
    act: &Act,
    action: Action,
    (letter, job): (Option<i64>, Option<i64>),
    detail: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dovetail_audit (at, who, action, letter, job, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            millis(act.at),
            act.who,
            action.as_str(),
            letter,
            job,
            shortened(detail)
        ])?;
    Ok(())
}

fn is_there(connection: &Connection, number: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM dovetail_dead_letter WHERE number = ?1")?
        .exists([number])
}

fn send_copy(
    connection: &Connection,
    number: i64,
    copy: Message,
    act: &Act,
) -> rusqlite::Result<Closed> {
    let Some(letter) = dead_letter::open(connection, number)? else {
        let is_there = is_there(connection, number)?;
        return Ok(if is_there {
            Closed::NotOpen
        } else {
            Closed::Unknown
        });
    };
    let detail = format!(
        "sent as {} {}",
        copy.source.as_deref().unwrap_or_default(),
        copy.id.as_deref().unwrap_or_default()
    );
    dead_letter::shut(connection, number, State::Resolved, act.at)?;
    let copy = addressed(copy, &letter.consumer, letter.reason);
    outbox::insert(connection, &copy, act.at)?;
    record(connection, act, Action::Edit, (Some(number), None), &detail)?;
    Ok(Closed::Now)
}

/// Opens one letter again, and returns the list that it belongs to then. Only the newest one of its message says what became of it: an older
/// one could be sent beside an edited copy, or be taken for one that somebody dealt with.
fn restore<'a>(
    connection: &Connection,
    number: i64,
    act: &Act,
    restored: &'a mut Restored,
) -> rusqlite::Result<&'a mut Vec<i64>> {
    let opened = connection
        .prepare_cached(
            "UPDATE dovetail_dead_letter AS letter SET state = 'open', last_at = ?2
             WHERE number = ?1 AND state IN ('discarded', 'replayed') AND NOT EXISTS (
                 SELECT 1 FROM dovetail_dead_letter AS newer
                 WHERE newer.digest = letter.digest AND newer.fingerprint = letter.fingerprint
                   AND newer.number > letter.number)",
        )?
        .execute(params![number, millis(act.at)])?;
    if opened == 1 {
        record(connection, act, Action::Restore, (Some(number), None), "")?;
        return Ok(&mut restored.opened);
    }
    let is_doubled = connection
        .prepare_cached(
            "SELECT 1 FROM dovetail_dead_letter AS letter JOIN dovetail_dead_letter AS newer
                 ON newer.digest = letter.digest AND newer.fingerprint = letter.fingerprint AND newer.number > letter.number
             WHERE letter.number = ?1 AND letter.state IN ('discarded', 'replayed') AND newer.state = 'open'",
        )?
        .exists([number])?;
    Ok(if is_doubled {
        &mut restored.doubled
    } else {
        &mut restored.unfit
    })
}

pub(super) fn purge(
    connection: &Connection,
    before: SystemTime,
    limit: u32,
    act: &Act,
) -> rusqlite::Result<u32> {
    let numbers: Vec<i64> = connection
        .prepare_cached(
            "SELECT number FROM dovetail_dead_letter AS letter
             WHERE state <> 'open' AND last_at < ?1 AND NOT EXISTS (
                 SELECT 1 FROM dovetail_replay_item AS item JOIN dovetail_replay AS job ON job.number = item.job
                 WHERE item.letter = letter.number AND job.state NOT IN ('done', 'cancelled'))
             ORDER BY number LIMIT ?2",
        )?
        .query_map(params![millis(before), limit], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // While there are letters of a message, its mark in the inbox keeps redeliveries away; without them it is a mark of nothing.
    let mut unmark = connection.prepare_cached(
        "DELETE FROM dovetail_inbox WHERE status = 'dead' AND (consumer, source, id) = (
             SELECT consumer, source, id FROM dovetail_dead_letter AS letter WHERE number = ?1)
         AND NOT EXISTS (
             SELECT 1 FROM dovetail_dead_letter AS letter JOIN dovetail_dead_letter AS other ON other.digest = letter.digest
             WHERE letter.number = ?1 AND other.number <> ?1)",
    )?;
    let mut delete =
        connection.prepare_cached("DELETE FROM dovetail_dead_letter WHERE number = ?1")?;
    for number in &numbers {
        unmark.execute([number])?;
        delete.execute([number])?;
    }
    if let Some(detail) = purged(&numbers) {
        record(connection, act, Action::Purge, (None, None), &detail)?;
    }
    Ok(u32::try_from(numbers.len()).unwrap_or(u32::MAX))
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let (letter, problem) = match dead_letter::letter(row) {
        Ok(letter) => (letter, None),
        Err(error) => (dead_letter::damaged(row)?, Some(error.to_string())),
    };
    Ok(Listed {
        letter,
        problem,
        body_bytes: row.get::<_, i64>("body_bytes")?.unsigned_abs(),
        note: row.get("note")?,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let action: String = row.get("action")?;
    let action = Action::of(&action).ok_or_else(|| {
        let unknown = format!("`{action}` is nothing that can be done");
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, unknown.into())
    })?;
    Ok(Entry {
        number: row.get("number")?,
        act: Act {
            who: row.get("who")?,
            at: time(row.get("at")?),
        },
        action,
        letter: row.get("letter")?,
        job: row.get("job")?,
        detail: row.get("detail")?,
    })
}
