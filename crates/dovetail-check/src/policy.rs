//! Policies that cannot do what they say.

use dovetail_contract::contract::{Idempotency, Operation, OperationCall, Service};
use dovetail_contract::finding::{Code, Finding, Severity};
use dovetail_contract::policy::{IdempotencySetting, TimeoutSettings, Toggle};
use dovetail_contract::source::Span;

use crate::context::{Context, provider};
use crate::rule::{Category, Rule};

/// An attempt that may take longer than the whole call.
pub(crate) static ATTEMPT_EXCEEDS_TOTAL: Rule = Rule {
    code: &Code {
        id: "attempt-exceeds-total",
        severity: Severity::Error,
        page: include_str!("../cases/attempt-exceeds-total/README.md"),
    },
    category: Category::Policy,
    check: attempt_exceeds_total,
};

/// A retry of what must not be sent twice.
pub(crate) static UNSAFE_RETRY: Rule = Rule {
    code: &Code {
        id: "unsafe-retry",
        severity: Severity::Error,
        page: include_str!("../cases/unsafe-retry/README.md"),
    },
    category: Category::Policy,
    check: unsafe_retry,
};

/// An idempotency key that the provider would not look at.
pub(crate) static KEY_NOT_ACCEPTED: Rule = Rule {
    code: &Code {
        id: "key-not-accepted",
        severity: Severity::Error,
        page: include_str!("../cases/key-not-accepted/README.md"),
    },
    category: Category::Policy,
    check: key_not_accepted,
};

fn attempt_exceeds_total(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut said: Vec<(Span, Span)> = Vec::new();
    let mut look = |timeout: &TimeoutSettings| {
        let (Some(attempt), Some(total)) = (&timeout.attempt, &timeout.total) else {
            return;
        };
        if attempt.value <= total.value || said.contains(&(attempt.span, total.span)) {
            return;
        }
        said.push((attempt.span, total.span));
        let message = format!(
            "an attempt may take {}, longer than the whole call with {}",
            attempt.value, total.value
        );
        findings.push(
            Finding::new(ATTEMPT_EXCEEDS_TOTAL.code, attempt.span, message)
                .label("longer than the whole")
                .related(total.span, "the whole call")
                .expected(format!("an attempt of at most {}", total.value))
                .help("shorten the attempt, so that there is time for another one; or lengthen the total"),
        );
    };
    look(&context.workspace.settings.policy.timeout);
    let defaults = &context.workspace.settings.policy;
    for service in context.workspace.services.values() {
        for call in service.calls.values() {
            let of_provider = call.policy.over(defaults);
            for operation in call.operations.values() {
                look(&operation.policy.policy.over(&of_provider).timeout);
            }
        }
    }
}

fn unsafe_retry(context: &Context<'_>, findings: &mut Vec<Finding>) {
    each_operation(context, &mut |service, operation, call| {
        // Defaults of a layer above are meant for the operations that can be repeated; only what is said of this one is a mistake.
        let Some(Toggle::On(retry)) = &call.policy.policy.retry else {
            return;
        };
        let once = retry
            .max_attempts
            .as_ref()
            .is_some_and(|attempts| attempts.value <= 1);
        let setting = call.policy.idempotency.as_ref();
        let refused = setting.is_some_and(|setting| setting.value == IdempotencySetting::None);
        let keyed = setting.is_some_and(|setting| setting.value == IdempotencySetting::Key);
        if once || keyed || (operation.idempotency != Idempotency::None && !refused) {
            return;
        }
        let id = &operation.id.value;
        let place = retry
            .max_attempts
            .as_ref()
            .map_or(call.span, |attempts| attempts.span);
        let consumer = &service.name.value;
        let message =
            format!("`{consumer}` retries `{id}`, which may have its effect each time it is sent");
        let finding = Finding::new(UNSAFE_RETRY.code, place, message)
            .label("sent more than once")
            .related(
                operation.id.span,
                format!("a {} without an idempotency key", operation.method),
            );
        let finding = match setting.filter(|_| refused) {
            Some(setting) => finding.related(setting.span, "said to be not idempotent"),
            None => finding,
        };
        findings.push(
            finding
                .expected("an idempotent operation, or one that takes an idempotency key")
                .help("turn the retry off (`retry: off`), or have the provider declare an `Idempotency-Key` header or `x-idempotent: true`"),
        );
    });
}

fn key_not_accepted(context: &Context<'_>, findings: &mut Vec<Finding>) {
    each_operation(context, &mut |service, operation, call| {
        let Some(setting) = &call.policy.idempotency else {
            return;
        };
        let accepted = matches!(operation.idempotency, Idempotency::Key { .. });
        if setting.value != IdempotencySetting::Key || accepted {
            return;
        }
        let (consumer, id) = (&service.name.value, &operation.id.value);
        let message =
            format!("`{consumer}` sends a key with `{id}`, which declares no header for one");
        findings.push(
            Finding::new(KEY_NOT_ACCEPTED.code, setting.span, message)
                .label("nobody looks at it")
                .related(operation.id.span, "no `Idempotency-Key` among its parameters")
                .expected("an operation with an `Idempotency-Key` header parameter")
                .help("have the provider declare the header and keep its keys, or remove `idempotency: key`"),
        );
    });
}

/// Visits every declared call whose operation exists.
fn each_operation<'w>(
    context: &Context<'w>,
    visit: &mut dyn FnMut(&'w Service, &'w Operation, &'w OperationCall),
) {
    for service in context.workspace.services.values() {
        for (name, call) in &service.calls {
            let Some((_, api)) = provider(context.workspace, name) else {
                continue;
            };
            for (id, operation_call) in &call.operations {
                if let Some(operation) = api.operation(id) {
                    visit(service, operation, operation_call);
                }
            }
        }
    }
}
