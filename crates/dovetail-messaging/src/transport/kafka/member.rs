//! One member of a group: a thread that reads its partitions, whether anybody receives or not.
//!
//! Kafka takes its partitions from a member that does not poll. So polling is nobody's task but this thread's, which also commits and answers when
//! partitions come and go; receivers only look into the [`Windows`].

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use dovetail_resilience::{Clock, Instant};
use rdkafka::{
    ClientContext, Message as _, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::BorrowedMessage,
    topic_partition_list::TopicPartitionListElem,
};
use tokio::sync::{Notify, watch};

use super::{
    admin::CONNECT,
    client::{Lanes, Options, broken, log, said},
    record,
    window::{Bounds, Read, Windows},
};
use crate::{
    consumer::Delivery,
    inbox::Position,
    store::{ErrorKind, StoreError},
};

/// How long a poll waits, and so how late something else is noticed.
const POLL: Duration = Duration::from_millis(100);
/// The same, while a partition waits to be read on.
const POLL_FULL: Duration = Duration::from_millis(10);
/// How long to wait before a client that broke is made again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the thread and the receivers share.
#[derive(Debug)]
pub(super) struct Member {
    topic: String,
    lanes: Lanes,
    clock: Clock,
    windows: Mutex<Windows<Delivery>>,
    pub(super) changed: Notify,
    is_closing: AtomicBool,
    closed: watch::Sender<bool>,
    /// What keeps it from reading, for the next receiver to say.
    fault: Mutex<Option<String>>,
}

type Client = BaseConsumer<Context>;

impl Member {
    /// Joins a group to read a topic.
    pub(super) fn join(
        options: &Options,
        topic: &str,
        group: &str,
        clock: Clock,
    ) -> Result<Arc<Self>, StoreError> {
        let member = Arc::new(Self {
            topic: topic.to_owned(),
            lanes: options.lanes,
            clock,
            windows: Mutex::new(Windows::new(Bounds {
                length_max: options.window_length_max.max(1),
                bytes_max: options.window_bytes_max.max(1),
            })),
            changed: Notify::new(),
            is_closing: AtomicBool::new(false),
            closed: watch::channel(false).0,
            fault: Mutex::default(),
        });
        let (options, group) = (options.clone(), group.to_owned());
        let client = connect(&member, &options, &group)?;
        let own = Arc::clone(&member);
        thread::Builder::new()
            .name("dovetail-kafka".to_owned())
            .spawn(move || {
                let read = || own.read_until_closed(client, &options, &group);
                if catch_unwind(AssertUnwindSafe(read)).is_err() {
                    // The next receiver joins anew.
                    let text = "the thread of a member of a group panicked";
                    tracing::error!(topic = %own.topic, "{text}");
                    own.revoke_all();
                    *own.fault_slot() = Some(text.to_owned());
                }
                own.closed.send_replace(true);
                own.changed.notify_waiters();
            })
            .map_err(|error| StoreError::because(CONNECT, ErrorKind::Unavailable, error))?;
        Ok(member)
    }

