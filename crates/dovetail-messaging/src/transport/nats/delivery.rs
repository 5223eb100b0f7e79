//! Deliveries: how they are asked for, how long they last, and how they are settled.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::{
    Request, Subject,
    jetstream::{
        AckKind,
        consumer::{PullConsumer, pull::Batch},
    },
};
use dovetail_resilience::Instant;
use futures::StreamExt;

use super::{
    link::{Link, Problem},
    wire,
};
use crate::transport::{Received, Subscription};

/// For how long the server looks for what is there already. Without an end it would keep the request where as many deliveries are under way as
/// may be, and give what comes then to nobody.
const LOOK: Duration = Duration::from_millis(25);

/// For how long after its end the last of a request may be on its way.
const GRACE: Duration = Duration::from_millis(500);

/// What a delivery of NATS is acknowledged by.
#[derive(Clone)]
pub struct Receipt {
    reply: Option<Subject>,
    until: Instant,
    is_used: Arc<AtomicBool>,
}

impl fmt::Debug for Receipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Receipt")
            .field("until", &self.until)
            .field("is_used", &self.is_used)
            .finish_non_exhaustive()
    }
}

/// One request for deliveries.
struct Asked<'s> {
    channel: &'s str,
    at: Instant,
    expires: Duration,
    /// For how long the server waits for an acknowledgement.
    ack_wait: Duration,
}

impl Link {
    /// What is there now, and if that is nothing, what comes first.
    pub(super) async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, Problem> {
        let consumer = Box::pin(self.consumer(subscription));
        let consumer = self.in_time(consumer).await.flatten()?;
        let ack_wait = consumer.cached_info().config.ack_wait;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        let start = self.clock.now();
        let end = start.checked_add(wait).unwrap_or(start);
        let mut is_first = true;
        loop {
            let at = self.clock.now();
            let left = end.saturating_duration_since(at);
            let (most, expires) = if is_first {
                (limit, LOOK)
            } else {
                // One only: the server would wait until as many are there as were asked for.
                (1, slice(ack_wait).min(left).max(LOOK))
            };
            let asked = Asked {
                channel: &subscription.channel,
                at,
                expires,
                ack_wait,
            };
            let received = self.ask(&consumer, asked, most, is_first).await?;
            if !received.is_empty() || self.clock.now() >= end {
                return Ok(received);
            }
            is_first = false;
        }
    }

    async fn ask(
        &self,
        consumer: &PullConsumer,
        asked: Asked<'_>,
        most: usize,
        is_look: bool,
    ) -> Result<Vec<Received<Receipt>>, Problem> {
        let batch = async {
            if is_look {
                let fetch = consumer.fetch().max_messages(most);
                fetch.expires(asked.expires).messages().await
            } else {
                let batch = consumer.batch().max_messages(most);
                batch.expires(asked.expires).messages().await
            }
        };
        let batch = self.in_time(Box::pin(batch)).await?;
        let batch = batch.map_err(|error| self.unavailable(error))?;
        let mut received = Vec::new();
        let collected = self.collect(batch, &asked, &mut received).await;
        // What did come is handed over, whatever happened to the rest.
        if received.is_empty() && collected? {
            self.in_time(Box::pin(self.still_there(consumer)))
                .await
                .flatten()?;
        }
        Ok(received)
    }

