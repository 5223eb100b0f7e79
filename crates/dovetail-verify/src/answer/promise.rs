//! An answer against what the provider's own contract promises of it, whether anybody reads it or not.

use dovetail_contract::conform::{Conformances, Direction, NotCompilable, Violation};
use dovetail_contract::contract::{Header, Media, Method, Operation, Response};
use dovetail_contract::finding::Code;
use dovetail_contract::schema::SchemaId;
use dovetail_contract::source::Span;
use serde_json::Value;

use super::{BodyValue, Deviation, Examined, scalar};
use crate::body;
use crate::codes;
use crate::redact::REDACTED;

impl Examined<'_> {
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
                &codes::UNDECLARED_ANSWER,
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
            let missing = || promise(&codes::MISSING, &at, "the promised header", "nothing", span);
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
                let place = said.as_ref().map_or(span, |violation| violation.place);
                let (expected, actual) = told_apart(said.as_ref());
                let actual = if self.matching.redactor.hides(name) {
                    REDACTED.to_owned()
                } else {
                    self.matching.redactor.text(&actual)
                };
                vec![promise(
                    &codes::BROKEN_PROMISE,
                    &at,
                    expected,
                    actual,
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
        let bodiless =
            operation.method == Method::Head || matches!(self.answer.status, 204 | 205 | 304);
        let is_empty = self.answer.body.is_empty();
        if response.content.is_empty() || (bodiless && is_empty) {
            return if is_empty {
                Vec::new()
            } else {
                let actual = format!("{} bytes", self.answer.body.len());
                vec![promise(
                    &codes::UNEXPECTED_BODY,
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
                &codes::MISSING,
                "body",
                expected,
                "no body",
                response.span,
            )];
        }
        let Some(content_type) = &self.content_type else {
            let actual = "a body without a content type";
            return vec![promise(
                &codes::UNDECLARED_MEDIA_TYPE,
                "header `content-type`",
                expected,
                actual,
                response.span,
            )];
        };
        let Some(media) = media_for(&response.content, content_type) else {
            let actual = self.shown_header("content-type");
            return vec![promise(
                &codes::UNDECLARED_MEDIA_TYPE,
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
            (BodyValue::Encoded, Some(_)) => {
                let mut deviation = self.encoded(media.span);
                deviation.of_promise = true;
                return vec![deviation];
            }
            (BodyValue::Bytes, Some(_)) if self.is_plain_text() => {
                let actual = "bytes that are no text of its charset";
                return vec![promise(
                    &codes::NOT_TEXT,
                    "body",
                    "text",
                    actual,
                    media.span,
                )];
            }
            (BodyValue::Value(value), Some(schema)) => (value, schema),
            _ => return Vec::new(),
        };
        self.conforming(value.0, value.1, conformances)
    }

    /// Whether the body was announced as text that is no language of its own.
    fn is_plain_text(&self) -> bool {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        body::essence(content_type).starts_with("text/")
    }

    /// Whether the schema speaks of this body as it is read. What a form or a document of XML holds is not what its schema describes,
    /// and text may be a number, as in a header.
    fn is_described(&self, value: &Value, accepts: impl Fn(&Value) -> bool) -> bool {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        let essence = body::essence(content_type);
        if essence.is_empty() || body::is_json(&essence) {
            return true;
        }
        let is_text = self.is_plain_text() && !essence.ends_with("/xml");
        let scalar = value.as_str().map(scalar);
        is_text && !scalar.is_some_and(|scalar| accepts(&scalar))
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
        if !self.is_described(value, |value| conformance.accepts(value)) {
            return Vec::new();
        }
        let violations = conformance.check(value).into_iter();
        violations
            .map(|violation| {
                let (expected, actual) = told_apart(Some(&violation));
                let hidden = violation
                    .path
                    .split(['.', '[', ']', '\''])
                    .any(|name| self.matching.redactor.hides(name));
                let actual = if hidden {
                    REDACTED.to_owned()
                } else {
                    self.matching.redactor.text(&actual)
                };
                promise(
                    &codes::BROKEN_PROMISE,
                    &self.matching.redactor.text(&violation.path),
                    expected,
                    actual,
                    violation.place,
                )
            })
            .collect()
    }
}

/// What a violation says in two parts: what the schema promises, and what is there instead.
fn told_apart(violation: Option<&Violation>) -> (String, String) {
    let Some(violation) = violation else {
        return (
            "what its schema promises".to_owned(),
            "another value".to_owned(),
        );
    };
    let message = violation.message.as_str();
    match message.split_once(", found ") {
        Some((expected, actual)) => {
            let expected = expected.trim_start_matches("expected ");
            (expected.to_owned(), actual.to_owned())
        }
        None => match message
            .strip_prefix("the field ")
            .and_then(|rest| rest.strip_suffix(" is missing"))
        {
            Some(field) => (format!("the field {field}"), "nothing there".to_owned()),
            None => (
                format!("what `{}` promises", violation.keyword),
                format!("a value of which this is true: {message}"),
            ),
        },
    }
}

fn promise(
    code: &'static Code,
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
fn not_compilable(at: &str, refused: &NotCompilable) -> Deviation {
    let expected = "a schema that can be checked";
    promise(
        &codes::UNUSABLE_SCHEMA,
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
