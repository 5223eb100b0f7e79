//! `dovetail init`: a repository in which `cargo xtask codegen` works.
//!
//! A first pair of contracts, the xtask with its alias, and a CI workflow. What is there already is kept and named, never overwritten.

use std::path::{Component, Path, PathBuf};

use dovetail_contract::load::schemas;

use crate::args::{self, Global};
use crate::commands::codegen;
use crate::exit::{Exit, Stop};
use crate::outputs::write_file;
use crate::ui::Ui;
use crate::workspace;

/// Where dovetail comes from in the new repository.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Version(String),
    Git {
        url: String,
        revision: Option<String>,
    },
    /// The folder of dovetail's own repository, relative to the new one.
    Path(String),
}

/// A file to write: its path, its text, and what to add by hand where the file is there already.
struct File {
    path: &'static str,
    text: String,
    by_hand: Option<&'static str>,
}

/// Writes what is not there yet, and generates the first client.
pub(crate) fn run(global: &Global, ui: Ui, asked: &args::Init) -> Result<Exit, Stop> {
    let root = workspace::directory(global);
    let source = Source::parse(&asked.dovetail, &root)?;
    let files = files(&source);
    if asked.dry_run {
        for file in &files {
            let verb = if root.join(file.path).exists() {
                "keep"
            } else {
                "write"
            };
            ui.result(&format!("{verb:5}  {}\n", file.path))?;
        }
        return Ok(Exit::Ok);
    }
    for file in &files {
        let path = root.join(file.path);
        // A link that leads nowhere is something of the user's as well.
        if path.symlink_metadata().is_ok() {
            ui.message(&format!("kept   {}", file.path));
            if let Some(by_hand) = file.by_hand {
                ui.message(&format!("       make sure that it says: {by_hand}"));
            }
            continue;
        }
        write_file(&path, &file.text).map_err(|error| Stop::new(Exit::Infrastructure, error))?;
        ui.message(&format!("wrote  {}", file.path));
    }
    let asked = args::Codegen::default();
    let at_root = Global {
        directory: Some(root.clone()),
        config: Some(PathBuf::from("contracts/dovetail.yaml")),
        output: Vec::new(),
        ..global.clone()
    };
    let exit = codegen::run(&at_root, ui, &asked)?;
    if exit == Exit::Ok {
        ui.message("next: edit contracts/greeter/openapi.yaml, then run `cargo xtask codegen`");
    }
    Ok(exit)
}

fn files(source: &Source) -> Vec<File> {
    let file = |path, text: &str| File {
        path,
        text: source.fill(text),
        by_hand: None,
    };
    vec![
        File {
            by_hand: Some("members = [\"xtask\", \"crates/generated/*\"]"),
            ..file("Cargo.toml", include_str!("../../scaffold/Cargo.toml.in"))
        },
        File {
            by_hand: Some("xtask = \"run --quiet --package xtask --\""),
            ..file(
                ".cargo/config.toml",
                include_str!("../../scaffold/cargo-config.toml.in"),
            )
        },
        file(".gitignore", include_str!("../../scaffold/gitignore.in")),
        file(
            ".github/workflows/contracts.yml",
            include_str!("../../scaffold/workflow.yml.in"),
        ),
        file(
            "xtask/Cargo.toml",
            include_str!("../../scaffold/xtask/Cargo.toml.in"),
        ),
        file(
            "xtask/src/main.rs",
            include_str!("../../scaffold/xtask/main.rs.in"),
        ),
        file(
            "contracts/dovetail.yaml",
            include_str!("../../scaffold/contracts/dovetail.yaml.in"),
        ),
        file(
            "contracts/.schemas/workspace.schema.json",
            schemas::WORKSPACE,
        ),
        file("contracts/.schemas/service.schema.json", schemas::SERVICE),
        file(
            "contracts/.schemas/expectation.schema.json",
            schemas::EXPECTATION,
        ),
        file(
            "contracts/greeter/service.yaml",
            include_str!("../../scaffold/contracts/greeter/service.yaml.in"),
        ),
        file(
            "contracts/greeter/openapi.yaml",
            include_str!("../../scaffold/contracts/greeter/openapi.yaml.in"),
        ),
        file(
            "contracts/front-desk/service.yaml",
            include_str!("../../scaffold/contracts/front-desk/service.yaml.in"),
        ),
        file(
            "contracts/front-desk/expects/greeter.yaml",
            include_str!("../../scaffold/contracts/front-desk/expects/greeter.yaml.in"),
        ),
    ]
}

