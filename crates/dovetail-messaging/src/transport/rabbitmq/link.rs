//! A connection to the broker, and what is declared over it.

use std::{fmt, sync::Arc};

use dovetail_resilience::{Chance, Clock, Instant};
use lapin::{
    Connection, ErrorKind as LapinErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
    uri::AMQPUri,
};
use tokio::sync::Mutex;

use super::{Config, connect::connect};
use crate::{
    outbox::PublishError,
    store::{ErrorKind, StoreError},
    transport::{Kind, Subscription},
};

/// Seconds between heartbeats, where the URL says nothing: a half-open connection is noticed after two of them.
const HEARTBEAT: u16 = 15;

/// For how long the broker leaves a delivery with a consumer that does not acknowledge it, in milliseconds: a week. Half an hour where nothing is
/// said, which is less than a message may have to rest. Whether a consumer has died is found out otherwise.
const CONSUMER_TIMEOUT: i32 = 7 * 24 * 60 * 60 * 1000;

/// Access refused, not found, precondition failed, not allowed.
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// Why the broker did not do what it was asked for.
#[derive(Debug, Clone)]
pub(super) enum Problem {
    /// It never will.
    Refused(String),
    /// It does not let this user in, or not to this virtual host. Whatever is asked for is not to blame.
    Barred(String),
    /// Not now.
    Unavailable(String),
}

impl Problem {
    pub(super) fn refused(why: impl fmt::Display) -> Self {
        Self::Refused(why.to_string())
    }

    pub(super) fn unavailable(why: impl fmt::Display) -> Self {
        Self::Unavailable(why.to_string())
    }

    pub(super) fn into_store(self, action: &'static str) -> StoreError {
        match self {
            Self::Refused(why) | Self::Barred(why) => {
                StoreError::because(action, ErrorKind::Refused, why)
            }
            Self::Unavailable(why) => StoreError::because(action, ErrorKind::Unavailable, why),
        }
    }

    pub(super) fn into_publish(self) -> PublishError {
        match self {
            Self::Refused(why) => PublishError::Rejected(why),
            Self::Barred(why) | Self::Unavailable(why) => PublishError::Unavailable(why),
        }
    }
}

impl From<lapin::Error> for Problem {
    fn from(error: lapin::Error) -> Self {
        const CONTENT_TOO_LARGE: u16 = 311;
        const FINAL: [u16; 4] = [
            ACCESS_REFUSED,
            NOT_FOUND,
            PRECONDITION_FAILED,
            CONTENT_TOO_LARGE,
        ];
        match code(&error) {
            Some(code) if FINAL.contains(&code) => Self::refused(error),
            _ => Self::unavailable(error),
        }
    }
}

/// Why there is no connection.
fn not_connected(error: lapin::Error) -> Problem {
    match code(&error) {
        Some(ACCESS_REFUSED | NOT_ALLOWED) => Problem::Barred(error.to_string()),
        _ => Problem::unavailable(error),
    }
}

/// The reply code that the broker gave.
fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        LapinErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// A name as the protocol takes it, at most 255 bytes.
pub(super) fn short(name: &str) -> Result<ShortString, Problem> {
    ShortString::try_new(name).map_err(Problem::refused)
}

pub(super) struct Link {
    uri: AMQPUri,
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    state: Mutex<State>,
}

