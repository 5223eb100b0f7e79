//! The loop on a broker and a consumer that do as they are told, with a clock that waits for nobody.

use std::{
    future::pending,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use super::*;
use crate::{
    consumer::Done,
    message::Message,
    outbox::{PublishError, Publisher},
    transport::Channel,
};

/// A broker that gives so many messages, one at a time and at once, and then none; or panics.
#[derive(Debug, Clone, Default)]
struct Broker(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    messages: AtomicU32,
    panics: bool,
    asked: AtomicU32,
    given_back: Mutex<Vec<(u32, Duration)>>,
}

impl Broker {
    fn with(messages: u32) -> Self {
        Self(Arc::new(Inner {
            messages: messages.into(),
            ..Inner::default()
        }))
    }

    fn given_back(&self) -> Vec<(u32, Duration)> {
        let mut given_back = self.0.given_back.lock().unwrap().clone();
        given_back.sort();
        given_back
    }
}

impl Publisher for Broker {
    async fn publish(&self, _: &Message) -> Result<(), PublishError> {
        Ok(())
    }
}

impl Transport for Broker {
    type Receipt = u32;

    async fn declare(&self, _: &Channel) -> Result<(), StoreError> {
        Ok(())
    }

    async fn subscribe(&self, _: &Subscription) -> Result<(), StoreError> {
        Ok(())
    }

    async fn receive(
        &self,
        _: &Subscription,
        _: u32,
        wait: Duration,
    ) -> Result<Vec<Received<u32>>, StoreError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        assert!(!self.0.panics, "a defect");
        let order = Ordering::SeqCst;
        let left = self
            .0
            .messages
            .fetch_update(order, order, |left| left.checked_sub(1));
        let Ok(left) = left else {
            Clock::system().sleep(wait).await;
            return Ok(Vec::new());
        };
        let receipt = left - 1;
        let message = Message::new("orders", "shop", receipt.to_string(), "");
        Ok(vec![Received {
            delivery: Delivery::from(message),
            receipt,
            deliveries: 1,
        }])
    }

    async fn acknowledge(&self, _: &u32) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn give_back(&self, receipt: &u32, after: Duration) -> Result<bool, StoreError> {
        self.0.given_back.lock().unwrap().push((*receipt, after));
        Ok(true)
    }
}

/// What a consumer makes of each message, and whether it panics where there is none.
#[derive(Debug, Default)]
struct Consuming {
    settlement: Option<Settlement>,
    panics: bool,
    tended: AtomicU32,
}

impl Process for Consuming {
    async fn process(&self, _: Delivery) -> Settlement {
        match self.settlement {
            Some(settlement) => settlement,
            None => pending().await,
        }
    }

    async fn tend(&self) -> bool {
        self.tended.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "a defect");
        false
    }
}

/// Runs for a while, and returns how long it took to stop.
async fn run_for(
    broker: &Broker,
    consumer: &Arc<Consuming>,
    pace: Pace,
    time: Duration,
) -> Duration {
    let clock = Clock::system();
    let subscription = Subscription {
        channel: "orders".to_owned(),
        group: "billing/orders".to_owned(),
    };
    let began = clock.now();
    let (broker, consumer) = (broker.clone(), Arc::clone(consumer));
    run(
        broker,
        subscription,
        consumer,
        pace,
        clock,
        clock.sleep(time),
    )
    .await;
    clock.now() - began - time
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_panics_is_not_begun_again_at_once() {
    let broker = Broker(Arc::new(Inner {
        panics: true,
        ..Inner::default()
    }));
    let consumer = Arc::new(Consuming {
        panics: true,
        ..Consuming::default()
    });
    run_for(&broker, &consumer, Pace::default(), 10 * SECOND).await;
    for count in [&broker.0.asked, &consumer.tended] {
        let count = count.load(Ordering::SeqCst);
        assert!((5..=11).contains(&count), "{count}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_never_waits_waits_a_little() {
    // One is under way all the time, and there is room for more.
    let broker = Broker::with(1);
    let pace = Pace {
        wait: Duration::ZERO,
        ..Pace::default()
    };
    let consumer = Arc::default();
    run_for(&broker, &consumer, pace, SECOND).await;
    let tended = consumer.tended.load(Ordering::SeqCst);
    assert!((100..=201).contains(&tended), "{tended}");
}

#[tokio::test(start_paused = true)]
async fn no_time_is_too_long_for_a_clock() {
    let broker = Broker::with(1);
    let pace = Pace {
        wait: Duration::MAX,
        drain: Duration::MAX,
        ..Pace::default()
    };
    let consumer = Arc::new(Consuming {
        settlement: Some(Settlement::Pause {
            after: Duration::MAX,
        }),
        ..Consuming::default()
    });
    run_for(&broker, &consumer, pace, SECOND).await;
    assert_eq!(broker.given_back(), [(0, BACK_MAX)]);
    // Once more while the message was under way, and then it rests.
    assert_eq!(broker.0.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_in_time_is_given_back() {
    let broker = Broker::with(3);
    let pace = Pace {
        drain: 5 * SECOND,
        ..Pace::default()
    };
    let took = run_for(&broker, &Arc::default(), pace, SECOND).await;
    assert_eq!(took, 5 * SECOND);
    let none = Duration::ZERO;
    assert_eq!(broker.given_back(), [(0, none), (1, none), (2, none)]);
}

#[tokio::test(start_paused = true)]
async fn what_ends_in_time_is_waited_for() {
    let broker = Broker::with(3);
    let consumer = Arc::new(Consuming {
        settlement: Some(Settlement::Ack(Done::Handled)),
        ..Consuming::default()
    });
    let took = run_for(&broker, &consumer, Pace::default(), SECOND).await;
    assert!(took <= SECOND, "{took:?}");
    assert_eq!(broker.given_back(), []);
}
