//! Policies as whoever runs a client wants them, layered over those of the contract.

use std::{collections::BTreeMap, fs, path::Path};

use thiserror::Error;

use super::{
    Policy,
    document::{self, PolicyPatch, ServicePatch},
};
use crate::operation::{Operation, Service};

/// Overrides of policies, read from YAML when the client is built.
///
/// ```yaml
/// services:
///   orders:
///     policy:                       # for every operation of the service
///       timeout: { total: 2s }
///     operations:
///       getOrder:
///         timeout: { total: 800ms, attempt: 300ms }
///         retry: { max_attempts: 2, on: [connect, 503] }
///         breaker: off
/// ```
///
/// What is not mentioned stays as the contract has it. A key that means nothing is an error, with its line and column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicySet {
    services: BTreeMap<String, ServicePatch>,
}

impl PolicySet {
    /// Reads overrides.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] where the text is not of the form above.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        document::read(text).map(|services| Self { services })
    }

    /// Reads overrides from a file.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] where the file cannot be read, or is not of the form above.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, PolicyError> {
        let text = fs::read_to_string(path).map_err(PolicyError::Unreadable)?;
        Self::from_yaml(&text)
    }

    /// A policy of an operation with its overrides: the service's first, then its own.
    pub(crate) fn apply(&self, operation: &Operation, base: Policy) -> Result<Policy, PolicyError> {
        let Some(service) = self.services.get(operation.service.name) else {
            return Ok(base);
        };
        let patches = [
            service.policy.as_ref(),
            service.operations.get(operation.id),
        ];
        let policy = patches.into_iter().flatten().fold(base, PolicyPatch::apply);
        if policy.attempt.is_some_and(|attempt| attempt > policy.total) {
            let (service, operation) = (operation.service.name, operation.id.to_owned());
            return Err(PolicyError::AttemptExceedsTotal { service, operation });
        }
        Ok(policy)
    }

    /// Finds an override that could never apply, because the service has no such operation.
    pub(crate) fn check(&self, service: &Service) -> Result<(), PolicyError> {
        let operations = self
            .services
            .get(service.name)
            .into_iter()
            .flat_map(|patch| patch.operations.keys());
        service.check(operations.map(String::as_str))
    }
}

/// Overrides cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("the file of policies cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The text is not a document of policies.
    #[error("line {line}, column {column}: {message}")]
    Malformed {
        /// The line, counted from one.
        line: u64,
        /// The column, counted from one.
        column: u64,
        /// What is wrong there.
        message: String,
    },
    /// The service has no such operation.
    #[error("the service `{service}` has no operation `{operation}`")]
    UnknownOperation {
        /// The service.
        service: &'static str,
        /// The operation that it does not have.
        operation: String,
    },
    /// One attempt may take longer than the whole call.
    #[error("an attempt at `{operation}` of `{service}` may take longer than the whole call")]
    AttemptExceedsTotal {
        /// The service.
        service: &'static str,
        /// The operation.
        operation: String,
    },
}

#[cfg(test)]
mod tests;
