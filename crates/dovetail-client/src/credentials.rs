//! What proves who calls, and where it goes.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    error::{ConfigError, FailureKind},
    operation::{Operation, Placement, SecurityScheme},
    parameter::{Flat, Parameter, query_pairs},
};

/// A text that no log and no message may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret into custody.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Shows it, to who must send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<redacted>")
    }
}

/// A proof of who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// A token, for bearer schemes.
    Bearer(Secret),
    /// A user and a password, for basic schemes.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A key, for schemes with a key in a header, the query or a cookie.
    Key(Secret),
}

impl Credential {
    /// A token.
    #[must_use]
    pub fn bearer(token: impl Into<String>) -> Self {
        Self::Bearer(Secret::new(token))
    }

    /// A user and a password.
    #[must_use]
    pub fn basic(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Basic {
            user: user.into(),
            password: Secret::new(password),
        }
    }

    /// A key.
    #[must_use]
    pub fn key(key: impl Into<String>) -> Self {
        Self::Key(Secret::new(key))
    }
}

/// All credentials of a client, ready to send, by the name of their scheme.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    proofs: BTreeMap<&'static str, Proof>,
}

/// A credential where it belongs.
#[derive(Debug, Clone)]
enum Proof {
    Header(HeaderName, HeaderValue),
    /// An encoded pair.
    Query(Secret),
    /// An encoded pair.
    Cookie(Secret),
}

impl Credentials {
    pub(crate) fn add(
        &mut self,
        scheme: SecurityScheme,
        credential: &Credential,
    ) -> Result<(), ConfigError> {
        let unfit = || ConfigError::Credential {
            scheme: scheme.name,
        };
        let proof = Proof::new(scheme.placement, credential).ok_or_else(unfit)?;
        self.proofs.insert(scheme.name, proof);
        Ok(())
    }

    /// Puts the credentials of the first alternative that the client can satisfy into the request.
    pub(crate) fn apply(
        &self,
        operation: &Operation,
        request: &mut Proven<'_>,
    ) -> Result<(), FailureKind> {
        let has_all = |schemes: &&&[SecurityScheme]| {
            !schemes.is_empty()
                && schemes
                    .iter()
                    .all(|scheme| self.proofs.contains_key(scheme.name))
        };
        let Some(schemes) = operation.security.iter().find(has_all) else {
            let may_be_anonymous = operation.security.iter().any(|schemes| schemes.is_empty());
            return if operation.security.is_empty() || may_be_anonymous {
                Ok(())
            } else {
                Err(FailureKind::MissingCredentials {
                    schemes: alternatives(operation),
                })
            };
        };
        for proof in schemes
            .iter()
            .filter_map(|scheme| self.proofs.get(scheme.name))
        {
            match proof {
                Proof::Header(name, value) => {
                    request.headers.insert(name, value.clone());
                }
                Proof::Query(pair) => join(request.query, "&", pair.expose()),
                Proof::Cookie(pair) => join(request.cookies, "; ", pair.expose()),
            }
        }
        Ok(())
    }
}

/// The parts of a request that credentials go into.
pub(crate) struct Proven<'a> {
    pub(crate) headers: &'a mut HeaderMap,
    pub(crate) query: &'a mut String,
    pub(crate) cookies: &'a mut String,
}

impl Proof {
    fn new(placement: Placement, credential: &Credential) -> Option<Self> {
        let header = |name: HeaderName, text: String| {
            let mut value = HeaderValue::try_from(text).ok()?;
            value.set_sensitive(true);
            Some(Self::Header(name, value))
        };
        match (placement, credential) {
            (Placement::Bearer, Credential::Bearer(token)) => {
                header(header::AUTHORIZATION, format!("Bearer {}", token.expose()))
            }
            (Placement::Basic, Credential::Basic { user, password }) if !user.contains(':') => {
                let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
                header(header::AUTHORIZATION, format!("Basic {pair}"))
            }
            (Placement::Header(name), Credential::Key(key)) => {
                header(HeaderName::try_from(name).ok()?, key.expose().to_owned())
            }
            (Placement::Query(name), Credential::Key(key)) => Some(Self::Query(pair(name, key)?)),
            (Placement::Cookie(name), Credential::Key(key)) => Some(Self::Cookie(pair(name, key)?)),
            _ => None,
        }
    }
}

/// Writes `name=key`, encoded as any parameter.
fn pair(name: &'static str, key: &Secret) -> Option<Secret> {
    let value = Flat::Text(key.expose().to_owned());
    let (name, key) = query_pairs(&Parameter::query(name), &value).ok()?.pop()?;
    Some(Secret::new(format!("{name}={key}")))
}

fn alternatives(operation: &Operation) -> Vec<String> {
    let names = |schemes: &&[SecurityScheme]| {
        schemes
            .iter()
            .map(|scheme| scheme.name)
            .collect::<Vec<_>>()
            .join(" and ")
    };
    operation.security.iter().map(names).collect()
}

/// Appends with a separator where there is something before.
pub(crate) fn join(text: &mut String, separator: &str, part: &str) {
    if !text.is_empty() {
        text.push_str(separator);
    }
    text.push_str(part);
}

#[cfg(test)]
mod tests;
