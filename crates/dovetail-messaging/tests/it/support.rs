//! A store of its own for each test, and a handler that does what the body of a message says.

#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Handler, HandlerError, Rejection},
    dead_letter::{DeadLetter, Filter, State},
    store::{Leases, Outbox, Replays, Store, Transaction, sqlite::Sqlite},
};
use dovetail_resilience::{Chance, Clock, backoff};

pub(crate) const NAME: &str = "billing/orders/charge";

/// The instant at which every test begins.
pub(crate) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// So many seconds after the start.
pub(crate) fn after(seconds: u64) -> SystemTime {
    start() + Duration::from_secs(seconds)
}

/// A store that tests run on, with all that they do beside it.
pub(crate) trait Database: Store<Transaction: Work> + Leases + Outbox + Replays {
    /// What holds its data, and goes with the test.
    type Home: Send + Sync;

    /// A place for data, with tables for effects: `effect (id, body)`, `unique_effect (id)`, and
    /// `late_effect (id)` which refers to `unique_effect` by the time of the commit.
    fn home() -> impl Future<Output = Self::Home> + Send;

    /// What another process finds the place by.
    fn address(home: &Self::Home) -> String;

    /// Opens what is there, as another process would.
    fn open(address: &str) -> impl Future<Output = Self> + Send;

    /// Runs statements that mean the same everywhere, and returns how many rows they wrote.
    fn run(&self, sql: &str) -> impl Future<Output = u64> + Send;

    /// The number that a statement answers with.
    fn count(&self, sql: &str) -> impl Future<Output = i64> + Send;

    /// What was done, in its order.
    fn effects(&self) -> impl Future<Output = Vec<String>> + Send;

    /// Lets time pass for a store that goes by a clock of its own.
    fn pass_time(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// What the handler of tests does in a transaction.
pub(crate) trait Work: Transaction {
    /// Writes the effect of a message.
    fn effect(
        &mut self,
        id: &str,
        body: &str,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;

    /// Violates a constraint.
    fn conflict(&mut self) -> impl Future<Output = Result<(), HandlerError>> + Send;

    /// Violates a constraint in such a way that the transaction is over, where the store has that.
    fn conflict_that_ends(&mut self) -> impl Future<Output = Result<(), HandlerError>> + Send;

    /// Violates a constraint that is checked at the end of the transaction.
    fn conflict_at_commit(&mut self) -> impl Future<Output = Result<(), HandlerError>> + Send;

    /// Runs a statement that writes, and takes for ever.
    fn endless(&mut self) -> impl Future<Output = Result<(), HandlerError>> + Send;

    /// Tries to end the transaction.
    fn end(&mut self) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// Makes a test of each name for each store.
macro_rules! on_each_store {
    ($($name:ident $(($($how:tt)*))?),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test$(($($how)*))?]
                async fn $name() {
                    super::$name::<dovetail_messaging::store::sqlite::Sqlite>().await;
                }
            )*
        }

        #[cfg(feature = "postgres")]
        mod postgres {
            $(
                #[tokio::test$(($($how)*))?]
                async fn $name() {
                    if crate::support::postgres::is_there() {
                        super::$name::<dovetail_messaging::store::postgres::Postgres>().await;
                    }
                }
            )*
        }
    };
}

pub(crate) use on_each_store;

/// A store that goes with the test.
pub(crate) struct Bench<D: Database = Sqlite> {
    // The store before its home: it is closed first.
    pub(crate) store: D,
    pub(crate) home: D::Home,
    elapsed: AtomicU64,
}

impl Bench<Sqlite> {
    /// A bench on the embedded store.
    pub(crate) async fn new() -> Self {
        Self::of_store().await
    }
}

impl<D: Database> Bench<D> {
    /// A bench on whatever store the test is for.
    pub(crate) async fn of_store() -> Self {
        let home = D::home().await;
        let store = D::open(&D::address(&home)).await;
        Self {
            store,
            home,
            elapsed: AtomicU64::new(0),
        }
    }

    /// The same data as another process would open it.
    pub(crate) async fn other(&self) -> D {
        D::open(&D::address(&self.home)).await
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.store.count(sql).await
    }

