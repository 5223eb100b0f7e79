//! How long to wait before another attempt: exponential, with full jitter.
//!
//! Full jitter, because callers that failed together must not return together.

use std::time::Duration;

/// The shape of the waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The bound of the first wait after a fault. 50 ms: long enough for a connection to be replaced.
    pub base: Duration,
    /// The bound of the first wait after the target asked for less traffic. 1 s: a quota needs time to refill.
    pub throttled_base: Duration,
    /// No wait is bounded higher. 1 s, because somebody waits for the answer.
    pub max: Duration,
}

impl Config {
    /// The defaults, as a constant.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            base: Duration::from_millis(50),
            throttled_base: Duration::from_secs(1),
            max: Duration::from_secs(1),
        }
    }

    /// The longest wait before retry number `retry`, which counts from zero.
    #[must_use]
    pub fn ceiling(&self, retry: u32, throttled: bool) -> Duration {
        let base = if throttled {
            self.throttled_base
        } else {
            self.base
        };
        let factor = 1_u32.checked_shl(retry).unwrap_or(u32::MAX);
        base.saturating_mul(factor).min(self.max)
    }

    /// The wait itself: evenly distributed from nothing up to the ceiling, or up to `room` where that is less.
    ///
    /// The interval is cut to the room rather than the draw, so that a call near its deadline still waits at random.
    #[must_use]
    pub fn delay(&self, retry: u32, throttled: bool, room: Duration, fraction: f64) -> Duration {
        self.ceiling(retry, throttled)
            .min(room)
            .mul_f64(fraction.clamp(0.0, 1.0))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Chance;

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let config = Config::new();
        let ceilings: Vec<u128> = (0..7)
            .map(|retry| config.ceiling(retry, false).as_millis())
            .collect();
        assert_eq!(ceilings, [50, 100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(config.ceiling(0, true), Duration::from_secs(1));
        assert_eq!(config.ceiling(u32::MAX, false), Duration::from_secs(1));
    }

    #[test]
    fn waits_fill_the_interval_with_half_its_length_on_average() {
        let (config, chance) = (Config::new(), Chance::seeded(42));
        for retry in 0..6 {
            let ceiling = config.ceiling(retry, false);
            let waits: Vec<Duration> = (0..10_000)
                .map(|_| config.delay(retry, false, Duration::MAX, chance.fraction()))
                .collect();
            assert!(waits.iter().all(|wait| *wait <= ceiling));
            let mean = waits.iter().sum::<Duration>().as_secs_f64() / 10_000.0;
            let half = ceiling.as_secs_f64() / 2.0;
            assert!(
                (mean - half).abs() < half * 0.02,
                "retry {retry}: mean {mean}, half {half}"
            );
        }
    }

    #[test]
    fn a_wait_never_exceeds_the_room_before_the_deadline() {
        let room = Duration::from_millis(30);
        assert_eq!(
            Config::new().delay(5, false, room, 0.5),
            Duration::from_millis(15)
        );
    }
}
