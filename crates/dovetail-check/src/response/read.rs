//! One place that is read against what the provider's schema promises of it.

use dovetail_contract::conform::Direction;
use dovetail_contract::escape;
use dovetail_contract::expect::Matcher;
use dovetail_contract::finding::{Code, Finding, Severity};
use dovetail_contract::placeholder;
use dovetail_contract::schema::Type;
use dovetail_contract::source::Spanned;
use serde_json::Value;

use crate::context::Use;
use crate::promise::{Presence, Promise};

/// One place that is read, and what is promised of it.
pub(super) struct Read<'a, 'w> {
    pub(super) shown: &'a Use<'w>,
    pub(super) code: &'static Code,
    pub(super) matcher: &'a Matcher,
    pub(super) promise: &'a Promise<'w>,
    pub(super) path: String,
}

impl Read<'_, '_> {
    /// What is read here and not promised.
    pub(super) fn unpromised(&self, findings: &mut Vec<Finding>) {
        let (matcher, provider) = (self.matcher, self.shown.provider());
        if let Some(place) = self.promise.names_null().filter(|_| !reads_null(matcher)) {
            let message = format!(
                "`{}` may be null, and `{}` does not get along with that",
                self.path,
                self.shown.consumer()
            );
            findings.push(
                Finding::new(self.code, matcher.name_span, message)
                    .label("read here")
                    .related(place, "may be null")
                    .expected("a value that is never null")
                    .help(format!(
                        "mark it `nullable: true`, or have `{provider}` promise a value"
                    )),
            );
        }
        self.of_other_type(findings);
        for (name, field) in matcher.fields.iter().filter(|(_, field)| !field.absent) {
            let Some(found) = self.promise.field(name) else {
                continue;
            };
            let (words, what) = match found.presence {
                Presence::Always => continue,
                Presence::Sometimes if field.optional => continue,
                Presence::Sometimes => (
                    "not required here",
                    format!("`{provider}` may leave out `{name}`"),
                ),
                Presence::Undeclared => (
                    "this does not promise it",
                    format!("`{provider}` does not promise `{name}`"),
                ),
            };
            let message = format!("{what}, which `{}` reads", self.shown.consumer());
            let place = found
                .place
                .or(self.promise.place())
                .unwrap_or(self.shown.operation.id.span);
            let finding = Finding::new(self.code, field.name_span, message)
                .label("read here")
                .related(place, words)
                .expected(self.every());
            findings.push(if found.presence == Presence::Sometimes {
                finding.help(format!(
                    "mark it `optional: true`, or have `{provider}` require it"
                ))
            } else {
                finding
                    .help(format!("do not read it, or have `{provider}` promise it"))
                    .did_you_mean(
                        name,
                        self.promise
                            .field_names()
                            .into_iter()
                            .filter(|known| known != name),
                    )
            });
        }
    }

    /// A value that may also be of a type that is not read. An integer is read of a number at one's own risk: the replay will tell.
    fn of_other_type(&self, findings: &mut Vec<Finding>) {
        let matcher = self.matcher;
        let types = self.promise.types();
        let Some(kind) = implied_type(matcher).filter(|kind| self.promise.allows(*kind)) else {
            return;
        };
        let numeric = |kind: Type| matches!(kind, Type::Integer | Type::Number);
        let same = |other: Type| other == kind || (numeric(other) && numeric(kind));
        let others: Vec<&str> = types
            .iter()
            .filter(|other| !same(**other))
            .map(|other| other.as_str())
            .collect();
        if kind == Type::Null || others.is_empty() {
            return;
        }
        let others = others.join(" or ");
        let message = format!("`{}` is read as {kind}, and may be {others}", self.path);
        let finding = Finding::new(self.code, matcher.name_span, message)
            .label("read here")
            .expected(format!("a value that is always {kind}"))
            .help(format!(
                "read what all alternatives have in common, or have `{}` promise one type",
                self.shown.provider()
            ));
        findings.push(self.pointing(finding, "one of the alternatives"));
    }

    /// What is read here and ruled out.
    pub(super) fn impossible(&self, findings: &mut Vec<Finding>) {
        let matcher = self.matcher;
        let types = self.promise.types();
        let kind = implied_type(matcher);
        if let Some(kind) = kind.filter(|kind| *kind != Type::Null && !self.promise.allows(*kind)) {
            let names: Vec<&str> = types.iter().map(|kind| kind.as_str()).collect();
            let said = matcher.kind.as_ref().map(|kind| kind.span);
            let example = matcher.example.as_ref().map(|example| example.span);
            let message = format!(
                "`{}` is read as {kind}, and is {}",
                self.path,
                names.join(" or ")
            );
            let finding =
                Finding::new(self.code, said.or(example).unwrap_or(matcher.span), message)
                    .label(format!("read as {kind}"))
                    .expected(format!("a value of type {}", names.join(" or ")))
                    .help(format!("read it as what `{}` sends", self.shown.provider()));
            return findings.push(self.pointing(finding, "its schema"));
        }
        for said in matcher.equals.iter().chain(&matcher.one_of) {
            findings.extend(self.never_sent(said));
        }
        // An example is compared with nothing but its type; a stand-in sends it, though.
        let example = matcher.example.as_ref();
        if let Some(mut finding) = example.and_then(|said| self.never_sent(said)) {
            finding.severity = Severity::Warning;
            findings.push(finding);
        }
        findings.extend(self.never_matching());
        for (name, field) in matcher.fields.iter().filter(|(_, field)| field.absent) {
            let found = self
                .promise
                .field(name)
                .filter(|found| found.presence == Presence::Always);
            if let Some(found) = found {
                let message = format!("`{name}` is read as absent, and is always there");
                let place = found.place.unwrap_or(self.shown.operation.id.span);
                findings.push(
                    Finding::new(self.code, field.name_span, message)
                        .related(place, "required here")
                        .expected("a field that may be left out")
                        .help("do not expect it to be absent"),
                );
            }
        }
        if let Some(max) = self
            .promise
            .elements_max()
            .filter(|max| *max < matcher.least())
        {
            let place = matcher.min.as_ref().map_or(matcher.span, |min| min.span);
            let message = format!(
                "`{}` is read with at least {} elements, and has at most {max}",
                self.path,
                matcher.least()
            );
            let finding = Finding::new(self.code, place, message)
                .expected(format!("at most {max} elements"))
                .help("ask for fewer elements");
            findings.push(self.pointing(finding, "its schema"));
        }
    }

