//! Messages that were committed with their cause, and the relay that brings them to the broker.
//!
//! Rows are taken, never read behind a cursor: a cursor loses what commits late. Whoever takes rows holds them under a token until a given instant;
//! a relay that was too slow finds its token stale and changes nothing. What was published is kept for a while, because a broker's
//! acknowledgement is not always durable, and can be published once more.
//!
//! A relay that dies between publishing and recording it publishes again: at least once, under the same identity, which the inboxes of the
//! consumers take for the duplicate that it is.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use dovetail_resilience::{Chance, Clock, backoff, later};
use thiserror::Error;
use tokio::task::JoinSet;

use crate::{
    consumer::with_causes,
    failpoint::reach,
    message::{Message, shortened},
    metrics::RelayMetrics,
    store::{Outbox, StoreError},
};

/// Messages that a relay holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Under which token.
    pub token: i64,
    /// Until when.
    pub until: SystemTime,
    /// In the order in which they were committed.
    pub messages: Vec<Waiting>,
}

/// One message of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the outbox.
    pub place: i64,
    /// How many attempts to publish it have failed.
    pub attempts: u32,
    /// The message.
    pub message: Message,
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its place in the outbox.
    pub place: i64,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The broker confirmed it.
    Published,
    /// It could not be published now.
    Failed {
        /// What the broker said.
        error: String,
        /// When to try again.
        retry_at: SystemTime,
    },
    /// The broker will never take it: it becomes a dead letter.
    Rejected {
        /// What the broker said.
        error: String,
        /// Whether later messages of its key wait until somebody has looked at it.
        blocks_key: bool,
    },
    /// It was not tried, because one before it failed.
    Released,
}

/// How much waits to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// How many messages.
    pub count: u64,
    /// When the oldest of them was committed.
    pub oldest_at: Option<SystemTime>,
    /// How many more were rejected by the broker and hold back what follows of their keys, until somebody decides about their dead letters.
    pub blocked: u64,
}

/// The way to a broker.
pub trait Publisher: Send + Sync + 'static {
    /// What metrics call the broker: `messaging.system` of OpenTelemetry where it has a word for it.
    fn system(&self) -> &'static str {
        "dovetail"
    }

    /// Publishes one message, and returns once the broker has confirmed it.
    fn publish(&self, message: &Message) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// A message was not published.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The broker cannot be reached, or cannot take anything now.
    #[error("the broker is unavailable: {0}")]
    Unavailable(String),
    /// The broker will never take this message.
    #[error("the broker rejected the message: {0}")]
    Rejected(String),
}

/// How a relay works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Messages taken at once. 500: enough to fill a connection, and few enough to be published again after a crash.
    pub batch_max: u32,
    /// For how long they are held. 30 s: longer than any confirmation takes.
    pub hold: Duration,
    /// Waits between attempts of one message.
    pub backoff: backoff::Config,
    /// How often to look without being told. 1 s: what other processes commit is seen this late at most.
    pub poll: Duration,
    /// Whether a rejected message holds back those of its key. On by default: their order was promised.
    pub rejected_blocks_key: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            batch_max: 500,
            hold: Duration::from_secs(30),
            backoff: backoff::Config {
                base: Duration::from_millis(200),
                throttled_base: Duration::from_secs(1),
                max: Duration::from_secs(60),
            },
            poll: Duration::from_secs(1),
            rejected_blocks_key: true,
        }
    }
}

/// What one turn of a relay came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turn {
    /// Messages taken.
    pub taken: u32,
    /// Messages that the broker confirmed.
    pub published: u32,
    /// Messages that it did not take now.
    pub failed: u32,
    /// Messages that it will never take.
    pub rejected: u32,
    /// Messages that were held too long: another relay has them.
    pub lost: u32,
}

/// Brings messages from an outbox to a broker. Any number of relays may share one outbox.
#[derive(Debug)]
pub struct Relay<S, P> {
    store: S,
    publisher: Arc<P>,
    config: Config,
    clock: Clock,
    chance: Chance,
    metrics: Arc<RelayMetrics>,
}

impl<S: Outbox, P: Publisher> Relay<S, P> {
    /// A relay from the store to the publisher.
    #[must_use]
    pub fn new(store: S, publisher: P, config: Config, clock: Clock, chance: Chance) -> Self {
        Self {
            store,
            metrics: Arc::new(RelayMetrics::new(publisher.system())),
            publisher: Arc::new(publisher),
            config,
            clock,
            chance,
        }
    }

