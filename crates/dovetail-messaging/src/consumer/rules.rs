//! What transactional and leasing consumers decide alike.

use std::{
    error::Error,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use dovetail_resilience::{Chance, Clock, Instant};
use serde_json::Value;

use super::{
    Config, Delivery, Handler, Identity, Rejection, RetryCause, Route, Settlement, attempt::guarded,
};
use crate::{
    dead_letter::{Burial, EDITED, Reason},
    inbox::Key,
    message::{ERROR_BYTES_MAX, IDENTITY_BYTES_MAX, Message, shortened},
    metrics::{ConsumerMetrics, Origin, Watch},
    replay::CONSUMER,
    store::{ErrorKind, StoreError},
    transport::Kind,
};

/// The rules of one consumer, and how it fares.
#[derive(Debug)]
pub(super) struct Rules {
    /// The subscription.
    pub(super) scope: String,
    routes: Vec<Route>,
    /// For what has no route.
    fallback: Route,
    /// Who gets what the channel carries: what a queue gives to nobody else is not for others.
    kind: Kind,
    /// Kinds of messages that a consumer beside this one handles.
    beside: Vec<String>,
    pub(super) clock: Clock,
    chance: Chance,
    trouble: Mutex<Trouble>,
    /// Looked up when the consumer begins, and where it never does, with its first message.
    metrics: OnceLock<ConsumerMetrics>,
}

/// How long nothing has worked.
#[derive(Debug, Clone, Copy, Default)]
struct Trouble {
    /// Pauses since the last success.
    pauses: u32,
    /// When the last of them is over.
    until: Option<Instant>,
}

/// What becomes of a delivery before anything is claimed.
pub(super) enum Admission<'r, E> {
    /// It is handled.
    Admitted {
        route: &'r Route,
        key: Key,
        event: E,
    },
    /// Nobody could handle it.
    Rejected(&'r Route, Rejection),
    /// It is for others.
    Ignored,
}

impl Rules {
    pub(super) fn new(scope: String, routes: Vec<Route>, clock: Clock, chance: Chance) -> Self {
        let config = routes.first().map_or_else(Config::default, |route| Config {
            contract: None,
            ..route.config.clone()
        });
        Self {
            fallback: Route::of_all(scope.clone(), config),
            scope,
            routes,
            kind: Kind::Topic,
            beside: Vec::new(),
            clock,
            chance,
            trouble: Mutex::default(),
            metrics: OnceLock::new(),
        }
    }

    /// The same for a channel of that kind, beside a consumer that handles those kinds of messages of it.
    pub(super) fn on(self, kind: Kind, beside: Vec<String>) -> Self {
        Self {
            kind,
            beside,
            ..self
        }
    }

    /// Looks up the series that everything is counted in.
    pub(super) fn count(&self, origin: Origin<'_>) -> &ConsumerMetrics {
        let make = || ConsumerMetrics::new(&self.scope, &self.routes, origin);
        self.metrics.get_or_init(make)
    }

    pub(super) fn metrics(&self) -> &ConsumerMetrics {
        self.count(Origin {
            system: "dovetail",
            channel: "",
        })
    }

    /// What is known of a delivery before anything is done with it.
    pub(super) fn watch(&self, delivery: &Delivery) -> Watch {
        let kind = delivery.message.kind.as_deref();
        let place = self.place(kind).filter(|_| delivery.problem.is_none());
        Watch::new(&delivery.message, place, self.clock.now())
    }

    /// Counts what became of a delivery.
    pub(super) fn settled(&self, watch: &Watch, settlement: Settlement) -> Settlement {
        let now = (self.clock.now(), self.clock.wall());
        self.metrics().settled(watch, settlement, now);
        settlement
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.wall()
    }

    pub(super) fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// For what concerns all routes alike.
    pub(super) const fn fallback(&self) -> &Route {
        &self.fallback
    }

    /// The route of a kind of message.
    pub(super) fn route(&self, kind: Option<&str>) -> Option<&Route> {
        self.routes.get(self.place(kind)?)
    }

    /// Which route takes a kind of message.
    pub(super) fn place(&self, kind: Option<&str>) -> Option<usize> {
        self.routes.iter().position(|route| route.takes(kind))
    }

    /// Reads a message, unless it is one that nobody could handle, or is for others.
    pub(super) fn admit<T, H: Handler<T>>(
        &self,
        handler: &H,
        delivery: &mut Delivery,
    ) -> Admission<'_, H::Event> {
        let message = &mut delivery.message;
        if let Some(problem) = &delivery.problem {
            return Admission::Rejected(&self.fallback, Rejection::decode(problem));
        }
        let Some(route) = self.route(message.kind.as_deref()) else {
            return match (&message.kind, message.identity()) {
                (Some(kind), _) if self.is_for_others(kind) => Admission::Ignored,
                (Some(_), _) => Admission::Rejected(&self.fallback, unhandled()),
                (None, Some(_)) => {
                    Admission::Rejected(&self.fallback, Rejection::contract("it has no type"))
                }
                (None, None) => Admission::Rejected(&self.fallback, no_identity(message)),
            };
        };
        // A dead letter that is sent again is for the consumer that it is one of: all others had their turn.
        let named = message.header(CONSUMER);
        if named.is_some_and(|name| name != route.name && name != self.scope) {
            return match self.kind {
                Kind::Topic => Admission::Ignored,
                Kind::Queue => {
                    let text = "it is sent again for a consumer that the queue does not have";
                    Admission::Rejected(&self.fallback, Rejection::contract(text))
                }
            };
        }
        // An edited copy is another message, whatever its payload says: its envelope has an identity of its own.
        if let Identity::Pointer(pointer) = &route.config.identity
            && !is_copy(message)
            && let Err(rejection) = identify(message, pointer)
        {
            return Admission::Rejected(route, rejection);
        }
        match self.read(route, handler, message) {
            Ok((key, event)) => Admission::Admitted { route, key, event },
            Err(rejection) => Admission::Rejected(route, rejection),
        }
    }

    /// Whether a kind of message that has no route has another consumer.
    fn is_for_others(&self, kind: &String) -> bool {
        self.kind == Kind::Topic || self.beside.contains(kind)
    }

    /// Reads a message of a route, whose identity is known.
    pub(super) fn read<T, H: Handler<T>>(
        &self,
        route: &Route,
        handler: &H,
        message: &Message,
    ) -> Result<(Key, H::Event), Rejection> {
        let Some(key) = Key::of(&route.name, message) else {
            return Err(no_identity(message));
        };
        if message.expires_at.is_some_and(|end| end <= self.now()) {
            return Err(Rejection {
                reason: Reason::Expired,
                detail: "it came after it had expired".to_owned(),
            });
        }
        let decoded = guarded(|| handler.decode(message)).unwrap_or_else(|panic| {
            Err(Rejection::decode(format!("the decoder panicked: {panic}")))
        });
        decoded.map(|event| (key, event))
    }

    pub(super) fn burial(&self, route: &Route, message: Message, rejection: &Rejection) -> Burial {
        let Rejection { reason, detail } = rejection;
        let said = |text: &Option<String>| text.as_deref().map(shortened);
        tracing::warn!(
            consumer = %route.name, %reason, detail = shortened(detail),
            source = said(&message.source), id = said(&message.id),
            "a message became a dead letter"
        );
        Burial {
            consumer: route.name.clone(),
            message,
            reason: *reason,
            detail: shortened(detail),
            contract: route.config.contract.clone(),
            at: self.now(),
        }
    }

    /// The wait before the attempt that follows `attempts` failed ones.
    pub(super) fn backoff(&self, route: &Route, attempts: u32) -> Duration {
        let retry = attempts.saturating_sub(1);
        let backoff = &route.config.backoff;
        backoff.delay(retry, false, Duration::MAX, self.chance.fraction())
    }

    pub(super) fn retry(&self, route: &Route, attempts: u32, cause: RetryCause) -> Settlement {
        Settlement::Retry {
            after: self.backoff(route, attempts),
            cause,
        }
    }

    /// What every message needs is down: longer pauses while that lasts. All that fails while a pause lasts has the rest of that one: one
    /// trouble meets everything that is under way.
    pub(super) fn pause(&self, route: &Route, why: &str) -> Settlement {
        let now = self.clock.now();
        let mut trouble = self.trouble();
        let rest = trouble.until.map(|end| end.saturating_duration_since(now));
        if let Some(after) = rest.filter(|rest| !rest.is_zero()) {
            tracing::debug!(consumer = %self.scope, ?after, why, "the consumer pauses already");
            return Settlement::Pause { after };
        }
        let ceiling = route.config.pause.ceiling(trouble.pauses, false);
        let after = ceiling.mul_f64(0.5 + self.chance.fraction() / 2.0);
        trouble.pauses = trouble.pauses.saturating_add(1);
        trouble.until = now.checked_add(after);
        drop(trouble);
        tracing::warn!(consumer = %self.scope, ?after, why, "the consumer pauses");
        Settlement::Pause { after }
    }

    /// Something worked.
    pub(super) fn worked(&self) {
        *self.trouble() = Trouble::default();
    }

    /// Whether a pause lasts.
    pub(super) fn is_pausing(&self) -> bool {
        let now = self.clock.now();
        self.trouble().until.is_some_and(|end| end > now)
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Trouble> {
        // Two numbers, each of which is right by itself.
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store did not do its part. Whatever it did is unknown, so nothing is acknowledged.
    pub(super) fn store_failed(&self, route: &Route, error: &StoreError) -> Settlement {
        if error.kind() == ErrorKind::Contended {
            self.retry(route, 1, RetryCause::Contended)
        } else {
            self.pause(route, &with_causes(error))
        }
    }
}

/// Whether that many attempts are all that a route allows.
pub(super) fn is_exhausted(route: &Route, attempts: u32) -> bool {
    attempts >= route.config.attempts_max.max(1)
}

/// Whether a message is an edited copy of a dead letter.
fn is_copy(message: &Message) -> bool {
    message.header(CONSUMER).is_some() && message.header(EDITED).is_some()
}

/// What no route takes, and nobody else would.
pub(super) fn unhandled() -> Rejection {
    Rejection::contract("nothing handles messages of its kind")
}

/// Takes the identity of a message from its payload.
fn identify(message: &mut Message, pointer: &str) -> Result<(), Rejection> {
    let payload: Value = serde_json::from_slice(&message.body).map_err(Rejection::decode)?;
    let id = match payload.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => {
            return Err(Rejection {
                reason: Reason::IdMissing,
                detail: format!("its payload has no text or number at `{pointer}`"),
            });
        }
    };
    message.id = Some(id);
    message
        .source
        .get_or_insert_with(|| message.channel.clone());
    Ok(())
}

fn no_identity(message: &Message) -> Rejection {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    if length(&message.source) == 0 || length(&message.id) == 0 {
        Rejection {
            reason: Reason::IdMissing,
            detail: "it has no source or no id".to_owned(),
        }
    } else {
        Rejection::contract(format!(
            "its source or id is longer than {IDENTITY_BYTES_MAX} bytes"
        ))
    }
}

/// An error and its causes, as one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        if text.len() > ERROR_BYTES_MAX {
            break;
        }
        cause = error.source();
    }
    text
}
