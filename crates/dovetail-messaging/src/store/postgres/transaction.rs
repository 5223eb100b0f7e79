//! A transaction that a handler holds, or a service.

use std::{fmt, sync::Arc, time::SystemTime};

use tokio_postgres::{Row, Statement};

use super::{
    batch, because, inbox,
    later::Later,
    listen::Wake,
    outbox::Publishing,
    parked,
    rows::Indexed,
    session::{Param, Session, Step},
    verb,
};
use crate::{
    failpoint::reach,
    inbox::Claim,
    message::Message,
    store::{ErrorKind, PUBLISHED_MAX, Parking, StoreError, Transaction},
};

const ACTION: &str = "run a statement of the handler";

/// An open transaction of PostgreSQL, with the methods of [`tokio_postgres::Transaction`] that a handler needs. Dropping it rolls back, and stops a
/// statement that is running.
///
/// It has no way to end the transaction: statements that would, such as `COMMIT`, are refused. Savepoints are welcome.
///
/// After a statement that failed PostgreSQL refuses all others, so a handler that goes on nevertheless needs a savepoint in front of it.
pub struct PgTransaction {
    session: Session,
    wake: Arc<Wake>,
    /// None for a transaction that a service began itself.
    claim: Option<Claim>,
    attempts: u32,
    /// What is handled in a batch.
    handled: Vec<Indexed>,
    /// What the handler does not wait for.
    later: Later,
    published: Vec<Message>,
    /// What was published gets this time.
    now: SystemTime,
    /// The message came from the queue of its key, and leaves it with the commit.
    is_parked: bool,
}

