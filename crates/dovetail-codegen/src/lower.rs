//! From a contract to the crate that is generated from it: every decision is taken here, and none later.

mod answers;
mod bodies;
mod constants;
pub(crate) mod consumers;
mod enums;
mod events;
mod examples;
mod fields;
mod forms;
mod graph;
mod headers;
mod incoming;
mod items;
mod laws;
mod manifest;
pub(crate) mod messages;
mod methods;
mod operations;
mod paging;
mod parameters;
mod parts;
mod policies;
mod readme;
mod renames;
mod scalar;
mod servers;
mod spell;
mod split;
mod tables;
mod ty;
mod types;
mod union;
mod view;

use dovetail_contract::finding::Finding;
use dovetail_contract::schema::SchemaId;
use dovetail_contract::source::Span;

use self::graph::Graph;
use self::incoming::HandlerDraft;
use self::items::Items;
use self::operations::OperationDraft;
use self::parts::{Part, Parts};
use self::spell::{Speller, Uses};
use self::types::Types;
use crate::rust_name::{self, Casing, Scope};
use crate::{ClientRequest, doc, ir, literal};

/// Names that generated files import or that the language knows: no type of a contract may take them.
const RESERVED: &[&str] = &[
    "Answered",
    "Body",
    "ByteStream",
    "EventStream",
    "FilePart",
    "Form",
    "LineStream",
    "Items",
    "NextLink",
    "Pages",
    "ServerTemplate",
    "ServerVariable",
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
    "CallbackHandler",
    "WebhookHandler",
    "Into",
    "IntoIterator",
    "Iterator",
    "JsonKind",
    "Method",
    "NaiveDate",
    "None",
    "Number",
    "Ok",
    "Operation",
    "Option",
    "Ord",
    "Parameter",
    "PartialEq",
    "PartialOrd",
    "Patch",
    "Policy",
    "RawJson",
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

/// Decides everything about one client crate.
pub(crate) fn lower(request: &ClientRequest<'_>) -> (ir::Crate, Vec<Finding>, Vec<OpenEnded>) {
    let api = request.api;
    let mut types = Types::new(&api.schemas, &api.renames, RESERVED);
    let mut drafts = operations::draft(api, &mut types);
    let mut incoming = incoming::draft(api, &mut types);
    types.finish();
    renames::members(&mut types, &api.renames);
    split::split(&mut types, &mut drafts, &mut incoming);
    let graph = Graph::new(&types.drafts);
    let speller = Speller {
        drafts: &types.drafts,
        graph: &graph,
    };

    let items = Items::new(&types, speller, roots(&drafts, &incoming));
    examples::choose(&mut drafts, &types);
    let unread = paging::plan(&mut drafts, &items);

    let mut policy_uses = Uses::default();
    let callers = policies::callers(request, &mut policy_uses);
    let division = Parts::new(&drafts, &incoming, &types.drafts);
    let writer = Writer {
        request,
        drafts: &drafts,
        types: &types,
        items,
        speller,
        division: &division,
    };
    let mut all_uses = Uses::default();
    let parts: Vec<ir::Part> = (0..division.parts.len())
        .filter_map(|number| writer.part(number, &mut all_uses))
        .collect();
    let handlers = writer.handlers(&incoming, &mut all_uses);
    let library = package_name(request.service).replace('-', "_");
    let examples = examples::file(&drafts, &speller, (&library, readme::setup(request)));
    let (policy, operation_uses) = writer.operations_root();
    let servers = servers::servers(request, &mut Uses::default());
    let client = writer.client_root(&callers, &mut all_uses);
    let summary = request
        .summary
        .map_or_else(|| api.title.trim().to_owned(), str::to_owned);
    let krate = ir::Crate {
        source: literal::visible(request.source),
        manifest: manifest::manifest(request, &summary, &all_uses, &division),
        readme: readme::readme(request, &drafts, &division, &speller, &summary),
        docs: crate_docs(request, &summary),
        recursion_limit: recursion_limit(graph.depth),
        service: constants::service(request, &drafts),
        servers,
        client,
        operation_uses: operation_uses.lines(),
        policy,
        has_flags: parts
            .iter()
            .flat_map(|part| &part.types.items)
            .any(has_flags),
        callers,
        handlers,
        examples,
        policy_uses: policy_uses.lines(),
        parts,
    };
    let open_ended = open_ended(&types);
    let mut findings = types.findings;
    findings.extend(unread);
    (krate, findings, open_ended)
}

fn open_ended(types: &Types<'_>) -> Vec<OpenEnded> {
    let of = |(id, reason): &(SchemaId, &'static str)| {
        let schema = types.views.schemas.schema(*id);
        OpenEnded {
            span: schema.span,
            pointer: schema.pointer.clone(),
            reason,
        }
    };
    types.open_ended.iter().map(of).collect()
}

/// A schema that leaves open what it is.
pub(crate) struct OpenEnded {
    pub(crate) span: Span,
    pub(crate) pointer: String,
    pub(crate) reason: &'static str,
}

/// Writes out what was decided.
struct Writer<'a> {
    request: &'a ClientRequest<'a>,
    drafts: &'a [OperationDraft<'a>],
    types: &'a Types<'a>,
    items: Items<'a>,
    speller: Speller<'a>,
    division: &'a Parts,
}

