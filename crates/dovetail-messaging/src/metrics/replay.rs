//! What is counted of dead letters that were sent again, by the consumer that they were sent to.

use super::{
    handle::{Counter, Each},
    table::REPLAYED,
};

/// What came of a dead letter that was sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ReplayOutcome {
    /// It was handled, or was found to have been handled before.
    Succeeded,
    /// It became a dead letter once more.
    Failed,
}

impl ReplayOutcome {
    const ALL: [Self; 2] = [Self::Succeeded, Self::Failed];

    /// The word for it in metrics.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// The series of replays to one consumer.
#[derive(Debug)]
pub(super) struct Replays(Each<ReplayOutcome, Counter>);

impl Replays {
    /// The series of replays to that consumer.
    pub(super) fn new(consumer: &str) -> Self {
        Self(Each::new(&ReplayOutcome::ALL, |outcome| {
            let labels = [("consumer", consumer), ("outcome", outcome.as_str())];
            Counter::new(&REPLAYED, &labels)
        }))
    }

    /// Counts what came of so many.
    pub(super) fn add(&self, outcome: ReplayOutcome, count: u64) {
        if let Some(counter) = self.0.of(outcome) {
            counter.add(count);
        }
    }
}
