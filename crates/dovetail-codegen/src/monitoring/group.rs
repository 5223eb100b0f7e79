//! Alerts about a service on one channel: what stops or slows all that it consumes there.

use dovetail_contract::contract::{Service, Workspace};

use super::alerts::{Draft, Severity, Words, depth, depth_series, list_command};
use super::subjects::{self, Group};
use super::text;

/// The alerts of all groups of a service.
pub(super) fn alerts(workspace: &Workspace, service: &Service) -> Vec<Draft> {
    let groups = subjects::groups(workspace, service);
    let drafts = groups
        .iter()
        .flat_map(|group| [paused(group), lags(group), strangers(group)]);
    drafts.collect()
}

fn about(group: &Group) -> (&'static str, String) {
    ("consumer", group.name.clone())
}

fn paused(group: &Group) -> Draft {
    let labels = text::promql(&group.name);
    Draft {
        name: "DovetailConsumerPaused",
        severity: Severity::Page,
        expression: format!(
            "max by (consumer) (dovetail_consumer_paused{{consumer={labels}}}) > 0"
        ),
        wait: Some("1m"),
        about: about(group),
        summary: Words::new(&format!("{} has stopped", group.name)),
        description: Words::new(
            "What every message needs is down: its database, its broker, or what a handler calls infrastructure. Nothing is \
             lost; it goes on by itself once that is back. The log says what it met.",
        ),
        command: None,
        series: vec![(
            format!("dovetail_consumer_paused{{consumer={labels},cause=\"handling\"}}"),
            "0x10 1x20".to_owned(),
        )],
        quiet_at: "10m",
        fires_at: "13m",
    }
}

fn lags(group: &Group) -> Draft {
    let labels = text::promql(&group.name);
    let lag = format!("dovetail_consumer_lag{{consumer={labels}}}");
    Draft {
        name: "DovetailConsumerLagGrows",
        severity: Severity::Ticket,
        expression: format!("deriv(max by (consumer) ({lag})[5m:30s]) > 0"),
        wait: Some("10m"),
        about: about(group),
        summary: Words::new(&format!("{} does not keep up", group.name)),
        description: Words::new(
            "For ten minutes more messages came than were handled. More instances help where the channel has partitions or \
             keys to spare, and a faster handler everywhere.",
        ),
        command: None,
        series: vec![(lag, "100x20 100+10x30".to_owned())],
        quiet_at: "20m",
        fires_at: "40m",
    }
}

/// What belongs to none of its consumers, because it does not say what it is.
fn strangers(group: &Group) -> Draft {
    let depth_max = group.alert_depth.max(1);
    Draft {
        name: "DovetailStrangeMessages",
        severity: Severity::Ticket,
        expression: format!("{} >= {depth_max}", depth(&group.name)),
        wait: Some("5m"),
        about: about(group),
        summary: Words::new(&format!(
            "{} received messages that do not say what they are",
            group.name
        )),
        description: Words::new(
            "They came without an identity or a type, so that no handler is theirs. Whoever publishes to the channel is not \
             the producer that the contract has.",
        ),
        command: Some(list_command(&group.name)),
        series: depth_series(&group.name, "", depth_max),
        quiet_at: "15m",
        fires_at: "17m",
    }
}
