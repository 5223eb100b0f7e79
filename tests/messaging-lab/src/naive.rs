//! What everybody writes first. Every fault runs it, too, and it has to fail.

use std::time::Duration;

use dovetail_messaging::{
    Message,
    consumer::{Delivery, Done, Process, RetryCause, Settlement},
    outbox::Publisher,
    store::StoreError,
};
use dovetail_resilience::Clock;

use crate::{
    ground::Ground,
    work::{BILLING, charge, effect_of, number_of},
};

/// In which order it does what belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Looks whether the message was noted, does its work, and notes it.
    CheckFirst,
    /// Notes the message, and then does its work.
    MarkFirst,
}

/// The places where it can be killed.
pub(crate) const PLACES: [&str; 3] = ["checked", "half-done", "unpublished"];

/// A consumer without an inbox.
#[derive(Debug)]
pub(crate) struct Naive<G, P> {
    pub(crate) kind: Kind,
    pub(crate) consumer: &'static str,
    pub(crate) ground: G,
    pub(crate) publisher: P,
    pub(crate) reach: fn(&'static str),
    /// How long its work takes.
    pub(crate) pause: Duration,
}

impl<G: Ground, P: Publisher> Naive<G, P> {
    pub(crate) async fn handle(&self, message: &Message) -> Result<Done, StoreError> {
        let note = format!(
            "{} {}",
            self.consumer,
            message.id.as_deref().unwrap_or_default()
        );
        if self.ground.is_noted(&note).await? {
            return Ok(Done::Duplicate);
        }
        (self.reach)("checked");
        if !self.pause.is_zero() {
            Clock::system().sleep(self.pause).await;
        }
        let number = number_of(message).unwrap_or_default();
        let effect = effect_of(self.consumer, message, number);
        match self.kind {
            Kind::CheckFirst => {
                self.ground.write_alone(effect).await?;
                (self.reach)("half-done");
                self.ground.note(&note).await?;
            }
            Kind::MarkFirst => {
                self.ground.note(&note).await?;
                (self.reach)("half-done");
                self.ground.write_alone(effect).await?;
            }
        }
        if self.consumer == BILLING {
            (self.reach)("unpublished");
            // Without an outbox there is nowhere to keep what could not be published.
            let _ = self.publisher.publish(&charge(message)).await;
        }
        Ok(Done::Handled)
    }
}

impl<G: Ground, P: Publisher> Process for Naive<G, P> {
    async fn process(&self, delivery: Delivery) -> Settlement {
        match self.handle(&delivery.message).await {
            Ok(done) => Settlement::Ack(done),
            Err(_) => Settlement::Retry {
                after: Duration::from_millis(5),
                cause: RetryCause::Failed,
            },
        }
    }

    async fn tend(&self) -> bool {
        false
    }
}
