//! Whom alerts reach: one receiver for each owner and severity.

use std::collections::BTreeSet;

use dovetail_contract::contract::Service;

use super::alerts::{Severity, owner};
use super::text;

/// The way of one owner's alerts of one severity, all texts as YAML strings.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) matchers: Vec<String>,
    pub(super) receiver: String,
    /// How often an alert that goes on is told again.
    pub(super) again: &'static str,
}

/// The routes of all owners, by name; then those of services without one.
pub(super) fn routes(services: &[&Service]) -> Vec<Route> {
    let owners: BTreeSet<String> = services.iter().filter_map(|one| owner(one)).collect();
    let mut routes = Vec::new();
    for owner in owners.iter().map(Some).chain([None]) {
        for severity in [Severity::Page, Severity::Ticket] {
            routes.push(route(owner.map(String::as_str), severity));
        }
    }
    routes
}

fn route(owner: Option<&str>, severity: Severity) -> Route {
    let severity_is = format!("severity={}", text::promql(severity.as_str()));
    let owner_is = owner.map(|owner| format!("owner={}", text::promql(owner)));
    let matchers = owner_is.iter().chain([&severity_is]);
    // Without an owner there is no slash, so that no owner's receiver has the same name.
    let receiver = match owner {
        Some(owner) => format!("{owner}/{}", severity.as_str()),
        None => severity.as_str().to_owned(),
    };
    Route {
        matchers: matchers.map(|matcher| text::yaml(matcher)).collect(),
        receiver: text::yaml(&receiver),
        again: match severity {
            Severity::Page => "1h",
            Severity::Ticket => "1d",
        },
    }
}
