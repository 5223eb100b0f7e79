//! Whether a target is worth calling at all.
//!
//! ```text
//!            the window trips                 its time is over
//!  CLOSED ───────────────────▶ OPEN ───────────────────────────▶ HALF-OPEN
//!    ▲                           ▲                                  │   │
//!    │                           └── a probe fails, is slow, or ────┘   │
//!    └────────── enough probes      nothing is decided in time          │
//!                succeed ◀───────────────────────────────────────────────┘
//! ```
//!
//! - The window is of *time*, so a burst of old successes does not hide that the target is failing now.
//! - A permit belongs to the phase it was given in. What it reports after that phase is counted and otherwise dropped.
//! - Dropping a permit gives it back and records nothing, so a cancelled probe cannot leave the breaker half-open for good.
//! - Record only what the target said. A call that was turned away locally says nothing about it.

mod machine;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::time::Instant;

use self::machine::{Machine, Ticket};
use crate::{
    clock::{Chance, Clock},
    outcome::Sample,
};

/// When a breaker opens, and how it closes again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// How far back calls count. 10 s: long enough for a rate, short enough to be about now.
    pub window: Duration,
    /// Fewer calls than this in the window never open it. 20: a minimum of 100 never trips at low traffic.
    pub min_calls: u32,
    /// The share of failures that opens it, reached or exceeded. 0.5: a tenth trips on noise with 20 calls.
    pub failure_rate: f64,
    /// Slow answers as a sign of trouble. None: what is slow, only the contract knows.
    pub slow: Option<Slow>,
    /// How long it stays open.
    pub open: Open,
    /// How it tries the target again.
    pub half_open: HalfOpen,
}

/// When slow answers open a breaker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slow {
    /// An answer that takes longer is slow.
    pub duration: Duration,
    /// The share of slow answers that opens it, reached or exceeded.
    pub rate: f64,
}

/// How long a breaker stays open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Open {
    /// The first time. 5 s: most restarts are over by then.
    pub initial: Duration,
    /// The longest time. 60 s: a recovered target should not wait longer for its callers.
    pub max: Duration,
    /// How much longer each consecutive time is. 2.
    pub multiplier: f64,
    /// The share by which each time varies, up and down. 0.2: the instances of one caller must not return together.
    pub jitter: f64,
}

/// How a breaker tries its target again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HalfOpen {
    /// Probes under way at once. 3: one probe is too few to judge by, and a crowd is what broke the target.
    pub probes: u32,
    /// Successful probes that close it. 3.
    pub successes: u32,
    /// The time in which the probes must decide. 5 s, or the open time or that of the first probe where those are longer.
    pub decide_within: Duration,
}

impl Config {
    /// The defaults, as a constant.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            window: Duration::from_secs(10),
            min_calls: 20,
            failure_rate: 0.5,
            slow: None,
            open: Open {
                initial: Duration::from_secs(5),
                max: Duration::from_secs(60),
                multiplier: 2.0,
                jitter: 0.2,
            },
            half_open: HalfOpen {
                probes: 3,
                successes: 3,
                decide_within: Duration::from_secs(5),
            },
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// A breaker, shared by all calls to one target. Clones share it.
#[derive(Debug, Clone)]
pub struct Breaker {
    name: Arc<str>,
    machine: Arc<Mutex<Machine>>,
    clock: Clock,
}

/// Why a call was not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the breaker is open")]
pub struct Rejected {
    /// When it is worth asking again, at the latest.
    pub retry_after: Duration,
}

impl Breaker {
    /// A closed breaker. The name appears in the event that each change of state leaves in the log.
    #[must_use]
    pub fn new(name: &str, config: Config, clock: Clock, chance: Chance) -> Self {
        let machine = Machine::new(config, chance, clock.now());
        Self {
            name: name.into(),
            machine: Arc::new(Mutex::new(machine)),
            clock,
        }
    }

    /// Asks whether a call may go.
    ///
    /// # Errors
    ///
    /// [`Rejected`] while the breaker is open, or while enough probes are under way.
    pub fn admit(&self) -> Result<Permit, Rejected> {
        self.admit_for(Duration::ZERO)
    }

    /// Asks whether a call may go that takes as long as `call` at most. A probe has at least that long to decide.
    ///
    /// # Errors
    ///
    /// As [`Breaker::admit`].
    pub fn admit_for(&self, call: Duration) -> Result<Permit, Rejected> {
        let now = self.clock.now();
        let (admitted, change) = self.change(|machine| machine.admit(now, call));
        self.report(change);
        let ticket = admitted?;
        Ok(Permit {
            breaker: self.clone(),
            ticket: Some(ticket),
            started: now,
        })
    }

    /// Opens the breaker until [`Breaker::release`], whatever calls report.
    pub fn force_open(&self) {
        let ((), change) = self.change(|machine| machine.force(State::ForcedOpen));
        self.report(change);
    }

    /// Lets every call through and records nothing, until [`Breaker::release`].
    pub fn disable(&self) {
        let ((), change) = self.change(|machine| machine.force(State::Disabled));
        self.report(change);
    }

    /// Takes back what [`Breaker::force_open`] or [`Breaker::disable`] did. The breaker starts anew, closed.
    pub fn release(&self) {
        let now = self.clock.now();
        let ((), change) = self.change(|machine| machine.restart(now));
        self.report(change);
    }

    /// What the breaker knows at this instant.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let now = self.clock.now();
        let (snapshot, change) = self.change(|machine| machine.snapshot(now));
        self.report(change);
        snapshot
    }

    /// Runs one step of the machine, and tells how its state changed.
    fn change<T>(&self, step: impl FnOnce(&mut Machine) -> T) -> (T, Option<(State, State)>) {
        let mut machine = self.lock();
        let before = machine.state();
        let result = step(&mut machine);
        let after = machine.state();
        (result, (before != after).then_some((before, after)))
    }

    /// Leaves a trace of a change, outside the lock.
    fn report(&self, change: Option<(State, State)>) {
        if let Some((before, after)) = change {
            tracing::warn!(
                breaker = &*self.name,
                ?before,
                ?after,
                "the breaker changed its state"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        // A step of the machine cannot panic half way, so a poisoned lock is as good as any.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to make one call, which reports what came of it. Dropped without a report, it records nothing.
#[derive(Debug)]
#[must_use = "dropping a permit gives it back"]
pub struct Permit {
    breaker: Breaker,
    ticket: Option<Ticket>,
    started: Instant,
}

impl Permit {
    /// Reports how the call ended, now.
    pub fn record(mut self, sample: Sample) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let now = self.breaker.clock.now();
        let elapsed = now.saturating_duration_since(self.started);
        let ((), change) = self
            .breaker
            .change(|machine| machine.record(now, ticket, sample, elapsed));
        self.breaker.report(change);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.lock().give_back(ticket);
        }
    }
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Calls go, and are counted.
    Closed,
    /// No call goes until its time is over.
    Open,
    /// A few probes go.
    HalfOpen,
    /// No call goes until somebody releases it.
    ForcedOpen,
    /// Every call goes, and none is counted.
    Disabled,
}

/// What a breaker knows at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Its state.
    pub state: State,
    /// Calls in the window.
    pub total: u64,
    /// Failures in the window.
    pub failures: u64,
    /// Slow answers in the window.
    pub slow: u64,
    /// How often it opened since it was last closed.
    pub openings: u32,
    /// Results that came after the phase their call began in, and were dropped.
    pub late_results: u64,
    /// While it is open, how long it remains so.
    pub retry_after: Option<Duration>,
}

#[cfg(test)]
mod tests;
