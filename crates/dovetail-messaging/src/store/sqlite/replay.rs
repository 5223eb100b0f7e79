//! Replays as rows: a job, its letters, and one transaction for each of its steps.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter, types::Value};

use super::{
    Sqlite,
    dead_letter::{self, Replayed},
    millis, time,
    triage::{MEANT, meant_by, record},
};
use crate::{
    dead_letter::{Act, Action, Selection},
    replay::{
        Counts, Job, JobState, Options, Plan, Progress, RECENT_DECIDED, Started, Step, Turn, micros,
    },
    store::{Replays, StoreError},
};

/// Letters of replays that are forgotten in one transaction.
const FORGOTTEN_MAX: u32 = 10_000;

/// Letters of one step hold no more than this in bodies, beyond the first one.
const BATCH_BYTES_MAX: i64 = 16 << 20;

impl Replays for Sqlite {
    async fn open_replay(&self, plan: Plan) -> Result<Started, StoreError> {
        self.writer
            .transact("start a replay", move |connection| open(connection, &plan))
            .await
    }

    async fn step(&self, job: i64, now: SystemTime) -> Result<Option<Step>, StoreError> {
        let step = self
            .writer
            .transact("take a step of a replay", move |connection| {
                let Some(job) = find(connection, job)? else {
                    return Ok(None);
                };
                step(connection, job, now).map(Some)
            })
            .await?;
        if step.as_ref().is_some_and(|step| step.sent > 0) {
            self.outbox_changed.notify_one();
        }
        Ok(step)
    }

    async fn turn(&self, job: i64, turn: Turn, act: Act) -> Result<bool, StoreError> {
        self.writer
            .transact("turn a replay", move |connection| {
                let Some(mut job) = find(connection, job)? else {
                    return Ok(false);
                };
                if !job.turn(&turn, &act) {
                    return Ok(false);
                }
                save(connection, &job)?;
                let about = (None, Some(job.number));
                record(connection, &act, turn.action(), about, turn.detail())?;
                Ok(true)
            })
            .await
    }

    async fn replay_job(&self, job: i64) -> Result<Option<Job>, StoreError> {
        self.writer
            .read("read a replay", move |connection| find(connection, job))
            .await
    }

    async fn replay_jobs(&self, before: i64, limit: u32) -> Result<Vec<Job>, StoreError> {
        self.writer
            .read("list replays", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT * FROM dovetail_replay WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
                    )?
                    .query_map(params![before, limit], job)?
                    .collect()
            })
            .await
    }

    async fn forget_replays(
        &self,
        before: SystemTime,
        limit: u32,
        act: Act,
    ) -> Result<u32, StoreError> {
        // Others write in between.
        loop {
            let items = self.writer.transact("forget replays", move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM dovetail_replay_item WHERE (job, position) IN (
                             SELECT item.job, item.position FROM (
                                 SELECT number FROM dovetail_replay WHERE ended_at < ?1 ORDER BY number LIMIT ?2) AS over
                             JOIN dovetail_replay_item AS item ON item.job = over.number LIMIT ?3)",
                    )?
                    .execute(params![millis(before), limit, FORGOTTEN_MAX])
            });
            if u64::try_from(items.await?).unwrap_or(u64::MAX) < u64::from(FORGOTTEN_MAX) {
                break;
            }
        }
        self.writer
            .transact("forget replays", move |connection| {
                let over: Vec<i64> = connection
                    .prepare_cached(
                        "DELETE FROM dovetail_replay WHERE number IN (
                             SELECT number FROM dovetail_replay WHERE ended_at < ?1 ORDER BY number LIMIT ?2)
                         AND NOT EXISTS (SELECT 1 FROM dovetail_replay_item AS item WHERE item.job = dovetail_replay.number)
                         RETURNING number",
                    )?
                    .query_map(params![millis(before), limit], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?;
                for number in &over {
                    record(connection, &act, Action::Purge, (None, Some(*number)), "")?;
                }
                Ok(u32::try_from(over.len()).unwrap_or(u32::MAX))
            })
            .await
    }
}

/// Notes that what was handled before the instant is forgotten.
pub(super) fn raise_floor(connection: &Connection, before: SystemTime) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE dovetail_inbox_floor SET before = max(before, ?1)")?
        .execute([millis(before)])?;
    Ok(())
}