    /// A pattern that none of the values that are sent matches.
    fn never_matching(&self) -> Option<Finding> {
        let pattern = self.matcher.regex.as_ref()?;
        let values = self.promise.values()?;
        let mut texts = values.iter().filter_map(|value| value.as_str());
        // A pattern that is given up on cannot be called impossible.
        if texts.any(|text| pattern.value.regex.is_match(text).unwrap_or(true)) {
            return None;
        }
        let listed: Vec<String> = values.iter().take(8).map(|value| shorten(value)).collect();
        let message = format!("no value of `{}` matches the pattern", self.path);
        let finding = Finding::new(self.code, pattern.span, message)
            .label("matches none of them")
            .expected(format!(
                "a pattern that matches one of {}",
                listed.join(", ")
            ))
            .help("correct the pattern, or list the values with `one_of`");
        Some(self.pointing(finding, "its schema"))
    }

    /// A value that is compared with, and that no shape of the promise accepts.
    fn never_sent(&self, said: &Spanned<Value>) -> Option<Finding> {
        if self.promise.shapes().is_empty() {
            // Without a schema anything may be sent.
            return None;
        }
        let value = placeholder::substitute(&said.value, &self.shown.examples).ok()?;
        let accepted = self.promise.shapes().iter().any(|shape| {
            shape.iter().all(|id| {
                let conformance = self.shown.conformances.of(*id, Direction::Response);
                // What cannot be checked cannot be called impossible.
                conformance.is_ok_and(|conformance| conformance.accepts(&value)) || shape.is_empty()
            })
        });
        let unusable = self.promise.shapes().iter().flatten().any(|id| {
            self.shown
                .conformances
                .of(*id, Direction::Response)
                .is_err()
        });
        if accepted || unusable {
            return None;
        }
        let shown = shorten(&value);
        let listed = self.promise.values();
        let expected = match &listed {
            Some(values) => {
                let values: Vec<String> =
                    values.iter().take(8).map(|value| shorten(value)).collect();
                format!("one of {}", values.join(", "))
            }
            None => "a value that the schema allows".to_owned(),
        };
        let message = format!("`{}` is never {shown}", self.path);
        let finding = Finding::new(self.code, said.span, message)
            .label("never sent")
            .expected(expected)
            .help(format!(
                "read a value that `{}` can send",
                self.shown.provider()
            ));
        let texts = listed.unwrap_or_default();
        let texts = texts.iter().filter_map(|value| value.as_str());
        let finding = match value.as_str() {
            Some(text) => finding.did_you_mean(text, texts),
            None => finding,
        };
        Some(self.pointing(finding, "its schema"))
    }

    /// What may be sent here and is not listed.
    pub(super) fn unlisted(&self, findings: &mut Vec<Finding>) {
        let matcher = self.matcher;
        let Some(first) = matcher.one_of.first() else {
            return;
        };
        let listed: Vec<Value> = matcher
            .one_of
            .iter()
            .map(|said| said.value.clone())
            .collect();
        let sent = self.promise.values().unwrap_or_default();
        let unlisted: Vec<String> = sent
            .into_iter()
            .filter(|value| !listed.contains(value) && (!value.is_null() || !matcher.nullable))
            .map(shorten)
            .collect();
        if unlisted.is_empty() {
            return;
        }
        let values = unlisted.join(", ");
        let message = format!(
            "`{}` may be {values}, which `{}` does not list",
            self.path,
            self.shown.consumer()
        );
        let finding = Finding::new(self.code, first.span, message)
            .label(format!("without {values}"))
            .expected("every value that may be sent")
            .help("list the value if the consumer handles it; handle it if not");
        findings.push(self.pointing(finding, "its values"));
    }

    /// A field that is always there, in words.
    fn every(&self) -> String {
        match self.path.as_str() {
            "$" => "a field that every answer has".to_owned(),
            path => format!("a field that every `{path}` has"),
        }
    }

    fn pointing(&self, finding: Finding, words: &str) -> Finding {
        match self.promise.place() {
            Some(place) => finding.related(place, words),
            None => finding,
        }
    }
}

/// The type that is read, unless it is that of a value which a state returns.
fn implied_type(matcher: &Matcher) -> Option<Type> {
    let example = matcher.example.as_ref().map(|example| &example.value);
    let placeholder = example.is_some_and(|value| !placeholder::names(value).is_empty());
    let said = matcher.kind.is_some() || matcher.regex.is_some() || matcher.format.is_some();
    if placeholder && !said {
        None
    } else {
        matcher.implied_type()
    }
}

fn reads_null(matcher: &Matcher) -> bool {
    let null = |said: &Spanned<Value>| said.value.is_null();
    matcher.nullable
        || matcher.absent
        || implied_type(matcher) == Some(Type::Null)
        || matcher.equals.iter().chain(&matcher.one_of).any(null)
        || matcher.equals.is_some()
}

/// A value as short JSON.
fn shorten(value: &Value) -> String {
    escape::shorten(&value.to_string(), 60).into_owned()
}
