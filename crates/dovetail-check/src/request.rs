//! Requests that the provider's contract does not allow.

use dovetail_contract::conform::{Direction, Violation};
use dovetail_contract::contract::{Media, Operation, Parameter, ParameterLocation, SecurityKind};
use dovetail_contract::expect::Argument;
use dovetail_contract::finding::{Code, Finding, Severity};
use dovetail_contract::placeholder::substitute;
use dovetail_contract::schema::SchemaId;
use dovetail_contract::source::Span;
use indexmap::IndexMap;
use serde_json::Value;

use crate::context::{Context, Use};
use crate::rule::{Category, Rule};

/// A request that the provider's contract does not allow.
pub(crate) static INVALID_REQUEST: Rule = Rule {
    code: &Code {
        id: "invalid-request",
        severity: Severity::Error,
        page: include_str!("../cases/invalid-request/README.md"),
    },
    category: Category::Agreement,
    check: invalid_request,
};

/// Headers that any request may carry, whether an operation declares them or not.
const COMMON_HEADERS: [&str; 14] = [
    "accept",
    "accept-language",
    "authorization",
    "baggage",
    "cache-control",
    "content-type",
    "cookie",
    "if-match",
    "if-none-match",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-correlation-id",
    "x-request-id",
];

fn invalid_request(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for shown in &context.uses {
        let request = &shown.interaction.request;
        for (location, arguments) in [
            (ParameterLocation::Path, &request.path),
            (ParameterLocation::Query, &request.query),
            (ParameterLocation::Header, &request.headers),
            (ParameterLocation::Cookie, &request.cookies),
        ] {
            check_arguments(shown, location, arguments, findings);
        }
        check_body(shown, findings);
    }
}

fn check_arguments(
    shown: &Use<'_>,
    location: ParameterLocation,
    arguments: &IndexMap<String, Argument>,
    findings: &mut Vec<Finding>,
) {
    let declared = || {
        let parameters = shown.operation.parameters.iter();
        parameters.filter(move |parameter| parameter.location == location)
    };
    for (name, argument) in arguments {
        match declared().find(|parameter| is_named(parameter, name)) {
            Some(parameter) => findings.extend(check_argument(shown, parameter, argument)),
            None if is_credential(shown, location, name) => {}
            None => findings.push(unknown_parameter(shown, location, name, argument)),
        }
    }
    let given = |parameter: &Parameter| arguments.keys().any(|name| is_named(parameter, name));
    for parameter in declared().filter(|parameter| parameter.required && !given(parameter)) {
        let (name, word) = (&parameter.name, word(location));
        let id = &shown.operation.id.value;
        let message = format!("`{id}` needs the {word} parameter `{name}`, which is not sent");
        findings.push(
            Finding::new(
                INVALID_REQUEST.code,
                shown.interaction.request.span,
                message,
            )
            .label(format!("`{name}` is missing"))
            .related(parameter.span, "required here")
            .expected(format!(
                "a value for `{name}` under `{}`",
                section(location)
            ))
            .help(format!(
                "add it: `request: {{ {}: {{ {name}: … }} }}`",
                section(location)
            )),
        );
    }
}

fn is_named(parameter: &Parameter, name: &str) -> bool {
    match parameter.location {
        ParameterLocation::Header => parameter.name.eq_ignore_ascii_case(name),
        _ => parameter.name == name,
    }
}

/// Whether it is a header of HTTP itself, or a key that the provider's security asks for.
fn is_credential(shown: &Use<'_>, location: ParameterLocation, name: &str) -> bool {
    let common = location == ParameterLocation::Header
        && COMMON_HEADERS.contains(&name.to_ascii_lowercase().as_str());
    let mut schemes = shown.api.security_schemes.values();
    common
        || schemes.any(|scheme| match &scheme.kind {
            SecurityKind::ApiKey {
                name: key,
                location: place,
            } => *place == location && key.eq_ignore_ascii_case(name),
            _ => false,
        })
}

