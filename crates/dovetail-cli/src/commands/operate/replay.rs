//! Replays: starting them, running them in the foreground, and what people do to them.

use dovetail_messaging::dead_letter::{Search, State};
use dovetail_messaging::replay::{self, Job, JobState, Options, RunError, Started, Turn};
use dovetail_messaging::store::Replays;
use serde_json::{Value, json};

use super::{Desk, decide, failed, find, nothing, shown};
use crate::args::operate;
use crate::exit::{Exit, Stop};

/// Replays that are listed at most.
const JOBS_MAX: u32 = 100;

/// What is replayed, and how.
pub(super) fn asked(desk: &Desk, asked: &operate::Replay) -> Result<(Search, Options), Stop> {
    if !asked.all && !find::is_selecting(&asked.selecting, &asked.numbers) {
        return Err(Stop::usage(
            "say which dead letters: by their numbers, by flags such as `--consumer`, or `--all`",
        ));
    }
    let mut search = find::search(desk, &asked.selecting, &asked.numbers)?;
    search.selection.state = Some(State::Open);
    let options = Options {
        rate: asked.rate,
        canary: asked.canary,
        settle: find::duration("--settle", &asked.settle)?,
        retention: find::duration("--inbox-retention", &asked.inbox_retention)?,
        accept_duplicates: asked.accept_duplicates,
    };
    Ok((search, options))
}

pub(super) async fn start<S: Replays>(
    desk: &Desk,
    store: &S,
    asked: &operate::Replay,
) -> Result<Exit, Stop> {
    let (mut search, options) = self::asked(desk, asked)?;
    if !asked.yes {
        let numbers = search.page(store, 0, 2).await.map_err(failed)?;
        if numbers.len() > 1 {
            let count = search.count(store).await.map_err(failed)?.count;
            let what = format!("this replays {count} dead letters: {}", said(&search));
            return Err(desk.unconfirmed(&what));
        }
        // The one that was counted, and none that comes before the replay is started.
        search.selection.numbers = numbers.iter().map(|listed| listed.letter.number).collect();
        if search.selection.numbers.is_empty() {
            return Err(nothing("no open dead letter matches"));
        }
    }
    let words = words(asked);
    let started = replay::start_as(store, &search, Some(&words), options, desk.act()).await;
    let job = match started.map_err(failed)? {
        Started::New(job) => {
            desk.ui.message(&format!(
                "replay {}: {} at {} in each second",
                job.number,
                decide::letters(usize::try_from(job.counts.total).unwrap_or(usize::MAX)),
                job.options.rate
            ));
            job
        }
        Started::Present(job) => {
            desk.ui.always(&format!(
                "the same is being replayed already: replay {}, started {} by {}",
                job.number,
                shown::instant(job.started_at),
                shown::text(&job.started_by)
            ));
            if job.options != options {
                desk.ui.always(&format!(
                    "it keeps the options that it was started with, such as `--rate {} --canary {}`; to change them, `dovetail dead-letters cancel {}` it first",
                    job.options.rate, job.options.canary, job.number
                ));
            }
            job
        }
        Started::Nothing { unfit: 0 } => return Err(nothing("no open dead letter matches")),
        Started::Nothing { unfit } => {
            return Err(nothing(format!(
                "nothing can be sent as it is: {unfit} without an identity of their own; `dovetail dead-letters edit` sends a copy that has one"
            )));
        }
        Started::TooOld { count, floor } => return Err(too_old(count, &shown::instant(floor))),
    };
    if job.unfit > 0 {
        desk.ui.always(&format!(
            "{} left out, which have no identity of their own",
            decide::letters(usize::try_from(job.unfit).unwrap_or(usize::MAX))
        ));
    }
    if !job.state.is_active() {
        return finish(desk, &job);
    }
    run(desk, store, job.number).await
}

fn too_old(count: u64, floor: &str) -> Stop {
    let error = anyhow::anyhow!(
        "{count} of them came before {floor}, and a consumer may have handled and forgotten them: choose newer ones with `--since`, say how long inboxes remember with `--inbox-retention`, or accept that they are handled twice with `--accept-duplicates`"
    );
    Stop::new(Exit::Refused, error)
}

