//! Publishing: one idempotent producer for all channels, made again where it is broken for good.

use std::mem;

use rdkafka::{
    producer::{FutureProducer, FutureRecord, Producer},
    util::Timeout,
};

use super::{
    Kafka,
    admin::CONNECT,
    client::{Log, Options, broken, not_published},
    held,
    member::over,
    record,
};
use crate::{
    cloudevents::Binding,
    envelope,
    message::Message,
    outbox::{PublishError, Publisher},
    store::StoreError,
};

impl Publisher for Kafka {
    fn system(&self) -> &'static str {
        "kafka"
    }

    /// Takes no longer than the time to publish, whatever it has to wait for.
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let clock = self.inner.clock;
        let end = over(clock.now(), self.inner.options.publish_timeout);
        let published = clock.until(end, self.publish_until_told(message)).await;
        published.unwrap_or_else(|_| {
            // It may be there or not, as with any other answer that did not come.
            let text = "the brokers did not confirm it in time";
            Err(PublishError::Unavailable(text.to_owned()))
        })
    }
}

impl Kafka {
    /// Whether there is such a topic.
    async fn is_present(&self, channel: &str) -> Result<bool, StoreError> {
        if held(&self.inner.present).contains(channel) {
            return Ok(true);
        }
        let is_present = self.inner.admin.partitions(channel).await?.is_some();
        if is_present {
            held(&self.inner.present).insert(channel.to_owned());
        }
        Ok(is_present)
    }

    async fn publish_until_told(&self, message: &Message) -> Result<(), PublishError> {
        let channel = &message.channel;
        let unavailable = |error: StoreError| PublishError::Unavailable(error.to_string());
        if !self.is_present(channel).await.map_err(unavailable)? {
            let text = "there is no such channel";
            return Err(PublishError::Rejected(text.to_owned()));
        }
        let wire = envelope::wire(message, &Binding::KAFKA)
            .map_err(|error| PublishError::Rejected(error.to_string()))?;
        let mut record = FutureRecord::<str, [u8]>::to(channel).headers(record::headers(&wire));
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        if let Some(body) = &wire.body {
            record = record.payload(body);
        }
        let queued = Timeout::After(self.inner.options.publish_timeout);
        let producer = self.producer().map_err(unavailable)?;
        match producer.send(record, queued).await {
            Ok(_) => Ok(()),
            Err((error, _)) => {
                // Whatever is wrong with it, whether it is there is asked anew.
                held(&self.inner.present).remove(channel);
                Err(not_published(&error))
            }
        }
    }

    /// The producer; another one where that of before is broken for good.
    fn producer(&self) -> Result<FutureProducer<Log>, StoreError> {
        let current = held(&self.inner.producer).clone();
        let Some((code, _)) = current.client().fatal_error() else {
            return Ok(current);
        };
        tracing::warn!(%code, "a producer of Kafka is broken, and made again");
        let made = make(&self.inner.options)?;
        let mut place = held(&self.inner.producer);
        let is_broken = place.client().fatal_error().is_some();
        let next = if is_broken {
            made.clone()
        } else {
            place.clone()
        };
        let spare = if is_broken {
            mem::replace(&mut *place, made)
        } else {
            made
        };
        drop(place);
        // Ending a producer takes a while, which is nothing to wait for here.
        tokio::task::spawn_blocking(move || drop((current, spare)));
        Ok(next)
    }
}

/// A producer.
pub(super) fn make(options: &Options) -> Result<FutureProducer<Log>, StoreError> {
    let created = options.producer().create_with_context(Log);
    created.map_err(|error| broken(CONNECT, &error))
}
