//! Numbers that must not change on the way, such as amounts of money.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;
use thiserror::Error;

/// A decimal number with exactly the digits that were written.
///
/// Read from a JSON number or from a string, whichever comes. Written as a string; where the contract wants a number, there
/// is [`DecimalNumber`]. Two are equal if their digits are: `1.0` is not `1.00`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// A number as JSON writes it.
    text: Box<str>,
}

/// A text is not a decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a decimal number")]
pub struct DecimalError;

impl Decimal {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Reads the digits as a type that can calculate.
    ///
    /// # Errors
    ///
    /// What the type says where it has no room for the number.
    pub fn parse<T: FromStr>(&self) -> Result<T, T::Err> {
        self.text.parse()
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_number(text) {
            Ok(Self { text: text.into() })
        } else {
            Err(DecimalError)
        }
    }
}

/// Whether a text is a number of JSON: no leading zeros, no bare point, no plus sign, nothing endless.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent_fits = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole_fits = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    whole_fits && fraction.is_none_or(digits) && exponent_fits
}

macro_rules! from_integer {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Decimal {
            fn from(integer: $integer) -> Self {
                Self { text: integer.to_string().into() }
            }
        }
    )*};
}

from_integer!(i32 i64 i128 u32 u64 u128);

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Decimal({})", self.text)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let decimal = if raw.get().starts_with('"') {
            serde_json::from_str::<String>(raw.get())
                .ok()
                .and_then(|text| text.parse().ok())
        } else {
            raw.get().parse().ok()
        };
        decimal.ok_or_else(|| de::Error::custom("expected a decimal number, or one in a string"))
    }
}

/// A [`Decimal`] that is written as a JSON number, without quotes, wherever it stands.
///
/// ```
/// use dovetail_wire::types::DecimalNumber;
///
/// let amounts: Vec<Option<DecimalNumber>> = serde_json::from_str("[1.10, null]")?;
/// assert_eq!(serde_json::to_string(&amounts)?, "[1.10,null]");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct DecimalNumber(pub Decimal);

impl DecimalNumber {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for DecimalNumber {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl From<Decimal> for DecimalNumber {
    fn from(decimal: Decimal) -> Self {
        Self(decimal)
    }
}

impl fmt::Display for DecimalNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for DecimalNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl Serialize for DecimalNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.as_str().to_owned()).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Price {
        amount: DecimalNumber,
        tax: Option<DecimalNumber>,
        text: Decimal,
    }

    #[test]
    fn digits_survive_both_ways_whatever_their_number() {
        let json =
            r#"{"amount":0.1000000000000000000001,"tax":null,"text":"12345678901234567890.50"}"#;
        let price: Price = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&price).unwrap(), json);
        let crossed = r#"{"amount":"1.50","tax":2e10,"text":1.50}"#;
        let price: Price = serde_json::from_str(crossed).unwrap();
        let expected = r#"{"amount":1.50,"tax":2e10,"text":"1.50"}"#;
        assert_eq!(serde_json::to_string(&price).unwrap(), expected);
    }

    #[test]
    fn only_numbers_of_json_are_decimals() {
        for text in [
            "0",
            "-0.10",
            "12",
            "1e5",
            "1.5E-10",
            "100000000000000000000000000000",
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().as_str(), text);
        }
        for text in [
            "", "-", "01", "1.", ".5", "+1", "NaN", "1e", "1e+", "0x1", "1 ", "--1", "1.5.5",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError), "{text}");
        }
        assert!(serde_json::from_str::<Decimal>("true").is_err());
        assert_eq!(Decimal::from(i128::MIN).to_string(), i128::MIN.to_string());
        assert_eq!(Decimal::from(7_u32).parse::<f64>(), Ok(7.0));
    }
}
