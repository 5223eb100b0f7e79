//! How callers prove who they are: schemes, and what each operation requires of them.

use indexmap::IndexMap;

use super::at::At;
use super::reference::Kind;
use super::{Reader, warning};
use crate::codes;
use crate::contract::{ParameterLocation, SecurityKind, SecurityRequirement, SecurityScheme};
use crate::finding::Severity;

impl<'d> Reader<'d, '_> {
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
                let description = self.text(&scheme, "description");
                schemes.insert(entry.key.clone(), SecurityScheme { kind, description });
            }
        }
        schemes
    }

    /// What is required, if anything is said of it here.
    pub(super) fn security(
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
            // The token is found out by other means, and goes the same way.
            "openIdConnect" => Some(SecurityKind::Bearer),
            "mutualTLS" => Some(SecurityKind::MutualTls),
            "oauth2" => {
                let flow = scheme
                    .get("flows")
                    .and_then(|flows| flows.get("clientCredentials"));
                let client_credentials = flow.and_then(|flow| self.text(&flow, "tokenUrl"));
                Some(SecurityKind::OAuth2 { client_credentials })
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
