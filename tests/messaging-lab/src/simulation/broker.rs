//! A broker that keeps its promises and no more: at least once, and keys in their order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dovetail_messaging::{
    Message,
    consumer::Delivery,
    outbox::{PublishError, Publisher},
    store::{ErrorKind, StoreError},
    transport::{Channel, Received, Subscription, Transport},
};
use dovetail_resilience::Instant;
use tokio::sync::Notify;

use super::life::{History, Life};
use crate::common::{below, one_in};

/// How long a delivery stays with its receiver.
const VISIBILITY: Duration = Duration::from_secs(4);

#[derive(Debug, Clone)]
struct Entry {
    place: u64,
    message: Message,
    visible_at: Instant,
    token: u64,
    deliveries: u32,
}

#[derive(Debug, Default)]
struct Queues {
    /// One queue for each channel, because each has one group here.
    queues: BTreeMap<String, Vec<Entry>>,
    last: u64,
    /// What was ever published, in its order.
    log: Vec<Message>,
}

/// What outlives all processes.
#[derive(Debug, Clone)]
pub(crate) struct Broker {
    queues: Arc<Mutex<Queues>>,
    changed: Arc<Notify>,
    history: History,
}

impl Broker {
    pub(crate) fn new(history: History, channels: &[&str]) -> Self {
        let queues = channels
            .iter()
            .map(|name| ((*name).to_owned(), Vec::new()))
            .collect();
        let queues = Queues {
            queues,
            ..Queues::default()
        };
        Self {
            queues: Arc::new(Mutex::new(queues)),
            changed: Arc::default(),
            history,
        }
    }

    /// The broker as one process reaches it.
    pub(crate) fn client(&self, life: &Life) -> Client {
        Client {
            broker: self.clone(),
            life: life.clone(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().queues.values().all(Vec::is_empty)
    }

    /// What was ever published to a channel.
    pub(crate) fn log(&self, channel: &str) -> Vec<Message> {
        let queues = self.lock();
        let own = queues.log.iter().filter(|one| one.channel == channel);
        own.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message in. `false`: there is no such channel.
    pub(crate) fn add(&self, message: &Message) -> bool {
        let now = self.history.clock.now();
        let mut queues = self.lock();
        queues.last += 1;
        let entry = Entry {
            place: queues.last,
            message: message.clone(),
            visible_at: now,
            token: 0,
            deliveries: 0,
        };
        let Some(queue) = queues.queues.get_mut(&message.channel) else {
            return false;
        };
        queue.push(entry);
        queues.log.push(message.clone());
        drop(queues);
        self.changed.notify_waiters();
        true
    }

    /// The earliest message of each key, as far as they are visible, in an order of chance.
    fn take(&self, channel: &str, limit: u32) -> Vec<Received<Receipt>> {
        let now = self.history.clock.now();
        let mut queues = self.lock();
        let Some(queue) = queues.queues.get_mut(channel) else {
            return Vec::new();
        };
        let mut heads: BTreeMap<String, u64> = BTreeMap::new();
        for entry in queue.iter() {
            let key = entry.message.key.clone().unwrap_or_default();
            heads.entry(key).or_insert(entry.place);
        }
        let mut heads: Vec<u64> = heads.into_values().collect();
        let mut received = Vec::new();
        while !heads.is_empty() && received.len() < limit as usize {
            let pick = below(&self.history.chance, heads.len() as u64);
            let place = heads.remove(usize::try_from(pick).unwrap_or(0));
            let Some(entry) = queue
                .iter_mut()
                .find(|entry| entry.place == place && entry.visible_at <= now)
            else {
                continue;
            };
            entry.token += 1;
            entry.deliveries += 1;
            entry.visible_at = now + VISIBILITY;
            received.push(Received {
                delivery: Delivery::from(entry.message.clone()),
                receipt: Receipt {
                    channel: channel.to_owned(),
                    place,
                    token: entry.token,
                },
                deliveries: entry.deliveries,
            });
        }
        received
    }

    /// Does something with an entry that still has this receipt.
    fn settle(&self, receipt: &Receipt, visible_at: Option<Instant>) -> bool {
        let mut queues = self.lock();
        let Some(queue) = queues.queues.get_mut(&receipt.channel) else {
            return false;
        };
        let own = |entry: &Entry| entry.place == receipt.place && entry.token == receipt.token;
        let Some(index) = queue.iter().position(own) else {
            return false;
        };
        match (visible_at, queue.get_mut(index)) {
            (Some(at), Some(entry)) => entry.visible_at = at,
            _ => drop(queue.remove(index)),
        }
        drop(queues);
        self.changed.notify_waiters();
        true
    }
}

/// What a delivery is acknowledged by.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    channel: String,
    place: u64,
    token: u64,
}

/// The broker as one process reaches it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    broker: Broker,
    life: Life,
}

fn down() -> StoreError {
    StoreError::new("reach the broker", ErrorKind::Unavailable)
}

impl Publisher for Client {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let what = format!(
            "publish {} to {}",
            message.id.as_deref().unwrap_or_default(),
            message.channel
        );
        self.life.step(&what).await;
        let down = || PublishError::Unavailable("it went away".to_owned());
        if self.life.fails("publish, not done") {
            return Err(down());
        }
        if !self.broker.add(message) {
            return Err(PublishError::Rejected("no such channel".to_owned()));
        }
        self.life.step("published").await;
        if self.life.fails("publish, done and not told") {
            return Err(down());
        }
        Ok(())
    }
}

impl Transport for Client {
    type Receipt = Receipt;

    async fn declare(&self, _: &Channel) -> Result<(), StoreError> {
        Ok(())
    }

    async fn subscribe(&self, _: &Subscription) -> Result<(), StoreError> {
        Ok(())
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let clock = self.life.history.clock;
        let end = clock.now() + wait;
        self.life
            .step(&format!("receive from {}", subscription.channel))
            .await;
        if self.life.fails("receive") {
            return Err(down());
        }
        loop {
            let changed = self.broker.changed.notified();
            let received = self.broker.take(&subscription.channel, limit);
            if !received.is_empty() {
                let ids = received
                    .iter()
                    .map(|one| one.delivery.message.id.as_deref());
                let ids: Vec<&str> = ids.map(Option::unwrap_or_default).collect();
                self.life
                    .step(&format!("received {}", ids.join(", ")))
                    .await;
                return Ok(received);
            }
            // Entries become visible without a word; so look again at times.
            let next = end.min(clock.now() + Duration::from_millis(200));
            let _ = clock.until(next, changed).await;
            if clock.now() >= end {
                return Ok(Vec::new());
            }
        }
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        self.life.step("acknowledge").await;
        if self.life.fails("acknowledge, not done") {
            return Err(down());
        }
        let again = self.message_of(receipt);
        let is_done = self.broker.settle(receipt, None);
        if let Some(message) = again
            && one_in(&self.broker.history.chance, 12)
        {
            // Somebody upstream sent it twice.
            self.broker.add(&message);
        }
        self.life.step("acknowledged").await;
        Ok(is_done)
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        self.life.step("give back").await;
        if self.life.fails("give back") {
            return Err(down());
        }
        let at = self.life.history.clock.now() + after;
        Ok(self.broker.settle(receipt, Some(at)))
    }
}

impl Client {
    fn message_of(&self, receipt: &Receipt) -> Option<Message> {
        let queues = self.broker.lock();
        let queue = queues.queues.get(&receipt.channel)?;
        let entry = queue
            .iter()
            .find(|entry| entry.place == receipt.place && entry.token == receipt.token)?;
        Some(entry.message.clone())
    }
}
