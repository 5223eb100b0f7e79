//! Who consumes what, by the names that the runtime has for it.

use std::collections::BTreeMap;

use dovetail_contract::contract::{ConsumePolicy, Service, Workspace};

/// A consumer of one message.
#[derive(Debug)]
pub(super) struct Consumer {
    /// `service/provider/handler`: what the inbox and the dead letters know it by.
    pub(super) name: String,
    /// The message as contracts name it: `provider/message`.
    pub(super) message: String,
    /// The name of the message alone, which is its kind on the wire.
    pub(super) kind: String,
    /// How it consumes.
    pub(super) policy: ConsumePolicy,
}

/// All consumers of one service on one channel. They are received, and pause, together.
#[derive(Debug)]
pub(super) struct Group {
    /// `service/channel`.
    pub(super) name: String,
    /// How many dead letters raise an alert that belong to none of its consumers.
    pub(super) alert_depth: u32,
}

/// The consumers of a service, in the order of its contract, and then those of its own commands that nobody names.
pub(super) fn consumers(workspace: &Workspace, service: &Service) -> Vec<Consumer> {
    let handled = workspace.handled(service).into_iter();
    let consumers = handled.map(|one| Consumer {
        name: one.known_as(),
        message: format!("{}/{}", one.provider.name.value, one.name),
        kind: one.name.to_owned(),
        policy: one.settings(workspace).resolve(),
    });
    consumers.collect()
}

/// The groups of a service, by name.
pub(super) fn groups(workspace: &Workspace, service: &Service) -> Vec<Group> {
    let mut groups: BTreeMap<String, u32> = BTreeMap::new();
    for handled in workspace.handled(service) {
        let Some(channel) = &handled.message.channel else {
            continue;
        };
        let depth = handled.settings(workspace).resolve().alert_depth;
        groups
            .entry(format!("{}/{}", service.name.value, channel.value))
            .and_modify(|least| *least = depth.min(*least))
            .or_insert(depth);
    }
    let groups = groups.into_iter();
    groups
        .map(|(name, alert_depth)| Group { name, alert_depth })
        .collect()
}

/// The channels that a service publishes to, by the names that the broker has for them.
pub(super) fn published(workspace: &Workspace, service: &Service) -> Vec<String> {
    let messages = service.messaging.provides.values();
    let mut addresses: Vec<String> = messages
        .filter_map(|message| workspace.channel(message))
        .map(|channel| channel.address.clone())
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}
