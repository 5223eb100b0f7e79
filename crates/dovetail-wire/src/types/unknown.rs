//! What a newer service says that an older client does not know.
//!
//! Neither can be made by hand, so that adding the value or the variant to the contract later breaks nobody.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A value of an enum that the contract did not know when the client was generated.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnknownValue(Box<str>);

impl UnknownValue {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The value on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UnknownValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for UnknownValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A variant of a union that the contract did not know when the client was generated. Serialises as it came.
#[derive(Clone)]
pub struct UnknownVariant {
    tag: Option<String>,
    raw: Box<RawValue>,
}

impl UnknownVariant {
    pub(crate) fn new(tag: Option<String>, raw: Box<RawValue>) -> Self {
        Self { tag, raw }
    }

    /// What the discriminator says, if there is one and it says something.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The value as JSON text, exactly as it came.
    #[must_use]
    pub fn json(&self) -> &str {
        self.raw.get()
    }
}

/// Equal if the texts are.
impl PartialEq for UnknownVariant {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for UnknownVariant {}

impl fmt::Debug for UnknownVariant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UnknownVariant")
            .field("tag", &self.tag)
            .field("json", &self.raw.get())
            .finish()
    }
}

impl Serialize for UnknownVariant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}
