//! Generated producers and consumers on the embedded store and broker: what is committed is handled once, and what is wrong is kept.

mod awkward;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dovetail_messaging::consumer::{Context, HandlerError};
use dovetail_messaging::dead_letter::{DeadLetter, Filter, Reason};
use dovetail_messaging::outbox::Publisher;
use dovetail_messaging::producer::{EventId, ProducerError};
use dovetail_messaging::service::{Options, Runner};
use dovetail_messaging::store::sqlite::{self, Sqlite, SqliteTransaction};
use dovetail_messaging::store::{DeadLetters, Store, Transaction};
use dovetail_messaging::transport::embedded::Embedded;
use dovetail_messaging::transport::{Subscription, Transport};
use dovetail_messaging::{Chance, Clock, Message};
use orders_messages::types::{Line, OrderCreated};
use payments_messages::types::PaymentSettled;
use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;

/// A database and a broker in one file, which goes with the test.
struct Bench {
    _folder: tempfile::TempDir,
    store: Sqlite,
    broker: Embedded,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = sqlite::Options {
            durability: sqlite::Durability::Normal,
            ..sqlite::Options::default()
        };
        let now = Clock::system().wall();
        let store = Sqlite::open(folder.path().join("shop.db"), options, now).unwrap();
        store
            .transact(|connection| {
                connection
                    .execute_batch("CREATE TABLE effect (what TEXT NOT NULL, id TEXT NOT NULL)")
            })
            .await
            .unwrap();
        let broker = Embedded::new(store.clone(), Duration::from_secs(60), Clock::system());
        Self {
            _folder: folder,
            store,
            broker,
        }
    }

    /// A transaction of the service's own.
    async fn begin(&self) -> SqliteTransaction {
        self.store
            .transaction(Clock::system().wall())
            .await
            .unwrap()
    }

    /// What was done, in its order.
    async fn effects(&self) -> Vec<String> {
        let read = |connection: &sqlite::rusqlite::Connection| {
            let mut statement =
                connection.prepare("SELECT what || ' ' || id FROM effect ORDER BY rowid")?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        self.store.transact(read).await.unwrap()
    }

    async fn letters(&self) -> Vec<DeadLetter> {
        let all = Filter::default();
        self.store.letters(all, 0, 100).await.unwrap()
    }

    /// The channel and the group are there, so that what is published to it now is delivered later.
    async fn subscribe(&self, channel: dovetail_messaging::declared::Channel, group: &str) {
        self.broker.declare(&channel.declaration()).await.unwrap();
        let subscription = Subscription {
            channel: channel.address.to_owned(),
            group: group.to_owned(),
        };
        self.broker.subscribe(&subscription).await.unwrap();
    }
}

fn chance() -> Chance {
    Chance::seeded(4)
}

