//! A job as columns, and columns as a job.

use std::time::{Duration, SystemTime};

use tokio_postgres::Row;

use super::super::{
    rows,
    session::{Param, Step as Sent},
    text,
};
use crate::{
    replay::{Counts, Job, JobState, Options, Progress},
    store::StoreError,
};

const SAVE: &str = "
    UPDATE dovetail_replay SET state = $2, cause = $3, cursor = $4, skipped = $5, too_old = $6, handled = $7, dead = $8,
        undecided = $9, counted_from = $10, is_proven = $11, due_at = $12, judged_at = $13, moved_at = $14, ended_at = $15,
        resumed_by = $16
    WHERE number = $1";

/// How far a job is, as columns.
pub(super) struct Saved {
    number: i64,
    state: &'static str,
    cause: Option<String>,
    counts: [i64; 6],
    counted_from: i64,
    is_proven: bool,
    due_at: i64,
    judged_at: SystemTime,
    moved_at: SystemTime,
    ended_at: Option<SystemTime>,
    resumed_by: Option<String>,
}

impl Saved {
    pub(super) fn of(job: &Job) -> Self {
        let (counts, progress) = (&job.counts, &job.progress);
        let kept = |text: &str| text::kept(text).into_owned();
        Self {
            number: job.number,
            state: job.state.as_str(),
            cause: job.cause.as_deref().map(kept),
            counts: [
                counts.turned,
                counts.skipped,
                counts.too_old,
                counts.handled,
                counts.dead,
                counts.undecided,
            ]
            .map(rows::count),
            counted_from: rows::count(progress.counted_from),
            is_proven: progress.is_proven,
            due_at: rows::count(progress.due_at),
            judged_at: rows::stamp(progress.judged_at),
            moved_at: rows::stamp(job.moved_at),
            ended_at: job.ended_at.map(rows::stamp),
            resumed_by: job.resumed_by.as_deref().map(kept),
        }
    }

    pub(super) fn step(&self) -> Sent<'_> {
        let mut params: Vec<Param<'_>> = vec![&self.number, &self.state, &self.cause];
        params.extend(self.counts.iter().map(|count| count as Param<'_>));
        params.extend([
            &self.counted_from as Param<'_>,
            &self.is_proven,
            &self.due_at,
            &self.judged_at,
            &self.moved_at,
            &self.ended_at,
            &self.resumed_by,
        ]);
        Sent::Query(SAVE, params)
    }
}

/// A job, from the columns that the queries of jobs have in common.
pub(super) fn job(row: &Row) -> Result<Job, StoreError> {
    let number = |name| Ok::<u64, StoreError>(rows::get::<i64>(row, name)?.unsigned_abs());
    let few = |name| Ok::<u32, StoreError>(rows::counted(rows::get(row, name)?));
    let length = |name| Ok::<Duration, StoreError>(Duration::from_millis(number(name)?));
    Ok(Job {
        number: rows::get(row, "number")?,
        selection: text::read(rows::get(row, "selection")?),
        state: JobState::of(rows::get(row, "state")?),
        cause: rows::get::<Option<String>>(row, "cause")?.map(text::read),
        options: Options {
            rate: few("rate")?,
            canary: few("canary")?,
            settle: length("settle")?,
            retention: length("retention")?,
            accept_duplicates: rows::get(row, "accept_duplicates")?,
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
        started_by: text::read(rows::get(row, "started_by")?),
        resumed_by: rows::get::<Option<String>>(row, "resumed_by")?.map(text::read),
        started_at: rows::get(row, "started_at")?,
        moved_at: rows::get(row, "moved_at")?,
        ended_at: rows::get(row, "ended_at")?,
        progress: Progress {
            due_at: number("due_at")?,
            judged_at: rows::get(row, "judged_at")?,
            counted_from: number("counted_from")?,
            is_proven: rows::get(row, "is_proven")?,
        },
    })
}
