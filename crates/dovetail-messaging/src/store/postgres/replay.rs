//! Replays as rows: a job, its letters, and one transaction for each of its steps.

mod saved;

use std::time::{Duration, SystemTime};

use tokio_postgres::Row;

use self::saved::{Saved, job};
use super::{
    Postgres,
    dead_letter::{self, readable},
    outbox::Publishing,
    rows,
    rows::Indexed,
    session::{Param, Session, Step as Sent},
    text,
    triage::{Meant, Recorded, meant},
};
use crate::{
    dead_letter::{Act, Action, Reason, Selection, State},
    inbox::Key,
    message::Message,
    replay::{
        Job, JobState, Options, Plan, RECENT_DECIDED, Started, Step, Turn, addressed, micros,
    },
    store::{Replays, StoreError},
};

/// Letters of replays that are forgotten in one transaction.
const FORGOTTEN_MAX: i64 = 10_000;

/// Letters passed over in one step at most.
const PASSED_MAX: usize = 10_000;

/// Letters of one step hold no more than this in bodies, beyond the first one.
const BATCH_BYTES_MAX: i64 = 16 << 20;

macro_rules! job {
    ($which:literal) => {
        concat!(
            "SELECT number, selection, state, cause, rate, canary, settle, retention, accept_duplicates, total, unfit, cursor,
                    skipped, too_old, handled, dead, undecided, counted_from, is_proven, due_at, judged_at, started_by, resumed_by,
                    started_at, moved_at, ended_at FROM dovetail_replay WHERE ",
            $which
        )
    };
}

/// Of two who start the same, the second one finds the job of the first.
const ONE_AT_A_TIME: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('dovetail replays ' || current_schema(), 0))";

const PRESENT: &str = job!("selected = $1 AND state IN ('canary', 'running', 'paused', 'failed')");

const FIND: &str = job!("number = $1");

/// Whoever has a job before it has it alone.
const HOLD: &str = job!("number = $1 FOR UPDATE");

const JOBS: &str = job!("number < $1 ORDER BY number DESC LIMIT $2");

const BEGIN: &str = "
    INSERT INTO dovetail_replay
        (selected, selection, state, rate, canary, settle, retention, accept_duplicates, due_at, started_by, started_at, moved_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) RETURNING number";

const SNAPSHOT: &str = concat!(
    "INSERT INTO dovetail_replay_item (job, position, letter, outcome)
     SELECT $10, row_number() OVER (ORDER BY number), number, 'waiting' FROM dovetail_dead_letter WHERE ",
    meant!()
);

const UNFIT: &str = concat!(
    "SELECT count(*) AS count FROM dovetail_dead_letter WHERE ",
    meant!()
);

const FLOOR: &str = "SELECT before FROM dovetail_inbox_floor";

const TOO_OLD: &str = "
    SELECT count(*) AS count FROM dovetail_replay_item AS item JOIN dovetail_dead_letter AS letter ON letter.number = item.letter
    WHERE item.job = $1 AND letter.first_at < $2";

const TOTAL: &str = "UPDATE dovetail_replay SET total = $2, unfit = $3 WHERE number = $1";

/// Another letter of the same message came after it was sent. Numbers tell what was later: clocks of other machines do not.
const DIED: &str = "
    UPDATE dovetail_replay_item AS item SET outcome = 'dead', decided_at = $2
    WHERE job = $1 AND outcome = 'sent' AND EXISTS (
        SELECT 1 FROM dovetail_dead_letter AS letter JOIN dovetail_dead_letter AS again ON again.digest = letter.digest
            AND again.fingerprint = letter.fingerprint
        WHERE letter.number = item.letter AND again.number > item.newest)";