fn order(number: u128) -> OrderCreated {
    OrderCreated {
        order_id: Uuid::from_u128(number),
        user_id: "u-1".to_owned(),
        total: 1_250,
        lines: vec![Line {
            sku: "tea".to_owned(),
            quantity: 2,
            price: 625,
        }],
        note: None,
        placed_at: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

fn settled(number: u128) -> PaymentSettled {
    PaymentSettled {
        payment_id: "p-1".to_owned(),
        order_id: Uuid::from_u128(number),
        amount: 1_250,
        currency: "EUR".to_owned(),
        method: None,
        settled_at: None,
    }
}

/// Notes what it handled, in its transaction, and says when the last one came.
struct Noting {
    last: Uuid,
    came: Arc<Notify>,
}

impl Noting {
    fn until(last: u128) -> (Self, Arc<Notify>) {
        let came = Arc::new(Notify::new());
        let noting = Self {
            last: Uuid::from_u128(last),
            came: Arc::clone(&came),
        };
        (noting, came)
    }

    async fn note(
        &self,
        transaction: &mut SqliteTransaction,
        what: &'static str,
        id: Uuid,
    ) -> Result<(), HandlerError> {
        transaction
            .run(move |connection| {
                connection.execute(
                    "INSERT INTO effect (what, id) VALUES (?1, ?2)",
                    [what, &id.as_u128().to_string()],
                )
            })
            .await?;
        if id == self.last {
            self.came.notify_one();
        }
        Ok(())
    }
}

impl invoicing_consumers::OrdersHandler<SqliteTransaction> for Noting {
    async fn create_invoice(
        &self,
        transaction: &mut SqliteTransaction,
        event: OrderCreated,
        context: &Context<'_>,
    ) -> Result<(), HandlerError> {
        let is_whole = context.source() == "orders"
            && context.key() == Some(&event.order_id.to_string())
            && context
                .time()
                .is_some_and(|time| time > SystemTime::UNIX_EPOCH)
            && context.header("dataschema") == Some("urn:dovetail:orders:order.created:1.4.0");
        if !is_whole {
            return Err(HandlerError::Fatal(format!("{context:?}")));
        }
        self.note(transaction, "invoice", event.order_id).await
    }
}

impl orders_consumers::PaymentsHandler<SqliteTransaction> for Noting {
    async fn mark_paid(
        &self,
        transaction: &mut SqliteTransaction,
        event: PaymentSettled,
        _context: &Context<'_>,
    ) -> Result<(), HandlerError> {
        // What a handler publishes is part of its effect.
        let events = orders_messages::OrdersEvents::new(Clock::system(), chance());
        let number = event.order_id.as_u128();
        events
            .order_created(transaction, &order(number))
            .map_err(|error| HandlerError::Fatal(error.to_string()))?;
        self.note(transaction, "paid", event.order_id).await
    }
}

/// Places an order: the row and the event in one transaction.
async fn place(bench: &Bench, number: u128, id: &str) -> Result<EventId, ProducerError> {
    let events = orders_messages::OrdersEvents::new(Clock::system(), chance());
    let id = EventId::new(id)?;
    let mut transaction = bench.begin().await;
    transaction
        .run(move |connection| {
            connection.execute(
                "INSERT INTO effect (what, id) VALUES ('order', ?1)",
                [number.to_string()],
            )
        })
        .await?;
    let id = events.order_created_with_id(&mut transaction, id, &order(number))?;
    transaction.commit().await?;
    Ok(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_is_handled_once_however_often_it_is_sent() {
    let bench = Bench::new().await;
    for (number, id) in [(1, "a"), (1, "a"), (2, "b"), (1, "a"), (2, "b"), (3, "c")] {
        place(&bench, number, id).await.unwrap();
    }
    let (noting, came) = Noting::until(3);
    let consumers = invoicing_consumers::Consumers::new(
        bench.store.clone(),
        bench.broker.clone(),
        noting,
        Clock::system(),
        chance(),
    );
    consumers.run(came.notified()).await.unwrap();
    let mut invoices = bench.effects().await;
    invoices.retain(|effect| effect.starts_with("invoice"));
    invoices.sort_unstable();
    assert_eq!(invoices, ["invoice 1", "invoice 2", "invoice 3"]);
    assert!(bench.letters().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_and_its_cause_exist_together_or_not_at_all() {
    let bench = Bench::new().await;
    let events = orders_messages::OrdersEvents::new(Clock::system(), chance());
    let mut transaction = bench.begin().await;
    events.order_created(&mut transaction, &order(9)).unwrap();
    transaction.rollback().await;
    place(&bench, 1, "a").await.unwrap();
    let (noting, came) = Noting::until(1);
    let consumers = invoicing_consumers::Consumers::new(
        bench.store.clone(),
        bench.broker.clone(),
        noting,
        Clock::system(),
        chance(),
    );
    consumers.run(came.notified()).await.unwrap();
    assert_eq!(bench.effects().await, ["order 1", "invoice 1"]);
}

/// A message of payments as anybody might send it, in order with all others of these tests.
fn foreign(id: &str, kind: &str, body: &str) -> Message {
    Message::new("payments", "payments", id, body.to_owned())
        .with_kind(kind)
        .with_key("one")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_its_contract_is_kept_with_a_reason_and_the_rest_goes_on() {
    let bench = Bench::new().await;
    let channel = payments_messages::channels::PAYMENTS;
    bench.subscribe(channel, "orders/payments").await;
    let whole = |number| serde_json::to_string(&settled(number)).unwrap();
    let newer = json!({
        "payment_id": "p-2", "order_id": Uuid::from_u128(2), "amount": 1, "currency": "EUR",
        "method": "barter", "added": { "later": true },
    });
    let secret = json!({
        "payment_id": "p-3", "order_id": Uuid::from_u128(3), "amount": "4111-1111", "currency": "EUR",
    });
    for message in [
        foreign("1", "payment.settled", &whole(1)),
        foreign("2", "payment.settled", "{\"amount\": 4111"),
        foreign("3", "payment.settled", &secret.to_string()),
        foreign("4", "payment.settled", "{\"payment_id\":\"p-4\"}"),
        foreign("5", "payment.invented", "4111"),
        foreign("1", "payment.settled", &whole(1)),
        foreign("6", "payment.settled", &newer.to_string()),
        foreign("1", "payment.settled", &whole(7)),
        foreign("8", "payment.settled", &whole(8)),
    ] {
        bench.broker.publish(&message).await.unwrap();
    }
    let (noting, came) = Noting::until(8);
    let consumers = orders_consumers::Consumers::with_options(
        bench.store.clone(),
        bench.broker.clone(),
        noting,
        Options {
            relay: None,
            ..Options::default()
        },
        Clock::system(),
        chance(),
    );
    consumers.run(came.notified()).await.unwrap();
    assert_eq!(bench.effects().await, ["paid 1", "paid 2", "paid 8"]);
    let letters = bench.letters().await;
    let told: Vec<_> = letters
        .iter()
        .map(|letter| {
            let id = letter.message.id.as_deref().unwrap();
            (id, letter.reason, letter.detail.as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "2",
                Reason::Decode,
                "the body is no JSON from line 1, column 15 on"
            ),
            ("3", Reason::Contract, "at amount: expected i64"),
            ("4", Reason::Contract, "at .: missing field `order_id`"),
            (
                "1",
                Reason::IdReuse,
                "another message had its source and id"
            ),
        ]
    );
    for letter in letters {
        assert_eq!(letter.consumer, "orders/payments/mark_paid");
        assert_eq!(letter.contract.as_deref(), Some("2.0.1"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_handler_publishes_reaches_the_next_service() {
    let bench = Bench::new().await;
    let channel = orders_messages::channels::ORDERS;
    bench.subscribe(channel, "invoicing/orders").await;
    // Payments consumes nothing: it only publishes, and the relay of its outbox brings that to the broker.
    bench
        .subscribe(payments_messages::channels::PAYMENTS, "orders/payments")
        .await;
    let events = payments_messages::PaymentsEvents::new(Clock::system(), chance());
    let mut transaction = bench.begin().await;
    events
        .payment_settled(&mut transaction, &settled(5))
        .unwrap();
    transaction.commit().await.unwrap();
    let (paying, paid) = Noting::until(5);
    let (invoicing, invoiced) = Noting::until(5);
    let orders = orders_consumers::Consumers::new(
        bench.store.clone(),
        bench.broker.clone(),
        paying,
        Clock::system(),
        chance(),
    );
    orders.run(paid.notified()).await.unwrap();
    let invoices = invoicing_consumers::Consumers::new(
        bench.store.clone(),
        bench.broker.clone(),
        invoicing,
        Clock::system(),
        chance(),
    );
    invoices.run(invoiced.notified()).await.unwrap();
    assert_eq!(bench.effects().await, ["paid 5", "invoice 5"]);
}

#[tokio::test]
async fn a_channel_that_is_there_in_another_way_is_refused() {
    let bench = Bench::new().await;
    let channel = orders_messages::channels::ORDERS;
    let other = dovetail_messaging::transport::Channel {
        kind: dovetail_messaging::transport::Kind::Queue,
        ..channel.declaration()
    };
    bench.broker.declare(&other).await.unwrap();
    let runner = Runner::new(
        "orders",
        bench.store.clone(),
        bench.broker.clone(),
        Options::default(),
        Clock::system(),
        chance(),
    );
    let result = runner
        .declaring(orders_messages::channels::ALL)
        .run(std::future::pending())
        .await;
    let error = result.unwrap_err().to_string();
    assert_eq!(error, "the broker refuses the channel `orders`");
}
