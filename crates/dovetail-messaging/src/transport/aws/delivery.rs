//! Deliveries of SQS: how they are received, and what their receipts are good for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_sdk_sqs::{
    error::{ProvideErrorMetadata, SdkError},
    primitives::Blob,
    types::{Message as Incoming, MessageSystemAttributeName as System},
};
use bytes::Bytes;
use dovetail_resilience::{Clock, Instant};
use futures::future::join_all;

use super::{
    clients::{Clients, Options},
    document,
    request::{broken, has_code},
};
use crate::{store::StoreError, transport::Received};

/// SQS gives no more messages at once.
const RECEIVED_MAX: u32 = 10;
/// For how much longer than a receipt lives a message stays hidden. A receipt lives from when the answer arrives, because nothing says when SQS
/// gave it: an answer that was under way for longer than this leaves a receipt that SQS knows as over, and says so.
const GRACE: Duration = Duration::from_secs(1);
/// No message stays hidden for longer, from its receipt on.
const REST_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// What a delivery of SQS is acknowledged by.
#[derive(Debug, Clone)]
pub struct Receipt {
    url: String,
    handle: String,
    until: Instant,
    began: Instant,
    is_used: Arc<AtomicBool>,
}

impl Receipt {
    /// Uses it. None: its time is over, or it was used.
    fn begin(&self, now: Instant) -> Option<Use<'_>> {
        let is_free = now < self.until && !self.is_used.swap(true, Ordering::AcqRel);
        is_free.then_some(Use {
            is_used: &self.is_used,
            is_told: false,
        })
    }

    /// Ends the delivery for good.
    pub(super) async fn delete(&self, clients: &Clients, now: Instant) -> Result<bool, StoreError> {
        let Some(begun) = self.begin(now) else {
            return Ok(false);
        };
        let asked = clients.sqs.delete_message();
        let asked = asked.queue_url(&self.url);
        let told = asked.receipt_handle(&self.handle).send().await;
        begun.end(told, "delete a message from SQS")
    }

    /// Gives the message back, to come again after the time.
    pub(super) async fn rest(
        &self,
        clients: &Clients,
        now: Instant,
        after: Duration,
    ) -> Result<bool, StoreError> {
        let Some(begun) = self.begin(now) else {
            return Ok(false);
        };
        let held_for = now.saturating_duration_since(self.began) + GRACE;
        let after = after.min(REST_MAX.saturating_sub(held_for));
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        let asked = clients.sqs.change_message_visibility();
        let asked = asked
            .queue_url(&self.url)
            .receipt_handle(&self.handle)
            .visibility_timeout(whole(seconds));
        begun.end(asked.send().await, "give a message back to SQS")
    }
}

/// A use of a receipt. Whoever gives it up before SQS answered, or has no answer, may try again.
struct Use<'a> {
    is_used: &'a AtomicBool,
    is_told: bool,
}

impl Use<'_> {
    /// What SQS says of it.
    fn end<T, E, R>(
        mut self,
        told: Result<T, SdkError<E, R>>,
        action: &'static str,
    ) -> Result<bool, StoreError>
    where
        SdkError<E, R>: ProvideErrorMetadata + std::error::Error,
    {
        let ended = match told {
            Ok(_) => Ok(true),
            Err(error) if has_code(&error, &OVER) => Ok(false),
            Err(error) => Err(broken(action, &error)),
        };
        self.is_told = ended.is_ok();
        ended
    }
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        if !self.is_told {
            self.is_used.store(false, Ordering::Release);
        }
    }
}

/// Reads one queue.
pub(super) struct Reader<'a> {
    pub(super) clients: &'a Clients,
    pub(super) options: &'a Options,
    pub(super) clock: Clock,
    pub(super) channel: &'a str,
    pub(super) url: &'a str,
}

impl Reader<'_> {
    /// Asks for messages, and waits at SQS for so many seconds if there are none.
    pub(super) async fn receive(
        &self,
        limit: u32,
        seconds: u64,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        if self.options.is_fifo() {
            self.one_by_one(limit, seconds).await
        } else {
            self.ask(limit, seconds).await
        }
    }

    /// Asks for one message, and for more of them side by side once there is one. A single answer may have several messages of one group, of which
    /// only the earliest is to be delivered; several answers have not.
    async fn one_by_one(
        &self,
        limit: u32,
        seconds: u64,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let mut received = self.ask(1, seconds).await?;
        let most = limit.min(RECEIVED_MAX) as usize;
        while !received.is_empty() && received.len() < most {
            // Twice as many each time, so that a queue with one message is not asked ten times.
            let wave = received.len().min(most - received.len());
            let asked = join_all((0..wave).map(|_| self.ask(1, 0))).await;
            let before = received.len();
            // Whatever is wrong, the next time says it.
            received.extend(asked.into_iter().flatten().flatten());
            if received.len() < before + wave {
                break;
            }
        }
        Ok(received)
    }

    /// Asks once.
    async fn ask(&self, limit: u32, seconds: u64) -> Result<Vec<Received<Receipt>>, StoreError> {
        let visibility = self.options.visibility;
        let hidden = (visibility + GRACE).as_secs();
        let asked = self.clients.sqs.receive_message();
        let asked = asked
            .queue_url(self.url)
            .max_number_of_messages(whole(u64::from(limit.min(RECEIVED_MAX))))
            .wait_time_seconds(whole(seconds))
            .visibility_timeout(whole(hidden))
            .message_attribute_names("All")
            .message_system_attribute_names(System::ApproximateReceiveCount);
        let told = asked.send().await;
        let told = told.map_err(|error| broken("receive from SQS", &error))?;
        let now = self.clock.now();
        let until = now + visibility;
        let received = told.messages().iter();
        Ok(received
            .filter_map(|one| self.incoming(one, now, until))
            .collect())
    }

    /// A message of SQS, if it can be settled.
    fn incoming(
        &self,
        message: &Incoming,
        began: Instant,
        until: Instant,
    ) -> Option<Received<Receipt>> {
        let handle = message.receipt_handle()?.to_owned();
        let attributes = message.message_attributes().into_iter().flatten();
        let mut attributes: Vec<(String, Bytes)> = attributes
            .map(|(name, value)| {
                let bytes = value.binary_value().map(Blob::as_ref);
                let text = value.string_value().map(str::as_bytes);
                let value = text.or(bytes).unwrap_or_default();
                (name.clone(), Bytes::copy_from_slice(value))
            })
            .collect();
        attributes.sort();
        let count = message.attributes();
        let count = count.and_then(|all| all.get(&System::ApproximateReceiveCount));
        let body = message.body().unwrap_or_default().to_owned();
        Some(Received {
            delivery: document::read(self.channel, body, &attributes),
            receipt: Receipt {
                url: self.url.to_owned(),
                handle,
                until,
                began,
                is_used: Arc::default(),
            },
            deliveries: count.and_then(|count| count.parse().ok()).unwrap_or(1),
        })
    }
}

/// What SQS says to a receipt whose time is over.
const OVER: [&str; 4] = [
    "MessageNotInflight",
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",
    "InvalidParameterValueException",
];

/// A number as AWS takes it.
fn whole(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
