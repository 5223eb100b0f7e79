//! Topics and the places of groups. What librdkafka only does while the caller waits runs on a thread that may wait.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

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
    transport::{Channel, Kind},
};

/// How often to look whether a topic that was created is there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// No more of what a client has to say is heard at once.
const SAID_MAX: u32 = 1_000;

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

    /// The partitions of a topic, if there is such a topic.
    pub(super) async fn partitions(&self, topic: &str) -> Result<Option<Vec<i32>>, StoreError> {
        const ACTION: &str = "ask Kafka about a topic";
        let (asking, topic) = (Arc::clone(&self.asking), topic.to_owned());
        let timeout = self.options.ask_timeout;
        wait(ACTION, move || partitions(&asking, &topic, timeout)).await
    }

    /// Creates a topic unless it is there, and returns its partitions.
    pub(super) async fn create(&self, channel: &Channel) -> Result<Vec<i32>, StoreError> {
        if let Some(is_there) = self.partitions(&channel.name).await? {
            let wanted = channel.partitions.unwrap_or(0) as usize;
            if wanted > is_there.len() {
                // More partitions would move keys from one to another, and with them their order: not without somebody who knows.
                tracing::warn!(channel = %channel.name, has = is_there.len(), wanted, "a topic has fewer partitions than declared");
            }
            return Ok(is_there);
        }
        self.create_topic(channel).await?;
        let end = self.clock.now() + self.options.ask_timeout;
        loop {
            // Its partitions may have no leader yet, which is said as an error.
            let seen = self.partitions(&channel.name).await;
            if let Ok(Some(partitions)) = seen {
                return Ok(partitions);
            }
            if self.clock.now() >= end {
                let action = "see the topic that it created";
                return Err(seen
                    .err()
                    .unwrap_or_else(|| StoreError::new(action, ErrorKind::Unavailable)));
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
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

    /// Whether a topic with these partitions was declared as of this kind: whether the group that stands for that has a place in it.
    pub(super) async fn is_declared(
        &self,
        topic: &str,
        kind: Kind,
        partitions: &[i32],
    ) -> Result<bool, StoreError> {
        const ACTION: &str = "ask Kafka about a group";
        let config = self.options.member(&mark(topic, kind));
        let (topic, partitions) = (topic.to_owned(), partitions.to_vec());
        let timeout = self.options.ask_timeout;
        wait(ACTION, move || {
            let member: BaseConsumer<Log> = config.create_with_context(Log)?;
            let places = places(&member, &topic, &partitions, timeout)?;
            Ok(places.iter().any(|(_, place)| place.is_some()))
        })
        .await
    }

    /// Notes that a topic was declared as one, for processes that declare it as a queue. Each declaration renews the note, because Kafka forgets
    /// groups that nobody is a member of.
    pub(super) async fn note_topic(
        &self,
        topic: &str,
        partitions: &[i32],
    ) -> Result<(), StoreError> {
        const ACTION: &str = "note what a topic was declared as";
        let config = self.options.member(&mark(topic, Kind::Topic));
        let (topic, first) = (topic.to_owned(), partitions.first().copied());
        wait(ACTION, move || {
            let member: BaseConsumer<Log> = config.create_with_context(Log)?;
            let mut places = TopicPartitionList::new();
            if let Some(first) = first {
                places.add_partition_offset(&topic, first, Offset::Offset(NEVER_BEHIND))?;
            }
            match member.commit(&places, CommitMode::Sync) {
                // Where groups are allowed one by one, a note is not worth a consumer that does not start.
                Err(error) if is_forbidden(&error) => {
                    tracing::warn!(%topic, "this client may not note that the channel is a topic: who declares it as a queue is not refused");
                    Ok(())
                }
                noted => noted,
            }
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
        let (group, timeout) = (group.to_owned(), self.options.ask_timeout);
        wait(ACTION, move || {
            let found = partitions(&asking, &topic, timeout)?.unwrap_or_default();
            let member: BaseConsumer<Log> = config.create_with_context(Log)?;
            // The ends first: whoever gives the group its place meanwhile, and whatever is published after that, no end is past it.
            let mut bounds = BTreeMap::new();
            for partition in &found {
                let (start, end) = asking.fetch_watermarks(&topic, *partition, timeout)?;
                bounds.insert(*partition, (start, end));
            }
            let stands = places(&member, &topic, &found, timeout)?;
            // Partitions that came after the group did have nothing from before it.
            let place = if stands.iter().any(|(_, stands)| stands.is_some()) {
                Place::Start
            } else {
                place
            };
            let mut places = TopicPartitionList::new();
            for (partition, stands) in stands {
                if let (None, Some((start, end))) = (stands, bounds.get(&partition)) {
                    let offset = match place {
                        Place::Start => start,
                        Place::End => end,
                    };
                    places.add_partition_offset(&topic, partition, Offset::Offset(*offset))?;
                }
            }
            if places.count() == 0 {
                return Ok(());
            }
            if place == Place::End {
                // Also where Kafka has forgotten it: whoever looks for what is missing finds when.
                tracing::info!(%topic, group, "a group that has no place begins with what is published from now on");
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

    /// How many messages of a topic a group has not committed.
    pub(super) async fn backlog(&self, topic: &str, group: &str) -> Result<u64, StoreError> {
        const ACTION: &str = "ask Kafka how much waits for a group";
        let config = self.options.member(group);
        let (asking, topic) = (Arc::clone(&self.asking), topic.to_owned());
        let timeout = self.options.ask_timeout;
        wait(ACTION, move || {
            let found = partitions(&asking, &topic, timeout)?.unwrap_or_default();
            let member: BaseConsumer<Log> = config.create_with_context(Log)?;
            let mut backlog = 0_u64;
            for (partition, place) in places(&member, &topic, &found, timeout)? {
                let (start, end) = asking.fetch_watermarks(&topic, partition, timeout)?;
                // What was deleted from the log waits for nobody.
                let place = place.unwrap_or(start).max(start);
                backlog += end.saturating_sub(place).max(0).unsigned_abs();
            }
            Ok(backlog)
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

/// A place after all that will ever be written, so that nobody who watches groups takes one without members for one that is behind.
const NEVER_BEHIND: i64 = i64::MAX / 2;

/// The group that stands for the kind of a topic: that it has a place in it is how everybody knows the kind. A queue is read by it.
pub(super) fn mark(topic: &str, kind: Kind) -> String {
    match kind {
        Kind::Queue => format!("{topic}.queue"),
        Kind::Topic => format!("{topic}.topic"),
    }
}

fn is_forbidden(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
}

/// Where a group stands in each partition, if it has a place there.
fn places(
    member: &BaseConsumer<Log>,
    topic: &str,
    partitions: &[i32],
    timeout: Duration,
) -> Result<Vec<(i32, Option<i64>)>, KafkaError> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, *partition);
    }
    let mut places = Vec::new();
    for place in member.committed_offsets(asked, timeout)?.elements() {
        place.error()?;
        let offset = match place.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        places.push((place.partition(), offset));
    }
    Ok(places)
}

/// What connecting is called in errors.
pub(super) const CONNECT: &str = "make a client of Kafka";

/// The partitions of a topic, if the brokers do not say that there is none. Whatever else they say passes.
fn partitions(
    asking: &BaseConsumer<Log>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<Vec<i32>>, KafkaError> {
    // What the client has to say meanwhile, so that it does not pile up.
    for _ in 0..SAID_MAX {
        if asking.poll(Duration::ZERO).is_none() {
            break;
        }
    }
    let metadata = asking.fetch_metadata(Some(topic), timeout)?;
    let found = metadata.topics().iter().find(|one| one.name() == topic);
    let passing = |code| Err(KafkaError::MetadataFetch(code));
    let Some(found) = found else {
        return passing(RDKafkaErrorCode::LeaderNotAvailable);
    };
    match found.error().map(RDKafkaErrorCode::from) {
        Some(
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::InvalidTopic,
        ) => Ok(None),
        Some(code) => passing(code),
        None if found.partitions().is_empty() => passing(RDKafkaErrorCode::LeaderNotAvailable),
        None => {
            let partitions = found.partitions().iter();
            Ok(Some(partitions.map(MetadataPartition::id).collect()))
        }
    }
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
