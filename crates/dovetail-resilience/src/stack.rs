//! The one order in which policies nest.
//!
//! ```text
//! total deadline → bulkhead → retry with budget → breaker → attempt timeout → call
//! ```
//!
//! - The **deadline** is outside everything, so that waiting in a queue and between attempts counts too.
//! - The **bulkhead** is outside the retry: a call holds one slot for its whole life, and being turned away is not held
//!   against the target.
//! - The **breaker** is inside the retry: each attempt is one sample, and an open breaker is never retried.
//! - The **attempt timeout** is innermost, so that the breaker sees it as the failure that it is.

use std::time::Duration;

use crate::{
    breaker::{Breaker, Permit, Rejected},
    budget::Budget,
    bulkhead::{Bulkhead, Slot},
    clock::{Chance, Clock, Elapsed},
    deadline::{CallContext, Deadline},
    outcome::{Outcome, Repeat, Sample},
    retry::{self, Attempted, Decision, Reason},
};

/// The policies around calls to one operation. Clones share breaker, budget and bulkhead.
#[derive(Debug, Clone)]
pub struct Stack {
    /// How long a call may take in all, if its caller does not give it less.
    pub total: Duration,
    /// How long one attempt may take; without it, as long as the call.
    pub attempt: Option<Duration>,
    /// When to try again.
    pub retry: retry::Config,
    /// How many retries the target must bear.
    pub budget: Option<Budget>,
    /// How many calls may be under way.
    pub bulkhead: Option<Bulkhead>,
    /// Whether the target is worth calling.
    pub breaker: Option<Breaker>,
    /// Where time comes from.
    pub clock: Clock,
    /// Where jitter comes from.
    pub chance: Chance,
}

/// One attempt, as the call sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, counted from one.
    pub number: u32,
    /// When it is cut off.
    pub deadline: Deadline,
    /// The time it has from its start.
    pub remaining: Duration,
}

/// How an attempt ended, to be judged by who knows the protocol.
#[derive(Debug)]
pub enum Ended<'a, T, E> {
    /// With an answer, which may still be a refusal.
    Answered(&'a T),
    /// Without an answer.
    Failed(&'a E),
    /// By the attempt timeout.
    TimedOut,
}

impl<T, E> Clone for Ended<'_, T, E> {
    fn clone(&self) -> Self {
        *self
    }
}

// By hand, because a derive would ask for answers that are `Copy`, though only references are copied.
impl<T, E> Copy for Ended<'_, T, E> {}

