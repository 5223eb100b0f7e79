//! The consumer whose effect is in the database of its inbox: one transaction for each message.

use std::time::SystemTime;

use dovetail_resilience::{Chance, Clock};

use super::{
    Config, Dedupe, Delivery, Done, Handler, Order, Rejection, RetryCause, Settlement,
    attempt::{Failed, attempt},
    rules::{Rules, with_causes},
};
use crate::{
    dead_letter::Reason,
    inbox::{Claim, Claimed, Fingerprint, Key, Position},
    message::{Message, shortened},
    store::{ErrorKind, Failure, Parking, Store, StoreError, Transaction},
};

/// Handles each message once: its effect, its row of the inbox and what it publishes are one transaction.
#[derive(Debug)]
pub struct Consumer<S, H> {
    store: S,
    handler: H,
    rules: Rules,
}

/// What one pass over parked messages came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Messages that were handled.
    pub handled: u32,
    /// Messages that became dead letters.
    pub dead: u32,
    /// Keys that wait for another attempt.
    pub waiting: u32,
}

/// What came of the first message of a parked key.
enum Head {
    Handled,
    Dead(u32),
    Waits,
}

impl<S: Store, H: Handler<S::Transaction>> Consumer<S, H> {
    /// A consumer of that name: `service/contract/handler`, the same for all its instances.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        store: S,
        handler: H,
        config: Config,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        Self {
            store,
            handler,
            rules: Rules::new(name.into(), config, clock, chance),
        }
    }

    /// The handler.
    #[must_use]
    pub const fn handler(&self) -> &H {
        &self.handler
    }

    /// Takes a delivery to its end, and says what the transport is to do with it. Any number of deliveries may be under way.
    pub async fn process(&self, delivery: impl Into<Delivery>) -> Settlement {
        let delivery = delivery.into();
        match self.rules.admit(&self.handler, &delivery.message) {
            Ok((key, event)) => self.claim(key, event, delivery).await,
            Err(rejection) => self.reject(delivery, rejection).await,
        }
    }

    async fn claim(&self, key: Key, event: H::Event, delivery: Delivery) -> Settlement {
        let claim = self.claim_of(key, &delivery);
        match self.store.begin(claim, self.rules.now()).await {
            Err(error) => self.rules.store_failed(&error),
            Ok(Claimed::Duplicate) => Settlement::Ack(Done::Duplicate),
            Ok(Claimed::NotNext) => self.rules.retry(1, RetryCause::NotNext),
            Ok(Claimed::IdReuse) => self.reject(delivery, id_reuse()).await,
            Ok(Claimed::Behind(transaction)) => {
                let parking = self.parking(delivery.message, None, "");
                self.park(transaction, parking).await
            }
            Ok(Claimed::Fresh {
                transaction,
                attempts,
            }) => self.handle(transaction, attempts, event, delivery).await,
        }
    }

    fn claim_of(&self, key: Key, delivery: &Delivery) -> Claim {
        let config = &self.rules.config;
        let position = delivery
            .position
            .clone()
            .filter(|_| config.dedupe != Dedupe::Id);
        Claim {
            key,
            fingerprint: Fingerprint::of(&delivery.message.body),
            // Without a position there is nothing else to tell duplicates by.
            by_id: config.dedupe != Dedupe::Offset || position.is_none(),
            position,
            order_key: config.order.and(delivery.message.key.clone()),
        }
    }

    async fn handle(
        &self,
        mut transaction: S::Transaction,
        attempts: u32,
        event: H::Event,
        delivery: Delivery,
    ) -> Settlement {
        match self
            .attempt(&mut transaction, event, &delivery.message)
            .await
        {
            Ok(()) => match transaction.commit().await {
                Ok(()) => {
                    self.rules.worked();
                    Settlement::Ack(Done::Handled)
                }
                Err(error) if error.kind() == ErrorKind::Refused => {
                    self.count(delivery, refused(&error)).await
                }
                Err(error) => self.rules.store_failed(&error),
            },
            Err(Failed::Message(_, error))
                if self.is_ordered(&delivery.message) && !self.rules.is_exhausted(attempts + 1) =>
            {
                let retry_at = self.rules.now() + self.rules.backoff(attempts + 1);
                let parking = self.parking(delivery.message, Some(retry_at), &error);
                self.park(transaction, parking).await
            }
            Err(failed) => {
                transaction.rollback().await;
                self.count(delivery, failed).await
            }
        }
    }

    async fn attempt(
        &self,
        transaction: &mut S::Transaction,
        event: H::Event,
        message: &Message,
    ) -> Result<(), Failed> {
        // In a block of its own, so that a panic before the first await is caught, too.
        let handler = async { self.handler.handle(transaction, event, message).await };
        attempt(&self.rules.clock, self.rules.config.deadline, handler).await
    }

    /// What follows an attempt that was rolled back.
    async fn count(&self, delivery: Delivery, failed: Failed) -> Settlement {
        let (reason, error) = match failed {
            Failed::Infrastructure(error) => return self.rules.pause(&error),
            Failed::Message(reason, error) => (reason, error),
            Failed::Fatal(error) => (Reason::Handler, error),
        };
        match self.count_attempt(&delivery.message, &error).await {
            Err(error) => self.rules.store_failed(&error),
            Ok(attempts) if reason == Reason::Handler || self.rules.is_exhausted(attempts) => {
                let rejection = Rejection {
                    reason,
                    detail: error,
                };
                self.reject(delivery, rejection).await
            }
            Ok(attempts) => self.rules.retry(attempts, RetryCause::Failed),
        }
    }

    async fn count_attempt(&self, message: &Message, error: &str) -> Result<u32, StoreError> {
        let Some(key) = Key::of(&self.rules.consumer, message) else {
            return Ok(u32::MAX);
        };
        self.store
            .fail(Failure {
                key,
                error: shortened(error),
                at: self.rules.now(),
            })
            .await
    }

    async fn reject(&self, delivery: Delivery, rejection: Rejection) -> Settlement {
        let position: Option<Position> = delivery
            .position
            .filter(|_| self.rules.config.dedupe != Dedupe::Id);
        let reason = rejection.reason;
        let burial = self
            .rules
            .burial(delivery.message, reason, &rejection.detail);
        match self.store.bury(burial, position).await {
            Ok(true) => Settlement::Ack(Done::Dead(reason)),
            Ok(false) => self.rules.retry(1, RetryCause::NotNext),
            Err(error) => self.rules.store_failed(&error),
        }
    }

    /// Whether messages of one key keep their order while one of them fails.
    #[must_use]
    pub const fn keeps_order(&self) -> bool {
        self.rules.config.order.is_some()
    }

    fn is_ordered(&self, message: &Message) -> bool {
        self.rules.config.order.is_some() && message.key.is_some()
    }

    fn parking(&self, message: Message, retry_at: Option<SystemTime>, error: &str) -> Parking {
        let order = self.rules.config.order.unwrap_or(Order {
            keys_max: 0,
            length_max: 0,
        });
        Parking {
            message,
            retry_at,
            error: shortened(error),
            keys_max: order.keys_max,
            length_max: order.length_max,
            at: self.rules.now(),
        }
    }

    async fn park(&self, transaction: S::Transaction, parking: Parking) -> Settlement {
        match transaction.park(parking).await {
            Ok(true) => Settlement::Ack(Done::Parked),
            Ok(false) => self.rules.pause("too many messages are parked"),
            Err(error) => self.rules.store_failed(&error),
        }
    }
}

