//! Replaying a plan at a running provider.
//!
//! Interactions that share the provider run together; one that needs a state of its own runs alone. Whatever happens to one
//! interaction, every selected one has an outcome, and the outcomes stand in the order of the plan.

mod interaction;

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use url::Url;

use crate::exchange::Client;
use crate::plan::Plan;
use crate::redact::Redactor;
use crate::report::{Outcome, Report};
use crate::target::{PinError, Pinned, Refused, Target, TargetError};

/// How to replay.
#[derive(Clone)]
pub struct Options {
    /// Where states are set up, if not at the path that the provider declares.
    pub states_url: Option<String>,
    /// Headers of every request, such as credentials. Their values are never shown.
    pub headers: Vec<(String, String)>,
    /// Hosts beyond loopback that may be sent requests, as `host` or `host:port`.
    pub allow_hosts: Vec<String>,
    /// Interactions at the same time.
    pub concurrency: usize,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long everything may take; what was not tried by then is unknown.
    pub deadline: Duration,
    /// Bytes of one answer.
    pub body_max: usize,
}

/// Why nothing was replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The target, or the address for states, may not be sent anything.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// One target cannot be several providers.
    #[error("the plan is for {} providers ({}), and a target is one: say which", .0.len(), .0.join(", "))]
    SeveralProviders(Vec<String>),
    /// The address for states is not one.
    #[error("the address for states cannot be used: {0}")]
    StatesUrl(TargetError),
    /// A header cannot be sent.
    #[error("the header `{0}` cannot be sent: its name or value holds what a header cannot")]
    Header(String),
    /// No client could be made.
    #[error("no HTTP client could be made: {0}")]
    Client(String),
}

/// What every interaction of a run shares.
pub(crate) struct Run<'a> {
    pub(crate) plan: &'a Plan<'a>,
    pub(crate) target: &'a Target,
    pub(crate) options: &'a Options,
    pub(crate) client: Client,
    pub(crate) redactor: Redactor,
    /// Where states are set up, if anywhere.
    pub(crate) states_url: Option<Url>,
    pub(crate) ends: Instant,
    /// Connections that failed since one succeeded.
    pub(crate) unreachable: AtomicUsize,
    /// Why the target has no address, if it has none.
    pub(crate) unresolved: Option<String>,
}

/// Replays a plan and reports every interaction of it.
///
/// A provider that cannot be reached is not an error: each interaction then has the verdict unknown.
///
/// # Errors
///
/// Where nothing may or can be sent at all.
pub async fn replay(
    plan: &Plan<'_>,
    target: &Target,
    options: &Options,
) -> Result<Report, ReplayError> {
    let providers = plan.providers();
    if providers.len() > 1 {
        let names = providers.into_iter().map(str::to_owned).collect();
        return Err(ReplayError::SeveralProviders(names));
    }
    let run = Run::new(plan, target, options).await?;
    let run = &run;
    let concurrency = options.concurrency.clamp(1, 64);
    let numbered = || plan.interactions.iter().enumerate();
    let mut outcomes: Vec<(usize, Outcome)> = futures::stream::iter(numbered())
        .filter(|(_, planned)| std::future::ready(!planned.is_exclusive()))
        .map(|(index, planned)| async move { (index, interaction::replay(run, planned).await) })
        .buffer_unordered(concurrency)
        .collect()
        .await;
    for (index, planned) in numbered().filter(|(_, planned)| planned.is_exclusive()) {
        outcomes.push((index, interaction::replay(run, planned).await));
    }
    outcomes.sort_by_key(|(index, _)| *index);
    let outcomes = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    Ok(Report::new(vec![target.to_string()], outcomes))
}

impl<'a> Run<'a> {
    async fn new(
        plan: &'a Plan<'a>,
        target: &'a Target,
        options: &'a Options,
    ) -> Result<Self, ReplayError> {
        let api = plan.interactions.iter().find_map(|planned| planned.api);
        let mut redactor = Redactor::of_keys(api);
        let headers = headers(options, &mut redactor)?;
        let states_target = options
            .states_url
            .as_ref()
            .map(|text| Target::parse(text).map_err(ReplayError::StatesUrl))
            .transpose()?;
        let mut pinned = Vec::new();
        let mut unresolved = None;
        for target in std::iter::once(target).chain(&states_target) {
            match pin(target, options).await? {
                Ok(addresses) => pinned.push(addresses),
                Err(reason) => unresolved = Some(format!("`{}`: {reason}", target.host())),
            }
        }
        let tls = std::iter::once(target)
            .chain(&states_target)
            .any(|target| target.url().scheme() == "https");
        let client =
            Client::new(&pinned, headers, options.body_max, tls).map_err(ReplayError::Client)?;
        let states_url = match states_target {
            Some(states) => Some(states.url().clone()),
            None => api
                .and_then(|api| api.states.path.as_ref())
                .and_then(|path| Url::parse(&target.join(&path.value)).ok())
                .filter(|url| {
                    url.host() == target.url().host() && url.port() == target.url().port()
                }),
        };
        Ok(Self {
            plan,
            target,
            options,
            client,
            redactor,
            states_url,
            ends: Instant::now() + options.deadline,
            unreachable: AtomicUsize::new(0),
            unresolved,
        })
    }
}

async fn pin(target: &Target, options: &Options) -> Result<Result<Pinned, String>, ReplayError> {
    match target.pin(&options.allow_hosts).await {
        Ok(pinned) => Ok(Ok(pinned)),
        Err(PinError::Refused(refused)) => Err(refused.into()),
        Err(PinError::Unresolved(reason)) => Ok(Err(reason)),
    }
}

fn headers(options: &Options, redactor: &mut Redactor) -> Result<HeaderMap, ReplayError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &options.headers {
        redactor.hide_header(name, value);
        let refused = || ReplayError::Header(name.clone());
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| refused())?;
        value.set_sensitive(true);
        headers.append(header, value);
    }
    Ok(headers)
}

impl Default for Options {
    fn default() -> Self {
        Self {
            states_url: None,
            headers: Vec::new(),
            allow_hosts: Vec::new(),
            concurrency: 4,
            timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(300),
            body_max: 8 * 1024 * 1024,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Options")
            .field("states_url", &self.states_url)
            .field("headers", &names)
            .field("allow_hosts", &self.allow_hosts)
            .field("concurrency", &self.concurrency)
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .field("body_max", &self.body_max)
            .finish()
    }
}
