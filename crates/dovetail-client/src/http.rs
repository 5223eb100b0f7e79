//! The client of one service: connections, credentials, and the state of its policies.

mod base_url;
mod policies;

use std::{sync::Arc, time::Duration};

use dovetail_resilience::{Breaker, Chance, Clock};
use http::{HeaderMap, HeaderName, HeaderValue};

use self::policies::Policies;
#[cfg(feature = "tls")]
use crate::transport::TlsOptions;
use crate::{
    call::Call,
    credentials::{Credential, Credentials},
    error::ConfigError,
    headers,
    operation::{Operation, SecurityScheme, Service},
    policy::{Policy, PolicyError, PolicySet},
    transport::{Network, NetworkOptions, Transport},
};

pub(crate) use self::{base_url::BaseUrl, policies::Resolved};

/// The client of one service. Cloning is cheap, and clones share everything.
///
/// Generated clients wrap one of these; see the [crate documentation](crate) for how.
#[derive(Debug, Clone)]
pub struct Http {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) base_url: BaseUrl,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) credentials: Credentials,
    /// Headers of every request.
    pub(crate) headers: HeaderMap,
    pub(crate) deadline_header: Option<HeaderName>,
    pub(crate) body_max: usize,
    pub(crate) stream_idle_timeout: Duration,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    policies: Policies,
}

/// The longest body of an answer, unless the builder says otherwise: 8 MiB.
pub const BODY_MAX: usize = 8 * 1024 * 1024;

/// How long a connection may take to come about, unless the builder says otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a streamed answer may pause, unless the builder says otherwise: twice what services of events usually let
/// pass without a comment to keep the connection.
pub const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

impl Http {
    /// Begins a client of the service.
    pub fn builder(service: &'static Service) -> HttpBuilder {
        HttpBuilder {
            service,
            base_url: None,
            operation_policies: &[],
            policies: PolicySet::default(),
            credentials: Credentials::default(),
            headers: HeaderMap::new(),
            deadline_header: Some(headers::DEADLINE),
            body_max: BODY_MAX,
            stream_idle_timeout: STREAM_IDLE_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            http2_only: false,
            system_proxy: false,
            #[cfg(feature = "tls")]
            tls: TlsOptions::default(),
            transport: None,
            clock: Clock::system(),
            chance: None,
            problem: None,
        }
    }

    /// Begins a call.
    pub fn call(&self, operation: &'static Operation) -> Call<'_> {
        Call::new(self, operation)
    }

    /// The breaker of an operation, if it has one: to look at, or to open and close by hand.
    #[must_use]
    pub fn breaker(&self, operation: &'static Operation) -> Option<Breaker> {
        self.policies(operation)
            .ok()
            .and_then(|resolved| resolved.stack.breaker.clone())
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(crate) fn policies(
        &self,
        operation: &'static Operation,
    ) -> Result<Arc<Resolved>, PolicyError> {
        self.inner.policies.of(operation)
    }
}

/// A client in the making.
#[derive(Debug)]
#[must_use = "a client is there once it is built"]
pub struct HttpBuilder {
    service: &'static Service,
    base_url: Option<BaseUrl>,
    operation_policies: &'static [(&'static str, Policy)],
    policies: PolicySet,
    credentials: Credentials,
    headers: HeaderMap,
    deadline_header: Option<HeaderName>,
    body_max: usize,
    stream_idle_timeout: Duration,
    connect_timeout: Duration,
    http2_only: bool,
    system_proxy: bool,
    #[cfg(feature = "tls")]
    tls: TlsOptions,
    transport: Option<Box<dyn Transport>>,
    clock: Clock,
    chance: Option<Chance>,
    /// The first thing that was wrong, kept so that the steps can be chained.
    problem: Option<ConfigError>,
}

impl HttpBuilder {
    /// Where the service is: an `http` or `https` URL without user, query and fragment. Its path comes before the path
    /// of each operation.
    pub fn base_url(mut self, url: &str) -> Self {
        // Read at once, because what is refused may hold a password, and a builder can be printed.
        match BaseUrl::parse(url) {
            Ok(url) => self.base_url = Some(url),
            Err(problem) => self.keep(Err(problem)),
        }
        self
    }

    /// Overrides the policies of the contract.
    pub fn policies(mut self, policies: &PolicySet) -> Self {
        self.policies = policies.clone();
        self
    }

