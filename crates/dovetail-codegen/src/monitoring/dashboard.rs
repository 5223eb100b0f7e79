//! The panels of the dashboard, the same for every workspace: which services there are is a variable of it.

use super::text;

/// A panel, all texts as JSON strings.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) number: usize,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) unit: String,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) queries: Vec<Query>,
}

/// One query of a panel.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) letter: &'static str,
    pub(super) expression: String,
    pub(super) legend: String,
}

/// Width and height of a panel, in the units of Grafana; two fit side by side.
pub(super) const WIDTH: usize = 12;
pub(super) const HEIGHT: usize = 8;

/// Title, description, unit, and queries with their legends. `CONSUMER` stands for the consumers of the chosen services.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const ROWS: [Row; 8] = [
    (
        "Consumed",
        "Deliveries by consumer, those that come again included.",
        "ops",
        &[(
            "sum by (consumer) (rate(messaging_client_consumed_messages_total{CONSUMER}[$__rate_interval]))",
            "{{consumer}}",
        )],
    ),
    (
        "Outcomes",
        "What became of deliveries.",
        "ops",
        &[(
            "sum by (outcome) (rate(dovetail_inbox_outcomes_total{CONSUMER}[$__rate_interval]))",
            "{{outcome}}",
        )],
    ),
    (
        "Time to process",
        "From the delivery to its end, whatever that was.",
        "s",
        &[
            (
                "histogram_quantile(0.5, sum by (le) (rate(messaging_process_duration_seconds_bucket{CONSUMER}[$__rate_interval])))",
                "half",
            ),
            (
                "histogram_quantile(0.95, sum by (le) (rate(messaging_process_duration_seconds_bucket{CONSUMER}[$__rate_interval])))",
                "95 %",
            ),
            (
                "histogram_quantile(0.99, sum by (le) (rate(messaging_process_duration_seconds_bucket{CONSUMER}[$__rate_interval])))",
                "99 %",
            ),
        ],
    ),
    (
        "Critical time",
        "From when a message was sent to when it was handled, of which nineteen of twenty take less.",
        "s",
        &[(
            "histogram_quantile(0.95, sum by (consumer, le) (rate(dovetail_critical_time_seconds_bucket{CONSUMER}[$__rate_interval])))",
            "{{consumer}}",
        )],
    ),
    (
        "Dead letters by reason",
        "Those that nobody has decided on.",
        "short",
        &[(
            "sum by (reason) (max by (consumer, kind, reason) (dovetail_dlq_messages{CONSUMER})) > 0",
            "{{reason}}",
        )],
    ),
    (
        "Oldest dead letter",
        "By consumer.",
        "s",
        &[(
            "max by (consumer) (dovetail_dlq_oldest_age_seconds{CONSUMER}) > 0",
            "{{consumer}}",
        )],
    ),
    (
        "Oldest message of the outbox",
        "How long the oldest one has waited to be published.",
        "s",
        &[(
            "max by (outbox) (dovetail_outbox_oldest_age_seconds{outbox=~\"$service\"})",
            "{{outbox}}",
        )],
    ),
    (
        "Paused consumers",
        "1 while what every message needs is down.",
        "short",
        &[(
            "max by (consumer) (dovetail_consumer_paused{CONSUMER})",
            "{{consumer}}",
        )],
    ),
];

/// The panels, in the order in which they are shown.
pub(super) fn panels() -> Vec<Panel> {
    let rows = ROWS.iter().enumerate();
    rows.map(|(place, (title, description, unit, queries))| Panel {
        number: place + 1,
        title: text::json(title),
        description: text::json(description),
        unit: text::json(unit),
        x: place % 2 * WIDTH,
        y: place / 2 * HEIGHT,
        queries: queries
            .iter()
            .zip(["A", "B", "C"])
            .map(|((expression, legend), letter)| Query {
                letter,
                expression: text::json(
                    &expression.replace("CONSUMER", "consumer=~\"($service)/.*\""),
                ),
                legend: text::json(legend),
            })
            .collect(),
    })
    .collect()
}
