//! From a subscription to settled deliveries: the loop that every consumer runs.

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use dovetail_resilience::{Clock, Instant};
use tokio::task::{Id, JoinError, JoinSet};

use super::{Consumer, Delivery, Handler, Held, LeaseConsumer, Settlement, with_causes};
use crate::{
    failpoint::reach,
    metrics::{Origin, RunMetrics},
    store::{Leases, Store, StoreError},
    transport::{Received, Subscription, Transport},
};

/// What a loop runs: a [`Consumer`] or a [`LeaseConsumer`].
pub trait Process: Send + Sync + 'static {
    /// Learns where deliveries come from, before the first one: the kind of broker and the channel, for metrics.
    fn begin(&self, _system: &str, _channel: &str) {}

    /// Takes a delivery to its end, and says what the transport is to do with it.
    fn process(&self, delivery: Delivery) -> impl Future<Output = Settlement> + Send;

    /// Takes several deliveries to their ends, and says of each what the transport is to do with it, in their order.
    fn process_batch(
        &self,
        deliveries: Vec<Delivery>,
    ) -> impl Future<Output = Vec<Settlement>> + Send {
        one_by_one(deliveries, |delivery| self.process(delivery))
    }

    /// Notes that another consumer of the subscription handled a delivery, so that its partition moves on.
    fn pass(&self, delivery: Delivery) -> impl Future<Output = Settlement> + Send {
        self.process(delivery)
    }

    /// Does what is due without a delivery. `true`: something was done, and more may be due.
    fn tend(&self) -> impl Future<Output = bool> + Send;
}

/// Takes deliveries one after the other, until something is down: the others have the same pause.
pub(super) async fn one_by_one<F: Future<Output = Settlement> + Send>(
    deliveries: Vec<Delivery>,
    process: impl Fn(Delivery) -> F + Send,
) -> Vec<Settlement> {
    let mut settlements = Vec::with_capacity(deliveries.len());
    let mut down = None;
    for delivery in deliveries {
        let settlement = match down {
            Some(pause) => pause,
            None => process(delivery).await,
        };
        down = Some(settlement).filter(|one| matches!(one, Settlement::Pause { .. }));
        settlements.push(settlement);
    }
    settlements
}

impl<S: Store, H: Handler<S::Transaction> + 'static> Process for Consumer<S, H> {
    fn begin(&self, system: &str, channel: &str) {
        Self::begin(self, Origin { system, channel });
    }

    async fn process(&self, delivery: Delivery) -> Settlement {
        Self::process(self, delivery).await
    }

    async fn process_batch(&self, deliveries: Vec<Delivery>) -> Vec<Settlement> {
        Self::process_batch(self, deliveries).await
    }

    async fn pass(&self, delivery: Delivery) -> Settlement {
        self.ignore(delivery).await
    }

    async fn tend(&self) -> bool {
        const KEYS: u32 = 100;
        self.resume();
        // Also where no route keeps an order any more: what was parked under one that did is still to be handled.
        match self.drain(KEYS).await {
            Ok(drained) => drained.handled + drained.dead > 0,
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "parked messages wait");
                false
            }
        }
    }
}

impl<S: Leases, H: Handler<Held> + 'static> Process for LeaseConsumer<S, H> {
    fn begin(&self, system: &str, channel: &str) {
        Self::begin(self, Origin { system, channel });
    }

    async fn process(&self, delivery: Delivery) -> Settlement {
        Self::process(self, delivery).await
    }

    async fn process_batch(&self, deliveries: Vec<Delivery>) -> Vec<Settlement> {
        Self::process_batch(self, deliveries).await
    }

    async fn tend(&self) -> bool {
        self.resume();
        false
    }
}

/// No loop asks its broker or its store more often than this while there is nothing to do.
const WAIT_MIN: Duration = Duration::from_millis(5);
/// Nor less often: what is due otherwise has to be looked after.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// No rest is longer: a clock ends somewhere.
const REST_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Nothing is given back for longer.
const BACK_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How long it may take to give back what was abandoned.
const GIVING_BACK: Duration = Duration::from_secs(3);

/// How fast a consumer takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Deliveries under way at once. 16: more than one store of SQLite keeps busy, and few enough to come again after a crash.
    pub concurrency: u32,
    /// Deliveries that one transaction takes at most. 1: each has its own. With more, messages are handled many times as fast and one after the
    /// other, and one that fails has others of its batch handled again. That many are under way at once then, whatever `concurrency` says.
    pub batch: u32,
    /// How long to wait for messages before looking after what is due otherwise. 1 s; between 5 ms and 1 min, and half of `drain` at most.
    pub wait: Duration,
    /// How long what is under way may take to end once the loop is to stop. 25 s: less than the 30 s after which most supervisors kill. What
    /// has not ended by then is dropped where it stands, and given back.
    pub drain: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            concurrency: 16,
            batch: 1,
            wait: Duration::from_secs(1),
            drain: Duration::from_secs(25),
        }
    }
}

