//! A contract as the source text of a Rust crate.
//!
//! [`generate`] is pure: it takes a workspace and returns files as text. Lowering takes every decision, templates print them, and what they
//! print is read and laid out in process, so text that templates cannot have meant is never handed out. Services and files are made at the
//! same time, as far as there are processors. [`output`] is the only part that touches files.

pub mod codes;
pub mod output;

mod doc;
mod format;
mod ir;
mod literal;
mod lower;
mod monitoring;
mod parallel;
mod render;
mod rust_name;

use std::collections::BTreeMap;

use dovetail_contract::contract::{HttpApi, OperationCall, RuntimeSource, Service, Workspace};
use dovetail_contract::finding::{Code, Finding};
use dovetail_contract::policy::PolicySettings;
use dovetail_contract::source::{FileId, Sources, Span};
use indexmap::IndexMap;

use crate::render::RenderError;

/// What generating makes of a workspace.
#[derive(Debug, Clone, Default)]
pub struct Generated {
    /// The packages, in the order of services: of each its client, its messages, and what it consumes.
    pub packages: Vec<Package>,
    /// Alert rules, their tests and routes, and a dashboard, for a folder of their own; no files where no service has messages.
    pub monitoring: Package,
    /// What could not be said in Rust, and where. Nothing should be written where one of them is an error.
    pub findings: Vec<Finding>,
    /// What became a value without a type of its own, in the order of services.
    pub untyped: Vec<Untyped>,
}

/// Something that a contract describes and that generated code holds as untyped JSON or as bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Untyped {
    /// Name of the service.
    pub service: String,
    /// What kind of reason there is: one of [`codes::UNTYPED`].
    pub code: &'static Code,
    /// The reason, in one sentence.
    pub reason: String,
    /// Where the contract says it.
    pub span: Span,
    /// The place as a JSON pointer into the document, where it is known.
    pub pointer: Option<String>,
}

/// A crate as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// The name of the crate, which is also the name of its folder. Empty for files that lie in the output folder itself.
    pub name: String,
    /// The files, by path within the folder, with forward slashes.
    pub files: BTreeMap<String, String>,
}

/// What a client crate is made from.
#[derive(Debug, Clone)]
pub struct ClientRequest<'a> {
    /// Name of the service.
    pub service: &'a str,
    /// Version of the crate.
    pub version: semver::Version,
    /// One sentence on what the service does; the title of the document where there is none.
    pub summary: Option<&'a str>,
    /// What it provides.
    pub api: &'a HttpApi,
    /// What the banner names as the origin: the path of the document, relative to the workspace.
    pub source: &'a str,
    /// How every call behaves unless its caller says otherwise.
    pub policy: &'a PolicySettings,
    /// Consumers that declare how they call.
    pub callers: &'a [Caller<'a>],
    /// Where the manifest takes the runtime from; a path leads from the crate's own folder.
    pub runtime: &'a RuntimeSource,
}

/// A consumer of the service.
#[derive(Debug, Clone)]
pub struct Caller<'a> {
    /// Its name.
    pub consumer: &'a str,
    /// How it calls every operation, unless the operation says otherwise.
    pub policy: PolicySettings,
    /// What it says of single operations.
    pub operations: &'a IndexMap<String, OperationCall>,
}

/// Generates the crates of a workspace: `<service>-client` for each service that provides HTTP, `<service>-messages` for each that provides
/// events or commands, and `<service>-consumers` for each that consumes some.
#[must_use]
pub fn generate(workspace: &Workspace, sources: &Sources) -> Generated {
    let mut generated = Generated::default();
    let mut owners = Owners::default();
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    for service in workspace.services.values() {
        if let Some(api) = &service.http
            && owners.claims(
                lower::package_name(&service.name.value),
                service,
                &mut generated,
            )
        {
            wanted.push(Wanted::Client(service, api));
        }
        let name = lower::messages::package_name(&service.name.value);
        if !service.messaging.provides.is_empty() && owners.claims(name, service, &mut generated) {
            wanted.push(Wanted::Messages(service));
        }
    }
    let made = parallel::map(wanted, |wanted| wanted.lower(workspace, sources));
    let mut provided: BTreeMap<String, lower::messages::Provided> = BTreeMap::new();
    let mut lowered: Vec<Lowered> = Vec::new();
    for (one, provides) in made {
        provided.extend(provides.map(|provides| (one.service.clone(), provides)));
        lowered.push(one);
    }
    for service in workspace.services.values() {
        let consumers = Lowered::consumers(workspace, sources, service, &provided);
        lowered.extend(
            consumers.filter(|one| owners.claims(one.name.clone(), service, &mut generated)),
        );
    }
    let place = |one: &Lowered| workspace.services.get_index_of(&one.service);
    lowered.sort_by_key(place);
    let services: Vec<(String, Vec<Untyped>)> = lowered
        .iter_mut()
        .map(|one| (one.service.clone(), std::mem::take(&mut one.open_ended)))
        .collect();
    for ((service, open_ended), (package, findings)) in services.into_iter().zip(packages(lowered))
    {
        generated.packages.push(package);
        generated.untyped.extend(untyped(&service, &findings));
        generated.untyped.extend(open_ended);
        generated.findings.extend(findings);
    }
    match monitoring::monitoring(workspace, sources) {
        Ok(package) => generated.monitoring = package,
        Err((file, message)) => {
            let place = Span::start_of(file);
            let finding = Finding::new(&codes::BROKEN_OUTPUT, place, message);
            generated.findings.push(finding);
        }
    }
    generated
}

