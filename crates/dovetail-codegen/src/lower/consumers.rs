//! From what a service consumes to the crate that is generated from it: traits of handlers, how each message is consumed, and what runs them.

mod guarantees;
mod running;

use std::collections::BTreeMap;

use dovetail_contract::contract::{
    Channel, ConsumePolicy, Handled, InboxMode, Message, MessageId, RuntimeSource, Service,
    Workspace,
};
use indexmap::IndexMap;

use super::messages::{Provided, ProvidedMessage, optional};
use super::spell::Uses;
use super::{laws, manifest, policies};
use crate::rust_name::{self, Casing, Scope, Wanted};
use crate::{doc, ir, literal};

/// Names that no module of handlers takes: what the crate has itself, crates that it names, and files that some systems cannot have.
const RESERVED: &[&str] = &[
    "alloc",
    "aux",
    "com0",
    "com1",
    "com2",
    "com3",
    "com4",
    "com5",
    "com6",
    "com7",
    "com8",
    "com9",
    "con",
    "consumers",
    "core",
    "dovetail_messaging",
    "lib",
    "lpt0",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
    "lpt5",
    "lpt6",
    "lpt7",
    "lpt8",
    "lpt9",
    "main",
    "nul",
    "prn",
    "routes",
    "std",
];

/// What a crate of consumers is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) service: &'a Service,
    pub(crate) version: &'a semver::Version,
    pub(crate) source: &'a str,
    pub(crate) runtime: &'a RuntimeSource,
    /// The crates of messages, by service.
    pub(crate) provided: &'a BTreeMap<String, Provided>,
}

/// A message that is consumed, with all its names.
#[derive(Debug)]
struct Draft<'a> {
    provider: &'a str,
    /// What contracts call it.
    name: &'a str,
    message: &'a Message,
    channel_name: &'a str,
    channel: &'a Channel,
    /// The crate of its payload, as code names it.
    library: String,
    provided: &'a ProvidedMessage,
    policy: ConsumePolicy,
    is_ordered: bool,
    pointer: Option<&'a str>,
    /// What inboxes know it by.
    known_as: String,
    method: String,
    constant: String,
}

impl Draft<'_> {
    fn is_leased(&self) -> bool {
        self.policy.mode == InboxMode::Lease
    }
}

/// What is known of a message before it has names in Rust.
struct Found<'a> {
    provider: &'a str,
    name: &'a str,
    handler: String,
    /// What inboxes know the handler by.
    known_as: String,
    is_ordered: bool,
    pointer: Option<&'a str>,
    policy: ConsumePolicy,
    /// Whether the contract names the handler.
    is_given: bool,
}

/// The name of the crate of what a service consumes.
pub(crate) fn package_name(service: &str) -> String {
    format!("{}-consumers", super::slug(service))
}

/// Decides everything about one crate of consumers; none where the service consumes nothing.
pub(crate) fn lower(request: &Request<'_>) -> Option<ir::Consumers> {
    let drafts = draft(request);
    if drafts.is_empty() {
        return None;
    }
    let (modules, traits) = handlers(&drafts);
    let routes = drafts.iter().map(route).collect();
    let mut exports = Uses::default();
    exports.add("consumers", "Consumers");
    for handled in traits.values() {
        exports.add(&handled.module, &handled.name);
    }
    let running = running::running(&drafts, &traits);
    Some(ir::Consumers {
        source: literal::visible(request.source),
        manifest: manifest_of(request, &drafts),
        readme: readme(request, &drafts, &traits),
        docs: docs(request),
        exports: exports.paths(),
        service: literal::rust(&request.service.name.value),
        provided: own_package(request)
            .map(|provided| format!("{}::channels::ALL", library(&provided.package))),
        has_leases: drafts.iter().any(Draft::is_leased),
        modules,
        routes,
        groups: running.groups,
        consumer_uses: running.uses,
        bounds: running.bounds,
        steps: running.steps,
        dispatchers: running.dispatchers,
    })
}

/// The crate of what the service provides itself.
fn own_package<'a>(request: &Request<'a>) -> Option<&'a Provided> {
    request.provided.get(&request.service.name.value)
}

fn library(package: &str) -> String {
    package.replace('-', "_")
}

