//! Alerts as templates print them, and the series that prove them.

use dovetail_contract::contract::{Service, Workspace};

use super::{consumer, group, outbox, text};

/// An alert, all texts of it as YAML strings.
#[derive(Debug)]
pub(super) struct Alert {
    pub(super) name: &'static str,
    pub(super) expression: String,
    /// For how long the expression has to hold.
    pub(super) wait: Option<&'static str>,
    /// As templates of Prometheus.
    pub(super) labels: Fields,
    /// As templates of Prometheus.
    pub(super) annotations: Fields,
}

/// Keys and YAML strings.
pub(super) type Fields = Vec<(&'static str, String)>;

/// Series with which an alert is quiet at one time and fires at a later one, all texts as YAML strings.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Names and values, one for each minute.
    pub(super) series: Vec<(String, String)>,
    pub(super) quiet_at: &'static str,
    pub(super) fires_at: &'static str,
    /// What fires then.
    pub(super) fires: Vec<Firing>,
}

/// An alert as it fires.
#[derive(Debug)]
pub(super) struct Firing {
    pub(super) labels: Fields,
    /// As people see them.
    pub(super) annotations: Fields,
}

/// Whom an alert wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// Nobody: it is work for the next day.
    Ticket,
    /// Somebody, now.
    Page,
}

impl Severity {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Page => "page",
        }
    }
}

/// Words for people, as a template and as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Words {
    template: String,
    shown: String,
}

impl Words {
    /// Words without anything of the measured value.
    pub(super) fn new(words: &str) -> Self {
        Self::measured("", "").and(words)
    }

    /// The measured value, through a filter of Prometheus, and what that shows in the test.
    pub(super) fn measured(template: &str, shown: &str) -> Self {
        Self {
            template: template.to_owned(),
            shown: shown.to_owned(),
        }
    }

    /// These words, and more.
    pub(super) fn and(mut self, words: &str) -> Self {
        self.template.push_str(&text::template(words));
        self.shown.push_str(words);
        self
    }
}

/// An alert before it is text.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) expression: String,
    pub(super) wait: Option<&'static str>,
    /// The label that says whom it is about.
    pub(super) about: (&'static str, String),
    /// One sentence.
    pub(super) summary: Words,
    /// What it means, and what to do.
    pub(super) description: Words,
    /// A command that shows more.
    pub(super) command: Option<String>,
    /// Names and values, one for each minute.
    pub(super) series: Vec<(String, String)>,
    pub(super) quiet_at: &'static str,
    pub(super) fires_at: &'static str,
}

/// The alerts of one service, in the order of its contract, and what proves them.
pub(super) fn alerts(workspace: &Workspace, service: &Service) -> (Vec<Alert>, Vec<Case>) {
    let mut drafts = consumer::alerts(workspace, service);
    drafts.extend(group::alerts(workspace, service));
    drafts.extend(outbox::alerts(workspace, service));
    let (mut alerts, mut cases) = (Vec::new(), Vec::new());
    let mut absent: Option<Case> = None;
    for draft in drafts {
        let (alert, case) = draft.alert(service);
        alerts.push(alert);
        match &mut absent {
            Some(absent) if case.name == consumer::UNOBSERVED => {
                absent.series.extend(case.series);
                absent.fires.extend(case.fires);
            }
            None if case.name == consumer::UNOBSERVED => absent = Some(case),
            _ => cases.push(case),
        }
    }
    cases.extend(absent);
    (alerts, cases)
}

/// Who answers for a service, if its contract says so in something that can be seen.
pub(super) fn owner(service: &Service) -> Option<String> {
    let owner = text::line(service.owner.as_deref()?);
    (!owner.is_empty()).then_some(owner)
}

impl Draft {
    fn alert(self, service: &Service) -> (Alert, Case) {
        let mut own = vec![
            self.about,
            ("service", service.name.value.clone()),
            ("severity", self.severity.as_str().to_owned()),
        ];
        if let Some(owner) = owner(service) {
            own.insert(1, ("owner", owner));
        }
        let labels = own.iter();
        let labels = labels.map(|(key, value)| (*key, text::yaml(&text::template(value))));
        let fires = own.iter().map(|(key, value)| (*key, text::yaml(value)));
        let fires = fires.collect();
        let mut words = vec![("summary", self.summary), ("description", self.description)];
        words.extend(
            self.command
                .map(|command| ("command", Words::new(&command))),
        );
        let fields = |pick: fn(&Words) -> &str| -> Fields {
            words
                .iter()
                .map(|(key, words)| (*key, text::yaml(pick(words))))
                .collect()
        };
        let series = self.series.iter();
        let series = series.map(|(name, values)| (text::yaml(name), text::yaml(values)));
        let case = Case {
            name: self.name,
            series: series.collect(),
            quiet_at: self.quiet_at,
            fires_at: self.fires_at,
            fires: vec![Firing {
                labels: fires,
                annotations: fields(|words| &words.shown),
            }],
        };
        let alert = Alert {
            name: self.name,
            expression: text::yaml(&self.expression),
            wait: self.wait,
            labels: labels.collect(),
            annotations: fields(|words| &words.template),
        };
        (alert, case)
    }
}

/// The command that lists the dead letters of a consumer.
pub(super) fn list_command(consumer: &str) -> String {
    format!(
        "dovetail dead-letters list --consumer {}",
        text::shell(consumer)
    )
}

/// How many dead letters there are under a name. Every instance of a service counts those of the same database, so the most that one of them
/// says counts, and not their sum.
pub(super) fn depth(consumer: &str) -> String {
    let consumer = text::promql(consumer);
    format!(
        "sum by (consumer) (max by (consumer, kind, reason) (dovetail_dlq_messages{{consumer={consumer}}}))"
    )
}

/// Two instances that say the same of the dead letters of a consumer: fewer than `limit` for ten minutes, then as many.
pub(super) fn depth_series(consumer: &str, kind: &str, limit: u32) -> Vec<(String, String)> {
    let (consumer, kind) = (text::promql(consumer), text::promql(kind));
    let values = format!("{}x10 {limit}x20", limit.saturating_sub(1));
    let instances = ["a:1", "b:1"].into_iter();
    instances
        .map(|instance| {
            let labels = format!(
                "consumer={consumer},kind={kind},reason=\"handler\",instance=\"{instance}\""
            );
            (format!("dovetail_dlq_messages{{{labels}}}"), values.clone())
        })
        .collect()
}