/// What is asked for, as it is written on the command line: `2h` ago is another instant each time, and the same request.
fn words(asked: &operate::Replay) -> String {
    let mut numbers = asked.numbers.clone();
    numbers.sort_unstable();
    numbers.dedup();
    let selecting = &asked.selecting;
    let parts = [
        ("consumer", &selecting.consumer),
        ("reason", &selecting.reason),
        ("kind", &selecting.kind),
        ("channel", &selecting.channel),
        ("since", &selecting.since),
        ("until", &selecting.until),
    ];
    format!("{numbers:?} {parts:?}")
}

/// A search as people read it.
fn said(search: &Search) -> String {
    match &search.filter {
        Some(filter) => format!("{} filter={:?}", search.selection, filter.as_str()),
        None => search.selection.to_string(),
    }
}

async fn ctrl_c() {
    // Without signals nothing stops it but its end.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Runs a job until it ends or pauses. Ctrl-c pauses it; once more, and nobody waits for a store that does not answer.
async fn run<S: Replays>(desk: &Desk, store: &S, number: i64) -> Result<Exit, Stop> {
    let report = |job: &Job| desk.ui.progress(&line(job));
    let abandoned = async {
        ctrl_c().await;
        ctrl_c().await;
    };
    let ended = tokio::select! {
        ended = replay::run(store, number, &desk.who, &desk.clock, report, ctrl_c()) => ended,
        () = abandoned => {
            desk.ui.always(&format!(
                "replay {number} was left as it is; `dovetail dead-letters resume {number}` goes on, `dovetail dead-letters pause {number}` sees to it that nobody does"
            ));
            return Ok(Exit::Interrupted);
        }
    };
    desk.ui.progress("");
    let job = ended.map_err(|error| match error {
        RunError::Unknown(_) => no_job(number),
        other => Stop::new(
            Exit::Infrastructure,
            anyhow::Error::new(other).context(format!(
                "replay {number} stopped half-way; `dovetail dead-letters resume {number}` goes on"
            )),
        ),
    })?;
    finish(desk, &job)
}

/// Says how a job stands, and ends the command with it.
fn finish(desk: &Desk, job: &Job) -> Result<Exit, Stop> {
    let document = json!({ "schema": 1, "replay": document(job) });
    desk.write(&format!("{}\n", line(job)), &document)?;
    let counts = &job.counts;
    let resume = format!(
        "`dovetail dead-letters resume {0}` goes on, `dovetail dead-letters cancel {0}` ends it",
        job.number
    );
    Ok(match job.state {
        JobState::Done if counts.dead > 0 => Exit::Findings,
        JobState::Done if counts.undecided > 0 => Exit::Unknown,
        JobState::Done if counts.too_old > 0 => Exit::Refused,
        JobState::Done if counts.sent() == 0 => Exit::NothingMatched,
        JobState::Done => Exit::Ok,
        JobState::Paused => {
            desk.ui.always(&resume);
            match (&job.cause, counts.dead) {
                (None, _) => Exit::Interrupted,
                (Some(_), 0) => Exit::Unknown,
                (Some(_), _) => Exit::Findings,
            }
        }
        JobState::Failed => {
            desk.ui.always(&resume);
            Exit::Infrastructure
        }
        _ => Exit::Interrupted,
    })
}

fn line(job: &Job) -> String {
    let counts = &job.counts;
    let mut text = format!(
        "replay {}: {}, {} of {} sent, {} handled, {} dead again",
        job.number,
        job.state,
        counts.sent(),
        counts.total,
        counts.handled,
        counts.dead
    );
    for (count, what) in [
        (counts.undecided, "not heard of"),
        (counts.skipped, "closed meanwhile"),
        (counts.too_old, "too old by now"),
    ] {
        if count > 0 {
            text = format!("{text}, {count} {what}");
        }
    }
    match &job.cause {
        Some(cause) => format!("{text}: {}", shown::line(cause)),
        None => text,
    }
}

fn document(job: &Job) -> Value {
    let (counts, options) = (&job.counts, &job.options);
    json!({
        "number": job.number,
        "state": job.state.as_str(),
        "cause": job.cause.as_deref().map(shown::text),
        "selection": shown::text(&job.selection),
        "rate": options.rate,
        "canary": options.canary,
        "accept_duplicates": options.accept_duplicates,
        "total": counts.total,
        "sent": counts.sent(),
        "handled": counts.handled,
        "dead": counts.dead,
        "undecided": counts.undecided,
        "skipped": counts.skipped,
        "too_old": counts.too_old,
        "unfit": job.unfit,
        "started_by": shown::text(&job.started_by),
        "resumed_by": job.resumed_by.as_deref().map(shown::text),
        "started_at": shown::instant(job.started_at),
        "moved_at": shown::instant(job.moved_at),
        "ended_at": job.ended_at.map(shown::instant),
    })
}

fn no_job(number: i64) -> Stop {
    nothing(format!("there is no replay {number}"))
}

pub(super) async fn jobs<S: Replays>(
    desk: &Desk,
    store: &S,
    job: Option<i64>,
) -> Result<Exit, Stop> {
    let jobs = match job {
        Some(number) => {
            let job = store.replay_job(number).await.map_err(failed)?;
            vec![job.ok_or_else(|| no_job(number))?]
        }
        None => store
            .replay_jobs(i64::MAX, JOBS_MAX)
            .await
            .map_err(failed)?,
    };
    let rows: Vec<Vec<String>> = jobs.iter().map(|job| row(desk, job)).collect();
    let head = [
        "REPLAY",
        "STATE",
        "SENT",
        "OF",
        "HANDLED",
        "DEAD",
        "MOVED",
        "BY",
        "SELECTION",
    ];
    let documents: Vec<Value> = jobs.iter().map(document).collect();
    let human = if jobs.is_empty() {
        String::new()
    } else {
        shown::table(&head, &rows, desk.ui.width())
    };
    desk.write(&human, &json!({ "schema": 1, "replays": documents }))?;
    if jobs.is_empty() {
        return Err(nothing("there are no replays"));
    }
    for job in jobs.iter().filter(|job| !job.state.is_over()) {
        if let Some(cause) = &job.cause {
            desk.ui.message(&format!(
                "replay {} is {}: {}",
                job.number,
                job.state,
                shown::line(cause)
            ));
        }
    }
    Ok(Exit::Ok)
}

fn row(desk: &Desk, job: &Job) -> Vec<String> {
    let counts = &job.counts;
    vec![
        job.number.to_string(),
        job.state.to_string(),
        counts.sent().to_string(),
        counts.total.to_string(),
        counts.handled.to_string(),
        counts.dead.to_string(),
        format!("{} ago", shown::age(job.moved_at, desk.now())),
        shown::line(&job.started_by),
        shown::line(&job.selection),
    ]
}

pub(super) async fn pause<S: Replays>(desk: &Desk, store: &S, job: i64) -> Result<Exit, Stop> {
    turn(desk, store, job, Turn::Pause).await?;
    desk.ui.message(&format!("replay {job} pauses"));
    Ok(Exit::Ok)
}

pub(super) async fn cancel<S: Replays>(desk: &Desk, store: &S, job: i64) -> Result<Exit, Stop> {
    turn(desk, store, job, Turn::Cancel).await?;
    desk.ui.message(&format!("replay {job} is cancelled"));
    Ok(Exit::Ok)
}

/// Lets a job go on; also one that was left running by a process that is gone.
pub(super) async fn resume<S: Replays>(desk: &Desk, store: &S, number: i64) -> Result<Exit, Stop> {
    let job = store.replay_job(number).await.map_err(failed)?;
    let job = job.ok_or_else(|| no_job(number))?;
    if !job.state.is_active() {
        turn(desk, store, number, Turn::Resume).await?;
    }
    run(desk, store, number).await
}

async fn turn<S: Replays>(desk: &Desk, store: &S, number: i64, turn: Turn) -> Result<(), Stop> {
    if store.turn(number, turn, desk.act()).await.map_err(failed)? {
        return Ok(());
    }
    let job = store.replay_job(number).await.map_err(failed)?;
    let job = job.ok_or_else(|| no_job(number))?;
    Err(nothing(format!("replay {number} is {} already", job.state)))
}