/// All that is consumed: what the contract names, and the service's own commands that nobody else handles.
fn draft<'a>(request: &Request<'a>) -> Vec<Draft<'a>> {
    let handled = request.workspace.handled(request.service).into_iter();
    let found: Vec<Found<'a>> = handled.map(|one| found(request, &one)).collect();
    let wanted = |casing: Casing| -> Vec<Wanted<'_>> {
        let wanted = found.iter().map(|found| Wanted {
            text: &found.handler,
            place: found.name,
            name: rust_name::identifier(&found.handler, casing),
            is_given: found.is_given,
        });
        wanted.collect()
    };
    let methods = Scope::default().claim_all(&wanted(Casing::Snake), Casing::Snake);
    let constants = Scope::default().claim_all(&wanted(Casing::Constant), Casing::Constant);
    let named = found.into_iter().zip(methods.into_iter().zip(constants));
    let draft = |(found, (method, constant)): (Found<'a>, (String, String))| {
        let package = request.provided.get(found.provider)?;
        let services = &request.workspace.services;
        let provides = &services.get(found.provider)?.messaging.provides;
        let message = provides.get(found.name)?;
        Some(Draft {
            provider: found.provider,
            name: found.name,
            message,
            channel_name: message.channel.as_ref()?.value.as_str(),
            channel: request.workspace.channel(message)?,
            library: library(&package.package),
            provided: package.messages.get(found.name)?,
            policy: found.policy,
            is_ordered: found.is_ordered,
            pointer: found.pointer,
            known_as: found.known_as,
            method,
            constant,
        })
    };
    named.filter_map(draft).collect()
}

fn found<'a>(request: &Request<'a>, handled: &Handled<'a>) -> Found<'a> {
    let pointer = handled.consumption.and_then(|said| match &said.id {
        MessageId::Event => None,
        MessageId::Pointer(pointer) => Some(pointer.value.as_str()),
    });
    Found {
        provider: &handled.provider.name.value,
        name: handled.name,
        handler: handled.handler().to_owned(),
        known_as: handled.known_as(),
        is_ordered: handled.is_ordered(),
        pointer,
        policy: handled.settings(request.workspace).resolve(),
        is_given: handled.consumption.is_some(),
    }
}

/// Names of the traits of handlers, by provider and whether they have leases.
type Traits<'a> = IndexMap<(&'a str, bool), TraitName>;

/// A trait of handlers, and where it is.
#[derive(Debug, Clone)]
struct TraitName {
    module: String,
    name: String,
}

/// A file for each provider, with a trait for what is handled in transactions and one for what is handled under leases.
fn handlers<'a>(drafts: &[Draft<'a>]) -> (Vec<ir::HandlerModule>, Traits<'a>) {
    let mut providers: IndexMap<&'a str, Vec<&Draft<'a>>> = IndexMap::new();
    for draft in drafts {
        providers.entry(draft.provider).or_default().push(draft);
    }
    let (mut modules, mut traits) = (Vec::new(), Traits::new());
    let (mut files, mut names) = (Scope::with(RESERVED), Scope::with(&["Consumers"]));
    for (provider, own) in providers {
        let file = rust_name::identifier(provider, Casing::Snake);
        let file = files.claim_for(&file, provider, Casing::Snake);
        let base = rust_name::identifier(provider, Casing::Type);
        let mut written = Vec::new();
        for (is_leased, suffix) in [(false, "Handler"), (true, "LeaseHandler")] {
            let own = own.iter().filter(|draft| draft.is_leased() == is_leased);
            let own: Vec<&Draft<'_>> = own.copied().collect();
            if own.is_empty() {
                continue;
            }
            let name = names.claim_for(&format!("{base}{suffix}"), provider, Casing::Type);
            written.push(handler_trait(provider, &name, is_leased, &own));
            let module = file.clone();
            traits.insert((provider, is_leased), TraitName { module, name });
        }
        modules.push(handler_module(file, provider, &own, written));
    }
    (modules, traits)
}

