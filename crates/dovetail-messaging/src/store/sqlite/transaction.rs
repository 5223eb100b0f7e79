//! A transaction that a handler holds: while it is open, the thread works for it alone.

use std::{fmt, panic::resume_unwind, sync::Arc, time::SystemTime};

use rusqlite::Connection;
use tokio::sync::{Notify, mpsc, oneshot};

use super::{
    Sqlite, because, inbox, outbox, parked,
    writer::{Desk, Stop, gone},
};
use crate::{
    failpoint::reach,
    inbox::{Claim, Claimed, Key},
    message::Message,
    store::{ErrorKind, PUBLISHED_MAX, Parking, StoreError, Transaction},
};

const BEGIN: &str = "begin a transaction";

/// Commands in flight: each is awaited, so only abandoned ones pile up.
const COMMANDS_MAX: usize = 16;

/// What the thread does for a transaction, and whether the transaction goes on after it.
type Command = Box<dyn FnOnce(&mut Desk) -> Flow + Send>;

enum Flow {
    Continue,
    End,
}

/// An open transaction of the embedded store. Dropping it rolls back, and ends a statement that is running.
pub struct SqliteTransaction {
    commands: mpsc::Sender<Command>,
    stop: Stop,
    session: u64,
    /// None for a transaction that a service began itself.
    claim: Option<Arc<Claim>>,
    /// What is handled in a batch.
    handled: Vec<Key>,
    published: Vec<Message>,
    /// What was published gets this time.
    now: SystemTime,
    /// The message came from the queue of its key, and leaves it with the commit.
    is_parked: bool,
    outbox_changed: Arc<Notify>,
}

/// What the first statements of a transaction found.
pub(super) enum Found {
    /// It stays open.
    Fresh { attempts: u32 },
    /// It stays open, to park the message.
    Behind,
    /// It is committed: what else was written (an offset, a queue) is right.
    Duplicate,
    /// It is rolled back.
    IdReuse,
    /// It is rolled back.
    NotNext,
    /// It is rolled back: nothing is known of the partition.
    Unplaced,
    /// It is rolled back: a lease on the same message is held.
    Leased,
}

/// What a store says to a claim, or that the partition has to be noted first.
pub(super) enum Opened {
    Claimed(Claimed<SqliteTransaction>),
    Unplaced,
}

impl Sqlite {
    /// Begins a transaction with the statements of a claim.
    pub(super) async fn open_claimed<F>(
        &self,
        claim: Claim,
        is_parked: bool,
        now: SystemTime,
        first: F,
    ) -> Result<Opened, StoreError>
    where
        F: FnOnce(&Connection, &Claim) -> rusqlite::Result<Found> + Send + 'static,
    {
        let claim = Arc::new(claim);
        let claimed = Arc::clone(&claim);
        let first = move |connection: &Connection| first(connection, &claimed);
        let (mut transaction, found) = self.open_transaction(now, first).await?;
        transaction.claim = Some(claim);
        transaction.is_parked = is_parked;
        Ok(Opened::Claimed(match found {
            Found::Fresh { attempts } => Claimed::Fresh {
                transaction,
                attempts,
            },
            Found::Behind => Claimed::Behind(transaction),
            Found::Duplicate => Claimed::Duplicate,
            Found::IdReuse => Claimed::IdReuse,
            Found::NotNext => Claimed::NotNext,
            Found::Unplaced => return Ok(Opened::Unplaced),
            Found::Leased => return Err(StoreError::new(BEGIN, ErrorKind::Contended)),
        }))
    }

