//! Reading the body of an answer, trusting nothing.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why a body is not the JSON that it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotJson {
    /// There is none.
    Empty,
    /// A name stands twice in one object, so what it means depends on who reads it.
    DuplicateKey(String),
    /// It is not JSON at all, or nested too deeply.
    Invalid(String),
}

/// Reads a whole body as JSON. Nesting is bounded by `serde_json` at 128 levels.
pub(crate) fn json(body: &[u8]) -> Result<Value, NotJson> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(NotJson::Empty);
    }
    serde_json::from_slice::<Strict>(body)
        .map(|strict| strict.0)
        .map_err(|error| {
            if error.is_data() {
                NotJson::DuplicateKey(error.to_string())
            } else {
                NotJson::Invalid(error.to_string())
            }
        })
}

/// Type and subtype of a media type, in lower case, without parameters.
pub(crate) fn essence(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// A parameter of a media type, without quotes.
pub(crate) fn parameter<'a>(media_type: &'a str, name: &str) -> Option<&'a str> {
    media_type.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"'))
    })
}

/// Whether an essence is JSON: `application/json`, or anything `+json`.
pub(crate) fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

/// Whether a declared media type or range covers an essence.
pub(crate) fn covers(declared: &str, actual: &str) -> bool {
    let declared = essence(declared);
    match declared.split_once('/') {
        Some(("*", "*")) => true,
        Some((kind, "*")) => actual
            .split_once('/')
            .is_some_and(|(actual, _)| actual == kind),
        _ => declared == actual,
    }
}

/// A value whose objects name each field once.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if fields.contains_key(&name) {
                return Err(de::Error::custom(format_args!(
                    "the key {name:?} stands twice"
                )));
            }
            let Strict(value) = access.next_value()?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_read_whole_and_strictly() {
        let good = br#" {"a": [1, -2, 1.5, "x", true, null], "b": {"a": 9007199254740993}} "#;
        let value =
            json!({"a": [1, -2, 1.5, "x", true, null], "b": {"a": 9_007_199_254_740_993_u64}});
        assert_eq!(json(good), Ok(value));
        assert_eq!(json(b" \n"), Err(NotJson::Empty));
        let twice = json(br#"{"b": [{"a": 1, "a": 2}]}"#);
        assert!(matches!(twice, Err(NotJson::DuplicateKey(reason)) if reason.contains("\"a\"")));
        for bad in [&b"<html>"[..], b"{} {}", b"{\"a\":}", b"\xff", b"nul"] {
            assert!(matches!(json(bad), Err(NotJson::Invalid(_))), "{bad:?}");
        }
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(matches!(json(&deep), Err(NotJson::Invalid(_))));
    }

    #[test]
    fn media_types_are_compared_without_case_and_parameters() {
        assert_eq!(
            essence("Application/JSON; charset=utf-8"),
            "application/json"
        );
        assert_eq!(
            parameter("text/plain; Charset=\"UTF-8\"", "charset"),
            Some("UTF-8")
        );
        assert!(is_json("application/problem+json") && !is_json("text/html"));
        for (declared, actual, covered) in [
            ("application/json", "application/json", true),
            ("application/json; charset=utf-8", "application/json", true),
            ("image/*", "image/png", true),
            ("*/*", "text/plain", true),
            ("image/*", "imagery/png", false),
            ("text/plain", "text/html", false),
        ] {
            assert_eq!(covers(declared, actual), covered, "{declared} {actual}");
        }
    }
}
