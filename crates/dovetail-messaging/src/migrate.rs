//! The tables, as plain SQL files that anybody can read, and how they come into a database.
//!
//! All tables are called `dovetail_…`, so that they can stand beside those of a service. Each file is applied once, in one transaction with the
//! note that it was, in the table `dovetail_schema`. Whoever has tools of their own for that applies the files with them, in their order; what is
//! here then finds no such table, and should not be called.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "postgres")]
pub use self::postgres::postgres;
#[cfg(feature = "sqlite")]
pub use self::sqlite::sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::store::{ErrorKind, StoreError};

/// One step from an older schema to a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number; they are applied in the order of numbers, which has no gaps.
    pub version: u32,
    /// What it adds.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// All steps for SQLite. The last one is the embedded broker, which only SQLite has.
pub const SQLITE: [Migration; 5] = [
    Migration {
        version: 1,
        name: "inbox",
        sql: include_str!("../migrations/sqlite/0001_inbox.sql"),
    },
    Migration {
        version: 2,
        name: "outbox",
        sql: include_str!("../migrations/sqlite/0002_outbox.sql"),
    },
    Migration {
        version: 3,
        name: "dead_letters",
        sql: include_str!("../migrations/sqlite/0003_dead_letters.sql"),
    },
    Migration {
        version: 4,
        name: "parked",
        sql: include_str!("../migrations/sqlite/0004_parked.sql"),
    },
    Migration {
        version: 5,
        name: "channels",
        sql: include_str!("../migrations/sqlite/0005_channels.sql"),
    },
];

/// All steps for PostgreSQL, version 12 or newer.
pub const POSTGRES: [Migration; 4] = [
    Migration {
        version: 1,
        name: "inbox",
        sql: include_str!("../migrations/postgres/0001_inbox.sql"),
    },
    Migration {
        version: 2,
        name: "outbox",
        sql: include_str!("../migrations/postgres/0002_outbox.sql"),
    },
    Migration {
        version: 3,
        name: "dead_letters",
        sql: include_str!("../migrations/postgres/0003_dead_letters.sql"),
    },
    Migration {
        version: 4,
        name: "parked",
        sql: include_str!("../migrations/postgres/0004_parked.sql"),
    },
];

#[cfg(any(feature = "postgres", feature = "sqlite"))]
const ACTION: &str = "migrate the database";

/// The steps that a database of version `present` still needs.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn missing(
    migrations: &[Migration],
    present: u32,
) -> Result<impl Iterator<Item = &Migration>, StoreError> {
    let newest = migrations.last().map_or(0, |migration| migration.version);
    if present > newest {
        return Err(StoreError::because(
            ACTION,
            ErrorKind::Refused,
            format!("its schema has version {present}, and this program knows {newest}"),
        ));
    }
    Ok(migrations
        .iter()
        .filter(move |migration| migration.version > present))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_no_gaps() {
        for migrations in [&SQLITE[..], &POSTGRES[..]] {
            for (migration, version) in migrations.iter().zip(1..) {
                assert_eq!(migration.version, version, "{}", migration.name);
            }
        }
    }
}
