//! Unions: one of several types, told apart by what the value says.

use std::{borrow::Cow, fmt};

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, Visitor,
};
use serde_json::value::RawValue;

use super::limits::{Pass, is_too_deep};
use crate::types::UnknownVariant;

/// The value of a union, kept as text until it is known which type it is. No digit of a number is lost.
///
/// ```
/// use dovetail_wire::{UnknownVariant, decode::Variant};
/// use serde::{Deserialize, Deserializer};
///
/// #[derive(Debug, Deserialize)]
/// struct Card { last4: String }
///
/// #[derive(Debug)]
/// #[non_exhaustive]
/// enum Payment { Card(Card), Unknown(UnknownVariant) }
///
/// impl<'de> Deserialize<'de> for Payment {
///     fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
///         let variant = Variant::deserialize(deserializer)?;
///         match variant.tag("kind").as_deref() {
///             Some("card") => variant.read().map(Self::Card),
///             tag => Ok(Self::Unknown(variant.unknown(tag))),
///         }
///     }
/// }
///
/// let card: Payment = serde_json::from_str(r#"{"kind":"card","last4":"4242"}"#)?;
/// assert!(matches!(card, Payment::Card(Card { last4 }) if last4 == "4242"));
/// let other: Payment = serde_json::from_str(r#"{"kind":"iou","amount":1.10}"#)?;
/// assert!(matches!(other, Payment::Unknown(other) if other.json() == r#"{"kind":"iou","amount":1.10}"#));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Variant {
    raw: Box<RawValue>,
}

/// The kinds of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the kind of its name")]
pub enum JsonKind {
    Null,
    Boolean,
    /// A number without fraction and exponent.
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Variant {
    /// What the discriminator says: the string of this member, or the text of its number, true or false.
    #[must_use]
    pub fn tag(&self, member: &str) -> Option<String> {
        let raw = self.member(member)?;
        match kind(raw) {
            JsonKind::String => serde_json::from_str(raw.get()).ok(),
            JsonKind::Integer | JsonKind::Number | JsonKind::Boolean => Some(raw.get().to_owned()),
            JsonKind::Null | JsonKind::Array | JsonKind::Object => None,
        }
    }

    /// Whether the value is an object with this member.
    #[must_use]
    pub fn has(&self, member: &str) -> bool {
        self.member(member).is_some()
    }

    /// The kind of this member, if the value is an object that has it.
    #[must_use]
    pub fn kind_of(&self, member: &str) -> Option<JsonKind> {
        self.member(member).map(kind)
    }

    /// Whether the value is an object that has this member, of one of these kinds.
    #[must_use]
    pub fn has_kind(&self, member: &str, kinds: &[JsonKind]) -> bool {
        self.kind_of(member)
            .is_some_and(|kind| kinds.contains(&kind))
    }

    /// The kind of the value.
    #[must_use]
    pub fn kind(&self) -> JsonKind {
        kind(&self.raw)
    }

    /// The string, if the value is one.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        serde_json::from_str(self.raw.get()).ok()
    }

    /// Reads the value as one of the types.
    ///
    /// # Errors
    ///
    /// Where it is not what the type says, with the path of the place within the value.
    pub fn read<T: DeserializeOwned, E: Error>(&self) -> Result<T, E> {
        self.attempt().map_err(E::custom)
    }

    /// Reads the value as the first of several types that fits, where nothing tells them apart. Keeps why it did not fit.
    ///
    /// # Errors
    ///
    /// What is wrong, as text.
    pub fn attempt<T: DeserializeOwned>(&self) -> Result<T, String> {
        match Pass::current() {
            Pass::Outside => Pass::Plain
                .run(|| self.plain())
                .or_else(|_| Pass::Located.run(|| self.with_path())),
            Pass::Plain => self.plain(),
            Pass::Located => self.with_path(),
        }
    }

    fn plain<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_str(self.raw.get()).map_err(|error| error.to_string())
    }

    fn with_path<T: DeserializeOwned>(&self) -> Result<T, String> {
        let mut deserializer = serde_json::Deserializer::from_str(self.raw.get());
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| located(&error))
    }

    /// Keeps a value of a type that is not known.
    #[must_use]
    pub fn unknown(&self, tag: Option<&str>) -> UnknownVariant {
        UnknownVariant::new(tag.map(str::to_owned), self.raw.clone())
    }

    /// Whether a text is an object with this member.
    pub(crate) fn says(raw: &RawValue, member: &str) -> bool {
        member_of(raw, member).is_some()
    }

    fn member(&self, name: &str) -> Option<&RawValue> {
        member_of(&self.raw, name)
    }
}

fn member_of<'r>(raw: &'r RawValue, name: &str) -> Option<&'r RawValue> {
    // The visitor keeps nothing but the member, so this costs a walk over the text and no allocation.
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    deserializer
        .deserialize_map(MemberVisitor { name })
        .ok()
        .flatten()
}

/// The text is kept as it came. One that nests too deeply is refused here, because the reader of each union within it
/// would count its levels anew.
impl<'de> Deserialize<'de> for Variant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        // What holds this value was measured with it.
        if Pass::current() == Pass::Outside && is_too_deep(raw.get()) {
            return Err(D::Error::custom("the value nests too deeply"));
        }
        Ok(Self { raw })
    }
}

fn kind(raw: &RawValue) -> JsonKind {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'n') => JsonKind::Null,
        Some(b't' | b'f') => JsonKind::Boolean,
        Some(b'"') => JsonKind::String,
        Some(b'[') => JsonKind::Array,
        Some(b'{') => JsonKind::Object,
        _ if text.contains(['.', 'e', 'E']) => JsonKind::Number,
        _ => JsonKind::Integer,
    }
}

/// Says where and what, without the line and column of a text that nobody sees.
fn located(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let text = error.inner().to_string();
    let message = text
        .rfind(" at line ")
        .map_or(text.as_str(), |place| &text[..place]);
    let (path, message) = within(&error.path().to_string(), message);
    match path.as_str() {
        "." => message,
        path => format!("{INNER}{path}: {message}"),
    }
}

/// How the message of an error begins that names a place within the value of a union.
const INNER: &str = "at ";

/// The place of an error and what is wrong there, where the message may name a place within the value at `outer`.
pub(crate) fn within(outer: &str, message: &str) -> (String, String) {
    let inner = message
        .strip_prefix(INNER)
        .and_then(|rest| rest.split_once(": "));
    let Some((inner, message)) = inner else {
        return (outer.to_owned(), message.to_owned());
    };
    let path = match (outer, inner) {
        (outer, ".") => outer.to_owned(),
        (".", inner) => inner.to_owned(),
        (outer, inner) if inner.starts_with('[') => format!("{outer}{inner}"),
        (outer, inner) => format!("{outer}.{inner}"),
    };
    (path, message.to_owned())
}

struct MemberVisitor<'n> {
    name: &'n str,
}

impl<'de> Visitor<'de> for MemberVisitor<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        // As everywhere here, the last of several members with one name counts.
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.name {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
