//! All that runs in one service: its channels, a loop for each that it consumes from, the relay of its outbox, and who cleans up.
//!
//! Generated code says what there is; how it runs is here.

mod cleaning;

use std::{fmt, pin::Pin, pin::pin, sync::Arc, time::Duration};

use dovetail_resilience::{Chance, Clock};
use thiserror::Error;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    consumer::{self, Consumer, Handler, Held, LeaseConsumer, Pace, Process, Route, Split},
    declared::{Channel, Consumption, Inbox},
    metrics::{LagObserver, Observer},
    outbox::{self, Relay},
    store::{DeadLetters, ErrorKind, Leases, Outbox, Store, StoreError},
    transport::{Subscription, Transport},
};

pub use self::cleaning::Cleaning;
use self::cleaning::Retention;

/// How a service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How fast each channel is consumed.
    pub pace: Pace,
    /// How long a lease is, before it is extended. 30 s: a handler that died is succeeded after this time.
    pub lease: Duration,
    /// How the relay of the outbox works; none where another process has it. It publishes all that the store holds: where services share a
    /// store, every channel has to be declared before one of their relays begins.
    pub relay: Option<outbox::Config>,
    /// How what is no longer needed is forgotten; none where another process does that, or where services with other times share the store.
    pub cleaning: Option<Cleaning>,
    /// How often dead letters, the outbox and what waits in the broker are counted for metrics; none where another process does that. 15 s.
    pub observing: Option<Duration>,
    /// How long after its end a dead letter may be replayed from elsewhere, such as an export. None.
    pub replay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            lease: Duration::from_secs(30),
            relay: Some(outbox::Config::default()),
            cleaning: Some(Cleaning::default()),
            observing: Some(Duration::from_secs(15)),
            replay: Duration::ZERO,
        }
    }
}

/// A service does not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The broker has the channel, and not as the contract has it; or will not have it at all.
    #[error("the broker refuses the channel `{channel}`")]
    Refused {
        /// Its name in the broker.
        channel: String,
        /// What the broker says.
        #[source]
        source: StoreError,
    },
    /// It keeps offsets of a channel, and the broker delivers messages of one partition side by side.
    #[error(
        "`{consumer}` keeps offsets in its database, and the broker delivers messages of one partition side by side: have it deliver them one \
         after the other, such as with `Lanes::Partition` of Kafka"
    )]
    Mixed {
        /// The consumer.
        consumer: &'static str,
    },
    /// A part of it panicked outside of any handler, which is a defect. The others were stopped in good order.
    #[error("a part of the service panicked")]
    Panicked,
}

/// Resolves once the service is to stop.
#[derive(Debug, Clone)]
struct Stop(watch::Receiver<()>);

impl Stop {
    async fn stopped(mut self) {
        // Nothing is ever sent: the end of the sender is the sign.
        while self.0.changed().await.is_ok() {}
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Begin = Box<dyn FnOnce(Stop) -> Task + Send + Sync>;

/// The parts of one service, before they run.
pub struct Runner<S, B> {
    service: &'static str,
    store: S,
    transport: B,
    options: Options,
    clock: Clock,
    chance: Chance,
    channels: Vec<Channel>,
    subscriptions: Vec<Subscription>,
    consumed: Vec<&'static Consumption>,
    /// What has a name in metrics: the routes of each subscription.
    watched: Vec<(String, Vec<Route>)>,
    parts: Vec<Begin>,
}

impl<S, B> fmt::Debug for Runner<S, B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Runner")
            .field("service", &self.service)
            .field("options", &self.options)
            .field("channels", &self.channels)
            .field("subscriptions", &self.subscriptions)
            .finish_non_exhaustive()
    }
}

impl<S: Store + Outbox + DeadLetters, B: Transport + Clone> Runner<S, B> {
    /// A service without any parts yet.
    #[must_use]
    pub const fn new(
        service: &'static str,
        store: S,
        transport: B,
        options: Options,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        Self {
            service,
            store,
            transport,
            options,
            clock,
            chance,
            channels: Vec::new(),
            subscriptions: Vec::new(),
            consumed: Vec::new(),
            watched: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Sees to it that the broker has these channels: those that the service publishes to.
    #[must_use]
    pub fn declaring(mut self, channels: &[Channel]) -> Self {
        for channel in channels {
            if !self.channels.contains(channel) {
                self.channels.push(*channel);
            }
        }
        self
    }

    /// Consumes what a channel carries, each message in a transaction. All messages are of that channel.
    #[must_use]
    pub fn transactional<H>(
        self,
        channel: Channel,
        consumed: &'static [&'static Consumption],
        handler: H,
    ) -> Self
    where
        H: Handler<S::Transaction> + 'static,
    {
        let consumer = self.consumer(channel, consumed, handler);
        self.consume(channel, consumed, consumer)
    }

    /// Consumes what a channel carries, each message under a lease. All messages are of that channel.
    #[must_use]
    pub fn leased<H>(
        self,
        channel: Channel,
        consumed: &'static [&'static Consumption],
        handler: H,
    ) -> Self
    where
        S: Leases,
        H: Handler<Held> + 'static,
    {
        let consumer = self.lease_consumer(channel, consumed, handler);
        self.consume(channel, consumed, consumer)
    }

