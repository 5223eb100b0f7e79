//! The store in PostgreSQL, in a schema of its own of the database that `DOVETAIL_POSTGRES_URL` names.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use dovetail_messaging::{
    consumer::HandlerError,
    migrate,
    store::postgres::{
        Options, PgTransaction, Postgres,
        deadpool_postgres::{Manager, Pool},
        tokio_postgres::{Client, Config, NoTls},
    },
};

use super::{Database, Work, start};

const URL: &str = "DOVETAIL_POSTGRES_URL";

/// Says loudly, once for each test, where there is no server to test with.
pub(crate) fn is_there() -> bool {
    if std::env::var_os(URL).is_some() {
        return true;
    }
    assert!(
        std::env::var_os("DOVETAIL_REQUIRE_SERVICES").is_none(),
        "{URL} names no database, and it must not be skipped"
    );
    #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
    {
        eprintln!("skipped: {URL} names no database");
    }
    false
}

/// How to reach the database, with the schema as the place of all that has no other.
pub(crate) fn settings(schema: &str) -> Config {
    let mut settings: Config = std::env::var(URL).unwrap().parse().unwrap();
    settings.options(format!("-c search_path={schema}"));
    settings.application_name(schema);
    settings
}

/// A connection of its own.
pub(crate) async fn connect(schema: &str) -> Client {
    let (client, connection) = settings(schema).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) fn pool(settings: Config, size: usize) -> Pool {
    Pool::builder(Manager::new(settings, NoTls))
        .max_size(size)
        .build()
        .unwrap()
}

/// Waits for locks long enough for a slow machine.
pub(crate) fn options() -> Options {
    Options {
        lock_timeout: Duration::from_secs(20),
        ..Options::default()
    }
}

/// A schema that goes with the test.
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    pub(crate) async fn empty() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("dovetail_test_{}_{number}", std::process::id());
        let client = connect("public").await;
        client
            .batch_execute(&format!(
                "DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}"
            ))
            .await
            .unwrap();
        Self(name)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let name = self.0.clone();
        // A runtime cannot be waited for from within another one, so from a thread.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                // The runtime of the test stands still: what it has open there is not going to be closed by it.
                let sql = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}';
                     DROP SCHEMA {name} CASCADE"
                );
                let _ = connect("public").await.batch_execute(&sql).await;
            });
        });
        let _ = dropping.join();
    }
}

impl Database for Postgres {
    type Home = Schema;

    async fn home() -> Schema {
        let schema = Schema::empty().await;
        let mut client = connect(schema.name()).await;
        migrate::postgres(&mut client, start()).await.unwrap();
        client
            .batch_execute(
                "CREATE TABLE effect (place bigserial, id text NOT NULL, body text NOT NULL);
                 CREATE TABLE unique_effect (id text PRIMARY KEY);
                 CREATE TABLE late_effect (id text REFERENCES unique_effect DEFERRABLE INITIALLY DEFERRED);",
            )
            .await
            .unwrap();
        schema
    }

    fn address(schema: &Schema) -> String {
        schema.name().to_owned()
    }

    async fn open(address: &str) -> Self {
        Self::new(pool(settings(address), 8), options())
    }

    async fn run(&self, sql: &str) -> u64 {
        let client = self.connection().await.unwrap();
        client.client().execute(sql, &[]).await.unwrap()
    }

    async fn count(&self, sql: &str) -> i64 {
        let client = self.connection().await.unwrap();
        client.client().query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn effects(&self) -> Vec<String> {
        let client = self.connection().await.unwrap();
        let sql = "SELECT id FROM effect ORDER BY place";
        let rows = client.client().query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// What goes by the clock of the database is that much older.
    async fn pass_time(&self, time: Duration) {
        let client = self.connection().await.unwrap();
        let seconds = time.as_secs();
        client
            .client()
            .batch_execute(&format!(
                "UPDATE dovetail_inbox SET lease_until = lease_until - interval '{seconds}s';
                 UPDATE dovetail_outbox SET held_until = held_until - interval '{seconds}s',
                                            retry_at = retry_at - interval '{seconds}s'"
            ))
            .await
            .unwrap();
    }
}

impl Work for PgTransaction {
    async fn effect(&mut self, id: &str, body: &str) -> Result<(), HandlerError> {
        let id = id.replace('\0', "␀");
        self.execute(
            "INSERT INTO effect (id, body) VALUES ($1, $2)",
            &[&id, &body],
        )
        .await?;
        Ok(())
    }

    async fn conflict(&mut self) -> Result<(), HandlerError> {
        for _ in 0..2 {
            self.execute("INSERT INTO unique_effect VALUES ('one')", &[])
                .await?;
        }
        Ok(())
    }

    async fn conflict_that_ends(&mut self) -> Result<(), HandlerError> {
        // There is no such thing.
        self.conflict().await
    }

    async fn conflict_at_commit(&mut self) -> Result<(), HandlerError> {
        self.execute("INSERT INTO late_effect VALUES ('none')", &[])
            .await?;
        Ok(())
    }

    async fn endless(&mut self) -> Result<(), HandlerError> {
        let statement = "INSERT INTO effect (id, body) SELECT 'endless', '' FROM pg_sleep(1000)";
        self.execute(statement, &[]).await?;
        Ok(())
    }

    async fn end(&mut self) -> Result<(), HandlerError> {
        self.execute("COMMIT", &[]).await?;
        Ok(())
    }
}