    pub(super) fn windows(&self) -> MutexGuard<'_, Windows<Delivery>> {
        // A panic elsewhere leaves no window half-changed that would matter more than going on.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps it from reading, said once.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault_slot().take()
    }

    fn fault_slot(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the thread to leave the group.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
    }

    /// Whether nothing will ever be read by it again.
    pub(super) fn is_over(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits until the thread has left the group.
    pub(super) async fn closed(&self) {
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    fn read_until_closed(self: &Arc<Self>, first: Client, options: &Options, group: &str) {
        let mut client = Some(first);
        while !self.is_closing() {
            match client.take() {
                Some(client) => self.read(&client, options.commit_every),
                None => match connect(self, options, group) {
                    Ok(again) => client = Some(again),
                    Err(error) => {
                        tracing::error!(%error, "a member of a group cannot be made again");
                    }
                },
            }
            // Whatever a lost client held is read again.
            self.revoke_all();
            if !self.is_closing() && client.is_none() {
                thread::sleep(AGAIN);
            }
        }
    }

    /// Reads until it is to close, or the client is broken for good.
    fn read(&self, client: &Client, commit_every: Duration) {
        let mut commit_at = self.clock.now() + commit_every;
        while !self.is_closing() {
            let is_full = self.windows().has_paused();
            match client.poll(if is_full { POLL_FULL } else { POLL }) {
                Some(Ok(record)) => self.admit(&record),
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    tracing::error!(%code, topic = %self.topic, "a member of a group is broken, and made again");
                    return;
                }
                Some(Err(error)) => self.note(&error),
                None => {}
            }
            self.turn(client);
            let now = self.clock.now();
            if now >= commit_at {
                commit_at = now + commit_every;
                let places = self.windows().tell();
                self.send(client, &places);
            }
        }
        // The client leaves its group once this is answered.
        let places = self.windows().tell();
        self.send(client, &places);
    }

    fn admit(&self, record: &BorrowedMessage<'_>) {
        let (partition, offset) = (record.partition(), record.offset());
        let (mut delivery, key, length) = record::read(&self.topic, record);
        let lane = match self.lanes {
            Lanes::Key => key,
            Lanes::Partition => Some(Vec::new()),
        };
        let bytes = length + OVERHEAD;
        let mut windows = self.windows();
        let Some(expected) = windows.begin(partition, offset) else {
            return;
        };
        delivery.position = Some(Position {
            topic: self.topic.clone(),
            partition: partition.unsigned_abs(),
            offset: offset.unsigned_abs(),
            expected: expected.unsigned_abs(),
            // Where a reader has read nothing yet, all before its first message is a gap.
            began: 0,
        });
        let read = Read {
            message: delivery,
            bytes,
            lane,
        };
        windows.put(partition, offset, read);
        drop(windows);
        self.fault_slot().take();
        self.changed.notify_waiters();
    }

    /// Stops reading partitions that are full, and goes on with those that are not any more.
    fn turn(&self, client: &Client) {
        let (resumed, paused) = self.windows().turns();
        self.resume(client, resumed);
        if !paused.is_empty()
            && let Err(error) = client.pause(&self.list(paused))
        {
            self.note(&error);
        }
    }

    fn resume(&self, client: &Client, partitions: Vec<i32>) {
        if !partitions.is_empty()
            && let Err(error) = client.resume(&self.list(partitions))
        {
            self.note(&error);
        }
    }

    fn list(&self, partitions: Vec<i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, partition);
        }
        list
    }

    /// Commits. The answer comes while the client is polled; it gives back no partition and leaves no group before that.
    fn send(&self, client: &Client, places: &[(i32, i64)]) {
        if places.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::new();
        for (partition, offset) in places {
            let offset = Offset::Offset(*offset);
            if let Err(error) = list.add_partition_offset(&self.topic, *partition, offset) {
                self.note(&error);
            }
        }
        if let Err(error) = client.commit(&list, CommitMode::Async) {
            self.not_committed(&error, &list);
        }
    }

    fn not_committed(&self, error: &KafkaError, list: &TopicPartitionList) {
        tracing::debug!(error = %said(error), topic = %self.topic, "what is finished was not committed, and is later");
        let mut windows = self.windows();
        for element in list.elements() {
            windows.untell(element.partition());
        }
    }

    fn revoke_all(&self) {
        let mut windows = self.windows();
        let partitions: Vec<i32> = windows.partitions().collect();
        for partition in partitions {
            windows.revoke(partition);
        }
    }

    fn note(&self, error: &KafkaError) {
        let text = said(error);
        tracing::debug!(error = %text, topic = %self.topic, "a member of a group met an error");
        let stops = matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::AllBrokersDown
                    | RDKafkaErrorCode::Authentication
                    | RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::UnknownTopic
                    | RDKafkaErrorCode::UnknownTopicOrPartition
            )
        );
        if stops {
            *self.fault_slot() = Some(text);
            self.changed.notify_waiters();
        }
    }
}

/// What a message weighs beyond its bytes.
const OVERHEAD: usize = 512;

fn connect(member: &Arc<Member>, options: &Options, group: &str) -> Result<Client, StoreError> {
    let context = Context(Arc::clone(member));
    let client: Client = options
        .member(group)
        .create_with_context(context)
        .map_err(|error| broken(CONNECT, &error))?;
    client
        .subscribe(&[&member.topic])
        .map_err(|error| broken("subscribe to a topic", &error))?;
    Ok(client)
}

/// What librdkafka calls, on the thread that polls, except for logs and errors.
struct Context(Arc<Member>);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log(level, facility, text);
    }

    fn error(&self, error: KafkaError, _: &str) {
        self.0.note(&error);
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let member = &self.0;
        match rebalance {
            Rebalance::Assign(partitions) => {
                let partitions = partitions.elements();
                let partitions = partitions.iter().map(TopicPartitionListElem::partition);
                let partitions: Vec<i32> = partitions.collect();
                let mut windows = member.windows();
                for partition in &partitions {
                    windows.assign(*partition);
                }
                drop(windows);
                // The client knows one that was full when it went away as one that is not to be read.
                member.resume(client, partitions);
            }
            Rebalance::Revoke(partitions) => {
                let mut places = Vec::new();
                let mut windows = member.windows();
                for element in partitions.elements() {
                    let partition = element.partition();
                    places.extend(windows.revoke(partition).map(|offset| (partition, offset)));
                }
                drop(windows);
                // Of what was lost somebody else may have committed more by now.
                if !client.assignment_lost() {
                    member.send(client, &places);
                }
            }
            Rebalance::Error(error) => member.note(error),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        if let Err(error) = result {
            self.0.not_committed(&error, offsets);
        }
    }
}

/// The instant after which a delivery of now is over.
pub(super) fn over(now: Instant, after: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    now + after.min(FAR)
}
