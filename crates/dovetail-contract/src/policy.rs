//! How calls behave under failure: what contracts say, layer by layer, and what holds once the layers are merged.
//!
//! Names and defaults are those of the runtime (`dovetail-resilience`), which this half of the project never depends on: a policy crosses over as generated constants.

use crate::source::Spanned;

/// A length of time as contracts write it: `300ms`, `1s`, `2m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    /// Milliseconds.
    pub millis: u64,
}

/// What one layer of a contract says of policy; what it leaves out comes from the layer below.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicySettings {
    /// Bounds on time.
    pub timeout: TimeoutSettings,
    /// Trying again.
    pub retry: Option<Toggle<RetrySettings>>,
    /// Not trying for a while.
    pub breaker: Option<Toggle<BreakerSettings>>,
    /// Not trying more at once.
    pub bulkhead: Option<Toggle<BulkheadSettings>>,
}

/// What is said of one call of one operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallPolicy {
    /// The policy.
    pub policy: PolicySettings,
    /// What the caller says of idempotency.
    pub idempotency: Option<Spanned<IdempotencySetting>>,
}

/// What a caller says of idempotency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdempotencySetting {
    /// A key is sent, the same on every attempt.
    Key,
    /// Not known: never sent twice.
    None,
}

/// A policy that may be turned off.
#[derive(Debug, Clone, PartialEq)]
pub enum Toggle<T> {
    /// `off`.
    Off,
    /// On, with these settings.
    On(T),
}

/// Bounds on time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeoutSettings {
    /// Of the whole call, waiting and attempts together.
    pub total: Option<Spanned<Duration>>,
    /// Of one attempt.
    pub attempt: Option<Spanned<Duration>>,
    /// Of making a connection.
    pub connect: Option<Spanned<Duration>>,
}

/// Trying again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RetrySettings {
    /// Attempts in all, the first one included.
    pub max_attempts: Option<Spanned<u32>>,
    /// Upper bound of the first wait; doubled for each further one.
    pub base: Option<Spanned<Duration>>,
    /// The same after the provider said that it is overloaded.
    pub throttled_base: Option<Spanned<Duration>>,
    /// Upper bound of any wait.
    pub max: Option<Spanned<Duration>>,
    /// Whether a 500 is tried again as well.
    pub on_500: Option<bool>,
    /// Share of calls that may be tried again.
    pub budget_ratio: Option<Spanned<f64>>,
}

/// Not trying for a while.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BreakerSettings {
    /// How far back outcomes count.
    pub window: Option<Spanned<Duration>>,
    /// Fewest outcomes before it may open.
    pub min_calls: Option<Spanned<u32>>,
    /// Share of failures at which it opens.
    pub failure_rate: Option<Spanned<f64>>,
    /// What counts as slow.
    pub slow_duration: Option<Spanned<Duration>>,
    /// Share of slow calls at which it opens.
    pub slow_rate: Option<Spanned<f64>>,
    /// How long it stays open at first.
    pub open_initial: Option<Spanned<Duration>>,
    /// How long it stays open at most.
    pub open_max: Option<Spanned<Duration>>,
    /// Calls let through to see whether the provider is back.
    pub probes: Option<Spanned<u32>>,
    /// Successes of these that close it.
    pub successes: Option<Spanned<u32>>,
    /// Whether each operation has its own.
    pub scope: Option<BreakerScope>,
}

/// What shares one breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerScope {
    /// All operations of a service.
    Service,
    /// Each operation alone.
    Operation,
}

/// Not trying more at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BulkheadSettings {
    /// Calls at the same time.
    pub max_concurrent: Option<Spanned<u32>>,
    /// How long a call waits for a place.
    pub max_wait: Option<Spanned<Duration>>,
}

impl PolicySettings {
    /// These settings, and what they leave out from `below`.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        Self {
            timeout: TimeoutSettings {
                total: self
                    .timeout
                    .total
                    .clone()
                    .or_else(|| below.timeout.total.clone()),
                attempt: self
                    .timeout
                    .attempt
                    .clone()
                    .or_else(|| below.timeout.attempt.clone()),
                connect: self
                    .timeout
                    .connect
                    .clone()
                    .or_else(|| below.timeout.connect.clone()),
            },
            retry: merge(
                self.retry.as_ref(),
                below.retry.as_ref(),
                RetrySettings::over,
            ),
            breaker: merge(
                self.breaker.as_ref(),
                below.breaker.as_ref(),
                BreakerSettings::over,
            ),
            bulkhead: merge(
                self.bulkhead.as_ref(),
                below.bulkhead.as_ref(),
                BulkheadSettings::over,
            ),
        }
    }
}

