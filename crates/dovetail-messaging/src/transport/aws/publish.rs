//! Publishing: what a message is to AWS, and what is remembered of it until its fate is known.

use std::time::Duration;

use super::{
    Aws,
    batch::{self, Entry},
    document, held, name,
    request::Target,
};
use crate::{
    message::Message,
    outbox::{PublishError, Publisher},
    store::StoreError,
};

/// No message waits longer for its confirmation: less than a relay holds what it publishes.
const PUBLISH_MAX: Duration = Duration::from_secs(25);
/// For how long a channel that was not there is taken for missing by who publishes.
const MISSING_FOR: Duration = Duration::from_secs(2);
/// No more names of channels that are not there are known.
const MISSING_MAX: usize = 1_000;
/// No more messages of unknown fate are remembered; the inbox knows what comes twice then.
const ATTEMPTS_MAX: usize = 10_000;

impl Publisher for Aws {
    fn system(&self) -> &'static str {
        "aws_sqs"
    }

    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let clock = self.inner.clock;
        let end = clock.now() + PUBLISH_MAX;
        let late = || PublishError::Unavailable("AWS did not confirm it in time".to_owned());
        let asked = clock.until(end, self.present(&message.channel)).await;
        let target = asked.map_err(|_| late())??;
        let entry = self.entry(message, &target)?;
        let attempt = entry.group.as_ref().map(|(_, hash)| hash.clone());
        let way = self.way(&message.channel, &target);
        let published = clock.until(end, way.publish(entry)).await;
        let published = published.unwrap_or_else(|_| Err(late()));
        self.remember(message, attempt, &published);
        published
    }
}

impl Aws {
    /// What carries a channel that is published to. What is not there is not asked for again at once: who misspells a name does so for each
    /// message, and AWS counts the questions.
    async fn present(&self, channel: &str) -> Result<Target, PublishError> {
        let none = || PublishError::Rejected("there is no such channel".to_owned());
        let now = self.inner.clock.now();
        let until = held(&self.inner.missing).get(channel).copied();
        if until.is_some_and(|until| now < until) {
            return Err(none());
        }
        let found = self.target(channel).await;
        if let Some(target) = found.map_err(|error| unavailable(&error))? {
            return Ok(target);
        }
        let mut missing = held(&self.inner.missing);
        if missing.len() >= MISSING_MAX {
            missing.clear();
        }
        missing.insert(channel.to_owned(), now + MISSING_FOR);
        Err(none())
    }

    /// Keeps what a message was deduplicated by while it may be there or not, so that its next attempt is the same message to SQS.
    fn remember(&self, message: &Message, attempt: Option<String>, published: &batch::Fate) {
        let Some(attempt) = attempt else { return };
        let identity = identity(message);
        let mut attempts = held(&self.inner.attempts);
        if matches!(published, Err(PublishError::Unavailable(_))) {
            if attempts.len() >= ATTEMPTS_MAX {
                attempts.clear();
            }
            attempts.insert(identity, attempt);
        } else {
            attempts.remove(&identity);
        }
    }

    fn entry(&self, message: &Message, target: &Target) -> Result<Entry, PublishError> {
        let is_rewritten = matches!(target, Target::Bus(_));
        let document = document::write(message, is_rewritten)
            .map_err(|error| PublishError::Rejected(error.to_string()))?;
        let source = message.source.clone().unwrap_or_default();
        let id = message.id.clone().unwrap_or_default();
        let known = held(&self.inner.attempts).get(&identity(message)).cloned();
        let hash = known.unwrap_or_else(|| {
            let attempt = self.inner.chance.bits().to_string();
            name::hash(&[&source, &id, &attempt])
        });
        let is_fifo = self.inner.options.is_fifo();
        let entry = Entry {
            document,
            group: is_fifo.then(|| (name::message_group(message), hash)),
            source,
            kind: message.kind.clone().unwrap_or_default(),
        };
        let (bytes, most) = (entry.bytes(), target.bytes_max());
        if bytes > most {
            let text = format!("it has {bytes} bytes, and {most} are allowed");
            return Err(PublishError::Rejected(text));
        }
        Ok(entry)
    }
}

/// What a message is known by, on its channel.
fn identity(message: &Message) -> String {
    let (source, id) = message.identity().unwrap_or_default();
    name::hash(&[&message.channel, source, id])
}

fn unavailable(error: &StoreError) -> PublishError {
    PublishError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_of_one_message_on_two_channels_are_two() {
        let on = |channel: &str| identity(&Message::new(channel, "shop", "1", ""));
        assert_eq!(on("orders"), on("orders"));
        assert_ne!(on("orders"), on("bills"));
    }
}