impl Pace {
    /// The same, with times that a loop can go by.
    fn bounded(self) -> Self {
        let drain = self.drain.min(REST_MAX);
        let wait = self.wait.min(WAIT_MAX).min(drain / 2);
        Self {
            wait: wait.max(WAIT_MIN),
            drain,
            ..self
        }
    }
}

/// Consumes a subscription until `stop` resolves. What is under way then is finished first, as long as [`Pace::drain`] lets it; what was received
/// and not begun is given back.
pub async fn run<T: Transport + Clone, P: Process>(
    transport: T,
    subscription: Subscription,
    consumer: Arc<P>,
    pace: Pace,
    clock: Clock,
    stop: impl Future<Output = ()>,
) {
    consumer.begin(transport.system(), &subscription.channel);
    let mut runner = Runner {
        metrics: Arc::new(RunMetrics::new(transport.system(), &subscription)),
        transport,
        subscription,
        consumer,
        pace: pace.bounded(),
        clock,
        tasks: JoinSet::new(),
        held: HashMap::new(),
        receiving: None,
        tending: None,
        rests_until: clock.now(),
        tends_at: clock.now(),
        is_stopping: false,
    };
    let mut stop = pin!(stop);
    loop {
        runner.begin();
        tokio::select! {
            biased;
            () = &mut stop => break,
            ended = runner.next() => runner.end(ended),
        }
    }
    runner.is_stopping = true;
    let end = clock.now() + runner.pace.drain;
    if clock.until(end, runner.drain()).await.is_err() {
        runner.abandon().await;
    }
}

/// What a task of the loop came to.
enum Ended<R> {
    Received(Result<Vec<Received<R>>, StoreError>),
    /// A delivery was settled; the consumer has to rest until then, if at all.
    Settled(Option<Instant>),
    /// What was due is done; whether there may be more.
    Tended(bool),
    GivenBack,
}

type Joined<R> = Result<(Id, Ended<R>), JoinError>;

/// Receiving is a task like any other and never given up half-way: what a broker handed over and nobody took would be invisible for a while.
struct Runner<T: Transport, P> {
    metrics: Arc<RunMetrics>,
    transport: T,
    subscription: Subscription,
    consumer: Arc<P>,
    pace: Pace,
    clock: Clock,
    tasks: JoinSet<Ended<T::Receipt>>,
    /// The deliveries that each task has.
    held: HashMap<Id, Vec<T::Receipt>>,
    receiving: Option<Id>,
    tending: Option<Id>,
    rests_until: Instant,
    tends_at: Instant,
    is_stopping: bool,
}

impl<T: Transport + Clone, P: Process> Runner<T, P> {
    /// Begins what can be begun.
    fn begin(&mut self) {
        let now = self.clock.now();
        if self.rests_until > now {
            return;
        }
        if self.tending.is_none() && self.tends_at <= now {
            let consumer = Arc::clone(&self.consumer);
            let task = self
                .tasks
                .spawn(async move { Ended::Tended(consumer.tend().await) });
            self.tending = Some(task.id());
        }
        let room = self.room();
        if self.receiving.is_none() && room > 0 {
            let (transport, subscription) = (self.transport.clone(), self.subscription.clone());
            let wait = self.pace.wait;
            let (clock, metrics) = (self.clock, Arc::clone(&self.metrics));
            let task = self.tasks.spawn(async move {
                let started = clock.now();
                let received = transport.receive(&subscription, room, wait).await;
                metrics.received(&received, clock.now().saturating_duration_since(started));
                Ended::Received(received)
            });
            self.receiving = Some(task.id());
        }
    }

    /// How many more deliveries may be under way.
    fn room(&self) -> u32 {
        let under_way: usize = self.held.values().map(Vec::len).sum();
        let under_way = u32::try_from(under_way).unwrap_or(u32::MAX);
        let most = self.pace.concurrency.max(self.pace.batch).max(1);
        most.saturating_sub(under_way)
    }

    /// Waits for a task to end, or for the time to begin another one.
    async fn next(&mut self) -> Option<Joined<T::Receipt>> {
        let now = self.clock.now();
        let wake = [self.rests_until, self.tends_at, now + self.pace.wait];
        let wake = wake.into_iter().find(|wake| *wake > now).unwrap_or(now);
        let sleep = self.clock.sleep(wake.saturating_duration_since(now));
        tokio::select! {
            biased;
            Some(ended) = self.tasks.join_next_with_id() => Some(ended),
            () = sleep => None,
        }
    }

