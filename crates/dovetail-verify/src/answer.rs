//! An answer against what the consumer reads and what the provider promises.
//!
//! Both are looked at, because either can be broken alone: a promise may be kept that no longer suffices, and what one consumer
//! reads may still be there in an answer that breaks the promise to all others.

mod promise;

use dovetail_contract::escape::shorten;
use dovetail_contract::expect::{Expected, Matcher};
use dovetail_contract::finding::Code;
use dovetail_contract::schema::Type;
use dovetail_contract::source::Span;
use serde_json::Value;

use crate::body::{self, NotJson};
use crate::codes;
use crate::exchange::Answer;
use crate::matching::Matching;

/// One way in which an answer is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deviation {
    /// Whether the provider's own promise is broken, rather than what the consumer reads.
    pub(crate) of_promise: bool,
    pub(crate) code: &'static Code,
    /// `status`, a header, or the place in the body.
    pub(crate) at: String,
    pub(crate) expected: String,
    pub(crate) actual: String,
    pub(crate) span: Span,
}

/// An answer being looked at.
pub(crate) struct Examined<'a> {
    pub(crate) answer: &'a Answer,
    pub(crate) matching: Matching<'a>,
    content_type: Option<String>,
    body: BodyValue,
}

/// A body as a value.
enum BodyValue {
    Empty,
    Value(Value),
    /// JSON was announced, and this is why it is none.
    NotJson(NotJson),
    /// Neither JSON nor text.
    Bytes,
    /// Compressed, though nobody asked for it.
    Encoded,
}

/// Characters of a header that are shown.
const HEADER_LENGTH_MAX: usize = 120;

impl<'a> Examined<'a> {
    pub(crate) fn new(answer: &'a Answer, matching: Matching<'a>) -> Self {
        let content_type = answer.header("content-type");
        // Nobody asked for an encoding, and nothing is decompressed.
        let encoded = answer
            .header("content-encoding")
            .is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        let body = if encoded {
            BodyValue::Encoded
        } else {
            read_body(content_type.as_deref(), &answer.body)
        };
        Self {
            answer,
            matching,
            content_type,
            body,
        }
    }

    /// What the consumer reads and does not find.
    pub(crate) fn against_expectation(&self, expected: &Expected) -> Vec<Deviation> {
        if self.answer.status != expected.status.value {
            // Headers and body of another status are not what the expectation speaks of.
            return vec![Deviation {
                of_promise: false,
                code: &codes::WRONG_STATUS,
                at: "status".to_owned(),
                expected: expected.status.value.to_string(),
                actual: self.answer.status.to_string(),
                span: expected.status.span,
            }];
        }
        let mut found = Vec::new();
        if let Some(wanted) = &expected.content_type {
            found.extend(self.against_content_type(&wanted.value, wanted.span));
        }
        for (name, matcher) in &expected.headers {
            found.extend(self.against_header(name, matcher));
        }
        if let Some(matcher) = &expected.body {
            found.extend(self.against_body(matcher));
        }
        found
    }

    fn against_content_type(&self, wanted: &str, span: Span) -> Option<Deviation> {
        let actual = self.content_type.as_deref().unwrap_or_default();
        let parameters = wanted
            .split(';')
            .skip(1)
            .filter_map(|part| part.split_once('='));
        let same = body::covers(wanted, &body::essence(actual))
            && parameters.into_iter().all(|(name, value)| {
                body::parameter(actual, name.trim()).is_some_and(|actual| {
                    actual.eq_ignore_ascii_case(value.trim().trim_matches('"'))
                })
            });
        (!same).then(|| {
            self.deviation(
                &codes::WRONG_CONTENT_TYPE,
                "header `content-type`",
                wanted,
                self.shown_header("content-type"),
                span,
            )
        })
    }

    fn against_header(&self, name: &str, matcher: &Matcher) -> Vec<Deviation> {
        let value = self
            .answer
            .header(name)
            .map(|text| header_value(matcher, &text));
        let mismatches = self.matching.compare(matcher, value.as_ref());
        let hidden = self.matching.redactor.hides(name);
        let redacted = crate::redact::REDACTED;
        mismatches
            .into_iter()
            .map(|mismatch| Deviation {
                of_promise: false,
                code: mismatch.code,
                at: format!(
                    "header `{}`{}",
                    name.to_lowercase(),
                    mismatch.path.trim_start_matches('$')
                ),
                expected: if hidden {
                    redacted.to_owned()
                } else {
                    mismatch.expected
                },
                actual: if hidden && value.is_some() {
                    redacted.to_owned()
                } else {
                    mismatch.actual
                },
                span: mismatch.span,
            })
            .collect()
    }