/// A call that has ended.
#[derive(Debug)]
pub struct Called<T, E> {
    /// What came of it: what the last attempt came to, or why there was none.
    pub result: Result<T, Failure<E>>,
    /// The attempts that were made.
    pub attempts: u32,
    /// Why no further attempt followed; nothing where none was needed.
    pub gave_up: Option<Reason>,
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure<E> {
    /// The deadline had passed, or as good as, before anything was sent.
    DeadlineSpent,
    /// The deadline came while an attempt was under way.
    DeadlineExceeded,
    /// The last attempt took longer than an attempt may.
    AttemptTimeout,
    /// The breaker let nothing through.
    BreakerOpen {
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// Too many calls were under way.
    BulkheadFull,
    /// The last attempt failed.
    Call(E),
}

impl Stack {
    /// Makes a call: attempts it, judges how that ended, and tries again while that helps.
    ///
    /// Dropping the future cancels the attempt under way and gives every permit back.
    pub async fn call<T, E, F>(
        &self,
        idempotent: bool,
        mut attempt: impl FnMut(Attempt) -> F,
        judge: impl Fn(u32, Ended<'_, T, E>) -> Outcome,
    ) -> Called<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let (deadline, _slot) = match self.enter().await {
            Ok(entered) => entered,
            Err(failure) => {
                return Called {
                    result: Err(failure.with_call_error()),
                    attempts: 0,
                    gave_up: None,
                };
            }
        };
        let mut last: Option<Result<T, Failure<E>>> = None;
        let (mut number, mut free_used) = (1, false);
        loop {
            let permit = match self.admit() {
                Ok(permit) => permit,
                // The breaker opened between two attempts: what the last one came to says more.
                Err(rejected) => {
                    let retry_after = rejected.retry_after;
                    let result = last.unwrap_or(Err(Failure::BreakerOpen { retry_after }));
                    return Called {
                        result,
                        attempts: number - 1,
                        gave_up: Some(Reason::BreakerOpen),
                    };
                }
            };
            let (result, outcome) = self
                .attempt(number, deadline, permit, &mut attempt, &judge)
                .await;
            match self.decide(number, outcome, idempotent, free_used, deadline) {
                Decision::GiveUp(reason) => {
                    let gave_up = (outcome.repeat != Repeat::Never).then_some(reason);
                    return Called {
                        result,
                        attempts: number,
                        gave_up,
                    };
                }
                Decision::Retry { after, free } => {
                    if !after.is_zero() {
                        self.clock.sleep(after).await;
                    }
                    // A sleep may last longer than asked, and an attempt after the deadline must not begin.
                    if deadline.is_spent(self.clock.now()) {
                        return Called {
                            result,
                            attempts: number,
                            gave_up: Some(Reason::DeadlineTooClose),
                        };
                    }
                    free_used |= free;
                    last = Some(result);
                    number += 1;
                }
            }
        }
    }

    /// The deadline of a call that starts now: its own total, or less if its caller has less.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        let own = Deadline::after(self.clock.now(), self.total);
        CallContext::current()
            .deadline
            .map_or(own, |inherited| inherited.min(own))
    }

    async fn enter(&self) -> Result<(Deadline, Option<Slot>), Failure<std::convert::Infallible>> {
        let deadline = self.deadline();
        self.check_time(deadline)?;
        let Some(bulkhead) = &self.bulkhead else {
            return Ok((deadline, None));
        };
        let room = deadline.remaining(self.clock.now());
        let slot = bulkhead
            .enter(&self.clock, room)
            .await
            .map_err(|_| Failure::BulkheadFull)?;
        self.check_time(deadline)?;
        Ok((deadline, Some(slot)))
    }

    fn check_time(&self, deadline: Deadline) -> Result<(), Failure<std::convert::Infallible>> {
        let remaining = deadline.remaining(self.clock.now());
        // An operation that may take less than what counts as useful must still be callable.
        let useful = self.retry.min_useful.min(self.total);
        if remaining.is_zero() || remaining < useful {
            Err(Failure::DeadlineSpent)
        } else {
            Ok(())
        }
    }

    async fn attempt<T, E, F>(
        &self,
        number: u32,
        deadline: Deadline,
        permit: Option<Permit>,
        attempt: &mut impl FnMut(Attempt) -> F,
        judge: &impl Fn(u32, Ended<'_, T, E>) -> Outcome,
    ) -> (Result<T, Failure<E>>, Outcome)
    where
        F: Future<Output = Result<T, E>>,
    {
        let now = self.clock.now();
        if let Some(budget) = self.budget.as_ref().filter(|_| number == 1) {
            budget.deposit(now);
        }
        let limit = self.attempt.unwrap_or(self.total);
        let until = Deadline::after(now, limit).min(deadline);
        let remaining = until.remaining(now);
        let future = attempt(Attempt {
            number,
            deadline: until,
            remaining,
        });
        let (result, outcome) = match self.clock.until(until.instant(), future).await {
            Ok(Ok(answer)) => {
                let outcome = judge(number, Ended::Answered(&answer));
                (Ok(answer), outcome)
            }
            Ok(Err(error)) => {
                let outcome = judge(number, Ended::Failed(&error));
                (Err(Failure::Call(error)), outcome)
            }
            Err(Elapsed) => {
                let outcome = judge(number, Ended::TimedOut);
                let (failure, outcome) = time_is_up(until < deadline, remaining, limit, outcome);
                (Err(failure), outcome)
            }
        };
        if let Some(permit) = permit {
            permit.record(outcome.sample);
        }
        (result, outcome)
    }

    fn admit(&self) -> Result<Option<Permit>, Rejected> {
        self.breaker
            .as_ref()
            .map(|breaker| breaker.admit_for(self.total))
            .transpose()
    }

    fn decide(
        &self,
        number: u32,
        outcome: Outcome,
        idempotent: bool,
        free_used: bool,
        deadline: Deadline,
    ) -> Decision {
        // Most calls end here, without another look at the clock.
        if outcome.repeat == Repeat::Never {
            return Decision::GiveUp(Reason::Final);
        }
        let now = self.clock.now();
        let remaining = deadline.remaining(now);
        let attempted = Attempted {
            number,
            outcome,
            idempotent,
            free_used,
            remaining,
        };
        let withdraw = || {
            self.budget
                .as_ref()
                .is_none_or(|budget| budget.withdraw(now))
        };
        self.retry
            .decide(&attempted, self.chance.fraction(), withdraw)
    }
}

/// Tells the attempt's own timeout from the deadline of the call.
///
/// An attempt that the deadline cut short says nothing about the target. One that had its time does, even where the
/// deadline came at the same instant, or a breaker would never open on a target that hangs.
fn time_is_up<E>(
    before_deadline: bool,
    had: Duration,
    limit: Duration,
    outcome: Outcome,
) -> (Failure<E>, Outcome) {
    if before_deadline {
        return (Failure::AttemptTimeout, outcome);
    }
    // Waiting for a slot and the first reading of the clock take a little, hence nine tenths.
    let had_its_time = had >= limit.mul_f64(0.9);
    let sample = if had_its_time {
        outcome.sample
    } else {
        Sample::Ignored
    };
    (
        Failure::DeadlineExceeded,
        Outcome {
            sample,
            repeat: Repeat::Never,
            ..outcome
        },
    )
}

impl Failure<std::convert::Infallible> {
    /// The same failure as one of a call that was never made.
    fn with_call_error<E>(self) -> Failure<E> {
        match self {
            Self::DeadlineSpent => Failure::DeadlineSpent,
            Self::DeadlineExceeded => Failure::DeadlineExceeded,
            Self::AttemptTimeout => Failure::AttemptTimeout,
            Self::BreakerOpen { retry_after } => Failure::BreakerOpen { retry_after },
            Self::BulkheadFull => Failure::BulkheadFull,
            Self::Call(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests;
