//! What consumers read of answers against what the provider promises of them.

mod read;

use dovetail_contract::contract::Response;
use dovetail_contract::expect::Matcher;
use dovetail_contract::finding::{Code, Finding, Severity};
use dovetail_contract::json_path::{Step, json_path};
use dovetail_contract::schema::Type;

use crate::context::{Context, Use};
use crate::promise::Promise;
use crate::request::{covers, is_json};
use crate::rule::{Category, Rule};
use read::Read;

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
        read.unpromised(found);
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
        read.impossible(found);
    });
    for (shown, response) in answers(context) {
        findings.extend(never_json(shown, response));
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

/// A body that is read as JSON, and is never sent as such.
fn never_json(shown: &Use<'_>, response: &Response) -> Option<Finding> {
    let matcher = shown.interaction.response.body.as_ref()?;
    let kind = matcher
        .implied_type()
        .filter(|kind| *kind != Type::String)?;
    let types: Vec<&str> = response
        .content
        .iter()
        .map(|media| media.media_type.as_str())
        .collect();
    if types.is_empty() || types.iter().any(|declared| is_json(declared)) {
        return None;
    }
    let listed = types.join("`, `");
    let message = format!(
        "the body is read as {kind}, and `{}` sends none of JSON",
        shown.operation.id.value
    );
    Some(
        Finding::new(IMPOSSIBLE_MATCH.code, matcher.name_span, message)
            .label(format!("read as {kind}"))
            .related(response.span, "the response")
            .expected(format!("a body of `{listed}`, which is read as one text"))
            .help(format!(
                "read it as text: `body: {{ type: string }}`, or have `{}` declare JSON",
                shown.provider()
            )),
    )
}

fn unlisted_value(context: &Context<'_>, findings: &mut Vec<Finding>) {
    each_read(context, findings, &UNLISTED_VALUE, |read, found| {
        read.unlisted(found);
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
        let schemas: Vec<_> = media.map(|media| media.schema).collect();
        if schemas.is_empty() {
            continue;
        }
        // A body without a schema promises nothing at all.
        let schemas: Option<Vec<_>> = schemas.into_iter().collect();
        let promise = Promise::of(&shown.api.schemas, schemas.unwrap_or_default());
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
    let promise = &promise.narrowed(matcher);
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
        steps.push(Step::Elements);
        visit(shown, rule, look, each, &elements, steps, findings);
        steps.pop();
    }
}
