//! What is to be replayed, in which order.

use std::collections::BTreeMap;

use dovetail_contract::conform::Conformances;
use dovetail_contract::contract::{HttpApi, Isolation, Operation, Workspace};
use dovetail_contract::expect::{Expectation, Interaction};
use dovetail_contract::source::Sources;

/// Which interactions are wanted; what is not said does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this provider.
    pub provider: Option<String>,
    /// Of this consumer.
    pub consumer: Option<String>,
    /// Of this operation.
    pub operation: Option<String>,
    /// With this text in their name, whatever its case.
    pub name: Option<String>,
}

/// Interactions to be replayed, in the order of the workspace: by consumer, provider and place in the file.
#[derive(Debug)]
pub struct Plan<'w> {
    pub(crate) sources: &'w Sources,
    pub(crate) interactions: Vec<Planned<'w>>,
    /// Compiled schemas of each provider, by its name.
    pub(crate) conformances: BTreeMap<&'w str, Conformances<'w>>,
}

/// One interaction with all that it names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned<'w> {
    pub(crate) expectation: &'w Expectation,
    pub(crate) interaction: &'w Interaction,
    /// `None` where the workspace has no such provider.
    pub(crate) api: Option<&'w HttpApi>,
    /// `None` where the provider has no such operation.
    pub(crate) operation: Option<&'w Operation>,
}

/// Selects the interactions that pass the filter. An empty plan proves nothing; the caller says so.
#[must_use]
pub fn plan<'w>(workspace: &'w Workspace, sources: &'w Sources, filter: &Filter) -> Plan<'w> {
    let mut interactions = Vec::new();
    for expectation in &workspace.expectations {
        let api = workspace
            .services
            .get(&expectation.provider.value)
            .and_then(|service| service.http.as_ref());
        for interaction in &expectation.interactions {
            if filter.accepts(expectation, interaction) {
                interactions.push(Planned {
                    expectation,
                    interaction,
                    api,
                    operation: api.and_then(|api| api.operation(&interaction.operation.value)),
                });
            }
        }
    }
    let conformances = interactions
        .iter()
        .filter_map(|planned| Some((planned.provider(), Conformances::new(&planned.api?.schemas))))
        .collect();
    Plan {
        sources,
        interactions,
        conformances,
    }
}

impl Plan<'_> {
    /// How many interactions were selected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.interactions.len()
    }

    /// Whether none was selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.interactions.is_empty()
    }

    /// The providers concerned, in order.
    #[must_use]
    pub fn providers(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.interactions.iter().map(Planned::provider).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Consumer, provider and name of each interaction, in order.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.interactions.iter().map(|planned| {
            let consumer = planned.expectation.consumer.value.as_str();
            let name = planned.interaction.name.value.as_str();
            (consumer, planned.provider(), name)
        })
    }
}

impl<'w> Planned<'w> {
    pub(crate) fn provider(&self) -> &'w str {
        &self.expectation.provider.value
    }

    /// Whether nothing else may run beside it. A state that nobody declared may do anything, so it is taken to be exclusive.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.interaction.given.iter().any(|given| {
            let state = self
                .api
                .and_then(|api| api.states.known.get(&given.state.value));
            state.is_none_or(|state| state.isolation == Isolation::Exclusive)
        })
    }
}

impl Filter {
    fn accepts(&self, expectation: &Expectation, interaction: &Interaction) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|it| it == name);
        let named = self.name.as_ref().is_none_or(|name| {
            let all = interaction.name.value.to_lowercase();
            all.contains(&name.to_lowercase())
        });
        is(&self.provider, &expectation.provider.value)
            && is(&self.consumer, &expectation.consumer.value)
            && is(&self.operation, &interaction.operation.value)
            && named
    }
}
