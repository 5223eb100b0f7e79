//! What consumers read of answers against what the provider promises of them.

use dovetail_contract::conform::Direction;
use dovetail_contract::contract::Response;
use dovetail_contract::expect::Matcher;
use dovetail_contract::finding::{Code, Finding, Severity};
use dovetail_contract::json_path::{Step, json_path};
use dovetail_contract::placeholder::substitute;
use dovetail_contract::schema::Type;
use dovetail_contract::source::Spanned;
use serde_json::Value;

use crate::context::{Context, Use};
use crate::promise::{Presence, Promise};
use crate::request::{covers, is_json};
use crate::rule::{Category, Rule};

/// A status that the provider never answers.
pub(crate) static UNDECLARED_STATUS: Rule = Rule {
    code: &Code {
        id: "undeclared-status",
        severity: Severity::Error,
        page: include_str!("../cases/undeclared-status/README.md"),
    },
    category: Category::Agreement,
    check: undeclared_status,
};

/// A header that is read and not promised.
pub(crate) static UNPROMISED_HEADER: Rule = Rule {
    code: &Code {
        id: "unpromised-header",
        severity: Severity::Error,
        page: include_str!("../cases/unpromised-header/README.md"),
    },
    category: Category::Agreement,
    check: unpromised_header,
};

/// A field that is read and not promised.
pub(crate) static UNPROMISED_FIELD: Rule = Rule {
    code: &Code {
        id: "unpromised-field",
        severity: Severity::Error,
        page: include_str!("../cases/unpromised-field/README.md"),
    },
    category: Category::Agreement,
    check: unpromised_field,
};

/// Something that is read and that the provider's schema rules out.
pub(crate) static IMPOSSIBLE_MATCH: Rule = Rule {
    code: &Code {
        id: "impossible-match",
        severity: Severity::Error,
        page: include_str!("../cases/impossible-match/README.md"),
    },
    category: Category::Agreement,
    check: impossible_match,
};

/// A value that the provider may send and the consumer does not list.
pub(crate) static UNLISTED_VALUE: Rule = Rule {
    code: &Code {
        id: "unlisted-value",
        severity: Severity::Warning,
        page: include_str!("../cases/unlisted-value/README.md"),
    },
    category: Category::Agreement,
    check: unlisted_value,
};

fn undeclared_status(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for shown in &context.uses {
        let status = &shown.interaction.response.status;
        if shown.operation.response(status.value).is_some() {
            continue;
        }
        let id = &shown.operation.id.value;
        let responses = &shown.operation.responses;
        let declared: Vec<String> = responses
            .iter()
            .map(|response| response.status.to_string())
            .collect();
        let place = responses
            .first()
            .map_or(shown.operation.id.span, |first| first.span);
        let message = format!("`{id}` never answers with {}", status.value);
        findings.push(
            Finding::new(UNDECLARED_STATUS.code, status.span, message)
                .label("not declared")
                .related(place, "the declared responses")
                .expected(format!("a declared status: {}", declared.join(", ")))
                .help(format!(
                    "correct the status, or have `{}` declare it",
                    shown.provider()
                )),
        );
    }
}

fn unpromised_header(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (shown, response) in answers(context) {
        for (name, matcher) in &shown.interaction.response.headers {
            let implied = name.eq_ignore_ascii_case("content-type") || matcher.absent;
            let mut declared = response.headers.iter();
            let header = declared.find(|(known, _)| known.eq_ignore_ascii_case(name));
            let id = &shown.operation.id.value;
            let (severity, message) = match header {
                _ if implied => continue,
                Some((_, header)) if header.required || matcher.optional => continue,
                // Few documents say which headers are always there, so this is no more than likely.
                Some(_) => (
                    Severity::Warning,
                    format!("`{id}` may leave out the header `{name}`"),
                ),
                None => (
                    Severity::Error,
                    format!("`{id}` does not promise the header `{name}`"),
                ),
            };
            let names = response.headers.keys().map(String::as_str);
            let mut finding = Finding::new(UNPROMISED_HEADER.code, matcher.name_span, message)
                .label("read here")
                .related(response.span, "the response")
                .expected("a header that the response declares as required")
                .help(format!(
                    "have `{}` declare it with `required: true`, or mark it `optional: true`",
                    shown.provider()
                ));
            finding.severity = severity;
            findings.push(if header.is_none() {
                finding.did_you_mean(name, names)
            } else {
                finding
            });
        }
    }
}

fn unpromised_field(context: &Context<'_>, findings: &mut Vec<Finding>) {
    each_read(context, findings, &UNPROMISED_FIELD, |read, found| {
        read.unpromised(found)
    });
    for (shown, response) in answers(context) {
        if let Some(matcher) = &shown.interaction.response.body
            && response.content.is_empty()
            && !matcher.optional
            && !matcher.absent
        {
            let message = format!(
                "`{}` promises no body with {}",
                shown.operation.id.value, response.status
            );
            findings.push(
                Finding::new(UNPROMISED_FIELD.code, matcher.name_span, message)
                    .label("read here")
                    .related(response.span, "a response without `content`")
                    .expected("a response that declares a body")
                    .help(format!(
                        "do not read the body, or have `{}` declare it",
                        shown.provider()
                    )),
            );
        }
    }
}

