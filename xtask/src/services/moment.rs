//! Signals and waiting: an interruption is seen wherever the task waits, so that it always stops what it started.

use std::{sync::mpsc, thread, time::Duration};

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal};

/// How often anything is looked at that has to be waited for.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// The signals that end a run. They are blocked in every thread and taken by one, which needs no handler; programs that are started get
/// them unblocked.
pub(super) struct Signals {
    caught: mpsc::Receiver<Signal>,
    first: Option<Signal>,
}

impl Signals {
    pub(super) fn catch() -> Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            set.add(signal);
        }
        set.thread_block().context("cannot block signals")?;
        let (send, caught) = mpsc::channel();
        thread::spawn(move || {
            while let Ok(signal) = set.wait() {
                if send.send(signal).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            caught,
            first: None,
        })
    }

    /// Whether one came.
    pub(super) fn is_interrupted(&mut self) -> bool {
        self.first = self.first.or_else(|| self.caught.try_recv().ok());
        self.first.is_some()
    }

    /// The next one, if it is there.
    pub(super) fn next(&mut self) -> Option<Signal> {
        self.first.take().or_else(|| self.caught.try_recv().ok())
    }

    /// Waits for one.
    pub(super) fn wait(&mut self) {
        if !self.is_interrupted() {
            self.first = self.caught.recv().ok();
        }
    }
}

/// Looks again and again, for as long at most as so many seconds take. `None`: the time was up.
pub(super) fn until<T>(seconds: u32, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let ticks = seconds.saturating_mul(1_000) / u32::try_from(TICK.as_millis()).unwrap_or(1);
    for _ in 0..ticks.max(1) {
        if let Some(seen) = look() {
            return Some(seen);
        }
        thread::sleep(TICK);
    }
    None
}
