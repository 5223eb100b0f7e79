//! Small things that every fault needs: output, dice, and time as people see it.

use std::{
    io::Write as _,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use dovetail_resilience::{Chance, backoff};
use tokio::sync::watch;

/// Prints a line of result.
pub(crate) fn print(line: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{line}").context("cannot print")
}

/// Prints a line for the person who runs this. A closed standard error is not worth failing for.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// How long something takes, for people to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch(std::time::Instant);

impl Watch {
    #[expect(
        clippy::disallowed_methods,
        reason = "what takes long is measured, not simulated"
    )]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// What several loops wait for, so that they stop together.
#[derive(Debug, Default)]
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    /// Has them stop.
    pub(crate) fn tell(&self) {
        self.0.send_replace(true);
    }

    /// Resolves once they are to stop.
    pub(crate) fn told(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut told = self.0.subscribe();
        async move {
            let _ = told.wait_for(|is_told| *is_told).await;
        }
    }
}

/// The instant at which every history begins.
pub(crate) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A number below `end`.
pub(crate) fn below(chance: &Chance, end: u64) -> u64 {
    chance.bits() % end.max(1)
}

/// Whether the one case of `cases` comes up.
pub(crate) fn one_in(chance: &Chance, cases: u64) -> bool {
    below(chance, cases) == 0
}

/// The order of the numbers below `count` that chance gives.
pub(crate) fn shuffled(chance: &Chance, count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let other = usize::try_from(below(chance, last as u64 + 1)).unwrap_or(0);
        numbers.swap(last, other);
    }
    numbers
}

/// Waits that are the same length each time.
pub(crate) const fn steady(wait: Duration) -> backoff::Config {
    backoff::Config {
        base: wait,
        throttled_base: wait,
        max: wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffled_order_has_every_number_once() {
        let mut numbers = shuffled(&Chance::seeded(3), 50);
        assert_ne!(numbers, (0..50).collect::<Vec<_>>());
        numbers.sort_unstable();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    }
}
