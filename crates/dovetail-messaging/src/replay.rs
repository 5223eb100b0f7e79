//! Sending many dead letters again: slowly, in their order, a few first, and never twice.
//!
//! ```text
//! started ─▶ canary ─┬─ handled ────────────▶ running ─┬─ all decided ──────────────▶ done
//!                    ├─ dead again ─▶ paused           ├─ too many dead again ─▶ paused
//!                    └─ not handled in time ─▶ paused  ├─ somebody pauses it ──▶ paused ─▶ resumed
//!                                                      └─ it cannot go on ────▶ failed ─▶ resumed
//! ```
//!
//! - **A job is rows.** What was selected when it was started is written down; letters that come later are not part of it. Sending a letter,
//!   closing it and moving on to the next one are one transaction, so that a crash at any point neither skips nor repeats one: whoever runs
//!   the job next goes on where it stood. Any number of processes may run the same job; together they keep its rate.
//! - **One selection, one job.** Whoever starts what is already going on gets the job that is there, with the options that it has.
//! - **A letter is sent to the consumer that it is a dead letter of.** It goes through the outbox and the channel that it came by, under its
//!   own source and id, and with the header [`CONSUMER`]: consumers of this crate that are not meant acknowledge it without a look. Consumers
//!   of other makes see it, and tell it from a new one by its source and id.
//! - **What inboxes may have forgotten is not sent** unless duplicates are accepted: such a consumer would take it for a new one.
//! - **Unknown is not a pass.** The first letters count as handled once the inbox of their consumer says so. When they become dead letters
//!   again, or nothing is known of them after [`Options::settle`], the job pauses and a person decides.

mod job;

use std::time::{Duration, SystemTime};

use dovetail_resilience::Clock;
use thiserror::Error;

pub use self::job::{Counts, Job, JobState, RECENT_DECIDED, SAMPLE_MIN};
pub(crate) use self::job::{Progress, micros};
use crate::{
    consumer::with_causes,
    dead_letter::{Act, Action, Reason, Search, Selection, State},
    message::{Message, shortened},
    store::{ErrorKind, Replays, StoreError},
};

/// The header that says which consumer a replayed message is for.
pub const CONSUMER: &str = "dovetailconsumer";

/// A message that became a dead letter may have been handled elsewhere this long before: its retries took time.
const HORIZON: Duration = Duration::from_secs(60 * 60);

/// How a job sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Letters in each second. 50: a consumer that has just recovered has other work as well.
    pub rate: u32,
    /// How many letters have to be handled before the rest is sent. 1; 0 sends all without waiting.
    pub canary: u32,
    /// How long after it was sent a letter counts as undecided. 1 min.
    pub settle: Duration,
    /// How long all consumers of the channel remember what they handled. 7 days: the default of inboxes.
    pub retention: Duration,
    /// Sends letters that a consumer may have handled and forgotten.
    pub accept_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate: 50,
            canary: 1,
            settle: Duration::from_secs(60),
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            accept_duplicates: false,
        }
    }
}

impl Options {
    /// Letters that came before this instant are too old, if the store says that what was handled before `forgotten` is gone.
    #[must_use]
    pub fn floor(&self, forgotten: SystemTime, now: SystemTime) -> SystemTime {
        let kept = now
            .checked_sub(self.retention)
            .unwrap_or(SystemTime::UNIX_EPOCH)
            .max(forgotten);
        if kept <= SystemTime::UNIX_EPOCH {
            return SystemTime::UNIX_EPOCH;
        }
        kept.checked_add(HORIZON).unwrap_or(kept)
    }
}

/// A job that is to be started.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which letters. Only those that are open are taken.
    pub selection: Selection,
    /// A digest of what was asked for.
    pub selected: [u8; 16],
    /// What was asked for, as people read it.
    pub said: String,
    /// How they are sent.
    pub options: Options,
    /// Who starts it, and when.
    pub act: Act,
}

/// What came of starting a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It is there.
    New(Job),
    /// The same selection is being replayed already, or waits for somebody to resume it.
    Present(Job),
    /// There is nothing that could be sent.
    Nothing {
        /// Letters that were selected and cannot be sent as they are: they have no identity of their own.
        unfit: u64,
    },
    /// Some consumer may have handled letters of the selection, and forgotten them.
    TooOld {
        /// How many.
        count: u64,
        /// Letters that came before this instant are too old.
        floor: SystemTime,
    },
}

/// What became of one step of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The job after it.
    pub job: Job,
    /// How many letters were sent.
    pub sent: u32,
    /// How long nothing is to be done.
    pub rest: Duration,
}

/// What somebody does to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It waits until it is resumed.
    Pause,
    /// It goes on, and does not count the failures of before against it.
    Resume,
    /// It ends; what was sent stays sent, and what was not stays a dead letter.
    Cancel,
    /// It cannot go on, for this cause. Somebody may resume it, once that is mended.
    Fail(String),
}

