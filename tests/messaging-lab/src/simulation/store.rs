//! The embedded store with its operations as steps of a history.
//!
//! Each operation runs to its end within one poll, so that nothing depends on how fast the thread of the store is. Whoever has a transaction open has
//! the store to himself, as SQLite has it; others wait for their turn here.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use dovetail_messaging::{
    Message,
    dead_letter::Burial,
    inbox::{Claim, Claimed, Position},
    outbox::{Pending, Settled, Taken},
    store::{
        Batch, ErrorKind, Failure, Outbox, Parked, Parking, Store, StoreError, Transaction,
        sqlite::SqliteTransaction,
    },
};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use super::life::Life;
use crate::{
    ground::{Ground as _, sqlite::OnSqlite},
    tally::Effect,
};

/// A store as one process has it.
#[derive(Debug, Clone)]
pub(crate) struct Stepped {
    ground: OnSqlite,
    life: Life,
    turn: Arc<Mutex<()>>,
    changed: Arc<Notify>,
}

/// An open transaction.
#[derive(Debug)]
pub(crate) struct SteppedTransaction {
    // Dropped in this order: the transaction is undone before others have their turn.
    inner: SqliteTransaction,
    _turn: OwnedMutexGuard<()>,
    life: Life,
    changed: Arc<Notify>,
}

/// Runs an operation of the store to its end. Tokio's budget is left out: it would have the operation wait for a turn that never comes.
pub(crate) fn at_once<F: Future>(operation: F) -> F::Output {
    futures::executor::block_on(tokio::task::coop::unconstrained(operation))
}

fn down(kind: ErrorKind) -> StoreError {
    StoreError::new("reach the database", kind)
}

impl Stepped {
    pub(crate) fn new(ground: OnSqlite, life: Life, turn: Arc<Mutex<()>>) -> Self {
        Self {
            ground,
            life,
            turn,
            changed: Arc::default(),
        }
    }

    /// One operation in a transaction of its own.
    pub(crate) async fn operate<T, F>(&self, what: &str, operation: F) -> Result<T, StoreError>
    where
        F: AsyncFnOnce(&OnSqlite) -> Result<T, StoreError>,
    {
        self.life.step(what).await;
        if self.life.fails("store, not done") {
            return Err(down(ErrorKind::Unavailable));
        }
        let turn = self.turn.lock().await;
        let result = at_once(operation(&self.ground));
        drop(turn);
        self.life.step(&format!("{what}: done")).await;
        if self.life.fails("store, done and not told") {
            return Err(down(ErrorKind::Unavailable));
        }
        result
    }

    async fn begin_as(
        &self,
        claim: Claim,
        now: SystemTime,
        is_parked: bool,
    ) -> Result<Claimed<SteppedTransaction>, StoreError> {
        let what = format!("begin {} for {}", claim.key.id, claim.key.consumer);
        self.life.step(&what).await;
        if self.life.fails("begin") {
            return Err(down(ErrorKind::Contended));
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let store = self.ground.store();
        let claimed = at_once(async {
            if is_parked {
                store.begin_parked(claim, now).await
            } else {
                store.begin(claim, now).await
            }
        })?;
        let open = |inner| SteppedTransaction {
            inner,
            _turn: turn,
            life: self.life.clone(),
            changed: Arc::clone(&self.changed),
        };
        let (claimed, word) = match claimed {
            Claimed::Fresh {
                transaction,
                attempts,
            } => {
                let transaction = open(transaction);
                let fresh = Claimed::Fresh {
                    transaction,
                    attempts,
                };
                (fresh, "fresh")
            }
            Claimed::Behind(transaction) => (Claimed::Behind(open(transaction)), "behind"),
            Claimed::Duplicate => (Claimed::Duplicate, "duplicate"),
            Claimed::IdReuse => (Claimed::IdReuse, "reused"),
            _ => (Claimed::NotNext, "not next"),
        };
        self.life.step(word).await;
        Ok(claimed)
    }
}

impl SteppedTransaction {
    /// Writes an effect.
    pub(crate) async fn write(&mut self, effect: Effect) -> Result<(), StoreError> {
        self.life.step(&format!("write {}", effect.id)).await;
        at_once(OnSqlite::write(&mut self.inner, effect))?;
        self.life.step("written").await;
        if self.life.fails("write") {
            return Err(down(ErrorKind::Unavailable));
        }
        Ok(())
    }
}

impl Transaction for SteppedTransaction {
    fn publish(&mut self, message: Message) -> Result<(), StoreError> {
        self.inner.publish(message)
    }

    fn turn_to(&mut self, claim: Claim) {
        self.inner.turn_to(claim);
    }

    async fn commit(self) -> Result<(), StoreError> {
        let Self {
            inner,
            _turn: turn,
            life,
            changed,
        } = self;
        life.step("commit").await;
        if life.fails("commit, not done") {
            at_once(inner.rollback());
            return Err(down(ErrorKind::Unavailable));
        }
        let result = at_once(inner.commit());
        drop(turn);
        changed.notify_one();
        life.step("committed").await;
        if life.fails("commit, done and not told") {
            return Err(down(ErrorKind::Unavailable));
        }
        result
    }

