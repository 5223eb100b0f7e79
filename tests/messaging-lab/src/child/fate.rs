//! Where a process dies or freezes.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Result, bail};
use dovetail_messaging::failpoint;
use nix::sys::signal::{Signal, raise};

/// Where this process sends itself a signal, how many times more it passes by before, and which.
static FATE: OnceLock<(String, AtomicU64, Signal)> = OnceLock::new();

pub(super) fn signal_self_at(place: String, nth: u64, signal: Signal) -> Result<()> {
    if FATE.set((place, AtomicU64::new(nth), signal)).is_err() {
        bail!("a process has one fate");
    }
    failpoint::set(reach);
    Ok(())
}

/// Raised by the process itself, a signal that none can catch comes at this place and no other.
pub(super) fn reach(place: &'static str) {
    if let Some((end, left, signal)) = FATE.get()
        && end == place
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        let _ = raise(*signal);
    }
}
