//! From a contract to the crate that is generated from it: every decision is taken here, and none later.

mod answers;
mod bodies;
mod constants;
mod enums;
mod fields;
mod graph;
mod items;
mod manifest;
mod operations;
mod parameters;
mod policies;
mod scalar;
mod spell;
mod ty;
mod types;
mod union;
mod view;

use dovetail_contract::finding::Finding;

use self::graph::Graph;
use self::operations::OperationDraft;
use self::spell::{Speller, Uses};
use self::types::Types;
use crate::rust_name::{self, Casing, Scope};
use crate::{ClientRequest, doc, ir, literal};

/// Names that generated files import or that the language knows: no type of a contract may take them.
const RESERVED: &[&str] = &[
    "Arc",
    "AsMut",
    "AsRef",
    "Base64",
    "Box",
    "BTreeMap",
    "Call",
    "DecodeResult",
    "Bytes",
    "Client",
    "Clone",
    "ConfigError",
    "Copy",
    "Credentials",
    "DateTime",
    "Debug",
    "Decimal",
    "DecimalNumber",
    "DecodeError",
    "Default",
    "Deserialize",
    "Deserializer",
    "Display",
    "DoubleEndedIterator",
    "Drop",
    "Duration",
    "Eq",
    "Err",
    "Error",
    "ExactSizeIterator",
    "Extend",
    "FixedOffset",
    "Flag",
    "Fn",
    "FnMut",
    "FnOnce",
    "Formatter",
    "From",
    "FromIterator",
    "MapAccess",
    "Hash",
    "Http",
    "HttpBuilder",
    "Into",
    "IntoIterator",
    "Iterator",
    "Method",
    "NaiveDate",
    "None",
    "Ok",
    "Operation",
    "Option",
    "Ord",
    "Parameter",
    "PartialEq",
    "PartialOrd",
    "Patch",
    "Policy",
    "Refusal",
    "Response",
    "Result",
    "Self",
    "Send",
    "Serialize",
    "Serializer",
    "Service",
    "Sized",
    "Some",
    "String",
    "Style",
    "Success",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Undeclared",
    "Unknown",
    "UnknownValue",
    "UnknownNumber",
    "UnknownVariant",
    "Unpin",
    "Uuid",
    "Value",
    "Vec",
];

/// Whether a name is one that generated files import or that the language knows.
fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Decides everything about one client crate.
pub(crate) fn lower(request: &ClientRequest<'_>) -> (ir::Crate, Vec<Finding>) {
    let api = request.api;
    let mut types = Types::new(&api.schemas, RESERVED);
    let drafts = operations::draft(api, &mut types);
    types.finish();
    let graph = Graph::new(&types.drafts);
    let speller = Speller {
        drafts: &types.drafts,
        graph: &graph,
    };

    let mut policy_uses = Uses::default();
    let callers = policies::callers(request, &mut policy_uses);
    let (client, client_uses) = client_file(request, &drafts, &speller, &callers);
    let (errors, error_uses) = errors_file(&drafts, &speller);
    let (items, type_uses) = types_file(&drafts, &types, &speller);
    let (operations, policy, operation_uses) = operations_file(request, &drafts);
    let summary = request
        .summary
        .map_or_else(|| api.title.trim().to_owned(), str::to_owned);
    let krate = ir::Crate {
        source: literal::visible(request.source),
        manifest: manifest::manifest(request, &summary, [&client_uses, &error_uses, &type_uses]),
        readme: manifest::readme(request, &drafts, &summary),
        docs: crate_docs(request, &summary),
        service: constants::service(request, &drafts),
        client,
        operation_uses: operation_uses.lines(),
        policy,
        operations,
        has_flags: items.iter().any(has_flags),
        types: items,
        type_uses: type_uses.lines(),
        errors,
        error_uses: error_uses.lines(),
        callers,
        policy_uses: policy_uses.lines(),
    };
    (krate, types.findings)
}

