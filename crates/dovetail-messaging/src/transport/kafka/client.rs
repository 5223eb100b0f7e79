//! Clients of librdkafka: how they are set up, what they log, and what their errors say without the settings of their owner.

use std::{collections::BTreeMap, fmt, time::Duration};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};

use crate::{
    outbox::PublishError,
    store::{ErrorKind, StoreError},
};

/// How to work with a cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    /// Where brokers are, as `host:port`, separated by commas.
    pub brokers: String,
    /// For how long a delivery is its receiver's: longer than a handler may take. 60 s.
    pub visibility: Duration,
    /// How long a message may take until the brokers have confirmed it. 15 s: less than a relay holds what it publishes.
    pub publish_timeout: Duration,
    /// How long to wait for an answer about topics and groups. 10 s.
    pub ask_timeout: Duration,
    /// How long a member may be silent before its partitions are given to others. 45 s, as Kafka has it.
    pub session_timeout: Duration,
    /// How often brokers are told what is finished. 500 ms: what a crash makes come again, and inboxes know.
    pub commit_every: Duration,
    /// How many offsets of a partition may lie between the earliest unfinished message and the last one read; then it is not read on. 1,000.
    pub window_length_max: usize,
    /// How many bytes of messages a partition may hold unfinished; then it is not read on. 16 MiB.
    pub window_bytes_max: usize,
    /// Which messages of a partition keep their order.
    pub lanes: Lanes,
    /// Copies of each partition of topics that are created; what the brokers are set to, if `None`.
    pub replication: Option<u16>,
    /// Settings of librdkafka by name, for all that is not said here, such as how to log in. Never shown.
    pub properties: BTreeMap<String, String>,
}

/// Which messages of a partition keep their order: one of them is delivered at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// Those of one key. Keys are handled side by side.
    Key,
    /// All of them: for consumers that keep the offset in their database, to whom anything else would come too early.
    Partition,
}

impl Options {
    /// A cluster, and defaults for everything else.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            visibility: Duration::from_secs(60),
            publish_timeout: Duration::from_secs(15),
            ask_timeout: Duration::from_secs(10),
            session_timeout: Duration::from_secs(45),
            commit_every: Duration::from_millis(500),
            window_length_max: 1_000,
            window_bytes_max: 16 << 20,
            lanes: Lanes::Key,
            replication: None,
            properties: BTreeMap::new(),
        }
    }

    /// What all clients have in common. The settings of the owner come last, except that they cannot undo what `fixed` says: without it
    /// messages would be lost.
    pub(super) fn config(&self, fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "dovetail");
        config.set("bootstrap.servers", &self.brokers);
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        for (name, value) in fixed {
            config.set(*name, *value);
        }
        config
    }

    /// What a producer is.
    pub(super) fn producer(&self) -> ClientConfig {
        let timeout = self.publish_timeout.as_millis().max(1).to_string();
        self.config(&[
            // What a broker has is written once and in order, however often it is sent.
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("message.timeout.ms", &timeout),
            // As Java's clients do, so that a key has one partition whoever produces it.
            ("partitioner", "murmur2_random"),
        ])
    }

    /// What a member of a group is.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let session = self.session_timeout.as_millis().max(1).to_string();
        let heartbeat = (self.session_timeout.as_millis() / 10).max(1).to_string();
        self.config(&[
            ("group.id", group),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("session.timeout.ms", &session),
            ("heartbeat.interval.ms", &heartbeat),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            // A group that has no place, or lost it, reads what there is: rather twice than never.
            ("auto.offset.reset", "earliest"),
            ("isolation.level", "read_committed"),
            ("queued.max.messages.kbytes", "16384"),
        ])
    }
}

/// Without the values of properties, which hold passwords.
impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.properties.keys().collect();
        formatter
            .debug_struct("Options")
            .field("brokers", &self.brokers)
            .field("visibility", &self.visibility)
            .field("lanes", &self.lanes)
            .field("properties", &names)
            .finish_non_exhaustive()
    }
}

/// The context of clients that nothing is asked of: what they log goes to `tracing`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log;

impl ClientContext for Log {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(error = %said(&error), reason, "a client of Kafka met an error");
    }
}

impl ConsumerContext for Log {}

pub(super) fn log(level: RDKafkaLogLevel, facility: &str, text: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(facility, "librdkafka: {text}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(facility, "librdkafka: {text}");
        }
    }
}

/// What an error says, without the values of settings.
pub(super) fn said(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, _, name, _) => format!("the setting {name} is refused"),
        other => other.to_string(),
    }
}

/// An error of a client, as stores have them.
pub(super) fn broken(action: &'static str, error: &KafkaError) -> StoreError {
    let kind = match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => ErrorKind::Refused,
        _ => ErrorKind::Unavailable,
    };
    StoreError::because(action, kind, said(error))
}

/// What the brokers say to a message, and whether they will ever say anything else.
pub(super) fn not_published(error: &KafkaError) -> PublishError {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::MessageBatchTooLarge
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition,
        ) => PublishError::Rejected(said(error)),
        _ => PublishError::Unavailable(said(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_logs_show_has_no_passwords() {
        let mut options = Options::new("localhost:9092");
        let secret = ("sasl.password".to_owned(), "hunter2".to_owned());
        options.properties.extend([secret]);
        assert!(!format!("{options:?}").contains("hunter2"));
        let strange = ("no.such.setting".to_owned(), "hunter2".to_owned());
        options.properties.extend([strange]);
        let created: Result<rdkafka::consumer::BaseConsumer<_>, _> = options.config(&[]).create();
        let error = broken("connect", &created.err().unwrap());
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        assert!(format!("{error:?}").contains("no.such.setting"));
    }

    #[test]
    fn what_would_lose_messages_cannot_be_set() {
        let mut options = Options::new("localhost:9092");
        for name in ["acks", "enable.auto.commit", "auto.offset.reset"] {
            options
                .properties
                .insert(name.to_owned(), "wrong".to_owned());
        }
        assert_eq!(options.producer().get("acks"), Some("all"));
        let member = options.member("mail");
        assert_eq!(member.get("enable.auto.commit"), Some("false"));
        assert_eq!(member.get("auto.offset.reset"), Some("earliest"));
    }
}