/// The inbox of its consumer says so; or, for what the broker had rejected, the outbox.
const HANDLED: &str = "
    UPDATE dovetail_replay_item AS item SET outcome = 'handled', decided_at = $2
    WHERE job = $1 AND outcome = 'sent' AND CASE WHEN place IS NULL THEN EXISTS (
        SELECT 1 FROM dovetail_dead_letter AS letter JOIN dovetail_inbox AS inbox
            ON inbox.consumer = letter.consumer AND inbox.source = letter.source AND inbox.id = letter.id
        WHERE letter.number = item.letter AND inbox.status = 'done' AND inbox.fingerprint = letter.fingerprint)
    ELSE NOT EXISTS (
        SELECT 1 FROM dovetail_outbox AS waiting WHERE waiting.place = item.place AND waiting.status <> 'published') END";

const GIVEN_UP: &str = "
    UPDATE dovetail_replay_item SET outcome = 'undecided', decided_at = $2
    WHERE job = $1 AND outcome = 'sent' AND sent_at <= $3";

const RECENT: &str = "
    SELECT count(*) FILTER (WHERE outcome = 'dead') AS dead, count(*) AS count FROM (
        SELECT outcome FROM dovetail_replay_item
        WHERE job = $1 AND outcome IN ('handled', 'dead') AND position > $2
        ORDER BY decided_at DESC, position DESC LIMIT $3) AS recent";

/// The next letters, which nobody else decides on before the end of the transaction.
const NEXT: &str = "
    WITH next AS (
        SELECT item.position, item.letter, sum(octet_length(letter.body)) OVER (ORDER BY item.position) AS bytes,
               row_number() OVER (ORDER BY item.position) AS turn
        FROM (SELECT position, letter FROM dovetail_replay_item WHERE job = $1 AND position > $2 ORDER BY position LIMIT $3) AS item
        JOIN dovetail_dead_letter AS letter ON letter.number = item.letter
    )
    SELECT next.position, letter.number, letter.consumer, letter.channel, letter.source, letter.id, letter.kind, letter.key,
           letter.expires_at, letter.headers, letter.body, letter.fingerprint, letter.reason, letter.detail, letter.contract,
           letter.attempts, letter.seen, letter.state, letter.first_at, letter.last_at
    FROM next JOIN dovetail_dead_letter AS letter ON letter.number = next.letter
    WHERE next.turn = 1 OR next.bytes <= $4
    ORDER BY next.position FOR UPDATE OF letter";

const CLOSE: &str =
    "UPDATE dovetail_dead_letter SET state = 'replayed', last_at = $2 WHERE number = ANY ($1)";

/// The next place whose letter is still there: people may take letters away by hand.
const NEXT_PRESENT: &str = "
    SELECT item.position FROM dovetail_replay_item AS item JOIN dovetail_dead_letter AS letter ON letter.number = item.letter
    WHERE item.job = $1 AND item.position > $2 ORDER BY item.position LIMIT 1";

const UNMARK: &str = "
    DELETE FROM dovetail_inbox AS inbox
    USING unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) AS sent (consumer, source, id, fingerprint)
    WHERE inbox.consumer = sent.consumer AND inbox.source = sent.source AND inbox.id = sent.id
      AND inbox.fingerprint = sent.fingerprint AND inbox.status = 'dead'";

const FORGET_ATTEMPTS: &str = "
    DELETE FROM dovetail_attempt AS attempt USING unnest($1::text[], $2::text[], $3::text[]) AS sent (consumer, source, id)
    WHERE attempt.consumer = sent.consumer AND attempt.source = sent.source AND attempt.id = sent.id";

const TURNED: &str = "
    UPDATE dovetail_replay_item AS item
    SET outcome = turned.outcome, place = turned.place,
        sent_at = CASE WHEN turned.outcome = 'sent' THEN $5::timestamptz END,
        decided_at = CASE WHEN turned.outcome = 'sent' THEN NULL ELSE $5::timestamptz END,
        newest = (SELECT max(number) FROM dovetail_dead_letter)
    FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS turned (position, outcome, place)
    WHERE item.job = $1 AND item.position = turned.position";

