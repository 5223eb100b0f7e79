//! Alerts about what a service has to publish.

use dovetail_contract::contract::{ConsumePolicy, Service, Workspace};

use super::alerts::{Draft, Severity, Words, depth, depth_series, list_command};
use super::{subjects, text};

/// The alerts of a service that provides messages.
pub(super) fn alerts(workspace: &Workspace, service: &Service) -> Vec<Draft> {
    if service.messaging.provides.is_empty() {
        return Vec::new();
    }
    let policy = workspace.settings.messaging.resolve();
    let mut drafts = vec![
        waits(service, "DovetailOutboxWaits", Severity::Ticket, 30),
        waits(service, "DovetailOutboxStuck", Severity::Page, 300),
    ];
    for channel in subjects::published(workspace, service) {
        drafts.push(rejected(&format!("outbox/{channel}"), &policy));
    }
    drafts
}

fn waits(service: &Service, name: &'static str, severity: Severity, seconds: u32) -> Draft {
    let service = &service.name.value;
    let labels = text::promql(service);
    let age = format!("dovetail_outbox_oldest_age_seconds{{outbox={labels}}}");
    Draft {
        name,
        severity,
        expression: format!("max by (outbox) ({age}) > {seconds}"),
        wait: None,
        about: ("outbox", service.clone()),
        summary: Words::new(&format!(
            "{service} has not published a message for more than {seconds} s"
        )),
        description: Words::new(
            "It was committed and waits: no relay runs, or the broker does not take it. Nothing is lost, and it is published \
             once that is back; consumers see it late.",
        ),
        command: None,
        series: vec![(age, format!("{seconds}x10 {}x10", seconds + 1))],
        quiet_at: "10m",
        fires_at: "11m",
    }
}

fn rejected(consumer: &str, policy: &ConsumePolicy) -> Draft {
    let depth_max = policy.alert_depth.max(1);
    Draft {
        name: "DovetailPublishRejected",
        severity: Severity::Ticket,
        expression: format!("{} >= {depth_max}", depth(consumer)),
        wait: Some("5m"),
        about: ("consumer", consumer.to_owned()),
        summary: Words::new(&format!("The broker rejects messages of {consumer}")),
        description: Words::new(
            "It will never take them as they are: they are too large, or nobody may publish there. Later messages of their \
             keys wait behind them.",
        ),
        command: Some(list_command(consumer)),
        series: depth_series(consumer, "", depth_max),
        quiet_at: "15m",
        fires_at: "17m",
    }
}
