//! From the crate as data to its files: one template per file, then formatting.

mod messaging;

use askama::Template;

pub(crate) use messaging::{consumers, messages};

use crate::{format, ir};

/// A file whose text is not what it should be, which is a defect of the templates or of lowering.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub(crate) struct RenderError {
    pub(crate) path: String,
    pub(crate) message: String,
}

/// Names of modules, each with the feature that turns it on.
type Modules<'a> = Vec<(&'a str, Option<&'a str>)>;

#[derive(Template)]
#[template(path = "client/Cargo.toml.j2")]
struct CargoToml<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/README.md.j2")]
struct Readme<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/lib.rs.j2")]
struct Lib<'a> {
    krate: &'a ir::Crate,
    has_errors: bool,
    has_types: bool,
    has_tables: bool,
}

#[derive(Template)]
#[template(path = "client/client.rs.j2")]
struct Client<'a> {
    krate: &'a ir::Crate,
    methods: &'a [ir::Method],
    modules: Modules<'a>,
}

#[derive(Template)]
#[template(path = "client/operations.rs.j2")]
struct Operations<'a> {
    krate: &'a ir::Crate,
    uses: &'a [String],
    operations: &'a [ir::Operation],
    modules: Modules<'a>,
}

#[derive(Template)]
#[template(path = "client/types.rs.j2")]
struct Types<'a> {
    source: &'a str,
    about: String,
    has_flags: bool,
    section: &'a ir::Section<ir::TypeItem>,
}

#[derive(Template)]
#[template(path = "client/errors.rs.j2")]
struct Errors<'a> {
    krate: &'a ir::Crate,
    about: &'a str,
    section: &'a ir::Section<ir::Answer>,
}

#[derive(Template)]
#[template(path = "client/wire.rs.j2")]
struct Wire<'a> {
    source: &'a str,
    section: &'a ir::Section<ir::Table>,
}

#[derive(Template)]
#[template(path = "client/policies.rs.j2")]
struct Policies<'a> {
    krate: &'a ir::Crate,
}

#[derive(Template)]
#[template(path = "client/handlers.rs.j2")]
struct Handlers<'a> {
    krate: &'a ir::Crate,
    handlers: &'a ir::Handlers,
}

#[derive(Template)]
#[template(path = "client/examples.rs.j2")]
struct Examples<'a> {
    krate: &'a ir::Crate,
    examples: &'a ir::Examples,
}

#[derive(Template)]
#[template(path = "part/client.rs.j2")]
struct PartClient<'a> {
    krate: &'a ir::Crate,
    about: &'a str,
    section: &'a ir::Section<ir::Method>,
}

#[derive(Template)]
#[template(path = "part/operations.rs.j2")]
struct PartOperations<'a> {
    krate: &'a ir::Crate,
    about: &'a str,
    section: &'a ir::Section<ir::Operation>,
}

/// A file that only holds modules.
#[derive(Template)]
#[template(path = "part/modules.rs.j2")]
struct ModulesOnly<'a> {
    krate: &'a ir::Crate,
    about: &'a str,
    modules: Modules<'a>,
    is_exported: bool,
    has_flags: bool,
}

/// A file that is to be printed and formatted.
pub(crate) struct Job<'a> {
    /// Its path within the folder of the crate.
    pub(crate) path: String,
    make: Box<dyn FnOnce() -> Result<String, String> + Send + 'a>,
}

impl Job<'_> {
    /// The path and the text of the file.
    pub(crate) fn run(self) -> Result<(String, String), RenderError> {
        match (self.make)() {
            Ok(text) => Ok((self.path, text)),
            Err(message) => Err(RenderError {
                path: self.path,
                message,
            }),
        }
    }
}

/// The files of a crate, as they come. Each can be made at any time, on any thread.
#[derive(Default)]
struct Files<'a>(Vec<Job<'a>>);

impl<'a> Files<'a> {
    fn text(&mut self, path: &str, template: impl Template + Send + 'a) {
        self.add(path, template, |text| Ok(format::tidy(text)));
    }

    fn rust(&mut self, path: &str, template: impl Template + Send + 'a) {
        self.add(path, template, format::rust);
    }

    /// A file of code that does more than call the runtime.
    fn code(&mut self, path: &str, template: impl Template + Send + 'a) {
        self.add(path, template, format::parsed);
    }

    /// A file of tables, which have their layout already.
    fn tables(&mut self, path: &str, template: impl Template + Send + 'a) {
        self.add(path, template, format::tables);
    }

    fn add(
        &mut self,
        path: &str,
        template: impl Template + Send + 'a,
        format: fn(&str) -> Result<String, String>,
    ) {
        let make = move || {
            let text = template.render().map_err(|error| error.to_string())?;
            format(&text)
        };
        self.0.push(Job {
            path: path.to_owned(),
            make: Box::new(make),
        });
    }
}

