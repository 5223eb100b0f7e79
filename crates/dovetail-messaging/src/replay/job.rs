//! How far a job is, and what it does next: pure functions of what is written down.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use super::{Options, Turn};
use crate::dead_letter::Act;

/// No job sends faster.
pub(crate) const RATE_MAX: u32 = 10_000;

/// Letters sent in one transaction at most: others want to write as well.
pub(crate) const BATCH_MAX: u32 = 500;

/// What a job that was late may catch up on, so that it keeps its rate without a burst.
const LATE_MAX: Duration = Duration::from_millis(250);

/// How often something is sent while there is something to send, unless the rate is slower than that.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// How often a job looks at what became of its letters, and whether somebody paused it.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// How many letters that were decided last the share of failures is taken of.
pub const RECENT_DECIDED: u32 = 50;

/// Below so many decided letters no share is taken.
pub const SAMPLE_MIN: u32 = 5;

/// A job whose letters fail more often than one in so many pauses.
const FAILURES_ONE_IN: u32 = 5;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// Its first letters are on their way.
    Canary,
    /// It sends.
    Running,
    /// It waits for somebody to resume or cancel it.
    Paused,
    /// Every letter had its turn, and what became of each was found out or given up.
    Done,
    /// Somebody ended it.
    Cancelled,
    /// Something that the job cannot help keeps it from going on.
    Failed,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Canary,
        Self::Running,
        Self::Paused,
        Self::Done,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The word for it in tables and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// The state of a word; for one that this version does not know, [`JobState::Failed`], in which nothing is sent.
    #[must_use]
    pub fn of(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == word);
        known.unwrap_or(Self::Failed)
    }

    /// Whether it goes on by itself.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Canary | Self::Running)
    }

    /// Whether it can still send anything.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How many letters of a job came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All of them.
    pub total: u64,
    /// Those that had their turn.
    pub turned: u64,
    /// Those that were no longer open when their turn came.
    pub skipped: u64,
    /// Those that had become too old by then.
    pub too_old: u64,
    /// Those that were handled.
    pub handled: u64,
    /// Those that became dead letters again.
    pub dead: u64,
    /// Those of which nothing was known in time.
    pub undecided: u64,
}

impl Counts {
    /// Those whose turn is yet to come.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.total.saturating_sub(self.turned)
    }

    /// Those that were sent.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.turned.saturating_sub(self.skipped + self.too_old)
    }

    /// Those that were sent, and of which nothing is known yet.
    #[must_use]
    pub const fn under_way(&self) -> u64 {
        self.sent()
            .saturating_sub(self.handled + self.dead + self.undecided)
    }
}

/// A replay of dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What commands call it.
    pub number: i64,
    /// What was selected, as people read it.
    pub selection: String,
    /// Where it stands.
    pub state: JobState,
    /// Why, where it paused by itself or failed.
    pub cause: Option<String>,
    /// How it sends.
    pub options: Options,
    /// How far it is.
    pub counts: Counts,
    /// Letters that were selected and cannot be sent as they are.
    pub unfit: u64,
    /// Who started it.
    pub started_by: String,
    /// Who let it go on last, if anybody did.
    pub resumed_by: Option<String>,
    /// When it was started.
    pub started_at: SystemTime,
    /// When somebody ran it last.
    pub moved_at: SystemTime,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
    pub(crate) progress: Progress,
}

/// What only the machinery of a job needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// When the next letter may be sent, in microseconds since 1970: whole milliseconds would not keep a rate.
    pub(crate) due_at: u64,
    /// When somebody looked last at what became of its letters.
    pub(crate) judged_at: SystemTime,
    /// Letters up to this position do not count for the share of failures.
    pub(crate) counted_from: u64,
    /// It needs no canary any more.
    pub(crate) is_proven: bool,
}