/// Generates one client crate.
///
/// A package whose findings hold [`codes::BROKEN_OUTPUT`] is empty: that is a defect of this crate, never of the contract.
#[must_use]
pub fn client(request: &ClientRequest<'_>) -> (Package, Vec<Finding>) {
    let made = packages(vec![Lowered::client(request)]).pop();
    made.unwrap_or_default()
}

/// Which service has the crate of each name.
#[derive(Default)]
struct Owners<'a>(BTreeMap<String, &'a Service>);

impl<'a> Owners<'a> {
    /// Whether the service is the first to have a crate of this name.
    fn claims(&mut self, name: String, service: &'a Service, generated: &mut Generated) -> bool {
        let Some(other) = self.0.get(&name) else {
            self.0.insert(name, service);
            return true;
        };
        let message = format!(
            "`{}` and `{}` would both become the crate `{name}`",
            other.name.value, service.name.value
        );
        let finding = Finding::new(&codes::PACKAGE_COLLISION, service.name.span, message)
            .related(other.name.span, "the other service")
            .help("rename one of them");
        generated.findings.push(finding);
        false
    }
}

/// A crate that does not depend on other generated ones.
enum Wanted<'a> {
    Client(&'a Service, &'a HttpApi),
    Messages(&'a Service),
}

impl Wanted<'_> {
    /// Decides everything about it, and what other crates may name of it.
    fn lower(
        self,
        workspace: &Workspace,
        sources: &Sources,
    ) -> (Lowered, Option<lower::messages::Provided>) {
        match self {
            Wanted::Client(service, api) => {
                let name = lower::package_name(&service.name.value);
                let runtime = runtime(workspace, &name);
                let callers = callers(workspace, service);
                let lowered = Lowered::client(&ClientRequest {
                    callers: &callers,
                    runtime: &runtime,
                    ..request(workspace, sources, service, api)
                });
                (lowered, None)
            }
            Wanted::Messages(service) => {
                let (lowered, provided) = Lowered::messages(workspace, sources, service);
                (lowered, Some(provided))
            }
        }
    }
}

/// A crate of any kind.
enum Krate {
    Client(Box<ir::Crate>),
    Messages(Box<ir::Messages>),
    Consumers(Box<ir::Consumers>),
}

impl Krate {
    fn render(&self) -> Vec<render::Job<'_>> {
        match self {
            Self::Client(krate) => render::render(krate),
            Self::Messages(krate) => render::messages(krate),
            Self::Consumers(krate) => render::consumers(krate),
        }
    }
}

/// A crate of which everything is decided and nothing is printed.
struct Lowered {
    name: String,
    service: String,
    file: FileId,
    krate: Krate,
    findings: Vec<Finding>,
    open_ended: Vec<Untyped>,
}

impl Lowered {
    fn client(request: &ClientRequest<'_>) -> Self {
        let (krate, findings, open_ended) = lower::lower(request);
        Self {
            open_ended: open(request.service, open_ended),
            name: lower::package_name(request.service),
            service: request.service.to_owned(),
            file: request.api.file,
            krate: Krate::Client(Box::new(krate)),
            findings,
        }
    }

    fn messages(
        workspace: &Workspace,
        sources: &Sources,
        service: &Service,
    ) -> (Self, lower::messages::Provided) {
        let name = lower::messages::package_name(&service.name.value);
        let made = lower::messages::lower(&lower::messages::Request {
            service: &service.name.value,
            version: &version(service),
            summary: service.summary.as_deref(),
            messaging: &service.messaging,
            channels: &workspace.settings.channels,
            source: &sources.file(service.file).path,
            runtime: &runtime(workspace, &name),
        });
        let lowered = Self {
            open_ended: open(&service.name.value, made.open_ended),
            name,
            service: service.name.value.clone(),
            file: service.file,
            krate: Krate::Messages(Box::new(made.krate)),
            findings: made.findings,
        };
        (lowered, made.provided)
    }

    fn consumers(
        workspace: &Workspace,
        sources: &Sources,
        service: &Service,
        provided: &BTreeMap<String, lower::messages::Provided>,
    ) -> Option<Self> {
        let name = lower::consumers::package_name(&service.name.value);
        let krate = lower::consumers::lower(&lower::consumers::Request {
            workspace,
            service,
            version: &version(service),
            source: &sources.file(service.file).path,
            runtime: &runtime(workspace, &name),
            provided,
        })?;
        Some(Self {
            name,
            service: service.name.value.clone(),
            file: service.file,
            krate: Krate::Consumers(Box::new(krate)),
            findings: Vec::new(),
            open_ended: Vec::new(),
        })
    }
}