impl Turn {
    /// What is written down of it.
    pub(crate) const fn action(&self) -> Action {
        match self {
            Self::Pause => Action::Pause,
            Self::Resume => Action::Resume,
            Self::Cancel => Action::Cancel,
            Self::Fail(_) => Action::Fail,
        }
    }

    /// What there is to say to it.
    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Fail(cause) => cause,
            Self::Pause | Self::Resume | Self::Cancel => "",
        }
    }
}

/// A job cannot be run to its end now.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no such job.
    #[error("there is no replay {0}")]
    Unknown(i64),
    /// The store could not do its part. The job stays as it is, and can be run again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Starts a job for what is selected now.
///
/// # Errors
///
/// What the store says.
pub async fn start<S: Replays>(
    store: &S,
    search: &Search,
    options: Options,
    act: Act,
) -> Result<Started, StoreError> {
    start_as(store, search, None, options, act).await
}

/// Starts a job for what is selected now. `asked` is how it was asked for, where that is another text than the selection: what is meant by «the
/// last two hours» differs each time, and is the same job as long as it goes on.
///
/// # Errors
///
/// What the store says.
pub async fn start_as<S: Replays>(
    store: &S,
    search: &Search,
    asked: Option<&str>,
    options: Options,
    act: Act,
) -> Result<Started, StoreError> {
    let mut selection = Selection {
        state: Some(State::Open),
        ..search.selection.clone()
    };
    let mut said = selection.to_string();
    let mut selected = blake3::Hasher::new();
    match asked {
        // Before a byte that no text has.
        Some(asked) => selected.update(&[0xfe]).update(asked.as_bytes()),
        None => selected.update(said.as_bytes()),
    };
    if let Some(filter) = &search.filter {
        // After a byte that no text has.
        selected.update(&[0xff]).update(filter.as_str().as_bytes());
        said = format!("{said} filter={:?}", filter.as_str());
        let open = Search {
            selection,
            filter: Some(filter.clone()),
        };
        let numbers = open.numbers(store).await?;
        if numbers.is_empty() {
            return Ok(Started::Nothing { unfit: 0 });
        }
        selection = Selection {
            numbers,
            ..open.selection
        };
    }
    let mut digest = [0; 16];
    selected.finalize_xof().fill(&mut digest);
    let plan = Plan {
        selection,
        selected: digest,
        said,
        options: Options {
            rate: options.rate.clamp(1, job::RATE_MAX),
            ..options
        },
        act,
    };
    store.open_replay(plan).await
}

/// Runs a job until it ends or pauses, whoever paused it, and returns it as it is then. When `stop` resolves first, it is paused.
///
/// # Errors
///
/// After an error the job is as it was before its last step, and goes on when it is run again.
pub async fn run<S: Replays>(
    store: &S,
    number: i64,
    act: &str,
    clock: &Clock,
    mut report: impl FnMut(&Job),
    stop: impl Future<Output = ()>,
) -> Result<Job, RunError> {
    let mut stop = std::pin::pin!(stop);
    loop {
        // A step that hangs is given up: it happened, or it did not.
        let step = tokio::select! {
            biased;
            () = &mut stop => return turn(store, number, Turn::Pause, act, clock).await,
            step = store.step(number, clock.wall()) => step,
        };
        let rest = match step {
            Ok(None) => return Err(RunError::Unknown(number)),
            Ok(Some(step)) => {
                report(&step.job);
                if !step.job.state.is_active() {
                    return Ok(step.job);
                }
                step.rest
            }
            // Another process writes; nothing happened.
            Err(error) if error.kind() == ErrorKind::Contended => job::TICK,
            // A letter or a row that the store will not take: the next try would end alike.
            Err(error) if error.kind() == ErrorKind::Refused => {
                let cause = shortened(&with_causes(&error));
                return turn(store, number, Turn::Fail(cause), act, clock).await;
            }
            Err(error) => return Err(error.into()),
        };
        tokio::select! {
            biased;
            () = &mut stop => return turn(store, number, Turn::Pause, act, clock).await,
            () = clock.sleep(rest) => {}
        }
    }
}

async fn turn<S: Replays>(
    store: &S,
    number: i64,
    turn: Turn,
    who: &str,
    clock: &Clock,
) -> Result<Job, RunError> {
    let act = Act {
        who: who.to_owned(),
        at: clock.wall(),
    };
    store.turn(number, turn, act).await?;
    let job = store.replay_job(number).await?;
    job.ok_or(RunError::Unknown(number))
}

/// The message of a letter for the consumer that it is a letter of; and for as long as it takes: what was too late once would be so again, and
/// whoever sends it wants it nevertheless.
///
/// What no broker took goes to whom it was for before: to all, or to the consumer that it had been sent again for.
pub(crate) fn addressed(mut message: Message, consumer: &str, reason: Reason) -> Message {
    message.expires_at = None;
    if reason != Reason::PublishRejected {
        message.headers.retain(|(name, _)| name != CONSUMER);
        message
            .headers
            .push((CONSUMER.to_owned(), consumer.to_owned()));
    }
    message
}
