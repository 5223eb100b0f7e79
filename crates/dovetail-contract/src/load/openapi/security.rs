//! How callers prove who they are: schemes, and what each operation requires of them.

use indexmap::IndexMap;

use super::at::At;
use super::reference::Kind;
use super::{Reader, warning};
use crate::codes;
use crate::contract::{
    OAuthFlow, OAuthFlows, ParameterLocation, SecurityKind, SecurityRequirement, SecurityScheme,
};
use crate::finding::Severity;
use crate::load::tree::NodeValue;

/// What holds for every operation that does not say otherwise.
pub(super) struct Security<'a> {
    schemes: &'a IndexMap<String, SecurityScheme>,
    common: Vec<SecurityRequirement>,
}

impl<'d> Reader<'d, '_> {
    /// What the document requires of all its operations.
    pub(super) fn common_security<'a>(
        &mut self,
        root: &At<'d>,
        schemes: &'a IndexMap<String, SecurityScheme>,
    ) -> Security<'a> {
        let common = self.requirements(root, schemes).unwrap_or_default();
        Security { schemes, common }
    }

    /// What an operation requires: what it says itself, else what the document does.
    pub(super) fn security(
        &mut self,
        at: &At<'d>,
        security: &Security<'_>,
    ) -> Vec<SecurityRequirement> {
        if let Some(own) = self.requirements(at, security.schemes) {
            return own;
        }
        let texts = |requirement: &SecurityRequirement| requirement.schemes.len() + 1;
        let size = security.common.iter().map(texts).sum::<usize>();
        match self.spend(at, size * size_of::<SecurityRequirement>()) {
            true => security.common.clone(),
            false => Vec::new(),
        }
    }

    /// The schemes that `components` declares.
    pub(super) fn security_schemes(
        &mut self,
        components: &At<'d>,
    ) -> IndexMap<String, SecurityScheme> {
        let mut schemes = IndexMap::new();
        for (entry, scheme) in self.entries(components, "securitySchemes") {
            let Some(scheme) = self.follow(scheme, Kind::SecurityScheme) else {
                continue;
            };
            if let Some(kind) = self.security_kind(&scheme) {
                let scheme = SecurityScheme {
                    kind,
                    description: self.text(&scheme, "description"),
                    deprecated: self.note_flag(&scheme, "deprecated"),
                };
                schemes.insert(entry.key.clone(), scheme);
            }
        }
        schemes
    }

    /// What is required, if anything is said of it here.
    fn requirements(
        &mut self,
        at: &At<'d>,
        schemes: &IndexMap<String, SecurityScheme>,
    ) -> Option<Vec<SecurityRequirement>> {
        at.get("security")?;
        let mut requirements = Vec::new();
        for alternative in self.list(at, "security") {
            let Some(entries) = alternative.node.entries() else {
                self.wrong_type(
                    &alternative,
                    "a mapping of scheme to scopes",
                    Severity::Error,
                );
                continue;
            };
            let mut requirement = SecurityRequirement::default();
            for entry in entries {
                if !schemes.contains_key(&entry.key) {
                    let message = format!("there is no security scheme `{}`", entry.key);
                    let finding = warning(&codes::UNKNOWN_SECURITY_SCHEME, entry.key_span, message)
                        .did_you_mean(&entry.key, schemes.keys().map(String::as_str));
                    self.files.push(finding);
                }
                let scopes = self.texts(&alternative, &entry.key);
                requirement.schemes.insert(entry.key.clone(), scopes);
            }
            requirements.push(requirement);
        }
        Some(requirements)
    }

    fn security_kind(&mut self, scheme: &At<'d>) -> Option<SecurityKind> {
        let Some(kind) = self.text(scheme, "type") else {
            self.missing_key(scheme, "type", "the security scheme");
            return None;
        };
        match kind.as_str() {
            "apiKey" => self.api_key(scheme),
            "http" => {
                let name = self.text(scheme, "scheme").unwrap_or_default();
                Some(match name.to_ascii_lowercase().as_str() {
                    "basic" => SecurityKind::Basic,
                    "bearer" => SecurityKind::Bearer,
                    _ => SecurityKind::Other(name),
                })
            }
            "openIdConnect" => Some(self.open_id(scheme)),
            "mutualTLS" => Some(SecurityKind::MutualTls),
            "oauth2" => {
                let flows = scheme.get("flows").map(|flows| self.flows(&flows));
                Some(SecurityKind::OAuth2 {
                    flows: Box::new(flows.unwrap_or_default()),
                    metadata_url: self.text(scheme, "oauth2MetadataUrl"),
                })
            }
            _ => {
                let known = ["apiKey", "http", "mutualTLS", "oauth2", "openIdConnect"];
                let place = scheme.get("type")?.place();
                self.files.push(
                    warning(
                        &codes::INVALID_VALUE,
                        place,
                        format!("`{kind}` is no kind of security scheme"),
                    )
                    .expected("apiKey, http, mutualTLS, oauth2 or openIdConnect")
                    .did_you_mean(&kind, known),
                );
                Some(SecurityKind::Other(kind))
            }
        }
    }

    fn open_id(&mut self, scheme: &At<'d>) -> SecurityKind {
        match self.text(scheme, "openIdConnectUrl") {
            Some(url) => SecurityKind::OpenIdConnect { url },
            None => {
                let message = "the security scheme does not say `openIdConnectUrl`";
                self.warn(&codes::MISSING_KEY, scheme.declared(), message);
                // The token goes the same way, wherever it is from.
                SecurityKind::Bearer
            }
        }
    }

    fn flows(&mut self, at: &At<'d>) -> OAuthFlows {
        let mut flow = |key: &str| at.get(key).map(|flow| self.flow(&flow));
        OAuthFlows {
            authorization_code: flow("authorizationCode"),
            implicit: flow("implicit"),
            password: flow("password"),
            client_credentials: flow("clientCredentials"),
            device_authorization: flow("deviceAuthorization"),
        }
    }

    fn flow(&mut self, at: &At<'d>) -> OAuthFlow {
        let mut scopes = IndexMap::new();
        for (entry, meaning) in self.notes_entries(at, "scopes") {
            let meaning = match meaning.node.value {
                NodeValue::Null => String::new(),
                _ => self.text_of(&meaning).unwrap_or_default(),
            };
            scopes.insert(entry.key.clone(), meaning);
        }
        OAuthFlow {
            authorization_url: self.text(at, "authorizationUrl"),
            token_url: self.text(at, "tokenUrl"),
            refresh_url: self.text(at, "refreshUrl"),
            device_authorization_url: self.text(at, "deviceAuthorizationUrl"),
            scopes,
        }
    }

    fn api_key(&mut self, scheme: &At<'d>) -> Option<SecurityKind> {
        let Some(name) = self.text(scheme, "name") else {
            self.missing_key(scheme, "name", "the API key");
            return None;
        };
        let place = self.text(scheme, "in").unwrap_or_default();
        let location = match place.as_str() {
            "query" => ParameterLocation::Query,
            "header" => ParameterLocation::Header,
            "cookie" => ParameterLocation::Cookie,
            _ => {
                let span = scheme
                    .get("in")
                    .map_or_else(|| scheme.declared(), |at| at.place());
                let finding = crate::finding::Finding::new(
                    &codes::INVALID_VALUE,
                    span,
                    format!("`{place}` is no place for an API key"),
                );
                self.files.push(finding.expected("query, header or cookie"));
                return None;
            }
        };
        Some(SecurityKind::ApiKey { name, location })
    }
}
