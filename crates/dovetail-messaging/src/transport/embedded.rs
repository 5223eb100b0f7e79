//! A broker in the file of the embedded store, for systems that start with nothing to install.
//!
//! A topic gives each of its groups every message published after the group subscribed; a queue keeps its messages until its one group takes them.
//! What is received is invisible to the rest of its group for a while, and comes again unless it is acknowledged in that time.
//!
//! - **Other processes.** Whoever waits is woken by its own process, and looks ten times a second for what others have written to the file.
//! - **Retention.** A message that is older than its channel keeps it is dropped when a group meets it, or when a later one is published. The
//!   longest time that anybody has declared holds, because others declare the channel too.
//! - **Unreadable.** A row that cannot be read as a message arrives with a problem, and ends as a dead letter rather than in front of its group.
//!
//! Partitions of a channel are not used.

mod rows;

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use dovetail_resilience::Clock;
use tokio::sync::Notify;

use super::{Channel, Received, Subscription, Transport};
use crate::{
    message::Message,
    outbox::{PublishError, Publisher},
    store::{StoreError, sqlite::Sqlite},
};

/// The embedded broker. Clones share its file.
#[derive(Debug, Clone)]
pub struct Embedded {
    store: Sqlite,
    clock: Clock,
    visibility: Duration,
    changed: Arc<Notify>,
}

/// What a delivery of the embedded broker is acknowledged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    channel: String,
    group: String,
    place: i64,
    token: i64,
}

/// How often to look at a file that other processes write, too.
const LOOK: Duration = Duration::from_millis(100);

/// No message is invisible for longer.
const INVISIBLE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Embedded {
    /// A broker in the file of the store, whose deliveries stay invisible for `visibility`: longer than a handler may take.
    #[must_use]
    pub fn new(store: Sqlite, visibility: Duration, clock: Clock) -> Self {
        Self {
            store,
            clock,
            visibility,
            changed: Arc::default(),
        }
    }

    /// How many messages a group has yet to acknowledge.
    ///
    /// # Errors
    ///
    /// Where the store cannot say.
    pub async fn backlog(&self, subscription: &Subscription) -> Result<u64, StoreError> {
        let Subscription { channel, group } = subscription.clone();
        self.store
            .transact(move |connection| {
                let group = rows::group_of(connection, &channel, group)?;
                let count: i64 = connection
                    .prepare_cached(
                        "SELECT count(*) FROM dovetail_delivery WHERE channel = ?1 AND name = ?2",
                    )?
                    .query_row([channel, group], |row| row.get(0))?;
                Ok(count.unsigned_abs())
            })
            .await
    }

    /// What there is now. `true`: there may be more behind what was too old.
    async fn take(
        &self,
        subscription: &Subscription,
        limit: u32,
    ) -> Result<(Vec<Received<Receipt>>, bool), StoreError> {
        let Subscription { channel, group } = subscription.clone();
        let now = self.clock.wall();
        let visible_at = later(now, self.visibility);
        self.store
            .transact(move |connection| {
                let group = rows::group_of(connection, &channel, group)?;
                rows::take(connection, (channel, group), now, visible_at, limit)
            })
            .await
    }
}

impl Publisher for Embedded {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let (message, now) = (message.clone(), self.clock.wall());
        let published = self
            .store
            .transact(move |connection| rows::publish(connection, &message, now))
            .await;
        match published {
            Ok(true) => {
                self.changed.notify_waiters();
                Ok(())
            }
            Ok(false) => Err(PublishError::Rejected(
                "there is no such channel".to_owned(),
            )),
            Err(error) => Err(PublishError::Unavailable(error.to_string())),
        }
    }
}

impl Transport for Embedded {
    type Receipt = Receipt;

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        let channel = channel.clone();
        self.store
            .transact(move |connection| rows::declare(connection, &channel))
            .await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let Subscription { channel, group } = subscription.clone();
        self.store
            .transact(move |connection| {
                if rows::is_queue(connection, &channel)? {
                    return Ok(());
                }
                rows::subscribe(connection, &channel, &group)
            })
            .await
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let now = self.clock.now();
        let end = now.checked_add(wait).unwrap_or(now);
        loop {
            // Listening begins before looking: what is published between the two is heard.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            // The last look is after the end: what became visible in the meantime is there.
            let now = self.clock.now();
            let (received, has_more) = self.take(subscription, limit).await?;
            if !received.is_empty() || (now >= end && !has_more) {
                return Ok(received);
            }
            if !has_more {
                let next = now.checked_add(LOOK).map_or(end, |next| next.min(end));
                let _ = self.clock.until(next, changed).await;
            }
        }
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        let (own, now) = (receipt.clone(), self.clock.wall());
        let is_done = self
            .store
            .transact(move |connection| rows::acknowledge(connection, &own, now))
            .await?;
        // The next message of its key may be received now.
        self.changed.notify_waiters();
        Ok(is_done)
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        let (own, now) = (receipt.clone(), self.clock.wall());
        let visible_at = later(now, after);
        let is_own = self
            .store
            .transact(move |connection| rows::give_back(connection, &own, now, visible_at))
            .await?;
        if after.is_zero() {
            self.changed.notify_waiters();
        }
        Ok(is_own)
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Option<u64>, StoreError> {
        Self::backlog(self, subscription).await.map(Some)
    }
}

fn later(now: SystemTime, time: Duration) -> SystemTime {
    now.checked_add(time.min(INVISIBLE_MAX)).unwrap_or(now)
}
