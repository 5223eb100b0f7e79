//! Forgetting what is no longer needed: messages that cannot come again, and published ones that nobody will ask for once more.

use std::time::{Duration, SystemTime};

use dovetail_resilience::Clock;

use crate::store::{Outbox, Store, StoreError};

/// How what is no longer needed is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleaning {
    /// How often. 10 min: what is due is then forgotten in small pieces.
    pub every: Duration,
    /// How many rows at once. 5,000: few enough that nobody waits for long behind them.
    pub batch: u32,
    /// How long published messages are kept, to be published once more if the broker lost them. 1 h.
    pub published: Duration,
}

impl Default for Cleaning {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(600),
            batch: 5_000,
            published: Duration::from_secs(3_600),
        }
    }
}

impl Cleaning {
    /// Forgets again and again. `retain` is how long handled messages are remembered, if any are.
    pub(super) async fn run<S: Store + Outbox>(
        self,
        store: S,
        retain: Option<Duration>,
        clock: Clock,
    ) {
        loop {
            if let Err(error) = self.turn(&store, retain, clock.wall()).await {
                tracing::warn!(%error, "what is no longer needed is still there");
            }
            clock.sleep(self.every).await;
        }
    }

    async fn turn<S: Store + Outbox>(
        self,
        store: &S,
        retain: Option<Duration>,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let batch = self.batch.max(1);
        if let Some(before) = retain.and_then(|retain| now.checked_sub(retain)) {
            while store.forget(before, batch).await? >= batch {}
        }
        if let Some(before) = now.checked_sub(self.published) {
            while store.forget_published(before, batch).await? >= batch {}
        }
        Ok(())
    }
}
