//! What a database has to do for messaging, as laws rather than as SQL.
//!
//! - **One owner.** Of all claims to one key, at most one becomes fresh and is committed. A claim that meets another one under way waits for
//!   its end.
//! - **All or nothing.** The row of the inbox, what the handler wrote and what it publishes become visible together, or not at all.
//! - **A dropped transaction never was.** Dropping it at any point undoes everything.
//! - **Failures outlive their transaction.** Attempts are counted in a transaction of their own.
//! - **A lost lease changes nothing.** Whoever completes, extends or buries under a token that is no longer current is told so.

#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod triage;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use thiserror::Error;

pub use self::triage::{LETTERS_MAX, Replays, Triage};
use crate::{
    dead_letter::{Act, Burial, DeadLetter, Filter, Tally},
    inbox::{Claim, Claimed, Fingerprint, Key, Position},
    message::Message,
    outbox::{Pending, Settled, Taken},
};

/// No attempt publishes more messages than this.
pub const PUBLISHED_MAX: usize = 10_000;

/// An open transaction: that of a handler, which holds a claim, or one that a service began itself. Dropping it rolls back.
pub trait Transaction: Send {
    /// Adds a message to the outbox; it exists once the transaction is committed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where the message has no identity, or too much was published already.
    fn publish(&mut self, message: Message) -> Result<(), StoreError>;

    /// Goes on with another claim of its batch, whose message is handled now.
    fn turn_to(&mut self, claim: Claim);

    /// Makes everything durable.
    ///
    /// # Errors
    ///
    /// After an error it is unknown whether it was: the message must not be acknowledged. Its redelivery finds out.
    fn commit(self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Undoes everything.
    fn rollback(self) -> impl Future<Output = ()> + Send;

    /// Undoes what the handler did, and diverts the message into the queue of its key, in this same transaction: no later message of the key
    /// can come between. Returns `false`, having changed nothing, where the queue is full.
    ///
    /// # Errors
    ///
    /// As [`Transaction::commit`], and [`ErrorKind::Refused`] without a claim.
    fn park(self, parking: Parking) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// A transaction that was begun with several claims.
#[derive(Debug)]
pub struct Batch<T> {
    /// The open transaction, which holds all claims that are fresh. Whoever finds none among them rolls it back.
    pub transaction: T,
    /// What is said to each claim, in their order.
    pub standings: Vec<Standing>,
}

/// What a store says to one claim of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// The message is this transaction's to handle.
    Fresh,
    /// It was handled, or became a dead letter, before; or it is in the batch twice.
    Duplicate,
    /// Nothing is claimed: a transaction of its own finds out what is to be done with it.
    Alone,
}

/// A message that waits, and for how long the head of its key has to.
#[derive(Debug, Clone)]
pub struct Parking {
    /// The message, which has a key.
    pub message: Message,
    /// When the head of the key may be tried again; `None` for a message that waits behind another one.
    pub retry_at: Option<SystemTime>,
    /// What the attempt said.
    pub error: String,
    /// No more keys than this are parked in one scope.
    pub keys_max: u32,
    /// No more messages than this wait in one key.
    pub length_max: u32,
    /// When.
    pub at: SystemTime,
}

/// The first message of a parked key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The consumer that could not handle it when it came.
    pub consumer: String,
    /// The message.
    pub message: Message,
}

/// A failed attempt.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Whose.
    pub key: Key,
    /// What it said.
    pub error: String,
    /// When.
    pub at: SystemTime,
}