    /// Uses other policies than those of the contract for some operations, as a consumer's own contract has them; overrides
    /// of [`HttpBuilder::policies`] apply on top. An operation that is named twice has the first; one that the service does
    /// not have is an error.
    pub const fn operation_policies(mut self, policies: &'static [(&'static str, Policy)]) -> Self {
        self.operation_policies = policies;
        self
    }

    /// Gives the client a credential for a security scheme.
    pub fn credential(mut self, scheme: &SecurityScheme, credential: &Credential) -> Self {
        let added = self.credentials.add(*scheme, credential);
        self.keep(added);
        self
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(mut value)) => {
                // It may be a token, which nothing that prints a client may show.
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            _ => self.keep(Err(ConfigError::Header {
                name: name.to_owned(),
            })),
        }
        self
    }

    /// Names the header that tells the next service how many milliseconds it has; `x-request-timeout-ms` unless said
    /// otherwise, `x-envoy-upstream-rq-timeout-ms` where Envoy reads it.
    pub fn deadline_header(mut self, name: &str) -> Self {
        match HeaderName::try_from(name) {
            Ok(name) => self.deadline_header = Some(name),
            Err(_) => self.keep(Err(ConfigError::Header {
                name: name.to_owned(),
            })),
        }
        self
    }

    /// Sends no deadline, for services outside that should not learn ours.
    pub fn no_deadline_header(mut self) -> Self {
        self.deadline_header = None;
        self
    }

    /// Sets the longest body of an answer; [`BODY_MAX`] unless said otherwise. Of an answer that streams, it bounds one
    /// event and one line.
    pub const fn body_max(mut self, bytes: usize) -> Self {
        self.body_max = bytes;
        self
    }

    /// Sets how long a streamed answer may pause; [`STREAM_IDLE_TIMEOUT`] unless said otherwise.
    pub const fn stream_idle_timeout(mut self, timeout: Duration) -> Self {
        self.stream_idle_timeout = timeout;
        self
    }

    /// Sets how long a connection may take to come about; [`CONNECT_TIMEOUT`] unless said otherwise.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Speaks HTTP/2 from the first byte, for services within a mesh that speak it without TLS.
    pub const fn http2_only(mut self) -> Self {
        self.http2_only = true;
        self
    }

    /// Uses the proxies that the environment names. Without this, none is used.
    pub const fn system_proxy(mut self) -> Self {
        self.system_proxy = true;
        self
    }

    /// Shows this certificate and key to services that ask who calls (mutual TLS): PEM, the certificate with those that
    /// it follows from first.
    #[cfg(feature = "tls")]
    pub fn identity_pem(mut self, certificate_and_key: &[u8]) -> Self {
        let added = self.tls.identity(certificate_and_key);
        self.keep(added);
        self
    }

    /// Trusts services with certificates that follow from these, beside those that the machine trusts: PEM.
    #[cfg(feature = "tls")]
    pub fn root_certificate_pem(mut self, certificates: &[u8]) -> Self {
        let added = self.tls.root_certificates(certificates);
        self.keep(added);
        self
    }

    /// Sends requests through something else than the network, such as a [`Script`](crate::testing::Script).
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Box::new(transport));
        self
    }

    /// Goes by another clock, in tests.
    pub const fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Draws from another source of chance, in tests.
    pub fn chance(mut self, chance: Chance) -> Self {
        self.chance = Some(chance);
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the first thing that does not fit.
    pub fn build(self) -> Result<Http, ConfigError> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let of_consumer = self
            .operation_policies
            .iter()
            .map(|(operation, _)| *operation);
        self.service.check(of_consumer)?;
        self.policies.check(self.service)?;
        let base_url = self.base_url.ok_or(ConfigError::NoBaseUrl)?;
        let network = NetworkOptions {
            connect_timeout: self.connect_timeout,
            http2_only: self.http2_only,
            system_proxy: self.system_proxy,
            #[cfg(feature = "tls")]
            tls: self.tls,
        };
        let transport = match self.transport {
            Some(transport) => transport,
            None => Box::new(Network::new(&network)?),
        };
        let (clock, chance) = (self.clock, self.chance.unwrap_or_else(Chance::from_entropy));
        let inner = Inner {
            base_url,
            transport,
            credentials: self.credentials,
            headers: self.headers,
            deadline_header: self.deadline_header,
            body_max: self.body_max,
            stream_idle_timeout: self.stream_idle_timeout,
            clock,
            chance: chance.clone(),
            policies: Policies::new(self.operation_policies, self.policies, clock, chance),
        };
        Ok(Http {
            inner: Arc::new(inner),
        })
    }

    fn keep(&mut self, result: Result<(), ConfigError>) {
        if let Err(problem) = result {
            self.problem.get_or_insert(problem);
        }
    }
}

#[cfg(test)]
mod tests;