const FORGET: &str = "
    DELETE FROM dovetail_replay_item WHERE (job, position) IN (
        SELECT item.job, item.position
        FROM (SELECT number FROM dovetail_replay WHERE ended_at < $1 ORDER BY number LIMIT $2) AS over
        JOIN dovetail_replay_item AS item ON item.job = over.number LIMIT $3)";

const FORGET_JOBS: &str = "
    WITH gone AS (
        DELETE FROM dovetail_replay AS job
        WHERE number IN (SELECT number FROM dovetail_replay WHERE ended_at < $1 ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED)
          AND NOT EXISTS (SELECT 1 FROM dovetail_replay_item AS item WHERE item.job = job.number)
        RETURNING number
    )
    INSERT INTO dovetail_audit (at, who, action, letter, job, detail)
    SELECT $3::timestamptz, $4::text, 'purge', NULL, number, '' FROM gone ORDER BY number";

impl Replays for Postgres {
    async fn open_replay(&self, plan: Plan) -> Result<Started, StoreError> {
        let session = self.session("start a replay").await?;
        open(session, &plan).await
    }

    async fn step(&self, job: i64, now: SystemTime) -> Result<Option<Step>, StoreError> {
        let mut session = self.session("take a step of a replay").await?;
        let Some(job) = hold(&mut session, job).await? else {
            session.rollback().await;
            return Ok(None);
        };
        let step = step(session, job, now).await?;
        if step.sent > 0 {
            self.wake.published();
        }
        Ok(Some(step))
    }

    async fn turn(&self, job: i64, turn: Turn, act: Act) -> Result<bool, StoreError> {
        let mut session = self.session("turn a replay").await?;
        let Some(mut job) = hold(&mut session, job).await? else {
            session.rollback().await;
            return Ok(false);
        };
        if !job.turn(&turn, &act) {
            session.rollback().await;
            return Ok(false);
        }
        let about = Some(job.number);
        let recorded = Recorded::of(&act, turn.action(), Vec::new(), about, turn.detail());
        let saved = Saved::of(&job);
        session.commit(vec![saved.step(), recorded.step()]).await?;
        Ok(true)
    }

    async fn replay_job(&self, job: i64) -> Result<Option<Job>, StoreError> {
        let session = self.session("read a replay").await?;
        let answers = session.once(vec![Sent::Query(FIND, vec![&job])]).await?;
        answers.rows(0).first().map(self::job).transpose()
    }

    async fn replay_jobs(&self, before: i64, limit: u32) -> Result<Vec<Job>, StoreError> {
        let session = self.session("list replays").await?;
        let limit = i64::from(limit);
        let answers = session
            .once(vec![Sent::Query(JOBS, vec![&before, &limit])])
            .await?;
        answers.rows(0).iter().map(job).collect()
    }

    async fn forget_replays(
        &self,
        before: SystemTime,
        limit: u32,
        act: Act,
    ) -> Result<u32, StoreError> {
        let (before, limit) = (rows::stamp(before), i64::from(limit));
        loop {
            let session = self.session("forget replays").await?;
            let params: Vec<Param<'_>> = vec![&before, &limit, &FORGOTTEN_MAX];
            let answers = session.once(vec![Sent::Query(FORGET, params)]).await?;
            if answers.affected(0) < FORGOTTEN_MAX.unsigned_abs() {
                break;
            }
        }
        let session = self.session("forget replays").await?;
        let (at, who) = (rows::stamp(act.at), text::kept(&act.who).into_owned());
        let params: Vec<Param<'_>> = vec![&before, &limit, &at, &who];
        let answers = session.once(vec![Sent::Query(FORGET_JOBS, params)]).await?;
        Ok(rows::written(answers.affected(0)))
    }
}

async fn hold(session: &mut Session, number: i64) -> Result<Option<Job>, StoreError> {
    let answers = session
        .begin(vec![Sent::Query(HOLD, vec![&number])])
        .await?;
    answers.rows(0).first().map(job).transpose()
}