impl Job {
    /// How many letters may be sent now.
    pub(crate) fn due(&self, now: SystemTime) -> u32 {
        let left = match self.state {
            JobState::Canary => u64::from(self.options.canary).saturating_sub(self.counts.sent()),
            JobState::Running => self.counts.waiting(),
            JobState::Paused | JobState::Done | JobState::Cancelled | JobState::Failed => 0,
        };
        let now = micros(now);
        let begins = self.begins(now);
        if begins > now {
            return 0;
        }
        let by_rate = (now - begins) / self.interval() + 1;
        let due = left.min(self.counts.waiting()).min(by_rate);
        u32::try_from(due).unwrap_or(BATCH_MAX).min(BATCH_MAX)
    }

    /// Takes note that so many letters were sent.
    pub(crate) fn spend(&mut self, sent: u32, now: SystemTime) {
        if sent > 0 {
            let begins = self.begins(micros(now));
            self.progress.due_at = begins.saturating_add(u64::from(sent) * self.interval());
        }
    }

    /// Goes to the state that follows from what became of the letters. `recent` are the failed and all of those that were decided last.
    pub(crate) fn follow(&mut self, recent: (u32, u32), now: SystemTime) {
        let counts = &self.counts;
        let (waiting, under_way) = (counts.waiting(), counts.under_way());
        match self.state {
            JobState::Canary | JobState::Running if waiting == 0 && under_way == 0 => {
                self.state = JobState::Done;
                self.ended_at = Some(now);
            }
            JobState::Canary if counts.dead > 0 => {
                self.halt("a first letter became a dead letter again");
            }
            JobState::Canary if counts.undecided > 0 => {
                let settle = self.options.settle.as_secs_f64();
                self.halt(&format!("a first letter was not handled within {settle} s"));
            }
            JobState::Canary if counts.handled >= u64::from(self.options.canary) => {
                self.state = JobState::Running;
                self.progress.is_proven = true;
            }
            JobState::Running if waiting > 0 && fails_too_often(recent) => {
                let (failed, decided) = recent;
                self.halt(&format!(
                    "{failed} of the last {decided} became dead letters again"
                ));
            }
            _ => {}
        }
    }

    fn halt(&mut self, cause: &str) {
        self.state = JobState::Paused;
        self.cause = Some(cause.to_owned());
    }

    /// For whom letters are sent now.
    pub(crate) fn act(&self, now: SystemTime) -> Act {
        Act {
            who: self.resumed_by.as_ref().unwrap_or(&self.started_by).clone(),
            at: now,
        }
    }

    /// What a person does to the job. `false`: it is not in a state in which that could be done.
    pub(crate) fn turn(&mut self, turn: &Turn, act: &Act) -> bool {
        let now = act.at;
        match turn {
            Turn::Pause if self.state.is_active() => {
                self.state = JobState::Paused;
                self.cause = None;
            }
            Turn::Resume if matches!(self.state, JobState::Paused | JobState::Failed) => {
                // Whoever resumes it knows what became of the first letters; only where none was sent they are still to be.
                let counts = &self.counts;
                let is_begun = counts.dead + counts.undecided + counts.handled > 0;
                let is_proven = self.progress.is_proven || is_begun;
                self.state = if is_proven || self.options.canary == 0 {
                    JobState::Running
                } else {
                    JobState::Canary
                };
                self.progress.is_proven = is_proven;
                self.progress.counted_from = counts.turned;
                self.progress.due_at = self.progress.due_at.min(micros(now));
                self.resumed_by = Some(act.who.clone());
                self.cause = None;
            }
            Turn::Cancel if !self.state.is_over() => {
                self.state = JobState::Cancelled;
                self.ended_at = Some(now);
            }
            Turn::Fail(cause) if self.state.is_active() => {
                self.state = JobState::Failed;
                self.cause = Some(cause.clone());
            }
            Turn::Pause | Turn::Resume | Turn::Cancel | Turn::Fail(_) => return false,
        }
        true
    }

    /// Whether it is time to look at what became of the letters.
    pub(crate) fn is_to_judge(&self, now: SystemTime) -> bool {
        let since = now.duration_since(self.progress.judged_at);
        // A clock that was set back must not end the looking.
        self.counts.under_way() > 0 && since.map_or(true, |since| since >= LOOK)
    }