    fn against_body(&self, matcher: &Matcher) -> Vec<Deviation> {
        let value = match &self.body {
            BodyValue::Empty => None,
            BodyValue::Value(value) => Some(value),
            BodyValue::NotJson(reason) => {
                return vec![self.not_json(reason, matcher.span)];
            }
            BodyValue::Encoded => return vec![self.encoded(matcher.span)],
            BodyValue::Bytes => {
                let actual = self.shown_header("content-type");
                return vec![self.deviation(
                    &codes::NOT_JSON,
                    "body",
                    "JSON or text",
                    actual,
                    matcher.span,
                )];
            }
        };
        let mismatches = self.matching.compare(matcher, value);
        mismatches
            .into_iter()
            .map(|mismatch| Deviation {
                of_promise: false,
                code: mismatch.code,
                at: mismatch.path,
                expected: mismatch.expected,
                actual: if value.is_none() {
                    "no body".to_owned()
                } else {
                    mismatch.actual
                },
                span: mismatch.span,
            })
            .collect()
    }

    fn encoded(&self, span: Span) -> Deviation {
        let encoding = self.shown_header("content-encoding");
        self.deviation(
            &codes::ENCODED_BODY,
            "header `content-encoding`",
            "a body as it is",
            encoding,
            span,
        )
    }

    fn not_json(&self, reason: &NotJson, span: Span) -> Deviation {
        let (code, expected, actual) = match reason {
            NotJson::Empty => (&codes::MISSING, "a body", "no body".to_owned()),
            NotJson::DuplicateKey(reason) => {
                (&codes::DUPLICATE_KEY, "each key once", reason.clone())
            }
            NotJson::Invalid(reason) => (&codes::NOT_JSON, "JSON", reason.clone()),
        };
        let actual = self.matching.redactor.text(&actual);
        self.deviation(code, "body", expected, actual, span)
    }

    fn shown_header(&self, name: &str) -> String {
        let value = self.answer.header(name);
        value.map_or("nothing".to_owned(), |value| {
            shorten(
                &self.matching.redactor.named(name, &value),
                HEADER_LENGTH_MAX,
            )
            .into_owned()
        })
    }

    #[expect(clippy::unused_self, reason = "reads as what the answer deviates in")]
    fn deviation(
        &self,
        code: &'static Code,
        at: &str,
        expected: &str,
        actual: String,
        span: Span,
    ) -> Deviation {
        Deviation {
            of_promise: false,
            code,
            at: at.to_owned(),
            expected: expected.to_owned(),
            actual,
            span,
        }
    }
}

fn read_body(content_type: Option<&str>, bytes: &[u8]) -> BodyValue {
    if bytes.is_empty() {
        return BodyValue::Empty;
    }
    let essence = content_type.map(body::essence).unwrap_or_default();
    // Without a content type JSON is tried, so that more can be said than that the header is missing.
    if essence.is_empty() || body::is_json(&essence) {
        return match body::json(bytes) {
            Ok(value) => BodyValue::Value(value),
            Err(reason) => BodyValue::NotJson(reason),
        };
    }
    let charset = content_type.and_then(|text| body::parameter(text, "charset"));
    let latin = charset.is_some_and(|charset| charset.eq_ignore_ascii_case("iso-8859-1"));
    let is_text = essence.starts_with("text/")
        || essence == "application/xml"
        || essence.ends_with("+xml")
        || essence == "application/x-www-form-urlencoded";
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text => BodyValue::Value(text.into()),
        Err(_) if is_text && latin => BodyValue::Value(
            bytes
                .iter()
                .copied()
                .map(char::from)
                .collect::<String>()
                .into(),
        ),
        _ => BodyValue::Bytes,
    }
}

/// The value of a header as the matcher reads it: a list where elements are read, a number or boolean where one is asked for, else text.
fn header_value(matcher: &Matcher, text: &str) -> Value {
    if let Some(each) = &matcher.each {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        return items.map(|item| header_value(each, item)).collect();
    }
    let said = matcher
        .equals
        .iter()
        .chain(&matcher.one_of)
        .map(|said| Type::of(&said.value));
    let kinds: Vec<Type> = matcher.implied_type().into_iter().chain(said).collect();
    let is_scalar = |kind: &Type| matches!(kind, Type::Integer | Type::Number | Type::Boolean);
    if !kinds.is_empty() && kinds.iter().all(is_scalar) {
        scalar(text)
    } else {
        text.into()
    }
}

/// Text as a number or boolean, if it is one.
fn scalar(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => text.into(),
    }
}
