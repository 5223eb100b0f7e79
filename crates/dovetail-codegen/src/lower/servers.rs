//! Addresses that the contract declares, as constants that nothing uses by itself.

use dovetail_contract::contract::Server;

use super::spell::Uses;
use crate::rust_name::{self, Casing, Scope};
use crate::{ClientRequest, doc, ir, literal};

/// A constant for each address that a client can use. Relative ones say where the document was found, which nobody knows here, and those with
/// a password in them belong into no source.
pub(super) fn servers(request: &ClientRequest<'_>, uses: &mut Uses) -> Vec<ir::Scheme> {
    let mut scope = Scope::default();
    let absolute = |server: &&Server| {
        let url = server.url.to_ascii_lowercase();
        let address = url.strip_prefix("http://").or(url.strip_prefix("https://"));
        address.is_some_and(|address| {
            // However many slashes there are, and whichever way they lean, parsers of URLs take what follows for the host.
            let host = address.trim_start_matches(['/', '\\']);
            !host
                .split(['/', '\\', '?', '#'])
                .next()
                .unwrap_or_default()
                .contains('@')
        })
    };
    let servers = request.api.servers.iter().filter(absolute);
    servers
        .map(|server| {
            uses.runtime(&["ServerTemplate"]);
            let variables = server.variables.iter().map(|(name, variable)| {
                uses.runtime(&["ServerVariable"]);
                let mut text = format!(
                    "ServerVariable::new({}, {})",
                    literal::rust(name),
                    literal::rust(&variable.default)
                );
                if !variable.allowed.is_empty() {
                    let allowed: Vec<String> = variable
                        .allowed
                        .iter()
                        .map(|value| literal::rust(value))
                        .collect();
                    text.push_str(&format!(".allowed(&[{}])", allowed.join(", ")));
                }
                text
            });
            let variables: Vec<String> = variables.collect();
            let mut docs = doc::lines(server.description.as_deref().unwrap_or_default());
            if docs.is_empty() {
                docs.push("An address that the contract declares.".to_owned());
            }
            docs.extend([String::new(), format!("{}.", doc::code(&server.url))]);
            ir::Scheme {
                docs,
                name: scope.claim(&constant(server), Casing::Constant),
                value: format!(
                    "ServerTemplate::new({}, &[{}])",
                    literal::rust(&server.url),
                    variables.join(", ")
                ),
            }
        })
        .collect()
}

/// A few words of the description name an address; many do not. No operation has a name that ends like this.
fn constant(server: &Server) -> String {
    const WORDS_MAX: usize = 3;
    let said = server.name.as_deref().or(server.description.as_deref());
    let words = rust_name::words(said.unwrap_or_default());
    let words: Vec<String> = words
        .into_iter()
        .filter(|word| !word.eq_ignore_ascii_case("server"))
        .collect();
    if said.is_some() && !words.is_empty() && words.len() <= WORDS_MAX {
        format!("{}_SERVER", rust_name::from_words(&words, Casing::Constant))
    } else {
        "DECLARED_SERVER".to_owned()
    }
}