fn handler_module(
    name: String,
    provider: &str,
    drafts: &[&Draft<'_>],
    traits: Vec<ir::HandlerTrait>,
) -> ir::HandlerModule {
    let library = drafts.first().map(|draft| draft.library.clone());
    let library = library.unwrap_or_default();
    let mut uses = Uses::default();
    for item in ["Context", "HandlerError"] {
        uses.add("dovetail_messaging::consumer", item);
    }
    if traits.iter().any(|one| one.is_leased) {
        uses.add("dovetail_messaging::consumer", "Held");
    }
    uses.add(&library, "types");
    ir::HandlerModule {
        name,
        provider: doc::code(provider),
        library,
        uses: uses.lines(),
        traits,
    }
}

fn handler_trait(
    provider: &str,
    name: &str,
    is_leased: bool,
    drafts: &[&Draft<'_>],
) -> ir::HandlerTrait {
    let methods = drafts.iter().map(|draft| ir::HandlerMethod {
        docs: guarantees::docs(draft),
        name: draft.method.clone(),
        payload: draft.provided.payload.clone(),
    });
    ir::HandlerTrait {
        docs: guarantees::about(provider, drafts),
        name: name.to_owned(),
        is_leased,
        methods: methods.collect(),
    }
}

/// How a message is consumed, as a constant.
fn route(draft: &Draft<'_>) -> ir::MessageRoute {
    let policy = &draft.policy;
    let about = format!(
        "How {} of {} is consumed.",
        doc::code(draft.name),
        doc::code(draft.provider)
    );
    ir::MessageRoute {
        docs: doc::wrap(&about),
        constant: draft.constant.clone(),
        name: literal::rust(&draft.known_as),
        message: format!("{}::messages::{}", draft.library, draft.provided.constant),
        inbox: match policy.mode {
            InboxMode::Transaction => "Transaction",
            InboxMode::Lease => "Lease",
            InboxMode::Offset => "Offset",
            InboxMode::Both => "Both",
        },
        id_pointer: optional(draft.pointer.map(literal::rust)),
        // Only in a transaction can a message be parked behind another one.
        is_ordered: draft.is_ordered && !draft.is_leased(),
        attempts_max: policies::grouped(policy.attempts.into()),
        backoff_base: policies::duration(policy.base),
        backoff_max: policies::duration(policy.max),
        deadline: policies::duration(policy.deadline),
        retain: policies::duration(policy.retain),
        alert_depth: policies::grouped(policy.alert_depth.into()),
        alert_oldest: policies::duration(policy.alert_oldest),
        dead_retain: policies::duration(policy.dead_letter_retain),
    }
}

fn manifest_of(request: &Request<'_>, drafts: &[Draft<'_>]) -> ir::Manifest {
    let own = own_package(request).map(|provided| provided.package.as_str());
    let others = drafts
        .iter()
        .filter_map(|draft| request.provided.get(draft.provider))
        .map(|provided| provided.package.as_str());
    let mut packages: Vec<&str> = others.chain(own).collect();
    packages.sort_unstable();
    packages.dedup();
    let mut dependencies = vec![manifest::bare_runtime(
        request.runtime,
        "dovetail-messaging",
    )];
    // All generated crates stand side by side.
    let beside = |package: &&str| format!("{package} = {{ path = \"../{package}\" }}");
    dependencies.extend(packages.iter().map(beside));
    dependencies.sort();
    let service = &request.service.name.value;
    ir::Manifest {
        name: literal::toml(&package_name(service)),
        version: literal::toml(&request.version.to_string()),
        description: manifest::description(&format!("What {service} consumes.")),
        features: Vec::new(),
        required: Vec::new(),
        dependencies,
    }
}

fn docs(request: &Request<'_>) -> Vec<String> {
    let name = doc::code(&request.service.name.value);
    doc::wrap(&format!(
        "What {name} consumes: a trait for who handles it, and [`Consumers`], which runs that."
    ))
}

fn readme(request: &Request<'_>, drafts: &[Draft<'_>], traits: &Traits<'_>) -> ir::ConsumersReadme {
    let package = package_name(&request.service.name.value);
    let rows = drafts.iter().map(|draft| {
        let handled = traits.get(&(draft.provider, draft.is_leased()));
        let handler = handled.map_or("", |handled| handled.name.as_str());
        let method = draft.method.trim_start_matches("r#");
        let key = draft.message.key.as_ref().filter(|_| draft.is_ordered);
        let key = key.filter(|_| !draft.is_leased());
        ir::RouteRow {
            message: doc::cell(&format!("{}/{}", draft.provider, draft.name)),
            handler: doc::cell(&format!("{handler}::{method}")),
            channel: doc::cell(draft.channel_name),
            effect: match draft.policy.mode {
                InboxMode::Transaction | InboxMode::Both => "once for each message",
                InboxMode::Offset => "once for each place of the channel",
                InboxMode::Lease => "at least once, in one place at a time",
            },
            order: match key {
                Some(key) if laws::keeps_keys(draft.channel) => doc::cell(&key.value),
                _ => String::new(),
            },
        }
    });
    let channels: IndexMap<&str, &Channel> = drafts
        .iter()
        .map(|draft| (draft.channel_name, draft.channel))
        .collect();
    let name = doc::code(&request.service.name.value);
    ir::ConsumersReadme {
        title: package.clone(),
        summary: doc::wrap(&format!("What {name} consumes.")),
        library: library(&package),
        rows: rows.collect(),
        unkept: laws::list(channels),
    }
}
