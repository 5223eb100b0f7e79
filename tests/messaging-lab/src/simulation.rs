//! F15: whole histories of two services, told by a seed.
//!
//! The consumer, the relay, the loop that runs them and the embedded store are the real ones. The broker is simulated, time stands still until everybody
//! waits, and every operation of a store or a broker is a step: before and after each, chance decides whether others go first, whether the operation
//! fails (undone, or done and not told), and whether the process dies there, which drops its futures where they are. One thread runs all of it, so a
//! seed is the same history each time.

mod broker;
mod life;
mod naive;
mod service;
mod store;
mod world;

use anyhow::{Result, bail};

use crate::{
    common::print,
    faults::Size,
    report::{Control, Said},
    tally::Tally,
};
pub(crate) use world::{Findings, history};

/// Runs so many histories, and some of the control.
pub(crate) fn run(size: Size) -> Result<Said> {
    let seeds = size.seeds(10_000, 1_000);
    let mut tally = Tally::default();
    let mut broken = Vec::new();
    let mut total = Findings::default();
    for seed in 0..seeds {
        let found = history(seed, false)?;
        if !found.holds() {
            broken.push(format!(
                "seed {seed}: {} — replay it with `cargo xtask faults f15 --seed {seed}`",
                found.summary()
            ));
        }
        tally += found.tally;
        total.add(&found);
        if !broken.is_empty() {
            break;
        }
    }
    let mut control = Tally::default();
    for seed in 0..seeds.min(50) {
        control += history(seed, true)?.tally;
    }
    Ok(Said {
        size: format!(
            "{seeds} histories: {} steps, {} crashes, {} faults of store and broker, {:.0} h of simulated time",
            total.steps,
            total.crashes,
            total.faults,
            total.simulated.as_secs_f64() / 3_600.0
        ),
        tally,
        broken,
        control: Control::new("check, process, insert, publish", control),
    })
}

/// Tells one history step by step.
pub(crate) fn replay(seed: u64) -> Result<()> {
    let found = history(seed, false)?;
    for line in &found.trace {
        print(line)?;
    }
    print(&format!("seed {seed}: {}", found.summary()))?;
    if !found.holds() {
        bail!("seed {seed} did not hold");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_the_same_history_each_time() {
        for seed in 0..10 {
            let (one, other) = (history(seed, false).unwrap(), history(seed, false).unwrap());
            assert_eq!(one.trace, other.trace, "seed {seed}");
        }
    }

    #[test]
    fn histories_hold() {
        for seed in 0..20 {
            let found = history(seed, false).unwrap();
            assert!(found.holds(), "seed {seed}: {}", found.summary());
        }
    }
}
