//! All metrics, each with its name, form and meaning.

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, with dots.
    pub name: &'static str,
    /// What it is.
    pub form: Form,
    /// Whether it is a time in seconds.
    pub is_time: bool,
    /// What it says.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It only ever grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How values are distributed.
    Histogram,
}

impl Metric {
    const fn counter(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            form: Form::Counter,
            is_time: false,
            help,
        }
    }

    const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self {
            form: Form::Gauge,
            ..Self::counter(name, help)
        }
    }

    const fn age(name: &'static str, help: &'static str) -> Self {
        Self {
            is_time: true,
            ..Self::gauge(name, help)
        }
    }

    const fn duration(name: &'static str, help: &'static str) -> Self {
        Self {
            form: Form::Histogram,
            ..Self::age(name, help)
        }
    }

    /// The name that Prometheus knows it by.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut name = self.name.replace('.', "_");
        if self.is_time {
            name.push_str("_seconds");
        }
        if self.form == Form::Counter {
            name.push_str("_total");
        }
        name
    }
}

/// `messaging.system`, `messaging.destination.name`, and `error.type` where it was not sent.
pub(super) const SENT: Metric = Metric::counter(
    "messaging.client.sent.messages",
    "Messages that a producer attempted to send to the broker.",
);
/// `messaging.system`, `messaging.destination.name`, `messaging.consumer.group.name`, `consumer`, `kind`.
pub(super) const CONSUMED: Metric = Metric::counter(
    "messaging.client.consumed.messages",
    "Deliveries that a consumer took, those that came again included.",
);
/// `messaging.system`, `messaging.operation.name`, `messaging.destination.name`, `messaging.consumer.group.name`.
pub(super) const OPERATION: Metric = Metric::duration(
    "messaging.client.operation.duration",
    "How long the broker took to receive, settle or publish.",
);
/// As of consumed messages, and `error.type` where it failed.
pub(super) const PROCESS: Metric = Metric::duration(
    "messaging.process.duration",
    "How long one delivery took from its receipt to its end.",
);
/// `consumer`, `kind`, `outcome`.
pub(super) const OUTCOMES: Metric = Metric::counter(
    "dovetail.inbox.outcomes",
    "What became of deliveries, and of parked messages that were handled in the end.",
);
/// `consumer`, `kind`, `tier`.
pub(super) const RETRIES: Metric = Metric::counter(
    "dovetail.retry.scheduled",
    "Attempts that failed and are made again later, by how much later.",
);
/// `consumer`, `kind`, `reason`.
pub(super) const DEAD: Metric = Metric::counter(
    "dovetail.dlq.enqueued",
    "Messages that became dead letters.",
);
/// `consumer`, `kind`, `reason`.
pub(super) const DEPTH: Metric = Metric::gauge(
    "dovetail.dlq.messages",
    "Dead letters that nobody has decided on.",
);
/// `consumer`, `kind`.
pub(super) const DEAD_AGE: Metric = Metric::age(
    "dovetail.dlq.oldest.age",
    "For how long the oldest dead letter has waited; 0 where there is none.",
);
/// `consumer`, `outcome`.
pub(super) const REPLAYED: Metric = Metric::counter(
    "dovetail.dlq.replayed",
    "Dead letters that were sent again, by what came of it.",
);
/// `consumer`, `kind`.
pub(super) const PARKED: Metric = Metric::counter(
    "dovetail.key.parked",
    "Messages that were put aside so that those of their key keep their order.",
);
/// `consumer`, `cause`.
pub(super) const PAUSED: Metric = Metric::gauge(
    "dovetail.consumer.paused",
    "1 while what every message needs is down, 0 otherwise.",
);
/// `consumer`.
pub(super) const LAG: Metric = Metric::gauge(
    "dovetail.consumer.lag",
    "Messages that wait for a consumer in the broker.",
);
/// `consumer`, `kind`.
pub(super) const CRITICAL: Metric = Metric::duration(
    "dovetail.critical.time",
    "From when a message was sent to when it was handled.",
);
/// `consumer`.
pub(super) const SKEWED: Metric = Metric::counter(
    "dovetail.clock.skewed",
    "Messages that were handled before they were sent: two clocks disagree.",
);
/// `outbox`.
pub(super) const PENDING: Metric = Metric::gauge(
    "dovetail.outbox.pending",
    "Messages that wait to be published.",
);
/// `outbox`.
pub(super) const PENDING_AGE: Metric = Metric::age(
    "dovetail.outbox.oldest.age",
    "For how long the oldest message has waited to be published; 0 where there is none.",
);
/// `messaging.system`, `messaging.destination.name`.
pub(super) const PUBLISH: Metric = Metric::duration(
    "dovetail.outbox.publish.duration",
    "How long it took until the broker had confirmed a message of the outbox.",
);
/// No labels of its own: it says that what an observer shows is out of date.
pub(super) const UNREAD: Metric = Metric::counter(
    "dovetail.observer.failures",
    "Times that an observer could not read what it shows.",
);

/// All metrics.
pub const ALL: [Metric; 19] = [
    SENT,
    CONSUMED,
    OPERATION,
    PROCESS,
    OUTCOMES,
    RETRIES,
    DEAD,
    DEPTH,
    DEAD_AGE,
    REPLAYED,
    PARKED,
    PAUSED,
    LAG,
    CRITICAL,
    SKEWED,
    PENDING,
    PENDING_AGE,
    PUBLISH,
    UNREAD,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_alert_rules_ask_for() {
        let names = ALL.map(|metric| metric.prometheus());
        for name in [
            "messaging_client_consumed_messages_total",
            "messaging_process_duration_seconds",
            "dovetail_dlq_messages",
            "dovetail_dlq_oldest_age_seconds",
            "dovetail_dlq_enqueued_total",
            "dovetail_outbox_oldest_age_seconds",
        ] {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
    }
}
