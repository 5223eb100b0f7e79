//! The control of the simulation: check, process, insert, publish.

use std::time::Duration;

use dovetail_messaging::{
    consumer::{Delivery, Done, Process, RetryCause, Settlement},
    outbox::Publisher as _,
    store::StoreError,
};

use super::{broker::Client, life::Life, store::Stepped};
use crate::{
    ground::Ground as _,
    work::{BILLING, charge, effect_of, number_of},
};

#[derive(Debug)]
pub(super) struct Naive {
    consumer: &'static str,
    store: Stepped,
    broker: Client,
    life: Life,
}

impl Naive {
    pub(super) fn new(consumer: &'static str, store: Stepped, broker: Client, life: &Life) -> Self {
        Self {
            consumer,
            store,
            broker,
            life: life.clone(),
        }
    }

    async fn handle(&self, delivery: &Delivery) -> Result<Done, StoreError> {
        let message = &delivery.message;
        let note = format!(
            "{} {}",
            self.consumer,
            message.id.as_deref().unwrap_or_default()
        );
        let known = self
            .store
            .operate("check", async |ground| ground.is_noted(&note).await);
        if known.await? {
            return Ok(Done::Duplicate);
        }
        let number = number_of(message).unwrap_or_default();
        let effect = effect_of(self.consumer, message, number);
        self.store
            .operate("process", async |ground| ground.write_alone(effect).await)
            .await?;
        self.store
            .operate("insert", async |ground| ground.note(&note).await)
            .await?;
        if self.consumer == BILLING && self.broker.publish(&charge(message)).await.is_err() {
            self.life.step("what is not published is gone").await;
        }
        Ok(Done::Handled)
    }
}

impl Process for Naive {
    async fn process(&self, delivery: Delivery) -> Settlement {
        match self.handle(&delivery).await {
            Ok(done) => Settlement::Ack(done),
            Err(_) => Settlement::Retry {
                after: Duration::from_millis(200),
                cause: RetryCause::Failed,
            },
        }
    }

    async fn tend(&self) -> bool {
        false
    }
}
