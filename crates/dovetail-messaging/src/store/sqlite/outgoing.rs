//! A transaction that a service opens for itself, outside of any handler, and publishes in.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::SystemTime,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    Sqlite, because, outbox,
    writer::{Desk, gone},
};
use crate::{
    message::Message,
    producer::Outgoing,
    store::{ErrorKind, PUBLISHED_MAX, StoreError},
};

const ACTION: &str = "run the statements";

/// The transaction, for statements and for producers.
pub struct SqliteOutgoing<'c> {
    connection: &'c Connection,
    now: SystemTime,
    published: usize,
}

impl fmt::Debug for SqliteOutgoing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqliteOutgoing")
            .field("published", &self.published)
            .finish_non_exhaustive()
    }
}

impl SqliteOutgoing<'_> {
    /// Runs statements. They cannot end the transaction; savepoints are welcome.
    ///
    /// # Errors
    ///
    /// What the statements say.
    pub fn run<T>(
        &self,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        statements(self.connection).map_err(because(ACTION))
    }
}

impl Outgoing for SqliteOutgoing<'_> {
    fn add(&mut self, message: Message) -> Result<(), StoreError> {
        let refused = |action| Err(StoreError::new(action, ErrorKind::Refused));
        if message.identity().is_none() {
            return refused("publish a message without an identity");
        }
        if self.published >= PUBLISHED_MAX {
            return refused("publish more messages in one transaction");
        }
        outbox::insert(self.connection, &message, self.now).map_err(because("publish"))?;
        self.published += 1;
        Ok(())
    }
}

impl Sqlite {
    /// Runs statements in a transaction of their own, in which producers can publish: what they publish exists if the rest of it does.
    ///
    /// # Errors
    ///
    /// What the statements say, or the store; nothing of them remains then.
    ///
    /// # Panics
    ///
    /// If the statements do.
    pub async fn transact_with_outbox<T, E, F>(
        &self,
        now: SystemTime,
        statements: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut SqliteOutgoing<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let job = move |desk: &mut Desk| {
            if answer.is_closed() {
                return;
            }
            let work = || transact(desk, now, statements);
            let _ = answer.send(catch_unwind(AssertUnwindSafe(work)));
        };
        self.writer.send(ACTION, Box::new(job)).await?;
        match result.await {
            Ok(Ok(Ok((value, has_published)))) => {
                if has_published {
                    self.outbox_changed.notify_one();
                }
                Ok(value)
            }
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(gone(ACTION).into()),
        }
    }
}

fn transact<T, E: From<StoreError>>(
    desk: &mut Desk,
    now: SystemTime,
    statements: impl FnOnce(&mut SqliteOutgoing<'_>) -> Result<T, E>,
) -> Result<(T, bool), E> {
    desk.begin().map_err(because("begin a transaction"))?;
    let done = desk.run(|connection| {
        let mut outgoing = SqliteOutgoing {
            connection,
            now,
            published: 0,
        };
        let done = statements(&mut outgoing);
        Ok(done.map(|value| (value, outgoing.published > 0)))
    });
    let done = match done {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => Err(because(ACTION)(error).into()),
        Err(panic) => {
            desk.clear();
            resume_unwind(panic)
        }
    };
    match done {
        Ok(done) => {
            desk.commit().map_err(because("commit"))?;
            Ok(done)
        }
        Err(error) => {
            desk.clear();
            Err(error)
        }
    }
}
