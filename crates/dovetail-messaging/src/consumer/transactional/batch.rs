//! Several messages in one transaction.
//!
//! Nothing of a batch is committed unless all of it is. Where a message fails, the batch is taken apart around it: those before it, the message
//! alone, those after it. So what fails is tried, counted and buried by itself, and costs those around it one more attempt, which was rolled
//! back and left no trace.

use super::{
    Admission, Claim, Consumer, Delivery, Done, ErrorKind, Failed, Handler, Route, Settlement,
    Store, StoreError, Transaction, with_causes,
};
use crate::{
    metrics::Watch,
    store::{Batch, Standing},
};

/// A delivery and its place in the batch that came.
struct Item {
    place: usize,
    delivery: Delivery,
}

/// What came of an attempt at a batch.
enum Attempted {
    /// Some are settled; the others are to be taken one by one.
    Committed(Vec<(usize, Settlement)>, Vec<Item>),
    /// Nothing happened, and these are to be tried by themselves.
    Apart(Vec<Vec<Item>>),
    /// What all messages need is down.
    Down(Settlement),
}

/// What can be claimed in a batch.
struct Candidate<'r, E> {
    route: &'r Route,
    claim: Claim,
    event: E,
    item: Item,
}

impl<S: Store, H: Handler<S::Transaction>> Consumer<S, H> {
    /// Takes deliveries to their ends in as few transactions as can be, and says of each what the transport is to do with it, in their order. The
    /// handler is called for one message after the other.
    ///
    /// Deliveries with a position are taken one by one.
    pub async fn process_batch(&self, deliveries: Vec<Delivery>) -> Vec<Settlement> {
        let mut settlements: Vec<Option<Settlement>> = vec![None; deliveries.len()];
        let watches: Vec<Watch> = deliveries
            .iter()
            .map(|delivery| self.rules.watch(delivery))
            .collect();
        // One that is taken alone counts itself.
        let count = |place: usize, settlement: Settlement| {
            let watch = watches.get(place);
            watch.map_or(settlement, |watch| self.rules.settled(watch, settlement))
        };
        let items = deliveries.into_iter().enumerate();
        let mut rest = vec![
            items
                .map(|(place, delivery)| Item { place, delivery })
                .collect::<Vec<_>>(),
        ];
        let mut down = None;
        while down.is_none()
            && let Some(mut items) = rest.pop()
        {
            let settled = match (items.pop(), items.is_empty()) {
                (None, _) => Vec::new(),
                (Some(Item { place, delivery }), true) => {
                    vec![(place, self.process(delivery).await)]
                }
                (Some(last), false) => {
                    items.push(last);
                    match self.attempt_batch(items).await {
                        Attempted::Committed(settled, others) => {
                            rest.extend(others.into_iter().rev().map(|item| vec![item]));
                            for (place, settlement) in &settled {
                                count(*place, *settlement);
                            }
                            settled
                        }
                        Attempted::Apart(parts) => {
                            rest.extend(parts.into_iter().rev());
                            Vec::new()
                        }
                        Attempted::Down(pause) => {
                            down = Some(pause);
                            Vec::new()
                        }
                    }
                }
            };
            for (place, settlement) in settled {
                if let Settlement::Pause { .. } = settlement {
                    down = Some(settlement);
                }
                if let Some(slot) = settlements.get_mut(place) {
                    *slot = Some(settlement);
                }
            }
        }
        // Whoever is not settled was not reached before something went down.
        let rest = down.unwrap_or(Settlement::Pause {
            after: std::time::Duration::ZERO,
        });
        let settlements = settlements.into_iter().enumerate();
        settlements
            .map(|(place, settlement)| settlement.unwrap_or_else(|| count(place, rest)))
            .collect()
    }