    /// Publishes until `stop` resolves; what is under way then is finished first.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let idle = match self.turn().await {
                Ok(turn) => turn.published == 0,
                Err(error) => {
                    let said = with_causes(&error);
                    tracing::warn!(error = said, kind = ?error.kind(), "the outbox cannot be read");
                    true
                }
            };
            let rest = async {
                if idle {
                    let until = later(self.clock.now(), self.config.poll);
                    let _ = self.clock.until(until, self.store.changed()).await;
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = rest => {}
            }
        }
    }

    /// Takes one batch, publishes it, and records what became of it: keys side by side, the messages of one key one after the other.
    ///
    /// # Errors
    ///
    /// What was taken is then published again by whoever takes it next.
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        let taken = self
            .store
            .take(self.clock.wall(), self.config.hold, self.config.batch_max)
            .await?;
        let mut turn = Turn {
            taken: u32::try_from(taken.messages.len()).unwrap_or(u32::MAX),
            ..Turn::default()
        };
        if taken.messages.is_empty() {
            return Ok(turn);
        }
        reach("taken");
        let settled = self.publish(taken.messages, taken.until).await;
        reach("marking");
        let sent = u32::try_from(settled.len()).unwrap_or(u32::MAX);
        for one in &settled {
            match one.fate {
                Fate::Published => turn.published += 1,
                Fate::Failed { .. } => turn.failed += 1,
                Fate::Rejected { .. } => turn.rejected += 1,
                Fate::Released => {}
            }
        }
        let held = self
            .store
            .settle(taken.token, settled, self.clock.wall())
            .await?;
        turn.lost = sent.saturating_sub(held);
        Ok(turn)
    }

    async fn publish(&self, messages: Vec<Waiting>, until: SystemTime) -> Vec<Settled> {
        let mut lanes = JoinSet::new();
        for lane in lanes_of(messages) {
            let lane = Lane {
                publisher: Arc::clone(&self.publisher),
                config: self.config.clone(),
                metrics: Arc::clone(&self.metrics),
                clock: self.clock,
                chance: self.chance.clone(),
                until,
            }
            .run(lane);
            lanes.spawn(lane);
        }
        let mut settled = Vec::new();
        while let Some(lane) = lanes.join_next().await {
            match lane {
                Ok(lane) => settled.extend(lane),
                // Its messages stay taken until the hold is over, so that a publisher that panics on one message cannot spin.
                Err(error) => tracing::error!(%error, "a publisher panicked"),
            }
        }
        settled
    }
}

/// Messages of one channel and key together, in their order; each one without a key alone.
fn lanes_of(messages: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut keyed: BTreeMap<(String, String), Vec<Waiting>> = BTreeMap::new();
    let mut lanes = Vec::new();
    for waiting in messages {
        match &waiting.message.key {
            Some(key) => keyed
                .entry((waiting.message.channel.clone(), key.clone()))
                .or_default()
                .push(waiting),
            None => lanes.push(vec![waiting]),
        }
    }
    lanes.extend(keyed.into_values());
    lanes
}

struct Lane<P> {
    publisher: Arc<P>,
    config: Config,
    clock: Clock,
    chance: Chance,
    metrics: Arc<RelayMetrics>,
    until: SystemTime,
}

impl<P: Publisher> Lane<P> {
    async fn run(self, messages: Vec<Waiting>) -> Vec<Settled> {
        let mut is_open = true;
        let mut settled = Vec::with_capacity(messages.len());
        for waiting in messages {
            let fate = if is_open && self.clock.wall() < self.until {
                self.publish(&waiting).await
            } else {
                Fate::Released
            };
            is_open &= match fate {
                Fate::Published => true,
                Fate::Rejected { blocks_key, .. } => !blocks_key,
                Fate::Failed { .. } | Fate::Released => false,
            };
            settled.push(Settled {
                place: waiting.place,
                fate,
            });
        }
        settled
    }

    async fn publish(&self, waiting: &Waiting) -> Fate {
        let started = self.clock.now();
        let fate = self.attempt(waiting).await;
        let time = self.clock.now().saturating_duration_since(started);
        let metrics = self.metrics.channel(&waiting.message.channel);
        metrics.published(&fate, time);
        fate
    }

    async fn attempt(&self, waiting: &Waiting) -> Fate {
        match self.publisher.publish(&waiting.message).await {
            Ok(()) => {
                reach("published");
                Fate::Published
            }
            Err(PublishError::Rejected(error)) => Fate::Rejected {
                error: shortened(&error),
                blocks_key: self.config.rejected_blocks_key,
            },
            Err(PublishError::Unavailable(error)) => {
                let delay = self.config.backoff.delay(
                    waiting.attempts,
                    false,
                    Duration::MAX,
                    self.chance.fraction(),
                );
                let now = self.clock.wall();
                Fate::Failed {
                    error: shortened(&error),
                    retry_at: now.checked_add(delay).unwrap_or(now),
                }
            }
        }
    }
}