/// Parked messages.
impl<S: Store, H: Handler<S::Transaction>> Consumer<S, H> {
    /// Tries the first messages of parked keys whose time has come, `limit` keys at most. To be called again at once while something was
    /// handled: the next message of a key is due then.
    ///
    /// # Errors
    ///
    /// Where the store, or something else that all messages need, is down; what was done until then stays done.
    pub async fn drain(&self, limit: u32) -> Result<Drained, StoreError> {
        let now = self.rules.now();
        let mut drained = Drained::default();
        for message in self.store.due(&self.rules.consumer, now, limit).await? {
            match self.drain_one(message).await? {
                Head::Handled => drained.handled += 1,
                Head::Dead(count) => drained.dead += count,
                Head::Waits => drained.waiting += 1,
            }
        }
        Ok(drained)
    }

    async fn drain_one(&self, message: Message) -> Result<Head, StoreError> {
        let (key, event) = match self.rules.admit(&self.handler, &message) {
            Ok(admitted) => admitted,
            Err(rejection) => return self.bury_parked(message, rejection).await,
        };
        let delivery = Delivery::from(message);
        let claim = Claim {
            by_id: true,
            ..self.claim_of(key, &delivery)
        };
        let message = delivery.message;
        let mut transaction = match self.store.begin_parked(claim, self.rules.now()).await? {
            Claimed::Fresh { transaction, .. } => transaction,
            Claimed::IdReuse => return self.bury_parked(message, id_reuse()).await,
            Claimed::Behind(_) | Claimed::Duplicate | Claimed::NotNext => return Ok(Head::Waits),
        };
        let failed = match self.attempt(&mut transaction, event, &message).await {
            Ok(()) => match transaction.commit().await {
                Ok(()) => {
                    self.rules.worked();
                    return Ok(Head::Handled);
                }
                Err(error) if error.kind() == ErrorKind::Refused => refused(&error),
                Err(error) => return Err(error),
            },
            Err(failed) => {
                transaction.rollback().await;
                failed
            }
        };
        self.count_parked(message, failed).await
    }

    async fn count_parked(&self, message: Message, failed: Failed) -> Result<Head, StoreError> {
        let (reason, error) = match failed {
            Failed::Infrastructure(error) => {
                return Err(StoreError::because(
                    "handle a parked message",
                    ErrorKind::Unavailable,
                    error,
                ));
            }
            Failed::Message(reason, error) => (reason, error),
            Failed::Fatal(error) => (Reason::Handler, error),
        };
        let attempts = self.count_attempt(&message, &error).await?;
        if reason == Reason::Handler || self.rules.is_exhausted(attempts) {
            let rejection = Rejection {
                reason,
                detail: error,
            };
            return self.bury_parked(message, rejection).await;
        }
        let retry_at = self.rules.now() + self.rules.backoff(attempts);
        let key = message.key.as_deref().unwrap_or_default();
        self.store.rest(&self.rules.consumer, key, retry_at).await?;
        Ok(Head::Waits)
    }

    async fn bury_parked(
        &self,
        message: Message,
        rejection: Rejection,
    ) -> Result<Head, StoreError> {
        let burial = self
            .rules
            .burial(message, rejection.reason, &rejection.detail);
        self.store.bury_parked(burial).await.map(Head::Dead)
    }
}

fn id_reuse() -> Rejection {
    Rejection {
        reason: Reason::IdReuse,
        detail: "another message had its source and id".to_owned(),
    }
}

/// What the handler did could not be committed: a constraint that is checked last, or a transaction that the handler ended.
fn refused(error: &StoreError) -> Failed {
    Failed::Message(Reason::RetriesExhausted, with_causes(error))
}
