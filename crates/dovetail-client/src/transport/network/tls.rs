//! What a client shows of itself over TLS, and whom it trusts.

use reqwest::{Certificate, ClientBuilder, Identity};

use crate::error::ConfigError;

/// Certificates and keys, read. Nothing that prints them shows any.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsOptions {
    identity: Option<Identity>,
    roots: Vec<Certificate>,
}

impl TlsOptions {
    pub(crate) fn identity(&mut self, pem: &[u8]) -> Result<(), ConfigError> {
        let what = "certificate and key";
        let identity = Identity::from_pem(pem).map_err(|_| ConfigError::Pem { what })?;
        self.identity = Some(identity);
        Ok(())
    }

    pub(crate) fn root_certificates(&mut self, pem: &[u8]) -> Result<(), ConfigError> {
        let what = "root certificate";
        match Certificate::from_pem_bundle(pem) {
            // What holds no certificate reads as an empty list.
            Ok(roots) if !roots.is_empty() => self.roots.extend(roots),
            _ => return Err(ConfigError::Pem { what }),
        }
        Ok(())
    }

    pub(super) fn apply(&self, builder: ClientBuilder) -> ClientBuilder {
        let builder = builder.tls_certs_merge(self.roots.iter().cloned());
        match &self.identity {
            Some(identity) => builder.identity(identity.clone()),
            None => builder,
        }
    }
}

#[cfg(test)]
mod tests;