/// All files of the crate, none of which is made yet.
pub(crate) fn render(krate: &ir::Crate) -> Vec<Job<'_>> {
    let mut files = Files::default();
    files.text("Cargo.toml", CargoToml { krate });
    files.text("README.md", Readme { krate });
    let lib = Lib {
        krate,
        has_errors: krate.parts.iter().any(|part| !part.errors.items.is_empty()),
        has_types: krate.parts.iter().any(|part| !part.types.items.is_empty()),
        has_tables: krate.parts.iter().any(|part| !part.tables.items.is_empty()),
    };
    files.rust("src/lib.rs", lib);
    match krate.parts.as_slice() {
        [all] if all.module.is_none() => whole(&mut files, krate, all),
        parts => divided(&mut files, krate, parts),
    }
    if !krate.callers.is_empty() {
        files.rust("src/policies.rs", Policies { krate });
    }
    if let Some(examples) = &krate.examples {
        files.rust("examples/operations.rs", Examples { krate, examples });
    }
    for handlers in &krate.handlers {
        let path = format!("src/{}.rs", handlers.module);
        files.code(&path, Handlers { krate, handlers });
    }
    files.0
}

/// A crate in one part.
fn whole<'a>(files: &mut Files<'a>, krate: &'a ir::Crate, part: &'a ir::Part) {
    let client = Client {
        krate,
        methods: &part.methods.items,
        modules: Vec::new(),
    };
    files.rust("src/client.rs", client);
    let operations = Operations {
        krate,
        uses: &part.operations.uses,
        operations: &part.operations.items,
        modules: Vec::new(),
    };
    files.rust("src/operations.rs", operations);
    contents(files, krate, part, krate.has_flags, &|kind| {
        format!("src/{kind}.rs")
    });
}

/// A crate with a folder for each kind of file, and a file for each part.
fn divided<'a>(files: &mut Files<'a>, krate: &'a ir::Crate, parts: &'a [ir::Part]) {
    let client = Client {
        krate,
        methods: &[],
        modules: modules(parts, |part| !part.methods.items.is_empty()),
    };
    files.rust("src/client.rs", client);
    let operations = Operations {
        krate,
        uses: &krate.operation_uses,
        operations: &[],
        modules: modules(parts, |part| !part.operations.items.is_empty()),
    };
    files.rust("src/operations.rs", operations);
    let mut only = |path, about, modules: Modules<'a>, is_exported, has_flags| {
        if modules.is_empty() {
            return;
        }
        let file = ModulesOnly {
            krate,
            about,
            modules,
            is_exported,
            has_flags,
        };
        files.rust(path, file);
    };
    let errors = modules(parts, |part| !part.errors.items.is_empty());
    only(
        "src/errors.rs",
        "How operations refuse, by tag.",
        errors,
        true,
        false,
    );
    let types = modules(parts, |part| !part.types.items.is_empty());
    only(
        "src/types.rs",
        "What the operations exchange, by tag.",
        types,
        true,
        krate.has_flags,
    );
    let tables = modules(parts, |part| !part.tables.items.is_empty());
    only(
        "src/wire.rs",
        "How types are read and written.",
        tables,
        false,
        false,
    );
    for part in parts {
        own_files(files, krate, part);
    }
}

/// The files of a part that has a module of its own.
fn own_files<'a>(files: &mut Files<'a>, krate: &'a ir::Crate, part: &'a ir::Part) {
    let name = part.file().unwrap_or_default();
    let about = part.about.as_str();
    if !part.methods.items.is_empty() {
        let section = &part.methods;
        let file = PartClient {
            krate,
            about,
            section,
        };
        files.rust(&format!("src/client/{name}.rs"), file);
    }
    if !part.operations.items.is_empty() {
        let section = &part.operations;
        let file = PartOperations {
            krate,
            about,
            section,
        };
        files.rust(&format!("src/operations/{name}.rs"), file);
    }
    contents(files, krate, part, false, &|kind| {
        format!("src/{kind}/{name}.rs")
    });
}

/// The files that look the same whether the crate is divided or not.
fn contents<'a>(
    files: &mut Files<'a>,
    krate: &'a ir::Crate,
    part: &'a ir::Part,
    has_flags: bool,
    path: &dyn Fn(&str) -> String,
) {
    let about = part.about.as_str();
    if !part.errors.items.is_empty() {
        let section = &part.errors;
        let file = Errors {
            krate,
            about,
            section,
        };
        files.rust(&path("errors"), file);
    }
    if !part.types.items.is_empty() {
        let section = &part.types;
        let file = Types {
            source: &krate.source,
            about: match about {
                "" => "What the operations exchange.".to_owned(),
                about => format!("What {about} exchange."),
            },
            has_flags,
            section,
        };
        files.rust(&path("types"), file);
    }
    if !part.tables.items.is_empty() {
        let section = &part.tables;
        let source = &krate.source;
        files.tables(&path("wire"), Wire { source, section });
    }
}

fn modules(parts: &[ir::Part], has: impl Fn(&ir::Part) -> bool) -> Modules<'_> {
    parts
        .iter()
        .filter(|part| has(part))
        .filter_map(|part| Some((part.module.as_deref()?, part.feature.as_deref())))
        .collect()
}
