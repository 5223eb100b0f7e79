//! The streams and consumers that channels and groups are.
//!
//! Processes of other versions use them at the same time. So what is there is raised to what is declared and never lowered, and a group is
//! used as it is.

use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::jetstream::{
    self, ErrorCode,
    consumer::{self, AckPolicy, DeliverPolicy, PullConsumer, pull},
    context::{ConsumerInfoErrorKind, CreateStreamErrorKind, GetStreamErrorKind},
    response::Response,
    stream::{self, ConsumerErrorKind, RetentionPolicy},
};
use serde_json::{Value, json};

use super::{
    link::{Link, Problem},
    name::{escaped, group, subject},
};
use crate::transport::{Channel, Kind, Subscription};

impl Link {
    /// The stream of a channel, if there is one.
    async fn stream(&self, channel: &str) -> Result<Option<stream::Stream>, Problem> {
        let name = escaped(channel)?;
        match self.context().await?.get_stream(name).await {
            Ok(stream) => Ok(Some(stream)),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(said)
                    if said.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(None)
                }
                _ => Err(self.unavailable(error)),
            },
        }
    }

    async fn declared(&self, channel: &str) -> Result<stream::Stream, Problem> {
        let stream = self.stream(channel).await?;
        stream.ok_or_else(|| refused("there is no such channel"))
    }

    /// Whether there is a channel of the name.
    pub(super) async fn has(&self, channel: &str) -> Result<bool, Problem> {
        Ok(self.stream(channel).await?.is_some())
    }

    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), Problem> {
        let wanted = self.wanted(channel)?;
        let Some(there) = self.stream(&channel.name).await? else {
            let created = self.context().await?.create_stream(wanted).await;
            return created.map(drop).map_err(|error| match error.kind() {
                CreateStreamErrorKind::JetStream(said) => self.said(&said, error),
                _ => self.unavailable(error),
            });
        };
        if kind(&there) != channel.kind {
            return Err(refused(
                "there is a channel of this name, and of the other kind",
            ));
        }
        let there = &there.cached_info().config;
        if there.subjects != wanted.subjects {
            return Err(refused("the stream of this name carries other subjects"));
        }
        let raise = raise(there, &wanted);
        if raise.is_empty() {
            return Ok(());
        }
        self.raise(&wanted.name, &raise).await
    }

    fn wanted(&self, channel: &Channel) -> Result<stream::Config, Problem> {
        let max_age = channel.retention.unwrap_or_default();
        Ok(stream::Config {
            name: escaped(&channel.name)?,
            subjects: vec![subject(&channel.name)?],
            retention: match channel.kind {
                Kind::Topic => RetentionPolicy::Interest,
                Kind::Queue => RetentionPolicy::WorkQueue,
            },
            max_age,
            duplicate_window: fitting(self.config.duplicate_window, max_age),
            num_replicas: usize::from(self.config.replicas.max(1)),
            ..stream::Config::default()
        })
    }

    /// Changes a stream, and leaves alone what this version knows nothing of.
    async fn raise(&self, name: &str, raise: &[(&'static str, Value)]) -> Result<(), Problem> {
        let context = self.context().await?;
        let asked = context
            .request(format!("STREAM.INFO.{name}"), &json!({}))
            .await;
        let mut there = self.answer(asked)?;
        let config = there.get_mut("config").and_then(Value::as_object_mut);
        let Some(config) = config else {
            return Err(Problem::Unavailable(
                "the stream has no settings".to_owned(),
            ));
        };
        for (setting, value) in raise {
            config.insert((*setting).to_owned(), value.clone());
        }
        let asked = context
            .request(format!("STREAM.UPDATE.{name}"), &config)
            .await;
        self.answer(asked).map(drop)
    }

    fn answer(
        &self,
        answered: Result<Response<Value>, jetstream::context::RequestError>,
    ) -> Result<Value, Problem> {
        match answered {
            Ok(Response::Ok(said)) => Ok(said),
            Ok(Response::Err { error }) => Err(self.said(&error, &error)),
            Err(error) => Err(self.unavailable(error)),
        }
    }

    pub(super) async fn subscribe(&self, subscription: &Subscription) -> Result<(), Problem> {
        self.forget(subscription);
        let stream = self.declared(&subscription.channel).await?;
        let kind = kind(&stream);
        let name = group(kind, subscription)?;
        let wanted = self.wanted_group(kind, &name);
        if let Some(there) = self.group(&stream, &name).await? {
            return fits(&there.config, &wanted);
        }
        let created = stream.create_consumer(wanted).await;
        created.map(drop).map_err(|error| match error.kind() {
            ConsumerErrorKind::JetStream(said) => self.said(&said, error),
            _ => self.unavailable(error),
        })
    }

    fn wanted_group(&self, kind: Kind, name: &str) -> pull::Config {
        let visibility = self.config.visibility;
        pull::Config {
            durable_name: Some(name.to_owned()),
            deliver_policy: match kind {
                Kind::Topic => DeliverPolicy::New,
                Kind::Queue => DeliverPolicy::All,
            },
            ack_policy: AckPolicy::Explicit,
            ack_wait: visibility.saturating_add(visibility / 4),
            max_ack_pending: if self.config.keeps_keys {
                1
            } else {
                i64::from(self.config.deliveries_max.max(1))
            },
            ..pull::Config::default()
        }
    }

    /// What the server knows of a group, if there is one.
    async fn group(
        &self,
        stream: &stream::Stream,
        name: &str,
    ) -> Result<Option<consumer::Info>, Problem> {
        match stream.consumer_info(name).await {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unavailable(error)),
        }
    }

    /// The consumer of a group.
    pub(super) async fn consumer(
        &self,
        subscription: &Subscription,
    ) -> Result<PullConsumer, Problem> {
        let known = self.consumers().get(&key(subscription)).cloned();
        if let Some(consumer) = known {
            return Ok(consumer);
        }
        let stream = self.declared(&subscription.channel).await?;
        let name = group(kind(&stream), subscription)?;
        if self.group(&stream, &name).await?.is_none() {
            return Err(refused("nobody has subscribed the group"));
        }
        let found = stream.get_consumer(&name).await;
        let consumer: PullConsumer = found.map_err(|error| self.unavailable(error))?;
        self.consumers().insert(key(subscription), consumer.clone());
        Ok(consumer)
    }

    /// What the server knows of a group now.
    pub(super) async fn still_there(
        &self,
        consumer: &PullConsumer,
    ) -> Result<consumer::Info, Problem> {
        consumer
            .get_info()
            .await
            .map_err(|error| match error.kind() {
                ConsumerInfoErrorKind::NotFound | ConsumerInfoErrorKind::StreamNotFound => {
                    refused("the group is gone")
                }
                _ => self.unavailable(error),
            })
    }

    /// How many messages a group has yet to acknowledge.
    pub(super) async fn backlog(&self, subscription: &Subscription) -> Result<u64, Problem> {
        let consumer = self.consumer(subscription).await?;
        let info = self.still_there(&consumer).await;
        let info = info.inspect_err(|_| self.forget(subscription))?;
        let under_way = u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX);
        Ok(info.num_pending.saturating_add(under_way))
    }

    pub(super) fn forget(&self, subscription: &Subscription) {
        self.consumers().remove(&key(subscription));
    }

    fn consumers(&self) -> MutexGuard<'_, HashMap<(String, String), PullConsumer>> {
        self.consumers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(why: &str) -> Problem {
    Problem::Refused(why.to_owned())
}