    /// What was done, in its order.
    pub(crate) async fn effects(&self) -> Vec<String> {
        self.store.effects().await
    }

    pub(crate) async fn letters(&self) -> Vec<DeadLetter> {
        let filter = Filter {
            state: Some(State::Open),
            ..Filter::default()
        };
        self.store.letters(filter, 0, 100).await.unwrap()
    }

    pub(crate) fn consumer(&self, config: Config) -> Consumer<D, Obedient> {
        consumer(self.store.clone(), config)
    }

    /// Goes to so many seconds after the start, and says what the clock of the host shows then.
    pub(crate) async fn at(&self, seconds: u64) -> SystemTime {
        let before = self.elapsed.swap(seconds, Ordering::SeqCst);
        let time = Duration::from_secs(seconds.checked_sub(before).expect("time goes forward"));
        self.store.pass_time(time).await;
        after(seconds)
    }
}

pub(crate) fn consumer<D: Database>(store: D, config: Config) -> Consumer<D, Obedient> {
    consumer_at(store, config, start())
}

/// A consumer that begins at another time than the test.
pub(crate) fn consumer_at<D: Database>(
    store: D,
    config: Config,
    now: SystemTime,
) -> Consumer<D, Obedient> {
    Consumer::new(
        NAME,
        store,
        Obedient::default(),
        config,
        Clock::pinned_at(now),
        Chance::seeded(1),
    )
}

/// Retries at once, so that nothing waits in tests.
pub(crate) fn config() -> Config {
    Config {
        attempts_max: 3,
        deadline: Duration::from_secs(30),
        backoff: backoff::Config {
            base: Duration::ZERO,
            throttled_base: Duration::ZERO,
            max: Duration::ZERO,
        },
        contract: Some("orders 1.4.0".to_owned()),
        ..Config::default()
    }
}

pub(crate) fn message(id: &str, body: &str) -> Message {
    Message::new("orders", "shop", id, body.to_owned())
}

/// Does what the body says, after it has written the effect and published an event.
#[derive(Debug, Default, Clone)]
pub(crate) struct Obedient {
    pub(crate) calls: Arc<AtomicU32>,
    /// While more than nothing, `fail` fails, and this becomes less.
    pub(crate) failures: Arc<AtomicU32>,
}

impl<T: Work> Handler<T> for Obedient {
    type Event = String;

    fn decode(&self, message: &Message) -> Result<String, Rejection> {
        let text = String::from_utf8(message.body.to_vec()).map_err(Rejection::decode)?;
        match text.as_str() {
            "invalid" => Err(Rejection::contract("/amount is missing")),
            "decoder panics" => panic!("the decoder gave up"),
            _ => Ok(text),
        }
    }

    async fn handle(
        &self,
        transaction: &mut T,
        event: String,
        message: &Message,
    ) -> Result<(), HandlerError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let id = message.id.clone().unwrap_or_default();
        if event == "endless" {
            // From here on only the deadline is waited for.
            tokio::time::pause();
            return transaction.endless().await;
        }
        transaction.effect(&id, &event).await?;
        transaction.publish(message_of(&id))?;
        match event.as_str() {
            "fail" => Err(HandlerError::Message("it does not work".to_owned())),
            "fail at first" if self.fails() => Err(HandlerError::Message("not yet".to_owned())),
            "fail at first, then down" if self.fails() => {
                Err(HandlerError::Message("not yet".to_owned()))
            }
            "fatal" => Err(HandlerError::Fatal("no such account".to_owned())),
            "fail at first, then down" | "down" => {
                Err(HandlerError::Infrastructure("no route".to_owned()))
            }
            "panic" => panic!("at the handler"),
            "hang" => {
                tokio::time::pause();
                std::future::pending().await
            }
            "conflict" => transaction.conflict().await,
            "conflict that ends" => transaction.conflict_that_ends().await,
            "at the commit" => transaction.conflict_at_commit().await,
            "commit" => transaction.end().await,
            _ => Ok(()),
        }
    }
}

impl Obedient {
    fn fails(&self) -> bool {
        self.failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }
}

/// The event that the handler publishes.
pub(crate) fn message_of(id: &str) -> Message {
    Message::new("charges", "billing", format!("charged-{id}"), "{}")
}
