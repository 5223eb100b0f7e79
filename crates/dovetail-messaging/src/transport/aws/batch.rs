//! Messages that are published at the same time go in one request, and each learns its own fate.
//!
//! Nobody waits for company: while requests are under way, what comes meanwhile gathers.

use std::{mem, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::outbox::PublishError;

/// No request has more entries. SQS, SNS and EventBridge agree.
pub(super) const ENTRIES_MAX: usize = 10;
/// No more requests of one channel are under way.
const REQUESTS_MAX: usize = 8;
/// No more messages of one channel wait.
const WAITING_MAX: usize = 1_000;

/// One message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The whole message.
    pub(super) document: String,
    /// Its group and what it is deduplicated by, where order is kept.
    pub(super) group: Option<(String, String)>,
    /// What a bus routes by.
    pub(super) source: String,
    pub(super) kind: String,
}

impl Entry {
    /// What counts against the limit of a request.
    pub(super) fn bytes(&self) -> usize {
        self.document.len() + self.source.len() + self.kind.len()
    }
}

/// What became of a message.
pub(super) type Fate = Result<(), PublishError>;

/// Sends requests.
pub(super) trait Sender: Send + Sync + 'static {
    /// How many bytes a request may have.
    fn bytes_max(&self) -> usize;

    /// Sends entries in one request, and returns the fate of each; or why the request failed as a whole.
    fn send(
        &self,
        entries: &[Entry],
    ) -> impl Future<Output = Result<Vec<Fate>, PublishError>> + Send;
}

struct Job {
    entry: Entry,
    told: oneshot::Sender<Fate>,
}

/// The way of one channel. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Batches(mpsc::Sender<Job>);

impl Batches {
    /// Begins a way, which ends when nobody has it any more.
    pub(super) fn begin(sender: impl Sender) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(run(Arc::new(sender), waiting));
        Self(jobs)
    }

    /// Whether it ended, with the runtime that it was begun in.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_closed()
    }

    pub(super) async fn publish(&self, entry: Entry) -> Fate {
        let over = || PublishError::Unavailable("the way to the broker ended".to_owned());
        let (told, fate) = oneshot::channel();
        let job = Job { entry, told };
        self.0.send(job).await.map_err(|_| over())?;
        fate.await.map_err(|_| over())?
    }
}

async fn run<S: Sender>(sender: Arc<S>, mut waiting: mpsc::Receiver<Job>) {
    let mut requests = JoinSet::new();
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(job) => job,
            None => match waiting.recv().await {
                Some(job) => job,
                None => break,
            },
        };
        if first.told.is_closed() {
            // Whoever wanted it published has given up waiting, and comes again.
            continue;
        }
        // Whoever publishes in this same turn comes along.
        tokio::task::yield_now().await;
        let mut bytes = first.entry.bytes();
        let mut jobs = vec![first];
        while jobs.len() < ENTRIES_MAX
            && let Ok(job) = waiting.try_recv()
        {
            if job.told.is_closed() {
                continue;
            }
            bytes += job.entry.bytes();
            if bytes > sender.bytes_max() {
                next = Some(job);
                break;
            }
            jobs.push(job);
        }
        while requests.len() >= REQUESTS_MAX {
            let _ = requests.join_next().await;
        }
        requests.spawn(deliver(Arc::clone(&sender), jobs));
    }
    while requests.join_next().await.is_some() {}
}

async fn deliver<S: Sender>(sender: Arc<S>, mut jobs: Vec<Job>) {
    let entries: Vec<Entry> = jobs
        .iter_mut()
        .map(|job| Entry {
            document: mem::take(&mut job.entry.document),
            ..job.entry.clone()
        })
        .collect();
    let mut fates = Vec::with_capacity(entries.len());
    match sender.send(&entries).await {
        Ok(told) => fates = told,
        Err(PublishError::Rejected(_)) if entries.len() > 1 => {
            // One of them spoils the others: each on its own.
            for entry in entries.chunks(1) {
                let told = sender.send(entry).await;
                fates.push(told.and_then(|fates| fates.into_iter().next().unwrap_or_else(missing)));
            }
        }
        Err(error) => fates.resize(jobs.len(), Err(error)),
    }
    let mut fates = fates.into_iter();
    for job in jobs {
        // What the answer does not name may be there or not; its next attempt has the same identity.
        let _ = job.told.send(fates.next().unwrap_or_else(missing));
    }
}

/// The fate of what an answer does not name.
pub(super) fn missing() -> Fate {
    let text = "the answer does not name the message";
    Err(PublishError::Unavailable(text.to_owned()))
}

#[cfg(test)]
mod tests;