/// Letters that came before this instant are too old.
fn floor(
    connection: &Connection,
    options: &Options,
    now: SystemTime,
) -> rusqlite::Result<SystemTime> {
    let forgotten = connection
        .prepare_cached("SELECT before FROM dovetail_inbox_floor")?
        .query_row([], |row| row.get(0))?;
    Ok(options.floor(time(forgotten), now))
}

fn open(connection: &Connection, plan: &Plan) -> rusqlite::Result<Started> {
    let present = connection
        .prepare_cached(
            "SELECT * FROM dovetail_replay
             WHERE selected = ?1 AND state IN ('canary', 'running', 'paused', 'failed')",
        )?
        .query_row([plan.selected], job)
        .optional()?;
    if let Some(job) = present {
        return Ok(Started::Present(job));
    }
    let fit = with_replayable(&plan.selection, true);
    let unfit = count(connection, &with_replayable(&plan.selection, false))?;
    let total = count(connection, &fit)?;
    if total == 0 {
        return Ok(Started::Nothing { unfit });
    }
    let floor = floor(connection, &plan.options, plan.act.at)?;
    if !plan.options.accept_duplicates {
        let until = Some(fit.until.map_or(floor, |until| until.min(floor)));
        let count = count(
            connection,
            &Selection {
                until,
                ..fit.clone()
            },
        )?;
        if count > 0 {
            return Ok(Started::TooOld { count, floor });
        }
    }
    let number = insert(connection, plan, total, unfit)?;
    let sql = format!(
        "INSERT INTO dovetail_replay_item (job, position, letter, outcome)
         SELECT ?10, row_number() OVER (ORDER BY number), number, 'waiting'
         FROM dovetail_dead_letter WHERE {} ORDER BY number",
        *MEANT
    );
    let parameters = meant_by(&fit).into_iter().chain([Value::from(number)]);
    connection
        .prepare_cached(&sql)?
        .execute(params_from_iter(parameters))?;
    let about = (None, Some(number));
    record(connection, &plan.act, Action::Start, about, &plan.said)?;
    let job = find(connection, number)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Started::New(job))
}

fn with_replayable(selection: &Selection, replayable: bool) -> Selection {
    Selection {
        replayable: Some(replayable),
        ..selection.clone()
    }
}

fn count(connection: &Connection, selection: &Selection) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM dovetail_dead_letter WHERE {}", *MEANT);
    let count: i64 = connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(meant_by(selection)), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn insert(connection: &Connection, plan: &Plan, total: u64, unfit: u64) -> rusqlite::Result<i64> {
    let options = &plan.options;
    let state = if options.canary == 0 {
        JobState::Running
    } else {
        JobState::Canary
    };
    connection
        .prepare_cached(
            "INSERT INTO dovetail_replay
                 (selected, selection, state, rate, canary, settle, retention, accept_duplicates, total, unfit,
                  due_at, started_by, started_at, moved_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13) RETURNING number",
        )?
        .query_row(
            params![
                plan.selected,
                plan.said,
                state.as_str(),
                options.rate,
                options.canary,
                column(options.settle.as_millis()),
                column(options.retention.as_millis()),
                options.accept_duplicates,
                column(total),
                column(unfit),
                column(micros(plan.act.at)),
                plan.act.who,
                millis(plan.act.at),
            ],
            |row| row.get(0),
        )
}

/// One step of a job, from what became of its letters to those that are sent now.
fn step(connection: &Connection, mut job: Job, now: SystemTime) -> rusqlite::Result<Step> {
    let mut sent = 0;
    if job.state.is_active() {
        if job.is_to_judge(now) {
            judge(connection, &mut job, now)?;
        }
        job.follow(recent(connection, &job)?, now);
        let due = job.due(now);
        sent = send(connection, &mut job, due, now)?;
        job.spend(sent, now);
        // Letters that nobody had to be asked about may have been the last ones.
        job.follow((0, 0), now);
        job.moved_at = now;
        save(connection, &job)?;
        if job.state == JobState::Paused {
            let about = (None, Some(job.number));
            let cause = job.cause.as_deref().unwrap_or_default();
            record(
                connection,
                &Act::of_nobody(now),
                Action::Pause,
                about,
                cause,
            )?;
        }
    }
    let rest = job.rest(now);
    Ok(Step { job, sent, rest })
}

