//! Where time and chance come from.
//!
//! Nothing else in the runtime reads a clock, sleeps or draws a number, so a test that pauses tokio's time and seeds the
//! chance sees the same instants on every run.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use thiserror::Error;
use tokio::time::Instant;

/// The time that policies go by: tokio's clock, and the wall clock where a protocol speaks in dates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Where the wall clock is pinned to tokio's, when a test does so.
    pinned: Option<(Instant, SystemTime)>,
}

/// A future did not finish by the instant it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the time was up")]
pub struct Elapsed;

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub const fn system() -> Self {
        Self { pinned: None }
    }

    /// A clock whose wall time reads `wall` now and then moves with tokio's clock, so that a test may pause it.
    #[must_use]
    pub fn pinned_at(wall: SystemTime) -> Self {
        Self {
            pinned: Some((Instant::now(), wall)),
        }
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// The present date and time, for protocols that name dates. Policies measure with [`Clock::now`] instead, because
    /// the wall clock may be set back.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    pub fn wall(&self) -> SystemTime {
        match self.pinned {
            None => SystemTime::now(),
            Some((start, wall)) => wall + Instant::now().saturating_duration_since(start),
        }
    }

    /// Waits for the time to pass.
    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Runs the future until the instant, and drops it there.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] when the instant came first.
    pub async fn until<F: Future>(
        &self,
        instant: Instant,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::time::timeout_at(instant, future)
            .await
            .map_err(|_| Elapsed)
    }
}

/// The instant that is `duration` after `now`; for a duration beyond any use, in thirty years, because the sum of the two
/// may be more than a clock can tell.
#[must_use]
pub fn later(now: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);
    now + duration.min(FAR)
}

/// A shared source of chance, for jitter and identifiers. Never for secrets: its numbers can be foretold.
///
/// `SplitMix64` over one atomic counter: no lock, and a seed gives the same draws on every machine.
#[derive(Debug, Clone)]
pub struct Chance {
    state: Arc<AtomicU64>,
}

/// The step of `SplitMix64`: the golden ratio as a 64-bit fraction.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Chance {
    /// A source that starts from the operating system's entropy.
    #[must_use]
    pub fn from_entropy() -> Self {
        // `RandomState` takes its keys from the system's entropy, which saves a dependency for one number.
        Self::seeded(RandomState::new().hash_one(STEP))
    }

    /// A source whose draws follow from the seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            state: Arc::new(AtomicU64::new(seed)),
        }
    }

    /// Draws 64 bits.
    #[must_use]
    pub fn bits(&self) -> u64 {
        let mut bits = self
            .state
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Draws a fraction, at least 0 and below 1.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        // 53 bits are what a double holds exactly.
        let scale = (1_u64 << 53) as f64;
        (self.bits() >> 11) as f64 / scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_the_same_draws() {
        let (one, other) = (Chance::seeded(7), Chance::seeded(7));
        let draws: Vec<u64> = (0..4).map(|_| one.bits()).collect();
        assert_eq!(draws, (0..4).map(|_| other.bits()).collect::<Vec<_>>());
        assert_ne!(
            draws,
            (0..4).map(|_| Chance::seeded(8).bits()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn fractions_fill_the_unit_interval_evenly() {
        let chance = Chance::seeded(1);
        let draws: Vec<f64> = (0..100_000).map(|_| chance.fraction()).collect();
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        let mean = draws.iter().sum::<f64>() / 100_000.0;
        assert!((mean - 0.5).abs() < 0.01, "mean {mean}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pinned_wall_clock_moves_with_the_paused_time() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let clock = Clock::pinned_at(start);
        clock.sleep(Duration::from_millis(1_500)).await;
        assert_eq!(clock.wall(), start + Duration::from_millis(1_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_is_dropped_at_the_instant_it_was_given() {
        let clock = Clock::system();
        let start = clock.now();
        let result = clock
            .until(
                start + Duration::from_millis(40),
                std::future::pending::<()>(),
            )
            .await;
        assert_eq!(result, Err(Elapsed));
        assert_eq!(clock.now() - start, Duration::from_millis(40));
    }
}
