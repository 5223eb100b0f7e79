//! Whether a value is what a consumer reads: one walk over matcher and value together.
//!
//! Everything that a matcher says must hold. Nothing passes for want of something to look at: an array of which elements are read
//! must have one unless the contract says that none is fine.

use dovetail_contract::escape::shorten;
use dovetail_contract::expect::Matcher;
use dovetail_contract::finding::Code;
use dovetail_contract::format;
use dovetail_contract::json_path::{Step, json_path};
use dovetail_contract::placeholder::{Values, substitute};
use dovetail_contract::schema::Type;
use dovetail_contract::source::Span;
use serde_json::{Number, Value};

use crate::codes;
use crate::redact::{REDACTED, Redactor};

/// One way in which a value is not what is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Place in the value, such as `$.items[3].price`.
    pub(crate) path: String,
    /// What kind: `missing`, `wrong-type`, `null`, …
    pub(crate) code: &'static Code,
    /// What is read, in words.
    pub(crate) expected: String,
    /// What is there: shortened, and without secrets.
    pub(crate) actual: String,
    /// What of the contract says so.
    pub(crate) span: Span,
}

/// What a walk needs besides matcher and value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matching<'a> {
    /// Values that states returned.
    pub(crate) values: &'a Values,
    pub(crate) redactor: &'a Redactor,
}

/// Most mismatches of one answer; a thousand of a kind say no more than a few.
const MISMATCHES_MAX: usize = 20;

/// Characters of a value that are shown.
const VALUE_LENGTH_MAX: usize = 80;

/// Elements of an array that are looked at after the first mismatch.
const LIST_MAX: usize = 8;

impl Matching<'_> {
    /// How a value, which may not be there at all, differs from what is read.
    pub(crate) fn compare(&self, matcher: &Matcher, value: Option<&Value>) -> Vec<Mismatch> {
        let mut walk = Walk {
            matching: self,
            steps: Vec::new(),
            found: Vec::new(),
        };
        walk.visit(matcher, value);
        walk.found
    }

    /// A value as the report shows it.
    fn shown(&self, steps: &[Step<'_>], value: &Value) -> String {
        let hidden = steps.iter().any(|step| match step {
            Step::Field(name) => self.redactor.hides(name),
            Step::Element(_) | Step::Elements => false,
        });
        if hidden && !value.is_null() {
            return REDACTED.to_owned();
        }
        let text = match value {
            Value::Array(items) => return format!("an array of {}", items.len()),
            Value::Object(fields) => return format!("an object of {}", fields.len()),
            // Shortened before it is looked at for secrets, so that a huge text costs nothing; with room for a secret to be whole.
            // Redacted before it is quoted, because quotation would spell a secret differently.
            Value::String(text) => {
                Value::from(self.redactor.text(&shorten(text, 16 * VALUE_LENGTH_MAX))).to_string()
            }
            other => self.redactor.text(&other.to_string()),
        };
        shorten(&text, VALUE_LENGTH_MAX).into_owned()
    }
}

struct Walk<'a, 'v> {
    matching: &'a Matching<'a>,
    steps: Vec<Step<'v>>,
    found: Vec<Mismatch>,
}