/// What a handler can have run: a text of the program, which is prepared once for each connection; or a statement that it prepared itself, with
/// [`PgTransaction::prepare`].
#[derive(Debug, Clone, Copy)]
pub enum Sql<'a> {
    /// A text of the program.
    Text(&'static str),
    /// A prepared statement.
    Prepared(&'a Statement),
}

impl From<&'static str> for Sql<'_> {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Statement> for Sql<'a> {
    fn from(statement: &'a Statement) -> Self {
        Self::Prepared(statement)
    }
}

impl PgTransaction {
    pub(super) fn new(session: Session, wake: Arc<Wake>, now: SystemTime) -> Self {
        Self {
            session: session.to(ACTION),
            wake,
            claim: None,
            attempts: 0,
            handled: Vec::new(),
            later: Later::default(),
            published: Vec::new(),
            now,
            is_parked: false,
        }
    }

    /// The same for a claim, so many attempts at which have failed.
    pub(super) fn of(self, claim: Claim, attempts: u32) -> Self {
        Self {
            claim: Some(claim),
            attempts,
            ..self
        }
    }

    pub(super) fn parked(self) -> Self {
        Self {
            is_parked: true,
            ..self
        }
    }

    /// What the transaction claimed, if it is that of a handler; in a batch, the message that is handled now.
    #[must_use]
    pub const fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// Runs a statement, and returns its rows.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says; [`ErrorKind::Refused`] for a statement that would end the transaction.
    pub async fn query<'s>(
        &mut self,
        sql: impl Into<Sql<'s>> + Send,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(sql.into()).await?;
        let (rows, _) = self.answer(&statement, params).await?;
        Ok(rows)
    }

    /// Runs a statement, and returns its only row.
    ///
    /// # Errors
    ///
    /// As [`PgTransaction::query`], and where there is another number of rows than one.
    pub async fn query_one<'s>(
        &mut self,
        sql: impl Into<Sql<'s>> + Send,
        params: &[Param<'_>],
    ) -> Result<Row, StoreError> {
        let row = self.query_opt(sql, params).await?;
        row.ok_or_else(|| StoreError::because(ACTION, ErrorKind::Refused, "it has no row"))
    }

    /// Runs a statement, and returns its row, if there is one.
    ///
    /// # Errors
    ///
    /// As [`PgTransaction::query`], and where there are more rows than one.
    pub async fn query_opt<'s>(
        &mut self,
        sql: impl Into<Sql<'s>> + Send,
        params: &[Param<'_>],
    ) -> Result<Option<Row>, StoreError> {
        let mut rows = self.query(sql, params).await?;
        if rows.len() > 1 {
            let error = format!("it has {} rows", rows.len());
            return Err(StoreError::because(ACTION, ErrorKind::Refused, error));
        }
        Ok(rows.pop())
    }

    /// Runs a statement, and returns how many rows it wrote.
    ///
    /// # Errors
    ///
    /// As [`PgTransaction::query`].
    pub async fn execute<'s>(
        &mut self,
        sql: impl Into<Sql<'s>> + Send,
        params: &[Param<'_>],
    ) -> Result<u64, StoreError> {
        let statement = self.statement(sql.into()).await?;
        let (_, affected) = self.answer(&statement, params).await?;
        Ok(affected)
    }

    /// Has a statement run before the next one whose answer is waited for, or with the commit: it costs no round trip of its own. In a batch, the
    /// statements of all its messages go out together.
    ///
    /// What the database says against it comes from whatever is waited for next, and from the commit at the latest; then the attempt has failed
    /// as it would have here.
    ///
    /// # Errors
    ///
    /// What is wrong with the text or the parameters; [`ErrorKind::Refused`] for a statement that would end the transaction.
    pub async fn execute_later<'s>(
        &mut self,
        sql: impl Into<Sql<'s>> + Send,
        params: &[Param<'_>],
    ) -> Result<(), StoreError> {
        let statement = self.statement(sql.into()).await?;
        self.later.add(ACTION, statement, params)?;
        if self.later.is_full() {
            let later = std::mem::take(&mut self.later);
            let steps: Vec<Step<'_>> = later.steps().collect();
            self.session.send(&steps).await?;
        }
        Ok(())
    }

    /// Sends what was put off, and a statement after it, and waits for its answer: rows, and how many it wrote.
    async fn answer(
        &mut self,
        statement: &Statement,
        params: &[Param<'_>],
    ) -> Result<(Vec<Row>, u64), StoreError> {
        let later = std::mem::take(&mut self.later);
        let asked = Step::Prepared(statement, params.to_vec());
        let steps: Vec<Step<'_>> = later.steps().chain([asked]).collect();
        Ok(self.session.send(&steps).await?.into_last())
    }

    /// Prepares a statement that is put together at run time. It is forgotten with its last copy.
    ///
    /// # Errors
    ///
    /// As [`PgTransaction::query`].
    pub async fn prepare(&mut self, sql: &str) -> Result<Statement, StoreError> {
        refuse_ending(sql)?;
        let statement = self.session.start()?.client().prepare(sql).await;
        self.session.answered();
        statement.map_err(because(ACTION))
    }

    /// Prepares a text of the program, or finds the statement that was prepared on this connection before.
    ///
    /// # Errors
    ///
    /// As [`PgTransaction::query`].
    pub async fn prepare_cached(&mut self, sql: &'static str) -> Result<Statement, StoreError> {
        refuse_ending(sql)?;
        let statement = self.session.start()?.prepare(sql).await;
        self.session.answered();
        statement.map_err(because(ACTION))
    }

    async fn statement(&mut self, sql: Sql<'_>) -> Result<Statement, StoreError> {
        match sql {
            Sql::Prepared(statement) => Ok(statement.clone()),
            Sql::Text(text) => self.prepare_cached(text).await,
        }
    }
}

fn refuse_ending(sql: &str) -> Result<(), StoreError> {
    match verb::ending(sql) {
        None => Ok(()),
        Some(verb) => Err(StoreError::because(
            ACTION,
            ErrorKind::Refused,
            format!(
                "not authorized: {verb} would end the transaction, which is the consumer's to do"
            ),
        )),
    }
}

impl Transaction for PgTransaction {
    fn publish(&mut self, message: Message) -> Result<(), StoreError> {
        if message.identity().is_none() {
            let action = "publish a message without an identity";
            return Err(StoreError::new(action, ErrorKind::Refused));
        }
        if self.published.len() >= PUBLISHED_MAX {
            let action = "publish more messages in one transaction";
            return Err(StoreError::new(action, ErrorKind::Refused));
        }
        self.published.push(message);
        Ok(())
    }

    fn turn_to(&mut self, claim: Claim) {
        self.handled.push(Indexed::of(&claim.key));
        self.claim = Some(claim);
    }

    async fn commit(self) -> Result<(), StoreError> {
        let publishing = Publishing::of(&self.published, self.now)?;
        reach("enqueued");
        let claim = self.claim.as_ref();
        let failed = claim.filter(|_| self.attempts > 0);
        let failed = failed.map(|claim| Indexed::of(&claim.key));
        let leaving = claim.filter(|_| self.is_parked).map(parked::Leaving::of);
        let handled = batch::Keys::of(&self.handled);
        let mut steps: Vec<Step<'_>> = self.later.steps().collect();
        if !self.handled.is_empty() {
            steps.push(handled.forget_attempts());
        }
        if let Some(key) = &failed {
            let params: Vec<Param<'_>> = vec![&key.consumer, &key.source, &key.id];
            steps.push(Step::Query(inbox::FORGET_ATTEMPTS, params));
        }
        if let Some(leaving) = &leaving {
            steps.extend(leaving.steps());
        }
        steps.extend(publishing.steps());
        reach("committing");
        self.session.to("commit").commit(steps).await?;
        reach("committed");
        if !self.published.is_empty() {
            self.wake.published();
        }
        Ok(())
    }

    async fn rollback(self) {
        self.session.rollback().await;
    }

    async fn park(self, parking: Parking) -> Result<bool, StoreError> {
        let Some(claim) = &self.claim else {
            let action = "park a message that was not claimed";
            return Err(StoreError::new(action, ErrorKind::Refused));
        };
        let mut session = self.session.to("park the message");
        // The lock of the key was taken before the savepoint, and stays.
        session.back_to(verb::BACK).await?;
        parked::park(session, claim, &parking).await
    }
}

impl fmt::Debug for PgTransaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PgTransaction")
            .field("claim", &self.claim)
            .field("published", &self.published.len())
            .finish_non_exhaustive()
    }
}
