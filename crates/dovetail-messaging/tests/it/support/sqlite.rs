//! The embedded store, in a folder of its own.

use std::{path::Path, time::Duration};

use dovetail_messaging::{
    consumer::HandlerError,
    store::sqlite::{Durability, Options, Sqlite, SqliteTransaction},
};
use tempfile::TempDir;

use super::{Database, Work, start};

impl Database for Sqlite {
    type Home = TempDir;

    async fn home() -> TempDir {
        let home = tempfile::tempdir().unwrap();
        let store = <Self as Database>::open(&Self::address(&home)).await;
        store
            .transact(|connection| {
                connection.execute_batch(
                    "CREATE TABLE effect (id TEXT NOT NULL, body TEXT NOT NULL);
                     CREATE TABLE unique_effect (id TEXT PRIMARY KEY);
                     CREATE TABLE late_effect (id TEXT REFERENCES unique_effect DEFERRABLE INITIALLY DEFERRED);",
                )
            })
            .await
            .unwrap();
        home
    }

    fn address(home: &TempDir) -> String {
        home.path().to_str().unwrap().to_owned()
    }

    async fn open(address: &str) -> Self {
        let options = Options {
            durability: Durability::Normal,
            busy_timeout: Duration::from_secs(20),
            ..Options::default()
        };
        Self::open(Path::new(address).join("shop.db"), options, start()).unwrap()
    }

    async fn run(&self, sql: &str) -> u64 {
        let sql = sql.to_owned();
        let count = self.transact(move |connection| connection.execute(&sql, []));
        u64::try_from(count.await.unwrap()).unwrap()
    }

    async fn count(&self, sql: &str) -> i64 {
        let sql = sql.to_owned();
        self.transact(move |connection| connection.query_row(&sql, [], |row| row.get(0)))
            .await
            .unwrap()
    }

    async fn effects(&self) -> Vec<String> {
        self.transact(|connection| {
            let mut statement = connection.prepare("SELECT id FROM effect ORDER BY rowid")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
        .await
        .unwrap()
    }

    /// It goes by the times that it is told.
    async fn pass_time(&self, _time: Duration) {}
}

impl Work for SqliteTransaction {
    async fn effect(&mut self, id: &str, body: &str) -> Result<(), HandlerError> {
        let (id, body) = (id.to_owned(), body.to_owned());
        self.run(move |connection| {
            connection.execute("INSERT INTO effect (id, body) VALUES (?1, ?2)", (id, body))
        })
        .await?;
        Ok(())
    }

    async fn conflict(&mut self) -> Result<(), HandlerError> {
        for _ in 0..2 {
            self.run(|connection| {
                connection.execute("INSERT INTO unique_effect VALUES ('one')", [])
            })
            .await?;
        }
        Ok(())
    }

    async fn conflict_that_ends(&mut self) -> Result<(), HandlerError> {
        for _ in 0..2 {
            self.run(|connection| {
                connection.execute("INSERT OR ROLLBACK INTO unique_effect VALUES ('one')", [])
            })
            .await?;
        }
        Ok(())
    }

    async fn conflict_at_commit(&mut self) -> Result<(), HandlerError> {
        self.run(|connection| connection.execute("INSERT INTO late_effect VALUES ('none')", []))
            .await?;
        Ok(())
    }

    async fn endless(&mut self) -> Result<(), HandlerError> {
        // A write that is stopped ends the transaction with it.
        let statement = "INSERT INTO effect (id, body)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i), '' FROM n";
        self.run(move |connection| connection.execute(statement, []))
            .await?;
        Ok(())
    }

    async fn end(&mut self) -> Result<(), HandlerError> {
        self.run(|connection| connection.execute_batch("COMMIT"))
            .await?;
        Ok(())
    }
}