fn key(subscription: &Subscription) -> (String, String) {
    (subscription.channel.clone(), subscription.group.clone())
}

fn kind(stream: &stream::Stream) -> Kind {
    match stream.cached_info().config.retention {
        RetentionPolicy::WorkQueue => Kind::Queue,
        RetentionPolicy::Interest | RetentionPolicy::Limits => Kind::Topic,
    }
}

/// No server takes a window that is longer than what it keeps.
fn fitting(window: Duration, kept: Duration) -> Duration {
    if kept.is_zero() {
        window
    } else {
        window.min(kept)
    }
}

/// The settings of a stream that are to be raised, and to what. A stream that keeps messages for ever is one for which nobody has said yet
/// how long.
fn raise(there: &stream::Config, wanted: &stream::Config) -> Vec<(&'static str, Value)> {
    let nanos = |time: Duration| json!(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let mut raise = Vec::new();
    let is_undecided = there.max_age.is_zero() && !wanted.max_age.is_zero();
    let mut kept = there.max_age;
    if is_undecided || wanted.max_age > there.max_age {
        kept = wanted.max_age;
        raise.push(("max_age", nanos(kept)));
    }
    let window = fitting(wanted.duplicate_window.max(there.duplicate_window), kept);
    if window != there.duplicate_window {
        raise.push(("duplicate_window", nanos(window)));
    }
    if wanted.num_replicas > there.num_replicas {
        raise.push(("num_replicas", json!(wanted.num_replicas)));
    }
    if !wanted.max_age.is_zero() && wanted.max_age < there.max_age {
        tracing::warn!(
            stream = there.name,
            kept = ?there.max_age,
            declared = ?wanted.max_age,
            "messages are kept for longer than is declared"
        );
    }
    raise
}

/// Whether a group that is there can be used. Its times and numbers are used as they are: others use it too, and would not hear of a change.
fn fits(there: &consumer::Config, wanted: &pull::Config) -> Result<(), Problem> {
    let keeps_all = there.ack_policy == AckPolicy::Explicit
        && there.deliver_subject.is_none()
        && there.max_deliver <= 0
        && there.filter_subject.is_empty()
        && there.backoff.is_empty()
        && !there.headers_only;
    if !keeps_all {
        return Err(refused("the group is there, and would lose messages"));
    }
    if wanted.max_ack_pending == 1 && there.max_ack_pending != 1 {
        return Err(refused(
            "the group is there, and has more than one delivery at a time",
        ));
    }
    if there.ack_wait != wanted.ack_wait || there.max_ack_pending != wanted.max_ack_pending {
        tracing::warn!(
            group = wanted.durable_name,
            ack_wait = ?there.ack_wait,
            max_ack_pending = there.max_ack_pending,
            "the group was subscribed with other settings, which hold until it is edited in the server"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn stream(max_age: Duration, window: Duration, num_replicas: usize) -> stream::Config {
        stream::Config {
            max_age,
            duplicate_window: window,
            num_replicas,
            ..stream::Config::default()
        }
    }

    #[test]
    fn what_is_declared_raises_what_is_there_and_never_lowers_it() {
        let there = stream(2 * HOUR, HOUR, 3);
        let names = |there: &stream::Config, wanted: &stream::Config| -> Vec<&'static str> {
            raise(there, wanted).iter().map(|(name, _)| *name).collect()
        };
        assert_eq!(names(&there, &there), [""; 0]);
        assert_eq!(names(&there, &stream(HOUR, HOUR / 2, 1)), [""; 0]);
        assert_eq!(names(&there, &stream(Duration::ZERO, HOUR, 3)), [""; 0]);
        let more = stream(4 * HOUR, 2 * HOUR, 5);
        let all = ["max_age", "duplicate_window", "num_replicas"];
        assert_eq!(names(&there, &more), all);
        // The window has to fit into what is kept.
        let short = stream(HOUR, HOUR, 1);
        assert_eq!(names(&short, &stream(Duration::ZERO, 2 * HOUR, 1)), [""; 0]);
        let for_ever = stream(Duration::ZERO, 2 * HOUR, 1);
        let raised = raise(&for_ever, &stream(HOUR, HOUR, 1));
        let hour = json!(3_600_000_000_000_u64);
        assert_eq!(
            raised,
            [("max_age", hour.clone()), ("duplicate_window", hour)]
        );
    }

    #[test]
    fn a_group_that_would_lose_messages_or_their_order_is_refused() {
        let good = consumer::Config {
            ack_policy: AckPolicy::Explicit,
            ack_wait: HOUR,
            max_deliver: -1,
            max_ack_pending: 7,
            ..consumer::Config::default()
        };
        let wanted = |max_ack_pending| pull::Config {
            max_ack_pending,
            ..pull::Config::default()
        };
        assert!(fits(&good, &wanted(1_000)).is_ok(), "it is used as it is");
        assert!(fits(&good, &wanted(1)).is_err());
        let bad = [
            consumer::Config {
                ack_policy: AckPolicy::None,
                ..good.clone()
            },
            consumer::Config {
                max_deliver: 5,
                ..good.clone()
            },
            consumer::Config {
                filter_subject: "orders.eu".to_owned(),
                ..good
            },
        ];
        for bad in bad {
            assert!(fits(&bad, &wanted(7)).is_err(), "{bad:?}");
        }
    }
}
