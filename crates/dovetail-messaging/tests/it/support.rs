//! A store in a folder of its own, and a handler that does what the body of a message says.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Handler, HandlerError, Rejection},
    dead_letter::{DeadLetter, Filter, State},
    store::{
        DeadLetters, Transaction,
        sqlite::{Durability, Options, Sqlite, SqliteTransaction},
    },
};
use dovetail_resilience::{Chance, Clock, backoff};
use tempfile::TempDir;

pub(crate) const NAME: &str = "billing/orders/charge";

/// The instant at which every test begins.
pub(crate) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// So many seconds after the start.
pub(crate) fn after(seconds: u64) -> SystemTime {
    start() + Duration::from_secs(seconds)
}

/// A database that goes with the test.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) store: Sqlite,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        store
            .transact(|connection| {
                connection.execute_batch(
                    "CREATE TABLE effect (id TEXT NOT NULL, body TEXT NOT NULL);
                     CREATE TABLE unique_effect (id TEXT PRIMARY KEY);",
                )
            })
            .await
            .unwrap();
        Self { folder, store }
    }

    /// The same file as another process would open it.
    pub(crate) fn other(&self) -> Sqlite {
        open(&self.folder)
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        count(&self.store, sql).await
    }

    /// What was done, in its order.
    pub(crate) async fn effects(&self) -> Vec<String> {
        self.store
            .transact(|connection| {
                let mut statement = connection.prepare("SELECT id FROM effect ORDER BY rowid")?;
                statement.query_map([], |row| row.get(0))?.collect()
            })
            .await
            .unwrap()
    }

    pub(crate) async fn letters(&self) -> Vec<DeadLetter> {
        let filter = Filter {
            state: Some(State::Open),
            ..Filter::default()
        };
        self.store.letters(filter, 0, 100).await.unwrap()
    }

    pub(crate) fn consumer(&self, config: Config) -> Consumer<Sqlite, Obedient> {
        consumer(self.store.clone(), config)
    }
}

pub(crate) fn open(folder: &TempDir) -> Sqlite {
    let options = Options {
        durability: Durability::Normal,
        busy_timeout: Duration::from_secs(20),
        ..Options::default()
    };
    Sqlite::open(folder.path().join("shop.db"), options, start()).unwrap()
}

pub(crate) async fn count(store: &Sqlite, sql: &'static str) -> i64 {
    store
        .transact(move |connection| connection.query_row(sql, [], |row| row.get(0)))
        .await
        .unwrap()
}

pub(crate) fn consumer(store: Sqlite, config: Config) -> Consumer<Sqlite, Obedient> {
    Consumer::new(
        NAME,
        store,
        Obedient::default(),
        config,
        Clock::pinned_at(start()),
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

impl Handler<SqliteTransaction> for Obedient {
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
        transaction: &mut SqliteTransaction,
        event: String,
        message: &Message,
    ) -> Result<(), HandlerError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let id = message.id.clone().unwrap_or_default();
        if event == "endless" {
            return endless(transaction).await;
        }
        effect(transaction, &id, &event).await?;
        transaction.publish(message_of(&id))?;
        match event.as_str() {
            "fail" => Err(HandlerError::Message("it does not work".to_owned())),
            "fail at first" if self.fails() => Err(HandlerError::Message("not yet".to_owned())),
            "fatal" => Err(HandlerError::Fatal("no such account".to_owned())),
            "down" => Err(HandlerError::Infrastructure("no route".to_owned())),
            "panic" => panic!("at the handler"),
            "hang" => {
                // From here on only the deadline is waited for.
                tokio::time::pause();
                std::future::pending().await
            }
            "conflict" => conflict(transaction).await,
            "commit" => Ok(transaction
                .run(|connection| connection.execute_batch("COMMIT"))
                .await?),
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

pub(crate) async fn effect(
    transaction: &mut SqliteTransaction,
    id: &str,
    body: &str,
) -> Result<(), HandlerError> {
    let (id, body) = (id.to_owned(), body.to_owned());
    transaction
        .run(move |connection| {
            connection.execute("INSERT INTO effect (id, body) VALUES (?1, ?2)", (id, body))
        })
        .await?;
    Ok(())
}

async fn conflict(transaction: &mut SqliteTransaction) -> Result<(), HandlerError> {
    for _ in 0..2 {
        transaction
            .run(|connection| connection.execute("INSERT INTO unique_effect VALUES ('one')", []))
            .await?;
    }
    Ok(())
}

async fn endless(transaction: &mut SqliteTransaction) -> Result<(), HandlerError> {
    let statement =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    transaction
        .run(move |connection| connection.query_row(statement, [], |row| row.get::<_, i64>(0)))
        .await?;
    Ok(())
}
