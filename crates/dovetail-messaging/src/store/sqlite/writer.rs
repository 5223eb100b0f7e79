//! The thread that writes, and the queue in front of it.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
};
use tokio::sync::{mpsc, oneshot};

use super::{ErrorKind, StoreError, because};

/// How many steps of SQLite's machine pass between two looks at whether the transaction is still wanted: some microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 2_000;

/// Nothing runs that could be stopped.
const NO_SESSION: u64 = u64::MAX;

type Job = Box<dyn FnOnce(&mut Desk) + Send>;

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    stop: Stop,
}

/// What the thread has before it: the connection, and which transaction it is working on.
pub(super) struct Desk {
    pub(super) connection: Connection,
    stop: Stop,
    last_session: u64,
}

/// Which transaction is not wanted any more. Transactions are numbered in the order in which they run, so one number says it all.
#[derive(Clone, Default)]
pub(super) struct Stop {
    current: Arc<AtomicU64>,
    stopped: Arc<AtomicU64>,
    /// Statements run that must not end the transaction.
    is_confined: Arc<AtomicBool>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn start(mut connection: Connection, queue_max: usize) -> io::Result<Self> {
        let stop = Stop::default();
        stop.current.store(NO_SESSION, Ordering::SeqCst);
        let watch = stop.clone();
        connection
            .progress_handler(STEPS_BETWEEN_LOOKS, Some(move || watch.is_stopped()))
            .map_err(io::Error::other)?;
        let guard = stop.clone();
        connection
            .authorizer(Some(move |context: AuthContext<'_>| guard.allows(&context)))
            .map_err(io::Error::other)?;
        let mut desk = Desk {
            connection,
            stop: stop.clone(),
            last_session: 0,
        };
        let (jobs, mut queue) = mpsc::channel::<Job>(queue_max);
        thread::Builder::new()
            .name("dovetail-sqlite".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    // Jobs answer their callers themselves; a panic only drops the answer, and must not take the thread along.
                    let _ = catch_unwind(AssertUnwindSafe(|| job(&mut desk)));
                    desk.clear();
                }
            })?;
        Ok(Self { jobs, stop })
    }

    /// Runs statements in a transaction. If the caller is gone before its turn comes, nothing runs.
    ///
    /// A panic of the statements is the caller's.
    pub(super) async fn transact<T, F>(
        &self,
        action: &'static str,
        statements: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.run("BEGIN IMMEDIATE", action, statements).await
    }

    /// The same, for statements that only read: other processes write meanwhile.
    pub(super) async fn read<T, F>(
        &self,
        action: &'static str,
        statements: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.run("BEGIN DEFERRED", action, statements).await
    }

    async fn run<T, F>(
        &self,
        opening: &'static str,
        action: &'static str,
        statements: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |desk| {
            if answer.is_closed() {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| desk.transact(opening, statements)));
            let _ = answer.send(result);
        });
        self.send(action, job).await?;
        match result.await {
            Ok(Ok(result)) => result.map_err(because(action)),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(gone(action)),
        }
    }

    pub(super) async fn send(&self, action: &'static str, job: Job) -> Result<(), StoreError> {
        self.jobs.send(job).await.map_err(|_| gone(action))
    }

    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

/// The thread ended, which it does after its last handle only; or it dropped an answer.
pub(super) const fn gone(action: &'static str) -> StoreError {
    StoreError::new(action, ErrorKind::Unavailable)
}

impl Desk {
    /// Begins a transaction that can be stopped, and says its number.
    pub(super) fn begin(&mut self) -> rusqlite::Result<u64> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(self.renew())
    }

    /// Gives the running transaction a new number, so that what stopped the old one does not stop what comes now.
    pub(super) fn renew(&mut self) -> u64 {
        self.last_session += 1;
        self.stop.current.store(self.last_session, Ordering::SeqCst);
        self.last_session
    }

    /// Runs statements that cannot end the transaction.
    pub(super) fn run<T>(
        &mut self,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> thread::Result<rusqlite::Result<T>> {
        self.stop.is_confined.store(true, Ordering::SeqCst);
        let result = catch_unwind(AssertUnwindSafe(|| statements(&self.connection)));
        self.stop.is_confined.store(false, Ordering::SeqCst);
        result
    }

    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        // From here on it is decided: a caller that gives up now must not leave half of the answer to chance.
        self.stop.current.store(NO_SESSION, Ordering::SeqCst);
        let result = self.connection.execute_batch("COMMIT");
        self.clear();
        result
    }

    /// Rolls back what is open.
    pub(super) fn clear(&mut self) {
        self.stop.current.store(NO_SESSION, Ordering::SeqCst);
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            // The next BEGIN says so, too.
            tracing::error!(%error, "a transaction was not rolled back");
        }
    }

    fn transact<T>(
        &mut self,
        opening: &str,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.connection.execute_batch(opening)?;
        match self.run(statements) {
            Ok(Ok(value)) => {
                self.commit()?;
                Ok(value)
            }
            Ok(Err(error)) => {
                self.clear();
                Err(error)
            }
            Err(panic) => {
                self.clear();
                resume_unwind(panic)
            }
        }
    }
}

impl Stop {
    /// Ends what the transaction is doing, unless it is over already.
    pub(super) fn stop(&self, session: u64) {
        self.stopped.fetch_max(session, Ordering::SeqCst);
    }

    /// Whether a statement may be prepared.
    fn allows(&self, context: &AuthContext<'_>) -> Authorization {
        let ends = matches!(context.action, AuthAction::Transaction { .. });
        if ends && self.is_confined.load(Ordering::SeqCst) {
            Authorization::Deny
        } else {
            Authorization::Allow
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst) >= self.current.load(Ordering::SeqCst)
    }
}
