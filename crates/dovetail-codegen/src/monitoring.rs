//! What watches over messages: alert rules and their tests for each service, the routes that alerts take, and one dashboard.
//!
//! Thresholds come from contracts, the names of metrics from the runtime (`dovetail-messaging`, whose module `metrics` lists them). All that
//! a contract says in words passes through [`text`], so that it stays text whatever it holds.

mod alerts;
mod consumer;
mod dashboard;
mod group;
mod outbox;
mod routes;
mod subjects;
mod text;

use std::collections::BTreeMap;

use askama::Template;
use dovetail_contract::contract::{Service, Workspace};
use dovetail_contract::source::{FileId, Sources};

use self::alerts::{Alert, Case};
use self::dashboard::Panel;
use self::routes::Route;
use crate::Package;

/// The rules of one service.
#[derive(Template)]
#[template(path = "monitoring/rules.yaml.j2")]
struct Rules<'a> {
    source: &'a str,
    /// As a YAML string.
    group: String,
    alerts: &'a [Alert],
}

/// What the rules of one service do, as `promtool test rules` reads it.
#[derive(Template)]
#[template(path = "monitoring/rules.test.yaml.j2")]
struct RulesTest<'a> {
    source: &'a str,
    /// As a YAML string.
    file: String,
    cases: &'a [Case],
}

#[derive(Template)]
#[template(path = "monitoring/alertmanager.yaml.j2")]
struct Alertmanager {
    routes: Vec<Route>,
}

#[derive(Template)]
#[template(path = "monitoring/dashboard.json.j2")]
struct Dashboard {
    /// The services, as a JSON string: `orders,payments`.
    services: String,
    panels: Vec<Panel>,
}

/// The files for a workspace: none where no service provides or consumes messages.
///
/// # Errors
///
/// Where a template fails, which is a defect of this crate: a contract to point to, and what failed.
pub(crate) fn monitoring(
    workspace: &Workspace,
    sources: &Sources,
) -> Result<Package, (FileId, String)> {
    let services: Vec<&Service> = workspace
        .services
        .values()
        .filter(|service| has_messages(service))
        .collect();
    let mut files = BTreeMap::new();
    for service in &services {
        let of_service = rules(workspace, sources, service);
        files.extend(of_service.map_err(|error| (service.file, error.to_string()))?);
    }
    if let Some(first) = services.first() {
        let of_all = shared(&services).map_err(|error| (first.file, error.to_string()))?;
        files.extend(of_all);
    }
    let name = String::new();
    Ok(Package { name, files })
}

fn has_messages(service: &Service) -> bool {
    let messaging = &service.messaging;
    !messaging.provides.is_empty() || !messaging.consumes.is_empty()
}

/// The rules of one service, and their test.
fn rules(
    workspace: &Workspace,
    sources: &Sources,
    service: &Service,
) -> askama::Result<[(String, String); 2]> {
    let name = &service.name.value;
    let (alerts, cases) = alerts::alerts(workspace, service);
    let source = &text::line(&sources.file(service.file).path);
    let path = format!("{name}.rules.yaml");
    let group = text::yaml(&format!("dovetail/{name}"));
    let rules = Rules {
        source,
        group,
        alerts: &alerts,
    };
    let file = text::yaml(&path);
    let test = RulesTest {
        source,
        file,
        cases: &cases,
    };
    let test = (format!("{name}.rules.test.yaml"), test.render()?);
    Ok([(path, rules.render()?), test])
}

/// What all services share.
fn shared(services: &[&Service]) -> askama::Result<[(String, String); 2]> {
    let routes = routes::routes(services);
    let names = services.iter().map(|service| service.name.value.as_str());
    let names: Vec<&str> = names.collect();
    let dashboard = Dashboard {
        services: text::json(&names.join(",")),
        panels: dashboard::panels(),
    };
    Ok([
        (
            "alertmanager.yaml".to_owned(),
            Alertmanager { routes }.render()?,
        ),
        ("dashboard.json".to_owned(), dashboard.render()?),
    ])
}

#[cfg(test)]
mod tests;
