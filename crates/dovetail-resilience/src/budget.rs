//! How many retries a target must bear in all, whatever each single call would like.
//!
//! Retries multiply along a chain of services. In a simulation of two hops, a budget of 20 % at each hop kept a struggling
//! target down for good; 10 % let it recover. So the default is 10 %.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::window::Window;

/// The size of a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// Retries allowed for each first attempt. 0.1, for the reason above.
    pub ratio: f64,
    /// Retries allowed every second even without traffic. 1, so that a service with few calls may retry at all.
    pub min_per_sec: u32,
    /// How long a first attempt counts. 10 s: yesterday's traffic must not pay for today's storm.
    pub ttl: Duration,
}

impl Config {
    /// The defaults, as a constant.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ratio: 0.1,
            min_per_sec: 1,
            ttl: Duration::from_secs(10),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// A budget of retries, shared by all calls to one target. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget {
    ledger: Arc<Mutex<Ledger>>,
}

impl Budget {
    /// A budget that starts with the retries that `min_per_sec` allows.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let window = Window::new(config.ttl, now);
        Self {
            ledger: Arc::new(Mutex::new(Ledger { config, window })),
        }
    }

    /// Counts a first attempt.
    pub fn deposit(&self, now: Instant) {
        self.lock().window.add(now, [1, 0]);
    }

    /// Takes one retry out, if one is left.
    #[must_use]
    pub fn withdraw(&self, now: Instant) -> bool {
        self.lock().withdraw(now)
    }

    /// The retries that are left now.
    #[must_use]
    pub fn balance(&self, now: Instant) -> u64 {
        self.lock().balance(now)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        // A panic cannot leave the counters half written, so a poisoned lock is as good as any.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The account itself: the first attempts and the retries of the last while.
#[derive(Debug)]
struct Ledger {
    config: Config,
    window: Window<2>,
}

impl Ledger {
    fn withdraw(&mut self, now: Instant) -> bool {
        let left = self.balance(now) > 0;
        if left {
            self.window.add(now, [0, 1]);
        }
        left
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and no factor is negative"
    )]
    fn balance(&mut self, now: Instant) -> u64 {
        let [deposits, withdrawals] = self.window.totals(now);
        let reserve = f64::from(self.config.min_per_sec) * self.config.ttl.as_secs_f64();
        // The margin absorbs the rounding of ratios such as 0.1: ten deposits pay for one retry, not for 0.999.
        let allowed = (deposits as f64 * self.config.ratio + reserve + 1e-6) as u64;
        allowed.saturating_sub(withdrawals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(ratio: f64, min_per_sec: u32) -> (Budget, Instant) {
        let now = Instant::now();
        (
            Budget::new(
                Config {
                    ratio,
                    min_per_sec,
                    ..Config::new()
                },
                now,
            ),
            now,
        )
    }

    #[test]
    fn a_thousand_failing_calls_pay_for_a_hundred_retries() {
        let (budget, now) = budget(0.1, 0);
        let retries = (0..1_000)
            .filter(|_| {
                budget.deposit(now);
                budget.withdraw(now)
            })
            .count();
        assert_eq!(retries, 100);
    }

    #[test]
    fn a_quiet_target_may_be_retried_once_a_second() {
        let (budget, now) = budget(0.1, 1);
        assert_eq!((0..50).filter(|_| budget.withdraw(now)).count(), 10);
        let mut later = now;
        let retries = (0..100)
            .filter(|_| {
                later += Duration::from_secs(1);
                budget.withdraw(later)
            })
            .count();
        assert_eq!(
            retries, 91,
            "none until the first ten expire at 10 s, and then one a second"
        );
    }

    #[test]
    fn an_idle_hour_saves_nothing() {
        let (budget, now) = budget(0.1, 1);
        (0..10_000).for_each(|_| budget.deposit(now));
        assert_eq!(budget.balance(now), 1_010);
        let later = now + Duration::from_secs(3_600);
        assert_eq!(budget.balance(later), 10);
    }

    #[test]
    fn deposits_expire_after_the_ttl() {
        let (budget, now) = budget(0.1, 0);
        (0..100).for_each(|_| budget.deposit(now));
        assert_eq!(budget.balance(now + Duration::from_millis(9_999)), 10);
        assert_eq!(budget.balance(now + Duration::from_secs(10)), 0);
    }

    #[test]
    fn a_clock_that_stands_still_or_runs_back_does_no_harm() {
        let (budget, now) = budget(0.5, 0);
        let later = now + Duration::from_secs(5);
        budget.deposit(later);
        budget.deposit(now);
        assert_eq!(budget.balance(now), 1);
    }
}
