//! Access tokens by client credentials (RFC 6749, section 4.4): fetched when they are needed, kept while they are good.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use dovetail_resilience::{Clock, Instant};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::Value;
use url::{
    Host, Url,
    form_urlencoded::{Serializer, byte_serialize},
};

use super::Secret;
use crate::{
    error::{TokenError, TokenRefusal},
    operation::Method,
    response::Response,
    transport::{Request, Transport},
};

/// How a client gets access tokens for itself: `OAuth 2` client credentials.
///
/// The token is fetched over the client's own transport when a call first needs it, by one call at a time, and again
/// before it runs out. The time that this takes is part of the call's. A call that is refused with status 401 although it
/// had a token from before gets a new one and is made once more: 401 means that it was not worked on.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Where tokens are issued: an `https` URL, or one of this machine.
    pub token_url: String,
    /// The identifier of the client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// What the token shall be good for; nothing asks for what the service grants anyway.
    pub scopes: Vec<String>,
    /// What else a service wants to know, by name, such as `audience`.
    pub parameters: Vec<(String, String)>,
    /// How the client proves itself to who issues tokens.
    pub authentication: ClientAuthentication,
}

/// How a client proves itself to who issues tokens (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// In the `Authorization` header, as every service that issues tokens must take it.
    #[default]
    Basic,
    /// In the body, for services that take nothing else.
    Form,
}

impl ClientCredentials {
    /// Client credentials without scopes.
    #[must_use]
    pub fn new(
        token_url: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        Self {
            token_url: token_url.into(),
            client_id: client_id.into(),
            client_secret: Secret::new(client_secret),
            scopes: Vec::new(),
            parameters: Vec::new(),
            authentication: ClientAuthentication::Basic,
        }
    }

    /// The same with these scopes.
    #[must_use]
    pub fn scopes(self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self { scopes, ..self }
    }

    /// The same with one more parameter of the request for a token.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// The same, proved in another way.
    #[must_use]
    pub fn authentication(self, authentication: ClientAuthentication) -> Self {
        Self {
            authentication,
            ..self
        }
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Parameters, and those of the URL, may be secrets as well.
        formatter
            .debug_struct("ClientCredentials")
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .field("authentication", &self.authentication)
            .finish_non_exhaustive()
    }
}

/// Client credentials at work: the request for a token, and the token.
pub(super) struct Grant {
    url: Url,
    authorization: Option<HeaderValue>,
    body: Bytes,
    token: Mutex<Option<Token>>,
    /// Held by the one call that fetches a token.
    fetching: tokio::sync::Mutex<()>,
}

/// A token, and until when it is good. Where nobody said until when, it is until a call is refused.
#[derive(Clone)]
pub(crate) struct Token {
    pub(super) header: HeaderValue,
    refresh_at: Option<Instant>,
    expires_at: Option<Instant>,
    /// Whether it was fetched for the call that asked.
    pub(super) is_new: bool,
}

/// The longest answer that may hold a token. Those with many claims have some kilobytes.
const ANSWER_MAX: usize = 64 * 1024;

/// How long before its end a token is replaced, for those that last for minutes. Others are once a fifth is left.
const REFRESH_BEFORE: Duration = Duration::from_secs(30);

/// How long a token that is still good serves on after it could not be replaced.
const REFRESH_AGAIN: Duration = Duration::from_secs(1);

