//! What only the database and the broker know, read from time to time.

use std::{
    pin::pin,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use dovetail_resilience::Clock;

use super::{
    handle::{Counter, Each, Gauge},
    table::{DEAD_AGE, DEPTH, LAG, PENDING, PENDING_AGE, UNREAD},
};
use crate::{
    consumer::Route,
    dead_letter::{Filter, Reason, State},
    store::{DeadLetters, Outbox, StoreError},
    transport::{Subscription, Transport},
};

/// How often an observer looks, unless told otherwise.
const PERIOD: Duration = Duration::from_secs(15);

/// Reads how many dead letters there are, how many messages wait to be published, and how old the oldest of both are.
///
/// It asks once for each consumer, and once more for each reason while there is a dead letter. Every instance of a service may have one; they
/// say the same, so the largest value counts and never the sum.
#[derive(Debug)]
pub struct Observer<S> {
    store: S,
    clock: Clock,
    period: Duration,
    consumers: Vec<Watched>,
    pending: Gauge,
    pending_age: Gauge,
    unread: Counter,
}

/// The dead letters of one consumer.
#[derive(Debug)]
struct Watched {
    consumer: String,
    depth: Each<Reason, Gauge>,
    age: Gauge,
}

impl<S: DeadLetters + Outbox> Observer<S> {
    /// An observer of that service's outbox, and of the dead letters of those that it is told to watch.
    #[must_use]
    pub fn new(service: &str, store: S, clock: Clock) -> Self {
        let labels = [("outbox", service)];
        Self {
            store,
            clock,
            period: PERIOD,
            consumers: Vec::new(),
            pending: Gauge::new(&PENDING, &labels),
            pending_age: Gauge::new(&PENDING_AGE, &labels),
            unread: Counter::new(&UNREAD, &[]),
        }
    }

    /// The same, looking that often. 15 s if it is never said.
    #[must_use]
    pub const fn every(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// The same, watching the dead letters of a subscription too: those of its routes, and those that belong to none of them.
    #[must_use]
    pub fn watching(mut self, scope: &str, routes: &[Route]) -> Self {
        for route in routes {
            let kind = route.kind.as_deref().unwrap_or_default();
            self.watch(&route.name, kind);
        }
        self.watch(scope, "");
        self
    }

    /// The same, watching what the broker rejects of a channel too.
    #[must_use]
    pub fn publishing(mut self, channel: &str) -> Self {
        self.watch(&format!("outbox/{channel}"), "");
        self
    }

    fn watch(&mut self, consumer: &str, kind: &str) {
        if self.consumers.iter().any(|one| one.consumer == consumer) {
            return;
        }
        let own = [("consumer", consumer), ("kind", kind)];
        let depth = |reason: Reason| {
            let labels: Vec<_> = own
                .into_iter()
                .chain([("reason", reason.as_str())])
                .collect();
            Gauge::new(&DEPTH, &labels)
        };
        self.consumers.push(Watched {
            consumer: consumer.to_owned(),
            depth: Each::new(&Reason::ALL, depth),
            age: Gauge::new(&DEAD_AGE, &own),
        });
    }

    /// Looks once.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read; what it showed before still stands then.
    pub async fn observe(&self) -> Result<(), StoreError> {
        let pending = self.store.pending().await?;
        self.pending.set(number(pending.count));
        self.pending_age.set(self.age(pending.oldest_at));
        for watched in &self.consumers {
            self.observe_letters(watched).await?;
        }
        Ok(())
    }

    async fn observe_letters(&self, watched: &Watched) -> Result<(), StoreError> {
        let open = |reason| Filter {
            consumer: Some(watched.consumer.clone()),
            reason,
            state: Some(State::Open),
        };
        let all = self.store.tally(open(None)).await?;
        watched.age.set(self.age(all.oldest_at));
        for (reason, gauge) in watched.depth.iter() {
            let count = match all.count {
                0 => 0,
                _ => self.store.tally(open(Some(*reason))).await?.count,
            };
            gauge.set(number(count));
        }
        Ok(())
    }

    fn age(&self, oldest_at: Option<SystemTime>) -> f64 {
        let age = oldest_at.map(|at| self.clock.wall().duration_since(at).unwrap_or_default());
        age.unwrap_or_default().as_secs_f64()
    }

    /// Looks until `stop` resolves.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            if let Err(error) = self.observe().await {
                self.unread.add(1);
                tracing::warn!(%error, "dead letters and outbox cannot be counted");
            }
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = self.clock.sleep(self.period) => {}
            }
        }
    }
}

/// Reads how many messages wait for consumers, from a broker that can tell.
///
/// Of a subscription whose broker cannot tell nothing is shown, because a zero would say that nothing waits. Every instance of a service may
/// have one; they say the same, so the largest value counts and never the sum.
#[derive(Debug)]
pub struct LagObserver<B> {
    broker: B,
    clock: Clock,
    period: Duration,
    subscriptions: Vec<(Subscription, OnceLock<Gauge>)>,
    unread: Counter,
}

impl<B: Transport> LagObserver<B> {
    /// An observer of those subscriptions.
    #[must_use]
    pub fn new(broker: B, subscriptions: Vec<Subscription>, clock: Clock) -> Self {
        let subscriptions = subscriptions.into_iter();
        Self {
            broker,
            clock,
            period: PERIOD,
            subscriptions: subscriptions.map(|one| (one, OnceLock::new())).collect(),
            unread: Counter::new(&UNREAD, &[]),
        }
    }

    /// The same, looking that often. 15 s if it is never said.
    #[must_use]
    pub const fn every(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// Looks once.
    ///
    /// # Errors
    ///
    /// Where the broker cannot be asked; what was shown before still stands then. The other subscriptions are looked at nevertheless.
    pub async fn observe(&self) -> Result<(), StoreError> {
        let mut observed = Ok(());
        for (subscription, gauge) in &self.subscriptions {
            match self.broker.backlog(subscription).await {
                Ok(None) => {}
                Ok(Some(count)) => gauge.get_or_init(|| lag(subscription)).set(number(count)),
                Err(error) => observed = Err(error),
            }
        }
        observed
    }

    /// Looks until `stop` resolves.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let observed = tokio::select! {
                biased;
                () = &mut stop => return,
                observed = self.observe() => observed,
            };
            if let Err(error) = observed {
                self.unread.add(1);
                tracing::warn!(%error, "what waits in the broker cannot be counted");
            }
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = self.clock.sleep(self.period) => {}
            }
        }
    }
}

fn lag(subscription: &Subscription) -> Gauge {
    Gauge::new(&LAG, &[("consumer", &subscription.group)])
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a double, and nobody counts 2^53 messages"
)]
const fn number(count: u64) -> f64 {
    count as f64
}
