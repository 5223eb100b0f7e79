//! The one connection to the server.

use std::{collections::HashMap, fmt, sync::Mutex, time::Duration};

use async_nats::{
    ConnectOptions, ServerAddr, connection,
    jetstream::{self, Context, consumer::PullConsumer},
};
use dovetail_resilience::{Chance, Clock, Instant};
use percent_encoding::percent_decode_str;

use super::Config;
use crate::{
    outbox::PublishError,
    store::{ErrorKind, StoreError},
};

/// How often to look whether a connection is there again.
const RECONNECTED: Duration = Duration::from_millis(50);

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
    /// By channel and group, those that were looked up.
    pub(super) consumers: Mutex<HashMap<(String, String), PullConsumer>>,
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

    /// What the server itself said, which is for good unless it said that it cannot now.
    pub(super) fn said(&self, said: &jetstream::Error, error: impl fmt::Display) -> Problem {
        const NOT_NOW: usize = 503;
        if said.code() == NOT_NOW {
            self.unavailable(error)
        } else {
            self.refused(error)
        }
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
        if is_connected(&context) {
            Ok(())
        } else {
            Err(Problem::Unavailable("there is no connection".to_owned()))
        }
    }

    /// The connection, once it is there. What is sent without one is kept, and goes out with the next one, however long after.
    pub(super) async fn reconnected(&self) -> Result<Context, Problem> {
        let context = self.context().await?;
        while !is_connected(&context) {
            self.clock.sleep(RECONNECTED).await;
        }
        Ok(context)
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
        let backoff = self.config.backoff;
        let delay = backoff.delay(failures, false, backoff.max, self.chance.fraction());
        state.not_before = self.clock.now() + delay;
        let options = self.options();
        let client = options.connect(self.address.clone()).await;
        let client = client.map_err(|error| self.unavailable(error))?;
        tracing::debug!(server = %self.place(), "connected");
        let mut context = jetstream::new(client);
        context.set_timeout(self.config.timeout);
        state.failures = 0;
        state.context = Some(context.clone());
        Ok(context)
    }

    fn options(&self) -> ConnectOptions {
        let (backoff, chance) = (self.config.backoff, self.chance.clone());
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
        let options = if self.address.tls_required() {
            // Servers name others without a scheme, and before anything is encrypted: neither would hold to `tls://`.
            options.require_tls(true).ignore_discovered_servers()
        } else {
            options
        };
        match self.entry.clone() {
            Entry::Open => options,
            Entry::Token(token) => options.token(token),
            Entry::User(user, password) => options.user_and_password(user, password),
        }
    }
}

fn is_connected(context: &Context) -> bool {
    match context.client().connection_state() {
        connection::State::Connected => true,
        connection::State::Pending | connection::State::Disconnected => false,
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn tls_holds_for_every_connection_that_follows() {
        let new = |url| {
            let (clock, chance) = (Clock::system(), Chance::seeded(1));
            Link::new(url, Config::default(), clock, chance).unwrap()
        };
        for (url, is_required) in [
            ("tls://shop:hunter2@nats.example", true),
            ("nats://nats.example", false),
        ] {
            let shown = format!("{:?}", new(url).options());
            let expected = format!("\"tls_required\": {is_required}");
            assert!(shown.contains(&expected), "{shown}");
        }
    }
}
