//! A connection on loan, and what is sent over it: several statements at once, whose answers come back together.
//!
//! Whatever the caller does, no connection goes back to the pool while something runs on it or a transaction is open.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
};

use futures::{TryStreamExt as _, future::join_all};
use tokio_postgres::{NoTls, Row, Statement, error::Error, types::ToSql};

use super::{
    because,
    limits::Limits,
    pool::{Lent, PoolError},
};
use crate::store::{ErrorKind, StoreError};

/// Whatever the database or its user is set to.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// How many statements are in front of those of the caller.
const OPENING: usize = 2;

/// What a statement is given.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// One statement of several that are sent together.
pub(super) enum Step<'a> {
    /// Without parameters or an answer.
    Plain(&'a str),
    /// A text of the program, which is prepared once for each connection.
    Query(&'static str, Vec<Param<'a>>),
    /// A statement that is prepared.
    Prepared(&'a Statement, Vec<Param<'a>>),
}

/// What the statements answered, in their order.
#[derive(Default)]
pub(super) struct Answers(Vec<Answer>);

#[derive(Default)]
struct Answer {
    rows: Vec<Row>,
    affected: u64,
}

impl Answers {
    /// The rows of a statement.
    pub(super) fn rows(&self, index: usize) -> &[Row] {
        self.0.get(index).map_or(&[], |answer| &answer.rows)
    }

    /// How many rows a statement wrote or read.
    pub(super) fn affected(&self, index: usize) -> u64 {
        self.0.get(index).map_or(0, |answer| answer.affected)
    }

    /// The rows of the last statement, and how many it wrote or read.
    pub(super) fn into_last(mut self) -> (Vec<Row>, u64) {
        let last = self.0.pop().unwrap_or_default();
        (last.rows, last.affected)
    }
}

/// A connection on loan.
pub(super) struct Session {
    lent: Option<Box<dyn Lent>>,
    limits: Arc<Limits>,
    action: &'static str,
    /// Something was sent whose answer is yet to come.
    is_busy: bool,
    /// A transaction is open.
    is_open: bool,
    /// Something was stopped, and the request to do so may arrive late.
    is_spent: bool,
    /// The connection is no good any more, though the pool may not have heard of it.
    is_lost: bool,
}

impl Session {
    pub(super) fn new(lent: Box<dyn Lent>, limits: Arc<Limits>, action: &'static str) -> Self {
        Self {
            lent: Some(lent),
            limits,
            action,
            is_busy: false,
            is_open: false,
            is_spent: false,
            is_lost: false,
        }
    }

    /// What errors say that was to be done.
    pub(super) fn to(mut self, action: &'static str) -> Self {
        self.action = action;
        self
    }

    /// The connection, for one request that is over with [`Session::answered`].
    pub(super) fn start(&mut self) -> Result<&dyn Lent, StoreError> {
        self.is_busy = true;
        match self.lent.as_deref() {
            Some(lent) => Ok(lent),
            None => Err(StoreError::new(self.action, ErrorKind::Refused)),
        }
    }

    pub(super) const fn answered(&mut self) {
        self.is_busy = false;
    }