fn open(service: &str, open_ended: Vec<lower::OpenEnded>) -> Vec<Untyped> {
    let untyped = open_ended.into_iter().map(|one| Untyped {
        service: service.to_owned(),
        code: &codes::UNTYPED_SCHEMA,
        reason: one.reason.to_owned(),
        span: one.span,
        pointer: Some(one.pointer),
    });
    untyped.collect()
}

/// Prints crates: all files of all of them as they come, so that one large crate keeps no processor waiting.
fn packages(lowered: Vec<Lowered>) -> Vec<(Package, Vec<Finding>)> {
    let jobs = lowered.iter().zip(0_usize..).flat_map(|(one, number)| {
        let files = one.krate.render().into_iter();
        files.map(move |job| (number, job))
    });
    let printed = parallel::map(jobs.collect(), |(number, job)| (number, job.run()));
    let mut files: Vec<Result<BTreeMap<String, String>, RenderError>> = Vec::new();
    files.resize_with(lowered.len(), || Ok(BTreeMap::new()));
    for (number, file) in printed {
        let Some(of_crate) = files.get_mut(number) else {
            continue;
        };
        match (of_crate.as_mut(), file) {
            (Ok(files), Ok((path, text))) => {
                if files.insert(path.clone(), text).is_some() {
                    let message = "two files have this path".to_owned();
                    *of_crate = Err(RenderError { path, message });
                }
            }
            (Ok(_), Err(error)) => *of_crate = Err(error),
            (Err(_), _) => {}
        }
    }
    lowered
        .into_iter()
        .zip(files)
        .map(|(one, files)| one.package(files))
        .collect()
}

impl Lowered {
    fn package(
        self,
        files: Result<BTreeMap<String, String>, RenderError>,
    ) -> (Package, Vec<Finding>) {
        let mut findings = self.findings;
        let files = files.unwrap_or_else(|error| {
            let message = format!(
                "{} of `{}` is not what templates print: {}",
                error.path, self.service, error.message
            );
            let place = Span::start_of(self.file);
            findings.push(Finding::new(&codes::BROKEN_OUTPUT, place, message));
            BTreeMap::new()
        });
        let name = self.name;
        (Package { name, files }, findings)
    }
}

/// The findings that tell of something without a type.
fn untyped<'a>(service: &'a str, findings: &'a [Finding]) -> impl Iterator<Item = Untyped> + 'a {
    let about = findings
        .iter()
        .filter(|finding| codes::UNTYPED.contains(&finding.code));
    about.map(|finding| Untyped {
        service: service.to_owned(),
        code: finding.code,
        reason: finding.message.clone(),
        span: finding.place.span,
        pointer: None,
    })
}

fn request<'a>(
    workspace: &'a Workspace,
    sources: &'a Sources,
    service: &'a Service,
    api: &'a HttpApi,
) -> ClientRequest<'a> {
    ClientRequest {
        service: &service.name.value,
        version: version(service),
        summary: service.summary.as_deref(),
        api,
        source: &sources.file(api.file).path,
        policy: &workspace.settings.policy,
        callers: &[],
        runtime: &workspace.settings.codegen.runtime,
    }
}

/// The version of a crate; the first one where the contract says none.
fn version(service: &Service) -> semver::Version {
    let said = service.version.as_ref();
    said.map_or(semver::Version::new(0, 1, 0), |said| said.value.clone())
}

/// The source of the runtime as a generated manifest writes it: paths lead from the crate's folder rather than from `dovetail.yaml`.
fn runtime(workspace: &Workspace, package: &str) -> RuntimeSource {
    let codegen = &workspace.settings.codegen;
    match &codegen.runtime {
        RuntimeSource::Path(path) => {
            RuntimeSource::Path(relative(&format!("{}/{package}", codegen.output), path))
        }
        other => other.clone(),
    }
}

/// The path that leads from one folder to another, both relative to the same third. A path that is not relative stays as it is.
fn relative(from: &str, to: &str) -> String {
    if to.starts_with('/') {
        return to.to_owned();
    }
    let parts = |path: &str| -> Vec<String> {
        path.split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .map(str::to_owned)
            .collect()
    };
    let (from, to) = (parts(from), parts(to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from.iter().skip(common).map(|_| "..".to_owned());
    let path: Vec<String> = up.chain(to.into_iter().skip(common)).collect();
    path.join("/")
}

fn callers<'a>(workspace: &'a Workspace, service: &Service) -> Vec<Caller<'a>> {
    let calls = workspace.services.values().filter_map(|consumer| {
        let call = consumer.calls.get(&service.name.value)?;
        Some(Caller {
            consumer: &consumer.name.value,
            policy: call.policy.over(&workspace.settings.policy),
            operations: &call.operations,
        })
    });
    calls.collect()
}

#[cfg(test)]
mod tests;
