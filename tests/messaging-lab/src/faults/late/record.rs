//! A broker that remembers.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use dovetail_messaging::{
    Message,
    outbox::{PublishError, Publisher},
};
use dovetail_resilience::Clock;

/// What was published, and when: in seconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) at: f64,
}

/// All that was published, in its order.
#[derive(Debug, Clone)]
pub(super) struct Record {
    clock: Clock,
    all: Arc<Mutex<(Vec<Published>, BTreeSet<String>)>>,
}

impl Record {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            all: Arc::default(),
        }
    }

    pub(super) fn distinct(&self) -> usize {
        self.locked().1.len()
    }

    pub(super) fn all(&self) -> Vec<Published> {
        self.locked().0.clone()
    }

    fn locked(&self) -> MutexGuard<'_, (Vec<Published>, BTreeSet<String>)> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Publisher for Record {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let now = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
        let id = message.id.clone().unwrap_or_default();
        let mut all = self.locked();
        all.1.insert(id.clone());
        all.0.push(Published {
            id,
            key: message.key.clone().unwrap_or_default(),
            at: now.unwrap_or_default().as_secs_f64(),
        });
        Ok(())
    }
}