fn impossible_match(context: &Context<'_>, findings: &mut Vec<Finding>) {
    each_read(context, findings, &IMPOSSIBLE_MATCH, |read, found| {
        read.impossible(found)
    });
    for (shown, response) in answers(context) {
        let Some(named) = &shown.interaction.response.content_type else {
            continue;
        };
        let types: Vec<&str> = response
            .content
            .iter()
            .map(|media| media.media_type.as_str())
            .collect();
        if types.iter().any(|declared| covers(declared, &named.value)) {
            continue;
        }
        let message = format!(
            "`{}` never answers {} with `{}`",
            shown.operation.id.value, response.status, named.value
        );
        let expected = if types.is_empty() {
            "no body".to_owned()
        } else {
            format!("one of `{}`", types.join("`, `"))
        };
        findings.push(
            Finding::new(IMPOSSIBLE_MATCH.code, named.span, message)
                .label("not declared")
                .related(response.span, "the response")
                .expected(expected)
                .help("name a declared media type, or leave it out")
                .did_you_mean(&named.value, types),
        );
    }
}

fn unlisted_value(context: &Context<'_>, findings: &mut Vec<Finding>) {
    each_read(context, findings, &UNLISTED_VALUE, |read, found| {
        read.unlisted(found)
    });
}

/// The interactions whose status is declared, with the response.
fn answers<'a, 'w>(context: &'a Context<'w>) -> impl Iterator<Item = (&'a Use<'w>, &'w Response)> {
    context.uses.iter().filter_map(|shown| {
        let response = shown
            .operation
            .response(shown.interaction.response.status.value)?;
        Some((shown, response))
    })
}

/// Visits everything that is read of a body, with what is promised of it. Where too much is possible to say, it is not visited.
fn each_read(
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
    rule: &'static Rule,
    look: fn(&Read<'_, '_>, &mut Vec<Finding>),
) {
    for (shown, response) in answers(context) {
        let Some(matcher) = &shown.interaction.response.body else {
            continue;
        };
        let named = shown.interaction.response.content_type.as_ref();
        let media = response.content.iter().filter(|media| {
            is_json(&media.media_type)
                && named.is_none_or(|named| covers(&media.media_type, &named.value))
        });
        let schemas: Option<Vec<_>> = media.map(|media| media.schema).collect();
        let promise = schemas
            .filter(|schemas| !schemas.is_empty())
            .and_then(|ids| Promise::of(&shown.api.schemas, ids));
        if let Some(promise) = promise {
            let mut steps = Vec::new();
            visit(shown, rule, look, matcher, &promise, &mut steps, findings);
        }
    }
}

fn visit<'m>(
    shown: &Use<'_>,
    rule: &'static Rule,
    look: fn(&Read<'_, '_>, &mut Vec<Finding>),
    matcher: &'m Matcher,
    promise: &Promise<'_>,
    steps: &mut Vec<Step<'m>>,
    findings: &mut Vec<Finding>,
) {
    let read = Read {
        shown,
        code: rule.code,
        matcher,
        promise,
        path: json_path(steps),
    };
    look(&read, findings);
    for (name, field) in &matcher.fields {
        let Some(of_field) = promise
            .field(name)
            .filter(|found| found.value.place().is_some())
        else {
            continue;
        };
        steps.push(Step::Field(name));
        visit(shown, rule, look, field, &of_field.value, steps, findings);
        steps.pop();
    }
    if let (Some(each), Some(elements)) = (&matcher.each, promise.elements()) {
        steps.push(Step::Element(0));
        visit(shown, rule, look, each, &elements, steps, findings);
        steps.pop();
    }
}

/// One place that is read, and what is promised of it.
struct Read<'a, 'w> {
    shown: &'a Use<'w>,
    code: &'static Code,
    matcher: &'a Matcher,
    promise: &'a Promise<'w>,
    path: String,
}

impl Read<'_, '_> {
    fn unpromised(&self, findings: &mut Vec<Finding>) {
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
                .expected(format!("a field that every `{}` has", self.path));
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

    fn impossible(&self, findings: &mut Vec<Finding>) {
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

    /// A value that is compared with, and that no shape of the promise accepts.
    fn never_sent(&self, said: &Spanned<Value>) -> Option<Finding> {
        let value = substitute(&said.value, &self.shown.examples).ok()?;
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

    fn unlisted(&self, findings: &mut Vec<Finding>) {
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
            .filter(|value| !listed.contains(value) && !(value.is_null() && matcher.nullable))
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
    let placeholder =
        example.is_some_and(|value| !dovetail_contract::placeholder::names(value).is_empty());
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
    dovetail_contract::escape::shorten(&value.to_string(), 60).into_owned()
}
