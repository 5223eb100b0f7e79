//! PostgreSQL as a ground: each folder has a schema of its own, in the database that `DOVETAIL_POSTGRES_URL` names.

mod proxy;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use dovetail_messaging::{
    migrate,
    store::{
        ErrorKind, StoreError,
        postgres::{
            Options, PgTransaction, Postgres,
            deadpool_postgres::{Manager, Pool},
            tokio_postgres::{Client, Config, Error, NoTls},
        },
    },
};
use dovetail_resilience::Clock;

pub(crate) use self::proxy::{Keeps, Proxy};
use super::Ground;
use crate::{
    common::{say, start},
    tally::Effect,
};

/// Names the database.
pub(crate) const URL: &str = "DOVETAIL_POSTGRES_URL";

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS effect (
        place bigserial PRIMARY KEY, consumer text NOT NULL, id text NOT NULL, key text NOT NULL, sequence bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS note (id text PRIMARY KEY);";

pub(crate) const WRITE: &str =
    "INSERT INTO effect (consumer, id, key, sequence) VALUES ($1, $2, $3, $4)";

/// Connections of a process: as many as workers that race, and some more.
const CONNECTIONS: usize = 20;

/// A schema, used as a service uses it.
#[derive(Debug, Clone)]
pub(crate) struct OnPostgres {
    store: Postgres,
    pub(crate) settings: Config,
    proxy: Option<Arc<Proxy>>,
}

/// Whether there is a database to try it on; says so loudly where there is none.
///
/// # Errors
///
/// Where there is none, and it must not be skipped.
pub(crate) fn is_there() -> Result<bool> {
    let is_there = std::env::var_os(URL).is_some();
    ensure!(
        is_there || std::env::var_os("DOVETAIL_REQUIRE_SERVICES").is_none(),
        "{URL} names no database, and it must not be skipped"
    );
    if !is_there {
        say(&format!("skipped: {URL} names no database"));
    }
    Ok(is_there)
}

/// How to reach the schema of a folder.
pub(crate) fn settings(folder: &Path) -> Result<Config> {
    // The text may hold a password, so errors do not show it.
    let url = std::env::var(URL).with_context(|| format!("{URL} names no database"))?;
    let mut settings: Config = url
        .parse()
        .map_err(|_| anyhow::anyhow!("{URL} is not the address of a database"))?;
    settings.options(format!("-c search_path={}", schema(folder)?));
    Ok(settings)
}

/// The schema of a folder: its name, as far as names of schemas go.
fn schema(folder: &Path) -> Result<String> {
    let name = folder.file_name().context("a folder has no name")?;
    let name: String = name
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    ensure!(!name.is_empty(), "the name of a folder has no letters");
    Ok(format!("lab_{}", name.to_lowercase()))
}

/// A connection of its own.
pub(crate) async fn connect(settings: &Config) -> Result<Client> {
    let (client, connection) = settings.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl OnPostgres {
    pub(crate) fn of(settings: Config, options: Options) -> Result<Self> {
        let pool = Pool::builder(Manager::new(settings.clone(), NoTls))
            .max_size(CONNECTIONS)
            .build()
            .context("cannot make a pool")?;
        Ok(Self {
            store: Postgres::new(pool, options),
            settings,
            proxy: None,
        })
    }

    async fn open_as(folder: &Path, options: Options) -> Result<Self> {
        let settings = settings(folder)?;
        let mut client = connect(&settings).await?;
        let sql = format!(
            "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS {}",
            schema(folder)?
        );
        client.batch_execute(&sql).await?;
        migrate::postgres(&mut client, start()).await?;
        client.batch_execute(TABLES).await?;
        Self::of(settings, options)
    }

    pub(crate) async fn client(&self) -> Result<Client> {
        connect(&self.settings).await
    }
}

/// Others may hold a lock for as long as a slow machine takes.
fn options() -> Options {
    Options {
        lock_timeout: Duration::from_secs(20),
        ..Options::default()
    }
}

fn down(error: Error) -> StoreError {
    StoreError::because("run the statements", ErrorKind::Unavailable, error)
}

impl Ground for OnPostgres {
    const NAME: &'static str = "postgres";
    // Its own clock cannot be set forward, so that holds have to end while somebody waits.
    const HOLD: Duration = Duration::from_millis(300);
    const LEASE: Option<Duration> = Some(Duration::from_millis(4));

    type Store = Postgres;

    async fn open(folder: &Path) -> Result<Self> {
        Self::open_as(folder, options()).await
    }

    async fn open_impatient(folder: &Path) -> Result<Self> {
        let direct = Self::open(folder).await?;
        let proxy = Proxy::start(&direct.settings, Keeps::Nothing).await?;
        let behind = Self::of(proxy.settings(&direct.settings), options())?;
        Ok(Self {
            proxy: Some(Arc::new(proxy)),
            ..behind
        })
    }

    async fn hold(&self, time: Duration) -> Result<()> {
        let proxy = self.proxy.as_ref().context("nothing can be held")?;
        proxy.close();
        Clock::system().sleep(time).await;
        proxy.open();
        Ok(())
    }

    fn remove(folder: &Path) {
        let folder = folder.to_owned();
        // From a thread: the caller may be within a runtime, which cannot wait for another one.
        let removing = std::thread::spawn(move || {
            crate::child::block_on(async {
                let sql = format!(
                    "SET client_min_messages = warning; SET lock_timeout = '20s'; DROP SCHEMA IF EXISTS {} CASCADE",
                    schema(&folder)?
                );
                let client = connect(&settings(&folder)?).await?;
                anyhow::Ok(client.batch_execute(&sql).await?)
            })
        });
        if !matches!(removing.join(), Ok(Ok(()))) {
            say("a schema of a fault was not removed");
        }
    }

    fn store(&self) -> &Postgres {
        &self.store
    }

    async fn write(transaction: &mut PgTransaction, effect: Effect) -> Result<(), StoreError> {
        let Effect {
            consumer,
            id,
            key,
            sequence,
        } = &effect;
        transaction
            .execute_later(WRITE, &[consumer, id, key, sequence])
            .await
    }

    async fn write_alone(&self, effect: Effect) -> Result<(), StoreError> {
        let Effect {
            consumer,
            id,
            key,
            sequence,
        } = &effect;
        let lent = self.store.connection().await?;
        let statement = lent.prepare(WRITE).await.map_err(down)?;
        lent.client()
            .execute(&statement, &[consumer, id, key, sequence])
            .await
            .map(drop)
            .map_err(down)
    }

    async fn is_noted(&self, id: &str) -> Result<bool, StoreError> {
        let lent = self.store.connection().await?;
        let statement = lent
            .prepare("SELECT 1 FROM note WHERE id = $1")
            .await
            .map_err(down)?;
        let rows = lent.client().query(&statement, &[&id]).await;
        Ok(!rows.map_err(down)?.is_empty())
    }

    async fn note(&self, id: &str) -> Result<(), StoreError> {
        let lent = self.store.connection().await?;
        let statement = lent
            .prepare("INSERT INTO note (id) VALUES ($1) ON CONFLICT DO NOTHING")
            .await
            .map_err(down)?;
        let done = lent.client().execute(&statement, &[&id]).await;
        done.map(drop).map_err(down)
    }

    async fn effects(&self) -> Result<Vec<Effect>, StoreError> {
        let lent = self.store.connection().await?;
        let sql = "SELECT consumer, id, key, sequence FROM effect ORDER BY place";
        let rows = lent.client().query(sql, &[]).await.map_err(down)?;
        rows.iter()
            .map(|row| {
                Ok(Effect {
                    consumer: row.try_get(0).map_err(down)?,
                    id: row.try_get(1).map_err(down)?,
                    key: row.try_get(2).map_err(down)?,
                    sequence: row.try_get(3).map_err(down)?,
                })
            })
            .collect()
    }

    async fn parked(&self) -> Result<u64, StoreError> {
        let lent = self.store.connection().await?;
        let sql = "SELECT count(*) FROM dovetail_parked";
        let row = lent.client().query_one(sql, &[]).await.map_err(down)?;
        let count: i64 = row.try_get(0).map_err(down)?;
        Ok(count.unsigned_abs())
    }

    async fn outbox(&self) -> Result<Vec<String>, StoreError> {
        let lent = self.store.connection().await?;
        let sql = "SELECT id FROM dovetail_outbox ORDER BY place";
        let rows = lent.client().query(sql, &[]).await.map_err(down)?;
        rows.iter()
            .map(|row| row.try_get(0).map_err(down))
            .collect()
    }
}