impl RetrySettings {
    fn over(&self, below: &Self) -> Self {
        Self {
            max_attempts: self
                .max_attempts
                .clone()
                .or_else(|| below.max_attempts.clone()),
            base: self.base.clone().or_else(|| below.base.clone()),
            throttled_base: self
                .throttled_base
                .clone()
                .or_else(|| below.throttled_base.clone()),
            max: self.max.clone().or_else(|| below.max.clone()),
            on_500: self.on_500.or(below.on_500),
            budget_ratio: self
                .budget_ratio
                .clone()
                .or_else(|| below.budget_ratio.clone()),
        }
    }
}

impl BreakerSettings {
    fn over(&self, below: &Self) -> Self {
        Self {
            window: self.window.clone().or_else(|| below.window.clone()),
            min_calls: self.min_calls.clone().or_else(|| below.min_calls.clone()),
            failure_rate: self
                .failure_rate
                .clone()
                .or_else(|| below.failure_rate.clone()),
            slow_duration: self
                .slow_duration
                .clone()
                .or_else(|| below.slow_duration.clone()),
            slow_rate: self.slow_rate.clone().or_else(|| below.slow_rate.clone()),
            open_initial: self
                .open_initial
                .clone()
                .or_else(|| below.open_initial.clone()),
            open_max: self.open_max.clone().or_else(|| below.open_max.clone()),
            probes: self.probes.clone().or_else(|| below.probes.clone()),
            successes: self.successes.clone().or_else(|| below.successes.clone()),
            scope: self.scope.or(below.scope),
        }
    }
}

impl BulkheadSettings {
    fn over(&self, below: &Self) -> Self {
        Self {
            max_concurrent: self
                .max_concurrent
                .clone()
                .or_else(|| below.max_concurrent.clone()),
            max_wait: self.max_wait.clone().or_else(|| below.max_wait.clone()),
        }
    }
}

impl Duration {
    /// A length in milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// Reads `300ms`, `1s`, `1.5s`, `2m`, `1h` or `7d`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = text.split_at(unit_at);
        let scale: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
        if number.contains('.')
            && (fraction.is_empty() || fraction.len() > 3 || fraction.contains('.'))
        {
            return None;
        }
        let places = 10u64.pow(u32::try_from(fraction.len()).ok()?);
        let part = if fraction.is_empty() {
            0
        } else {
            fraction.parse::<u64>().ok()? * scale
        };
        (part % places == 0).then_some(())?;
        whole.checked_add(part / places).map(Self::from_millis)
    }
}

impl std::fmt::Display for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (amount, unit) = match self.millis {
            0 => (0, "ms"),
            n if n % 86_400_000 == 0 => (n / 86_400_000, "d"),
            n if n % 3_600_000 == 0 => (n / 3_600_000, "h"),
            n if n % 60_000 == 0 => (n / 60_000, "m"),
            n if n % 1_000 == 0 => (n / 1_000, "s"),
            n => (n, "ms"),
        };
        write!(f, "{amount}{unit}")
    }
}

impl<T> Toggle<T> {
    /// The settings, unless it is off.
    #[must_use]
    pub fn on(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::On(settings) => Some(settings),
        }
    }
}

fn merge<T: Clone>(
    above: Option<&Toggle<T>>,
    below: Option<&Toggle<T>>,
    over: fn(&T, &T) -> T,
) -> Option<Toggle<T>> {
    match (above, below) {
        (Some(Toggle::On(above)), Some(Toggle::On(below))) => Some(Toggle::On(over(above, below))),
        (Some(above), _) => Some(above.clone()),
        (None, below) => below.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_exactly_or_not_at_all() {
        let rows = [
            ("300ms", Some(300)),
            ("1s", Some(1_000)),
            ("1.5s", Some(1_500)),
            ("2m", Some(120_000)),
            ("7d", Some(604_800_000)),
            ("0ms", Some(0)),
            ("1.5ms", None),
            ("1.s", None),
            ("s", None),
            ("-1s", None),
            ("5", None),
            ("1 s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ];
        for (text, millis) in rows {
            assert_eq!(Duration::parse(text).map(|d| d.millis), millis, "{text}");
        }
    }

    #[test]
    fn a_layer_wins_over_the_one_below_field_by_field() {
        let below = PolicySettings {
            bulkhead: Some(Toggle::On(BulkheadSettings::default())),
            retry: Some(Toggle::On(RetrySettings {
                on_500: Some(true),
                ..RetrySettings::default()
            })),
            ..PolicySettings::default()
        };
        let above = PolicySettings {
            bulkhead: Some(Toggle::Off),
            retry: Some(Toggle::On(RetrySettings::default())),
            ..PolicySettings::default()
        };
        let merged = above.over(&below);
        assert_eq!(merged.bulkhead, Some(Toggle::Off));
        assert_eq!(
            merged
                .retry
                .and_then(|retry| retry.on().and_then(|on| on.on_500)),
            Some(true)
        );
    }
}