async fn open(mut session: Session, plan: &Plan) -> Result<Started, StoreError> {
    let selected = &plan.selected[..];
    let present = session
        .begin(vec![
            Sent::Query(ONE_AT_A_TIME, Vec::new()),
            Sent::Query(PRESENT, vec![&selected]),
        ])
        .await?;
    if let Some(row) = present.rows(1).first() {
        let job = job(row)?;
        session.rollback().await;
        return Ok(Started::Present(job));
    }
    let number = begin(&mut session, plan).await?;
    let fit = Meant::of(&with_replayable(&plan.selection, true));
    let unfit = Meant::of(&with_replayable(&plan.selection, false));
    let mut snapshot = fit.params();
    snapshot.push(&number);
    let answers = session
        .send(&[
            Sent::Query(SNAPSHOT, snapshot),
            Sent::Query(UNFIT, unfit.params()),
            Sent::Query(FLOOR, Vec::new()),
        ])
        .await?;
    let total = rows::count(answers.affected(0));
    let unfit: i64 = answers.rows(1).first().map_or(Ok(0), rows::first)?;
    if total == 0 {
        session.rollback().await;
        let unfit = unfit.unsigned_abs();
        return Ok(Started::Nothing { unfit });
    }
    let floor = floor(answers.rows(2), &plan.options, plan.act.at)?;
    if !plan.options.accept_duplicates {
        let counted = session.query(TOO_OLD, vec![&number, &floor]).await?;
        let count: i64 = counted.first().map_or(Ok(0), rows::first)?;
        if count > 0 {
            session.rollback().await;
            let count = count.unsigned_abs();
            return Ok(Started::TooOld { count, floor });
        }
    }
    let recorded = Recorded::of(
        &plan.act,
        Action::Start,
        Vec::new(),
        Some(number),
        &plan.said,
    );
    let steps = vec![
        Sent::Query(TOTAL, vec![&number, &total, &unfit]),
        Sent::Query(FIND, vec![&number]),
        recorded.step(),
    ];
    let answers = session.commit(steps).await?;
    let row = answers.rows(1).first();
    let row = row.ok_or_else(|| super::session::unreadable("start a replay", "it is not there"))?;
    job(row).map(Started::New)
}

async fn begin(session: &mut Session, plan: &Plan) -> Result<i64, StoreError> {
    let options = &plan.options;
    let state = if options.canary == 0 {
        JobState::Running.as_str()
    } else {
        JobState::Canary.as_str()
    };
    let (selected, said) = (&plan.selected[..], text::kept(&plan.said).into_owned());
    let (rate, canary) = (i64::from(options.rate), i64::from(options.canary));
    let (settle, retention) = (millis(options.settle), millis(options.retention));
    let (due_at, at) = (rows::count(micros(plan.act.at)), rows::stamp(plan.act.at));
    let who = text::kept(&plan.act.who).into_owned();
    let params: Vec<Param<'_>> = vec![
        &selected,
        &said,
        &state,
        &rate,
        &canary,
        &settle,
        &retention,
        &options.accept_duplicates,
        &due_at,
        &who,
        &at,
    ];
    let begun = session.query(BEGIN, params).await?;
    begun.first().map_or(Ok(0), rows::first)
}

