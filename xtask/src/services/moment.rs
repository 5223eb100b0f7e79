//! Signals and waiting: an interruption is seen wherever the task waits, so that it always stops what it started.

use std::{sync::mpsc, thread, time::Duration};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

/// How often anything is looked at that has to be waited for.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// The signals that end a run. They are caught rather than blocked: programs that are started would inherit the block, and could not be ended.
pub(super) struct Signals {
    caught: mpsc::Receiver<Signal>,
    first: Option<Signal>,
}

impl Signals {
    pub(super) fn catch() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let entered = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch signals")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot catch signals")?;
        let mut hangup = signal(SignalKind::hangup()).context("cannot catch signals")?;
        drop(entered);
        let (send, caught) = mpsc::channel();
        thread::spawn(move || {
            runtime.block_on(async move {
                loop {
                    let signal = tokio::select! {
                        _ = interrupt.recv() => Signal::SIGINT,
                        _ = terminate.recv() => Signal::SIGTERM,
                        _ = hangup.recv() => Signal::SIGHUP,
                    };
                    if send.send(signal).is_err() {
                        return;
                    }
                }
            });
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