/// Another letter of the same message came after it was sent. Numbers tell what was later: clocks of other machines do not.
const DIED: &str = "EXISTS (
    SELECT 1 FROM dovetail_dead_letter AS letter
    JOIN dovetail_dead_letter AS again ON again.digest = letter.digest AND again.fingerprint = letter.fingerprint
    WHERE letter.number = item.letter AND again.number > item.newest)";

/// The inbox of its consumer says so; or, for what the broker had rejected, the outbox.
const HANDLED: &str = "
    CASE WHEN item.place IS NULL THEN EXISTS (
        SELECT 1 FROM dovetail_dead_letter AS letter
        JOIN dovetail_inbox AS inbox ON inbox.consumer = letter.consumer AND inbox.source = letter.source AND inbox.id = letter.id
        WHERE letter.number = item.letter AND inbox.status = 'done' AND inbox.fingerprint = letter.fingerprint)
    ELSE NOT EXISTS (SELECT 1 FROM dovetail_outbox AS waiting WHERE waiting.place = item.place AND waiting.status <> 'published') END";

/// Finds out what became of the letters that are under way.
fn judge(connection: &Connection, job: &mut Job, now: SystemTime) -> rusqlite::Result<()> {
    let decide = |outcome: &str, condition: &str, before: i64| {
        let sql = format!(
            "UPDATE dovetail_replay_item AS item SET outcome = '{outcome}', decided_at = ?2
             WHERE job = ?1 AND outcome = 'sent' AND sent_at <= ?3 AND {condition}"
        );
        let count =
            connection
                .prepare_cached(&sql)?
                .execute(params![job.number, millis(now), before])?;
        Ok::<u64, rusqlite::Error>(u64::try_from(count).unwrap_or(u64::MAX))
    };
    let given_up = now
        .checked_sub(job.options.settle)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let dead = decide("dead", DIED, i64::MAX)?;
    let handled = decide("handled", HANDLED, i64::MAX)?;
    let undecided = decide("undecided", "TRUE", millis(given_up))?;
    job.counts.dead += dead;
    job.counts.handled += handled;
    job.counts.undecided += undecided;
    job.progress.judged_at = now;
    Ok(())
}

