//! The life of a process: at each step chance decides whether others go first, and whether it ends there.

use std::{
    future::pending,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use dovetail_resilience::{Chance, Clock};
use tokio::sync::Notify;

use crate::common::{below, one_in};

/// No trace is longer than this.
const TRACE_MAX: usize = 200_000;

/// What all processes of a history share: its chance, its trace, and how much misfortune is left.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) chance: Chance,
    pub(crate) clock: Clock,
    pub(crate) steps: Arc<AtomicU64>,
    pub(crate) crashes: Arc<AtomicU64>,
    pub(crate) faults: Arc<AtomicU64>,
    /// Misfortunes that are still to come; after that all goes well, so that every history ends.
    left: Arc<AtomicU64>,
    trace: Arc<Mutex<Vec<String>>>,
    started: tokio::time::Instant,
}

impl History {
    pub(crate) fn new(chance: Chance, clock: Clock, misfortunes: u64) -> Self {
        Self {
            chance,
            clock,
            steps: Arc::default(),
            crashes: Arc::default(),
            faults: Arc::default(),
            left: Arc::new(AtomicU64::new(misfortunes)),
            trace: Arc::default(),
            started: clock.now(),
        }
    }

    pub(crate) fn tell(&self, who: &str, what: &str) {
        let at = self.elapsed().as_secs_f64();
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        if trace.len() < TRACE_MAX {
            trace.push(format!("{at:9.3} {who:6} {what}"));
        }
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut trace)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.started)
    }

    /// Whether the one misfortune of `cases` happens.
    pub(crate) fn unlucky(&self, cases: u64) -> bool {
        one_in(&self.chance, cases)
            && self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
    }
}

/// One process.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) history: History,
    pub(crate) name: String,
    is_over: Arc<AtomicBool>,
    over: Arc<Notify>,
}

impl Life {
    pub(crate) fn new(history: History, name: String) -> Self {
        Self {
            history,
            name,
            is_over: Arc::default(),
            over: Arc::default(),
        }
    }

    /// Resolves once the process is dead.
    pub(crate) async fn end(&self) {
        self.over.notified().await;
    }

    /// One step: others may go first, and it may be the last one.
    pub(crate) async fn step(&self, what: &str) {
        /// Steps among which one is the last.
        const CASES: u64 = 150;
        for _ in 0..below(&self.history.chance, 3) {
            tokio::task::yield_now().await;
        }
        if self.is_over.load(Ordering::Relaxed) {
            // A dead process does nothing any more until its remains are dropped.
            pending::<()>().await;
        }
        self.history.steps.fetch_add(1, Ordering::Relaxed);
        if self.history.unlucky(CASES) {
            self.history.crashes.fetch_add(1, Ordering::Relaxed);
            self.history.tell(&self.name, &format!("dies at: {what}"));
            self.is_over.store(true, Ordering::Relaxed);
            self.over.notify_one();
            pending::<()>().await;
        }
        self.history.tell(&self.name, what);
    }

    /// Whether an operation fails here.
    pub(crate) fn fails(&self, what: &str) -> bool {
        /// Operations among which one fails.
        const CASES: u64 = 60;
        let fails = self.history.unlucky(CASES);
        if fails {
            self.history.faults.fetch_add(1, Ordering::Relaxed);
            self.history.tell(&self.name, &format!("fails: {what}"));
        }
        fails
    }
}
