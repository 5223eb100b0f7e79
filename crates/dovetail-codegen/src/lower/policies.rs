//! Policies: the layers of the contracts merged, as expressions that a constant can hold.

use dovetail_contract::policy::{
    BreakerScope, BreakerSettings, BulkheadSettings, CallPolicy, Duration, IdempotencySetting,
    PolicySettings, RetrySettings, Toggle,
};
use dovetail_contract::source::Spanned;

use super::spell::Uses;
use crate::rust_name::{self, Casing, Scope};
use crate::{ClientRequest, doc, ir, literal};

/// How long a call may take where no contract says it. Waiting for ever is nobody's wish, and this is longer than people wait.
const TOTAL_DEFAULT: Duration = Duration::from_millis(30_000);

/// The policies of each consumer that declares its calls.
pub(super) fn callers(request: &ClientRequest<'_>, uses: &mut Uses) -> Vec<ir::Caller> {
    let mut scope = Scope::default();
    let table = |caller: &crate::Caller<'_>| {
        let constant = rust_name::identifier(caller.consumer, Casing::Constant);
        let name = scope.claim(&constant, Casing::Constant);
        let usual = scope.claim(&format!("{constant}_USUAL"), Casing::Constant);
        let expression = expression(&caller.policy, uses);
        let entries = request.api.operations.iter().map(|operation| {
            let own = caller.operations.get(&operation.id.value);
            let own = own.map(|call| for_call(&call.policy, &caller.policy, uses));
            let own = own.filter(|own| *own != expression);
            ir::CallerEntry {
                id: literal::rust(&operation.id.value),
                policy: own.unwrap_or_else(|| usual.clone()),
            }
        });
        let entries: Vec<ir::CallerEntry> = entries.collect();
        let is_used = entries.iter().any(|entry| entry.policy == usual);
        ir::Caller {
            docs: vec![format!("How {} calls.", doc::code(caller.consumer))],
            name,
            usual: is_used.then_some((usual, expression)),
            entries,
        }
    };
    request.callers.iter().map(table).collect()
}

fn for_call(call: &CallPolicy, below: &PolicySettings, uses: &mut Uses) -> String {
    let mut merged = call.policy.over(below);
    if call
        .idempotency
        .as_ref()
        .is_some_and(|setting| setting.value == IdempotencySetting::None)
    {
        merged.retry = Some(Toggle::Off);
    }
    expression(&merged, uses)
}

/// How long a connection may take, as an expression.
pub(super) fn connect(policy: &PolicySettings) -> Option<String> {
    policy
        .timeout
        .connect
        .as_ref()
        .map(|connect| duration(connect.value))
}

/// A policy as an expression.
pub(super) fn expression(policy: &PolicySettings, uses: &mut Uses) -> String {
    uses.runtime(&["policy::Policy"]);
    uses.add("std::time", "Duration");
    let total = policy
        .timeout
        .total
        .as_ref()
        .map_or(TOTAL_DEFAULT, |total| total.value);
    let mut text = format!("Policy::new({})", duration(total));
    if let Some(attempt) = &policy.timeout.attempt {
        text.push_str(&format!(".attempt({})", duration(attempt.value.min(total))));
    }
    match &policy.retry {
        None => {}
        Some(Toggle::Off) => {
            uses.runtime(&["policy::Retry"]);
            text.push_str(".retry(Retry::off())");
        }
        Some(Toggle::On(retry)) => {
            if let Some(retry) = retry_expression(retry, uses) {
                text.push_str(&format!(".retry({retry})"));
            }
        }
    }
    text.push_str(&breaker_part(policy.breaker.as_ref(), uses));
    match &policy.bulkhead {
        None => {}
        Some(Toggle::Off) => text.push_str(".bulkhead(None)"),
        Some(Toggle::On(bulkhead)) => {
            if let Some(bulkhead) = bulkhead_expression(bulkhead, uses) {
                text.push_str(&format!(".bulkhead(Some({bulkhead}))"));
            }
        }
    }
    text
}

fn retry_expression(retry: &RetrySettings, uses: &mut Uses) -> Option<String> {
    let backoff = structure(
        "backoff::Config",
        &[
            ("base", retry.base.as_ref().map(|base| duration(base.value))),
            (
                "throttled_base",
                retry
                    .throttled_base
                    .as_ref()
                    .map(|base| duration(base.value)),
            ),
            ("max", retry.max.as_ref().map(|max| duration(max.value))),
        ],
        false,
    );
    let budget = retry
        .budget_ratio
        .as_ref()
        .map(|ratio| ("ratio", Some(float(ratio.value))));
    let budget = budget.and_then(|ratio| structure("budget::Config", &[ratio], true));
    if backoff.is_some() {
        uses.runtime(&["resilience::backoff"]);
    }
    if budget.is_some() {
        uses.runtime(&["resilience::budget"]);
    }
    let triggers = retry.on_500.unwrap_or_default().then(|| {
        uses.runtime(&["policy::Triggers", "policy::Trigger"]);
        "Triggers::new().and(Trigger::InternalServerError)".to_owned()
    });
    let text = structure(
        "Retry",
        &[
            (
                "max_attempts",
                retry
                    .max_attempts
                    .as_ref()
                    .map(|attempts| attempts.value.to_string()),
            ),
            ("on", triggers),
            ("backoff", backoff),
            ("budget", budget.map(|budget| format!("Some({budget})"))),
        ],
        true,
    )?;
    uses.runtime(&["policy::Retry"]);
    Some(text)
}