impl<'a> Writer<'a> {
    fn drafts_of(&self, part: &'a Part) -> impl Iterator<Item = &'a OperationDraft<'a>> {
        part.operations
            .iter()
            .filter_map(|index| self.drafts.get(*index))
    }

    /// A part of the crate. `all` collects what any file imports.
    fn part(&self, number: usize, all: &mut Uses) -> Option<ir::Part> {
        let part = self.division.parts.get(number)?;
        let (types, tables) = self.types(number, part, all);
        Some(ir::Part {
            module: part.module.clone(),
            feature: part.feature.clone(),
            about: part.about.clone(),
            methods: self.methods(part, all),
            operations: self.operations(part),
            errors: self.errors(part, all),
            types,
            tables,
        })
    }

    /// A method for each operation.
    fn methods(&self, part: &'a Part, all: &mut Uses) -> ir::Section<ir::Method> {
        let mut uses = Uses::default();
        let drafts = self.drafts_of(part);
        let items = drafts.flat_map(|draft| methods::methods(draft, &self.speller, &mut uses));
        let items: Vec<ir::Method> = items.collect();
        if !items.is_empty() {
            uses.runtime(&["Error"]);
            uses.add("crate", "operations");
            if part.module.is_some() {
                uses.add("crate", "Client");
            }
        }
        all.take(&uses);
        let uses = uses.lines();
        ir::Section { uses, items }
    }

    /// An enum for each operation that can refuse.
    fn errors(&self, part: &'a Part, all: &mut Uses) -> ir::Section<ir::Answer> {
        let mut uses = Uses::default();
        let drafts = self.drafts_of(part);
        let items = drafts.filter_map(|draft| answers::refusals(draft, &self.speller, &mut uses));
        let items: Vec<ir::Answer> = items.collect();
        if !items.is_empty() {
            uses.runtime(&["DecodeResult", "Refusal", "Response"]);
            uses.add("std", "fmt");
        }
        all.take(&uses);
        let uses = uses.lines();
        ir::Section { uses, items }
    }

    /// What schemas name, then what operations alone need; and how it is read and written.
    fn types(
        &self,
        number: usize,
        part: &'a Part,
        all: &mut Uses,
    ) -> (ir::Section<ir::TypeItem>, ir::Section<ir::Table>) {
        let (mut uses, mut wire) = (Uses::default(), Uses::default());
        let (mut items, mut tables) = (Vec::new(), Vec::new());
        let mut indexes: Vec<usize> = self.division.types(number).collect();
        // What is sent stands beside what is received.
        let place = |index: usize| {
            let draft = self.types.drafts.get(index);
            draft.and_then(|draft| draft.received_as).unwrap_or(index)
        };
        indexes.sort_by_key(|index| (place(*index), *index));
        for index in indexes {
            if let Some((item, table)) = self.items.item(index, &mut uses, &mut wire) {
                items.push(item);
                tables.extend(table);
            }
        }
        for draft in self.drafts_of(part) {
            items.extend(parameters::structs(
                draft,
                self.types,
                &self.speller,
                &mut uses,
            ));
            let successes = answers::successes(draft, &self.speller, &mut uses);
            items.extend(successes.map(ir::TypeItem::Answer));
            if let Some(headers) = &draft.headers {
                let (types, method) = (self.types, &draft.method);
                let (item, table) =
                    headers::item(headers, method, types, &self.speller, &mut uses, &mut wire);
                items.push(item);
                tables.push(table);
            }
        }
        if items.iter().any(has_flags) && self.division.are_several() {
            uses.add("crate::types", "Flag");
        }
        let own: Vec<&str> = items.iter().map(ir::TypeItem::name).collect();
        if part.module.is_some() {
            uses.forget("crate::types", |name| own.contains(&name));
        } else {
            uses.forget("crate::types", |_| true);
        }
        all.take(&uses);
        all.take(&wire);
        (
            ir::Section {
                uses: uses.lines(),
                items,
            },
            ir::Section {
                uses: wire.wrapped(),
                items: tables,
            },
        )
    }

