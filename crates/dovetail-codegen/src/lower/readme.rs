//! `README.md` of a generated crate: how to make a client and call it, and what there is to call.

use dovetail_contract::contract::{OAuthFlow, SecurityKind};

use super::constants;
use super::examples;
use super::operations::OperationDraft;
use super::parts::{Part, Parts};
use super::servers;
use super::spell::{Speller, Uses};
use crate::{ClientRequest, doc, ir, literal};

/// The front page: what the service is, how to make a client, which operations there are.
pub(super) fn readme(
    request: &ClientRequest<'_>,
    drafts: &[OperationDraft<'_>],
    parts: &Parts,
    speller: &Speller<'_>,
    summary: &str,
) -> ir::Readme {
    let package = super::package_name(request.service);
    let tables = parts.parts.iter().map(|part| table(part, drafts));
    let lists = drafts.iter().filter_map(|draft| {
        let (pages, items) = draft.paging.as_ref()?.shown()?;
        let row = doc::wrap(&match items {
            Some(items) => format!("{} and {}", doc::code(pages), doc::code(items)),
            None => doc::code(pages),
        });
        Some(format!("- {}", row.join(" ")))
    });
    let api = request.api;
    ir::Readme {
        title: package.clone(),
        summary: doc::wrap(&doc::sentence(summary)),
        more: external(api.external_docs.as_ref()),
        library: package.replace('-', "_"),
        has_errors: drafts.iter().any(|draft| draft.refusals.is_some()),
        setup: setup(request),
        call: drafts.first().map(|draft| examples::call(draft, speller)),
        tables: tables.filter(|table| !table.rows.is_empty()).collect(),
        lists: lists.collect(),
        has_webhooks: !api.webhooks.is_empty(),
        has_callbacks: api.operations.iter().any(|one| !one.callbacks.is_empty()),
    }
}

fn table(part: &Part, drafts: &[OperationDraft<'_>]) -> ir::ReadmeTable {
    let operations = part.operations.iter();
    let rows = operations.filter_map(|index| drafts.get(*index)).map(row);
    let feature = part
        .feature
        .as_deref()
        .unwrap_or_default()
        .trim_matches('"');
    let mut title = doc::sentence(&part.about);
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    ir::ReadmeTable {
        title: title.trim_end_matches('.').to_owned(),
        feature: doc::code(feature),
        is_feature: !feature.is_empty(),
        rows: rows.collect(),
    }
}

fn row(draft: &OperationDraft<'_>) -> ir::ReadmeRow {
    let operation = draft.operation;
    let cell = doc::cell;
    let refusals = draft.refusals.as_ref();
    ir::ReadmeRow {
        method: cell(draft.method.trim_start_matches("r#")),
        request: cell(&format!("{} {}", operation.method, operation.path.value)),
        refusals: refusals
            .map(|refusals| cell(&refusals.name))
            .unwrap_or_default(),
    }
}

/// Where more is written, as prose.
pub(super) fn external(docs: Option<&dovetail_contract::contract::ExternalDocs>) -> Vec<String> {
    let Some(docs) = docs else { return Vec::new() };
    let about = doc::sentence(docs.description.as_deref().unwrap_or_default());
    let about = about.trim_end_matches(['.', ':', ' ']);
    let url = doc::sentence(&docs.url);
    let url = url.trim_end_matches('.');
    if about.is_empty() {
        doc::wrap(&format!("More is written at {url}."))
    } else {
        doc::wrap(&format!("{about}: {url}."))
    }
}

/// How a client is made: what is imported, and the expression, line by line.
pub(super) fn setup(request: &ClientRequest<'_>) -> ir::Setup {
    let library = super::package_name(request.service).replace('-', "_");
    let mut uses = Uses::default();
    uses.add("crate", "Client");
    let mut lines = vec!["Client::builder()".to_owned()];
    let declared = servers::servers(request, &mut Uses::default());
    let addressed = request
        .api
        .servers
        .iter()
        .zip(&declared)
        .find(|(server, _)| {
            server.url.starts_with("https://") || server.url.starts_with("http://")
        });
    match addressed {
        Some((_, constant)) if declared.len() == request.api.servers.len() => {
            uses.add("crate", "operations");
            lines.push(format!(
                ".base_url(&operations::{}.url(&[])?)",
                constant.name
            ));
        }
        _ => lines.push(".base_url(\"https://example.com\")".to_owned()),
    }
    for (constant, kind) in constants::schemes(request.api) {
        uses.runtime(&["Credential"]);
        uses.add("crate", "operations");
        let credential = credential(kind, &mut uses);
        lines.push(format!(
            ".credential(&operations::{constant}, &{credential})"
        ));
    }
    lines.extend([".build()".to_owned(), ".map(Client::from)".to_owned()]);
    let uses = uses.lines();
    let uses = uses
        .iter()
        .map(|line| line.replace("use crate::", &format!("use {library}::")));
    ir::Setup {
        uses: uses.collect(),
        lines,
    }
}

fn credential(kind: &SecurityKind, uses: &mut Uses) -> String {
    let client_credentials = match kind {
        SecurityKind::OAuth2 { flows, .. } => flows.client_credentials.as_ref(),
        _ => None,
    };
    let token_url = |flow: &OAuthFlow| {
        let url = flow.token_url.clone()?;
        url.starts_with("https://").then_some(url)
    };
    if let Some(url) = client_credentials.and_then(token_url) {
        uses.runtime(&["ClientCredentials"]);
        let url = literal::rust(&url);
        return format!(
            "Credential::client_credentials(ClientCredentials::new({url}, \"client\", \"secret\"))"
        );
    }
    match kind {
        SecurityKind::Basic => "Credential::basic(\"user\", \"password\")",
        SecurityKind::ApiKey { .. } => "Credential::key(\"key\")",
        _ => "Credential::bearer(\"token\")",
    }
    .to_owned()
}