    /// Sends statements at once. The first of them that fails is the error; those after it did nothing if a transaction is open.
    pub(super) async fn send(&mut self, steps: &[Step<'_>]) -> Result<Answers, StoreError> {
        let action = self.action;
        let answers = pipeline(self.start()?, steps).await;
        self.answered();
        let answers = answers.map_err(because(action));
        self.is_lost |= matches!(&answers, Err(error) if error.kind() == ErrorKind::Unavailable);
        answers
    }

    pub(super) async fn query(
        &mut self,
        sql: &'static str,
        params: Vec<Param<'_>>,
    ) -> Result<Vec<Row>, StoreError> {
        let answers = self.send(&[Step::Query(sql, params)]).await?;
        Ok(answers.0.into_iter().next().unwrap_or_default().rows)
    }

    /// Begins a transaction with these statements; the answer of the first of them has the index 0.
    pub(super) async fn begin(&mut self, steps: Vec<Step<'_>>) -> Result<Answers, StoreError> {
        let limits = Arc::clone(&self.limits);
        let mut all = vec![Step::Plain(BEGIN), limits.step()];
        all.extend(steps);
        self.is_open = true;
        let mut answers = self.send(&all).await?;
        answers.0.drain(..OPENING);
        Ok(answers)
    }

    /// Sends the last statements of a transaction, and its end with them.
    ///
    /// An error before the end keeps all of it from happening: PostgreSQL answers COMMIT in a failed transaction with ROLLBACK, so
    /// at least one statement must stand before it that says so.
    pub(super) async fn commit(mut self, mut steps: Vec<Step<'_>>) -> Result<Answers, StoreError> {
        if steps.is_empty() {
            steps.push(Step::Query("SELECT 1", Vec::new()));
        }
        steps.push(Step::Plain("COMMIT"));
        let answers = self.send(&steps).await?;
        self.is_open = false;
        Ok(answers)
    }

    /// A transaction of these statements and nothing else, in one round trip.
    pub(super) async fn once(mut self, steps: Vec<Step<'_>>) -> Result<Answers, StoreError> {
        let limits = Arc::clone(&self.limits);
        let mut all = vec![Step::Plain(BEGIN), limits.step()];
        all.extend(steps);
        all.push(Step::Plain("COMMIT"));
        self.is_open = true;
        let mut answers = self.send(&all).await?;
        self.is_open = false;
        answers.0.drain(..OPENING);
        Ok(answers)
    }

    /// Undoes the transaction, and returns once that is done.
    pub(super) async fn rollback(mut self) {
        if self.is_lost {
            // It was rolled back with its connection.
            self.is_busy = false;
        } else if self.is_busy || self.is_spent {
            self.stop().await;
            self.is_busy = false;
        } else if self.is_open && self.send(&[Step::Plain("ROLLBACK")]).await.is_ok() {
            self.is_open = false;
        }
    }

    /// Undoes everything up to a savepoint, whatever is running.
    pub(super) async fn back_to(&mut self, rollback: &str) -> Result<(), StoreError> {
        if self.is_busy {
            self.stop().await;
            self.absorb().await;
        }
        self.send(&[Step::Plain(rollback)]).await.map(drop)
    }

    /// Asks the database to end what is running.
    async fn stop(&mut self) {
        self.is_spent = true;
        if let Some(lent) = self.lent.as_deref() {
            let stopped = lent.client().cancel_token().cancel_query(NoTls).await;
            if let Err(error) = stopped {
                tracing::warn!(%error, "a statement could not be stopped, and runs until its time is up");
            }
        }
    }

    /// Waits until the request to stop has met something. Where what was running had just ended by itself, it would meet what comes next.
    async fn absorb(&mut self) {
        if self.send(&[Step::Plain("SELECT 1")]).await.is_ok() {
            let _ = self.send(&[Step::Plain("SELECT pg_sleep(0.2)")]).await;
        }
    }
}

async fn pipeline(lent: &dyn Lent, steps: &[Step<'_>]) -> Result<Answers, Error> {
    let mut prepared = Vec::with_capacity(steps.len());
    for step in steps {
        prepared.push(match step {
            Step::Plain(_) => None,
            Step::Query(sql, _) => Some(lent.prepare(sql).await?),
            Step::Prepared(statement, _) => Some((*statement).clone()),
        });
    }
    // A request is sent when it is first asked for its answer, so they are sent in their order and before any answer. What cannot be sent at all
    // keeps those behind it from being sent, or a COMMIT would commit without it.
    let is_broken = AtomicBool::new(false);
    let is_broken = &is_broken;
    let sent = steps
        .iter()
        .zip(&prepared)
        .map(|(step, statement)| async move {
            if is_broken.load(Ordering::Relaxed) {
                return Ok(Answer::default());
            }
            let client = lent.client();
            let (params, statement) = match (step, statement) {
                (Step::Query(_, params) | Step::Prepared(_, params), Some(statement)) => {
                    (params, statement)
                }
                (Step::Plain(sql) | Step::Query(sql, _), _) => {
                    client.batch_execute(sql).await?;
                    return Ok(Answer::default());
                }
                (Step::Prepared(..), None) => return Ok(Answer::default()),
            };
            let answer = client.query_raw(statement, params.iter().copied()).await;
            let answer = answer.inspect_err(|_| is_broken.store(true, Ordering::Relaxed))?;
            let mut answer = pin!(answer);
            let mut rows = Vec::new();
            while let Some(row) = answer.try_next().await? {
                rows.push(row);
            }
            let affected = answer.rows_affected().unwrap_or_default();
            Ok(Answer { rows, affected })
        });
    join_all(sent)
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .map(Answers)
}

/// Only what is at rest goes back to the pool.
impl Drop for Session {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else { return };
        if self.is_busy {
            discard(lent);
        } else if self.is_spent || self.is_lost {
            lent.discard();
        } else if self.is_open {
            // Sent by asking once; the answer is of no interest, and whoever has the connection next comes after it.
            let _ = pin!(lent.client().batch_execute("ROLLBACK"))
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// Closes a connection on which something runs, and has that stopped: it may hold the claim of a message.
fn discard(lent: Box<dyn Lent>) {
    let token = lent.client().cancel_token();
    lent.discard();
    // Outside of a runtime nobody can be asked, and the time limits of the database decide.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            if let Err(error) = token.cancel_query(NoTls).await {
                tracing::warn!(%error, "a statement could not be stopped, and runs until its time is up");
            }
        });
    }
}

/// A row that is not as the tables say.
pub(super) fn unreadable(action: &'static str, error: impl Into<PoolError>) -> StoreError {
    StoreError::because(action, ErrorKind::Refused, error)
}