    async fn attempt_batch(&self, items: Vec<Item>) -> Attempted {
        let (candidates, mut others) = self.candidates(items);
        if candidates.len() < 2 {
            others.extend(candidates.into_iter().map(|candidate| candidate.item));
            return Attempted::Apart(singly(others));
        }
        let claims = candidates
            .iter()
            .map(|candidate| candidate.claim.clone())
            .collect();
        let batch = match self.store.begin_batch(claims, self.rules.now()).await {
            Ok(batch) => batch,
            Err(error) => {
                let items = candidates.into_iter().map(|candidate| candidate.item);
                return self.failed(&error, items.chain(others).collect());
            }
        };
        let Batch {
            mut transaction,
            standings,
        } = batch;
        let mut settled = Vec::with_capacity(candidates.len());
        let mut handled = Vec::with_capacity(candidates.len());
        let mut candidates = candidates.into_iter().zip(standings);
        while let Some((candidate, standing)) = candidates.next() {
            let Candidate {
                route,
                claim,
                event,
                item,
            } = candidate;
            match standing {
                Standing::Alone => others.push(item),
                Standing::Duplicate => {
                    settled.push((item.place, Settlement::Ack(Done::Duplicate)));
                    handled.push(item);
                }
                Standing::Fresh => {
                    transaction.turn_to(claim);
                    let message = &item.delivery.message;
                    let result = self.attempt(route, &mut transaction, event, message).await;
                    if let Err(failed) = result {
                        transaction.rollback().await;
                        let after = candidates.map(|(candidate, _)| candidate.item).collect();
                        return self.apart(route, &failed, [handled, vec![item], after], others);
                    }
                    settled.push((item.place, Settlement::Ack(Done::Handled)));
                    handled.push(item);
                }
            }
        }
        self.conclude(transaction, settled, handled, others).await
    }

    /// Ends a batch in which nothing failed so far.
    async fn conclude(
        &self,
        transaction: S::Transaction,
        settled: Vec<(usize, Settlement)>,
        handled: Vec<Item>,
        mut others: Vec<Item>,
    ) -> Attempted {
        others.sort_unstable_by_key(|item| item.place);
        let is_new = |(_, settlement): &(usize, Settlement)| {
            matches!(settlement, Settlement::Ack(Done::Handled))
        };
        if !settled.iter().any(is_new) {
            transaction.rollback().await;
            return Attempted::Committed(settled, others);
        }
        match transaction.commit().await {
            Ok(()) => {
                self.rules.worked();
                Attempted::Committed(settled, others)
            }
            Err(error) if error.kind() == ErrorKind::Refused => {
                // Nobody knows which one it was.
                let mut items = sorted(handled, others);
                let after = items.split_off(items.len() / 2);
                Attempted::Apart(vec![items, after])
            }
            Err(error) => self.failed(&error, sorted(handled, others)),
        }
    }

    /// What can share a transaction, and what cannot.
    fn candidates(&self, items: Vec<Item>) -> (Vec<Candidate<'_, H::Event>>, Vec<Item>) {
        let mut candidates = Vec::with_capacity(items.len());
        let mut others = Vec::new();
        for mut item in items {
            match self.rules.admit(&self.handler, &mut item.delivery) {
                Admission::Admitted { route, key, event } => {
                    let claim = self.claim_of(route, key, &item.delivery);
                    if claim.position.is_some() {
                        others.push(item);
                        continue;
                    }
                    candidates.push(Candidate {
                        route,
                        claim,
                        event,
                        item,
                    });
                }
                // It is read once more, which is rare and cheap.
                Admission::Rejected(..) | Admission::Ignored => others.push(item),
            }
        }
        (candidates, others)
    }

    /// Takes a batch apart around the message that failed.
    fn apart(
        &self,
        route: &Route,
        failed: &Failed,
        [before, one, after]: [Vec<Item>; 3],
        others: Vec<Item>,
    ) -> Attempted {
        if let Failed::Infrastructure(error) = failed {
            return Attempted::Down(self.rules.pause(route, error));
        }
        let at = one.first().map_or(0, |item| item.place);
        let (early, late): (Vec<Item>, Vec<Item>) =
            others.into_iter().partition(|item| item.place < at);
        Attempted::Apart(vec![sorted(before, early), one, sorted(after, late)])
    }

    /// What follows where the store did not do its part.
    fn failed(&self, error: &StoreError, items: Vec<Item>) -> Attempted {
        if error.is_infrastructure() && error.kind() != ErrorKind::Contended {
            let route = self.rules.fallback();
            return Attempted::Down(self.rules.pause(route, &with_causes(error)));
        }
        // Somebody holds one of them: the others need not wait for it again.
        Attempted::Apart(singly(items))
    }
}

fn sorted(mut items: Vec<Item>, others: Vec<Item>) -> Vec<Item> {
    items.extend(others);
    items.sort_unstable_by_key(|item| item.place);
    items
}

fn singly(items: Vec<Item>) -> Vec<Vec<Item>> {
    let items = sorted(items, Vec::new());
    items.into_iter().map(|item| vec![item]).collect()
}