struct State {
    connection: Option<Arc<Connection>>,
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
        // What the parser says is left out: it may repeat the URL, password and all.
        let mut uri: AMQPUri = url.parse().map_err(|_| {
            StoreError::new("the URL is none of an AMQP broker", ErrorKind::Refused)
        })?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let not_before = clock.now();
        Ok(Self {
            uri,
            config,
            clock,
            chance,
            state: Mutex::new(State {
                connection: None,
                failures: 0,
                not_before,
            }),
        })
    }

    /// Where the broker is.
    pub(super) fn place(&self) -> String {
        let authority = &self.uri.authority;
        format!("{}:{}{}", authority.host, authority.port, self.uri.vhost)
    }

    /// Gives up where the time of one request is over.
    pub(super) async fn in_time<F: Future>(&self, future: F) -> Result<F::Output, Problem> {
        let end = self.clock.now() + self.config.timeout;
        let output = self.clock.until(end, future).await;
        output.map_err(|_| Problem::unavailable("the broker did not answer in time"))
    }

    /// The connection, made if there is none. However many ask, one connects, and never more often than the backoff allows.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, Problem> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection
            && connection.status().connected()
        {
            return Ok(Arc::clone(connection));
        }
        state.connection = None;
        let rest = state.not_before.saturating_duration_since(self.clock.now());
        self.clock.sleep(rest).await;
        // Counted before it is tried: whoever gives up waiting has failed too.
        let failures = state.failures;
        state.failures = failures.saturating_add(1);
        let backoff = self.config.backoff;
        let delay = backoff.delay(failures, false, backoff.max, self.chance.fraction());
        state.not_before = self.clock.now() + delay;
        let connecting = connect(&self.uri, self.clock, self.config.timeout);
        let connection = connecting.await.map_err(not_connected)?;
        tracing::debug!(broker = %self.place(), "connected");
        let connection = Arc::new(connection);
        state.failures = 0;
        state.connection = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// A channel of the protocol. The first thing that the broker refuses on it closes it.
    pub(super) async fn open(&self) -> Result<lapin::Channel, Problem> {
        let connection = self.connection().await?;
        Ok(connection.create_channel().await?)
    }

    /// What kind of channel there is under the name, if any.
    pub(super) async fn kind(&self, name: &str) -> Result<Option<Kind>, Problem> {
        if self.has_topic(name).await? {
            Ok(Some(Kind::Topic))
        } else if self.has_queue(name).await? {
            Ok(Some(Kind::Queue))
        } else {
            Ok(None)
        }
    }

    /// Whether there is a topic under the name. An exchange that is none would lose what is published to it, so it is refused.
    async fn has_topic(&self, name: &str) -> Result<bool, Problem> {
        let channel = self.open().await?;
        let looking = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        if !is_there(declare_topic(&channel, name, looking).await?)? {
            return Ok(false);
        }
        // Looking says nothing about its type; declaring what is there already changes nothing, and compares.
        match declare_topic(&channel, name, DURABLE_TOPIC).await? {
            Err(error) if code(&error) == Some(PRECONDITION_FAILED) => Err(Problem::refused(
                "there is an exchange of this name that is no topic",
            )),
            // Who may publish only has to believe it.
            Err(error) if code(&error) == Some(ACCESS_REFUSED) => Ok(true),
            told => is_there(told),
        }
    }

    async fn has_queue(&self, name: &str) -> Result<bool, Problem> {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let channel = self.open().await?;
        let arguments = FieldTable::default();
        let looked = channel
            .queue_declare(short(name)?, options, arguments)
            .await;
        is_there(looked)
    }

    pub(super) async fn declare(&self, name: &str, kind: Kind) -> Result<(), Problem> {
        match kind {
            Kind::Topic if self.has_queue(name).await? => {
                Err(Problem::refused("there is a queue of this name"))
            }
            Kind::Topic => {
                let channel = self.open().await?;
                Ok(declare_topic(&channel, name, DURABLE_TOPIC).await??)
            }
            Kind::Queue if self.has_topic(name).await? => {
                Err(Problem::refused("there is a topic of this name"))
            }
            Kind::Queue => self.declare_queue(name).await,
        }
    }

    pub(super) async fn subscribe(&self, subscription: &Subscription) -> Result<(), Problem> {
        let queue = self.queue(subscription).await?;
        if queue == subscription.channel {
            return Ok(());
        }
        self.declare_queue(&queue).await?;
        let channel = self.open().await?;
        let bound = channel.queue_bind(
            short(&queue)?,
            short(&subscription.channel)?,
            ShortString::default(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        Ok(bound.await?)
    }

    /// The queue that a group consumes.
    pub(super) async fn queue(&self, subscription: &Subscription) -> Result<String, Problem> {
        let Subscription { channel, group } = subscription;
        match self.kind(channel).await? {
            Some(Kind::Topic) => Ok(queue_of(group, channel)),
            Some(Kind::Queue) => Ok(channel.clone()),
            None => Err(Problem::refused("there is no such channel")),
        }
    }

    /// Without a limit of deliveries in effect: RabbitMQ 4 drops a message for good that went back twenty times, unless it is told another
    /// number. Minus one, which is no limit there, drops a message that goes back once in earlier versions.
    async fn declare_queue(&self, name: &str) -> Result<(), Problem> {
        let quorum = AMQPValue::LongString("quorum".into());
        let mut arguments = FieldTable::default();
        arguments.insert(short("x-queue-type")?, quorum);
        arguments.insert(short("x-delivery-limit")?, AMQPValue::LongInt(i32::MAX));
        let timeout = AMQPValue::LongInt(CONSUMER_TIMEOUT);
        arguments.insert(short("x-consumer-timeout")?, timeout);
        if self.config.keeps_keys {
            let argument = short("x-single-active-consumer")?;
            arguments.insert(argument, AMQPValue::Boolean(true));
        }
        let options = QueueDeclareOptions::durable();
        let channel = self.open().await?;
        let declared = channel.queue_declare(short(name)?, options, arguments);
        declared.await?;
        Ok(())
    }
}

const DURABLE_TOPIC: ExchangeDeclareOptions = ExchangeDeclareOptions {
    passive: false,
    durable: true,
    auto_delete: false,
    internal: false,
    nowait: false,
};

async fn declare_topic(
    channel: &lapin::Channel,
    name: &str,
    options: ExchangeDeclareOptions,
) -> Result<lapin::Result<()>, Problem> {
    let (name, arguments) = (short(name)?, FieldTable::default());
    let declared = channel.exchange_declare(name, ExchangeKind::Fanout, options, arguments);
    Ok(declared.await)
}

/// The queue of a group of a topic. No two of them share one: what stands before the first `@` is the group.
fn queue_of(group: &str, channel: &str) -> String {
    let group = group.replace('%', "%25").replace('@', "%40");
    format!("{group}@{channel}")
}

fn is_there<T>(looked: lapin::Result<T>) -> Result<bool, Problem> {
    match looked {
        Ok(_) => Ok(true),
        Err(error) if code(&error) == Some(NOT_FOUND) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_groups_share_a_queue() {
        let groups = [
            ("a", "b"),
            ("a@b", "c"),
            ("a", "b@c"),
            ("a%40b", "c"),
            ("a%2540b", "c"),
        ];
        let queues = groups.map(|(group, channel)| queue_of(group, channel));
        let distinct: std::collections::BTreeSet<_> = queues.iter().collect();
        assert_eq!(distinct.len(), groups.len(), "{queues:?}");
        assert_eq!(
            queue_of("billing/orders", "orders"),
            "billing/orders@orders"
        );
    }
}
