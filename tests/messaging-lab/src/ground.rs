//! The stores on which every fault is tried, behind what a service does with one: effects in the transaction of a message, and, for the controls,
//! outside of it.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::{fmt, marker::PhantomData, path::Path, time::Duration};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    dead_letter::{Filter, State},
    store::{DeadLetters as _, Leases, Outbox, Replays, Store, StoreError},
};
use tempfile::TempDir;

use crate::{
    faults::process::{End, Process},
    tally::Effect,
};

/// What a fault needs of a store.
pub(crate) trait Ground: Clone + fmt::Debug + Send + Sync + 'static {
    /// What tables and arguments call it.
    const NAME: &'static str;

    /// For how long a relay holds what it took. By default as long as usual: who comes after a crash has a clock that is ahead.
    const HOLD: Duration = Duration::from_secs(30);

    /// For how long whoever comes after a frozen process is alone: longer than what the frozen one holds.
    const ALONE: Duration = Duration::from_millis(250);

    /// How long leases are where the database goes by its own clock, so that their end has to be waited for.
    const LEASE: Option<Duration> = None;

    /// The store under test.
    type Store: Store + Leases + Outbox + Replays;

    /// Opens the store that belongs to a folder, and makes it with the tables of the service where it is not there.
    fn open(folder: &Path) -> impl Future<Output = Result<Self>> + Send;

    /// The same, for a service that loses its database now and then.
    fn open_failing(folder: &Path) -> impl Future<Output = Result<Self>> + Send;

    /// Has the database away for a while, as far as those are concerned who opened it as one that fails.
    fn hold(&self, time: Duration) -> impl Future<Output = Result<()>> + Send;

    /// Whether a process can be killed when its database has what it publishes, and not the commit.
    fn has_midway() -> bool {
        false
    }

    /// Starts a process with these variables, and kills it there the `nth` time.
    fn kill_midway(
        &self,
        nth: u64,
        start: impl FnOnce(&[(&str, String)]) -> Result<Process>,
    ) -> Result<End> {
        let _ = nth;
        start(&[])?.wait()
    }

    /// Removes what belongs to a folder and is not in it.
    fn remove(folder: &Path) {
        let _ = folder;
    }

    /// The store.
    fn store(&self) -> &Self::Store;

    /// Writes an effect in a transaction.
    fn write(
        transaction: &mut <Self::Store as Store>::Transaction,
        effect: Effect,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes an effect in a transaction of its own.
    fn write_alone(&self, effect: Effect) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the control noted the message.
    fn is_noted(&self, id: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Notes the message for the control.
    fn note(&self, id: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Completes a leased message for the control, whoever holds it. `false`: it was completed.
    fn complete_unfenced(
        &self,
        consumer: &str,
        message: &Message,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// All effects, in the order in which they were written.
    fn effects(&self) -> impl Future<Output = Result<Vec<Effect>, StoreError>> + Send;

    /// When each letter of a replay was sent, in seconds since 1970 and in their order.
    fn sent(&self, job: i64) -> impl Future<Output = Result<Vec<f64>, StoreError>> + Send;

    /// How many dead letters are open.
    fn open_letters(&self) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async {
            let open = Filter {
                state: Some(State::Open),
                ..Filter::default()
            };
            Ok(self.store().tally(open).await?.count)
        }
    }

    /// How many messages wait for an attempt in the queues of their keys.
    fn parked(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The identifiers of all messages that ever were in the outbox.
    fn outbox(&self) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
}

/// An open transaction of a ground.
pub(crate) type Open<G> = <<G as Ground>::Store as Store>::Transaction;

/// A folder, and what belongs to it, for as long as one history takes.
#[derive(Debug)]
pub(crate) struct Home<G: Ground> {
    folder: TempDir,
    ground: PhantomData<fn() -> G>,
}

impl<G: Ground> Home<G> {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            ground: PhantomData,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl<G: Ground> Drop for Home<G> {
    fn drop(&mut self) {
        G::remove(self.folder.path());
    }
}
