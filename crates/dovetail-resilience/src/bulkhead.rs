//! How many calls may be under way at once, so that one slow target cannot take every task with it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::{Clock, later};

/// The size of a bulkhead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Calls under way at once. 100: with answers in 100 ms that is 1,000 calls a second.
    pub max_concurrent: u32,
    /// How long a call waits for its turn. Not at all by default: a queue in front of a slow target only adds delay.
    pub max_wait: Duration,
}

impl Config {
    /// The defaults, as a constant.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_concurrent: 100,
            max_wait: Duration::ZERO,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// A bulkhead, shared by all calls to one target. Clones share it.
#[derive(Debug, Clone)]
pub struct Bulkhead {
    config: Config,
    slots: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// The right to run one call; dropping it gives the slot back.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// The bulkhead is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many calls are under way")]
pub struct Full;

impl Bulkhead {
    /// A bulkhead with nothing under way.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let slots = (config.max_concurrent as usize).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            config,
            slots: Arc::new(Semaphore::new(slots)),
            waiting: Arc::default(),
        }
    }

    /// Takes a slot, waiting for `max_wait` at most, and never longer than `room`.
    ///
    /// As many calls may wait as may run; beyond that a call is turned away at once, so that the queue is bounded too.
    ///
    /// # Errors
    ///
    /// [`Full`] when no slot came free in time.
    pub async fn enter(&self, clock: &Clock, room: Duration) -> Result<Slot, Full> {
        if let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(Slot { _permit: permit });
        }
        let wait = self.config.max_wait.min(room);
        if wait.is_zero() {
            return Err(Full);
        }
        let _place = self.queue()?;
        let turn = Arc::clone(&self.slots).acquire_owned();
        match clock.until(later(clock.now(), wait), turn).await {
            Ok(Ok(permit)) => Ok(Slot { _permit: permit }),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }

    /// The calls that could start now.
    #[must_use]
    pub fn free(&self) -> usize {
        self.slots.available_permits()
    }

    fn queue(&self) -> Result<Place, Full> {
        let place = Place {
            waiting: Arc::clone(&self.waiting),
        };
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        if before >= self.config.max_concurrent as usize {
            Err(Full)
        } else {
            Ok(place)
        }
    }
}

/// A place in the queue, which a cancelled wait gives back like any other.
#[derive(Debug)]
struct Place {
    waiting: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fill(bulkhead: &Bulkhead, calls: u32) -> Vec<Slot> {
        let mut slots = Vec::new();
        for _ in 0..calls {
            slots.push(
                bulkhead
                    .enter(&Clock::system(), Duration::MAX)
                    .await
                    .unwrap(),
            );
        }
        slots
    }

    #[tokio::test(start_paused = true)]
    async fn the_hundred_and_first_call_is_turned_away_at_once() {
        let (bulkhead, clock) = (Bulkhead::new(Config::new()), Clock::system());
        let slots = fill(&bulkhead, 100).await;
        let start = clock.now();
        assert_eq!(
            bulkhead.enter(&clock, Duration::MAX).await.unwrap_err(),
            Full
        );
        assert_eq!(clock.now(), start);
        drop(slots);
        assert_eq!(bulkhead.free(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_its_turn_up_to_the_limit() {
        let config = Config {
            max_concurrent: 1,
            max_wait: Duration::from_millis(50),
        };
        let (bulkhead, clock) = (Bulkhead::new(config), Clock::system());
        let slot = fill(&bulkhead, 1).await;
        let start = clock.now();
        assert_eq!(
            bulkhead
                .enter(&clock, Duration::from_millis(20))
                .await
                .unwrap_err(),
            Full
        );
        assert_eq!(
            clock.now() - start,
            Duration::from_millis(20),
            "the deadline cuts the wait"
        );
        let release = async {
            clock.sleep(Duration::from_millis(30)).await;
            drop(slot);
        };
        let (turn, ()) = tokio::join!(bulkhead.enter(&clock, Duration::MAX), release);
        assert!(turn.is_ok());
        assert_eq!(clock.now() - start, Duration::from_millis(50));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_without_end_lasts_until_there_is_a_turn() {
        let config = Config {
            max_concurrent: 1,
            max_wait: Duration::MAX,
        };
        let (bulkhead, clock) = (Bulkhead::new(config), Clock::system());
        let slot = fill(&bulkhead, 1).await;
        let release = async {
            clock.sleep(Duration::from_secs(3_600)).await;
            drop(slot);
        };
        let (turn, ()) = tokio::join!(bulkhead.enter(&clock, Duration::MAX), release);
        assert!(turn.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_wait_than_may_run() {
        let config = Config {
            max_concurrent: 2,
            max_wait: Duration::from_millis(50),
        };
        let (bulkhead, clock) = (Bulkhead::new(config), Clock::system());
        let _slots = fill(&bulkhead, 2).await;
        let start = clock.now();
        let calls = (0..5).map(|_| async {
            assert!(bulkhead.enter(&clock, Duration::MAX).await.is_err());
            clock.now() - start
        });
        let waits = futures::future::join_all(calls).await;
        let turned_away = waits.iter().filter(|wait| wait.is_zero()).count();
        assert_eq!(turned_away, 3, "two wait, three do not: {waits:?}");
    }
}
