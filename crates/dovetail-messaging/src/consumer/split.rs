//! One subscription of which some kinds are handled in transactions, and others under leases.

use std::time::Duration;

use super::{Delivery, Process, Settlement, run::one_by_one};

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

impl<T, L> Split<T, L> {
    fn is_leased(&self, delivery: &Delivery) -> bool {
        let kind = delivery.message.kind.as_ref();
        let is_leased = kind.is_some_and(|kind| self.leased_kinds.contains(kind));
        delivery.problem.is_none() && is_leased
    }
}

impl<T: Process, L: Process> Process for Split<T, L> {
    fn begin(&self, system: &str, channel: &str) {
        self.transactional.begin(system, channel);
        self.leased.begin(system, channel);
    }

    async fn process(&self, delivery: Delivery) -> Settlement {
        if !self.is_leased(&delivery) {
            return self.transactional.process(delivery).await;
        }
        let leased = self.leased.process(delivery.clone()).await;
        if !matches!(leased, Settlement::Ack(_)) || delivery.position.is_none() {
            return leased;
        }
        // It is none of the other's kinds, which has to know all the same that the partition moved on.
        match self.transactional.pass(delivery).await {
            Settlement::Ack(_) => leased,
            unsettled => unsettled,
        }
    }

    /// What has positions is taken in its order, one by one, until something is down. All else is taken by each consumer as it takes a batch.
    async fn process_batch(&self, deliveries: Vec<Delivery>) -> Vec<Settlement> {
        if deliveries.iter().any(|one| one.position.is_some()) {
            return one_by_one(deliveries, |one| self.process(one)).await;
        }
        let are_leased: Vec<bool> = deliveries.iter().map(|one| self.is_leased(one)).collect();
        let (mut leased, mut transactional) = (Vec::new(), Vec::new());
        for (delivery, is_leased) in deliveries.into_iter().zip(&are_leased) {
            if *is_leased {
                leased.push(delivery);
            } else {
                transactional.push(delivery);
            }
        }
        let (leased, transactional) = tokio::join!(
            self.leased.process_batch(leased),
            self.transactional.process_batch(transactional)
        );
        let (mut leased, mut transactional) = (leased.into_iter(), transactional.into_iter());
        let settlements = are_leased.into_iter().map(|is_leased| {
            if is_leased {
                leased.next()
            } else {
                transactional.next()
            }
        });
        settlements
            .map(|one| {
                one.unwrap_or(Settlement::Pause {
                    after: Duration::ZERO,
                })
            })
            .collect()
    }

    async fn tend(&self) -> bool {
        let transactional = self.transactional.tend().await;
        self.leased.tend().await || transactional
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{consumer::Done, inbox::Position, message::Message};

    /// Answers always the same, and remembers that it was asked.
    struct Scripted(&'static str, Settlement, Arc<Mutex<Vec<&'static str>>>);

    impl Process for Scripted {
        async fn process(&self, _: Delivery) -> Settlement {
            self.2.lock().unwrap().push(self.0);
            self.1
        }

        async fn process_batch(&self, deliveries: Vec<Delivery>) -> Vec<Settlement> {
            self.2.lock().unwrap().push(self.0);
            vec![self.1; deliveries.len()]
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
                began: 7,
            }),
            ..Delivery::from(Message::new("mail", "mail", "1", "").with_kind(kind))
        };
        let settlement = split.process(delivery).await;
        assert_eq!((&asked.lock().unwrap()[..], settlement), expected);
        assert!(split.tend().await);
    }

    #[tokio::test]
    async fn each_consumer_has_its_part_of_a_batch_at_once() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (handled, ignored) = (
            Settlement::Ack(Done::Handled),
            Settlement::Ack(Done::Ignored),
        );
        let split = Split::new(
            Scripted("transactional", ignored, Arc::clone(&asked)),
            Scripted("leased", handled, Arc::clone(&asked)),
            vec!["mail.due".to_owned()],
        );
        let kinds = ["mail.due", "other", "other", "mail.due"];
        let of = |kind| Delivery::from(Message::new("mail", "mail", "1", "").with_kind(kind));
        let settlements = split.process_batch(kinds.map(of).to_vec()).await;
        assert_eq!(settlements, [handled, ignored, ignored, handled]);
        assert_eq!(*asked.lock().unwrap(), ["leased", "transactional"]);
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
