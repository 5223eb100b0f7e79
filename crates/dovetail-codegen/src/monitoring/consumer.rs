//! Alerts about what one consumer could not handle.

use dovetail_contract::contract::{Service, Workspace};
use dovetail_contract::policy::Duration;

use super::alerts::{Draft, Severity, Words, depth, depth_series, list_command};
use super::subjects::{self, Consumer};
use super::text;

/// The alert about a consumer that nobody watches over.
pub(super) const UNOBSERVED: &str = "DovetailConsumerUnobserved";

/// The alerts of all consumers of a service.
pub(super) fn alerts(workspace: &Workspace, service: &Service) -> Vec<Draft> {
    let consumers = subjects::consumers(workspace, service);
    let mut drafts = Vec::new();
    for consumer in &consumers {
        drafts.push(dead_letters(consumer));
        drafts.push(old(consumer));
        drafts.extend(expiring(consumer));
        drafts.push(rate(consumer));
        drafts.push(replays(consumer));
        drafts.push(unobserved(consumer));
    }
    drafts
}

fn about(consumer: &Consumer) -> (&'static str, String) {
    ("consumer", consumer.name.clone())
}

fn dead_letters(consumer: &Consumer) -> Draft {
    let depth_max = consumer.policy.alert_depth.max(1);
    let description = Words::measured("{{ $value }}", &depth_max.to_string())
        .and(" messages wait for somebody to look at them. The contract allows fewer than ")
        .and(&format!(
            "{depth_max}; they are deleted {} after they came.",
            consumer.policy.dead_letter_retain
        ));
    Draft {
        name: "DovetailDeadLetters",
        severity: Severity::Ticket,
        expression: format!("{} >= {depth_max}", depth(&consumer.name)),
        wait: Some("5m"),
        about: about(consumer),
        summary: Words::new(&format!(
            "{} has dead letters of {}",
            consumer.name, consumer.message
        )),
        description,
        command: Some(list_command(&consumer.name)),
        series: depth_series(&consumer.name, &consumer.kind, depth_max),
        quiet_at: "15m",
        fires_at: "17m",
    }
}

fn old(consumer: &Consumer) -> Draft {
    let limit = consumer.policy.alert_oldest;
    Draft {
        severity: Severity::Ticket,
        summary: Words::new(&format!(
            "A dead letter of {} is older than {limit}",
            consumer.name
        )),
        description: Words::new(&format!(
            "Nobody has decided on it in time. It is deleted {} after it came.",
            consumer.policy.dead_letter_retain
        )),
        ..aged("DovetailDeadLetterOld", consumer, limit)
    }
}

/// Shortly before dead letters are lost, if that is not when they are called old anyway.
fn expiring(consumer: &Consumer) -> Option<Draft> {
    let limit = Duration::from_millis(consumer.policy.dead_letter_retain.millis / 10 * 9);
    (limit > consumer.policy.alert_oldest).then(|| Draft {
        severity: Severity::Page,
        summary: Words::new(&format!(
            "A dead letter of {} is about to be deleted",
            consumer.name
        )),
        description: Words::new(&format!(
            "It is older than {limit}, and is deleted {} after it came: replay or discard it before.",
            consumer.policy.dead_letter_retain
        )),
        ..aged("DovetailDeadLettersExpire", consumer, limit)
    })
}

/// An alert for when the oldest dead letter is older than that.
fn aged(name: &'static str, consumer: &Consumer, limit: Duration) -> Draft {
    let labels = text::promql(&consumer.name);
    let seconds = seconds(limit);
    let kind = text::promql(&consumer.kind);
    let series = format!("dovetail_dlq_oldest_age_seconds{{consumer={labels},kind={kind}}}");
    Draft {
        name,
        severity: Severity::Ticket,
        expression: format!(
            "max by (consumer) (dovetail_dlq_oldest_age_seconds{{consumer={labels}}}) > {seconds}"
        ),
        wait: None,
        about: about(consumer),
        summary: Words::new(""),
        description: Words::new(""),
        command: Some(list_command(&consumer.name)),
        series: vec![(series, format!("{seconds}x10 {}x10", over(limit)))],
        quiet_at: "10m",
        fires_at: "11m",
    }
}

