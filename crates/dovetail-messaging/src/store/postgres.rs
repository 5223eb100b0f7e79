//! The store in PostgreSQL: any number of processes on one database, each with a pool that the service already has.
//!
//! - **A claim is one round trip.** `BEGIN` and the row of the inbox are sent together. A second delivery waits on the unique index until the
//!   first one is decided, for as long as [`Options::lock_timeout`].
//! - **So is the end.** What was published and `COMMIT` are sent together, and with them what a handler has run with [`PgTransaction::execute_later`]. Where the answer to a `COMMIT` does not come it is unknown, and the
//!   message is not acknowledged.
//! - **The connection is the lease.** A consumer that dies frees its claim with its connection; one that is only frozen is ended by the database after
//!   [`Options::idle_timeout`].
//! - **Keys of the outbox are in the order of their commits.** Whoever publishes under a key locks the row of the key before its messages get
//!   their places, so that a place that was given earlier and commits later cannot exist within a key. Rows are taken and never read behind a cursor, so
//!   what commits late is not lost, and no other key waits for it.
//! - **Leases and holds go by the clock of the database alone.** What the host's clock says is only ever taken as a distance.
//!
//! Texts of strangers may hold the character NUL, which PostgreSQL cannot keep, and be longer than an index can bear; see the module
//! `text` for what stands for them.

mod batch;
mod begin;
mod dead_letter;
mod inbox;
mod later;
mod lease;
mod limits;
mod listen;
mod outbox;
mod parked;
mod pool;
mod replay;
mod rows;
mod session;
mod settle;
mod text;
mod transaction;
mod triage;
mod verb;

use std::{fmt, io, sync::Arc, time::Duration};

pub use deadpool_postgres;
pub use tokio_postgres;
use tokio_postgres::error::{Error, SqlState};

use self::{limits::Limits, listen::Wake, session::Session};
pub use self::{
    pool::{Boxed, Lent, Pool, PoolError},
    transaction::{PgTransaction, Sql},
};
use super::{ErrorKind, StoreError};

/// How the database is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long a statement waits for somebody else's lock, such as the claim of another delivery of the same message. 2 s.
    pub lock_timeout: Duration,
    /// How long a statement may run. 1 min: longer than the deadline of any consumer, for those that are gone and could not say so.
    pub statement_timeout: Duration,
    /// How long a transaction may do nothing. 1 min: longer than the deadline of any consumer, for processes that are frozen.
    pub idle_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// A store in the database that a pool leads to.
#[derive(Clone)]
pub struct Postgres {
    pool: Arc<dyn Pool>,
    /// What each transaction begins with.
    limits: Arc<Limits>,
    wake: Arc<Wake>,
}

impl Postgres {
    /// A store in the database of the pool, whose tables [`crate::migrate`] makes. A connection is held for as long as a transaction is open:
    /// the pool needs as many as deliveries are under way at once, and two more.
    #[must_use]
    pub fn new(pool: impl Pool, options: Options) -> Self {
        let pool: Arc<dyn Pool> = Arc::new(pool);
        Self {
            wake: Arc::new(Wake::new(Arc::clone(&pool))),
            pool,
            limits: Arc::new(Limits::of(options)),
        }
    }

    /// A connection of the pool, for what a service does outside of handlers.
    ///
    /// # Errors
    ///
    /// Where the pool has none to lend.
    pub async fn connection(&self) -> Result<Box<dyn Lent>, StoreError> {
        self.pool.lend().await.map_err(|error| {
            StoreError::because("lend a connection", ErrorKind::Unavailable, error)
        })
    }

    /// A connection for the statements of `action`.
    async fn session(&self, action: &'static str) -> Result<Session, StoreError> {
        match self.pool.lend().await {
            Ok(lent) => Ok(Session::new(lent, Arc::clone(&self.limits), action)),
            Err(error) => Err(StoreError::because(action, ErrorKind::Unavailable, error)),
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Postgres").finish_non_exhaustive()
    }
}

/// What an error of PostgreSQL is for those who asked for `action`.
pub(crate) fn because(action: &'static str) -> impl Fn(Error) -> StoreError {
    move |error| StoreError::because(action, kind(&error), error)
}

fn kind(error: &Error) -> ErrorKind {
    let Some(state) = error.code() else {
        let is_io =
            std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<io::Error>);
        return if is_io || error.is_closed() {
            ErrorKind::Unavailable
        } else {
            ErrorKind::Refused
        };
    };
    match state {
        &SqlState::LOCK_NOT_AVAILABLE
        | &SqlState::T_R_DEADLOCK_DETECTED
        | &SqlState::T_R_SERIALIZATION_FAILURE => ErrorKind::Contended,
        &SqlState::QUERY_CANCELED => ErrorKind::Interrupted,
        // Another server may be the one that takes writes by now.
        &SqlState::READ_ONLY_SQL_TRANSACTION
        | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        | &SqlState::ADMIN_SHUTDOWN
        | &SqlState::CRASH_SHUTDOWN
        | &SqlState::CANNOT_CONNECT_NOW
        | &SqlState::DATABASE_DROPPED => ErrorKind::Unavailable,
        state => match state.code().get(..2) {
            // Connections, authorization, the disk or memory is full, input and output, damage.
            Some("08" | "28" | "53" | "58" | "XX") => ErrorKind::Unavailable,
            _ => ErrorKind::Refused,
        },
    }
}