    /// Consumes what a channel carries, each message as its contract says: the first handler has those in transactions, the second one those
    /// under leases. All messages are of that channel.
    #[must_use]
    pub fn mixed<H, L>(
        self,
        channel: Channel,
        consumed: &'static [&'static Consumption],
        transactional: H,
        leased: L,
    ) -> Self
    where
        S: Leases,
        H: Handler<S::Transaction> + 'static,
        L: Handler<Held> + 'static,
    {
        let is_leased = |one: &&&Consumption| one.inbox == Inbox::Lease;
        let kinds = consumed.iter().filter(is_leased);
        let kinds: Vec<String> = kinds.map(|one| one.message.name.to_owned()).collect();
        let transactional = self.consumer(channel, consumed, transactional);
        let transactional = transactional.on(channel.kind, kinds.clone());
        let leased = self.lease_consumer(channel, consumed, leased);
        self.consume(channel, consumed, Split::new(transactional, leased, kinds))
    }

    fn consumer<H: Handler<S::Transaction>>(
        &self,
        channel: Channel,
        consumed: &[&Consumption],
        handler: H,
    ) -> Consumer<S, H> {
        let routes = routes(consumed, |inbox| inbox != Inbox::Lease);
        let (store, chance) = (self.store.clone(), self.chance.clone());
        Consumer::of_routes(
            self.group(channel),
            store,
            handler,
            routes,
            self.clock,
            chance,
        )
        .on(channel.kind, Vec::new())
    }

    fn lease_consumer<H: Handler<Held>>(
        &self,
        channel: Channel,
        consumed: &[&Consumption],
        handler: H,
    ) -> LeaseConsumer<S, H>
    where
        S: Leases,
    {
        let routes = routes(consumed, |inbox| inbox == Inbox::Lease);
        let (store, chance) = (self.store.clone(), self.chance.clone());
        let (group, length) = (self.group(channel), self.options.lease);
        LeaseConsumer::of_routes(group, store, handler, routes, length, self.clock, chance)
            .on(channel.kind, Vec::new())
    }

    /// What shares the messages of a channel: all instances of the service.
    fn group(&self, channel: Channel) -> String {
        format!("{}/{}", self.service, channel.name)
    }

    fn consume(
        mut self,
        channel: Channel,
        consumed: &'static [&'static Consumption],
        process: impl Process,
    ) -> Self {
        let subscription = Subscription {
            channel: channel.address.to_owned(),
            group: self.group(channel),
        };
        let (transport, clock, pace) = (self.transport.clone(), self.clock, self.options.pace);
        self.subscriptions.push(subscription.clone());
        self.consumed.extend(consumed);
        self.watched
            .push((self.group(channel), routes(consumed, |_| true)));
        self.parts.push(Box::new(move |stop: Stop| {
            let process = Arc::new(process);
            let stop = stop.stopped();
            Box::pin(consumer::run(
                transport,
                subscription,
                process,
                pace,
                clock,
                stop,
            ))
        }));
        self.declaring(&[channel])
    }

    /// Runs until `stop` resolves: the broker gets its channels and subscriptions, then every part begins. At the end nothing new is begun,
    /// what is under way is finished, what was received and not begun is given back, and the broker is taken leave of.
    ///
    /// While the broker cannot be reached at the start, this waits for it.
    ///
    /// # Errors
    ///
    /// Where the broker refuses a channel for good or does not deliver what a consumer can take, or a part panics.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        self.warn_of_early_forgetting();
        self.refuse_mixed_partitions()?;
        self.add_background();
        let (service, transport) = (self.service, self.transport.clone());
        let ended = self.run_parts(stop).await;
        if let Err(error) = transport.close().await {
            tracing::warn!(service, %error, "the broker was left without a word");
        }
        ended
    }

    async fn run_parts(self, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        let mut stop = pin!(stop);
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            prepared = self.prepare() => prepared?,
        }
        let (running, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        for begin in self.parts {
            tasks.spawn(begin(Stop(stopped.clone())));
        }
        let mut is_sound = true;
        tokio::select! {
            biased;
            () = &mut stop => {}
            // No part ends by itself.
            Some(ended) = tasks.join_next() => is_sound = ended.is_ok(),
        }
        drop(running);
        while let Some(ended) = tasks.join_next().await {
            is_sound &= ended.is_ok();
        }
        if is_sound {
            Ok(())
        } else {
            Err(RunError::Panicked)
        }
    }

    /// What a message that comes again after it was forgotten does: its effect a second time.
    fn warn_of_early_forgetting(&self) {
        let early = self.consumed.iter();
        for one in early.filter(|one| one.forgets_early(self.options.replay)) {
            tracing::warn!(
                consumer = one.name,
                retain = ?one.retain,
                horizon = ?one.horizon(self.options.replay),
                "messages may come again after they are forgotten, and would be handled twice"
            );
        }
    }

    fn refuse_mixed_partitions(&self) -> Result<(), RunError> {
        let mut offsets = self.consumed.iter();
        let offset = offsets.find(|one| one.inbox == Inbox::Offset);
        match offset.filter(|_| self.transport.mixes_partitions()) {
            Some(Consumption { name: consumer, .. }) => Err(RunError::Mixed { consumer }),
            None => Ok(()),
        }
    }

    fn add_background(&mut self) {
        if let Some(config) = self.options.relay.clone() {
            let (store, transport) = (self.store.clone(), self.transport.clone());
            let relay = Relay::new(store, transport, config, self.clock, self.chance.clone());
            self.parts.push(Box::new(move |stop: Stop| {
                Box::pin(async move { relay.run(stop.stopped()).await })
            }));
        }
        if let Some(period) = self.options.observing {
            let observer = self.observer(period);
            self.parts.push(Box::new(move |stop: Stop| {
                Box::pin(async move { observer.run(stop.stopped()).await })
            }));
            let (transport, subscriptions) = (self.transport.clone(), self.subscriptions.clone());
            let lag = LagObserver::new(transport, subscriptions, self.clock).every(period);
            self.parts.push(Box::new(move |stop: Stop| {
                Box::pin(async move { lag.run(stop.stopped()).await })
            }));
        }
        if let Some(cleaning) = self.options.cleaning {
            let (store, clock) = (self.store.clone(), self.clock);
            let by_id = self
                .consumed
                .iter()
                .filter(|one| one.inbox != Inbox::Offset);
            // Who needs it longest decides: rows do not say whose they are.
            let retain = Retention {
                handled: by_id.map(|one| one.retain).max(),
                letters: self.consumed.iter().map(|one| one.dead_letter.retain).max(),
            };
            self.parts.push(Box::new(move |stop: Stop| {
                let work = cleaning.run(store, retain, clock);
                Box::pin(async move {
                    tokio::select! {
                        biased;
                        () = stop.stopped() => {}
                        () = work => {}
                    }
                })
            }));
        }
    }

    fn observer(&self, period: Duration) -> Observer<S> {
        let observer = Observer::new(self.service, self.store.clone(), self.clock).every(period);
        let watched = self.watched.iter();
        let observer = watched.fold(observer, |observer, (scope, routes)| {
            observer.watching(scope, routes)
        });
        let channels = self.channels.iter();
        channels.fold(observer, |observer, channel| {
            observer.publishing(channel.address)
        })
    }

    /// Sees to it that the broker has the channels and the subscriptions, and waits for it while it cannot be reached. [`run`](Self::run)
    /// does so itself.
    ///
    /// # Errors
    ///
    /// Where the broker refuses a channel for good.
    pub async fn prepare(&self) -> Result<(), RunError> {
        let pause = consumer::Config::default().backoff;
        let mut troubles = 0_u32;
        loop {
            let error = match self.prepare_once().await {
                Ok(()) => return Ok(()),
                Err((channel, source)) if source.kind() == ErrorKind::Refused => {
                    return Err(RunError::Refused { channel, source });
                }
                Err((_, error)) => error,
            };
            let ceiling = pause.ceiling(troubles, false);
            let after = ceiling.mul_f64(0.5 + self.chance.fraction() / 2.0);
            tracing::warn!(service = self.service, %error, ?after, "the broker cannot be prepared");
            self.clock.sleep(after).await;
            troubles = troubles.saturating_add(1);
        }
    }

    async fn prepare_once(&self) -> Result<(), (String, StoreError)> {
        for channel in &self.channels {
            let declared = self.transport.declare(&channel.declaration()).await;
            declared.map_err(|error| (channel.address.to_owned(), error))?;
        }
        for subscription in &self.subscriptions {
            let subscribed = self.transport.subscribe(subscription).await;
            subscribed.map_err(|error| (subscription.channel.clone(), error))?;
        }
        Ok(())
    }
}

fn routes(consumed: &[&Consumption], is_own: impl Fn(Inbox) -> bool) -> Vec<Route> {
    let own = consumed.iter().filter(|one| is_own(one.inbox));
    own.map(|one| one.route()).collect()
}
