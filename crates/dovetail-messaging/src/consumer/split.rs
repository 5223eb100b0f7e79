//! One subscription of which some kinds are handled in transactions, and others under leases.

use super::{Delivery, Process, Settlement};

/// Brings each kind of message to the consumer that handles it.
#[derive(Debug)]
pub struct Split<T, L> {
    transactional: T,
    leased: L,
    leased_kinds: Vec<String>,
}

impl<T, L> Split<T, L> {
    /// Brings these kinds of messages to `leased`, and all else to `transactional`.
    #[must_use]
    pub const fn new(transactional: T, leased: L, leased_kinds: Vec<String>) -> Self {
        Self {
            transactional,
            leased,
            leased_kinds,
        }
    }
}

impl<T: Process, L: Process> Process for Split<T, L> {
    async fn process(&self, delivery: Delivery) -> Settlement {
        let kind = delivery.message.kind.as_ref();
        if delivery.problem.is_some() || !kind.is_some_and(|kind| self.leased_kinds.contains(kind))
        {
            return self.transactional.process(delivery).await;
        }
        let leased = self.leased.process(delivery.clone()).await;
        if !matches!(leased, Settlement::Ack(_)) || delivery.position.is_none() {
            return leased;
        }
        // It is none of the other's kinds, which has to know all the same that the partition moved on.
        match self.transactional.process(delivery).await {
            Settlement::Ack(_) => leased,
            unsettled => unsettled,
        }
    }

    async fn tend(&self) -> bool {
        let transactional = self.transactional.tend().await;
        self.leased.tend().await || transactional
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use super::*;
    use crate::{consumer::Done, inbox::Position, message::Message};

    /// Answers always the same, and remembers that it was asked.
    struct Scripted(&'static str, Settlement, Arc<Mutex<Vec<&'static str>>>);

    impl Process for Scripted {
        async fn process(&self, _: Delivery) -> Settlement {
            self.2.lock().unwrap().push(self.0);
            self.1
        }

        async fn tend(&self) -> bool {
            self.0 == "leased"
        }
    }

    async fn check(
        kind: &str,
        has_position: bool,
        leased: Settlement,
        expected: (&[&str], Settlement),
    ) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ignored = Settlement::Ack(Done::Ignored);
        let split = Split::new(
            Scripted("transactional", ignored, Arc::clone(&asked)),
            Scripted("leased", leased, Arc::clone(&asked)),
            vec!["mail.due".to_owned()],
        );
        let delivery = Delivery {
            position: has_position.then(|| Position {
                topic: "mail".to_owned(),
                partition: 0,
                offset: 7,
                expected: 7,
            }),
            ..Delivery::from(Message::new("mail", "mail", "1", "").with_kind(kind))
        };
        let settlement = split.process(delivery).await;
        assert_eq!((&asked.lock().unwrap()[..], settlement), expected);
        assert!(split.tend().await);
    }

    #[tokio::test]
    async fn each_kind_goes_to_its_consumer_and_offsets_move_past_all_of_them() {
        let handled = Settlement::Ack(Done::Handled);
        let pause = Settlement::Pause {
            after: Duration::from_secs(1),
        };
        let both: &[&str] = &["leased", "transactional"];
        check("mail.due", false, handled, (&["leased"], handled)).await;
        check("mail.due", true, handled, (both, handled)).await;
        check("mail.due", true, pause, (&["leased"], pause)).await;
        let ignored = Settlement::Ack(Done::Ignored);
        check("other", true, handled, (&["transactional"], ignored)).await;
    }
}