fn with_replayable(selection: &Selection, replayable: bool) -> Selection {
    Selection {
        replayable: Some(replayable),
        ..selection.clone()
    }
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// Letters that came before this instant are too old.
fn floor(found: &[Row], options: &Options, now: SystemTime) -> Result<SystemTime, StoreError> {
    let forgotten = found
        .first()
        .map_or(Ok(SystemTime::UNIX_EPOCH), rows::first)?;
    Ok(rows::stamp(options.floor(forgotten, now)))
}

/// One step of a job, from what became of its letters to those that are sent now.
async fn step(mut session: Session, mut job: Job, now: SystemTime) -> Result<Step, StoreError> {
    if !job.state.is_active() {
        session.rollback().await;
        let rest = job.rest(now);
        return Ok(Step { job, sent: 0, rest });
    }
    if job.is_to_judge(now) {
        judge(&mut session, &mut job, now).await?;
    }
    job.follow(recent(&mut session, &job).await?, now);
    let due = job.due(now);
    let batch = if due > 0 {
        Batch::next(&mut session, &mut job, due, now).await?
    } else {
        Batch::default()
    };
    let sent = batch.sent();
    job.spend(sent, now);
    // Letters that nobody had to be asked about may have been the last ones.
    job.follow((0, 0), now);
    job.moved_at = now;
    batch.commit(session, &job, now).await?;
    let rest = job.rest(now);
    Ok(Step { job, sent, rest })
}

/// Finds out what became of the letters that are under way.
async fn judge(session: &mut Session, job: &mut Job, now: SystemTime) -> Result<(), StoreError> {
    let given_up = now.checked_sub(job.options.settle);
    let given_up = rows::stamp(given_up.unwrap_or(SystemTime::UNIX_EPOCH));
    let at = rows::stamp(now);
    let about: Vec<Param<'_>> = vec![&job.number, &at];
    let mut late = about.clone();
    late.push(&given_up);
    let answers = session
        .send(&[
            Sent::Query(DIED, about.clone()),
            Sent::Query(HANDLED, about),
            Sent::Query(GIVEN_UP, late),
        ])
        .await?;
    job.counts.dead += answers.affected(0);
    job.counts.handled += answers.affected(1);
    job.counts.undecided += answers.affected(2);
    job.progress.judged_at = now;
    Ok(())
}

/// The failed and all of those letters that were decided last.
async fn recent(session: &mut Session, job: &Job) -> Result<(u32, u32), StoreError> {
    if job.state != JobState::Running || job.counts.dead == 0 {
        return Ok((0, 0));
    }
    let from = rows::count(job.progress.counted_from);
    let limit = i64::from(RECENT_DECIDED);
    let found = session
        .query(RECENT, vec![&job.number, &from, &limit])
        .await?;
    let Some(row) = found.first() else {
        return Ok((0, 0));
    };
    let count = |name| Ok::<u32, StoreError>(rows::counted(rows::get(row, name)?));
    Ok((count("dead")?, count("count")?))
}

/// The letters whose turn it is, and what becomes of them, column by column.
#[derive(Default)]
struct Batch {
    positions: Vec<i64>,
    outcomes: Vec<&'static str>,
    places: Vec<Option<i64>>,
    /// Those that are sent.
    letters: Vec<i64>,
    messages: Vec<Message>,
    consumers: Vec<String>,
    sources: Vec<String>,
    ids: Vec<String>,
    fingerprints: Vec<Vec<u8>>,
}

impl Batch {
    async fn next(
        session: &mut Session,
        job: &mut Job,
        due: u32,
        now: SystemTime,
    ) -> Result<Self, StoreError> {
        let (cursor, limit) = (rows::count(job.counts.turned), i64::from(due));
        let next: Vec<Param<'_>> = vec![&job.number, &cursor, &limit, &BATCH_BYTES_MAX];
        let answers = session
            .send(&[Sent::Query(FLOOR, Vec::new()), Sent::Query(NEXT, next)])
            .await?;
        let floor = floor(answers.rows(0), &job.options, now)?;
        let mut batch = Self::default();
        for row in answers.rows(1) {
            let position = rows::get::<i64>(row, "position")?.unsigned_abs();
            batch.pass_gone(job, position);
            let (outcome, place) = batch.turn(session, job, row, (floor, now)).await?;
            batch.put(job, outcome, place);
        }
        if batch.positions.is_empty() {
            let found = session
                .query(NEXT_PRESENT, vec![&job.number, &cursor])
                .await?;
            let next: Option<i64> = found.first().map(rows::first).transpose()?;
            let end = next.map_or(job.counts.total + 1, i64::unsigned_abs);
            batch.pass_gone(job, end);
        }
        Ok(batch)
    }

    /// Passes over letters in front of a position that somebody took away by other means.
    fn pass_gone(&mut self, job: &mut Job, position: u64) {
        while job.counts.turned + 1 < position && self.positions.len() < PASSED_MAX {
            job.counts.skipped += 1;
            self.put(job, "skipped", None);
        }
    }

    /// Writes down what becomes of the letter whose turn it is.
    fn put(&mut self, job: &mut Job, outcome: &'static str, place: Option<i64>) {
        job.counts.turned += 1;
        self.positions.push(rows::count(job.counts.turned));
        self.outcomes.push(outcome);
        self.places.push(place);
    }

    /// Decides what becomes of a letter.
    async fn turn(
        &mut self,
        session: &mut Session,
        job: &mut Job,
        row: &Row,
        (floor, now): (SystemTime, SystemTime),
    ) -> Result<(&'static str, Option<i64>), StoreError> {
        // One that was closed may be one that cannot be read.
        if rows::get::<&str>(row, "state")? != State::Open.as_str() {
            job.counts.skipped += 1;
            return Ok(("skipped", None));
        }
        let letter = readable(row)?;
        if !job.options.accept_duplicates && letter.first_at < floor {
            job.counts.too_old += 1;
            return Ok(("too_old", None));
        }
        let can_replay = letter.reason.can_replay() && letter.message.identity().is_some();
        if !can_replay {
            job.counts.skipped += 1;
            return Ok(("skipped", None));
        }
        self.letters.push(letter.number);
        if letter.reason == Reason::PublishRejected {
            let place = dead_letter::retry_rejected(session, letter, now).await?;
            return Ok(("sent", place));
        }
        if let Some(key) = Key::of(&letter.consumer, &letter.message) {
            let key = Indexed::of(&key);
            self.consumers.push(key.consumer);
            self.sources.push(key.source);
            self.ids.push(key.id);
            self.fingerprints.push(letter.fingerprint.0.to_vec());
        }
        let message = addressed(letter.message, &letter.consumer, letter.reason);
        self.messages.push(message);
        Ok(("sent", None))
    }

    fn sent(&self) -> u32 {
        u32::try_from(self.letters.len()).unwrap_or(u32::MAX)
    }

    /// Sends the letters and writes down how far the job is, in what is open of the transaction.
    async fn commit(&self, session: Session, job: &Job, now: SystemTime) -> Result<(), StoreError> {
        let at = rows::stamp(now);
        let act = job.act(now);
        let letters = self.letters.clone();
        let recorded = Recorded::of(&act, Action::Replay, letters, Some(job.number), "");
        let publishing = Publishing::of(&self.messages, now)?;
        let saved = Saved::of(job);
        let cause = job.cause.as_deref().unwrap_or_default();
        let nobody = Act::of_nobody(now);
        let paused = Recorded::of(&nobody, Action::Pause, Vec::new(), Some(job.number), cause);
        let mut steps = vec![saved.step()];
        if job.state == JobState::Paused {
            steps.push(paused.step());
        }
        if !self.positions.is_empty() {
            let turned: Vec<Param<'_>> = vec![
                &job.number,
                &self.positions,
                &self.outcomes,
                &self.places,
                &at,
            ];
            steps.push(Sent::Query(TURNED, turned));
        }
        if !self.letters.is_empty() {
            let identities: Vec<Param<'_>> = vec![&self.consumers, &self.sources, &self.ids];
            let mut marked = identities.clone();
            marked.push(&self.fingerprints);
            steps.push(Sent::Query(CLOSE, vec![&self.letters, &at]));
            steps.push(Sent::Query(UNMARK, marked));
            steps.push(Sent::Query(FORGET_ATTEMPTS, identities));
            steps.extend(publishing.steps());
            steps.push(recorded.step());
        }
        session.commit(steps).await.map(drop)
    }
}