/// `client.rs`: a method for each operation, a constructor for each consumer.
fn client_file(
    request: &ClientRequest<'_>,
    drafts: &[OperationDraft<'_>],
    speller: &Speller<'_>,
    callers: &[ir::Caller],
) -> (ir::ClientFile, Uses) {
    let mut uses = Uses::default();
    let methods = drafts
        .iter()
        .map(|draft| operations::method(draft, speller, &mut uses))
        .collect();
    let connect = policies::connect(request.policy);
    let constructors = constructors(request, callers);
    let mut connects = constructors.iter().map(|constructor| &constructor.connect);
    if connect.is_some() || connects.any(Option::is_some) {
        uses.add("std::time", "Duration");
    }
    uses.add_client(drafts, !callers.is_empty());
    let name = doc::code(request.service);
    let file = ir::ClientFile {
        uses: uses.lines(),
        docs: vec![format!("Calls the operations of {name}.")],
        connect,
        methods,
        constructors,
    };
    (file, uses)
}

/// `errors.rs`: an enum for each operation that can refuse.
fn errors_file(drafts: &[OperationDraft<'_>], speller: &Speller<'_>) -> (Vec<ir::Answer>, Uses) {
    let mut uses = Uses::default();
    let errors: Vec<ir::Answer> = drafts
        .iter()
        .filter_map(|draft| answers::refusals(draft, speller, &mut uses))
        .collect();
    if !errors.is_empty() {
        uses.runtime(&["DecodeResult", "Refusal", "Response"]);
        uses.add("std", "fmt");
    }
    (errors, uses)
}

/// `types.rs`: what schemas name, then what operations alone need.
fn types_file(
    drafts: &[OperationDraft<'_>],
    types: &Types<'_>,
    speller: &Speller<'_>,
) -> (Vec<ir::TypeItem>, Uses) {
    let mut uses = Uses::default();
    let mut items = items::items(types, speller, &mut uses, drafts);
    for draft in drafts {
        items.extend(parameters::structs(draft, types, speller, &mut uses));
        items.extend(answers::successes(draft, speller, &mut uses).map(ir::TypeItem::Answer));
    }
    uses.forget("crate::types");
    (items, uses)
}

/// `operations.rs`: a constant for each operation, and the policy of all of them.
fn operations_file(
    request: &ClientRequest<'_>,
    drafts: &[OperationDraft<'_>],
) -> (Vec<ir::Operation>, Option<String>, Uses) {
    let mut uses = Uses::default();
    let operations = drafts
        .iter()
        .map(|draft| constants::operation(draft, request.api, &mut uses))
        .collect();
    let policy = (!drafts.is_empty()).then(|| policies::expression(request.policy, &mut uses));
    uses.runtime(&["Service"]);
    let mut schemes = request.api.security_schemes.values();
    if schemes.any(|scheme| constants::is_spoken(&scheme.kind)) {
        uses.runtime(&["SecurityScheme"]);
    }
    (operations, policy, uses)
}

/// The name of the crate for a service: a slug, whatever the service calls itself.
pub(crate) fn package_name(service: &str) -> String {
    let words: Vec<String> = rust_name::words(service)
        .iter()
        .map(|word| word.to_lowercase())
        .collect();
    let slug: String = words
        .join("-")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(56)
        .collect();
    let slug = slug.trim_matches('-');
    let slug = if slug.starts_with(|c: char| c.is_ascii_alphabetic()) {
        slug.to_owned()
    } else {
        format!("service-{slug}")
    };
    format!("{}-client", slug.trim_end_matches('-'))
}

fn has_flags(item: &ir::TypeItem) -> bool {
    matches!(item, ir::TypeItem::Struct(item) if item.fields.iter().any(|field| field.ty == "Flag"))
}

fn crate_docs(request: &ClientRequest<'_>, summary: &str) -> Vec<String> {
    let mut lines = doc::wrap(&doc::sentence(summary));
    if lines.is_empty() {
        lines.push(format!("The client of {}.", doc::code(request.service)));
    }
    let description = doc::lines(request.api.description.as_deref().unwrap_or_default());
    if !description.is_empty() && description != lines {
        lines.push(String::new());
        lines.extend(description);
    }
    lines
}

fn constructors(request: &ClientRequest<'_>, callers: &[ir::Caller]) -> Vec<ir::Constructor> {
    let mut scope = Scope::default();
    callers
        .iter()
        .zip(request.callers)
        .map(|(table, caller)| ir::Constructor {
            name: scope.claim(
                &format!(
                    "for_{}",
                    rust_name::identifier(caller.consumer, Casing::Snake)
                ),
                Casing::Snake,
            ),
            caller: doc::code(caller.consumer),
            table: table.name.clone(),
            connect: policies::connect(&caller.policy),
        })
        .collect()
}

/// All types that requests mention, and all that responses do.
fn roots(drafts: &[OperationDraft<'_>]) -> (Vec<usize>, Vec<usize>) {
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for draft in drafts {
        draft.sent().for_each(|ty| ty.mentioned(&mut sent));
        draft.received().for_each(|ty| ty.mentioned(&mut received));
    }
    (sent, received)
}
