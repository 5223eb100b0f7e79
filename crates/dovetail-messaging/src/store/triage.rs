//! What a database has to do for the people who look after dead letters.
//!
//! - **Nothing without a trace.** What is done to a letter and who did it are one transaction.
//! - **A letter is sent once.** Sending it, closing it and moving its job past it are one transaction, however many processes run the job.
//! - **A job keeps to its snapshot.** What comes after it was started is not part of it.

use std::time::SystemTime;

use super::{DeadLetters, StoreError};
use crate::{
    dead_letter::{Act, Action, By, Closed, Entry, Group, Listed, Matches, Restored, Selection},
    message::Message,
    replay::{Job, Plan, Started, Step, Turn},
};

/// No more letters are closed or opened in one transaction.
pub const LETTERS_MAX: usize = 1_000;

/// The dead letters as people look at them and decide about them.
pub trait Triage: DeadLetters {
    /// Counts letters, in the database.
    fn matches(
        &self,
        selection: Selection,
    ) -> impl Future<Output = Result<Matches, StoreError>> + Send;

    /// Lists letters after the number `after`, in the order in which they came, without their bodies.
    fn list(
        &self,
        selection: Selection,
        after: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Listed>, StoreError>> + Send;

    /// One letter, whole.
    fn letter(
        &self,
        number: i64,
    ) -> impl Future<Output = Result<Option<Listed>, StoreError>> + Send;

    /// Groups letters by what the database knows, the largest group first; not [`By::Detail`], for which every letter has to be looked at.
    fn groups(
        &self,
        selection: Selection,
        by: By,
    ) -> impl Future<Output = Result<Vec<Group>, StoreError>> + Send;

    /// Notes something on a letter, in the place of what was noted before. `false`: there is no such letter.
    fn annotate(
        &self,
        number: i64,
        note: String,
        act: Act,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Sends a copy in the place of an open letter, and closes the letter as resolved.
    fn send_copy(
        &self,
        number: i64,
        copy: Message,
        act: Act,
    ) -> impl Future<Output = Result<Closed, StoreError>> + Send;

    /// Decides that open letters do not matter, [`LETTERS_MAX`] at most, and returns which of them were open.
    fn discard_all(
        &self,
        numbers: Vec<i64>,
        act: Act,
    ) -> impl Future<Output = Result<Vec<i64>, StoreError>> + Send;

    /// Opens letters again that were discarded or replayed, [`LETTERS_MAX`] at most. One that was resolved stays so: its copy is another
    /// message, and both could be handled.
    fn restore_all(
        &self,
        numbers: Vec<i64>,
        act: Act,
    ) -> impl Future<Output = Result<Restored, StoreError>> + Send;

    /// Writes down that something was done which no letter tells of.
    fn log(
        &self,
        act: Act,
        action: Action,
        detail: String,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What was done, after the entry `after`: to one letter, or to all.
    fn audit(
        &self,
        letter: Option<i64>,
        after: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;
}

/// The store of replays.
pub trait Replays: Triage {
    /// Writes a job down with all its letters, unless one for the same selection is there.
    fn open_replay(&self, plan: Plan) -> impl Future<Output = Result<Started, StoreError>> + Send;

    /// Does what is due of a job: looks at what became of its letters, decides what follows, and sends the next ones, in one transaction.
    /// `None`: there is no such job.
    fn step(
        &self,
        job: i64,
        now: SystemTime,
    ) -> impl Future<Output = Result<Option<Step>, StoreError>> + Send;

    /// Pauses, resumes or cancels a job. `false`: it is not in a state for that, or not there.
    fn turn(
        &self,
        job: i64,
        turn: Turn,
        act: Act,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// One job.
    fn replay_job(&self, job: i64) -> impl Future<Output = Result<Option<Job>, StoreError>> + Send;

    /// The jobs before the number `before`, the newest first.
    fn replay_jobs(
        &self,
        before: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Job>, StoreError>> + Send;

    /// Forgets jobs that ended before `before`, `limit` at most, and returns how many.
    fn forget_replays(
        &self,
        before: SystemTime,
        limit: u32,
        act: Act,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send;
}
