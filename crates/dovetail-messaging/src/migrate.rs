//! The tables, as plain SQL files that anybody can read, and how they come into a database.
//!
//! All tables are called `dovetail_…`, so that they can stand beside those of a service. Each file is applied once, in one transaction with the note that it was.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::store::{
    ErrorKind, StoreError,
    sqlite::{because, millis},
};

/// One step from an older schema to a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number; they are applied in the order of numbers, which has no gaps.
    pub version: u32,
    /// What it adds.
    pub name: &'static str,
    /// Its statements, for SQLite.
    pub sql: &'static str,
}

/// All of them.
pub const MIGRATIONS: [Migration; 6] = [
    Migration {
        version: 1,
        name: "inbox",
        sql: include_str!("../migrations/0001_inbox.sql"),
    },
    Migration {
        version: 2,
        name: "outbox",
        sql: include_str!("../migrations/0002_outbox.sql"),
    },
    Migration {
        version: 3,
        name: "dead_letters",
        sql: include_str!("../migrations/0003_dead_letters.sql"),
    },
    Migration {
        version: 4,
        name: "parked",
        sql: include_str!("../migrations/0004_parked.sql"),
    },
    Migration {
        version: 5,
        name: "channels",
        sql: include_str!("../migrations/0005_channels.sql"),
    },
    Migration {
        version: 6,
        name: "operations",
        sql: include_str!("../migrations/0006_operations.sql"),
    },
];

const ACTION: &str = "migrate the database";

/// Brings a database to the newest schema, and returns how many steps that took. Processes that start together may all call it.
///
/// # Errors
///
/// [`ErrorKind::Refused`] where the database was written by a newer version of this crate.
pub fn migrate(connection: &mut Connection, now: SystemTime) -> Result<u32, StoreError> {
    apply(connection, now, &MIGRATIONS)
}

/// The version of the schema that a database has; none where it has no tables of this crate.
///
/// # Errors
///
/// Where it cannot be read.
pub fn version(connection: &Connection) -> Result<Option<u32>, StoreError> {
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
    // The lock first: of two processes that start together, one waits and then finds everything done.
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
    let present: u32 = transaction
        .query_row(
            "SELECT version FROM dovetail_schema ORDER BY version DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()
        .map_err(&failed)?
        .unwrap_or_default();
    let newest = migrations.last().map_or(0, |migration| migration.version);
    if present > newest {
        return Err(StoreError::because(
            ACTION,
            ErrorKind::Refused,
            format!("its schema has version {present}, and this program knows {newest}"),
        ));
    }
    let mut applied = 0;
    for migration in migrations
        .iter()
        .filter(|migration| migration.version > present)
    {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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
        assert_eq!(migrate(&mut connection, at(1)).unwrap(), 6);
        assert_eq!(migrate(&mut connection, at(2)).unwrap(), 0);
        assert_eq!(
            versions(&connection),
            (1..=6).map(|version| (version, 1_000)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_older_database_is_brought_up_step_by_step() {
        let mut connection = Connection::open_in_memory().unwrap();
        let older = MIGRATIONS.get(..2).unwrap();
        assert_eq!(apply(&mut connection, at(1), older).unwrap(), 2);
        assert_eq!(migrate(&mut connection, at(2)).unwrap(), 4);
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
        migrate(&mut connection, at(1)).unwrap();
        connection
            .execute("INSERT INTO dovetail_schema VALUES (99, 'later', 0)", [])
            .unwrap();
        let error = migrate(&mut connection, at(2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    }

    #[test]
    fn a_step_that_fails_leaves_no_trace() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = [
            MIGRATIONS[0],
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
        assert_eq!(migrate(&mut connection, at(2)).unwrap(), 6);
    }

    #[test]
    fn versions_have_no_gaps() {
        for (migration, version) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.version, version, "{}", migration.name);
        }
    }
}
