//! What is generated from a contract, beside a loop that somebody wrote by hand: both take the same messages from the same queue, read them, write
//! the same rows, and acknowledge.

use std::{
    collections::VecDeque,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use depot_consumers::{Consumers, ParcelsHandler, ParcelsLeaseHandler};
use dovetail_messaging::{
    Message,
    consumer::{Context, HandlerError, Held, Pace},
    outbox::{PublishError, Publisher},
    service::Options,
    store::StoreError,
    transport::{Channel, Received, Subscription, Transport},
};
use dovetail_resilience::{Chance, Clock};
use parcels_messages::{channels::DESK, messages::RELEASE_PARCEL, types};
use serde::Deserialize;
use tokio::sync::{Notify, oneshot};

use super::course::{Course, Load, Rate, WARM_UP};
use crate::{
    child::block_on,
    common::{Watch, start},
    ground::{Ground, Open},
    tally::Effect,
};

/// The name of the consumer, as the contract has it.
pub(super) const CONSUMER: &str = "depot/parcels/run";

/// Messages in memory: what is measured is what follows.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    added: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Message>,
    under_way: usize,
}

impl Queue {
    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, messages: Vec<Message>) {
        self.state(|state| state.waiting.extend(messages));
        self.0.added.notify_waiters();
    }

    /// Takes some messages, and waits until there is one.
    pub(super) async fn take(&self, limit: usize) -> Vec<Message> {
        loop {
            let mut added = std::pin::pin!(self.0.added.notified());
            added.as_mut().enable();
            let taken = self.state(|state| {
                let count = state.waiting.len().min(limit);
                state.under_way += count;
                state.waiting.drain(..count).collect::<Vec<_>>()
            });
            if !taken.is_empty() {
                return taken;
            }
            added.await;
        }
    }

    /// One of what was taken is done.
    pub(super) fn done(&self) {
        let is_empty = self.state(|state| {
            state.under_way -= 1;
            state.under_way == 0 && state.waiting.is_empty()
        });
        if is_empty {
            self.0.emptied.notify_one();
        }
    }

    /// How fast messages go that are added now.
    async fn timed(&self, load: Load) -> Rate {
        self.add(holds(0..WARM_UP));
        self.0.emptied.notified().await;
        let messages = holds(WARM_UP..WARM_UP + load.messages);
        let watch = Watch::start();
        self.add(messages);
        self.0.emptied.notified().await;
        Rate(load.messages as f64 / watch.elapsed().as_secs_f64())
    }
}

fn holds(numbers: std::ops::Range<usize>) -> Vec<Message> {
    numbers
        .map(|number| {
            let body = format!("{{\"parcel_id\":{number},\"until\":\"2027-01-15T08:00:00Z\"}}");
            Message::new(DESK.address, "parcels", format!("m-{number}"), body)
                .with_kind(RELEASE_PARCEL.name)
        })
        .collect()
}

impl Publisher for Queue {
    async fn publish(&self, _: &Message) -> Result<(), PublishError> {
        Ok(())
    }
}

impl Transport for Queue {
    type Receipt = ();

    async fn declare(&self, _: &Channel) -> Result<(), StoreError> {
        Ok(())
    }

    async fn subscribe(&self, _: &Subscription) -> Result<(), StoreError> {
        Ok(())
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<()>>, StoreError> {
        let clock = Clock::system();
        if subscription.channel != DESK.address {
            clock.sleep(wait).await;
            return Ok(Vec::new());
        }
        let taken = clock.until(clock.now() + wait, self.take(limit as usize));
        let received = taken.await.unwrap_or_default().into_iter();
        Ok(received
            .map(|message| Received {
                delivery: message.into(),
                receipt: (),
                deliveries: 1,
            })
            .collect())
    }

    async fn acknowledge(&self, (): &()) -> Result<bool, StoreError> {
        self.done();
        Ok(true)
    }

    async fn give_back(&self, (): &(), _: Duration) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// The effect of a message, which is the same whoever writes it.
pub(super) fn effect_of(message: &str, parcel: i64) -> Effect {
    Effect {
        consumer: CONSUMER.to_owned(),
        id: message.to_owned(),
        key: String::new(),
        sequence: parcel,
    }
}

/// Writes the effect.
struct Desk<G>(PhantomData<fn(G)>);

impl<G: Ground> ParcelsHandler<Open<G>> for Desk<G> {
    async fn run(
        &self,
        transaction: &mut Open<G>,
        event: types::Hold,
        context: &Context<'_>,
    ) -> Result<(), HandlerError> {
        let id = context.message().id.as_deref().unwrap_or_default();
        G::write(transaction, effect_of(id, event.parcel_id)).await?;
        Ok(())
    }

    async fn r#match(
        &self,
        _: &mut Open<G>,
        _: types::Moved,
        _: &Context<'_>,
    ) -> Result<(), HandlerError> {
        Err(unsent())
    }

    async fn r#loop(
        &self,
        _: &mut Open<G>,
        _: types::Scanned,
        _: &Context<'_>,
    ) -> Result<(), HandlerError> {
        Err(unsent())
    }

    async fn self_(
        &self,
        _: &mut Open<G>,
        _: types::SelfType,
        _: &Context<'_>,
    ) -> Result<(), HandlerError> {
        Err(unsent())
    }
}

impl<G: Ground> ParcelsLeaseHandler for Desk<G> {
    async fn r#type(
        &self,
        _: &mut Held,
        _: types::Lost,
        _: &Context<'_>,
    ) -> Result<(), HandlerError> {
        Err(unsent())
    }
}

fn unsent() -> HandlerError {
    HandlerError::Fatal("nobody sends this".to_owned())
}

/// The generated consumer, as its service runs it.
pub(super) fn consume<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    let in_flight = u32::try_from(load.in_flight)?;
    block_on(async {
        let queue = Queue::default();
        let consumers = Consumers::with_options(
            ground.store().clone(),
            queue.clone(),
            Desk::<G>(PhantomData),
            Options {
                pace: Pace {
                    concurrency: in_flight,
                    ..Pace::default()
                },
                relay: None,
                cleaning: None,
                observing: None,
                ..Options::default()
            },
            Clock::pinned_at(start()),
            Chance::seeded(1),
        );
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(consumers.run(async {
            let _ = stopped.await;
        }));
        let rate = queue.timed(load).await;
        drop(stop);
        running.await.context("the consumers panicked")??;
        Ok(rate)
    })
}

/// What somebody reads by hand.
#[derive(Debug, Deserialize)]
pub(super) struct Hold {
    pub(super) parcel_id: i64,
    /// Read like the rest, and not needed.
    #[expect(dead_code, reason = "reading it is part of the work")]
    until: Option<String>,
}

/// The same by hand.
pub(super) fn by_hand<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    block_on(async {
        let queue = Queue::default();
        let (ground, own) = (ground.clone(), queue.clone());
        let running = tokio::spawn(async move { ground.by_hand(own, load.in_flight).await });
        let rate = queue.timed(load).await;
        running.abort();
        match running.await {
            Ok(ended) => ended?,
            Err(error) if error.is_cancelled() => {}
            Err(error) => return Err(error).context("the loop panicked"),
        }
        Ok(rate)
    })
}
