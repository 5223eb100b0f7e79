//! What runs in one service, from its first contact with the broker to its end.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use dovetail_messaging::{
    Message,
    consumer::{Handler, HandlerError, Rejection},
    declared::{Channel, Consumption, DeadLetters, Inbox, MessageType},
    outbox::{PublishError, Publisher},
    service::{Options, RunError, Runner},
    store::{ErrorKind, StoreError, sqlite::Sqlite},
    transport::{self, Kind, Received, Subscription, Transport},
};
use dovetail_resilience::{Chance, Clock};
use tokio::sync::Notify;

use crate::support::{Bench, start};

const HOUR: Duration = Duration::from_secs(3_600);

const ORDERS: Channel = Channel {
    name: "orders",
    transport: "embedded",
    address: "shop.orders",
    kind: Kind::Topic,
    partitions: None,
    retention: None,
    keeps_keys: true,
};

static CONSUMED: &[&Consumption] = &[&CHARGE];

static BY_OFFSET: &[&Consumption] = &[&Consumption {
    inbox: Inbox::Offset,
    ..CHARGE
}];

const CHARGE: Consumption = Consumption {
    name: "billing/orders/charge",
    message: &MessageType {
        name: "order.created",
        provider: "orders",
        version: "1.0.0",
        channel: ORDERS,
        key: None,
        content_type: "application/json",
        schema: "urn:dovetail:orders:order.created:1.0.0",
    },
    inbox: Inbox::Transaction,
    id_pointer: None,
    is_ordered: false,
    attempts_max: 1,
    backoff: (HOUR, HOUR),
    deadline: HOUR,
    retain: HOUR,
    dead_letter: DeadLetters {
        alert_depth: 1,
        alert_oldest: HOUR,
        retain: HOUR,
    },
};

/// A broker that fails so many times before it can do anything, and has no messages.
#[derive(Clone)]
struct Slow {
    failures: Arc<AtomicU32>,
    kind: ErrorKind,
    subscribed: Arc<Notify>,
    asked: Arc<Notify>,
    closed: Arc<AtomicU32>,
    mixes: bool,
}

impl Slow {
    fn failing(failures: u32, kind: ErrorKind) -> Self {
        Self {
            failures: Arc::new(AtomicU32::new(failures)),
            kind,
            subscribed: Arc::default(),
            asked: Arc::default(),
            closed: Arc::default(),
            mixes: false,
        }
    }
}

impl Publisher for Slow {
    fn system(&self) -> &'static str {
        "slow"
    }

    async fn publish(&self, _: &Message) -> Result<(), PublishError> {
        Ok(())
    }
}

impl Transport for Slow {
    type Receipt = ();

    fn mixes_partitions(&self) -> bool {
        self.mixes
    }

    async fn declare(&self, channel: &transport::Channel) -> Result<(), StoreError> {
        assert_eq!(channel.name, "shop.orders");
        let is_left = |left: u32| left.checked_sub(1);
        let order = Ordering::Relaxed;
        match self.failures.fetch_update(order, order, is_left) {
            Ok(_) => Err(StoreError::new("declare the channel", self.kind)),
            Err(_) => Ok(()),
        }
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        assert_eq!(subscription.group, "billing/orders");
        self.subscribed.notify_one();
        Ok(())
    }

    async fn receive(
        &self,
        _: &Subscription,
        _: u32,
        wait: Duration,
    ) -> Result<Vec<Received<()>>, StoreError> {
        Clock::system().sleep(wait).await;
        Ok(Vec::new())
    }

    async fn acknowledge(&self, (): &()) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn give_back(&self, (): &(), _: Duration) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Option<u64>, StoreError> {
        assert_eq!(subscription.group, "billing/orders");
        self.asked.notify_one();
        Ok(Some(7))
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.closed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Is never asked.
struct Idle;

impl<T: Send> Handler<T> for Idle {
    type Event = ();

    fn decode(&self, _: &Message) -> Result<(), Rejection> {
        Ok(())
    }

    async fn handle(&self, _: &mut T, (): (), _: &Message) -> Result<(), HandlerError> {
        Ok(())
    }
}

fn runner(store: Sqlite, broker: Slow) -> Runner<Sqlite, Slow> {
    let options = Options {
        relay: None,
        cleaning: None,
        ..Options::default()
    };
    let clock = Clock::pinned_at(start());
    Runner::new("billing", store, broker, options, clock, Chance::seeded(1))
        .transactional(ORDERS, CONSUMED, Idle)
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_down_is_waited_for() {
    let bench = Bench::new().await;
    let broker = Slow::failing(20, ErrorKind::Unavailable);
    let subscribed = Arc::clone(&broker.subscribed);
    let began = Clock::system().now();
    let running = runner(bench.store.clone(), broker);
    tokio::select! {
        ended = running.run(pending()) => panic!("{ended:?}"),
        () = subscribed.notified() => {}
    }
    let waited = Clock::system().now() - began;
    assert!(waited > Duration::from_secs(300), "{waited:?}");
    assert!(waited < Duration::from_secs(20 * 60), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_stops_while_it_waits_for_its_broker() {
    let bench = Bench::new().await;
    let broker = Slow::failing(u32::MAX, ErrorKind::Unavailable);
    let clock = Clock::system();
    let stop = clock.sleep(Duration::from_secs(60));
    runner(bench.store.clone(), broker).run(stop).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_the_broker_refuses_is_an_error() {
    let bench = Bench::new().await;
    let broker = Slow::failing(1, ErrorKind::Refused);
    let ended = runner(bench.store.clone(), broker).run(pending()).await;
    assert!(matches!(ended, Err(RunError::Refused { channel, .. }) if channel == "shop.orders"));
}

/// What the alerts of a service look at is there without anybody asking for it.
#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn what_waits_in_the_broker_is_observed_and_the_broker_is_taken_leave_of() {
    let page = dovetail_messaging::metrics::Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let bench = Bench::new().await;
    let broker = Slow::failing(0, ErrorKind::Unavailable);
    let (asked, closed) = (Arc::clone(&broker.asked), Arc::clone(&broker.closed));
    let stop = async {
        // The second time the first answer is on the page.
        asked.notified().await;
        asked.notified().await;
        assert_eq!(closed.load(Ordering::Relaxed), 0);
    };
    runner(bench.store.clone(), broker).run(stop).await.unwrap();
    assert_eq!(closed.load(Ordering::Relaxed), 1);
    let text = page.render();
    let expected = "dovetail_consumer_lag{consumer=\"billing/orders\"} 7";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test(start_paused = true)]
async fn offsets_are_not_kept_where_partitions_are_mixed() {
    let bench = Bench::new().await;
    let broker = Slow {
        mixes: true,
        ..Slow::failing(0, ErrorKind::Refused)
    };
    let options = Options::default();
    let clock = Clock::pinned_at(start());
    let (store, chance) = (bench.store.clone(), Chance::seeded(1));
    let runner = Runner::new("billing", store, broker, options, clock, chance);
    let runner = runner.transactional(ORDERS, BY_OFFSET, Idle);
    let ended = runner.run(pending()).await;
    assert!(matches!(ended, Err(RunError::Mixed { consumer }) if consumer == CHARGE.name));
}
