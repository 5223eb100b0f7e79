//! Constants: the service, its security schemes, and each operation with its policy.

use dovetail_contract::contract::{HttpApi, Idempotency, Method, ParameterLocation, SecurityKind};

use super::operations::OperationDraft;
use super::spell::Uses;
use crate::rust_name::{self, Casing, Scope};
use crate::{ClientRequest, doc, ir, literal};

/// The constant of an operation.
pub(super) fn operation(
    draft: &OperationDraft<'_>,
    api: &HttpApi,
    uses: &mut Uses,
) -> ir::Operation {
    let operation = draft.operation;
    uses.runtime(&["Method", "Operation"]);
    let idempotency = match &operation.idempotency {
        same if *same == operation.method.idempotency() => None,
        Idempotency::Safe => Some("Safe".to_owned()),
        Idempotency::Idempotent => Some("Idempotent".to_owned()),
        Idempotency::Key { header } => Some(format!("Key {{ header: {} }}", literal::rust(header))),
        Idempotency::None => Some("None".to_owned()),
    };
    if idempotency.is_some() {
        uses.runtime(&["Idempotency"]);
    }
    let schemes = scheme_names(api);
    let alternatives = operation.security.iter().map(|alternative| {
        let known = alternative.schemes.keys().filter_map(|name| {
            schemes
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, constant)| constant.clone())
        });
        let known: Vec<String> = known.collect();
        for constant in &known {
            uses.add("crate::operations", constant);
        }
        known
    });
    let security: Vec<String> = alternatives.map(|names| names.join(", ")).collect();
    ir::Operation {
        docs: vec![format!(
            "{}.",
            doc::code(&format!("{} {}", operation.method, operation.path.value))
        )],
        name: draft.constant.clone(),
        id: literal::rust(&operation.id.value),
        method: method_name(operation.method),
        path: literal::rust(&operation.path.value),
        idempotency,
        security,
    }
}

fn method_name(method: Method) -> String {
    let name = match method {
        Method::Get => "Get",
        Method::Put => "Put",
        Method::Post => "Post",
        Method::Delete => "Delete",
        Method::Options => "Options",
        Method::Head => "Head",
        Method::Patch => "Patch",
        Method::Trace => "Trace",
        Method::Query => "Query",
        Method::Other(name) => return format!("other({})", literal::rust(name.as_str())),
    };
    name.to_owned()
}

/// The constants of the service: itself, and its security schemes.
pub(super) fn service(request: &ClientRequest<'_>, drafts: &[OperationDraft<'_>]) -> ir::Service {
    let names = scheme_names(request.api);
    let schemes = request
        .api
        .security_schemes
        .iter()
        .filter_map(|(name, scheme)| {
            let constant = names
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, constant)| constant)?;
            let mut docs = doc::lines(scheme.description.as_deref().unwrap_or_default());
            if docs.is_empty() {
                docs.push(format!("The security scheme {}.", doc::code(name)));
            }
            docs.extend(grants(&scheme.kind));
            Some(ir::Scheme {
                docs,
                name: constant.clone(),
                value: scheme_value(name, &scheme.kind)?,
            })
        });
    ir::Service {
        docs: vec![format!("The service {}.", doc::code(request.service))],
        name: literal::rust(request.service),
        operations: drafts
            .iter()
            .map(|draft| literal::rust(&draft.operation.id.value))
            .collect(),
        schemes: schemes.collect(),
    }
}

/// Constants of all schemes that something is sent for.
pub(super) fn schemes(api: &HttpApi) -> Vec<(String, &SecurityKind)> {
    let named = scheme_names(api)
        .into_iter()
        .filter_map(|(name, constant)| {
            let scheme = api.security_schemes.get(&name)?;
            Some((constant, &scheme.kind))
        });
    named.collect()
}

/// How to come by a token, as documentation.
fn grants(kind: &SecurityKind) -> Vec<String> {
    let flows = match kind {
        SecurityKind::OAuth2 { flows, .. } => flows,
        SecurityKind::OpenIdConnect { url } => {
            let about = format!("OpenID Connect, discovered at {}.", doc::code(url));
            return [vec![String::new()], doc::wrap(&about)].concat();
        }
        _ => return Vec::new(),
    };
    let all = [
        ("Client credentials", &flows.client_credentials),
        ("Authorization code", &flows.authorization_code),
        ("Device authorization", &flows.device_authorization),
        ("Password", &flows.password),
        ("Implicit", &flows.implicit),
    ];
    let mut docs = Vec::new();
    for (what, flow) in all {
        let Some(flow) = flow else { continue };
        let urls = [
            ("tokens from", &flow.token_url),
            ("access granted at", &flow.authorization_url),
            ("codes from", &flow.device_authorization_url),
        ];
        let urls = urls.iter().filter_map(|(what, url)| {
            let url = url.as_ref()?;
            Some(format!("{what} {}", doc::code(url)))
        });
        let urls: Vec<String> = urls.collect();
        let lines = doc::wrap(&format!("{what}: {}.", urls.join(", ")));
        let lines = lines.into_iter().enumerate();
        docs.extend(lines.map(|(at, line)| match at {
            0 => format!("- {line}"),
            _ => format!("  {line}"),
        }));
    }
    if docs.is_empty() {
        return docs;
    }
    let title = "Its tokens are granted in these ways:".to_owned();
    [vec![String::new(), title, String::new()], docs].concat()
}

/// Names of schemes and of their constants, which no operation can have because they end in `_SCHEME`.
fn scheme_names(api: &HttpApi) -> Vec<(String, String)> {
    let mut scope = Scope::default();
    let named = api
        .security_schemes
        .iter()
        .filter(|(name, scheme)| scheme_value(name, &scheme.kind).is_some());
    named
        .map(|(name, _)| {
            let constant = format!(
                "{}_SCHEME",
                rust_name::identifier(name, Casing::Constant).trim_end_matches("_SCHEME")
            );
            (name.clone(), scope.claim(&constant, Casing::Constant))
        })
        .collect()
}

/// Whether something is sent for a kind of proof.
pub(super) fn is_spoken(kind: &SecurityKind) -> bool {
    scheme_value("", kind).is_some()
}

fn scheme_value(name: &str, kind: &SecurityKind) -> Option<String> {
    let label = literal::rust(name);
    Some(match kind {
        SecurityKind::Bearer | SecurityKind::OAuth2 { .. } | SecurityKind::OpenIdConnect { .. } => {
            format!("SecurityScheme::bearer({label})")
        }
        SecurityKind::Basic => format!("SecurityScheme::basic({label})"),
        SecurityKind::ApiKey { name, location } => {
            let place = match location {
                ParameterLocation::Query => "query_key",
                ParameterLocation::Cookie => "cookie_key",
                ParameterLocation::Header | ParameterLocation::Path => "header_key",
            };
            format!("SecurityScheme::{place}({label}, {})", literal::rust(name))
        }
        // Certificates belong to the connection, and other schemes are not spoken: nothing is sent for either.
        SecurityKind::MutualTls | SecurityKind::Other(_) => return None,
    })
}
