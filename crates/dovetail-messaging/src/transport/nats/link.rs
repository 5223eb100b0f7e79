//! The one connection to the server, and the streams and consumers that are declared over it.

use std::{
    collections::HashMap,
    fmt,
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use async_nats::{
    ConnectOptions, ServerAddr, connection,
    jetstream::{
        self, Context, ErrorCode,
        consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
        context::{CreateStreamErrorKind, GetStreamErrorKind},
        stream::{self, ConsumerErrorKind, RetentionPolicy},
    },
};
use dovetail_resilience::{Chance, Clock, Instant};
use percent_encoding::percent_decode_str;

use super::Config;
use crate::{
    outbox::PublishError,
    store::{ErrorKind, StoreError},
    transport::{Channel, Kind, Subscription},
};

/// No name of a stream or consumer is longer.
const NAME_BYTES_MAX: usize = 200;
/// The consumer of a queue: whoever subscribes, it is the same.
const QUEUE_GROUP: &str = "queue";

/// Why the server did not do what it was asked for.
#[derive(Debug)]
pub(super) enum Problem {
    /// It never will.
    Refused(String),
    /// Not now.
    Unavailable(String),
}

impl Problem {
    pub(super) fn into_store(self, action: &'static str) -> StoreError {
        match self {
            Self::Refused(why) => StoreError::because(action, ErrorKind::Refused, why),
            Self::Unavailable(why) => StoreError::because(action, ErrorKind::Unavailable, why),
        }
    }

    pub(super) fn into_publish(self) -> PublishError {
        match self {
            Self::Refused(why) => PublishError::Rejected(why),
            Self::Unavailable(why) => PublishError::Unavailable(why),
        }
    }
}

/// By what the server is entered. Never shown.
#[derive(Clone)]
enum Entry {
    Open,
    Token(String),
    User(String, String),
}

pub(super) struct Link {
    /// Without what its URL said of users and passwords.
    address: ServerAddr,
    entry: Entry,
    pub(super) config: Config,
    pub(super) clock: Clock,
    chance: Chance,
    state: tokio::sync::Mutex<State>,
    consumers: Mutex<HashMap<(String, String), PullConsumer>>,
}

struct State {
    context: Option<Context>,
    failures: u32,
    /// No attempt to connect before this.
    not_before: Instant,
}

impl Link {
    pub(super) fn new(
        url: &str,
        config: Config,
        clock: Clock,
        chance: Chance,
    ) -> Result<Self, StoreError> {
        let (address, entry) = parse(url).ok_or(StoreError::new(
            "the URL is none of a NATS server",
            ErrorKind::Refused,
        ))?;
        let not_before = clock.now();
        Ok(Self {
            address,
            entry,
            config,
            clock,
            chance,
            state: tokio::sync::Mutex::new(State {
                context: None,
                failures: 0,
                not_before,
            }),
            consumers: Mutex::default(),
        })
    }

    /// Where the server is.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.address.host(), self.address.port())
    }

    pub(super) fn unavailable(&self, error: impl fmt::Display) -> Problem {
        Problem::Unavailable(self.redacted(&error.to_string()))
    }

    pub(super) fn refused(&self, error: impl fmt::Display) -> Problem {
        Problem::Refused(self.redacted(&error.to_string()))
    }

    fn redacted(&self, text: &str) -> String {
        match &self.entry {
            Entry::Token(secret) | Entry::User(_, secret) if !secret.is_empty() => {
                text.replace(secret, "***")
            }
            _ => text.to_owned(),
        }
    }

    /// Gives up where the time of one request is over.
    pub(super) async fn in_time<F: Future>(&self, future: F) -> Result<F::Output, Problem> {
        let end = self.clock.now() + self.config.timeout;
        let output = self.clock.until(end, future).await;
        output.map_err(|_| Problem::Unavailable("the server did not answer in time".to_owned()))
    }

    /// Whether there is a connection.
    pub(super) async fn connected(&self) -> Result<(), Problem> {
        let context = self.context().await?;
        match context.client().connection_state() {
            connection::State::Connected => Ok(()),
            connection::State::Pending | connection::State::Disconnected => {
                Err(Problem::Unavailable("there is no connection".to_owned()))
            }
        }
    }

    /// The connection, made if there was none. From then on the client makes it again by itself.
    pub(super) async fn context(&self) -> Result<Context, Problem> {
        let mut state = self.state.lock().await;
        if let Some(context) = &state.context {
            return Ok(context.clone());
        }
        let rest = state.not_before.saturating_duration_since(self.clock.now());
        self.clock.sleep(rest).await;
        // Counted before it is tried: whoever gives up waiting has failed too.
        let failures = state.failures;
        state.failures = failures.saturating_add(1);
        let (backoff, chance) = (self.config.backoff, self.chance.clone());
        let delay = backoff.delay(failures, false, backoff.max, chance.fraction());
        state.not_before = self.clock.now() + delay;
        let options = ConnectOptions::new()
            .max_reconnects(None)
            .connection_timeout(self.config.timeout)
            .request_timeout(Some(self.config.timeout))
            .reconnect_delay_callback(move |attempt| {
                let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
                // Never less than half, so that a server that hangs up at once is not asked all the time.
                let ceiling = backoff.ceiling(attempt.saturating_sub(1), false);
                ceiling.mul_f64(0.5 + chance.fraction() / 2.0)
            });
        let options = match self.entry.clone() {
            Entry::Open => options,
            Entry::Token(token) => options.token(token),
            Entry::User(user, password) => options.user_and_password(user, password),
        };
        let client = options.connect(self.address.clone()).await;
        let client = client.map_err(|error| self.unavailable(error))?;
        tracing::debug!(server = %self.place(), "connected");
        let mut context = jetstream::new(client);
        context.set_timeout(self.config.timeout);
        state.failures = 0;
        state.context = Some(context.clone());
        Ok(context)
    }

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

    /// What kind of channel there is under the name, if any.
    pub(super) async fn kind(&self, channel: &str) -> Result<Option<Kind>, Problem> {
        Ok(self.stream(channel).await?.as_ref().map(kind))
    }

    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), Problem> {
        let subject = subject(&channel.name)?;
        match self.kind(&channel.name).await? {
            Some(kind) if kind == channel.kind => return Ok(()),
            Some(_) => {
                let why = "there is a channel of this name, and of the other kind";
                return Err(Problem::Refused(why.to_owned()));
            }
            None => {}
        }
        let config = stream::Config {
            name: escaped(&channel.name)?,
            subjects: vec![subject],
            retention: match channel.kind {
                Kind::Topic => RetentionPolicy::Interest,
                Kind::Queue => RetentionPolicy::WorkQueue,
            },
            max_age: channel.retention.unwrap_or_default(),
            duplicate_window: self.config.duplicate_window,
            num_replicas: usize::from(self.config.replicas.max(1)),
            ..stream::Config::default()
        };
        let created = self.context().await?.create_stream(config).await;
        created.map(drop).map_err(|error| match error.kind() {
            CreateStreamErrorKind::JetStream(_) => self.refused(error),
            _ => self.unavailable(error),
        })
    }

    pub(super) async fn subscribe(&self, subscription: &Subscription) -> Result<(), Problem> {
        self.forget(subscription);
        let stream = self.declared(&subscription.channel).await?;
        let kind = kind(&stream);
        let visibility = self.config.visibility;
        let config = pull::Config {
            durable_name: Some(group(kind, subscription)?),
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
        };
        let created = stream.create_consumer(config).await;
        created.map(drop).map_err(|error| match error.kind() {
            // Such as a group that was subscribed with other settings which cannot be changed.
            ConsumerErrorKind::JetStream(_) => self.refused(error),
            _ => self.unavailable(error),
        })
    }

    /// The consumer of a group.
    pub(super) async fn consumer(
        &self,
        subscription: &Subscription,
    ) -> Result<PullConsumer, Problem> {
        if let Some(consumer) = self.consumers().get(&key(subscription)) {
            return Ok(consumer.clone());
        }
        let stream = self.declared(&subscription.channel).await?;
        let name = group(kind(&stream), subscription)?;
        let found = stream.get_consumer(&name).await;
        let consumer: PullConsumer = found.map_err(|error| self.unavailable(error))?;
        self.consumers().insert(key(subscription), consumer.clone());
        Ok(consumer)
    }

    pub(super) fn forget(&self, subscription: &Subscription) {
        self.consumers().remove(&key(subscription));
    }

    fn consumers(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), PullConsumer>> {
        self.consumers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn declared(&self, channel: &str) -> Result<stream::Stream, Problem> {
        let stream = self.stream(channel).await?;
        stream.ok_or_else(|| Problem::Refused("there is no such channel".to_owned()))
    }
}

