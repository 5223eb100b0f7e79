//! Calls that are declared and never proved, and the other way round.

use dovetail_contract::contract::HttpApi;
use dovetail_contract::finding::{Code, Finding, Severity};
use dovetail_contract::source::Span;

use crate::context::{Context, provider};
use crate::rule::{Category, Rule};

/// A declared call that no interaction shows.
pub(crate) static UNVERIFIED_CALL: Rule = Rule {
    code: &Code {
        id: "unverified-call",
        severity: Severity::Warning,
        page: include_str!("../cases/unverified-call/README.md"),
    },
    category: Category::Coverage,
    check: unverified_call,
};

/// An interaction with an operation that the consumer does not declare to call.
pub(crate) static UNDECLARED_CALL: Rule = Rule {
    code: &Code {
        id: "undeclared-call",
        severity: Severity::Warning,
        page: include_str!("../cases/undeclared-call/README.md"),
    },
    category: Category::Coverage,
    check: undeclared_call,
};

fn unverified_call(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for service in context.workspace.services.values() {
        for (name, call) in &service.calls {
            let Some((_, api)) = provider(context.workspace, name) else {
                continue;
            };
            let caller = &service.name.value;
            if names_unknown(context, caller, name, api) {
                continue;
            }
            for (id, operation_call) in &call.operations {
                let shown = context.uses.iter().any(|shown| {
                    shown.consumer() == caller
                        && shown.provider() == name
                        && shown.operation.id.value == *id
                });
                let Some(operation) = api.operation(id).filter(|_| !shown) else {
                    continue;
                };
                let message = format!(
                    "nothing shows what `{caller}` relies on when it calls `{id}` of `{name}`"
                );
                findings.push(
                    Finding::new(UNVERIFIED_CALL.code, operation_call.span, message)
                        .label("no interaction calls it")
                        .related(operation.id.span, "the operation")
                        .expected(format!(
                            "an interaction with `{id}` among the expectations of `{caller}`"
                        ))
                        .help(format!("add one to `expects/{name}.yaml` of `{caller}`")),
                );
            }
        }
    }
}

/// Whether an interaction names an operation that does not exist: it may be the very one that is missed, and is a finding already.
fn names_unknown(context: &Context<'_>, consumer: &str, provider: &str, api: &HttpApi) -> bool {
    let expectations = context.workspace.expectations.iter().filter(|expectation| {
        expectation.consumer.value == consumer && expectation.provider.value == provider
    });
    let mut interactions = expectations.flat_map(|expectation| &expectation.interactions);
    interactions.any(|interaction| api.operation(&interaction.operation.value).is_none())
}

fn undeclared_call(context: &Context<'_>, findings: &mut Vec<Finding>) {
    // One finding for each operation is enough, however many interactions there are with it.
    let mut said: Vec<(&str, &str, &str)> = Vec::new();
    for shown in &context.uses {
        let (consumer, provider) = (shown.consumer(), shown.provider());
        let id = shown.operation.id.value.as_str();
        let Some(service) = context.workspace.services.get(consumer) else {
            continue;
        };
        let call = service.calls.get(provider);
        // A declared call of an unknown operation may be meant for this one, and is a finding already.
        let declared = call.is_some_and(|call| {
            let mut ids = call.operations.keys();
            call.operations.contains_key(id) || ids.any(|id| shown.api.operation(id).is_none())
        });
        if declared || said.contains(&(consumer, provider, id)) {
            continue;
        }
        said.push((consumer, provider, id));
        let (place, words): (Span, &str) = match call {
            Some(call) => (call.provider.span, "its declared calls of the provider"),
            None => (service.name.span, "it declares no call of the provider"),
        };
        let message =
            format!("`{consumer}` expects something of `{id}`, which it does not declare to call");
        findings.push(
            Finding::new(
                UNDECLARED_CALL.code,
                shown.interaction.operation.span,
                message,
            )
            .label("not among the declared calls")
            .related(place, words)
            .expected(format!(
                "`{id}` under `calls.{provider}.operations` of `{consumer}`"
            ))
            .help(
                "declare the call, so that it has a policy and a client; or remove the interaction",
            ),
        );
    }
}
