//! An answer against what the consumer reads and what the provider promises.
//!
//! Both are looked at, because either can be broken alone: a promise may be kept that no longer suffices, and what one consumer
//! reads may still be there in an answer that breaks the promise to all others.

use dovetail_contract::conform::{Conformances, Direction};
use dovetail_contract::contract::{Header, Media, Operation, Response};
use dovetail_contract::escape::shorten;
use dovetail_contract::expect::{Expected, Matcher};
use dovetail_contract::schema::{SchemaId, Type};
use dovetail_contract::source::Span;
use serde_json::Value;

use crate::body::{self, NotJson};
use crate::exchange::Answer;
use crate::matching::Matching;

/// One way in which an answer is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deviation {
    /// Whether the provider's own promise is broken, rather than what the consumer reads.
    pub(crate) of_promise: bool,
    pub(crate) code: &'static str,
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
}

/// Characters of a header that are shown.
const HEADER_LENGTH_MAX: usize = 120;

impl<'a> Examined<'a> {
    pub(crate) fn new(answer: &'a Answer, matching: Matching<'a>) -> Self {
        let content_type = answer.header("content-type");
        let body = read_body(content_type.as_deref(), &answer.body);
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
                code: "wrong-status",
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
                "wrong-content-type",
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
            BodyValue::Bytes => {
                let actual = self.shown_header("content-type");
                return vec![self.deviation(
                    "not-json",
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

    /// What the provider promises and does not keep.
    pub(crate) fn against_promise(
        &self,
        operation: &Operation,
        conformances: &Conformances<'_>,
    ) -> Vec<Deviation> {
        let Some(response) = operation.response(self.answer.status) else {
            let declared: Vec<String> = operation
                .responses
                .iter()
                .map(|r| r.status.to_string())
                .collect();
            let expected = format!("a declared status: {}", declared.join(", "));
            let actual = self.answer.status.to_string();
            return vec![promise(
                "undeclared-status",
                "status",
                expected,
                actual,
                operation.id.span,
            )];
        };
        let mut found = Vec::new();
        for (name, header) in &response.headers {
            found.extend(self.promised_header(name, header, response.span, conformances));
        }
        found.extend(self.promised_body(operation, response, conformances));
        found
    }

    fn promised_header(
        &self,
        name: &str,
        header: &Header,
        span: Span,
        conformances: &Conformances<'_>,
    ) -> Vec<Deviation> {
        let at = format!("header `{}`", name.to_lowercase());
        let Some(text) = self.answer.header(name) else {
            let missing = || promise("missing", &at, "the promised header", "nothing", span);
            return if header.required {
                vec![missing()]
            } else {
                Vec::new()
            };
        };
        let Some(schema) = header.schema else {
            return Vec::new();
        };
        // What a header holds is text, a number or a list; it keeps the promise if any reading of it does.
        let list: Value = text.split(',').map(str::trim).collect();
        let readings = [Value::from(text.as_str()), scalar(&text), list];
        match conformances.of(schema, Direction::Response) {
            Ok(conformance) if readings.iter().any(|value| conformance.accepts(value)) => {
                Vec::new()
            }
            Ok(conformance) => {
                let said = conformance.check(&readings[0]).into_iter().next();
                let (place, message) = said.map_or((span, String::new()), |v| (v.place, v.message));
                let message = if self.matching.redactor.hides(name) {
                    String::new()
                } else {
                    message
                };
                vec![promise(
                    "broken-promise",
                    &at,
                    "what its schema promises",
                    message,
                    place,
                )]
            }
            Err(refused) => vec![not_compilable(&at, &refused)],
        }
    }

    fn promised_body(
        &self,
        operation: &Operation,
        response: &Response,
        conformances: &Conformances<'_>,
    ) -> Vec<Deviation> {
        let bodiless = operation.method == dovetail_contract::contract::Method::Head
            || matches!(self.answer.status, 204 | 205 | 304);
        let is_empty = self.answer.body.is_empty();
        if response.content.is_empty() || (bodiless && is_empty) {
            return if is_empty {
                Vec::new()
            } else {
                let actual = format!("{} bytes", self.answer.body.len());
                vec![promise(
                    "unexpected-body",
                    "body",
                    "no body",
                    actual,
                    response.span,
                )]
            };
        }
        let declared: Vec<&str> = response
            .content
            .iter()
            .map(|m| m.media_type.as_str())
            .collect();
        let expected = format!("a body of {}", declared.join(" or "));
        if is_empty {
            return vec![promise(
                "missing",
                "body",
                expected,
                "no body",
                response.span,
            )];
        }
        let Some(content_type) = &self.content_type else {
            let actual = "a body without a content type";
            return vec![promise(
                "undeclared-media-type",
                "header `content-type`",
                expected,
                actual,
                response.span,
            )];
        };
        let Some(media) = media_for(&response.content, content_type) else {
            let actual = self.shown_header("content-type");
            return vec![promise(
                "undeclared-media-type",
                "header `content-type`",
                expected,
                actual,
                response.span,
            )];
        };
        self.promised_content(media, conformances)
    }

    fn promised_content(&self, media: &Media, conformances: &Conformances<'_>) -> Vec<Deviation> {
        let value = match (&self.body, media.schema) {
            (BodyValue::NotJson(reason), _) => {
                let mut deviation = self.not_json(reason, media.span);
                deviation.of_promise = true;
                return vec![deviation];
            }
            (BodyValue::Value(value), Some(schema)) => (value, schema),
            _ => return Vec::new(),
        };
        self.conforming(value.0, value.1, conformances)
    }

    fn conforming(
        &self,
        value: &Value,
        schema: SchemaId,
        conformances: &Conformances<'_>,
    ) -> Vec<Deviation> {
        let conformance = match conformances.of(schema, Direction::Response) {
            Ok(conformance) => conformance,
            Err(refused) => return vec![not_compilable("body", &refused)],
        };
        let violations = conformance.check(value).into_iter();
        violations
            .map(|violation| {
                let (expected, actual) = match violation.message.split_once(", found ") {
                    Some((expected, actual)) => (
                        expected.trim_start_matches("expected ").to_owned(),
                        actual.to_owned(),
                    ),
                    None => (
                        format!("what `{}` promises", violation.keyword),
                        violation.message.clone(),
                    ),
                };
                let hidden = violation
                    .path
                    .split(['.', '[', ']', '\''])
                    .any(|name| self.matching.redactor.hides(name));
                let actual = if hidden {
                    crate::redact::REDACTED.to_owned()
                } else {
                    self.matching.redactor.text(&actual)
                };
                promise(
                    "broken-promise",
                    &violation.path,
                    expected,
                    actual,
                    violation.place,
                )
            })
            .collect()
    }

    fn not_json(&self, reason: &NotJson, span: Span) -> Deviation {
        let (code, expected, actual) = match reason {
            NotJson::Empty => ("missing", "a body", "no body".to_owned()),
            NotJson::DuplicateKey(reason) => ("duplicate-key", "each key once", reason.clone()),
            NotJson::Invalid(reason) => ("not-json", "JSON", reason.clone()),
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
        code: &'static str,
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

fn promise(
    code: &'static str,
    at: &str,
    expected: impl Into<String>,
    actual: impl Into<String>,
    span: Span,
) -> Deviation {
    Deviation {
        of_promise: true,
        code,
        at: at.to_owned(),
        expected: expected.into(),
        actual: actual.into(),
        span,
    }
}

/// A promise that cannot be checked has not been kept as far as anyone knows.
fn not_compilable(at: &str, refused: &dovetail_contract::conform::NotCompilable) -> Deviation {
    let expected = "a schema that can be checked";
    promise(
        "unusable-schema",
        at,
        expected,
        refused.to_string(),
        refused.place,
    )
}

/// The declared media type that covers an actual one best: itself, then its range, then `*/*`.
fn media_for<'a>(content: &'a [Media], actual: &str) -> Option<&'a Media> {
    let actual = body::essence(actual);
    let covering = content
        .iter()
        .filter(|media| body::covers(&media.media_type, &actual));
    covering.min_by_key(|media| media.media_type.matches('*').count())
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