impl Grant {
    /// Checks the configuration.
    pub(super) fn new(config: &ClientCredentials) -> Result<Self, &'static str> {
        let url = token_url(&config.token_url)?;
        let secret = config.client_secret.expose();
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !config.scopes.is_empty() {
            form.append_pair("scope", &config.scopes.join(" "));
        }
        form.extend_pairs(&config.parameters);
        let authorization = match config.authentication {
            ClientAuthentication::Basic => {
                // Both are encoded first, so that an identifier may hold a colon.
                let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encode(&config.client_id), encode(secret));
                let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)));
                let mut value = value.map_err(|_| "the client's secret cannot be sent")?;
                value.set_sensitive(true);
                Some(value)
            }
            ClientAuthentication::Form => {
                form.append_pair("client_id", &config.client_id);
                form.append_pair("client_secret", secret);
                None
            }
        };
        Ok(Self {
            url,
            authorization,
            body: form.finish().into(),
            token: Mutex::new(None),
            fetching: tokio::sync::Mutex::new(()),
        })
    }

    /// A token that is good now.
    pub(super) async fn token(
        &self,
        transport: &dyn Transport,
        clock: Clock,
    ) -> Result<Token, TokenError> {
        let usable = self.usable(clock.now());
        if let Some((token, false)) = usable {
            return Ok(token);
        }
        let Some((old, _)) = usable else {
            let _fetching = self.fetching.lock().await;
            // Whoever was first may have fetched it.
            return match self.usable(clock.now()) {
                Some((token, _)) => Ok(token),
                None => self.fetch(transport, clock).await,
            };
        };
        // The old one is still good, so that nobody needs to wait for who is replacing it.
        let Ok(_fetching) = self.fetching.try_lock() else {
            return Ok(old);
        };
        match self.usable(clock.now()) {
            Some((token, false)) => Ok(token),
            _ => Ok(self.fetch(transport, clock).await.unwrap_or_else(|_| {
                if let Some(token) = &mut *self.lock() {
                    token.refresh_at = Some(clock.now() + REFRESH_AGAIN);
                }
                old
            })),
        }
    }

    /// Forgets a token that was refused, unless another has taken its place.
    pub(super) fn forget(&self, refused: &Token) {
        let mut token = self.lock();
        if token
            .as_ref()
            .is_some_and(|token| token.header == refused.header)
        {
            *token = None;
        }
    }

    /// The token, if it is good at the instant, and whether it is time to replace it.
    fn usable(&self, now: Instant) -> Option<(Token, bool)> {
        let has_come = |instant: Option<Instant>| instant.is_some_and(|instant| instant <= now);
        let token = self.lock().clone()?;
        let must_refresh = has_come(token.refresh_at);
        (!has_come(token.expires_at)).then_some((token, must_refresh))
    }

    async fn fetch(&self, transport: &dyn Transport, clock: Clock) -> Result<Token, TokenError> {
        let start = clock.now();
        let answer = transport
            .send(self.request(), ANSWER_MAX)
            .await
            .map_err(TokenError::Transport)?;
        let token = read(&answer, start)?;
        let known = Token {
            is_new: false,
            ..token.clone()
        };
        *self.lock() = Some(known);
        Ok(token)
    }

    fn request(&self) -> Request {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(header::CONTENT_TYPE, form);
        headers.insert(header::ACCEPT, json);
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        Request {
            method: Method::Post,
            url: self.url.clone(),
            headers,
            body: self.body.clone().into(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Token>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Grant")
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}

/// Checks where tokens are issued. A secret goes there, so nobody on the way may read it.
fn token_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is not an absolute url")?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        _ if url.fragment().is_some() => Err("it has a fragment"),
        _ if !url.username().is_empty() || url.password().is_some() => {
            Err("it has a user or a password")
        }
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        _ => Err("it is neither https nor of this machine"),
    }
}

/// What an answer with a token holds (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Issued {
    access_token: String,
    token_type: String,
    /// In seconds, which some services write as text.
    expires_in: Option<Value>,
}

impl Issued {
    /// How long the token is good for. What is no number says nothing: the token is kept until it is refused.
    fn lifetime(&self) -> Option<Duration> {
        let seconds = match self.expires_in.as_ref()? {
            Value::String(text) => text.trim().parse().ok()?,
            value => value.as_f64()?,
        };
        // A year is as good as any longer time, and can be added to any instant.
        Duration::try_from_secs_f64(f64::min(seconds, 31_536_000.0)).ok()
    }
}

/// What an answer without a token holds (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// Reads the token of an answer to a request that was sent at `start`.
fn read(answer: &Response, start: Instant) -> Result<Token, TokenError> {
    if !answer.is_success() {
        let refused: Option<Refused> = answer.json().ok();
        return Err(TokenError::Refused {
            status: answer.status(),
            reason: refused.and_then(|refused| TokenRefusal::of(&refused.error)),
        });
    }
    // What did not decode is not told, since a part of it may be a token.
    let issued: Issued = answer.json().map_err(|_| TokenError::NoToken)?;
    if !issued.token_type.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::NoToken);
    }
    let header = HeaderValue::try_from(format!("Bearer {}", issued.access_token));
    let mut header = header.map_err(|_| TokenError::NoToken)?;
    header.set_sensitive(true);
    let lifetime = issued.lifetime();
    let refresh_after = lifetime.map(|lifetime| lifetime - REFRESH_BEFORE.min(lifetime / 5));
    Ok(Token {
        header,
        refresh_at: refresh_after.map(|after| start + after),
        expires_at: lifetime.map(|lifetime| start + lifetime),
        is_new: true,
    })
}

#[cfg(test)]
mod tests;
