//! What relays count.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    handle::{Counter, Histogram},
    table::{DEAD, PUBLISH, SENT},
};
use crate::{dead_letter::Reason, outbox::Fate};

/// Channels beyond these are counted together.
const CHANNELS_MAX: usize = 1_000;
/// What stands for them.
const OTHERS: &str = "others";

/// The series of one relay.
#[derive(Debug)]
pub(crate) struct RelayMetrics {
    system: &'static str,
    channels: Mutex<BTreeMap<String, Arc<ChannelMetrics>>>,
}

/// The series of one channel.
#[derive(Debug)]
pub(crate) struct ChannelMetrics {
    sent: Counter,
    failed: Counter,
    rejected: Counter,
    dead: Counter,
    duration: Histogram,
}

impl RelayMetrics {
    pub(crate) const fn new(system: &'static str) -> Self {
        Self {
            system,
            channels: Mutex::new(BTreeMap::new()),
        }
    }

    /// The series of a channel, made with its first message.
    pub(crate) fn channel(&self, name: &str) -> Arc<ChannelMetrics> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = channels.get(name) {
            return Arc::clone(known);
        }
        let name = if channels.len() < CHANNELS_MAX {
            name
        } else {
            OTHERS
        };
        let made = channels
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(ChannelMetrics::new(self.system, name)));
        Arc::clone(made)
    }
}

impl ChannelMetrics {
    fn new(system: &str, channel: &str) -> Self {
        let own = [
            ("messaging.system", system),
            ("messaging.destination.name", channel),
            ("messaging.operation.name", "publish"),
        ];
        let sent = |error| {
            let labels: Vec<_> = own.into_iter().chain([("error.type", error)]).collect();
            Counter::new(&SENT, &labels)
        };
        let consumer = format!("outbox/{channel}");
        let dead = [
            ("consumer", consumer.as_str()),
            ("reason", Reason::PublishRejected.as_str()),
        ];
        Self {
            sent: sent(""),
            failed: sent("unavailable"),
            rejected: sent("rejected"),
            dead: Counter::new(&DEAD, &dead),
            duration: Histogram::new(&PUBLISH, &own),
        }
    }

    /// Counts what became of a message, and how long the broker took.
    pub(crate) fn published(&self, fate: &Fate, time: Duration) {
        match fate {
            Fate::Published => {
                self.sent.add(1);
                self.duration.record(time);
            }
            Fate::Failed { .. } => self.failed.add(1),
            Fate::Rejected { .. } => {
                self.rejected.add(1);
                self.dead.add(1);
            }
            Fate::Released => {}
        }
    }
}
