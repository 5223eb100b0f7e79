//! Forgetting what is no longer needed: messages that cannot come again, and published ones that nobody will ask for once more.

use std::time::{Duration, SystemTime};

use dovetail_resilience::Clock;

use crate::{
    dead_letter::Act,
    store::{DeadLetters, Outbox, Store, StoreError},
};

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

/// How long the contracts of a service say that things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Retention {
    /// Messages that were handled.
    pub(super) handled: Option<Duration>,
    /// Dead letters that somebody decided about. Nobody forgets an open one.
    pub(super) letters: Option<Duration>,
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
    /// Forgets again and again.
    pub(super) async fn run<S: Store + Outbox + DeadLetters>(
        self,
        store: S,
        retain: Retention,
        clock: Clock,
    ) {
        loop {
            if let Err(error) = self.turn(&store, retain, clock.wall()).await {
                tracing::warn!(%error, "what is no longer needed is still there");
            }
            clock.sleep(self.every).await;
        }
    }

    async fn turn<S: Store + Outbox + DeadLetters>(
        self,
        store: &S,
        retain: Retention,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let batch = self.batch.max(1);
        let end = |retain: Option<Duration>| retain.and_then(|retain| now.checked_sub(retain));
        if let Some(before) = end(retain.handled) {
            while store.forget(before, batch).await? >= batch {}
        }
        if let Some(before) = end(retain.letters) {
            while store.purge(before, batch, Act::of_nobody(now)).await? >= batch {}
        }
        if let Some(before) = now.checked_sub(self.published) {
            while store.forget_published(before, batch).await? >= batch {}
        }
        Ok(())
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;
    use crate::{
        dead_letter::{Burial, Filter, Reason},
        inbox::{Claim, Claimed, Fingerprint, Key},
        message::Message,
        outbox::{Fate, Settled},
        store::{
            Failure, Transaction,
            sqlite::{Options, Sqlite},
        },
    };

    const HOUR: Duration = Duration::from_secs(3_600);

    fn claim(id: &str) -> Claim {
        Claim {
            key: Key {
                consumer: "billing/orders/charge".to_owned(),
                source: "orders".to_owned(),
                id: id.to_owned(),
            },
            fingerprint: Fingerprint::of(b""),
            by_id: true,
            scope: "billing/orders".to_owned(),
            position: None,
            order_key: None,
        }
    }

    /// Handles a message and publishes another, which the broker confirms.
    async fn handle(store: &Sqlite, id: &str, now: SystemTime) -> bool {
        let claimed = store.begin(claim(id), now).await.unwrap();
        let Claimed::Fresh {
            mut transaction, ..
        } = claimed
        else {
            return false;
        };
        transaction
            .publish(Message::new("bills", "billing", id, ""))
            .unwrap();
        transaction.commit().await.unwrap();
        let taken = store.take(now, HOUR, 10).await.unwrap();
        let settled = taken.messages.iter().map(|waiting| Settled {
            place: waiting.place,
            fate: Fate::Published,
        });
        let settled = settled.collect();
        store.settle(taken.token, settled, now).await.unwrap();
        true
    }

    #[tokio::test]
    async fn what_cannot_come_again_is_forgotten_in_batches_and_the_rest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + 1_000 * HOUR;
        let store = Sqlite::open(folder.path().join("it.db"), Options::default(), now).unwrap();
        for id in ["a", "b", "c"] {
            assert!(handle(&store, id, now).await);
        }
        assert!(handle(&store, "late", now + 2 * HOUR).await);
        let cleaning = Cleaning {
            batch: 1,
            published: HOUR,
            ..Cleaning::default()
        };
        let later = now + 2 * HOUR;
        let nothing = Retention::default();
        cleaning.turn(&store, nothing, later).await.unwrap();
        assert!(!handle(&store, "a", later).await, "nothing said how long");
        let republished = store.republish(SystemTime::UNIX_EPOCH).await.unwrap();
        assert_eq!(republished, 1, "the late one alone was kept");
        let retain = Retention {
            handled: Some(HOUR),
            letters: Some(HOUR),
        };
        cleaning.turn(&store, retain, later).await.unwrap();
        assert!(handle(&store, "a", later).await);
        assert!(!handle(&store, "late", later).await);
    }

    #[tokio::test]
    async fn letters_that_are_closed_go_and_so_do_attempts_that_nobody_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + 1_000 * HOUR;
        let store = Sqlite::open(folder.path().join("it.db"), Options::default(), now).unwrap();
        for id in ["a", "b"] {
            let burial = Burial {
                consumer: claim(id).key.consumer,
                message: Message::new("orders", "orders", id, ""),
                reason: Reason::Handler,
                detail: String::new(),
                contract: None,
                at: now,
            };
            store.bury(burial, None).await.unwrap();
        }
        store.discard(1, now).await.unwrap();
        let failure = |at| Failure {
            key: claim("c").key,
            error: "down".to_owned(),
            at,
        };
        assert_eq!(store.fail(failure(now)).await.unwrap(), 1);
        let cleaning = Cleaning::default();
        let retain = Retention {
            handled: Some(HOUR),
            letters: Some(HOUR),
        };
        cleaning.turn(&store, retain, now).await.unwrap();
        assert_eq!(store.fail(failure(now)).await.unwrap(), 2);
        let later = now + 2 * HOUR;
        cleaning.turn(&store, retain, later).await.unwrap();
        assert_eq!(store.fail(failure(later)).await.unwrap(), 1);
        let left = store.letters(Filter::default(), 0, 10).await.unwrap();
        let left: Vec<i64> = left.iter().map(|letter| letter.number).collect();
        assert_eq!(left, [2], "an open letter stays");
    }
}