/// Where the server is, and by what it is entered: the client leaves that part of a URL alone, and shows it in its logs. What the parser says of
/// a wrong one is left out, because it may repeat it.
fn parse(url: &str) -> Option<(ServerAddr, Entry)> {
    let address: ServerAddr = url.parse().ok()?;
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().ok()?;
        Some(text.into_owned())
    };
    let entry = match (address.username(), address.password()) {
        (Some(user), Some(password)) => Entry::User(decoded(user)?, decoded(password)?),
        (Some(token), None) => Entry::Token(decoded(token)?),
        (None, _) => Entry::Open,
    };
    let mut url = address.into_inner();
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some((ServerAddr::from_url(url).ok()?, entry))
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

fn group(kind: Kind, subscription: &Subscription) -> Result<String, Problem> {
    match kind {
        Kind::Topic => escaped(&subscription.group),
        Kind::Queue => Ok(QUEUE_GROUP.to_owned()),
    }
}

/// The subject of a channel: its name, unless that means something else there.
pub(super) fn subject(channel: &str) -> Result<String, Problem> {
    let is_sound = channel.split('.').all(|token| {
        !token.is_empty()
            && !token.contains(|letter: char| letter.is_whitespace() || letter.is_control())
            && token != "*"
            && token != ">"
    });
    let is_reserved = channel.starts_with('$') || channel.starts_with("_INBOX");
    if is_sound && !is_reserved {
        Ok(channel.to_owned())
    } else {
        Err(Problem::Refused(
            "the name of the channel is no subject".to_owned(),
        ))
    }
}

