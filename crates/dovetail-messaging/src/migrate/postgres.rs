//! The tables in a PostgreSQL database: in the first schema of the search path, as for any other unqualified name.

use std::time::SystemTime;

use tokio_postgres::{Client, IsolationLevel};

use super::{ACTION, Migration, POSTGRES, missing};
use crate::store::{StoreError, postgres::because};

/// Brings a PostgreSQL database to the newest schema, and returns how many steps that took. Processes that start together may all call it: one
/// of them works, and the others wait and find everything done.
///
/// # Errors
///
/// [`ErrorKind::Refused`](crate::store::ErrorKind::Refused) where the database was written by a newer version of this crate, or may not be
/// changed.
pub async fn postgres(client: &mut Client, now: SystemTime) -> Result<u32, StoreError> {
    apply(client, now, &POSTGRES).await
}

async fn apply(
    client: &mut Client,
    now: SystemTime,
    migrations: &[Migration],
) -> Result<u32, StoreError> {
    let failed = because(ACTION);
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await
        .map_err(&failed)?;
    // The lock first, and even before the table: CREATE TABLE IF NOT EXISTS fails when two do it at once.
    transaction
        .batch_execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('dovetail migrates ' || current_schema(), 0));
             CREATE TABLE IF NOT EXISTS dovetail_schema (
                 version bigint PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL
             )",
        )
        .await
        .map_err(&failed)?;
    let present: i64 = transaction
        .query_one("SELECT coalesce(max(version), 0) FROM dovetail_schema", &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(&failed)?;
    let present = u32::try_from(present).unwrap_or(u32::MAX);
    let mut applied = 0;
    for migration in missing(migrations, present)? {
        transaction
            .batch_execute(migration.sql)
            .await
            .map_err(&failed)?;
        transaction
            .execute(
                "INSERT INTO dovetail_schema (version, name, at) VALUES ($1, $2, $3)",
                &[&i64::from(migration.version), &migration.name, &now],
            )
            .await
            .map_err(&failed)?;
        applied += 1;
    }
    transaction.commit().await.map_err(&failed)?;
    Ok(applied)
}