impl Source {
    fn parse(text: &str, root: &Path) -> Result<Self, Stop> {
        let is_plain = |part: &str| {
            !part.is_empty()
                && !part
                    .chars()
                    .any(|c| c.is_control() || matches!(c, '"' | '\\' | '@'))
        };
        match text.split_once(':') {
            Some(("version", version)) if is_plain(version) => {
                Ok(Self::Version(version.to_owned()))
            }
            Some(("git", address)) if is_plain(address) => {
                let (url, revision) = match address.split_once('#') {
                    Some((url, revision)) => (url, Some(revision.to_owned())),
                    None => (address, None),
                };
                Ok(Self::Git {
                    url: url.to_owned(),
                    revision,
                })
            }
            Some(("path", path)) if is_plain(path) => {
                Ok(Self::Path(relative(root, Path::new(path))?))
            }
            _ => Err(Stop::usage(format!(
                "`--dovetail {text}` names no source; write `version:0.1`, `git:URL`, `git:URL#REVISION` or `path:FOLDER`"
            ))),
        }
    }

    fn fill(&self, text: &str) -> String {
        // An xtask looks after contracts. What looks after running systems would have everybody compile a database first.
        const LEAN: &str = "default-features = false";
        let (cli, runtime) = match self {
            Self::Version(version) => (
                format!("{{ version = \"{version}\", {LEAN} }}"),
                format!("{{ version: \"{version}\" }}"),
            ),
            Self::Git {
                url,
                revision: None,
            } => (
                format!("{{ git = \"{url}\", {LEAN} }}"),
                format!("{{ git: \"{url}\" }}"),
            ),
            Self::Git {
                url,
                revision: Some(revision),
            } => (
                format!("{{ git = \"{url}\", rev = \"{revision}\", {LEAN} }}"),
                format!("{{ git: \"{url}\", revision: \"{revision}\" }}"),
            ),
            Self::Path(path) => (
                format!("{{ path = \"../{path}/crates/dovetail-cli\", {LEAN} }}"),
                format!("{{ path: \"../{path}/crates\" }}"),
            ),
        };
        text.replace("@CLI@", &cli).replace("@RUNTIME@", &runtime)
    }
}

/// The way from the new repository to `folder`, which holds dovetail: an absolute path would hold on one machine only.
fn relative(root: &Path, folder: &Path) -> Result<String, Stop> {
    let unreadable = |path: &Path, error: std::io::Error| {
        Stop::usage(format!(
            "cannot find the folder `{}`: {error}",
            path.display()
        ))
    };
    let from = root
        .canonicalize()
        .map_err(|error| unreadable(root, error))?;
    let named = if folder.is_absolute() {
        folder.to_owned()
    } else {
        root.join(folder)
    };
    let to = named
        .canonicalize()
        .map_err(|error| unreadable(folder, error))?;
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let ups = from.components().skip(shared).map(|_| Component::ParentDir);
    let path: PathBuf = ups.chain(to.components().skip(shared)).collect();
    let path = path
        .to_str()
        .ok_or_else(|| Stop::usage("the path of dovetail is not UTF-8"))?;
    Ok(if path.is_empty() {
        ".".to_owned()
    } else {
        path.replace('\\', "/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_version_a_repository_or_a_folder() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        let parse =
            |text: &str| Source::parse(text, &root.path().join("a")).map_err(|stop| stop.exit);
        assert_eq!(parse("version:0.1"), Ok(Source::Version("0.1".to_owned())));
        let git = Source::Git {
            url: "https://example.org/d".to_owned(),
            revision: Some("v1".to_owned()),
        };
        assert_eq!(parse("git:https://example.org/d#v1"), Ok(git));
        assert_eq!(parse("path:b"), Ok(Source::Path("b".to_owned())));
        assert_eq!(
            parse(&format!("path:{}", root.path().display())),
            Ok(Source::Path("..".to_owned()))
        );
        for bad in [
            "0.1",
            "version:",
            "svn:x",
            "version:1\"\n[x]",
            "path:missing",
        ] {
            assert_eq!(parse(bad), Err(Exit::Usage), "{bad}");
        }
    }
}
