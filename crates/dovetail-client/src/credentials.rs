//! What proves who calls, and where it goes.

mod grant;

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use dovetail_resilience::Clock;
use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use self::grant::{ClientAuthentication, ClientCredentials};
use self::grant::{Grant, Token};
use crate::{
    error::{ConfigError, FailureKind, TokenError},
    operation::{Operation, Placement, SecurityScheme},
    parameter::{Flat, Parameter, query_pairs},
    transport::Transport,
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
    /// A key, for schemes with a key in a header, the query or a cookie, and for other schemes of the `Authorization`
    /// header.
    Key(Secret),
    /// What tokens for bearer schemes are fetched with.
    ClientCredentials(ClientCredentials),
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

    /// What tokens are fetched with.
    #[must_use]
    pub const fn client_credentials(credentials: ClientCredentials) -> Self {
        Self::ClientCredentials(credentials)
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
#[derive(Debug)]
enum Proof {
    Header(HeaderName, HeaderValue),
    /// An encoded pair.
    Query(Secret),
    /// An encoded pair.
    Cookie(Secret),
    /// The `Authorization` header, with a token that is fetched first.
    Grant(Box<Grant>),
}

/// The tokens that were fetched for a call, by the name of their scheme.
#[derive(Default)]
pub(crate) struct Tokens(Vec<(&'static str, Token)>);

impl Tokens {
    /// Whether all of them are as new as can be, so that others would fare no better.
    pub(crate) fn are_new(&self) -> bool {
        self.0.iter().all(|(_, token)| token.is_new)
    }
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
        let proof = match credential {
            Credential::ClientCredentials(config) if scheme.placement == Placement::Bearer => {
                let refuse = |reason| ConfigError::TokenUrl {
                    scheme: scheme.name,
                    reason,
                };
                Proof::Grant(Box::new(Grant::new(config).map_err(refuse)?))
            }
            _ => Proof::new(scheme.placement, credential).ok_or_else(unfit)?,
        };
        self.proofs.insert(scheme.name, proof);
        Ok(())
    }

    /// Whether tokens must be fetched before the operation is called.
    pub(crate) fn need_tokens(&self, operation: &Operation) -> bool {
        // Most clients have no such credential, which is soon seen.
        self.grants(operation).next().is_some()
    }

    /// Fetches the tokens that the operation needs, unless they are known.
    pub(crate) async fn tokens(
        &self,
        operation: &Operation,
        transport: &dyn Transport,
        clock: Clock,
    ) -> Result<Tokens, TokenError> {
        let mut tokens = Vec::new();
        for (scheme, grant) in self.grants(operation) {
            tokens.push((scheme, grant.token(transport, clock).await?));
        }
        Ok(Tokens(tokens))
    }

    /// Forgets tokens that were refused.
    pub(crate) fn forget(&self, tokens: &Tokens) {
        for (scheme, token) in &tokens.0 {
            if let Some(Proof::Grant(grant)) = self.proofs.get(scheme) {
                grant.forget(token);
            }
        }
    }

    /// Puts the credentials of the first alternative that the client can satisfy into the request.
    pub(crate) fn apply(
        &self,
        operation: &Operation,
        tokens: &Tokens,
        request: &mut Proven<'_>,
    ) -> Result<(), FailureKind> {
        let Some(schemes) = self.alternative(operation) else {
            let may_be_anonymous = operation.security.iter().any(|schemes| schemes.is_empty());
            return if operation.security.is_empty() || may_be_anonymous {
                Ok(())
            } else {
                Err(FailureKind::MissingCredentials {
                    schemes: alternatives(operation),
                })
            };
        };
        for scheme in schemes {
            match self.proofs.get(scheme.name) {
                Some(Proof::Header(name, value)) => {
                    request.headers.insert(name, value.clone());
                }
                Some(Proof::Query(pair)) => join_once(request.query, pair.expose()),
                Some(Proof::Cookie(pair)) => join(request.cookies, "; ", pair.expose()),
                Some(Proof::Grant(_)) => {
                    let token = tokens.0.iter().find(|(name, _)| *name == scheme.name);
                    let value = token.map(|(_, token)| token.header.clone());
                    request
                        .headers
                        .extend(value.map(|value| (header::AUTHORIZATION, value)));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The first alternative that the client can satisfy, if the operation needs any.
    fn alternative(&self, operation: &Operation) -> Option<&'static [SecurityScheme]> {
        let has_all = |schemes: &&&[SecurityScheme]| {
            !schemes.is_empty()
                && schemes
                    .iter()
                    .all(|scheme| self.proofs.contains_key(scheme.name))
        };
        operation.security.iter().find(has_all).copied()
    }

    fn grants(&self, operation: &Operation) -> impl Iterator<Item = (&'static str, &Grant)> {
        let is_grant = |proof: &Proof| matches!(proof, Proof::Grant(_));
        // Looked at first, because an alternative is only worth finding where something could come of it.
        let schemes = if self.proofs.values().any(is_grant) {
            self.alternative(operation)
        } else {
            None
        };
        schemes
            .unwrap_or_default()
            .iter()
            .filter_map(|scheme| match self.proofs.get(scheme.name) {
                Some(Proof::Grant(grant)) => Some((scheme.name, &**grant)),
                _ => None,
            })
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
            (Placement::Authorization(scheme), Credential::Key(key)) => {
                header(header::AUTHORIZATION, format!("{scheme} {}", key.expose()))
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

/// Appends a pair to a query, unless it stands there, as it may in a link to the next page.
fn join_once(query: &mut String, pair: &str) {
    if !query.split('&').any(|known| known == pair) {
        join(query, "&", pair);
    }
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