    /// Begins a transaction with these statements. It is open where they found so.
    pub(super) async fn open_transaction<F>(
        &self,
        now: SystemTime,
        first: F,
    ) -> Result<(SqliteTransaction, Found), StoreError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<Found> + Send + 'static,
    {
        let (commands, queue) = mpsc::channel(COMMANDS_MAX);
        let (answer, found) = oneshot::channel();
        let job = move |desk: &mut Desk| {
            if answer.is_closed() {
                return;
            }
            match begin(desk, first) {
                Ok((session, found)) => {
                    let is_open = matches!(found, Found::Fresh { .. } | Found::Behind);
                    if answer.send(Ok((session, found))).is_ok() && is_open {
                        serve(desk, queue);
                    }
                }
                Err(error) => {
                    desk.clear();
                    let _ = answer.send(Err(error));
                }
            }
        };
        self.writer.send(BEGIN, Box::new(job)).await?;
        let (session, found) = found
            .await
            .map_err(|_| gone(BEGIN))?
            .map_err(because(BEGIN))?;
        let transaction = SqliteTransaction {
            commands,
            stop: self.writer.stop(),
            session,
            claim: None,
            handled: Vec::new(),
            published: Vec::new(),
            now,
            is_parked: false,
            outbox_changed: Arc::clone(&self.outbox_changed),
        };
        Ok((transaction, found))
    }
}

fn begin(
    desk: &mut Desk,
    first: impl FnOnce(&Connection) -> rusqlite::Result<Found>,
) -> rusqlite::Result<(u64, Found)> {
    let session = desk.begin()?;
    reach("begun");
    let found = first(&desk.connection)?;
    reach("claimed");
    match found {
        Found::Fresh { .. } | Found::Behind => {}
        Found::Duplicate => desk.commit()?,
        Found::IdReuse | Found::NotNext | Found::Unplaced | Found::Leased => desk.clear(),
    }
    Ok((session, found))
}

/// Works for one transaction until it ends, or its holder is gone.
fn serve(desk: &mut Desk, mut commands: mpsc::Receiver<Command>) {
    while let Some(command) = commands.blocking_recv() {
        if matches!(command(desk), Flow::End) {
            break;
        }
    }
    desk.clear();
}

impl SqliteTransaction {
    /// Runs statements of the handler. They cannot end the transaction; savepoints are welcome.
    ///
    /// # Errors
    ///
    /// What the statements say. The transaction goes on, without what failed.
    ///
    /// # Panics
    ///
    /// If the statements do, which is the handler's own panic.
    pub async fn run<T, F>(&mut self, statements: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        const ACTION: &str = "run the statements of the handler";
        let (answer, result) = oneshot::channel();
        let command: Command = Box::new(move |desk| {
            // Nothing runs outside of a transaction. The thread stays with its holder, whose message may have to be parked.
            if !desk.connection.is_autocommit() {
                let result = desk.run(statements);
                let is_over = desk.connection.is_autocommit();
                let _ = answer.send(Some((result, is_over)));
            } else {
                let _ = answer.send(None);
            }
            Flow::Continue
        });
        self.send(ACTION, command).await?;
        match result.await {
            Ok(None) => Err(over("run statements in a transaction that is over")),
            Ok(Some((Err(panic), _))) => resume_unwind(panic),
            Ok(Some((Ok(Err(error)), _))) => Err(because(ACTION)(error)),
            Ok(Some((Ok(Ok(_)), true))) => {
                Err(over("keep the transaction, which the statements ended"))
            }
            Ok(Some((Ok(Ok(value)), false))) => Ok(value),
            Err(_) => Err(gone(ACTION)),
        }
    }

    /// What the transaction claimed, if it is that of a handler; in a batch, the message that is handled now.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_deref()
    }

    async fn send(&self, action: &'static str, command: Command) -> Result<(), StoreError> {
        self.commands.send(command).await.map_err(|_| over(action))
    }

    /// Has the thread do the last thing for the transaction.
    async fn finish<T: Send + 'static>(
        &self,
        action: &'static str,
        last: impl FnOnce(&mut Desk) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, result) = oneshot::channel();
        let command: Command = Box::new(move |desk| {
            // A transaction that is over has nothing to commit, and must not pretend that it had.
            let result = if desk.connection.is_autocommit() {
                None
            } else {
                let result = last(desk);
                desk.clear();
                Some(result)
            };
            let _ = answer.send(result);
            Flow::End
        });
        self.send(action, command).await?;
        match result.await {
            Ok(Some(result)) => result.map_err(because(action)),
            Ok(None) => Err(over(action)),
            Err(_) => Err(gone(action)),
        }
    }
}