    fn end(&mut self, ended: Option<Joined<T::Receipt>>) {
        let Some(ended) = ended else { return };
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => {
                tracing::error!(%error, "a task of a consumer panicked; what it had comes again");
                error.id()
            }
        };
        self.held.remove(&id);
        let is_of_loop = [self.receiving, self.tending].contains(&Some(id));
        self.receiving = self.receiving.filter(|task| *task != id);
        self.tending = self.tending.filter(|task| *task != id);
        let soon = self.clock.now() + self.pace.wait;
        match ended {
            Ok((_, Ended::Received(Ok(received)))) => self.deliver(received),
            Ok((_, Ended::Received(Err(error)))) => {
                tracing::warn!(%error, channel = %self.subscription.channel, "nothing can be received");
                self.rest(Some(soon));
            }
            Ok((_, Ended::Settled(until))) => self.rest(until),
            Ok((_, Ended::Tended(true))) => self.tends_at = self.clock.now(),
            Ok((_, Ended::Tended(false))) => self.tends_at = soon,
            // It would panic again at once.
            Err(_) if is_of_loop => self.rest(Some(soon)),
            Ok((_, Ended::GivenBack)) | Err(_) => {}
        }
    }

    fn rest(&mut self, until: Option<Instant>) {
        self.rests_until = until.map_or(self.rests_until, |until| until.max(self.rests_until));
    }

    /// Waits for everything that is under way.
    async fn drain(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.end(Some(ended));
        }
    }

    /// Drops what is under way where it stands, and gives its deliveries back, so that others have them before their time is over.
    async fn abandon(&mut self) {
        let held: Vec<T::Receipt> = self.held.drain().flat_map(|(_, held)| held).collect();
        let channel = &self.subscription.channel;
        tracing::warn!(
            channel,
            deliveries = held.len(),
            "what is under way does not end, and is given back"
        );
        let clock = self.clock;
        let end = clock.now() + GIVING_BACK;
        self.tasks.abort_all();
        // What cannot be dropped still works on its deliveries: they come again by themselves.
        if clock.until(end, self.drain()).await.is_err() {
            return;
        }
        for receipt in held {
            self.return_one(receipt, Duration::ZERO);
        }
        let _ = clock.until(end, self.drain()).await;
    }

    fn deliver(&mut self, mut received: Vec<Received<T::Receipt>>) {
        let rest = self.rests_until.saturating_duration_since(self.clock.now());
        if self.is_stopping || !rest.is_zero() {
            for one in received {
                self.return_one(one.receipt, rest);
            }
            return;
        }
        let size = usize::try_from(self.pace.batch.max(1)).unwrap_or(usize::MAX);
        while !received.is_empty() {
            let others = received.split_off(size.min(received.len()));
            self.process(std::mem::replace(&mut received, others));
        }
    }

    fn return_one(&mut self, receipt: T::Receipt, after: Duration) {
        let (transport, own) = (self.transport.clone(), receipt.clone());
        let task = self.tasks.spawn(async move {
            if let Err(error) = transport.give_back(&receipt, after).await {
                tracing::debug!(%error, "a delivery was not given back, and comes again later");
            }
            Ended::GivenBack
        });
        self.held.insert(task.id(), vec![own]);
    }

    fn process(&mut self, received: Vec<Received<T::Receipt>>) {
        let (transport, consumer) = (self.transport.clone(), Arc::clone(&self.consumer));
        let (clock, metrics) = (self.clock, Arc::clone(&self.metrics));
        let held = received.iter().map(|one| one.receipt.clone()).collect();
        let task = self.tasks.spawn(async move {
            let (deliveries, receipts): (Vec<_>, Vec<_>) = received
                .into_iter()
                .map(|received| (received.delivery, received.receipt))
                .unzip();
            reach("received");
            let settlements = consumer.process_batch(deliveries).await;
            let mut rests_until = None;
            for (receipt, settlement) in receipts.iter().zip(settlements) {
                reach("settling");
                let started = clock.now();
                settle(&transport, receipt, settlement).await;
                metrics.settled(clock.now().saturating_duration_since(started));
                reach("settled");
                if let Settlement::Pause { after } = settlement {
                    rests_until = rests_until.max(Some(clock.now() + after.min(REST_MAX)));
                }
            }
            Ended::Settled(rests_until)
        });
        self.held.insert(task.id(), held);
    }
}

/// Tells the transport. Where that fails the delivery comes again, which the inbox knows how to take.
async fn settle<T: Transport>(transport: &T, receipt: &T::Receipt, settlement: Settlement) {
    let told = match settlement {
        Settlement::Ack(_) => transport.acknowledge(receipt).await,
        Settlement::Retry { after, .. } | Settlement::Pause { after } => {
            transport.give_back(receipt, after.min(BACK_MAX)).await
        }
    };
    match told {
        Ok(true) => {}
        Ok(false) => tracing::debug!("the time of a delivery was over before it was settled"),
        Err(error) => tracing::warn!(%error, "a delivery was not settled"),
    }
}

#[cfg(test)]
mod tests;
