//! Provider states: that the provider has them, and returns what interactions use of them.

use dovetail_contract::contract::{Service, States};
use dovetail_contract::expect::{Argument, Given, Interaction, Matcher};
use dovetail_contract::finding::{Code, Finding, Severity};
use dovetail_contract::placeholder;
use dovetail_contract::source::{Span, Spanned};
use serde_json::Value;

use crate::context::{Context, Use};
use crate::rule::{Category, Rule};

/// A state that the provider cannot be put into.
pub(crate) static UNKNOWN_STATE: Rule = Rule {
    code: &Code {
        id: "unknown-state",
        severity: Severity::Error,
        page: include_str!("../cases/unknown-state/README.md"),
    },
    category: Category::Agreement,
    check: unknown_state,
};

/// A `${value}` that no state returns.
pub(crate) static UNKNOWN_STATE_VALUE: Rule = Rule {
    code: &Code {
        id: "unknown-state-value",
        severity: Severity::Error,
        page: include_str!("../cases/unknown-state-value/README.md"),
    },
    category: Category::Agreement,
    check: unknown_state_value,
};

fn unknown_state(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for shown in &context.uses {
        let states = &shown.api.states;
        for given in &shown.interaction.given {
            findings.extend(state_finding(shown.service, states, given));
        }
    }
}

fn state_finding(service: &Service, states: &States, given: &Given) -> Option<Finding> {
    let (provider, name) = (&service.name.value, &given.state.value);
    let code = UNKNOWN_STATE.code;
    let known = states.known.contains_key(name);
    if !known {
        let message = format!("`{provider}` has no state `{name}`");
        let names = || states.known.keys().map(String::as_str);
        let place = states.known.values().next().map(|state| state.span);
        return Some(
            Finding::new(code, given.state.span, message)
                .label("no such state")
                .related(
                    place.unwrap_or(service.name.span),
                    "where its states are declared",
                )
                .expected(format!(
                    "a state that `{provider}` declares under `provides.http.states.known`"
                ))
                .help(format!(
                    "correct the name, or have `{provider}` declare the state"
                ))
                .did_you_mean(name, names()),
        );
    }
    if states.path.is_none() {
        let message =
            format!("`{provider}` declares the state `{name}` and no path to set it up at");
        return Some(
            Finding::new(code, given.state.span, message)
                .related(states.known[name].span, "the state")
                .expected("`provides.http.states.path`")
                .help(format!(
                    "declare the path at which `{provider}` takes its states"
                )),
        );
    }
    None
}

fn unknown_state_value(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for shown in &context.uses {
        for given in &shown.interaction.given {
            findings.extend(unreturned(shown, given));
        }
        let known = || shown.examples.keys().map(String::as_str);
        for (name, span) in used(shown.interaction) {
            if shown.examples.contains_key(&name) {
                continue;
            }
            let message = format!("no state of this interaction returns `{name}`");
            findings.push(
                Finding::new(UNKNOWN_STATE_VALUE.code, span, message)
                    .label(format!("`${{{name}}}` stands for nothing"))
                    .related(shown.interaction.name.span, "the interaction")
                    .expected("the name of a value under `returns` of one of its states")
                    .help(format!(
                        "name it under `given`, as in `returns: {{ {name}: … }}`"
                    ))
                    .did_you_mean(&name, known()),
            );
        }
    }
}

/// Values that an interaction hopes for and the state does not declare to return.
fn unreturned<'a>(shown: &'a Use<'_>, given: &'a Given) -> impl Iterator<Item = Finding> + 'a {
    let state = shown.api.states.known.get(&given.state.value);
    state.into_iter().flat_map(move |state| {
        let missing = given
            .returns
            .iter()
            .filter(|(name, _)| !state.returns.contains(name));
        missing.map(move |(name, example)| {
            let message = format!("the state `{}` does not return `{name}`", given.state.value);
            Finding::new(UNKNOWN_STATE_VALUE.code, example.span, message)
                .label("not returned")
                .related(state.span, "the state")
                .expected(format!("`{name}` under `returns` of the state"))
                .help(format!(
                    "have `{}` return it, or do without",
                    shown.provider()
                ))
                .did_you_mean(name, state.returns.iter().map(String::as_str))
        })
    })
}

/// Every placeholder of an interaction and where it stands, each name once for each place.
fn used(interaction: &Interaction) -> Vec<(String, Span)> {
    let mut found = Vec::new();
    let mut add = |value: &Value, span: Span| {
        found.extend(
            placeholder::names(value)
                .into_iter()
                .map(|name| (name, span)),
        );
    };
    let request = &interaction.request;
    let groups = [
        &request.path,
        &request.query,
        &request.headers,
        &request.cookies,
    ];
    for Argument { value, .. } in groups.into_iter().flat_map(|group| group.values()) {
        add(&value.value, value.span);
    }
    if let Some(body) = &request.body {
        add(&body.value, body.span);
    }
    let response = &interaction.response;
    for matcher in response.headers.values().chain(&response.body) {
        for said in said_in(matcher) {
            add(&said.value, said.span);
        }
    }
    found
}

/// Every value that a matcher and those within it compare with.
fn said_in(matcher: &Matcher) -> Vec<&Spanned<Value>> {
    let own = matcher
        .equals
        .iter()
        .chain(&matcher.example)
        .chain(&matcher.one_of);
    let inner = matcher.fields.values().chain(matcher.each.as_deref());
    own.chain(inner.flat_map(said_in)).collect()
}