    /// A constant for each operation.
    fn operations(&self, part: &'a Part) -> ir::Section<ir::Operation> {
        let mut uses = Uses::default();
        let drafts = self.drafts_of(part);
        let items = drafts.map(|draft| constants::operation(draft, self.request.api, &mut uses));
        let items: Vec<ir::Operation> = items.collect();
        if !items.is_empty() && part.module.is_some() {
            uses.add("crate::operations", "POLICY");
            uses.add("crate::operations", "SERVICE");
        }
        if part.module.is_none() {
            self.root_uses(&mut uses);
            uses.forget("crate::operations", |_| true);
        }
        let uses = uses.lines();
        ir::Section { uses, items }
    }

    /// The files of what the service sends itself.
    fn handlers(&self, drafts: &[HandlerDraft<'_>], all: &mut Uses) -> Vec<ir::Handlers> {
        let file = |draft: &HandlerDraft<'_>| {
            let (mut handlers, uses) = draft.file(self.request.service, self.types, &self.speller);
            all.take(&uses);
            handlers.uses = uses.lines();
            handlers
        };
        drafts.iter().map(file).collect()
    }

    /// The policy of all operations, and what the file imports for it where operations stand in files of their own.
    fn operations_root(&self) -> (Option<String>, Uses) {
        let mut uses = Uses::default();
        let policy = self.root_uses(&mut uses);
        (policy, uses)
    }

    fn root_uses(&self, uses: &mut Uses) -> Option<String> {
        let policy =
            (!self.drafts.is_empty()).then(|| policies::expression(self.request.policy, uses));
        uses.runtime(&["Service"]);
        servers::servers(self.request, uses);
        let mut schemes = self.request.api.security_schemes.values();
        if schemes.any(|scheme| constants::is_spoken(&scheme.kind)) {
            uses.runtime(&["SecurityScheme"]);
        }
        policy
    }

    /// The client itself, with a constructor for each consumer.
    fn client_root(&self, callers: &[ir::Caller], all: &mut Uses) -> ir::ClientFile {
        let request = self.request;
        let mut uses = Uses::default();
        let connect = policies::connect(request.policy);
        let constructors = constructors(request, callers);
        let mut connects = constructors.iter().map(|constructor| &constructor.connect);
        if connect.is_some() || connects.any(Option::is_some) {
            uses.add("std::time", "Duration");
        }
        uses.add_client(!callers.is_empty());
        if !self.division.are_several() {
            // Methods stand in the same file.
            for draft in self.drafts {
                methods::methods(draft, &self.speller, &mut uses);
            }
            if !self.drafts.is_empty() {
                uses.runtime(&["Error"]);
            }
        }
        all.take(&uses);
        let name = doc::code(request.service);
        ir::ClientFile {
            uses: uses.lines(),
            docs: vec![format!("Calls the operations of {name}.")],
            connect,
            constructors,
        }
    }
}

/// The name of the client crate of a service.
pub(crate) fn package_name(service: &str) -> String {
    format!("{}-client", slug(service))
}

/// What names of crates begin with: a slug, whatever the service calls itself.
fn slug(service: &str) -> String {
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
    // The runtime is called `dovetail-client`.
    let is_free = slug != "dovetail" && slug.starts_with(|c: char| c.is_ascii_alphabetic());
    let slug = if is_free {
        slug.to_owned()
    } else {
        format!("service-{slug}")
    };
    slug.trim_end_matches('-').to_owned()
}

/// The compiler follows types into one another when it proves that a future may move between threads, and gives up at 128.
fn recursion_limit(depth: usize) -> Option<usize> {
    const DEPTH_USUAL: usize = 24;
    (depth > DEPTH_USUAL).then(|| (128 + depth * 4).next_multiple_of(128))
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
    let more = readme::external(request.api.external_docs.as_ref());
    if !more.is_empty() {
        lines.push(String::new());
        lines.extend(more);
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
fn roots(drafts: &[OperationDraft<'_>], incoming: &[HandlerDraft<'_>]) -> (Vec<usize>, Vec<usize>) {
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for draft in drafts {
        draft.sent().for_each(|ty| ty.mentioned(&mut sent));
        draft.received().for_each(|ty| ty.mentioned(&mut received));
    }
    for handler in incoming {
        handler.sent().for_each(|ty| ty.mentioned(&mut sent));
        handler
            .received()
            .for_each(|ty| ty.mentioned(&mut received));
    }
    (sent, received)
}
