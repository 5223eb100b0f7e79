//! Any transport, chosen when the program runs.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dovetail_messaging::Message;
use dovetail_messaging::outbox::PublishError;
use dovetail_messaging::store::StoreError;
use dovetail_messaging::transport::{Channel, Laws, Received, Subscription, Transport};

type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A receipt of whatever transport.
pub(super) type Slip = Arc<dyn Any + Send + Sync>;

/// A transport behind a pointer. Receipts go back to the transport that gave them.
pub(super) trait Carrier: fmt::Debug + Send + Sync {
    fn system(&self) -> &'static str;

    fn laws(&self) -> Laws;

    fn mixes_partitions(&self) -> bool;

    fn publish<'a>(&'a self, message: &'a Message) -> Soon<'a, Result<(), PublishError>>;

    fn declare<'a>(&'a self, channel: &'a Channel) -> Soon<'a, Result<(), StoreError>>;

    fn subscribe<'a>(&'a self, to: &'a Subscription) -> Soon<'a, Result<(), StoreError>>;

    fn receive<'a>(
        &'a self,
        from: &'a Subscription,
        limit: u32,
        wait: Duration,
    ) -> Soon<'a, Result<Vec<Received<Slip>>, StoreError>>;

    fn acknowledge<'a>(&'a self, slip: &'a Slip) -> Soon<'a, Result<bool, StoreError>>;

    fn give_back<'a>(
        &'a self,
        slip: &'a Slip,
        after: Duration,
    ) -> Soon<'a, Result<bool, StoreError>>;

    fn backlog<'a>(&'a self, of: &'a Subscription) -> Soon<'a, Result<Option<u64>, StoreError>>;

    fn close(&self) -> Soon<'_, Result<(), StoreError>>;
}

impl<T: Transport + fmt::Debug> Carrier for T {
    fn system(&self) -> &'static str {
        T::system(self)
    }

    fn laws(&self) -> Laws {
        T::laws(self)
    }

    fn mixes_partitions(&self) -> bool {
        T::mixes_partitions(self)
    }

    fn publish<'a>(&'a self, message: &'a Message) -> Soon<'a, Result<(), PublishError>> {
        Box::pin(T::publish(self, message))
    }

    fn declare<'a>(&'a self, channel: &'a Channel) -> Soon<'a, Result<(), StoreError>> {
        Box::pin(T::declare(self, channel))
    }

    fn subscribe<'a>(&'a self, to: &'a Subscription) -> Soon<'a, Result<(), StoreError>> {
        Box::pin(T::subscribe(self, to))
    }

    fn receive<'a>(
        &'a self,
        from: &'a Subscription,
        limit: u32,
        wait: Duration,
    ) -> Soon<'a, Result<Vec<Received<Slip>>, StoreError>> {
        Box::pin(async move {
            let received = T::receive(self, from, limit, wait).await?.into_iter();
            Ok(received
                .map(|one| Received {
                    delivery: one.delivery,
                    receipt: Arc::new(one.receipt) as Slip,
                    deliveries: one.deliveries,
                })
                .collect())
        })
    }

    fn acknowledge<'a>(&'a self, slip: &'a Slip) -> Soon<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            match slip.downcast_ref() {
                Some(receipt) => T::acknowledge(self, receipt).await,
                None => Ok(false),
            }
        })
    }

    fn give_back<'a>(
        &'a self,
        slip: &'a Slip,
        after: Duration,
    ) -> Soon<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            match slip.downcast_ref() {
                Some(receipt) => T::give_back(self, receipt, after).await,
                None => Ok(false),
            }
        })
    }
    fn backlog<'a>(&'a self, of: &'a Subscription) -> Soon<'a, Result<Option<u64>, StoreError>> {
        Box::pin(T::backlog(self, of))
    }

    fn close(&self) -> Soon<'_, Result<(), StoreError>> {
        Box::pin(T::close(self))
    }
}
