//! Names that must mean something: consumers, providers and their operations.

use dovetail_contract::contract::{HttpApi, Service, Workspace};
use dovetail_contract::finding::{Code, Finding, Severity};
use dovetail_contract::source::Spanned;

use crate::context::{Context, nearest_operation, provider};
use crate::rule::{Category, Rule};

/// A provider that the workspace does not have, or that provides nothing over HTTP.
pub(crate) static UNKNOWN_PROVIDER: Rule = Rule {
    code: &Code {
        id: "unknown-provider",
        severity: Severity::Error,
        page: include_str!("../cases/unknown-provider/README.md"),
    },
    category: Category::Agreement,
    check: unknown_provider,
};

/// A consumer that the workspace does not have.
pub(crate) static UNKNOWN_CONSUMER: Rule = Rule {
    code: &Code {
        id: "unknown-consumer",
        severity: Severity::Error,
        page: include_str!("../cases/unknown-consumer/README.md"),
    },
    category: Category::Agreement,
    check: unknown_consumer,
};

/// An operation that the provider does not have.
pub(crate) static UNKNOWN_OPERATION: Rule = Rule {
    code: &Code {
        id: "unknown-operation",
        severity: Severity::Error,
        page: include_str!("../cases/unknown-operation/README.md"),
    },
    category: Category::Agreement,
    check: unknown_operation,
};

fn unknown_provider(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let workspace = context.workspace;
    for service in workspace.services.values() {
        for call in service.calls.values() {
            let caller = &service.name.value;
            findings.extend(provider_finding(workspace, &call.provider, caller, "calls"));
        }
    }
    for expectation in &workspace.expectations {
        let consumer = &expectation.consumer.value;
        let named = &expectation.provider;
        findings.extend(provider_finding(
            workspace,
            named,
            consumer,
            "expects something of",
        ));
    }
}

fn provider_finding(
    workspace: &Workspace,
    named: &Spanned<String>,
    caller: &str,
    verb: &str,
) -> Option<Finding> {
    let name = &named.value;
    let code = UNKNOWN_PROVIDER.code;
    match workspace.services.get(name) {
        Some(service) if service.http.is_some() => None,
        Some(service) => {
            let message = format!("`{caller}` {verb} `{name}`, which provides nothing over HTTP");
            Some(
                Finding::new(code, named.span, message)
                    .related(
                        service.name.span,
                        format!("`{name}` has no `provides.http`"),
                    )
                    .expected("a service that provides operations over HTTP")
                    .help(format!("declare `provides.http.openapi` for `{name}`")),
            )
        }
        None => {
            let message = format!("`{caller}` {verb} `{name}`, which is no service here");
            Some(service_finding(workspace, code, named, message))
        }
    }
}

fn unknown_consumer(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let workspace = context.workspace;
    for expectation in &workspace.expectations {
        let consumer = &expectation.consumer;
        if !workspace.services.contains_key(&consumer.value) {
            let message = format!("the consumer `{}` is no service here", consumer.value);
            let code = UNKNOWN_CONSUMER.code;
            findings.push(service_finding(workspace, code, consumer, message));
        }
    }
}

fn service_finding(
    workspace: &Workspace,
    code: &'static Code,
    named: &Spanned<String>,
    message: String,
) -> Finding {
    let names = || workspace.services.keys().map(String::as_str);
    let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
    Finding::new(code, named.span, message)
        .label("no such service")
        .expected(format!("a service of this workspace: {}", known.join(", ")))
        .help("correct the name, or add a folder with a `service.yaml` for it")
        .did_you_mean(&named.value, names())
}

fn unknown_operation(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let workspace = context.workspace;
    for service in workspace.services.values() {
        for call in service.calls.values() {
            let Some((provider, api)) = provider(workspace, &call.provider.value) else {
                continue;
            };
            for (id, operation) in &call.operations {
                let named = Spanned::new(id.clone(), operation.span);
                let caller = &service.name.value;
                findings.extend(operation_finding(provider, api, &named, caller));
            }
        }
    }
    for expectation in &workspace.expectations {
        let Some((provider, api)) = provider(workspace, &expectation.provider.value) else {
            continue;
        };
        for interaction in &expectation.interactions {
            let consumer = &expectation.consumer.value;
            let named = &interaction.operation;
            findings.extend(operation_finding(provider, api, named, consumer));
        }
    }
}

fn operation_finding(
    service: &Service,
    api: &HttpApi,
    named: &Spanned<String>,
    caller: &str,
) -> Option<Finding> {
    let id = &named.value;
    if api.operation(id).is_some() {
        return None;
    }
    let provider = &service.name.value;
    let message = format!("`{caller}` calls `{id}`, and `{provider}` has no such operation");
    let (nearest, words) = nearest_operation(api, id);
    let ids = api
        .operations
        .iter()
        .map(|operation| operation.id.value.as_str());
    Some(
        Finding::new(UNKNOWN_OPERATION.code, named.span, message)
            .label("no such operation")
            .related(nearest, words)
            .expected(format!("the id of an operation of `{provider}`"))
            .help(format!(
                "correct the id, or have `{provider}` declare the operation"
            ))
            .did_you_mean(id, ids),
    )
}
