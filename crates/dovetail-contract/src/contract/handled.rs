//! Which messages a service handles: those that it names under `consumes`, and its own commands that no service names there.

use std::collections::HashSet;

use super::{ConsumeSettings, Consumption, Message, Service, Workspace};
use crate::source::Span;

/// A message that a service handles.
#[derive(Debug, Clone, Copy)]
pub struct Handled<'w> {
    /// Who handles it.
    pub service: &'w Service,
    /// Who provides it: the service itself, where it is a command of its own that nobody names.
    pub provider: &'w Service,
    /// Its name there.
    pub name: &'w str,
    /// What it is.
    pub message: &'w Message,
    /// What the contract says of consuming it; none for a command of the service's own that nobody names.
    pub consumption: Option<&'w Consumption>,
}

impl Workspace {
    /// All messages that a service handles: those under `consumes` in their order, and then its own commands that no service names under
    /// `consumes`. What nobody provides is left out; a finding says so.
    #[must_use]
    pub fn handled<'w>(&'w self, service: &'w Service) -> Vec<Handled<'w>> {
        let consumes = service.messaging.consumes.values();
        let named = consumes.filter_map(|consumption| {
            let (provider, message) = self.message(consumption)?;
            Some(Handled {
                service,
                provider,
                name: &consumption.message,
                message,
                consumption: Some(consumption),
            })
        });
        let mut handled: Vec<Handled<'w>> = named.collect();
        if service.messaging.commands().next().is_none() {
            return handled;
        }
        let services = self.services.values();
        let taken: HashSet<&str> = services
            .flat_map(|other| other.messaging.consumes.values())
            .filter(|consumption| consumption.provider == service.name.value)
            .map(|consumption| consumption.message.as_str())
            .collect();
        let commands = service.messaging.commands();
        let own = commands.filter(|(name, _)| !taken.contains(name));
        handled.extend(own.map(|(name, message)| Handled {
            service,
            provider: service,
            name,
            message,
            consumption: None,
        }));
        handled
    }
}

impl<'w> Handled<'w> {
    /// The handler's name: that of the command, where the contract gives none.
    #[must_use]
    pub fn handler(&self) -> &'w str {
        match self.consumption {
            Some(consumption) => &consumption.handler.value,
            None => self.name,
        }
    }

    /// What inboxes and dead letters know the handler by: `service/provider/handler`.
    #[must_use]
    pub fn known_as(&self) -> String {
        let (service, provider) = (&self.service.name.value, &self.provider.name.value);
        format!("{service}/{provider}/{}", self.handler())
    }

    /// Where it is said: where it is named, or where the command is declared.
    #[must_use]
    pub fn span(&self) -> Span {
        let consumption = self.consumption;
        consumption.map_or(self.message.span, |consumption| consumption.span)
    }

    /// Whether the contract wants messages of one key handled in their order. A handler under a lease cannot do that.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        match self.consumption {
            Some(consumption) => consumption.is_ordered(self.message),
            None => self.message.key.is_some(),
        }
    }

    /// How it is consumed, with what the workspace says of all messages.
    #[must_use]
    pub fn settings(&self, workspace: &Workspace) -> ConsumeSettings {
        let defaults = &workspace.settings.messaging;
        match self.consumption {
            Some(consumption) => consumption.settings.over(defaults),
            None => defaults.clone(),
        }
    }
}