/// The transaction is over. That is the handler's doing, and not the database's.
const fn over(action: &'static str) -> StoreError {
    StoreError::new(action, ErrorKind::Refused)
}

impl Transaction for SqliteTransaction {
    fn publish(&mut self, message: Message) -> Result<(), StoreError> {
        if message.identity().is_none() {
            return Err(over("publish a message without an identity"));
        }
        if self.published.len() >= PUBLISHED_MAX {
            return Err(over("publish more messages in one transaction"));
        }
        self.published.push(message);
        Ok(())
    }

    fn turn_to(&mut self, claim: Claim) {
        self.handled.push(claim.key.clone());
        self.claim = Some(Arc::new(claim));
    }

    async fn commit(mut self) -> Result<(), StoreError> {
        let published = std::mem::take(&mut self.published);
        let handled = std::mem::take(&mut self.handled);
        let (claim, is_parked, now) = (self.claim.clone(), self.is_parked, self.now);
        let has_published = !published.is_empty();
        self.finish("commit", move |desk| {
            for message in &published {
                outbox::insert(&desk.connection, message, now)?;
            }
            reach("enqueued");
            for key in &handled {
                inbox::forget_attempts(&desk.connection, key)?;
            }
            if let Some(claim) = &claim {
                inbox::forget_attempts(&desk.connection, &claim.key)?;
                if is_parked {
                    parked::leave(&desk.connection, claim)?;
                }
            }
            reach("committing");
            desk.commit()?;
            reach("committed");
            Ok(())
        })
        .await?;
        if has_published {
            self.outbox_changed.notify_one();
        }
        Ok(())
    }

    async fn rollback(self) {
        self.stop.stop(self.session);
        let result = self
            .finish("roll back", |desk| {
                desk.clear();
                Ok(())
            })
            .await;
        if let Err(error) = result {
            tracing::debug!(%error, "the transaction was over already");
        }
    }

    async fn park(self, parking: Parking) -> Result<bool, StoreError> {
        // A statement of the handler may still run; it is not wanted any more.
        self.stop.stop(self.session);
        let Some(claim) = self.claim.clone() else {
            return Err(over("park a message that was not claimed"));
        };
        const ACTION: &str = "park the message";
        let (answer, result) = oneshot::channel();
        let command: Command = Box::new(move |desk| {
            let parked = park(desk, &claim, &parking);
            desk.clear();
            let _ = answer.send(parked);
            Flow::End
        });
        self.send(ACTION, command).await?;
        match result.await {
            Ok(Ok(Some(is_parked))) => Ok(is_parked),
            Ok(Ok(None)) => Err(over(ACTION)),
            Ok(Err(error)) => Err(because(ACTION)(error)),
            Err(_) => Err(gone(ACTION)),
        }
    }
}

/// Parks a message. Where its transaction is over, because a statement was stopped or ended it, another one takes its place before the thread
/// does anything else, so that no other message of the key comes between. Nothing: another process was faster.
fn park(desk: &mut Desk, claim: &Claim, parking: &Parking) -> rusqlite::Result<Option<bool>> {
    desk.renew();
    if desk.connection.is_autocommit() {
        desk.begin()?;
        desk.connection.execute_batch(parked::SAVEPOINT)?;
        let found = inbox::find(&desk.connection, claim, parking.at)?;
        if !matches!(found, Found::Fresh { .. } | Found::Behind) {
            return Ok(None);
        }
    }
    let is_parked = parked::park(&desk.connection, claim, parking)?;
    if is_parked {
        desk.commit()?;
    }
    Ok(Some(is_parked))
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        self.stop.stop(self.session);
    }
}

impl fmt::Debug for SqliteTransaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqliteTransaction")
            .field("claim", &self.claim)
            .field("published", &self.published.len())
            .finish_non_exhaustive()
    }
}
