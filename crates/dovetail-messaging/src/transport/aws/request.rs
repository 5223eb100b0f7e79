//! Requests to SQS, SNS and EventBridge: what goes in, and what their answers say of each message.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sns::types::PublishBatchRequestEntry;
use aws_sdk_sqs::{
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    types::SendMessageBatchRequestEntry,
};

use super::{
    batch::{Entry, Fate, Sender, missing},
    clients::Clients,
};
use crate::{
    outbox::PublishError,
    store::{ErrorKind, StoreError},
};

/// Where the messages of a channel go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A queue, by its address.
    Queue(String),
    /// A topic of SNS, by its name in all of AWS.
    Topic(String),
    /// A bus of EventBridge, by its name.
    Bus(String),
}

impl Target {
    /// How many bytes a message may have, and a request.
    pub(super) fn bytes_max(&self) -> usize {
        match self {
            Self::Queue(_) => 1 << 20,
            Self::Topic(_) | Self::Bus(_) => 256 << 10,
        }
    }
}

/// The way to a target.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) clients: Clients,
    pub(super) target: Target,
    /// Set once AWS says that the target is not there any more.
    pub(super) is_gone: Arc<AtomicBool>,
}

impl Sender for Way {
    fn bytes_max(&self) -> usize {
        self.target.bytes_max()
    }

    async fn send(&self, entries: &[Entry]) -> Result<Vec<Fate>, PublishError> {
        match &self.target {
            Target::Queue(url) => self.to_queue(url, entries).await,
            Target::Topic(arn) => self.to_topic(arn, entries).await,
            Target::Bus(name) => self.to_bus(name, entries).await,
        }
    }
}

impl Way {
    async fn to_queue(&self, url: &str, entries: &[Entry]) -> Result<Vec<Fate>, PublishError> {
        let mut request = self.clients.sqs.send_message_batch().queue_url(url);
        for (number, entry) in entries.iter().enumerate() {
            let (group, hash) = entry.group.clone().unzip();
            let one = SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(&entry.document)
                .set_message_group_id(group)
                .set_message_deduplication_id(hash)
                .build()
                .map_err(|error| PublishError::Rejected(error.to_string()))?;
            request = request.entries(one);
        }
        let answer = request.send().await.map_err(|error| self.failed(&error))?;
        let mut fates = Fates::of(entries);
        for one in answer.successful() {
            fates.set(one.id(), Ok(()));
        }
        for one in answer.failed() {
            fates.set(one.id(), Err(refused(one.code(), one.message())));
        }
        Ok(fates.0)
    }

    async fn to_topic(&self, arn: &str, entries: &[Entry]) -> Result<Vec<Fate>, PublishError> {
        let mut request = self.clients.sns.publish_batch().topic_arn(arn);
        for (number, entry) in entries.iter().enumerate() {
            let (group, hash) = entry.group.clone().unzip();
            let one = PublishBatchRequestEntry::builder()
                .id(number.to_string())
                .message(&entry.document)
                .set_message_group_id(group)
                .set_message_deduplication_id(hash)
                .build()
                .map_err(|error| PublishError::Rejected(error.to_string()))?;
            request = request.publish_batch_request_entries(one);
        }
        let answer = request.send().await.map_err(|error| self.failed(&error))?;
        let mut fates = Fates::of(entries);
        for one in answer.successful() {
            fates.set(one.id().unwrap_or_default(), Ok(()));
        }
        for one in answer.failed() {
            fates.set(one.id(), Err(refused(one.code(), one.message())));
        }
        Ok(fates.0)
    }

    async fn to_bus(&self, name: &str, entries: &[Entry]) -> Result<Vec<Fate>, PublishError> {
        let mut request = self.clients.events.put_events();
        for entry in entries {
            let one = PutEventsRequestEntry::builder()
                .event_bus_name(name)
                .source(&entry.source)
                .detail_type(&entry.kind)
                .detail(&entry.document)
                .build();
            request = request.entries(one);
        }
        let answer = request.send().await.map_err(|error| self.failed(&error))?;
        // Answers stand in the order of the entries.
        let fates = answer.entries().iter().map(|one| match one.error_code() {
            Some(code) => Err(refused(code, one.error_message())),
            None if one.event_id().is_some() => Ok(()),
            None => missing(),
        });
        Ok(fates.collect())
    }

    /// What is said of a request.
    fn failed<E, R>(&self, error: &SdkError<E, R>) -> PublishError
    where
        SdkError<E, R>: ProvideErrorMetadata + std::error::Error,
    {
        if has_code(error, &GONE) {
            self.is_gone.store(true, Ordering::Release);
        }
        if error.code().is_some_and(is_final) {
            PublishError::Rejected(said(error))
        } else {
            PublishError::Unavailable(said(error))
        }
    }
}

/// What is said of a queue, a topic and a bus that is not there.
const GONE: [&str; 4] = [
    "NonExistentQueue",
    "QueueDoesNotExist",
    "NotFound",
    "ResourceNotFoundException",
];

/// The fates of numbered entries, which answers name in any order.
struct Fates(Vec<Fate>);

impl Fates {
    fn of(entries: &[Entry]) -> Self {
        Self(entries.iter().map(|_| missing()).collect())
    }

    fn set(&mut self, number: &str, fate: Fate) {
        let place = number.parse().ok().and_then(|at: usize| self.0.get_mut(at));
        if let Some(place) = place {
            *place = fate;
        }
    }
}

/// What is said of one message.
fn refused(code: &str, text: Option<&str>) -> PublishError {
    let said = format!("{code}: {}", text.unwrap_or_default());
    if is_final(code) {
        PublishError::Rejected(said)
    } else {
        PublishError::Unavailable(said)
    }
}

/// Whether the same message would be refused again, whoever sends it and whenever.
fn is_final(code: &str) -> bool {
    // Some protocols write `AWS.SimpleQueueService.` in front, or `#` and more behind.
    let code = code.rsplit(['.', '#']).next().unwrap_or(code);
    matches!(
        code,
        "InvalidMessageContents"
            | "InvalidParameterValue"
            | "InvalidParameterValueException"
            | "InvalidParameter"
            | "InvalidParameterException"
            | "InvalidArgument"
            | "MalformedDetail"
            | "BatchRequestTooLong"
            | "BatchRequestTooLongException"
            | "MessageTooLong"
    )
}

/// What an error says: its code where AWS gave one, and otherwise all that is known.
pub(super) fn said<E, R>(error: &SdkError<E, R>) -> String
where
    SdkError<E, R>: ProvideErrorMetadata + std::error::Error,
{
    match (error.code(), error.message()) {
        (Some(code), Some(text)) => format!("{code}: {text}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => DisplayErrorContext(error).to_string(),
    }
}

/// An error as stores have them.
pub(super) fn broken<E, R>(action: &'static str, error: &SdkError<E, R>) -> StoreError
where
    SdkError<E, R>: ProvideErrorMetadata + std::error::Error,
{
    StoreError::because(action, ErrorKind::Unavailable, said(error))
}

/// Whether AWS answered, with one of these codes.
pub(super) fn has_code<E, R>(error: &SdkError<E, R>, codes: &[&str]) -> bool
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    error.code().is_some_and(|code| {
        let code = code.rsplit(['.', '#']).next().unwrap_or(code);
        codes.contains(&code)
    })
}
