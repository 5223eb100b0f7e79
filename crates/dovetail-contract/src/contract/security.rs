//! How callers prove who they are.

use indexmap::IndexMap;

use super::ParameterLocation;

/// Schemes that are required together; empty where anonymous calls are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecurityRequirement {
    /// Names of schemes with the scopes that are needed.
    pub schemes: IndexMap<String, Vec<String>>,
}

/// How callers prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityScheme {
    /// What kind of proof.
    pub kind: SecurityKind,
    /// How to come by one, as Markdown.
    pub description: Option<String>,
    /// Whether callers should move away from it.
    pub deprecated: bool,
}

/// A kind of proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecurityKind {
    /// A key in a header, a query parameter or a cookie.
    ApiKey {
        /// Name of the header, parameter or cookie.
        name: String,
        /// Where it goes; never in the path.
        location: ParameterLocation,
    },
    /// `Authorization: Basic` (RFC 7617).
    Basic,
    /// `Authorization: Bearer` (RFC 6750); `OpenID` Connect and OAuth 2 tokens go the same way.
    Bearer,
    /// OAuth 2, with the ways to come by a token.
    OAuth2 {
        /// The flows.
        flows: Box<OAuthFlows>,
        /// Address of the metadata of the authorization server (RFC 8414).
        metadata_url: Option<String>,
    },
    /// `OpenID` Connect: the flows are found at the issuer.
    OpenIdConnect {
        /// Address of the issuer's discovery document.
        url: String,
    },
    /// A client certificate.
    MutualTls,
    /// Another scheme of the HTTP registry, named.
    Other(String),
}

/// The ways to come by a token of OAuth 2 that a contract declares (RFC 6749; device: RFC 8628).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OAuthFlows {
    /// A person grants it in a browser, and the caller trades a code for it.
    pub authorization_code: Option<OAuthFlow>,
    /// A person grants it in a browser, which holds the token itself.
    pub implicit: Option<OAuthFlow>,
    /// The caller knows name and password of a person.
    pub password: Option<OAuthFlow>,
    /// The caller proves who it is itself.
    pub client_credentials: Option<OAuthFlow>,
    /// A person grants it on another device.
    pub device_authorization: Option<OAuthFlow>,
}

/// One flow. Addresses are as declared: they may be relative, and are never asked without being told to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OAuthFlow {
    /// Where a person grants access.
    pub authorization_url: Option<String>,
    /// Where a token is given out.
    pub token_url: Option<String>,
    /// Where a token is renewed, if that is elsewhere.
    pub refresh_url: Option<String>,
    /// Where a device asks for a code.
    pub device_authorization_url: Option<String>,
    /// What can be asked for, with what it means.
    pub scopes: IndexMap<String, String>,
}
