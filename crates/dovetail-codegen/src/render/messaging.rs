//! The files of crates of messages and of consumers.

use askama::Template;

use super::{Files, Job, Types, Wire};
use crate::ir;

#[derive(Template)]
#[template(path = "messages/Cargo.toml.j2")]
struct CargoToml<'a> {
    source: &'a str,
    manifest: &'a ir::Manifest,
    example: &'a str,
}

#[derive(Template)]
#[template(path = "messages/README.md.j2")]
struct MessagesReadme<'a> {
    krate: &'a ir::Messages,
}

#[derive(Template)]
#[template(path = "messages/lib.rs.j2")]
struct MessagesLib<'a> {
    krate: &'a ir::Messages,
    has_tables: bool,
}

#[derive(Template)]
#[template(path = "messages/channels.rs.j2")]
struct Channels<'a> {
    krate: &'a ir::Messages,
}

#[derive(Template)]
#[template(path = "messages/messages.rs.j2")]
struct MessageTypes<'a> {
    krate: &'a ir::Messages,
}

#[derive(Template)]
#[template(path = "messages/producer.rs.j2")]
struct Producers<'a> {
    krate: &'a ir::Messages,
}

#[derive(Template)]
#[template(path = "messages/publish.rs.j2")]
struct Publish<'a> {
    krate: &'a ir::Messages,
}

#[derive(Template)]
#[template(path = "consumers/README.md.j2")]
struct ConsumersReadme<'a> {
    krate: &'a ir::Consumers,
}

#[derive(Template)]
#[template(path = "consumers/lib.rs.j2")]
struct ConsumersLib<'a> {
    krate: &'a ir::Consumers,
}

#[derive(Template)]
#[template(path = "consumers/handlers.rs.j2")]
struct Handlers<'a> {
    source: &'a str,
    module: &'a ir::HandlerModule,
}

#[derive(Template)]
#[template(path = "consumers/routes.rs.j2")]
struct Routes<'a> {
    krate: &'a ir::Consumers,
}

#[derive(Template)]
#[template(path = "consumers/consumers.rs.j2")]
struct Running<'a> {
    krate: &'a ir::Consumers,
}

#[derive(Template)]
#[template(path = "consumers/example.rs.j2")]
struct Example<'a> {
    krate: &'a ir::Consumers,
}

/// All files of a crate of messages, none of which is made yet.
pub(crate) fn messages(krate: &ir::Messages) -> Vec<Job<'_>> {
    let mut files = Files::default();
    let manifest = CargoToml {
        source: &krate.source,
        manifest: &krate.manifest,
        example: "publish",
    };
    files.text("Cargo.toml", manifest);
    files.text("README.md", MessagesReadme { krate });
    let has_tables = !krate.tables.items.is_empty();
    files.rust("src/lib.rs", MessagesLib { krate, has_tables });
    files.rust("src/channels.rs", Channels { krate });
    files.rust("src/messages.rs", MessageTypes { krate });
    files.rust("src/producer.rs", Producers { krate });
    let types = Types {
        source: &krate.source,
        about: "What messages carry.".to_owned(),
        has_flags: krate.has_flags,
        section: &krate.types,
    };
    files.rust("src/types.rs", types);
    if has_tables {
        let wire = Wire {
            source: &krate.source,
            section: &krate.tables,
        };
        files.tables("src/wire.rs", wire);
    }
    files.rust("examples/publish.rs", Publish { krate });
    files.0
}

/// All files of a crate of consumers, none of which is made yet.
pub(crate) fn consumers(krate: &ir::Consumers) -> Vec<Job<'_>> {
    let mut files = Files::default();
    let manifest = CargoToml {
        source: &krate.source,
        manifest: &krate.manifest,
        example: "consumers",
    };
    files.text("Cargo.toml", manifest);
    files.text("README.md", ConsumersReadme { krate });
    files.rust("src/lib.rs", ConsumersLib { krate });
    files.code("src/consumers.rs", Running { krate });
    files.rust("src/routes.rs", Routes { krate });
    for module in &krate.modules {
        let path = format!("src/{}.rs", module.name.trim_start_matches("r#"));
        let source = &krate.source;
        files.code(&path, Handlers { source, module });
    }
    files.rust("examples/consumers.rs", Example { krate });
    files.0
}
