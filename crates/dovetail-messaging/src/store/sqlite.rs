//! The embedded store: one SQLite file, one thread that writes, and handles to it for any number of tasks.
//!
//! SQLite writes one transaction at a time whatever its callers do, so they queue in memory, in the order of their coming, instead of on the lock
//! of the file. Other processes may use the same file; they meet on that lock.
//!
//! A transaction that a handler holds keeps the thread to itself. A handler must therefore go through its transaction for all that it asks of this
//! store: asking the store itself waits for the handler's own end, until the deadline breaks the knot.

mod attach;
mod dead_letter;
mod inbox;
mod lease;
mod outbox;
mod parked;
mod replay;
pub(crate) mod rows;
mod transaction;
mod triage;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use rusqlite;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::Notify;

pub use self::transaction::SqliteTransaction;
use self::writer::Writer;
use super::{ErrorKind, StoreError};
use crate::migrate;

/// How the file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What survives a loss of power.
    pub durability: Durability,
    /// How long to wait for another process that writes. 2 s: a transaction that takes longer is a defect.
    pub busy_timeout: Duration,
    /// How many requests may wait for the thread; who comes then waits for a place.
    pub queue_max: usize,
}

/// What survives a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Everything that was committed: the disk is asked for each transaction.
    Full,
    /// Everything up to the last checkpoint, and never half a transaction. For tests, and where the broker delivers again.
    Normal,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            busy_timeout: Duration::from_secs(2),
            queue_max: 1_024,
        }
    }
}

/// A store in one SQLite file. Clones share the thread, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct Sqlite {
    path: Arc<PathBuf>,
    writer: Writer,
    /// Something may have come into the outbox.
    outbox_changed: Arc<Notify>,
}

impl Sqlite {
    /// Opens or creates the file, brings its tables up to date, and starts the thread. Blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened, or was written by a newer version of this crate.
    pub fn open(
        path: impl AsRef<Path>,
        options: Options,
        now: SystemTime,
    ) -> Result<Self, StoreError> {
        const ACTION: &str = "open the database";
        let path = path.as_ref();
        let mut connection = Connection::open(path).map_err(because(ACTION))?;
        configure(&connection, options).map_err(because(ACTION))?;
        migrate::sqlite(&mut connection, now)?;
        let writer = Writer::start(connection, options.queue_max.max(1)).map_err(|error| {
            StoreError::because("start its thread", ErrorKind::Unavailable, error)
        })?;
        Ok(Self {
            path: Arc::new(path.to_owned()),
            writer,
            outbox_changed: Arc::default(),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs statements in a transaction of their own: for what a service does outside of handlers, and to read.
    ///
    /// # Errors
    ///
    /// What the statements say; nothing of them remains then.
    ///
    /// # Panics
    ///
    /// If the statements do.
    pub async fn transact<T, F>(&self, statements: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.writer.transact("run the statements", statements).await
    }
}

fn configure(connection: &Connection, options: Options) -> rusqlite::Result<()> {
    connection.busy_timeout(options.busy_timeout)?;
    use_log(connection, options.busy_timeout)?;
    let synchronous = match options.durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Has the file keep a log beside it. Of several processes that open a new file at the same time, SQLite lets one do that, and tells the others at
/// once that it is locked, without the wait that they asked for.
fn use_log(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        // Its answer is the mode: databases in memory refuse, and need none.
        let answer = connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()));
        match answer {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && waited < patience =>
            {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            answer => return answer,
        }
    }
}

/// What an error of SQLite is for those who asked for `action`.
pub(crate) fn because(action: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Contended,
            Some(ErrorCode::OperationInterrupted) => ErrorKind::Interrupted,
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::InternalMalfunction,
            ) => ErrorKind::Unavailable,
            _ => ErrorKind::Refused,
        };
        StoreError::because(action, kind, error)
    }
}

/// Milliseconds since 1970, as the tables have it. What no clock says is held to what the column can hold.
pub(crate) fn millis(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis)
        }
    }
}

/// The time that a column says; for one that no clock can say, the start of 1970.
fn time(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_open_a_new_file_together_all_do() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("shop.db");
            let open = || Sqlite::open(&path, Options::default(), SystemTime::UNIX_EPOCH);
            std::thread::scope(|scope| {
                let opening: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                for one in opening {
                    one.join().unwrap().unwrap();
                }
            });
        }
    }
}