/// The failed and all of those letters that were decided last.
fn recent(connection: &Connection, job: &Job) -> rusqlite::Result<(u32, u32)> {
    if job.state != JobState::Running || job.counts.dead == 0 {
        return Ok((0, 0));
    }
    connection
        .prepare_cached(
            "SELECT coalesce(sum(outcome = 'dead'), 0), count(*) FROM (
                 SELECT outcome FROM dovetail_replay_item
                 WHERE job = ?1 AND outcome IN ('handled', 'dead') AND position > ?2
                 ORDER BY decided_at DESC, position DESC LIMIT ?3)",
        )?
        .query_row(
            params![
                job.number,
                column(job.progress.counted_from),
                RECENT_DECIDED
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
}

/// Sends the next letters that can be sent, so many at most, and passes over the others.
fn send(
    connection: &Connection,
    job: &mut Job,
    due: u32,
    now: SystemTime,
) -> rusqlite::Result<u32> {
    /// Letters passed over in one step, beyond those that are sent.
    const PASSED_MAX: u64 = 1_000;
    let act = job.act(now);
    let floor = floor(connection, &job.options, now)?;
    let (mut sent, mut passed) = (0, 0);
    let mut bytes = 0_i64;
    while sent < due && passed < PASSED_MAX && job.counts.waiting() > 0 {
        let position = job.counts.turned + 1;
        let next: (i64, i64, i64) = connection
            .prepare_cached(
                "SELECT item.letter, coalesce(letter.first_at, ?3), coalesce(length(letter.body), 0)
                 FROM dovetail_replay_item AS item LEFT JOIN dovetail_dead_letter AS letter ON letter.number = item.letter
                 WHERE item.job = ?1 AND item.position = ?2",
            )?
            .query_row(params![job.number, column(position), i64::MAX], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let (number, first_at, length) = next;
        bytes = bytes.saturating_add(length);
        if bytes > BATCH_BYTES_MAX && sent > 0 {
            break;
        }
        job.counts.turned = position;
        if !job.options.accept_duplicates && first_at < millis(floor) {
            pass(connection, (job.number, position), "too_old", now)?;
            job.counts.too_old += 1;
            passed += 1;
            continue;
        }
        let Replayed::Sent(place) = dead_letter::replay(connection, number, now)? else {
            pass(connection, (job.number, position), "skipped", now)?;
            job.counts.skipped += 1;
            passed += 1;
            continue;
        };
        connection
            .prepare_cached(
                "UPDATE dovetail_replay_item SET outcome = 'sent', place = ?3, sent_at = ?4,
                     newest = (SELECT max(number) FROM dovetail_dead_letter)
                 WHERE job = ?1 AND position = ?2",
            )?
            .execute(params![job.number, column(position), place, millis(now)])?;
        let about = (Some(number), Some(job.number));
        record(connection, &act, Action::Replay, about, "")?;
        sent += 1;
    }
    Ok(sent)
}

fn pass(
    connection: &Connection,
    (job, position): (i64, u64),
    outcome: &str,
    now: SystemTime,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE dovetail_replay_item SET outcome = ?3, decided_at = ?4 WHERE job = ?1 AND position = ?2",
        )?
        .execute(params![job, column(position), outcome, millis(now)])?;
    Ok(())
}

fn find(connection: &Connection, number: i64) -> rusqlite::Result<Option<Job>> {
    connection
        .prepare_cached("SELECT * FROM dovetail_replay WHERE number = ?1")?
        .query_row([number], job)
        .optional()
}

/// Writes down how far a job is.
fn save(connection: &Connection, job: &Job) -> rusqlite::Result<()> {
    let (counts, progress) = (&job.counts, &job.progress);
    let values: [&dyn ToSql; 16] = [
        &job.number,
        &job.state.as_str(),
        &job.cause,
        &column(counts.turned),
        &column(counts.skipped),
        &column(counts.too_old),
        &column(counts.handled),
        &column(counts.dead),
        &column(counts.undecided),
        &column(progress.counted_from),
        &progress.is_proven,
        &column(progress.due_at),
        &millis(progress.judged_at),
        &millis(job.moved_at),
        &job.ended_at.map(millis),
        &job.resumed_by,
    ];
    connection
        .prepare_cached(
            "UPDATE dovetail_replay SET state = ?2, cause = ?3, cursor = ?4, skipped = ?5, too_old = ?6, handled = ?7,
                 dead = ?8, undecided = ?9, counted_from = ?10, is_proven = ?11, due_at = ?12, judged_at = ?13,
                 moved_at = ?14, ended_at = ?15, resumed_by = ?16
             WHERE number = ?1",
        )?
        .execute(values.as_slice())?;
    Ok(())
}

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let number = |name| row.get::<_, i64>(name).map(i64::unsigned_abs);
    let length = |name| number(name).map(Duration::from_millis);
    let state: String = row.get("state")?;
    Ok(Job {
        number: row.get("number")?,
        selection: row.get("selection")?,
        state: JobState::of(&state),
        cause: row.get("cause")?,
        options: Options {
            rate: row.get("rate")?,
            canary: row.get("canary")?,
            settle: length("settle")?,
            retention: length("retention")?,
            accept_duplicates: row.get("accept_duplicates")?,
        },
        counts: Counts {
            total: number("total")?,
            turned: number("cursor")?,
            skipped: number("skipped")?,
            too_old: number("too_old")?,
            handled: number("handled")?,
            dead: number("dead")?,
            undecided: number("undecided")?,
        },
        unfit: number("unfit")?,
        started_by: row.get("started_by")?,
        resumed_by: row.get("resumed_by")?,
        started_at: time(row.get("started_at")?),
        moved_at: time(row.get("moved_at")?),
        ended_at: row.get::<_, Option<i64>>("ended_at")?.map(time),
        progress: Progress {
            due_at: number("due_at")?,
            judged_at: time(row.get("judged_at")?),
            counted_from: number("counted_from")?,
            is_proven: row.get("is_proven")?,
        },
    })
}

/// A number as a column has it.
fn column(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
