//! Where the provider under verification runs, and whether it may be sent anything.
//!
//! A target is always named by the person who verifies; beyond loopback it must be allowed by name as well. Names are resolved
//! once and pinned, so that a name cannot mean another machine halfway through a run.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

/// The base address of a running provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Always `http` or `https`, with a host, without credentials, query or fragment.
    url: Url,
}

/// Why a text is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is not an address.
    #[error("`{text}` is not a URL: {reason}; write one such as `http://127.0.0.1:8080`")]
    NotAUrl {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is not HTTP.
    #[error("a target is reached over `http` or `https`, not over `{0}`")]
    Scheme(String),
    /// It holds credentials, which would end up in logs and reports.
    #[error("a target holds no user name or password; send credentials as a header instead")]
    Credentials,
    /// It holds a query or a fragment, which would be lost.
    #[error("a target has no query and no fragment; only a base path may follow the host")]
    QueryOrFragment,
}

/// A target that may not be sent anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{host}` is not on this machine; allow it by name (`--allow-host {host}`) if it may be sent test requests"
)]
pub struct Refused {
    /// The host as it was named.
    pub host: String,
}

impl Target {
    /// Reads the address of a provider.
    ///
    /// # Errors
    ///
    /// Where it is not an `http` or `https` address, or holds credentials, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let url = Url::parse(text).map_err(|error| TargetError::NotAUrl {
            text: without_credentials(text),
            reason: error.to_string(),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(TargetError::QueryOrFragment);
        }
        Ok(Self { url })
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host as it was named, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Whether it names this machine: a loopback address, or `localhost`, whose addresses are looked at before anything is sent.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            None => false,
        }
    }

    /// The address of `path` below the target. The path is encoded already and begins with `/`.
    pub(crate) fn join(&self, path: &str) -> String {
        let base = self.url.as_str().trim_end_matches('/');
        format!("{base}{path}")
    }

    /// The target with its addresses.
    pub(crate) async fn pin(&self, allow_hosts: &[String]) -> Result<Pinned, PinError> {
        let allowed = allow_hosts.iter().any(|allowed| self.is_named(allowed));
        let refused = || {
            PinError::Refused(Refused {
                host: self.host().to_owned(),
            })
        };
        if !allowed && !self.is_loopback() {
            return Err(refused());
        }
        let port = self.url.port_or_known_default().unwrap_or_default();
        let addresses: Vec<SocketAddr> = match self.url.host() {
            Some(Host::Ipv4(address)) => vec![(IpAddr::V4(address), port).into()],
            Some(Host::Ipv6(address)) => vec![(IpAddr::V6(address), port).into()],
            _ => tokio::net::lookup_host((self.host(), port))
                .await
                .map_err(|error| PinError::Unresolved(error.to_string()))?
                .collect(),
        };
        let beyond = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
        if !allowed && addresses.iter().any(beyond) {
            return Err(refused());
        }
        if addresses.is_empty() {
            return Err(PinError::Unresolved("the name has no address".to_owned()));
        }
        Ok(Pinned {
            host: self.host().to_owned(),
            addresses,
        })
    }

    /// Whether `allowed`, as `host` or `host:port`, names it.
    fn is_named(&self, allowed: &str) -> bool {
        let host = self.host();
        let port = self.url.port_or_known_default().unwrap_or_default();
        allowed.trim_matches(['[', ']']).eq_ignore_ascii_case(host)
            || allowed.eq_ignore_ascii_case(&format!("{host}:{port}"))
            || allowed.eq_ignore_ascii_case(&format!("[{host}]:{port}"))
    }
}

/// What was said, shown without what stands before an `@`: credentials do not belong there, and are not repeated if they are.
fn without_credentials(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.find("://").and_then(|at| before.get(..at + 3));
            format!("{}…@{host}", scheme.unwrap_or_default())
        }
        None => text.to_owned(),
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

/// A host and the addresses that it had when the run began.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub(crate) host: String,
    pub(crate) addresses: Vec<SocketAddr>,
}

#[derive(Debug)]
pub(crate) enum PinError {
    Refused(Refused),
    Unresolved(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_targets() {
        let rows = [
            ("http://127.0.0.1:8080", true),
            ("https://example.com/base/", true),
            ("http://user@example.com", false),
            ("http://:secret@example.com", false),
            ("http://example.com/?a=b", false),
            ("http://example.com/#a", false),
            ("ftp://example.com", false),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("127.0.0.1:8080", false),
            ("", false),
        ];
        for (text, accepted) in rows {
            assert_eq!(Target::parse(text).is_ok(), accepted, "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_named_without_its_credentials() {
        for text in ["http://ada:hunter2@host:99999999", "ada:hunter2@"] {
            let refused = Target::parse(text).expect_err("no target").to_string();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn loopback_is_told_from_what_only_looks_like_it() {
        let rows = [
            ("http://127.0.0.1:1", true),
            ("http://127.8.9.1", true),
            ("http://[::1]:1", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://LOCALHOST", true),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://0.0.0.0", false),
            ("http://169.254.169.254", false),
            ("http://10.0.0.1", false),
            // The URL standard reads these as 127.0.0.1.
            ("http://2130706433", true),
            ("http://0x7f.1", true),
        ];
        for (text, loopback) in rows {
            let target = Target::parse(text).expect("a target");
            assert_eq!(target.is_loopback(), loopback, "{text}");
        }
    }

    #[tokio::test]
    async fn a_host_beyond_loopback_must_be_allowed_by_name() {
        let target = Target::parse("http://192.0.2.1:8080").expect("a target");
        let allow = |hosts: &[&str]| {
            hosts
                .iter()
                .map(|&host| host.to_owned())
                .collect::<Vec<_>>()
        };
        for hosts in [&[][..], &["192.0.2.2"], &["192.0.2.1:80"]] {
            let refused = target.pin(&allow(hosts)).await;
            assert!(matches!(refused, Err(PinError::Refused(_))), "{hosts:?}");
        }
        for host in ["192.0.2.1", "192.0.2.1:8080"] {
            let pinned = target.pin(&allow(&[host])).await.expect("allowed");
            assert_eq!(
                pinned.addresses,
                ["192.0.2.1:8080".parse().expect("an address")]
            );
        }
    }

    #[test]
    fn paths_stand_below_the_base() {
        for (base, joined) in [
            ("http://127.0.0.1:1", "http://127.0.0.1:1/a"),
            ("http://127.0.0.1:1/v1/", "http://127.0.0.1:1/v1/a"),
        ] {
            assert_eq!(Target::parse(base).expect("a target").join("/a"), joined);
        }
    }
}
