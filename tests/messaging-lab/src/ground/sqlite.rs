//! The embedded store as a ground.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    store::{
        StoreError,
        sqlite::{
            Durability, Options, Sqlite, SqliteTransaction,
            rusqlite::{Connection, params},
        },
    },
};
use dovetail_resilience::Clock;
use rusqlite::{ffi, functions::FunctionFlags};

use super::Ground;
use crate::{common::start, tally::Effect};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS effect (
        place INTEGER PRIMARY KEY AUTOINCREMENT, consumer TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, sequence INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS note (id TEXT PRIMARY KEY) WITHOUT ROWID;";

/// What every write of a service comes by that is to lose its disk.
const WRITTEN: [&str; 7] = [
    "effect",
    "note",
    "dovetail_inbox",
    "dovetail_attempt",
    "dovetail_outbox",
    "dovetail_dead_letter",
    "dovetail_parked",
];

/// A file of SQLite, used as a service uses it.
#[derive(Debug, Clone)]
pub(crate) struct OnSqlite {
    store: Sqlite,
    /// Whether its disk fails.
    is_away: Arc<AtomicBool>,
}

/// How the file of a folder is opened. What is killed leaves its pages to the kernel, so a crash of the process needs no disk.
pub(crate) const fn options(durability: Durability) -> Options {
    Options {
        durability,
        busy_timeout: Duration::from_secs(20),
        queue_max: 1_024,
    }
}

impl OnSqlite {
    pub(crate) async fn open_as(folder: &Path, options: Options) -> Result<Self> {
        let store = Sqlite::open(folder.join("shop.db"), options, start())?;
        store
            .transact(|connection| connection.execute_batch(TABLES))
            .await?;
        Ok(Self {
            store,
            is_away: Arc::default(),
        })
    }
}

/// Has every write of this connection fail as it does on a broken disk, for as long as it is away.
fn fail_with(connection: &Connection, is_away: Arc<AtomicBool>) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8;
    connection.create_scalar_function("lab_disk", 0, flags, move |_| {
        if is_away.load(Ordering::SeqCst) {
            let error = ffi::Error::new(ffi::SQLITE_IOERR_WRITE);
            return Err(rusqlite::Error::SqliteFailure(error, None));
        }
        Ok(0)
    })?;
    for table in WRITTEN {
        connection.execute_batch(&format!(
            "CREATE TEMP TRIGGER lab_{table} BEFORE INSERT ON main.{table} BEGIN SELECT lab_disk(); END"
        ))?;
    }
    Ok(())
}

impl Ground for OnSqlite {
    const NAME: &'static str = "sqlite";

    type Store = Sqlite;

    async fn open(folder: &Path) -> Result<Self> {
        Self::open_as(folder, options(Durability::Normal)).await
    }

    async fn open_failing(folder: &Path) -> Result<Self> {
        let ground = Self::open(folder).await?;
        let is_away = Arc::clone(&ground.is_away);
        ground
            .store
            .transact(move |connection| fail_with(connection, is_away))
            .await?;
        Ok(ground)
    }

    async fn hold(&self, time: Duration) -> Result<()> {
        self.is_away.store(true, Ordering::SeqCst);
        Clock::system().sleep(time).await;
        self.is_away.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn store(&self) -> &Sqlite {
        &self.store
    }

    async fn write(transaction: &mut SqliteTransaction, effect: Effect) -> Result<(), StoreError> {
        transaction
            .run(move |connection| write(connection, &effect))
            .await
    }

    async fn write_alone(&self, effect: Effect) -> Result<(), StoreError> {
        self.store
            .transact(move |connection| write(connection, &effect))
            .await
    }

    async fn is_noted(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.store
            .transact(move |connection| {
                connection
                    .prepare_cached("SELECT 1 FROM note WHERE id = ?1")?
                    .exists([id])
            })
            .await
    }

    async fn note(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.store
            .transact(move |connection| {
                connection
                    .prepare_cached("INSERT INTO note (id) VALUES (?1) ON CONFLICT DO NOTHING")?
                    .execute([id])
                    .map(drop)
            })
            .await
    }

    async fn complete_unfenced(
        &self,
        consumer: &str,
        message: &Message,
    ) -> Result<bool, StoreError> {
        let (consumer, id) = (consumer.to_owned(), message.id.clone());
        self.store
            .transact(move |connection| {
                let sql = "UPDATE dovetail_inbox SET status = 'done' WHERE consumer = ?1 AND id = ?2 AND status = 'claimed'";
                let count = connection.prepare_cached(sql)?.execute(params![consumer, id])?;
                Ok(count == 1)
            })
            .await
    }

    async fn effects(&self) -> Result<Vec<Effect>, StoreError> {
        self.store
            .transact(|connection| {
                let mut statement = connection
                    .prepare("SELECT consumer, id, key, sequence FROM effect ORDER BY place")?;
                statement
                    .query_map([], |row| {
                        Ok(Effect {
                            consumer: row.get(0)?,
                            id: row.get(1)?,
                            key: row.get(2)?,
                            sequence: row.get(3)?,
                        })
                    })?
                    .collect()
            })
            .await
    }

    async fn sent(&self, job: i64) -> Result<Vec<f64>, StoreError> {
        self.store
            .transact(move |connection| {
                let sql = "SELECT sent_at / 1000.0 FROM dovetail_replay_item WHERE job = ?1 AND sent_at IS NOT NULL ORDER BY sent_at";
                let mut statement = connection.prepare(sql)?;
                statement.query_map([job], |row| row.get(0))?.collect()
            })
            .await
    }

    async fn parked(&self) -> Result<u64, StoreError> {
        self.store
            .transact(|connection| {
                connection.query_row("SELECT count(*) FROM dovetail_parked", [], |row| {
                    row.get::<_, i64>(0).map(i64::unsigned_abs)
                })
            })
            .await
    }

    async fn outbox(&self) -> Result<Vec<String>, StoreError> {
        self.store
            .transact(|connection| {
                let mut statement =
                    connection.prepare("SELECT id FROM dovetail_outbox ORDER BY place")?;
                statement.query_map([], |row| row.get(0))?.collect()
            })
            .await
    }
}

pub(crate) fn write(connection: &Connection, effect: &Effect) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO effect (consumer, id, key, sequence) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            effect.consumer,
            effect.id,
            effect.key,
            effect.sequence
        ])
        .map(drop)
}
