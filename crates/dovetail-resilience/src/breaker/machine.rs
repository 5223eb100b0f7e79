//! The state machine of a breaker: what happens at which instant, without locks and without waiting.

use std::time::Duration;

use tokio::time::Instant;

use super::{Config, Rejected, Snapshot, State};
use crate::{
    clock::{Chance, later},
    outcome::Sample,
    window::Window,
};

#[derive(Debug)]
pub(super) struct Machine {
    config: Config,
    chance: Chance,
    phase: Phase,
    /// Grows with each change of phase. A ticket of another generation is late.
    generation: u64,
    /// Calls, failures and slow answers.
    window: Window<3>,
    /// How often it opened since it was last closed.
    openings: u32,
    late_results: u64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open {
        until: Instant,
        /// How long this opening lasts in all.
        lasting: Duration,
    },
    HalfOpen {
        /// When the probes must have decided.
        deadline: Instant,
        in_flight: u32,
        successes: u32,
    },
    ForcedOpen,
    Disabled,
}

/// Names the phase in which a call was let through.
#[derive(Debug)]
pub(super) struct Ticket {
    generation: u64,
}

impl Machine {
    pub(super) fn new(config: Config, chance: Chance, now: Instant) -> Self {
        let window = Window::new(config.window, now);
        Self {
            config,
            chance,
            phase: Phase::Closed,
            generation: 0,
            window,
            openings: 0,
            late_results: 0,
        }
    }

    pub(super) fn admit(&mut self, now: Instant, call: Duration) -> Result<Ticket, Rejected> {
        self.pass(now);
        if let Phase::Open { until, lasting } = self.phase
            && now >= until
        {
            let deadline = later(
                now,
                self.config.half_open.decide_within.max(lasting).max(call),
            );
            self.enter(Phase::HalfOpen {
                deadline,
                in_flight: 0,
                successes: 0,
            });
        }
        let HalfOpenLimits {
            probes,
            successes: needed,
        } = self.limits();
        let retry_after = match &mut self.phase {
            Phase::Closed | Phase::Disabled => {
                return Ok(Ticket {
                    generation: self.generation,
                });
            }
            Phase::HalfOpen {
                in_flight,
                successes,
                ..
            } if *in_flight < probes && *in_flight + *successes < needed => {
                *in_flight += 1;
                return Ok(Ticket {
                    generation: self.generation,
                });
            }
            Phase::HalfOpen { deadline, .. } => deadline.saturating_duration_since(now),
            Phase::Open { until, .. } => until.saturating_duration_since(now),
            Phase::ForcedOpen => self.config.open.max,
        };
        Err(Rejected { retry_after })
    }

    pub(super) fn record(
        &mut self,
        now: Instant,
        ticket: Ticket,
        sample: Sample,
        elapsed: Duration,
    ) {
        self.pass(now);
        if ticket.generation != self.generation {
            self.late_results += 1;
            return;
        }
        let slow = self.config.slow.is_some_and(|slow| elapsed > slow.duration);
        match sample {
            Sample::Ignored => self.give_back(ticket),
            Sample::Success => self.count(now, false, slow),
            Sample::Failure => self.count(now, true, slow),
        }
    }

    /// Takes back the right to a call that came to nothing.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used once")]
    pub(super) fn give_back(&mut self, ticket: Ticket) {
        if ticket.generation == self.generation
            && let Phase::HalfOpen { in_flight, .. } = &mut self.phase
        {
            *in_flight = in_flight.saturating_sub(1);
        }
    }

    /// Puts the machine in a state that only [`Machine::restart`] leaves.
    pub(super) fn force(&mut self, state: State) {
        self.enter(if state == State::Disabled {
            Phase::Disabled
        } else {
            Phase::ForcedOpen
        });
    }

    /// Starts anew, closed.
    pub(super) fn restart(&mut self, now: Instant) {
        self.openings = 0;
        self.window.clear(now);
        self.enter(Phase::Closed);
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::ForcedOpen => State::ForcedOpen,
            Phase::Disabled => State::Disabled,
        }
    }

    pub(super) fn snapshot(&mut self, now: Instant) -> Snapshot {
        self.pass(now);
        let [total, failures, slow] = self.window.totals(now);
        let retry_after = match self.phase {
            Phase::Open { until, .. } => Some(until.saturating_duration_since(now)),
            _ => None,
        };
        let (openings, late_results) = (self.openings, self.late_results);
        Snapshot {
            state: self.state(),
            total,
            failures,
            slow,
            openings,
            late_results,
            retry_after,
        }
    }

    /// Lets time pass: probes that did not decide in time count as a failure, from that time on. Where nobody asked for a
    /// while, the opening that follows may be over already.
    fn pass(&mut self, now: Instant) {
        if let Phase::HalfOpen { deadline, .. } = self.phase
            && now >= deadline
        {
            self.open(deadline);
        }
    }

    fn count(&mut self, now: Instant, failure: bool, slow: bool) {
        let needed = self.limits().successes;
        match &mut self.phase {
            Phase::Closed => {
                self.window
                    .add(now, [1, u64::from(failure), u64::from(slow)]);
                if self.trips(now) {
                    self.open(now);
                }
            }
            Phase::HalfOpen { .. } if failure || slow => self.open(now),
            Phase::HalfOpen {
                in_flight,
                successes,
                ..
            } => {
                *in_flight = in_flight.saturating_sub(1);
                *successes += 1;
                if *successes >= needed {
                    self.restart(now);
                }
            }
            Phase::Open { .. } | Phase::ForcedOpen | Phase::Disabled => {}
        }
    }

    fn trips(&mut self, now: Instant) -> bool {
        let [total, failures, slow] = self.window.totals(now);
        if total == 0 || total < u64::from(self.config.min_calls) {
            return false;
        }
        let reaches = |count: u64, rate: f64| count > 0 && count as f64 >= rate * total as f64;
        reaches(failures, self.config.failure_rate)
            || self
                .config
                .slow
                .is_some_and(|limit| reaches(slow, limit.rate))
    }

    fn open(&mut self, now: Instant) {
        let open = self.config.open;
        let growth = open
            .multiplier
            .max(1.0)
            .powi(i32::try_from(self.openings).unwrap_or(i32::MAX));
        // The product may be infinite; the maximum is not.
        let lasting = (open.initial.as_secs_f64() * growth).min(open.max.as_secs_f64());
        let jitter = 1.0 + open.jitter.clamp(0.0, 1.0) * (2.0 * self.chance.fraction() - 1.0);
        let lasting = Duration::try_from_secs_f64(lasting * jitter).unwrap_or(open.max);
        self.openings = self.openings.saturating_add(1);
        self.enter(Phase::Open {
            until: later(now, lasting),
            lasting,
        });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
    }

    /// At least one probe and one success, or the breaker could never close.
    fn limits(&self) -> HalfOpenLimits {
        let half_open = self.config.half_open;
        HalfOpenLimits {
            probes: half_open.probes.max(1),
            successes: half_open.successes.max(1),
        }
    }
}

struct HalfOpenLimits {
    probes: u32,
    successes: u32,
}
