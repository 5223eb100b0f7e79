//! Messages that wait in the store for their next attempt, or behind one that does.

use super::{
    Claim, Claimed, Consumer, Delivery, ErrorKind, Failed, Handler, Key, Message, Reason,
    Rejection, Route, Store, StoreError, Transaction, id_reuse, is_exhausted, refused,
};
use crate::store::Parked;

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
    /// # Errors
    ///
    /// Where the store, or something else that all messages need, is down; what was done until then stays done.
    pub async fn drain(&self, limit: u32) -> Result<Drained, StoreError> {
        let now = self.rules.now();
        let mut drained = Drained::default();
        for parked in self.store.due(&self.rules.scope, now, limit).await? {
            match self.drain_one(parked).await? {
                Head::Handled => drained.handled += 1,
                Head::Dead(count) => drained.dead += count,
                Head::Waits => drained.waiting += 1,
            }
        }
        Ok(drained)
    }

    async fn drain_one(&self, parked: Parked) -> Result<Head, StoreError> {
        let Parked {
            consumer,
            mut message,
        } = parked;
        // It keeps the name under which it was parked, though its handler may have another one by now.
        let route = match self.rules.route(message.kind.as_deref()) {
            Some(route) => Route {
                name: consumer,
                ..route.clone()
            },
            None => {
                let route = Route::of_all(consumer, self.rules.fallback().config.clone());
                let rejection = Rejection::contract("nothing handles messages of its kind");
                return self.bury_parked(&route, message, rejection).await;
            }
        };
        let (key, event) = match self.rules.read(&route, &self.handler, &mut message) {
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
        let mut transaction = match self.store.begin_parked(claim, self.rules.now()).await? {
            Claimed::Fresh { transaction, .. } => transaction,
            Claimed::IdReuse => return self.bury_parked(&route, message, id_reuse()).await,
            Claimed::Behind(_) | Claimed::Duplicate | Claimed::NotNext => return Ok(Head::Waits),
        };
        let attempt = self.attempt(&route, &mut transaction, event, &message);
        let failed = match attempt.await {
            Ok(()) => match transaction.commit().await {
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
        self.count_parked(&route, message, failed).await
    }

    async fn count_parked(
        &self,
        route: &Route,
        message: Message,
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
        let attempts = self.count_attempt(key, &detail).await?;
        if reason == Reason::Handler || is_exhausted(route, attempts) {
            let rejection = Rejection { reason, detail };
            return self.bury_parked(route, message, rejection).await;
        }
        let wait = self.rules.backoff(route, attempts);
        let place = self.rules.place(message.kind.as_deref());
        self.rules.metrics().retried(place, wait);
        let retry_at = self.rules.now() + wait;
        let key = message.key.as_deref().unwrap_or_default();
        self.store.rest(&self.rules.scope, key, retry_at).await?;
        Ok(Head::Waits)
    }

    async fn bury_parked(
        &self,
        route: &Route,
        message: Message,
        rejection: Rejection,
    ) -> Result<Head, StoreError> {
        let place = self.rules.place(message.kind.as_deref());
        let burial = self.rules.burial(route, message, &rejection);
        let buried = self.store.bury_parked(&self.rules.scope, burial).await?;
        self.rules.metrics().buried(place, rejection.reason, buried);
        Ok(Head::Dead(buried))
    }
}
