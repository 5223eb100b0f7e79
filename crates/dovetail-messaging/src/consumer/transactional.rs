//! The consumer whose effect is in the database of its inbox: one transaction for each message.

mod batch;
mod parked;

use std::time::SystemTime;

use dovetail_resilience::{Chance, Clock};

pub use self::parked::Drained;
use super::{
    Config, Dedupe, Delivery, Done, Handler, Order, Rejection, RetryCause, Route, Settlement,
    attempt::{Failed, attempt},
    rules::{Admission, Rules, is_exhausted, unhandled, with_causes},
};
use crate::{
    dead_letter::Reason,
    failpoint::reach,
    inbox::{Claim, Claimed, Fingerprint, Key, Position},
    message::{Message, shortened},
    metrics::Origin,
    replay::CONSUMER,
    store::{ErrorKind, Failure, Parking, Store, StoreError, Transaction},
    transport::Kind,
};

/// Handles each message once: its effect, its row of the inbox and what it publishes are one transaction.
#[derive(Debug)]
pub struct Consumer<S, H> {
    store: S,
    handler: H,
    rules: Rules,
}

impl<S: Store, H: Handler<S::Transaction>> Consumer<S, H> {
    /// A consumer of that name, which handles every kind of message alike.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        store: S,
        handler: H,
        config: Config,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        let name = name.into();
        let routes = vec![Route::of_all(name.clone(), config)];
        Self::of_routes(name, store, handler, routes, clock, chance)
    }

    /// A consumer of the kinds of messages that have a route. The scope is the subscription that they come from, `service/channel`: what
    /// shares offsets and the order of keys, whatever the kind of message.
    #[must_use]
    pub fn of_routes(
        scope: impl Into<String>,
        store: S,
        handler: H,
        routes: Vec<Route>,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        Self {
            store,
            handler,
            rules: Rules::new(scope.into(), routes, clock, chance),
        }
    }

    /// The same on a channel of that kind, a topic if nothing is said. `beside` are the kinds of messages of the subscription that another
    /// consumer of the service handles. What a queue carries beyond those and the routes is for nobody, and becomes a dead letter.
    #[must_use]
    pub fn on(self, kind: Kind, beside: Vec<String>) -> Self {
        Self {
            rules: self.rules.on(kind, beside),
            ..self
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
        let watch = self.rules.watch(&delivery);
        let settlement = self.settle(delivery).await;
        self.rules.settled(&watch, settlement)
    }

    /// Looks up what everything is counted in, for messages of that channel of a broker of that kind.
    pub(super) fn begin(&self, origin: Origin<'_>) {
        self.rules.count(origin);
    }

    /// What pauses does not come to tend to anything, so a pause that is over is over for metrics as well.
    pub(super) fn resume(&self) {
        if !self.rules.is_pausing() {
            self.rules.metrics().resumed();
        }
    }

    async fn settle(&self, mut delivery: Delivery) -> Settlement {
        match self.rules.admit(&self.handler, &mut delivery) {
            Admission::Admitted { route, key, event } => {
                self.claim(route, key, event, delivery).await
            }
            Admission::Rejected(route, rejection) => self.reject(route, delivery, rejection).await,
            Admission::Ignored => self.ignore(delivery).await,
        }
    }

    async fn claim(
        &self,
        route: &Route,
        key: Key,
        event: H::Event,
        delivery: Delivery,
    ) -> Settlement {
        let claim = self.claim_of(route, key, &delivery);
        match self.store.begin(claim, self.rules.now()).await {
            Err(error) => self.rules.store_failed(route, &error),
            Ok(Claimed::Duplicate) => Settlement::Ack(Done::Duplicate),
            Ok(Claimed::NotNext) => self.rules.retry(route, 1, RetryCause::NotNext),
            Ok(Claimed::IdReuse) => self.reject(route, delivery, id_reuse()).await,
            Ok(Claimed::Behind(transaction)) => {
                let parking = self.parking(route, delivery.message, None, "");
                self.parked(route, transaction.park(parking).await)
            }
            Ok(Claimed::Fresh {
                transaction,
                attempts,
            }) => {
                let claimed = (transaction, attempts);
                self.handle(route, claimed, event, delivery).await
            }
        }
    }

    fn claim_of(&self, route: &Route, key: Key, delivery: &Delivery) -> Claim {
        let position = self.position(delivery);
        let is_sent_again = delivery.message.header(CONSUMER).is_some();
        Claim {
            key,
            fingerprint: Fingerprint::of(&delivery.message.body),
            // Without a position there is nothing else to tell duplicates by.
            // What is sent again has another offset.
            by_id: route.config.dedupe != Dedupe::Offset || position.is_none() || is_sent_again,
            scope: self.rules.scope.clone(),
            position,
            order_key: route.config.order.and(delivery.message.key.clone()),
        }
    }

    /// Where the message stands, if any of the routes goes by that: an offset is one for all kinds of messages.
    fn position(&self, delivery: &Delivery) -> Option<Position> {
        let mut routes = self.rules.routes().iter();
        let counts = routes.any(|route| route.config.dedupe != Dedupe::Id);
        delivery.position.clone().filter(|_| counts)
    }

    async fn handle(
        &self,
        route: &Route,
        (mut transaction, attempts): (S::Transaction, u32),
        event: H::Event,
        delivery: Delivery,
    ) -> Settlement {
        match self
            .attempt(route, &mut transaction, event, &delivery.message)
            .await
        {
            Ok(()) => match commit(transaction).await {
                Ok(()) => {
                    self.rules.worked();
                    Settlement::Ack(Done::Handled)
                }
                Err(error) if error.kind() == ErrorKind::Refused => {
                    if self.parks(route, &delivery.message, attempts) {
                        let parking =
                            self.parking_of(route, &delivery, attempts, &with_causes(&error));
                        return self.park_anew(route, delivery, parking).await;
                    }
                    self.count(route, delivery, refused(&error)).await
                }
                Err(error) => self.rules.store_failed(route, &error),
            },
            Err(Failed::Message(_, error)) if self.parks(route, &delivery.message, attempts) => {
                let parking = self.parking_of(route, &delivery, attempts, &error);
                match transaction.park(parking.clone()).await {
                    // The handler ended its transaction, or it ended with a statement that was stopped.
                    Err(error) if error.kind() == ErrorKind::Refused => {
                        self.park_anew(route, delivery, parking).await
                    }
                    parked => self.parked(route, parked),
                }
            }
            Err(failed) => {
                transaction.rollback().await;
                self.count(route, delivery, failed).await
            }
        }
    }

    /// Whether a message whose attempt failed, after so many others, waits for the next one in the store.
    fn parks(&self, route: &Route, message: &Message, attempts: u32) -> bool {
        let is_ordered = route.config.order.is_some() && message.key.is_some();
        is_ordered && !is_exhausted(route, attempts.saturating_add(1))
    }

    /// The parking of a message whose attempt failed, after so many others.
    fn parking_of(
        &self,
        route: &Route,
        delivery: &Delivery,
        attempts: u32,
        error: &str,
    ) -> Parking {
        let wait = self.rules.backoff(route, attempts.saturating_add(1));
        let now = self.rules.now();
        let retry_at = now.checked_add(wait).unwrap_or(now);
        self.parking(route, delivery.message.clone(), Some(retry_at), error)
    }

    /// Parks a message whose transaction is over, in another one.
    async fn park_anew(&self, route: &Route, delivery: Delivery, parking: Parking) -> Settlement {
        let Some(key) = Key::of(&route.name, &delivery.message) else {
            return self.rules.retry(route, 1, RetryCause::Failed);
        };
        let claim = self.claim_of(route, key, &delivery);
        match self.store.begin(claim, self.rules.now()).await {
            Err(error) => self.rules.store_failed(route, &error),
            Ok(Claimed::Duplicate) => Settlement::Ack(Done::Duplicate),
            Ok(Claimed::NotNext) => self.rules.retry(route, 1, RetryCause::NotNext),
            Ok(Claimed::IdReuse) => self.reject(route, delivery, id_reuse()).await,
            Ok(Claimed::Behind(transaction) | Claimed::Fresh { transaction, .. }) => {
                self.parked(route, transaction.park(parking).await)
            }
        }
    }

    async fn attempt(
        &self,
        route: &Route,
        transaction: &mut S::Transaction,
        event: H::Event,
        message: &Message,
    ) -> Result<(), Failed> {
        // In a block of its own, so that a panic before the first await is caught, too.
        let handler = async { self.handler.handle(transaction, event, message).await };
        attempt(&self.rules.clock, route.config.deadline, handler).await
    }

    /// What follows an attempt that was rolled back.
    async fn count(&self, route: &Route, delivery: Delivery, failed: Failed) -> Settlement {
        let (reason, error) = match failed {
            Failed::Infrastructure(error) => return self.rules.pause(route, &error),
            Failed::Message(reason, error) => (reason, error),
            Failed::Fatal(error) => (Reason::Handler, error),
        };
        let key = Key::of(&route.name, &delivery.message);
        match self.count_attempt(key, &error).await {
            Err(error) => self.rules.store_failed(route, &error),
            Ok(attempts) if reason == Reason::Handler || is_exhausted(route, attempts) => {
                let detail = error;
                self.reject(route, delivery, Rejection { reason, detail })
                    .await
            }
            Ok(attempts) => self.rules.retry(route, attempts, RetryCause::Failed),
        }
    }

    async fn count_attempt(&self, key: Option<Key>, error: &str) -> Result<u32, StoreError> {
        let Some(key) = key else {
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

    async fn reject(&self, route: &Route, delivery: Delivery, rejection: Rejection) -> Settlement {
        let position = self.position(&delivery);
        let place = position.map(|position| (self.rules.scope.as_str(), position));
        let burial = self.rules.burial(route, delivery.message, &rejection);
        match self.store.bury(burial, place).await {
            Ok(true) => Settlement::Ack(Done::Dead(rejection.reason)),
            Ok(false) => self.rules.retry(route, 1, RetryCause::NotNext),
            Err(error) => self.rules.store_failed(route, &error),
        }
    }

    /// What is for others has its place in the partition nevertheless.
    pub(super) async fn ignore(&self, delivery: Delivery) -> Settlement {
        let Some(position) = self.position(&delivery) else {
            return Settlement::Ack(Done::Ignored);
        };
        let fallback = self.rules.fallback();
        match self.store.pass(&self.rules.scope, position).await {
            Ok(true) => Settlement::Ack(Done::Ignored),
            Ok(false) => self.rules.retry(fallback, 1, RetryCause::NotNext),
            Err(error) => self.rules.store_failed(fallback, &error),
        }
    }

    /// Whether messages of one key keep their order while one of them fails.
    #[must_use]
    pub fn keeps_order(&self) -> bool {
        let mut routes = self.rules.routes().iter();
        routes.any(|route| route.config.order.is_some())
    }

    fn parking(
        &self,
        route: &Route,
        message: Message,
        retry_at: Option<SystemTime>,
        error: &str,
    ) -> Parking {
        let order = route.config.order.unwrap_or(Order {
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

    fn parked(&self, route: &Route, parked: Result<bool, StoreError>) -> Settlement {
        match parked {
            Ok(true) => Settlement::Ack(Done::Parked),
            Ok(false) => self.rules.pause(route, "too many messages are parked"),
            Err(error) => self.rules.store_failed(route, &error),
        }
    }
}

/// Commits what a handler did.
async fn commit(transaction: impl Transaction) -> Result<(), StoreError> {
    reach("handled");
    transaction.commit().await
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
