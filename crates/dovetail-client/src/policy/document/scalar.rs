//! The values of policy overrides: each is checked where it is read, so that an error has its line and column.

use std::{fmt, marker::PhantomData, time::Duration};

use dovetail_resilience::retry;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::policy::Trigger;

/// Either the word `off`, or settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Switch<T> {
    Off,
    On(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SwitchVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for SwitchVisitor<T> {
            type Value = Switch<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the word `off`, or a mapping of settings")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Self::Value, E> {
                if on {
                    Err(E::invalid_type(de::Unexpected::Bool(on), &self))
                } else {
                    Ok(Switch::Off)
                }
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
                if word == "off" {
                    Ok(Switch::Off)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(word), &self))
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Switch::On)
            }
        }
        deserializer.deserialize_any(SwitchVisitor(PhantomData))
    }
}

/// Declares a checked scalar: what it holds, how it is read, and what is expected of it.
macro_rules! scalar {
    ($(#[$doc:meta])* $name:ident($inner:ty) from $raw:ty, $expected:literal, $read:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub(super) struct $name(pub(super) $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = <$raw>::deserialize(deserializer)?;
                let read: fn(&$raw) -> Option<$inner> = $read;
                read(&raw).map(Self).ok_or_else(|| {
                    de::Error::custom(format_args!("`{raw}` is not {}", $expected))
                })
            }
        }
    };
}

scalar!(
    /// A length of time, which may be none.
    Time(Duration) from String, "a duration such as 300ms, 1s or 2m", |text| duration(text)
);
scalar!(
    /// A length of time of some length.
    Positive(Duration) from String, "a duration above zero, such as 300ms, 1s or 2m",
    |text| duration(text).filter(|duration| !duration.is_zero())
);
scalar!(
    /// A share of a whole.
    Rate(f64) from f64, "a rate from 0 to 1", |rate| (0.0..=1.0).contains(rate).then_some(*rate)
);
scalar!(
    /// Something that grows.
    Factor(f64) from f64, "a factor from 1 to 100", |factor| (1.0..=100.0).contains(factor).then_some(*factor)
);
scalar!(
    /// A number of things, of which none would mean that nothing ever goes.
    Count(u32) from u32, "a number above zero", |count| (*count > 0).then_some(*count)
);
scalar!(
    /// A number of attempts.
    Attempts(u32) from u32, "a number of attempts from 1 to 5",
    |count| (1..=retry::ATTEMPTS_MAX).contains(count).then_some(*count)
);
scalar!(
    /// What is worth another attempt, by name or by status.
    TriggerName(Trigger) from String,
    "one of connect, reset, attempt_timeout, 408, 425, 429, 500, 502, 503, 504", |text| trigger(text)
);

/// Reads `300ms`, `1s`, `2m` or `1h`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let count: u64 = count.parse().ok()?;
    let seconds = |each: u64| count.checked_mul(each).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(count)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        _ => None,
    }
}

fn trigger(text: &str) -> Option<Trigger> {
    match text {
        "connect" => Some(Trigger::Connect),
        "reset" => Some(Trigger::Reset),
        "attempt_timeout" => Some(Trigger::AttemptTimeout),
        _ => text.parse().ok().and_then(Trigger::of_status),
    }
}