fn rate(consumer: &Consumer) -> Draft {
    let (labels, kind) = (text::promql(&consumer.name), text::promql(&consumer.kind));
    let dead = format!("dovetail_dlq_enqueued_total{{consumer={labels}");
    let consumed = format!("messaging_client_consumed_messages_total{{consumer={labels}");
    Draft {
        name: "DovetailDeadLetterRate",
        severity: Severity::Page,
        expression: format!(
            "sum by (consumer) (increase({dead}}}[5m])) / sum by (consumer) (increase({consumed}}}[5m])) > 0.01"
        ),
        wait: Some("5m"),
        about: about(consumer),
        summary: Words::new(&format!(
            "{} makes dead letters of too much of {}",
            consumer.name, consumer.message
        )),
        description: Words::measured("{{ $value | humanizePercentage }}", "5%").and(
            " of what it consumed became dead letters, for five minutes. Something that all of them need may be wrong; \
             what is fixed can be replayed.",
        ),
        command: Some(list_command(&consumer.name)),
        series: vec![
            (
                format!("{dead},kind={kind},reason=\"contract\"}}"),
                "0x20 5+5x20".to_owned(),
            ),
            (format!("{consumed},kind={kind}}}"), "0+100x45".to_owned()),
        ],
        quiet_at: "20m",
        fires_at: "36m",
    }
}

fn replays(consumer: &Consumer) -> Draft {
    let labels = text::promql(&consumer.name);
    let replayed = format!("dovetail_dlq_replayed_total{{consumer={labels}");
    Draft {
        name: "DovetailReplaysFail",
        severity: Severity::Ticket,
        expression: format!(
            "sum by (consumer) (increase({replayed},outcome=\"failed\"}}[15m])) / sum by (consumer) (increase({replayed}}}[15m])) > 0.2"
        ),
        wait: None,
        about: about(consumer),
        summary: Words::new(&format!("Replays to {} fail again", consumer.name)),
        description: Words::measured("{{ $value | humanizePercentage }}", "50%").and(
            " of what was replayed became dead letters once more: what they failed by is not fixed yet.",
        ),
        command: Some(list_command(&consumer.name)),
        series: vec![
            (
                format!("{replayed},outcome=\"failed\"}}"),
                "0x20 1+1x30".to_owned(),
            ),
            (
                format!("{replayed},outcome=\"succeeded\"}}"),
                "0+1x50".to_owned(),
            ),
        ],
        quiet_at: "20m",
        fires_at: "40m",
    }
}

/// Where nobody counts dead letters, no alert about them can fire. What is not there is told of whatever else is: all of a service share a test.
fn unobserved(consumer: &Consumer) -> Draft {
    let name = text::promql(&consumer.name);
    let series = format!("dovetail_dlq_messages{{consumer={name}}}");
    Draft {
        name: UNOBSERVED,
        severity: Severity::Ticket,
        expression: format!("absent({series})"),
        wait: Some("10m"),
        about: about(consumer),
        summary: Words::new(&format!("Nobody watches over {}", consumer.name)),
        description: Words::new(
            "No instance says how many dead letters there are: none runs, none is scraped, or none has an observer. \
             Until then no other alert about it can fire.",
        ),
        command: None,
        series: vec![(series, "0x5".to_owned())],
        quiet_at: "15m",
        fires_at: "25m",
    }
}

/// A duration in seconds, exactly.
pub(super) fn seconds(duration: Duration) -> String {
    let (whole, millis) = (duration.millis / 1_000, duration.millis % 1_000);
    match millis {
        0 => whole.to_string(),
        _ => format!("{whole}.{millis:03}"),
    }
}

/// One second more than a duration, in seconds.
fn over(duration: Duration) -> String {
    seconds(Duration::from_millis(duration.millis.saturating_add(1_000)))
}
