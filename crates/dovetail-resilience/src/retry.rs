//! Whether a failed attempt is followed by another, and when.
//!
//! The decision is a pure function of what is known at that moment; the sleeping is done in [`crate::stack`].

use std::time::Duration;

use crate::{
    backoff,
    outcome::{Outcome, Repeat},
};

/// The limits of retrying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Attempts in all, the first included. 3; more than [`ATTEMPTS_MAX`] counts as that many.
    pub max_attempts: u32,
    /// The waits in between.
    pub backoff: backoff::Config,
    /// Whether a target that names a wait gets exactly that wait. True: it knows best when it will be back.
    pub honour_retry_after: bool,
    /// An attempt with less time left than this is not worth starting. 5 ms: less than a call within one data centre.
    pub min_useful: Duration,
}

/// More attempts than this have never been seen to help: each multiplies the load of a target that already fails.
pub const ATTEMPTS_MAX: u32 = 5;

impl Config {
    /// The defaults, as a constant.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_attempts: 3,
            backoff: backoff::Config::new(),
            honour_retry_after: true,
            min_useful: Duration::from_millis(5),
        }
    }

    /// Decides what follows an attempt. `withdraw` takes one retry out of the budget, and is asked last, so that nothing
    /// is taken for a retry that does not happen.
    #[must_use]
    pub fn decide(
        &self,
        attempted: &Attempted,
        fraction: f64,
        withdraw: impl FnOnce() -> bool,
    ) -> Decision {
        let outcome = attempted.outcome;
        match outcome.repeat {
            Repeat::Never => return Decision::GiveUp(Reason::Final),
            Repeat::IfIdempotent if !attempted.idempotent => {
                return Decision::GiveUp(Reason::Unsafe);
            }
            Repeat::IfIdempotent | Repeat::Always | Repeat::Free => {}
        }
        if attempted.number >= self.max_attempts.clamp(1, ATTEMPTS_MAX) {
            return Decision::GiveUp(Reason::AttemptsSpent);
        }
        let Some(room) = attempted.remaining.checked_sub(self.min_useful) else {
            return Decision::GiveUp(Reason::DeadlineTooClose);
        };
        if outcome.repeat == Repeat::Free && !attempted.free_used {
            return Decision::Retry {
                after: Duration::ZERO,
                free: true,
            };
        }
        let retry = attempted.number.saturating_sub(1);
        let after = match outcome.retry_after.filter(|_| self.honour_retry_after) {
            // Coming back earlier than asked would be refused again, and coming back after the deadline helps nobody.
            Some(after) if after > room => return Decision::GiveUp(Reason::DeadlineTooClose),
            Some(after) => after,
            None => self.backoff.delay(retry, outcome.throttled, room, fraction),
        };
        if withdraw() {
            Decision::Retry { after, free: false }
        } else {
            Decision::GiveUp(Reason::BudgetSpent)
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempted {
    /// The number of the attempt that just ended, counted from one.
    pub number: u32,
    /// What it came to.
    pub outcome: Outcome,
    /// Whether doing the work twice is as good as doing it once.
    pub idempotent: bool,
    /// Whether this call already had its free retry.
    pub free_used: bool,
    /// The time left until the deadline.
    pub remaining: Duration,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Another attempt.
    Retry {
        /// The wait before it.
        after: Duration,
        /// It did not count against the budget.
        free: bool,
    },
    /// The result of the attempt is the result of the call.
    GiveUp(Reason),
}

/// Why no further attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A further attempt would come to the same.
    Final,
    /// A further attempt could do the work twice.
    Unsafe,
    /// All attempts are used.
    AttemptsSpent,
    /// The deadline would come before an answer.
    DeadlineTooClose,
    /// The target must bear no more retries for now.
    BudgetSpent,
    /// The breaker opened between two attempts.
    BreakerOpen,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Sample;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn attempted(repeat: Repeat) -> Attempted {
        let outcome = Outcome::new(Sample::Failure, repeat);
        Attempted {
            number: 1,
            outcome,
            idempotent: true,
            free_used: false,
            remaining: MS(1_000),
        }
    }

    #[track_caller]
    fn check(attempted: Attempted, expected: Decision) {
        assert_eq!(
            Config::new().decide(&attempted, 0.5, || true),
            expected,
            "{attempted:?}"
        );
    }

    #[test]
    fn what_may_be_repeated_depends_on_the_operation() {
        let retry = Decision::Retry {
            after: MS(25),
            free: false,
        };
        let unsafe_operation = |repeat| Attempted {
            idempotent: false,
            ..attempted(repeat)
        };
        check(attempted(Repeat::IfIdempotent), retry);
        check(attempted(Repeat::Always), retry);
        check(attempted(Repeat::Never), Decision::GiveUp(Reason::Final));
        check(
            unsafe_operation(Repeat::IfIdempotent),
            Decision::GiveUp(Reason::Unsafe),
        );
        check(unsafe_operation(Repeat::Always), retry);
        check(
            unsafe_operation(Repeat::Free),
            Decision::Retry {
                after: MS(0),
                free: true,
            },
        );
    }

    #[test]
    fn only_the_first_free_retry_is_free() {
        let again = Attempted {
            free_used: true,
            number: 2,
            ..attempted(Repeat::Free)
        };
        check(
            again,
            Decision::Retry {
                after: MS(50),
                free: false,
            },
        );
        let broke = Config::new().decide(&again, 0.5, || false);
        assert_eq!(broke, Decision::GiveUp(Reason::BudgetSpent));
        let first = Config::new().decide(&attempted(Repeat::Free), 0.5, || false);
        assert_eq!(
            first,
            Decision::Retry {
                after: MS(0),
                free: true
            }
        );
    }

    #[test]
    fn attempts_are_bounded_whatever_the_configuration_says() {
        for (max_attempts, last) in [(1, 1), (3, 3), (5, 5), (100, 5), (0, 1)] {
            let config = Config {
                max_attempts,
                ..Config::new()
            };
            let decide = |number| {
                config.decide(
                    &Attempted {
                        number,
                        ..attempted(Repeat::Always)
                    },
                    0.5,
                    || true,
                )
            };
            assert_eq!(
                decide(last),
                Decision::GiveUp(Reason::AttemptsSpent),
                "{max_attempts}"
            );
            if last > 1 {
                assert!(
                    matches!(decide(last - 1), Decision::Retry { .. }),
                    "{max_attempts}"
                );
            }
        }
    }

    #[test]
    fn a_named_wait_is_kept_exactly_or_not_at_all() {
        let asked = |ms| {
            let attempted = attempted(Repeat::IfIdempotent);
            Attempted {
                outcome: attempted.outcome.throttled(Some(MS(ms))),
                ..attempted
            }
        };
        check(
            asked(0),
            Decision::Retry {
                after: MS(0),
                free: false,
            },
        );
        check(
            asked(995),
            Decision::Retry {
                after: MS(995),
                free: false,
            },
        );
        check(asked(996), Decision::GiveUp(Reason::DeadlineTooClose));
        let deaf = Config {
            honour_retry_after: false,
            ..Config::new()
        };
        assert_eq!(
            deaf.decide(&asked(10_000), 0.5, || true),
            Decision::Retry {
                after: Duration::from_micros(497_500),
                free: false
            },
            "the throttled base, cut to the 995 ms that are left"
        );
    }

    #[test]
    fn nothing_is_withdrawn_for_a_retry_that_does_not_happen() {
        let late = Attempted {
            remaining: MS(4),
            ..attempted(Repeat::Always)
        };
        let decision = Config::new().decide(&late, 0.5, || unreachable!("the budget was asked"));
        assert_eq!(decision, Decision::GiveUp(Reason::DeadlineTooClose));
    }
}
