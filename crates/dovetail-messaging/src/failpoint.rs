//! Places where a test can have the process die: between two steps whose order matters.
//!
//! Without the feature `failpoints` nothing of this is compiled. With it, each place calls what [`set`] was given; a test that wants to know what
//! a crash leaves behind has it kill the process there, without a word of goodbye.

#[cfg(feature = "failpoints")]
use std::sync::OnceLock;

/// Every place, in the order in which a message comes by.
#[cfg(feature = "failpoints")]
pub const PLACES: [&str; 12] = [
    "received",
    "begun",
    "claimed",
    "handled",
    "enqueued",
    "committing",
    "committed",
    "settling",
    "settled",
    "taken",
    "published",
    "marking",
];

#[cfg(feature = "failpoints")]
static HOOK: OnceLock<fn(&'static str)> = OnceLock::new();

/// What every place calls from now on, with its name. Only the first call counts.
#[cfg(feature = "failpoints")]
pub fn set(hook: fn(&'static str)) {
    let _ = HOOK.set(hook);
}

/// The process is at this place.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(place: &'static str) {
    if let Some(hook) = HOOK.get() {
        hook(place);
    }
}

#[cfg(not(feature = "failpoints"))]
pub(crate) const fn reach(_place: &'static str) {}
