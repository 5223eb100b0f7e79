//! How an operation is called: its time, its retries, its breaker and its bulkhead.
//!
//! A policy is data. The generated crate holds one per operation as a constant, and whoever runs the client may override
//! any part of it with a [`PolicySet`], without generating anything again.

mod document;
mod overrides;

use std::time::Duration;

use dovetail_resilience::{backoff, breaker, budget, bulkhead, retry};

pub use self::overrides::{PolicyError, PolicySet};

/// The policy of one operation. All of it can be written in a constant:
///
/// ```
/// use dovetail_client::policy::{Policy, Retry};
/// use std::time::Duration;
///
/// const POLICY: Policy = Policy::new(Duration::from_millis(1_000))
///     .attempt(Duration::from_millis(300))
///     .retry(Retry { max_attempts: 2, ..Retry::new() });
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// How long a call may take in all. There is no default: waiting for ever is nobody's wish.
    pub total: Duration,
    /// How long one attempt may take. As long as the call, if nothing is said.
    pub attempt: Option<Duration>,
    /// How much of the time is told to the next service.
    pub deadline: Propagation,
    /// When to try again.
    pub retry: Retry,
    /// When to stop calling a target that fails.
    pub breaker: Option<breaker::Config>,
    /// Which calls share a breaker.
    pub breaker_scope: Scope,
    /// How many calls may be under way.
    pub bulkhead: Option<bulkhead::Config>,
}

impl Policy {
    /// The defaults around a total.
    #[must_use]
    pub const fn new(total: Duration) -> Self {
        Self {
            total,
            attempt: None,
            deadline: Propagation::new(),
            retry: Retry::new(),
            breaker: Some(breaker::Config::new()),
            breaker_scope: Scope::Service,
            bulkhead: Some(bulkhead::Config::new()),
        }
    }

    /// The same with a limit for each attempt.
    #[must_use]
    pub const fn attempt(self, attempt: Duration) -> Self {
        Self {
            attempt: Some(attempt),
            ..self
        }
    }

    /// The same with another way of telling the deadline.
    #[must_use]
    pub const fn deadline(self, deadline: Propagation) -> Self {
        Self { deadline, ..self }
    }

    /// The same with other retries.
    #[must_use]
    pub const fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The same with another breaker, or none.
    #[must_use]
    pub const fn breaker(self, breaker: Option<breaker::Config>) -> Self {
        Self { breaker, ..self }
    }

    /// The same with a breaker shared by other calls.
    #[must_use]
    pub const fn breaker_scope(self, breaker_scope: Scope) -> Self {
        Self {
            breaker_scope,
            ..self
        }
    }

    /// The same with another bulkhead, or none.
    #[must_use]
    pub const fn bulkhead(self, bulkhead: Option<bulkhead::Config>) -> Self {
        Self { bulkhead, ..self }
    }
}

/// How a deadline travels to the next service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Propagation {
    /// Whether it is sent at all. It is: a service that knows it can drop work nobody waits for.
    pub propagate: bool,
    /// How much earlier the next service must be done. 5 ms, for the way back.
    pub hop_allowance: Duration,
    /// Less time than this is as good as none. 5 ms.
    pub min_useful: Duration,
}

impl Propagation {
    /// The defaults, as a constant.
    #[must_use]
    pub const fn new() -> Self {
        let allowance = Duration::from_millis(5);
        Self {
            propagate: true,
            hop_allowance: allowance,
            min_useful: allowance,
        }
    }
}

impl Default for Propagation {
    fn default() -> Self {
        Self::new()
    }
}

/// When an operation is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Attempts in all, the first included; 3, and never more than 5. An operation that may not be sent twice is only
    /// repeated where the service has seen nothing of it.
    pub max_attempts: u32,
    /// What is worth another attempt.
    pub on: Triggers,
    /// The waits in between.
    pub backoff: backoff::Config,
    /// Whether a `Retry-After` is kept, to the letter or not at all. It is.
    pub honour_retry_after: bool,
    /// How many retries the target must bear from all calls together. None means as many as calls ask for.
    pub budget: Option<budget::Config>,
}

impl Retry {
    /// The defaults, as a constant.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_attempts: 3,
            on: Triggers::new(),
            backoff: backoff::Config::new(),
            honour_retry_after: true,
            budget: Some(budget::Config::new()),
        }
    }

    /// One attempt, whatever happens.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            max_attempts: 1,
            ..Self::new()
        }
    }

    /// The part that decides.
    pub(crate) const fn config(&self, min_useful: Duration) -> retry::Config {
        retry::Config {
            max_attempts: self.max_attempts,
            backoff: self.backoff,
            honour_retry_after: self.honour_retry_after,
            min_useful,
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

/// What is worth another attempt, as a set of [`Trigger`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triggers(u16);

impl Triggers {
    /// All but [`Trigger::InternalServerError`]: a service that fails at its work usually fails again.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(&[
            Trigger::Connect,
            Trigger::Reset,
            Trigger::AttemptTimeout,
            Trigger::RequestTimeout,
            Trigger::TooEarly,
            Trigger::TooManyRequests,
            Trigger::BadGateway,
            Trigger::Unavailable,
            Trigger::GatewayTimeout,
        ])
    }

    /// Exactly these.
    #[must_use]
    pub const fn of(triggers: &[Trigger]) -> Self {
        let (mut set, mut index) = (0, 0);
        // A constant cannot run iterators.
        while index < triggers.len() {
            set |= 1 << triggers[index] as u16;
            index += 1;
        }
        Self(set)
    }

    /// These, and one more.
    #[must_use]
    pub const fn and(self, trigger: Trigger) -> Self {
        Self(self.0 | 1 << trigger as u16)
    }

    /// Whether the trigger is among them.
    #[must_use]
    pub const fn contains(self, trigger: Trigger) -> bool {
        self.0 & (1 << trigger as u16) != 0
    }
}

impl Default for Triggers {
    fn default() -> Self {
        Self::new()
    }
}

/// Something that may be worth another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// No connection came about.
    Connect,
    /// The connection broke after the request was sent.
    Reset,
    /// The attempt took too long.
    AttemptTimeout,
    /// Status 408.
    RequestTimeout,
    /// Status 425.
    TooEarly,
    /// Status 429.
    TooManyRequests,
    /// Status 500.
    InternalServerError,
    /// Status 502.
    BadGateway,
    /// Status 503.
    Unavailable,
    /// Status 504.
    GatewayTimeout,
}

impl Trigger {
    /// The trigger that a status stands for, if it stands for one.
    #[must_use]
    pub const fn of_status(status: u16) -> Option<Self> {
        match status {
            408 => Some(Self::RequestTimeout),
            425 => Some(Self::TooEarly),
            429 => Some(Self::TooManyRequests),
            500 => Some(Self::InternalServerError),
            502 => Some(Self::BadGateway),
            503 => Some(Self::Unavailable),
            504 => Some(Self::GatewayTimeout),
            _ => None,
        }
    }
}

/// Which calls share a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All operations of the service whose breakers are configured alike. A service usually fails as a whole.
    Service,
    /// The operation alone.
    Operation,
}