    /// Takes what comes until the request has expired. `true`: the server did not say so. It does not where as many deliveries are under way as
    /// may be, nor where there is no such group.
    async fn collect(
        &self,
        mut batch: Batch,
        asked: &Asked<'_>,
        received: &mut Vec<Received<Receipt>>,
    ) -> Result<bool, Problem> {
        let lasts = asked.expires.saturating_add(GRACE);
        let end = asked.at.checked_add(lasts).unwrap_or(asked.at);
        let is_silent = loop {
            let brought = match self.clock.until(end, batch.next()).await {
                Ok(Some(brought)) => brought,
                Ok(None) => break false,
                Err(_) => break true,
            };
            let brought = brought.map_err(|error| self.unavailable(error))?;
            let read = self.clock.now();
            let deliveries = brought.info().map_or(1, |info| info.delivered);
            let mut brought = brought.message;
            let reply = brought.reply.take();
            received.push(Received {
                delivery: wire::read(asked.channel, brought),
                receipt: Receipt {
                    reply,
                    until: good_until(asked, read, self.config.visibility),
                    is_used: Arc::default(),
                },
                deliveries: u32::try_from(deliveries).unwrap_or(u32::MAX),
            });
        };
        // A request that is lost with its connection expires like any other.
        self.connected().await?;
        Ok(is_silent)
    }

    /// Ends a delivery. `false`: its time was over, or it was ended before.
    pub(super) async fn settle(&self, receipt: &Receipt, how: AckKind) -> Result<bool, Problem> {
        let Some(reply) = &receipt.reply else {
            return Ok(false);
        };
        let is_over = self.clock.now() >= receipt.until;
        if is_over || receipt.is_used.swap(true, Ordering::AcqRel) {
            return Ok(false);
        }
        // Boxed, because what the client does in it is large, and would be on the stack of every handler.
        let told = Box::pin(self.tell(reply.clone(), how));
        let told = self.in_time(self.clock.until(receipt.until, told)).await;
        let told = match told {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => Err(Problem::Unavailable(
                "its time was over before the server had answered".to_owned(),
            )),
            Err(problem) => Err(problem),
        };
        if told.is_err() {
            // It may be tried again: nobody knows whether the server has heard of it.
            receipt.is_used.store(false, Ordering::Release);
        }
        told.map(|()| true)
    }

    async fn tell(&self, reply: Subject, how: AckKind) -> Result<(), Problem> {
        let client = self.reconnected().await?.client();
        let request = Request::new().payload(how.into());
        // That nobody listens is an answer, too: the group is gone, or its server is.
        let answer = client.send_request(reply, request).await;
        let answer = answer.map_err(|error| self.unavailable(error))?;
        match answer.status {
            None => Ok(()),
            Some(status) => Err(self.unavailable(format_args!("the server said {status}"))),
        }
    }
}

/// For how long one request may wait, so that the time of what it brings is known closely enough.
fn slice(ack_wait: Duration) -> Duration {
    ack_wait / 10
}

/// Until when a receipt is good: a fifth of the time of the server before it comes again, wherever it was on its way meanwhile. It was sent
/// after it was asked for, which is all that is known of that.
fn good_until(asked: &Asked<'_>, read: Instant, visibility: Duration) -> Instant {
    let visibility = visibility.min(asked.ack_wait / 5 * 4);
    let until = read.checked_add(visibility).unwrap_or(read);
    let comes_again = asked.at.checked_add(asked.ack_wait);
    comes_again.map_or(until, |at| until.min(at))
}

#[cfg(test)]
mod tests {
    use dovetail_resilience::Clock;

    use super::*;

    #[test]
    fn a_receipt_is_good_no_longer_than_the_server_waits() {
        let seconds = Duration::from_secs;
        let at = Clock::system().now();
        let rows = [
            // Read at once, and after a while on its way.
            (0, 60, 75, 60),
            (10, 60, 75, 70),
            (30, 60, 75, 75),
            // Where the group has another time than this process.
            (0, 60, 10, 8),
            (0, 5, 75, 5),
        ];
        for (read, visibility, ack_wait, expected) in rows {
            let asked = Asked {
                channel: "orders",
                at,
                expires: seconds(1),
                ack_wait: seconds(ack_wait),
            };
            let until = good_until(&asked, at + seconds(read), seconds(visibility));
            assert_eq!(
                until - at,
                seconds(expected),
                "{read} {visibility} {ack_wait}"
            );
        }
    }
}