    /// How long nothing is to be done.
    pub(crate) fn rest(&self, now: SystemTime) -> Duration {
        let may_send = match self.state {
            JobState::Canary => u64::from(self.options.canary) > self.counts.sent(),
            _ => true,
        };
        if self.counts.waiting() == 0 || !may_send {
            return LOOK;
        }
        if self.due(now) >= BATCH_MAX {
            return Duration::ZERO;
        }
        let now = micros(now);
        let until_due = self.begins(now).saturating_sub(now);
        Duration::from_micros(until_due).clamp(TICK, LOOK)
    }

    fn interval(&self) -> u64 {
        1_000_000 / u64::from(self.options.rate.clamp(1, RATE_MAX))
    }

    /// Since when sending counts: what was missed longer ago is not caught up on.
    fn begins(&self, now: u64) -> u64 {
        let length = |length: Duration| u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        // Nobody whose clock is right waits for more than one letter. Another clock is ahead, or this one was set back: waiting for that instant
        // would be waiting for as long as they differ.
        let ahead_max = now
            .saturating_add(self.interval())
            .saturating_add(length(LOOK));
        let due_at = self.progress.due_at;
        if due_at > ahead_max {
            return now;
        }
        due_at.max(now.saturating_sub(length(LATE_MAX)))
    }
}

fn fails_too_often((failed, decided): (u32, u32)) -> bool {
    decided >= SAMPLE_MIN && failed * FAILURES_ONE_IN > decided
}

