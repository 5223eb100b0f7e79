//! Messages that wait in the store for their next attempt, or behind one that does.

use std::time::{Duration, SystemTime};

use super::{
    Claim, Claimed, Consumer, Delivery, ErrorKind, Failed, Failure, Handler, Key, Message, Reason,
    Rejection, Route, Store, StoreError, Transaction, commit, id_reuse, is_exhausted, refused,
    shortened, unhandled, with_causes,
};
use crate::{replay::CONSUMER, store::Parked};

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
    /// Tries the first messages of parked keys whose time has come, `limit` keys at most. To be called again at once while something was
    /// handled: the next message of a key is due then.
    ///
    /// A key at which something is down rests for a moment and keeps no other from its turn.
    ///
    /// # Errors
    ///
    /// The first of them, where the store, or something else that messages need, is down; what was done stays done.
    pub async fn drain(&self, limit: u32) -> Result<Drained, StoreError> {
        let now = self.rules.now();
        let mut drained = Drained::default();
        let mut trouble = None;
        for parked in self.store.due(&self.rules.scope, now, limit).await? {
            let key = parked.message.key.clone().unwrap_or_default();
            match self.drain_one(parked).await {
                Ok(Head::Handled) => drained.handled += 1,
                Ok(Head::Dead(count)) => drained.dead += count,
                Ok(Head::Waits) => drained.waiting += 1,
                Err(error) => {
                    let retry_at = self.after(self.rules.backoff(self.rules.fallback(), 1));
                    let rested = self.store.rest(&self.rules.scope, &key, retry_at, None);
                    // Where not even that can be written, nothing can.
                    let is_down = rested.await.is_err();
                    let first = trouble.get_or_insert(error);
                    if is_down {
                        tracing::debug!(error = %with_causes(first), "the store is down");
                        break;
                    }
                }
            }
        }
        trouble.map_or(Ok(drained), Err)
    }

    fn after(&self, wait: Duration) -> SystemTime {
        let now = self.rules.now();
        now.checked_add(wait).unwrap_or(now)
    }

    async fn drain_one(&self, parked: Parked) -> Result<Head, StoreError> {
        let Parked { consumer, message } = parked;
        // It keeps the name under which it was parked, though its handler may have another one by now.
        let route = match self.rules.route(message.kind.as_deref()) {
            Some(route) => Route {
                name: consumer,
                ..route.clone()
            },
            None => {
                let route = Route::of_all(consumer, self.rules.fallback().config.clone());
                return self.bury_parked(&route, message, unhandled()).await;
            }
        };
        // What it is known by was decided when it was parked, whatever tells that by now.
        let (key, event) = match self.rules.read(&route, &self.handler, &message) {
            Ok(read) => read,
            Err(rejection) => return self.bury_parked(&route, message, rejection).await,
        };
        let delivery = Delivery::from(message);
        let watch = self.rules.watch(&delivery);
        let claim = Claim {
            by_id: true,
            order_key: delivery.message.key.clone(),
            ..self.claim_of(&route, key, &delivery)
        };
        let message = delivery.message;
        let claimed = self.store.begin_parked(claim, self.rules.now()).await?;
        let (mut transaction, attempts) = match claimed {
            Claimed::Fresh {
                transaction,
                attempts,
            } => (transaction, attempts),
            Claimed::IdReuse => return self.bury_parked(&route, message, id_reuse()).await,
            Claimed::Behind(_) | Claimed::Duplicate | Claimed::NotNext => return Ok(Head::Waits),
        };
        let attempt = self.attempt(&route, &mut transaction, event, &message);
        let failed = match attempt.await {
            Ok(()) => match commit(transaction).await {
                Ok(()) => {
                    self.rules.worked();
                    self.rules.metrics().drained(&watch, self.rules.now());
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
        self.count_parked(&route, message, attempts.saturating_add(1), failed)
            .await
    }

    async fn count_parked(
        &self,
        route: &Route,
        message: Message,
        attempts: u32,
        failed: Failed,
    ) -> Result<Head, StoreError> {
        let (reason, detail) = match failed {
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
        let key = Key::of(&route.name, &message);
        if reason == Reason::Handler || is_exhausted(route, attempts) {
            self.count_attempt(key, &detail).await?;
            let rejection = Rejection { reason, detail };
            return self.bury_parked(route, message, rejection).await;
        }
        let wait = self.rules.backoff(route, attempts);
        let failure = key.map(|key| Failure {
            key,
            error: shortened(&detail),
            at: self.rules.now(),
        });
        let (scope, lane) = (&self.rules.scope, message.key.as_deref());
        let retry_at = self.after(wait);
        self.store
            .rest(scope, lane.unwrap_or_default(), retry_at, failure)
            .await?;
        let place = self.rules.place(message.kind.as_deref());
        self.rules.metrics().retried(place, wait);
        Ok(Head::Waits)
    }

    async fn bury_parked(
        &self,
        route: &Route,
        message: Message,
        rejection: Rejection,
    ) -> Result<Head, StoreError> {
        let place = self.rules.place(message.kind.as_deref());
        let is_replay = message.header(CONSUMER).is_some();
        let burial = self.rules.burial(route, message, &rejection);
        let buried = self.store.bury_parked(&self.rules.scope, burial).await?;
        let metrics = self.rules.metrics();
        metrics.buried(place, rejection.reason, buried, is_replay);
        Ok(Head::Dead(buried))
    }
}
