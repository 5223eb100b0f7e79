//! The tables in a SQLite file.

use std::time::SystemTime;

use rusqlite::{Connection, TransactionBehavior};

use super::{ACTION, Migration, SQLITE, missing};
use crate::store::{
    StoreError,
    sqlite::{because, millis},
};

/// Brings a SQLite database to the newest schema, and returns how many steps that took. Processes that start together may all call it.
///
/// # Errors
///
/// [`ErrorKind::Refused`](crate::store::ErrorKind::Refused) where the database was written by a newer version of this crate.
pub fn sqlite(connection: &mut Connection, now: SystemTime) -> Result<u32, StoreError> {
    apply(connection, now, &SQLITE)
}

/// The version of the schema that a SQLite database has; none where it has no tables of this crate.
///
/// # Errors
///
/// Where it cannot be read.
pub fn sqlite_version(connection: &Connection) -> Result<Option<u32>, StoreError> {
    let failed = because("read the version of the database");
    let is_there = connection
        .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'dovetail_schema'")
        .and_then(|mut statement| statement.exists([]))
        .map_err(&failed)?;
    if !is_there {
        return Ok(None);
    }
    let newest = "SELECT max(version) FROM dovetail_schema";
    connection
        .query_row(newest, [], |row| row.get(0))
        .map_err(&failed)
}

fn apply(
    connection: &mut Connection,
    now: SystemTime,
    migrations: &[Migration],
) -> Result<u32, StoreError> {
    let failed = because(ACTION);
    // Nobody who finds everything done waits for those who write.
    let present = version(connection).map_err(&failed)?;
    if missing(migrations, present)?.next().is_none() {
        return Ok(0);
    }
    // The lock, and then once more: of two processes that start together, one waits and then finds everything done.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&failed)?;
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS dovetail_schema (
                 version INTEGER PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL
             ) STRICT",
        )
        .map_err(&failed)?;
    let present = version(&transaction).map_err(&failed)?;
    let mut applied = 0;
    for migration in missing(migrations, present)? {
        transaction.execute_batch(migration.sql).map_err(&failed)?;
        transaction
            .execute(
                "INSERT INTO dovetail_schema (version, name, at) VALUES (?1, ?2, ?3)",
                (migration.version, migration.name, millis(now)),
            )
            .map_err(&failed)?;
        applied += 1;
    }
    transaction.commit().map_err(&failed)?;
    Ok(applied)
}

/// The newest step that was applied; 0 where none was.
fn version(connection: &Connection) -> rusqlite::Result<u32> {
    let is_there = connection
        .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'dovetail_schema'")?
        .exists([])?;
    if !is_there {
        return Ok(0);
    }
    connection.query_row(
        "SELECT coalesce(max(version), 0) FROM dovetail_schema",
        [],
        |row| row.get(0),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::ErrorKind;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn versions(connection: &Connection) -> Vec<(u32, i64)> {
        let mut statement = connection
            .prepare("SELECT version, at FROM dovetail_schema ORDER BY version")
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_second_migration_finds_nothing_to_do() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(sqlite(&mut connection, at(1)).unwrap(), 6);
        assert_eq!(sqlite(&mut connection, at(2)).unwrap(), 0);
        assert_eq!(
            versions(&connection),
            (1..=6).map(|version| (version, 1_000)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_process_starts_while_another_one_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let mut writer = Connection::open(&path).unwrap();
        sqlite(&mut writer, at(1)).unwrap();
        writer
            .query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
            .unwrap();
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut starting = Connection::open(&path).unwrap();
        starting.busy_timeout(Duration::ZERO).unwrap();
        assert_eq!(sqlite(&mut starting, at(2)).unwrap(), 0);
    }

    #[test]
    fn an_older_database_is_brought_up_step_by_step() {
        let mut connection = Connection::open_in_memory().unwrap();
        let older = SQLITE.get(..2).unwrap();
        assert_eq!(apply(&mut connection, at(1), older).unwrap(), 2);
        assert_eq!(sqlite(&mut connection, at(2)).unwrap(), 4);
        assert_eq!(
            versions(&connection),
            (1..=6)
                .map(|version| (version, if version > 2 { 2_000 } else { 1_000 }))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_newer_database_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        sqlite(&mut connection, at(1)).unwrap();
        connection
            .execute("INSERT INTO dovetail_schema VALUES (99, 'later', 0)", [])
            .unwrap();
        let error = sqlite(&mut connection, at(2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    }

    #[test]
    fn a_step_that_fails_leaves_no_trace() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = [
            SQLITE[0],
            Migration {
                version: 2,
                name: "broken",
                sql: "CREATE TABLE half (a); CREATE TABEL other (b);",
            },
        ];
        assert!(apply(&mut connection, at(1), &broken).is_err());
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 0);
        assert_eq!(sqlite(&mut connection, at(2)).unwrap(), 6);
    }
}