    async fn rollback(self) {
        self.life.step("roll back").await;
        at_once(self.inner.rollback());
    }

    async fn park(self, parking: Parking) -> Result<bool, StoreError> {
        let Self {
            inner,
            _turn: turn,
            life,
            ..
        } = self;
        life.step("park").await;
        let result = at_once(inner.park(parking));
        drop(turn);
        life.step("parked").await;
        if life.fails("park, done and not told") {
            return Err(down(ErrorKind::Unavailable));
        }
        result
    }
}

impl Store for Stepped {
    type Transaction = SteppedTransaction;

    async fn begin(
        &self,
        claim: Claim,
        now: SystemTime,
    ) -> Result<Claimed<SteppedTransaction>, StoreError> {
        self.begin_as(claim, now, false).await
    }

    async fn transaction(&self, now: SystemTime) -> Result<SteppedTransaction, StoreError> {
        self.life.step("begin for itself").await;
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let inner = at_once(self.ground.store().transaction(now))?;
        Ok(SteppedTransaction {
            inner,
            _turn: turn,
            life: self.life.clone(),
            changed: Arc::clone(&self.changed),
        })
    }

    async fn begin_batch(
        &self,
        claims: Vec<Claim>,
        now: SystemTime,
    ) -> Result<Batch<SteppedTransaction>, StoreError> {
        self.life
            .step(&format!("begin a batch of {}", claims.len()))
            .await;
        if self.life.fails("begin") {
            return Err(down(ErrorKind::Contended));
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let batch = at_once(self.ground.store().begin_batch(claims, now))?;
        let transaction = SteppedTransaction {
            inner: batch.transaction,
            _turn: turn,
            life: self.life.clone(),
            changed: Arc::clone(&self.changed),
        };
        self.life.step(&format!("{:?}", batch.standings)).await;
        Ok(Batch {
            transaction,
            standings: batch.standings,
        })
    }

    async fn fail(&self, failure: Failure) -> Result<u32, StoreError> {
        self.operate("count a failure", async |ground| {
            ground.store().fail(failure).await
        })
        .await
    }

    async fn bury(
        &self,
        burial: Burial,
        place: Option<(&str, Position)>,
    ) -> Result<bool, StoreError> {
        self.operate("bury", async |ground| {
            ground.store().bury(burial, place).await
        })
        .await
    }

    async fn pass(&self, scope: &str, position: Position) -> Result<bool, StoreError> {
        self.operate("pass", async |ground| {
            ground.store().pass(scope, position).await
        })
        .await
    }

    async fn due(
        &self,
        scope: &str,
        now: SystemTime,
        limit: u32,
    ) -> Result<Vec<Parked>, StoreError> {
        self.operate("find what is due", async |ground| {
            ground.store().due(scope, now, limit).await
        })
        .await
    }

    async fn begin_parked(
        &self,
        claim: Claim,
        now: SystemTime,
    ) -> Result<Claimed<SteppedTransaction>, StoreError> {
        self.begin_as(claim, now, true).await
    }

    async fn rest(
        &self,
        scope: &str,
        key: &str,
        retry_at: SystemTime,
        failure: Option<Failure>,
    ) -> Result<(), StoreError> {
        self.operate("let a key rest", async |ground| {
            ground.store().rest(scope, key, retry_at, failure).await
        })
        .await
    }

    async fn bury_parked(&self, scope: &str, head: Burial) -> Result<u32, StoreError> {
        self.operate("bury a key", async |ground| {
            ground.store().bury_parked(scope, head).await
        })
        .await
    }

    async fn forget(&self, before: SystemTime, limit: u32) -> Result<u32, StoreError> {
        self.operate("forget", async |ground| {
            ground.store().forget(before, limit).await
        })
        .await
    }
}

impl Outbox for Stepped {
    async fn take(
        &self,
        now: SystemTime,
        length: Duration,
        limit: u32,
    ) -> Result<Taken, StoreError> {
        self.operate("take from the outbox", async |ground| {
            ground.store().take(now, length, limit).await
        })
        .await
    }

    async fn settle(
        &self,
        token: i64,
        settled: Vec<Settled>,
        now: SystemTime,
    ) -> Result<u32, StoreError> {
        self.operate("settle what was published", async |ground| {
            ground.store().settle(token, settled, now).await
        })
        .await
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn pending(&self) -> Result<Pending, StoreError> {
        self.operate("count the outbox", async |ground| {
            ground.store().pending().await
        })
        .await
    }

    async fn republish(&self, since: SystemTime) -> Result<u32, StoreError> {
        self.operate("republish", async |ground| {
            ground.store().republish(since).await
        })
        .await
    }

    async fn forget_published(&self, before: SystemTime, limit: u32) -> Result<u32, StoreError> {
        self.operate("forget what was published", async |ground| {
            ground.store().forget_published(before, limit).await
        })
        .await
    }
}
