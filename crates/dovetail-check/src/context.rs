//! What the rules look at: each interaction with the provider and operation that it names, found once for all of them.

use std::collections::BTreeMap;

use dovetail_contract::conform::Conformances;
use dovetail_contract::contract::{HttpApi, Operation, Service, Workspace};
use dovetail_contract::expect::{Expectation, Interaction};
use dovetail_contract::finding::closest;
use dovetail_contract::placeholder::Values;
use dovetail_contract::source::Span;

/// A workspace being checked.
#[derive(Debug)]
pub(crate) struct Context<'w> {
    pub(crate) workspace: &'w Workspace,
    /// The interactions whose provider and operation exist, in the order of the workspace.
    pub(crate) uses: Vec<Use<'w>>,
}

/// An interaction with all that it names.
#[derive(Debug)]
pub(crate) struct Use<'w> {
    pub(crate) expectation: &'w Expectation,
    pub(crate) interaction: &'w Interaction,
    pub(crate) service: &'w Service,
    pub(crate) api: &'w HttpApi,
    pub(crate) operation: &'w Operation,
    /// Compiled schemas of the provider.
    pub(crate) conformances: std::rc::Rc<Conformances<'w>>,
    /// The example of each value that a state returns.
    pub(crate) examples: Values,
}

impl<'w> Context<'w> {
    pub(crate) fn new(workspace: &'w Workspace) -> Self {
        let mut conformances: BTreeMap<&str, std::rc::Rc<Conformances<'w>>> = BTreeMap::new();
        let mut uses = Vec::new();
        for expectation in &workspace.expectations {
            let Some((service, api)) = provider(workspace, &expectation.provider.value) else {
                continue;
            };
            let compiled = conformances
                .entry(&service.name.value)
                .or_insert_with(|| std::rc::Rc::new(Conformances::new(&api.schemas)));
            for interaction in &expectation.interactions {
                if let Some(operation) = api.operation(&interaction.operation.value) {
                    uses.push(Use {
                        expectation,
                        interaction,
                        service,
                        api,
                        operation,
                        conformances: std::rc::Rc::clone(compiled),
                        examples: examples(interaction),
                    });
                }
            }
        }
        Self { workspace, uses }
    }
}

impl<'w> Use<'w> {
    pub(crate) fn consumer(&self) -> &'w str {
        &self.expectation.consumer.value
    }

    pub(crate) fn provider(&self) -> &'w str {
        &self.expectation.provider.value
    }
}

/// The service with this name, if it provides anything over HTTP.
pub(crate) fn provider<'w>(
    workspace: &'w Workspace,
    name: &str,
) -> Option<(&'w Service, &'w HttpApi)> {
    let service = workspace.services.get(name)?;
    Some((service, service.http.as_ref()?))
}

/// The place in a provider's document that a wrong name of an operation is nearest to.
pub(crate) fn nearest_operation(api: &HttpApi, said: &str) -> (Span, &'static str) {
    let ids = || {
        api.operations
            .iter()
            .map(|operation| operation.id.value.as_str())
    };
    let near = closest(said, ids()).and_then(|id| api.operation(id));
    match (near, api.operations.first()) {
        (Some(near), _) => (near.id.span, "the closest one"),
        (None, Some(first)) => (first.id.span, "the first of its operations"),
        (None, None) => (Span::start_of(api.file), "this declares no operation"),
    }
}

fn examples(interaction: &Interaction) -> Values {
    let returns = interaction.given.iter().flat_map(|given| &given.returns);
    returns
        .map(|(name, example)| (name.clone(), example.value.clone()))
        .collect()
}
