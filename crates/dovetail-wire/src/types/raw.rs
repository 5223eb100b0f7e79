//! JSON that is kept as it came.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{DecodeError, EncodeError};

/// The text of a JSON value, exactly as it came: no digit of a number is lost, and members keep their order.
#[derive(Clone)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// What a value is on the wire.
    ///
    /// # Errors
    ///
    /// Where it is none that JSON can say.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        to_raw_value(value)
            .map(Self)
            .map_err(|error| EncodeError(error.to_string()))
    }

    /// The value as a type.
    ///
    /// # Errors
    ///
    /// Where it is not what the type says, with the place.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let mut deserializer = serde_json::Deserializer::from_str(self.json());
        serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| DecodeError::json(&error.path().to_string(), error.inner()))
    }

    /// The text.
    #[must_use]
    pub fn json(&self) -> &str {
        self.0.get()
    }
}

/// Equal if the texts are.
impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for RawJson {}

impl fmt::Debug for RawJson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("RawJson")
            .field(&self.json())
            .finish()
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(Self)
    }
}