/// A name as streams and consumers may have it, which holds no dots.
pub(super) fn escaped(name: &str) -> Result<String, Problem> {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "={byte:02X}");
        }
    }
    if escaped.is_empty() || escaped.len() > NAME_BYTES_MAX {
        return Err(Problem::Refused("the name is empty or too long".to_owned()));
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_never_the_same() {
        let rows = [
            ("orders", "orders"),
            ("billing/orders", "billing=2Forders"),
            ("orders.v1", "orders=2Ev1"),
            ("a=2Eb", "a=3D2Eb"),
            ("ß", "=C3=9F"),
        ];
        for (name, expected) in rows {
            assert_eq!(escaped(name).unwrap(), expected);
        }
        assert!(escaped("").is_err());
        assert!(escaped(&"x".repeat(300)).is_err());
    }

    #[test]
    fn what_a_server_is_entered_by_is_taken_out_of_its_address() {
        let rows = [
            ("nats://nats.example", "nats.example:4222", None),
            (
                "nats://t%2Fk@nats.example:1",
                "nats.example:1",
                Some(("", "t/k")),
            ),
            (
                "tls://shop:p%40ss@nats.example:1",
                "nats.example:1",
                Some(("shop", "p@ss")),
            ),
        ];
        for (url, place, expected) in rows {
            let (address, entry) = parse(url).unwrap();
            assert_eq!(format!("{}:{}", address.host(), address.port()), place);
            let entry = match &entry {
                Entry::Open => None,
                Entry::Token(token) => Some(("", token.as_str())),
                Entry::User(user, password) => Some((user.as_str(), password.as_str())),
            };
            assert_eq!(entry, expected, "{url}");
            assert_eq!((address.username(), address.password()), (None, None));
        }
    }

    #[test]
    fn what_means_something_else_is_no_subject() {
        for sound in ["orders", "orders.v1", "billing/orders", "größe"] {
            assert_eq!(subject(sound).unwrap(), sound);
        }
        for wrong in [
            "", "a.", ".a", "a..b", "a.*", ">", "a b", "$JS.API", "_INBOX.x", "a\r\nb",
        ] {
            assert!(subject(wrong).is_err(), "{wrong}");
        }
    }
}
