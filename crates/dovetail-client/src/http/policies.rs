//! The state of policies: which calls share a breaker, a budget and a bulkhead.
//!
//! Operations of a service whose breakers are configured alike share one, because a service usually fails as a whole; so
//! it is with budgets and bulkheads. An operation that is configured otherwise has its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use dovetail_resilience::{
    Breaker, Budget, Bulkhead, Chance, Clock, Stack, breaker, budget, bulkhead,
};

use crate::{
    operation::Operation,
    policy::{Policy, PolicyError, PolicySet, Scope},
};

/// The policy of one operation, with its state.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) policy: Policy,
    pub(crate) stack: Stack,
}

#[derive(Debug)]
pub(super) struct Policies {
    /// Policies of a consumer, in place of those of the operations.
    of_consumer: &'static [(&'static str, Policy)],
    overrides: PolicySet,
    clock: Clock,
    chance: Chance,
    /// By identifier of the operation, filled at the first call.
    resolved: RwLock<HashMap<&'static str, Arc<Resolved>>>,
    shared: Mutex<Shared>,
}

/// State that operations share, by configuration. There are as many entries as different configurations, which is few.
#[derive(Debug, Default)]
struct Shared {
    breakers: Vec<(breaker::Config, Breaker)>,
    budgets: Vec<(budget::Config, Budget)>,
    bulkheads: Vec<(bulkhead::Config, Bulkhead)>,
}

impl Policies {
    pub(super) fn new(
        of_consumer: &'static [(&'static str, Policy)],
        overrides: PolicySet,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        Self {
            of_consumer,
            overrides,
            clock,
            chance,
            resolved: RwLock::default(),
            shared: Mutex::default(),
        }
    }

    pub(super) fn of(&self, operation: &'static Operation) -> Result<Arc<Resolved>, PolicyError> {
        let known = self
            .resolved
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(operation.id)
            .cloned();
        if let Some(resolved) = known {
            return Ok(resolved);
        }
        let own = self.of_consumer.iter().find(|(id, _)| *id == operation.id);
        let base = own.map_or(operation.policy, |(_, policy)| *policy);
        let policy = self.overrides.apply(operation, base)?;
        let mut resolved = self
            .resolved
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Another call may have come first, and its breaker must not be replaced.
        let entry = resolved.entry(operation.id);
        Ok(Arc::clone(entry.or_insert_with(|| {
            Arc::new(Resolved {
                policy,
                stack: self.stack(operation, &policy),
            })
        })))
    }

    fn stack(&self, operation: &Operation, policy: &Policy) -> Stack {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        Stack {
            total: policy.total,
            attempt: policy.attempt,
            retry: policy.retry.config(policy.deadline.min_useful),
            budget: policy
                .retry
                .budget
                .map(|config| share(&mut shared.budgets, config, || Budget::new(config, now))),
            bulkhead: policy
                .bulkhead
                .map(|config| share(&mut shared.bulkheads, config, || Bulkhead::new(config))),
            breaker: policy
                .breaker
                .map(|config| self.breaker(operation, policy.breaker_scope, config, &mut shared)),
            clock: self.clock,
            chance: self.chance.clone(),
        }
    }

    fn breaker(
        &self,
        operation: &Operation,
        scope: Scope,
        config: breaker::Config,
        shared: &mut Shared,
    ) -> Breaker {
        let service = operation.service.name;
        let make = |name: &str| Breaker::new(name, config, self.clock, self.chance.clone());
        match scope {
            Scope::Service => share(&mut shared.breakers, config, || make(service)),
            Scope::Operation => make(&format!("{service}/{}", operation.id)),
        }
    }
}

fn share<C: PartialEq + Copy, T: Clone>(
    known: &mut Vec<(C, T)>,
    config: C,
    make: impl FnOnce() -> T,
) -> T {
    if let Some((_, state)) = known.iter().find(|(known, _)| *known == config) {
        return state.clone();
    }
    let state = make();
    known.push((config, state.clone()));
    state
}
