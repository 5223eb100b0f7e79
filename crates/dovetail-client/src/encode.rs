//! How generated types are written where a type alone does not say all that the wire needs.

use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::{RawValue, to_raw_value};

use crate::decode::Variant;

/// Writes an object of a union together with the discriminator that names it, unless the object says that member itself.
///
/// ```
/// use dovetail_client::encode;
/// use serde::{Serialize, Serializer};
///
/// #[derive(Serialize)]
/// struct Card { last4: &'static str }
///
/// enum Payment { Card(Card) }
///
/// impl Serialize for Payment {
///     fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
///         match self {
///             Self::Card(value) => encode::tagged(value, "kind", "card", serializer),
///         }
///     }
/// }
///
/// let json = serde_json::to_string(&Payment::Card(Card { last4: "4242" }))?;
/// assert_eq!(json, r#"{"kind":"card","last4":"4242"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
///
/// What the serializer says, and where the value cannot be written as JSON.
pub fn tagged<T: Serialize, S: Serializer>(
    value: &T,
    member: &str,
    tag: &str,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let raw = to_raw_value(value).map_err(S::Error::custom)?;
    let members = raw
        .get()
        .strip_prefix('{')
        .filter(|_| !Variant::says(&raw, member));
    let Some(members) = members else {
        return raw.serialize(serializer);
    };
    let name = to_raw_value(member).map_err(S::Error::custom)?;
    let tag = to_raw_value(tag).map_err(S::Error::custom)?;
    let comma = if members == "}" { "" } else { "," };
    let text = format!("{{{}:{}{comma}{members}", name.get(), tag.get());
    RawValue::from_string(text)
        .map_err(S::Error::custom)?
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tagged(serde_json::Value);

    impl Serialize for Tagged {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            tagged(&self.0, "ki\"nd", "c\\at", serializer)
        }
    }

    #[test]
    fn a_tag_is_written_once_and_only_into_objects() {
        let rows = [
            (r#"{}"#, r#"{"ki\"nd":"c\\at"}"#),
            (r#"{"a":1}"#, r#"{"ki\"nd":"c\\at","a":1}"#),
            (r#"{"ki\"nd":"own"}"#, r#"{"ki\"nd":"own"}"#),
            (
                r#"{"a":{"ki\"nd":1}}"#,
                r#"{"ki\"nd":"c\\at","a":{"ki\"nd":1}}"#,
            ),
            ("[1]", "[1]"),
        ];
        for (plain, expected) in rows {
            let value = serde_json::from_str(plain).unwrap();
            assert_eq!(serde_json::to_string(&Tagged(value)).unwrap(), expected);
        }
    }
}