fn breaker_part(breaker: Option<&Toggle<BreakerSettings>>, uses: &mut Uses) -> String {
    let settings = match breaker {
        None => return String::new(),
        Some(Toggle::Off) => return ".breaker(None)".to_owned(),
        Some(Toggle::On(settings)) => settings,
    };
    let mut text = String::new();
    if let Some(config) = breaker_expression(settings) {
        uses.runtime(&["resilience::breaker"]);
        text.push_str(&format!(".breaker(Some({config}))"));
    }
    if settings.scope == Some(BreakerScope::Operation) {
        uses.runtime(&["policy::Scope"]);
        text.push_str(".breaker_scope(Scope::Operation)");
    }
    text
}

/// The breaker's configuration as an expression, if anything of it is said.
fn breaker_expression(settings: &BreakerSettings) -> Option<String> {
    let span =
        |value: &Option<Spanned<Duration>>| value.as_ref().map(|value| duration(value.value));
    let count =
        |count: &Option<Spanned<u32>>| count.as_ref().map(|count| grouped(u64::from(count.value)));
    let slow = settings.slow_duration.as_ref().map(|slow| {
        let rate = settings.slow_rate.as_ref().map_or(0.8, |rate| rate.value);
        format!(
            "Some(breaker::Slow {{ duration: {}, rate: {} }})",
            duration(slow.value),
            float(rate)
        )
    });
    let open = part(
        "breaker::Open",
        "breaker::Config::new().open",
        &[
            ("initial", span(&settings.open_initial)),
            ("max", span(&settings.open_max)),
        ],
    );
    let half_open = part(
        "breaker::HalfOpen",
        "breaker::Config::new().half_open",
        &[
            ("probes", count(&settings.probes)),
            ("successes", count(&settings.successes)),
        ],
    );
    let failure_rate = settings.failure_rate.as_ref();
    structure(
        "breaker::Config",
        &[
            ("window", span(&settings.window)),
            ("min_calls", count(&settings.min_calls)),
            ("failure_rate", failure_rate.map(|rate| float(rate.value))),
            ("slow", slow),
            ("open", open),
            ("half_open", half_open),
        ],
        true,
    )
}

fn bulkhead_expression(bulkhead: &BulkheadSettings, uses: &mut Uses) -> Option<String> {
    let text = structure(
        "bulkhead::Config",
        &[
            (
                "max_concurrent",
                bulkhead
                    .max_concurrent
                    .as_ref()
                    .map(|max| grouped(u64::from(max.value))),
            ),
            (
                "max_wait",
                bulkhead.max_wait.as_ref().map(|wait| duration(wait.value)),
            ),
        ],
        false,
    )?;
    uses.runtime(&["resilience::bulkhead"]);
    Some(text)
}

/// A struct expression of the fields that are set, the others from `new()`; none where none is set.
fn structure(path: &str, fields: &[(&str, Option<String>)], has_more: bool) -> Option<String> {
    from_base(path, &format!("{path}::new()"), fields, has_more)
}

fn part(path: &str, base: &str, fields: &[(&str, Option<String>)]) -> Option<String> {
    from_base(path, base, fields, true)
}

fn from_base(
    path: &str,
    base: &str,
    fields: &[(&str, Option<String>)],
    has_more: bool,
) -> Option<String> {
    let set: Vec<String> = fields
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}: {value}")))
        .collect();
    if set.is_empty() {
        return None;
    }
    // Where every field is set, a base would be dead text, and a lint says so.
    let rest = if has_more || set.len() < fields.len() {
        format!(", ..{base}")
    } else {
        String::new()
    };
    Some(format!("{path} {{ {}{rest} }}", set.join(", ")))
}

pub(super) fn duration(duration: Duration) -> String {
    // The largest unit that is exact reads best, and a lint asks for it.
    let (unit, amount) = match duration.millis {
        0 => ("millis", 0),
        millis if millis % 3_600_000 == 0 => ("hours", millis / 3_600_000),
        millis if millis % 60_000 == 0 => ("mins", millis / 60_000),
        millis if millis % 1_000 == 0 => ("secs", millis / 1_000),
        millis => ("millis", millis),
    };
    format!("Duration::from_{unit}({})", grouped(amount))
}

fn float(value: f64) -> String {
    format!("{value:?}")
}

/// Digits in groups of three, as Rust's style has it.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use dovetail_contract::source::{Sources, Span};

    use super::*;

    #[test]
    fn only_what_a_contract_says_is_written() {
        let mut sources = Sources::default();
        let span = Span::start_of(sources.add("a", ""));
        let mut policy = PolicySettings::default();
        let mut uses = Uses::default();
        assert_eq!(
            expression(&policy, &mut uses),
            "Policy::new(Duration::from_secs(30))"
        );
        policy.timeout.total = Some(Spanned::new(Duration::from_millis(2_000), span));
        policy.timeout.attempt = Some(Spanned::new(Duration::from_millis(5_000), span));
        policy.retry = Some(Toggle::On(RetrySettings {
            max_attempts: Some(Spanned::new(2, span)),
            base: Some(Spanned::new(Duration::from_millis(50), span)),
            ..RetrySettings::default()
        }));
        policy.breaker = Some(Toggle::Off);
        policy.bulkhead = Some(Toggle::On(BulkheadSettings::default()));
        assert_eq!(
            expression(&policy, &mut uses),
            "Policy::new(Duration::from_secs(2)).attempt(Duration::from_secs(2))\
             .retry(Retry { max_attempts: 2, backoff: backoff::Config { base: Duration::from_millis(50), \
             ..backoff::Config::new() }, ..Retry::new() }).breaker(None)"
        );
    }

    #[test]
    fn digits_come_in_groups_of_three() {
        let rows = [
            (0, "0"),
            (999, "999"),
            (1_000, "1_000"),
            (1_234_567, "1_234_567"),
        ];
        for (number, text) in rows {
            assert_eq!(grouped(number), text);
        }
    }
}