fn unknown_parameter(
    shown: &Use<'_>,
    location: ParameterLocation,
    name: &str,
    argument: &Argument,
) -> Finding {
    let id = &shown.operation.id.value;
    let word = word(location);
    let parameters = shown.operation.parameters.iter();
    let names: Vec<&str> = parameters
        .filter(|parameter| parameter.location == location)
        .map(|parameter| parameter.name.as_str())
        .collect();
    let expected = if names.is_empty() {
        format!("no {word} parameter")
    } else {
        format!("one of its {word} parameters: `{}`", names.join("`, `"))
    };
    let message = format!("`{id}` has no {word} parameter `{name}`");
    Finding::new(INVALID_REQUEST.code, argument.name_span, message)
        .label("no such parameter")
        .related(shown.operation.id.span, "the operation")
        .expected(expected)
        .help(format!(
            "correct the name, or have `{}` declare the parameter",
            shown.provider()
        ))
        .did_you_mean(name, names)
}

fn check_argument(shown: &Use<'_>, parameter: &Parameter, argument: &Argument) -> Option<Finding> {
    // A value that no state returns is the finding of another rule.
    let value = substitute(&argument.value.value, &shown.examples).ok()?;
    let conformance = shown
        .conformances
        .of(parameter.schema, Direction::Request)
        .ok()?;
    // On the wire a number is text and text may be a number, so either reading will do.
    let readings = readings(&value);
    if readings.iter().any(|value| conformance.accepts(value)) {
        return None;
    }
    let violation = conformance.check(&value).into_iter().next()?;
    let (name, word) = (&parameter.name, word(parameter.location));
    let message = format!(
        "the {word} parameter `{name}` is not allowed: {}",
        violation.message
    );
    Some(
        Finding::new(INVALID_REQUEST.code, argument.value.span, message)
            .related(violation.place, "its schema")
            .expected(format!(
                "a value that `{}` allows for `{name}`",
                shown.provider()
            ))
            .help("send a value that the schema allows"),
    )
}

fn readings(value: &Value) -> Vec<Value> {
    let scalar = |text: &str| serde_json::from_str::<Value>(text).ok();
    let other = match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            let read = |item: &Value| item.as_str().and_then(scalar).unwrap_or(item.clone());
            Some(items.iter().map(read).collect())
        }
        Value::Number(_) | Value::Bool(_) => Some(Value::String(value.to_string())),
        _ => None,
    };
    std::iter::once(value.clone()).chain(other).collect()
}

fn check_body(shown: &Use<'_>, findings: &mut Vec<Finding>) {
    let request = &shown.interaction.request;
    let id = &shown.operation.id.value;
    let code = INVALID_REQUEST.code;
    match (&request.body, &shown.operation.request_body) {
        (None, Some(declared)) if declared.required => findings.push(
            Finding::new(
                code,
                request.span,
                format!("`{id}` needs a body, and none is sent"),
            )
            .label("no body")
            .related(declared.span, "required here")
            .expected("a body")
            .help("add it: `request: { body: … }`"),
        ),
        (Some(body), None) => findings.push(
            Finding::new(code, body.span, format!("`{id}` takes no body"))
                .label("not taken")
                .related(shown.operation.id.span, "declares no `requestBody`")
                .expected("a request without a body")
                .help("leave the body out, or have the provider declare it"),
        ),
        (Some(body), Some(declared)) => match media(shown, &declared.content) {
            Ok(media) => {
                if let Some(schema) = media.schema.filter(|_| is_json(&media.media_type)) {
                    findings.extend(check_content(shown, &body.value, body.span, schema));
                }
            }
            Err(named) => {
                let types: Vec<&str> = declared
                    .content
                    .iter()
                    .map(|m| m.media_type.as_str())
                    .collect();
                let message = format!("`{id}` does not take a body of `{}`", named.0);
                findings.push(
                    Finding::new(code, named.1, message)
                        .label("not taken")
                        .related(declared.span, "the declared body")
                        .expected(format!("one of `{}`", types.join("`, `")))
                        .help("send a media type that the operation takes")
                        .did_you_mean(&named.0, types),
                );
            }
        },
        (None, _) => {}
    }
}