/// Microseconds since 1970.
pub(crate) fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000 + millis)
    }

    fn job(state: JobState, counts: Counts) -> Job {
        Job {
            number: 1,
            selection: "all".to_owned(),
            state,
            cause: None,
            options: Options {
                rate: 200,
                ..Options::default()
            },
            counts,
            unfit: 0,
            started_by: "ada".to_owned(),
            resumed_by: None,
            started_at: at(0),
            moved_at: at(0),
            ended_at: None,
            progress: Progress {
                due_at: micros(at(0)),
                judged_at: at(0),
                counted_from: 0,
                is_proven: false,
            },
        }
    }

    fn grace() -> Act {
        Act {
            who: "grace".to_owned(),
            at: at(0),
        }
    }

    fn counts(turned: u64, handled: u64, dead: u64, undecided: u64) -> Counts {
        Counts {
            total: 100,
            turned,
            handled,
            dead,
            undecided,
            ..Counts::default()
        }
    }

    #[test]
    fn what_follows_from_what_became_of_the_letters() {
        use JobState::{Canary, Done, Paused, Running};
        let rows = [
            (Canary, counts(1, 0, 0, 0), (0, 0), Canary),
            (Canary, counts(1, 1, 0, 0), (0, 1), Running),
            (Canary, counts(1, 0, 1, 0), (1, 1), Paused),
            (Canary, counts(1, 0, 0, 1), (0, 0), Paused),
            (Running, counts(50, 40, 0, 0), (0, 40), Running),
            (Running, counts(50, 3, 1, 0), (1, 4), Running),
            (Running, counts(50, 4, 1, 0), (1, 5), Running),
            (Running, counts(50, 8, 2, 0), (2, 10), Running),
            (Running, counts(50, 7, 3, 0), (3, 10), Paused),
            (Running, counts(100, 0, 100, 0), (50, 50), Done),
            (Running, counts(100, 99, 0, 0), (0, 50), Running),
            (Running, counts(100, 90, 0, 10), (0, 50), Done),
            (Paused, counts(50, 50, 0, 0), (0, 50), Paused),
        ];
        for (state, counts, recent, expected) in rows {
            let mut job = job(state, counts);
            job.follow(recent, at(0));
            assert_eq!(job.state, expected, "{counts:?} {recent:?}");
            assert_eq!(job.cause.is_some(), expected == Paused && state != Paused);
        }
    }

    #[test]
    fn a_rate_is_kept_whatever_the_steps() {
        for step in [1, 7, 100, 240] {
            let mut job = job(
                JobState::Running,
                Counts {
                    total: 1_000_000,
                    ..Counts::default()
                },
            );
            let (mut sent, mut now) = (0_u64, 0);
            while now < 10_000 {
                let due = job.due(at(now));
                job.spend(due, at(now));
                sent += u64::from(due);
                now += step;
            }
            assert!(
                (1_950..=2_010).contains(&sent),
                "{sent} in steps of {step} ms"
            );
        }
    }

    #[test]
    fn a_job_that_was_away_does_not_catch_up_in_a_burst() {
        let mut job = job(
            JobState::Running,
            Counts {
                total: 10_000,
                ..Counts::default()
            },
        );
        assert_eq!(job.due(at(3_600_000)), 51);
        job.spend(51, at(3_600_000));
        assert_eq!(job.due(at(3_600_000)), 0);
        assert!(job.rest(at(3_600_000)) >= TICK);
    }

    #[test]
    fn a_job_goes_on_at_its_rate_where_another_clock_was_ahead() {
        for rate in [1, 200, 10_000] {
            let mut job = job(
                JobState::Running,
                Counts {
                    total: 1_000_000,
                    ..Counts::default()
                },
            );
            job.options.rate = rate;
            // An hour ahead, and then a process whose clock is right.
            let due = job.due(at(3_600_000));
            job.spend(due, at(3_600_000));
            let mut sent = 0;
            for now in (0..10_000).step_by(100) {
                let due = job.due(at(now));
                job.spend(due, at(now));
                sent += u64::from(due);
                assert!(job.rest(at(now)) <= LOOK);
            }
            let expected = (u64::from(rate) * 10).min(100 * u64::from(BATCH_MAX));
            assert!(
                sent + expected / 50 >= expected && sent <= expected + expected / 50 + 1,
                "{sent} of {expected}"
            );
        }
    }

    #[test]
    fn the_highest_rate_is_reached() {
        let mut job = job(
            JobState::Running,
            Counts {
                total: 1_000_000,
                ..Counts::default()
            },
        );
        job.options.rate = RATE_MAX;
        let (mut sent, mut now) = (0, 0);
        while now < 10_000 {
            let due = job.due(at(now));
            job.spend(due, at(now));
            sent += u64::from(due);
            // Each step takes some time of its own.
            let rest = u64::try_from(job.rest(at(now)).as_millis()).unwrap();
            now += rest + 5;
        }
        assert!((98_000..=101_000).contains(&sent), "{sent}");
    }

    #[test]
    fn whoever_resumes_a_job_does_not_wait_for_another_clock() {
        let mut job = job(JobState::Paused, counts(10, 10, 0, 0));
        job.progress.due_at = micros(at(900));
        assert!(job.turn(&Turn::Resume, &grace()));
        assert_eq!(job.due(at(0)), 1);
        assert_eq!(job.act(at(0)).who, "grace");
    }

    #[test]
    fn people_turn_jobs_only_where_there_is_something_to_turn() {
        use JobState::{Canary, Cancelled, Done, Failed, Paused, Running};
        let rows = [
            (Turn::Pause, Running, Some(Paused)),
            (Turn::Pause, Canary, Some(Paused)),
            (Turn::Pause, Paused, None),
            (Turn::Pause, Done, None),
            (Turn::Resume, Paused, Some(Canary)),
            (Turn::Resume, Failed, Some(Canary)),
            (Turn::Resume, Running, None),
            (Turn::Resume, Cancelled, None),
            (Turn::Cancel, Paused, Some(Cancelled)),
            (Turn::Cancel, Failed, Some(Cancelled)),
            (Turn::Cancel, Done, None),
            (Turn::Fail(String::new()), Running, Some(Failed)),
            (Turn::Fail(String::new()), Paused, None),
        ];
        for (turn, state, expected) in rows {
            let mut job = job(state, counts(0, 0, 0, 0));
            assert_eq!(
                job.turn(&turn, &grace()),
                expected.is_some(),
                "{turn:?} {state}"
            );
            assert_eq!(job.state, expected.unwrap_or(state));
        }
        let mut undecided = job(Paused, counts(1, 0, 0, 1));
        assert!(undecided.turn(&Turn::Resume, &grace()));
        assert_eq!(undecided.state, Running, "whoever resumes it decides");
        for state in JobState::ALL {
            assert_eq!(JobState::of(state.as_str()), state);
        }
        assert_eq!(JobState::of("unheard of"), Failed);
    }
}
