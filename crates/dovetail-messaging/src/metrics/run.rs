//! What the loop of a consumer counts of its broker.

use std::time::Duration;

use super::{
    consumer::{Origin, client_labels},
    handle::{Gauge, Histogram},
    table::{OPERATION, PAUSED},
};
use crate::{store::StoreError, transport::Subscription};

/// The series of one loop.
#[derive(Debug)]
pub(crate) struct RunMetrics {
    paused: Gauge,
    receive: Histogram,
    settle: Histogram,
}

impl RunMetrics {
    pub(crate) fn new(system: &str, subscription: &Subscription) -> Self {
        let Subscription { channel, group } = subscription;
        let operation = |name| {
            let origin = Origin { system, channel };
            Histogram::new(&OPERATION, &client_labels(group, origin, name))
        };
        let paused = Gauge::new(&PAUSED, &[("consumer", group), ("cause", "receiving")]);
        paused.set(0.0);
        Self {
            paused,
            receive: operation("receive"),
            settle: operation("settle"),
        }
    }

    /// Counts what was asked of the broker. How long it waited for a message that did not come says nothing.
    pub(crate) fn received<R>(&self, received: &Result<Vec<R>, StoreError>, time: Duration) {
        self.paused.set(if received.is_err() { 1.0 } else { 0.0 });
        if received.as_ref().is_ok_and(|received| !received.is_empty()) {
            self.receive.record(time);
        }
    }

    pub(crate) fn settled(&self, time: Duration) {
        self.settle.record(time);
    }
}