/// The media type that the body is sent as; the one that was named where it is not declared.
fn media<'a>(shown: &'a Use<'_>, content: &'a [Media]) -> Result<&'a Media, (String, Span)> {
    let request = &shown.interaction.request;
    let body_span = request.body.as_ref().map_or(request.span, |body| body.span);
    match &request.content_type {
        Some(named) => content
            .iter()
            .find(|media| covers(&media.media_type, &named.value))
            .ok_or_else(|| (named.value.clone(), named.span)),
        None => content
            .first()
            .ok_or_else(|| ("any type".to_owned(), body_span)),
    }
}

fn check_content(shown: &Use<'_>, body: &Value, span: Span, schema: SchemaId) -> Vec<Finding> {
    let Ok(value) = substitute(body, &shown.examples) else {
        return Vec::new();
    };
    let conformance = match shown.conformances.of(schema, Direction::Request) {
        Ok(conformance) => conformance,
        Err(refused) => {
            let message = format!(
                "whether `{}` takes this body cannot be said",
                operation(shown)
            );
            let finding = Finding::new(INVALID_REQUEST.code, span, message)
                .related(refused.place, refused.reason)
                .expected("a schema that can be checked")
                .help(format!("have `{}` mend the schema", shown.provider()));
            return vec![finding];
        }
    };
    let violations = conformance.check(&value).into_iter();
    violations
        .map(|violation| body_finding(shown, span, &violation))
        .collect()
}

fn body_finding(shown: &Use<'_>, span: Span, violation: &Violation) -> Finding {
    let Violation {
        path,
        message,
        place,
        ..
    } = violation;
    let id = operation(shown);
    Finding::new(
        INVALID_REQUEST.code,
        span,
        format!("`{id}` does not take this body: `{path}`: {message}"),
    )
    .label(format!("at `{path}`"))
    .related(*place, "the schema that says so")
    .expected("a body that the schema of the operation allows")
    .help(format!(
        "correct `{path}`, or have `{}` allow it",
        shown.provider()
    ))
}

fn operation<'a>(shown: &'a Use<'_>) -> &'a str {
    let Operation { id, .. } = shown.operation;
    &id.value
}

/// Whether a media type is JSON, or a range that JSON is in.
pub(crate) fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    matches!(
        &*essence,
        "application/json" | "text/json" | "application/*" | "*/*"
    ) || essence.ends_with("+json")
}

/// Whether a declared media type or range covers one that is named.
pub(crate) fn covers(declared: &str, named: &str) -> bool {
    let (declared, named) = (essence(declared), essence(named));
    let range = declared.strip_suffix('*');
    declared == "*/*" || declared == named || range.is_some_and(|range| named.starts_with(range))
}

fn essence(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn word(location: ParameterLocation) -> &'static str {
    match location {
        ParameterLocation::Path => "path",
        ParameterLocation::Query => "query",
        ParameterLocation::Header => "header",
        ParameterLocation::Cookie => "cookie",
    }
}

/// The key of a request that holds parameters of a place.
fn section(location: ParameterLocation) -> &'static str {
    match location {
        ParameterLocation::Path => "path",
        ParameterLocation::Query => "query",
        ParameterLocation::Header => "headers",
        ParameterLocation::Cookie => "cookies",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_text_on_the_wire_is_read_either_way() {
        let rows = [
            (json!("1"), vec![json!("1"), json!(1)]),
            (json!(1), vec![json!(1), json!("1")]),
            (json!("a"), vec![json!("a")]),
            (json!(["1", "a"]), vec![json!(["1", "a"]), json!([1, "a"])]),
            (json!({}), vec![json!({})]),
        ];
        for (value, read) in rows {
            assert_eq!(readings(&value), read, "{value}");
        }
    }
}