impl<'v> Walk<'_, 'v> {
    fn visit(&mut self, matcher: &'v Matcher, value: Option<&'v Value>) {
        if self.found.len() >= MISMATCHES_MAX {
            return;
        }
        match value {
            None if matcher.absent || matcher.optional => {}
            None => self.add(
                &codes::MISSING,
                wanted(matcher),
                "nothing".to_owned(),
                matcher.name_span,
            ),
            Some(value) if matcher.absent => {
                let actual = self.shown(value);
                self.add(
                    &codes::UNEXPECTED,
                    "nothing here".to_owned(),
                    actual,
                    matcher.name_span,
                );
            }
            Some(Value::Null) if matcher.nullable => {}
            Some(Value::Null) if !self.reads_null(matcher) => {
                self.add(
                    &codes::NULL,
                    wanted(matcher),
                    "null".to_owned(),
                    matcher.name_span,
                );
            }
            Some(value) => self.visit_value(matcher, value),
        }
    }

    fn visit_value(&mut self, matcher: &'v Matcher, value: &'v Value) {
        if let Some(kind) = implied_type(matcher)
            && !has_type(value, kind)
        {
            let span = type_span(matcher);
            let shown = self.shown(value);
            let actual = match value {
                // These say what they are.
                Value::Null | Value::Array(_) | Value::Object(_) => shown,
                scalar => format!("{} {shown}", Type::of(scalar)),
            };
            return self.add(&codes::WRONG_TYPE, kind.to_string(), actual, span);
        }
        self.visit_scalar(matcher, value);
        if let Value::Object(fields) = value {
            for (name, matcher) in &matcher.fields {
                self.steps.push(Step::Field(name));
                self.visit(matcher, fields.get(name));
                self.steps.pop();
            }
        }
        if let Value::Array(items) = value {
            self.visit_items(matcher, items);
        }
    }

    fn visit_scalar(&mut self, matcher: &'v Matcher, value: &'v Value) {
        if let Some(equals) = &matcher.equals {
            let wanted = self.real(&equals.value);
            if !same(&wanted, value) {
                let (expected, actual) = (self.shown(&wanted), self.shown(value));
                self.add(&codes::NOT_EQUAL, expected, actual, equals.span);
            }
        }
        if let Some(first) = matcher.one_of.first() {
            let wanted: Vec<Value> = matcher.one_of.iter().map(|v| self.real(&v.value)).collect();
            if !wanted.iter().any(|wanted| same(wanted, value)) {
                let mut listed: Vec<String> = wanted
                    .iter()
                    .take(LIST_MAX)
                    .map(|v| self.shown(v))
                    .collect();
                if wanted.len() > LIST_MAX {
                    listed.push(format!("… ({} in all)", wanted.len()));
                }
                let expected = format!("one of {}", listed.join(", "));
                let actual = self.shown(value);
                self.add(&codes::NOT_ONE_OF, expected, actual, first.span);
            }
        }
        let Value::String(text) = value else {
            return;
        };
        if let Some(pattern) = &matcher.regex {
            // Giving up on a pattern is not a match.
            if !pattern.value.regex.is_match(text).unwrap_or(false) {
                let expected = format!(
                    "text that matches `{}`",
                    shorten(&pattern.value.text, VALUE_LENGTH_MAX)
                );
                let actual = self.shown(value);
                self.add(&codes::NO_MATCH, expected, actual, pattern.span);
            }
        }
        if let Some(name) = &matcher.format
            && format::accepts(&name.value, text) != Some(true)
        {
            let example =
                format::example(&name.value).map_or(String::new(), |e| format!(", such as {e}"));
            let actual = self.shown(value);
            self.add(
                &codes::NO_MATCH,
                format!("text of format `{}`{example}", name.value),
                actual,
                name.span,
            );
        }
    }

    fn visit_items(&mut self, matcher: &'v Matcher, items: &'v [Value]) {
        let length = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let elements = |count: u64| {
            if count == 1 {
                "1 element".to_owned()
            } else {
                format!("{count} elements")
            }
        };
        if length < matcher.least() {
            let span = matcher.min.as_ref().map_or(matcher.span, |min| min.span);
            let expected = format!("at least {}", elements(matcher.least()));
            self.add(&codes::TOO_FEW, expected, elements(length), span);
        }
        if let Some(max) = &matcher.max
            && length > max.value
        {
            let expected = format!("at most {}", elements(max.value));
            self.add(&codes::TOO_MANY, expected, elements(length), max.span);
        }
        if let Some(each) = &matcher.each {
            for (index, item) in items.iter().enumerate() {
                if self.found.len() >= MISMATCHES_MAX {
                    break;
                }
                self.steps.push(Step::Element(index));
                self.visit(each, Some(item));
                self.steps.pop();
            }
        }
    }

    /// A value of the contract with what the states returned in it. A name that no state returned stays as it is, and so never matches.
    fn real(&self, value: &Value) -> Value {
        substitute(value, self.matching.values).unwrap_or_else(|_| value.clone())
    }

    /// Whether `null` is among what the matcher asks for, be it because a state returned it.
    fn reads_null(&self, matcher: &Matcher) -> bool {
        let mut values = matcher.equals.iter().chain(&matcher.one_of);
        implied_type(matcher) == Some(Type::Null)
            || values.any(|said| self.real(&said.value).is_null())
    }

    fn shown(&self, value: &Value) -> String {
        self.matching.shown(&self.steps, value)
    }

    fn add(&mut self, code: &'static Code, expected: String, actual: String, span: Span) {
        self.found.push(Mismatch {
            path: json_path(&self.steps),
            code,
            expected,
            actual,
            span,
        });
    }
}

/// The type that a value must have. An example that is a placeholder alone has the type of whatever the state returns.
fn implied_type(matcher: &Matcher) -> Option<Type> {
    let by_example = matcher.kind.is_none() && matcher.example.is_some();
    let placeholder = matcher
        .example
        .as_ref()
        .is_some_and(|example| !dovetail_contract::placeholder::names(&example.value).is_empty());
    match matcher.implied_type() {
        Some(Type::String)
            if by_example && placeholder && matcher.regex.is_none() && matcher.format.is_none() =>
        {
            None
        }
        kind => kind,
    }
}

fn type_span(matcher: &Matcher) -> Span {
    let kind = matcher.kind.as_ref().map(|kind| kind.span);
    let structural = !matcher.fields.is_empty() || matcher.each.is_some();
    let example = matcher.example.as_ref().map(|example| example.span);
    kind.or(if structural { None } else { example })
        .unwrap_or(matcher.span)
}

/// What is read, for a message about something that is not there.
fn wanted(matcher: &Matcher) -> String {
    match (&matcher.equals, implied_type(matcher)) {
        (Some(equals), _) => shorten(&equals.value.to_string(), VALUE_LENGTH_MAX).into_owned(),
        (None, Some(kind)) => kind.to_string(),
        (None, None) => "a value".to_owned(),
    }
}

fn has_type(value: &Value, kind: Type) -> bool {
    let actual = Type::of(value);
    actual == kind || (kind == Type::Number && actual == Type::Integer)
}

/// Equality of JSON values with numbers compared by value: `1` is `1.0`.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    if a.is_f64() == b.is_f64() {
        return a == b;
    }
    // One is written with a fraction: they are equal where the double is exactly the integer.
    let (float, integer) = if a.is_f64() { (a, b) } else { (b, a) };
    let exact = |float: f64| {
        integer.as_i128().is_some_and(|integer| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole, and saturating where it is huge"
            )]
            let whole = float as i128;
            float.fract() == 0.0 && whole == integer
        })
    };
    float.as_f64().is_some_and(exact)
}

#[cfg(test)]
mod tests;
