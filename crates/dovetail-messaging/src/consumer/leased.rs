//! The consumer whose effect is elsewhere: at least one effect, and a single live owner at any time.

use std::{future::poll_fn, task::Poll, time::Duration};

use dovetail_resilience::{Chance, Clock, later};

use super::{
    Config, Delivery, Done, Handler, Rejection, RetryCause, Route, Settlement,
    attempt::{Failed, attempt},
    rules::{Admission, Rules, is_exhausted},
};
use crate::{
    dead_letter::Reason,
    inbox::{Fingerprint, Key},
    message::Message,
    metrics::Origin,
    store::{ErrorKind, Lease, Leased, Leases, PUBLISHED_MAX, StoreError},
    transport::Kind,
};

/// Handles each message under a lease, for effects outside of the database.
///
/// A handler that dies leaves its lease, and another one takes the message up when it ends. A handler that only seemed dead is fenced: what it
/// publishes then is not published, and it is not acknowledged. Its effect may happen twice; give [`Held::idempotency_key`] to whoever does it.
#[derive(Debug)]
pub struct LeaseConsumer<S, H> {
    store: S,
    handler: H,
    rules: Rules,
    length: Duration,
}

/// One of several deliveries that are taken side by side.
enum Work<F> {
    UnderWay(F),
    Done(Settlement),
}

/// What a handler holds while it works.
#[derive(Debug)]
pub struct Held {
    key: Key,
    attempts: u32,
    published: Vec<Message>,
}

impl Held {
    /// The key by which the outside world can tell a second attempt: the same for all attempts of the message by this consumer.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        self.key.idempotency_key()
    }

    /// How many leases on the message there were before.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Publishes a message once the work is done, if the lease is then still held.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where the message has no identity, or too much was published already.
    pub fn publish(&mut self, message: Message) -> Result<(), StoreError> {
        let refused = |action| Err(StoreError::new(action, ErrorKind::Refused));
        if message.identity().is_none() {
            return refused("publish a message without an identity");
        }
        if self.published.len() >= PUBLISHED_MAX {
            return refused("publish more messages in one attempt");
        }
        self.published.push(message);
        Ok(())
    }
}