/// The store of transactional consumers.
pub trait Store: Clone + Send + Sync + fmt::Debug + 'static {
    /// An open transaction.
    type Transaction: Transaction;

    /// Begins a transaction without a claim: for what a service does of its own accord and tells others of, such as an order that was placed.
    fn transaction(
        &self,
        now: SystemTime,
    ) -> impl Future<Output = Result<Self::Transaction, StoreError>> + Send;

    /// Begins a transaction with the claim as its first statements.
    fn begin(
        &self,
        claim: Claim,
        now: SystemTime,
    ) -> impl Future<Output = Result<Claimed<Self::Transaction>, StoreError>> + Send;

    /// Begins one transaction with claims to several messages, none of which has a position. It cannot park.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Contended`] where somebody else holds one of them for too long.
    fn begin_batch(
        &self,
        claims: Vec<Claim>,
        now: SystemTime,
    ) -> impl Future<Output = Result<Batch<Self::Transaction>, StoreError>> + Send;

    /// Counts a failed attempt, and returns how many there were.
    fn fail(&self, failure: Failure) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// Keeps a message as a dead letter, once however many times it comes; marks it in the inbox, and moves the offset of the scope past it.
    /// `false`: its partition has yet to come to it, and nothing was kept.
    fn bury(
        &self,
        burial: Burial,
        place: Option<(&str, Position)>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Moves the offset past a message that is of no concern to the scope. `false`: its partition has yet to come to it.
    fn pass(
        &self,
        scope: &str,
        position: Position,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The heads of parked keys whose time has come.
    fn due(
        &self,
        scope: &str,
        now: SystemTime,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Parked>, StoreError>> + Send;

    /// Begins a transaction for the head of a parked key. [`Claimed::Duplicate`] where it is not the head any more, or its key rests.
    fn begin_parked(
        &self,
        claim: Claim,
        now: SystemTime,
    ) -> impl Future<Output = Result<Claimed<Self::Transaction>, StoreError>> + Send;

    /// Lets a parked key rest until `retry_at`, and counts the attempt that failed in the same transaction.
    fn rest(
        &self,
        scope: &str,
        key: &str,
        retry_at: SystemTime,
        failure: Option<Failure>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Makes dead letters of a parked head and of all that wait behind it, which are [`crate::dead_letter::Reason::KeyBlocked`].
    fn bury_parked(
        &self,
        scope: &str,
        head: Burial,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// Forgets handled messages of before `before`, `limit` at most, and returns how many; never those that are still dead letters, parked or
    /// leased.
    fn forget(
        &self,
        before: SystemTime,
        limit: u32,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send;
}

/// A lease on a message, for effects outside of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The message.
    pub key: Key,
    /// Which lease on it this is. Each one has a higher token than the one before.
    pub token: i64,
    /// How many leases there were before, whatever became of them, without those that were excused.
    pub attempts: u32,
    /// Until when it holds, unless extended.
    pub until: SystemTime,
}

/// What a store says to a wish for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leased {
    /// It is granted.
    Held(Lease),
    /// Another one is held until then.
    Busy(SystemTime),
    /// The message was handled, or became a dead letter, before.
    Duplicate,
    /// Another message had this identity.
    IdReuse,
}

/// The store of consumers whose effect is elsewhere: at least one effect, a single live owner.
pub trait Leases: Store {
    /// Asks for a lease.
    fn lease(
        &self,
        key: Key,
        fingerprint: Fingerprint,
        now: SystemTime,
        length: Duration,
    ) -> impl Future<Output = Result<Leased, StoreError>> + Send;

    /// Extends a lease. `false`: it is lost.
    fn extend(
        &self,
        lease: &Lease,
        now: SystemTime,
        length: Duration,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Marks the message as handled and publishes what came of it. `false`: the lease is lost, and nothing was published.
    fn complete(
        &self,
        lease: &Lease,
        published: Vec<Message>,
        now: SystemTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Gives the lease back after a failure, which is no attempt where it is excused. `false`: it was lost.
    fn release(
        &self,
        lease: &Lease,
        is_excused: bool,
        now: SystemTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Makes a dead letter of the message. `false`: the lease is lost, and nothing was kept.
    fn bury_leased(
        &self,
        lease: &Lease,
        burial: Burial,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// The store of relays.
pub trait Outbox: Clone + Send + Sync + fmt::Debug + 'static {
    /// Takes messages to publish, in their order, for `length`; of one key nothing while an earlier message of it is taken, waits or is blocked.
    fn take(
        &self,
        now: SystemTime,
        length: Duration,
        limit: u32,
    ) -> impl Future<Output = Result<Taken, StoreError>> + Send;

    /// Records what became of messages that were taken, in one transaction. Returns how many were still held under the token.
    fn settle(
        &self,
        token: i64,
        settled: Vec<Settled>,
        now: SystemTime,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// Resolves once something may have been added, by this process at least.
    fn changed(&self) -> impl Future<Output = ()> + Send;

    /// How much waits.
    fn pending(&self) -> impl Future<Output = Result<Pending, StoreError>> + Send;

    /// Publishes once more what was published since `since`; for brokers that lost what they had acknowledged.
    fn republish(&self, since: SystemTime) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// Forgets what was published before `before`, `limit` at most.
    fn forget_published(
        &self,
        before: SystemTime,
        limit: u32,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send;
}

/// The store of dead letters, for those who look after them.
pub trait DeadLetters: Clone + Send + Sync + fmt::Debug + 'static {
    /// Lists dead letters after the number `after`, in the order in which they came.
    fn letters(
        &self,
        filter: Filter,
        after: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, StoreError>> + Send;

    /// Counts dead letters.
    fn tally(&self, filter: Filter) -> impl Future<Output = Result<Tally, StoreError>> + Send;

    /// Sends an open dead letter again, through the outbox and under the same identity: consumers that did handle it see a duplicate. `false`:
    /// it is not open.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where the letter cannot be sent again as it is.
    fn replay(
        &self,
        number: i64,
        now: SystemTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Decides that an open dead letter does not matter. `false`: it is not open.
    fn discard(
        &self,
        number: i64,
        now: SystemTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Forgets letters that were closed before `before`, `limit` at most, and returns how many; never open ones, nor those of a replay that
    /// is not over. What was done to them stays in the audit.
    fn purge(
        &self,
        before: SystemTime,
        limit: u32,
        act: Act,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send;
}

/// The store could not do something.
#[derive(Debug, Error)]
#[error("the store could not {action}")]
pub struct StoreError {
    action: &'static str,
    kind: ErrorKind,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kept a store from doing something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Somebody else held the lock for too long.
    Contended,
    /// The database cannot be reached, is full or is damaged.
    Unavailable,
    /// The request itself is wrong: a statement, a constraint, a message without identity.
    Refused,
    /// A statement was ended because its time was up.
    Interrupted,
}

impl StoreError {
    /// An error without a cause of its own.
    #[must_use]
    pub const fn new(action: &'static str, kind: ErrorKind) -> Self {
        Self {
            action,
            kind,
            source: None,
        }
    }

    /// An error with its cause.
    #[must_use]
    pub fn because(
        action: &'static str,
        kind: ErrorKind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            action,
            kind,
            source: Some(source.into()),
        }
    }

    /// What kept it from doing so.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the fault is the store's and not the message's, so that it would be the same for any other message.
    #[must_use]
    pub const fn is_infrastructure(&self) -> bool {
        matches!(self.kind, ErrorKind::Contended | ErrorKind::Unavailable)
    }
}
