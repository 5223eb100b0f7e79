//! Topics and the places of groups. What librdkafka only does while the caller waits runs on a thread that may wait.

use std::{sync::Arc, time::Duration};

use dovetail_resilience::Clock;
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::MetadataPartition,
};

use super::client::{Log, Options, broken};
use crate::{
    store::{ErrorKind, StoreError},
    transport::Channel,
};

/// How often to look whether a topic that was created is there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Asks about topics and groups, and changes them.
pub(super) struct Admin {
    options: Options,
    clock: Clock,
    /// Never joins a group, and so creates no topic by asking for it.
    asking: Arc<BaseConsumer<Log>>,
}

impl Admin {
    pub(super) fn new(options: Options, clock: Clock) -> Result<Self, StoreError> {
        let asking = options.config(&[]).create_with_context(Log);
        Ok(Self {
            asking: Arc::new(asking.map_err(|error| broken(CONNECT, &error))?),
            options,
            clock,
        })
    }

    /// How many partitions a topic has; none where there is no such topic.
    pub(super) async fn partitions(&self, topic: &str) -> Result<Vec<i32>, StoreError> {
        const ACTION: &str = "ask Kafka about a topic";
        let (asking, topic) = (Arc::clone(&self.asking), topic.to_owned());
        let timeout = self.options.ask_timeout;
        wait(ACTION, move || partitions(&asking, &topic, timeout)).await
    }

    /// Creates a topic unless it is there.
    pub(super) async fn create(&self, channel: &Channel) -> Result<(), StoreError> {
        let is_there = self.partitions(&channel.name).await?;
        if !is_there.is_empty() {
            let wanted = channel.partitions.unwrap_or(0) as usize;
            if wanted > is_there.len() {
                // More partitions would move keys from one to another, and with them their order: not without somebody who knows.
                tracing::warn!(channel = %channel.name, has = is_there.len(), wanted, "a topic has fewer partitions than declared");
            }
            return Ok(());
        }
        self.create_topic(channel).await?;
        let end = self.clock.now() + self.options.ask_timeout;
        while self.partitions(&channel.name).await?.is_empty() {
            if self.clock.now() >= end {
                return Err(StoreError::new(
                    "see the topic that it created",
                    ErrorKind::Unavailable,
                ));
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn create_topic(&self, channel: &Channel) -> Result<(), StoreError> {
        const ACTION: &str = "create a topic";
        let failed = |error: &KafkaError| broken(ACTION, error);
        let admin: AdminClient<Log> = self
            .options
            .config(&[])
            .create_with_context(Log)
            .map_err(|error| failed(&error))?;
        // -1 is what the brokers are set to.
        let partitions = channel
            .partitions
            .map_or(-1, |count| i32::try_from(count.max(1)).unwrap_or(i32::MAX));
        let copies = self.options.replication.map_or(-1, i32::from);
        let retention = channel.retention.map(|time| time.as_millis().to_string());
        let mut topic = NewTopic::new(&channel.name, partitions, TopicReplication::Fixed(copies));
        if let Some(retention) = &retention {
            topic = topic.set("retention.ms", retention);
        }
        let timeout = Some(self.options.ask_timeout);
        let asked = AdminOptions::new()
            .request_timeout(timeout)
            .operation_timeout(timeout);
        let answers = admin.create_topics([&topic], &asked).await;
        for answer in answers.map_err(|error| failed(&error))? {
            match answer {
                // Somebody else was faster.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => {
                    let kind = match code {
                        RDKafkaErrorCode::InvalidTopic
                        | RDKafkaErrorCode::InvalidPartitions
                        | RDKafkaErrorCode::InvalidReplicationFactor
                        | RDKafkaErrorCode::InvalidConfig
                        | RDKafkaErrorCode::PolicyViolation => ErrorKind::Refused,
                        _ => ErrorKind::Unavailable,
                    };
                    return Err(StoreError::because(ACTION, kind, code.to_string()));
                }
            }
        }
        Ok(())
    }

    /// Whether a topic is a queue: whether the group that reads it as one has a place in it.
    pub(super) async fn is_queue(&self, topic: &str) -> Result<bool, StoreError> {
        const ACTION: &str = "ask Kafka about a group";
        let config = self.options.member(&queue_group(topic));
        let (asking, topic) = (Arc::clone(&self.asking), topic.to_owned());
        let timeout = self.options.ask_timeout;
        wait(ACTION, move || {
            let member: BaseConsumer<Log> = config.create_with_context(Log)?;
            let found = partitions(&asking, &topic, timeout)?;
            let without = placeless(&member, &topic, &found, timeout)?;
            Ok(without.len() < found.len())
        })
        .await
    }

    /// Gives a group its place in each partition that it has none in.
    pub(super) async fn begin(
        &self,
        topic: &str,
        group: &str,
        place: Place,
    ) -> Result<(), StoreError> {
        const ACTION: &str = "give a group its place";
        let config = self.options.member(group);
        let (asking, topic) = (Arc::clone(&self.asking), topic.to_owned());
        let timeout = self.options.ask_timeout;
        wait(ACTION, move || {
            let found = partitions(&asking, &topic, timeout)?;
            let member: BaseConsumer<Log> = config.create_with_context(Log)?;
            let mut places = TopicPartitionList::new();
            for partition in placeless(&member, &topic, &found, timeout)? {
                let (start, end) = asking.fetch_watermarks(&topic, partition, timeout)?;
                let offset = Offset::Offset(match place {
                    Place::Start => start,
                    Place::End => end,
                });
                places.add_partition_offset(&topic, partition, offset)?;
            }
            if places.count() == 0 {
                return Ok(());
            }
            match member.commit(&places, CommitMode::Sync) {
                // The group has members already, who read from wherever they stand.
                Err(KafkaError::ConsumerCommit(
                    RDKafkaErrorCode::UnknownMemberId | RDKafkaErrorCode::IllegalGeneration,
                )) => Ok(()),
                other => other,
            }
        })
        .await
    }
}

/// Where a new group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// With all that is there.
    Start,
    /// With what is published from now on.
    End,
}

/// The group that reads a queue. That it has a place in a topic is how everybody knows that the topic is a queue.
pub(super) fn queue_group(topic: &str) -> String {
    format!("{topic}.queue")
}

/// The partitions that a group has no place in.
fn placeless(
    member: &BaseConsumer<Log>,
    topic: &str,
    partitions: &[i32],
    timeout: Duration,
) -> Result<Vec<i32>, KafkaError> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, *partition);
    }
    let mut without = Vec::new();
    for place in member.committed_offsets(asked, timeout)?.elements() {
        place.error()?;
        if !matches!(place.offset(), Offset::Offset(_)) {
            without.push(place.partition());
        }
    }
    Ok(without)
}

/// What connecting is called in errors.
pub(super) const CONNECT: &str = "make a client of Kafka";

fn partitions(
    asking: &BaseConsumer<Log>,
    topic: &str,
    timeout: Duration,
) -> Result<Vec<i32>, KafkaError> {
    let metadata = asking.fetch_metadata(Some(topic), timeout)?;
    let found = metadata.topics().iter().find(|one| one.name() == topic);
    let found = found.filter(|one| one.error().is_none());
    Ok(found
        .map(|one| one.partitions().iter().map(MetadataPartition::id).collect())
        .unwrap_or_default())
}

/// Runs what waits where it may.
async fn wait<T: Send + 'static>(
    action: &'static str,
    asks: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(asks).await {
        Ok(answer) => answer.map_err(|error| broken(action, &error)),
        Err(error) => Err(StoreError::because(action, ErrorKind::Unavailable, error)),
    }
}