impl<S: Leases, H: Handler<Held>> LeaseConsumer<S, H> {
    /// A consumer of that name, which handles every kind of message alike. Leases are that long, and extended while a handler works.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        store: S,
        handler: H,
        config: Config,
        length: Duration,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        let name = name.into();
        let routes = vec![Route::of_all(name.clone(), config)];
        Self::of_routes(name, store, handler, routes, length, clock, chance)
    }

    /// A consumer of the kinds of messages that have a route; the scope is the subscription that they come from. Leases are that long, and
    /// extended while a handler works.
    #[must_use]
    pub fn of_routes(
        scope: impl Into<String>,
        store: S,
        handler: H,
        routes: Vec<Route>,
        length: Duration,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        Self {
            store,
            handler,
            rules: Rules::new(scope.into(), routes, clock, chance),
            length,
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

    /// Takes a delivery to its end, and says what the transport is to do with it. Any number of deliveries may be under way.
    pub async fn process(&self, delivery: impl Into<Delivery>) -> Settlement {
        let delivery = delivery.into();
        let watch = self.rules.watch(&delivery);
        let settlement = self.settle(delivery).await;
        self.rules.settled(&watch, settlement)
    }

    /// Takes deliveries to their ends side by side, and says of each what the transport is to do with it, in their order.
    pub async fn process_batch(&self, deliveries: Vec<Delivery>) -> Vec<Settlement> {
        let works = deliveries
            .into_iter()
            .map(|one| Box::pin(self.process(one)));
        let mut works: Vec<Work<_>> = works.map(Work::UnderWay).collect();
        poll_fn(|context| {
            let mut is_done = true;
            for work in &mut works {
                if let Work::UnderWay(future) = work {
                    match future.as_mut().poll(context) {
                        Poll::Ready(settlement) => *work = Work::Done(settlement),
                        Poll::Pending => is_done = false,
                    }
                }
            }
            if is_done {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        let settlements = works.into_iter().filter_map(|work| match work {
            Work::Done(settlement) => Some(settlement),
            Work::UnderWay(_) => None,
        });
        settlements.collect()
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
        let (route, key, event) = match self.rules.admit(&self.handler, &mut delivery) {
            Admission::Admitted { route, key, event } => (route, key, event),
            Admission::Rejected(route, rejection) => {
                return self.reject(route, delivery.message, rejection).await;
            }
            Admission::Ignored => return Settlement::Ack(Done::Ignored),
        };
        let message = delivery.message;
        let fingerprint = Fingerprint::of(&message.body);
        let leased = self
            .store
            .lease(key, fingerprint, self.rules.now(), self.length)
            .await;
        match leased {
            Err(error) => self.rules.store_failed(route, &error),
            Ok(Leased::Duplicate) => Settlement::Ack(Done::Duplicate),
            Ok(Leased::IdReuse) => {
                let detail = "another message had its source and id".to_owned();
                let reason = Reason::IdReuse;
                self.reject(route, message, Rejection { reason, detail })
                    .await
            }
            Ok(Leased::Busy(until)) => Settlement::Retry {
                after: until.duration_since(self.rules.now()).unwrap_or_default(),
                cause: RetryCause::Contended,
            },
            Ok(Leased::Held(lease)) => self.handle(route, lease, event, message).await,
        }
    }

    async fn handle(
        &self,
        route: &Route,
        lease: Lease,
        event: H::Event,
        message: Message,
    ) -> Settlement {
        if is_exhausted(route, lease.attempts) {
            // No attempt came to an end that could have been told: the message takes its process along.
            let rejection = Rejection {
                reason: Reason::RetriesExhausted,
                detail: "every lease ended without an answer of the handler".to_owned(),
            };
            return self.bury(route, &lease, message, rejection).await;
        }
        let mut held = Held {
            key: lease.key.clone(),
            attempts: lease.attempts,
            published: Vec::new(),
        };
        let work = async { self.handler.handle(&mut held, event, &message).await };
        let work = attempt(&self.rules.clock, route.config.deadline, work);
        let result = tokio::select! {
            biased;
            result = work => result,
            () = self.keep(&lease) => return self.fenced(),
        };
        match result {
            Ok(()) => self.complete(route, &lease, held.published).await,
            Err(failed) => self.fail(route, &lease, message, failed).await,
        }
    }

    /// Extends the lease again and again, and returns once it is lost.
    async fn keep(&self, lease: &Lease) {
        let clock = &self.rules.clock;
        // From here on by the clock that nobody sets.
        let left = lease.until.duration_since(clock.wall()).unwrap_or_default();
        // Timers are a little late, and the handler has to be stopped before another one can begin.
        let margin = self.length / 100;
        let mut until = later(clock.now(), left.saturating_sub(margin));
        loop {
            clock.sleep(self.length / 3).await;
            let (asked, now) = (clock.now(), clock.wall());
            let extended = self.store.extend(lease, now, self.length);
            // Whoever does not answer does not extend it either: once it is over, another one may have it.
            match clock.until(until, extended).await {
                Ok(Ok(true)) => until = later(asked, self.length.saturating_sub(margin)),
                // While the store cannot be reached nobody else can take the lease either, until it ends.
                Ok(Err(_)) if clock.now() < until => {}
                Ok(Ok(false) | Err(_)) | Err(_) => return,
            }
        }
    }

    async fn complete(&self, route: &Route, lease: &Lease, published: Vec<Message>) -> Settlement {
        match self
            .store
            .complete(lease, published, self.rules.now())
            .await
        {
            Ok(true) => {
                self.rules.worked();
                Settlement::Ack(Done::Handled)
            }
            Ok(false) => self.fenced(),
            Err(error) => self.rules.store_failed(route, &error),
        }
    }

    async fn fail(
        &self,
        route: &Route,
        lease: &Lease,
        message: Message,
        failed: Failed,
    ) -> Settlement {
        let attempts = lease.attempts.saturating_add(1);
        let is_excused = matches!(failed, Failed::Infrastructure(_));
        let failed = match failed {
            Failed::Fatal(detail) => {
                let reason = Reason::Handler;
                let rejection = Rejection { reason, detail };
                return self.bury(route, lease, message, rejection).await;
            }
            Failed::Message(reason, detail) if is_exhausted(route, attempts) => {
                let rejection = Rejection { reason, detail };
                return self.bury(route, lease, message, rejection).await;
            }
            failed => failed,
        };
        match self
            .store
            .release(lease, is_excused, self.rules.now())
            .await
        {
            Err(error) => self.rules.store_failed(route, &error),
            Ok(false) => self.fenced(),
            Ok(true) => match failed {
                Failed::Infrastructure(error) => self.rules.pause(route, &error),
                Failed::Message(..) | Failed::Fatal(_) => {
                    self.rules.retry(route, attempts, RetryCause::Failed)
                }
            },
        }
    }

    async fn bury(
        &self,
        route: &Route,
        lease: &Lease,
        message: Message,
        rejection: Rejection,
    ) -> Settlement {
        let burial = self.rules.burial(route, message, &rejection);
        match self.store.bury_leased(lease, burial).await {
            Ok(true) => Settlement::Ack(Done::Dead(rejection.reason)),
            Ok(false) => self.fenced(),
            Err(error) => self.rules.store_failed(route, &error),
        }
    }

    async fn reject(&self, route: &Route, message: Message, rejection: Rejection) -> Settlement {
        let burial = self.rules.burial(route, message, &rejection);
        match self.store.bury(burial, None).await {
            // Only a position can stand in the way, and there is none.
            Ok(_) => Settlement::Ack(Done::Dead(rejection.reason)),
            Err(error) => self.rules.store_failed(route, &error),
        }
    }

    /// Another owner has the message. Whether it succeeds is for the next delivery to find out.
    fn fenced(&self) -> Settlement {
        Settlement::Retry {
            after: self.length,
            cause: RetryCause::Fenced,
        }
    }
}
