//! What the last `codegen` read, said and wrote, so that the next one can tell that nothing changed without reading any contract.
//!
//! A record counts only while everything is as it was: this program, the names in the workspace, every contract, every generated file. It
//! lies in Cargo's `target`, or where the system keeps caches, and never among what is generated. A record that is missing, damaged or of
//! another program is no record; `codegen --check` asks for none.

mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use dovetail_codegen::output;
use dovetail_contract::finding::Finding;
use dovetail_contract::source::Sources;

use self::record::{Input, Record, SavedFinding, SavedPlace};
use crate::outputs;
use crate::places::{Counts, Place};

/// Larger records are not read.
const RECORD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// More records than this are not kept: those that were not written for longest go.
const RECORDS_MAX: usize = 64;
/// More names than this in a workspace are not remembered.
const NAMES_MAX: usize = 10_000;

/// The record of one workspace, whether it is there or not.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    path: PathBuf,
    /// Which program this is.
    program: String,
    /// The names in the workspace when the run began.
    names: Vec<String>,
}

/// A run that made exactly what there is.
#[derive(Debug)]
pub(crate) struct Unchanged {
    /// What it found.
    pub(crate) findings: Vec<Finding>,
    /// The files that its findings point into.
    pub(crate) sources: Sources,
    /// The contracts that it read, relative to the workspace.
    pub(crate) inputs: Vec<String>,
    /// The folders that it wrote to as `dovetail.yaml` names them, and how much is in each.
    pub(crate) places: Vec<(String, Counts)>,
}

impl Cache {
    /// The cache of a workspace. Nothing where there is no place for it, or where the program or the workspace cannot be told apart from
    /// others.
    pub(crate) fn of(root: &Path) -> Option<Self> {
        let root = root.canonicalize().ok()?;
        let name = output::digest(root.as_os_str().as_encoded_bytes());
        let path = folder(&root)?.join(format!("codegen-{}", name.get(..16)?));
        Some(Self {
            path,
            program: program()?,
            names: list_names(&root)?,
            root,
        })
    }

    /// The last run, if nothing has changed since.
    pub(crate) fn unchanged(&self) -> Option<Unchanged> {
        let record = Record::parse(&read(&self.path, RECORD_BYTES_MAX)?)?;
        if record.program != self.program || record.names != self.names_without(&record.places) {
            return None;
        }
        let mut texts = BTreeMap::new();
        for (path, input) in &record.inputs {
            let bytes = self.input(path, input)?;
            if record.mentions(path) {
                texts.insert(path.as_str(), String::from_utf8(bytes).ok()?);
            }
        }
        for place in &record.places {
            if !output::holds(&self.root.join(&place.folder), &place.files).ok()? {
                return None;
            }
        }
        let mut sources = Sources::default();
        for (path, text) in texts {
            sources.add(path, text);
        }
        let findings = record.findings.iter();
        let findings = findings.map(|saved| saved.restore(&sources));
        let places = record.places.iter().map(|place| {
            let counts = Counts {
                packages: place.packages,
                files: place.files.len(),
            };
            (place.folder.clone(), counts)
        });
        Some(Unchanged {
            findings: findings.collect::<Option<_>>()?,
            sources,
            inputs: record.inputs.keys().cloned().collect(),
            places: places.collect(),
        })
    }

    /// Remembers a run whose output is written. Returns whether it could.
    pub(crate) fn remember(
        &self,
        sources: &Sources,
        findings: &[Finding],
        places: &[Place<'_>],
    ) -> bool {
        let places = places.iter().map(|place| SavedPlace {
            folder: place.folder.to_owned(),
            packages: place.packages.len(),
            files: output::digests(place.packages),
        });
        let places: Vec<SavedPlace> = places.collect();
        let names = self.names_without(&places);
        // A file that came while the run was going on may have been seen or not; but what it wrote itself came from it.
        let now = list_names(&self.root).map(|now| without(&now, &places));
        if now.as_ref() != Some(&names) {
            return false;
        }
        let inputs = sources.iter().map(|(_, file)| {
            let input = Input {
                bytes: file.text.len() as u64,
                digest: output::digest(file.text.as_bytes()),
            };
            (file.path.clone(), input)
        });
        let record = Record {
            program: self.program.clone(),
            names,
            inputs: inputs.collect(),
            places,
            findings: findings
                .iter()
                .map(|finding| SavedFinding::new(finding, sources))
                .collect(),
        };
        let written = record
            .text()
            .is_some_and(|text| outputs::write_file(&self.path, &text).is_ok());
        prune(&self.path);
        written
    }

    /// A digest of the names in the workspace that are not those of its output.
    fn names_without(&self, places: &[SavedPlace]) -> String {
        without(&self.names, places)
    }

    /// The text of a contract, if it is what it was and lies where contracts may lie.
    fn input(&self, path: &str, input: &Input) -> Option<Vec<u8>> {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        let place = self.root.join(path).canonicalize().ok()?;
        let is_inside = place.starts_with(&self.root);
        let mut bytes = read(&place, input.bytes + MARK.len() as u64).filter(|_| is_inside)?;
        if bytes.starts_with(MARK) {
            bytes.drain(..MARK.len());
        }
        (output::digest(&bytes) == input.digest).then_some(bytes)
    }
}

/// The bytes of a regular file, if it has no more than this.
fn read(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let found = fs::metadata(path).ok()?;
    if !found.is_file() || found.len() > bytes_max {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).ok()?);
    let file = fs::File::open(path).ok()?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= bytes_max).then_some(bytes)
}

/// Removes old records beside this one, where there are too many.
fn prune(path: &Path) {
    let Some(entries) = path.parent().and_then(|folder| fs::read_dir(folder).ok()) else {
        return;
    };
    let mut records: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("codegen-"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    records.sort();
    let surplus = records.len().saturating_sub(RECORDS_MAX);
    for (_, old) in records.into_iter().take(surplus) {
        // Another run may have removed it.
        let _ = fs::remove_file(old);
    }
}

/// Where records lie: with what Cargo builds, or with the caches of the system.
fn folder(root: &Path) -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(target) = named("CARGO_TARGET_DIR") {
        return Some(PathBuf::from(target).join("dovetail"));
    }
    for folder in root.ancestors() {
        let target = folder.join("target");
        // Cargo marks its folder as one that need not be kept.
        if target.join("CACHEDIR.TAG").is_file() {
            return Some(target.join("dovetail"));
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    let caches = if cfg!(windows) {
        PathBuf::from(named("LOCALAPPDATA")?)
    } else if let Some(caches) = named("XDG_CACHE_HOME") {
        PathBuf::from(caches)
    } else if cfg!(target_os = "macos") {
        PathBuf::from(named("HOME")?).join("Library/Caches")
    } else {
        PathBuf::from(named("HOME")?).join(".cache")
    };
    caches.is_absolute().then(|| caches.join("dovetail"))
}

/// What tells this program from every other build of it, without reading it.
fn program() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    let found = fs::metadata(&path).ok()?;
    let changed = found.modified().ok()?;
    let age = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
    let version = env!("CARGO_PKG_VERSION");
    Some(format!(
        "{version} {} {} {}",
        path.display(),
        found.len(),
        age.as_nanos()
    ))
}

/// The names that decide which files are contracts: those in the workspace, in its folders, and in their `expects`.
fn list_names(root: &Path) -> Option<Vec<String>> {
    let mut all = Vec::new();
    list(root, "", 2, &mut all)?;
    Some(all)
}

/// A digest of those names that neither are output nor lead to some.
fn without(names: &[String], places: &[SavedPlace]) -> String {
    let mut own = BTreeSet::new();
    let files = places.iter();
    let files = files.flat_map(|place| place.files.keys().map(move |file| (&place.folder, file)));
    for (folder, file) in files {
        let mut path = String::new();
        for step in folder.split('/').chain(file.split('/')) {
            if !matches!(step, "" | ".") {
                path = format!("{path}/{}", step.escape_default());
                own.insert(path.clone());
            }
        }
    }
    let kept: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !own.contains(*name))
        .collect();
    output::digest(kept.join("\n").as_bytes())
}

fn list(folder: &Path, prefix: &str, depth: usize, all: &mut Vec<String>) -> Option<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).ok()? {
        names.push(entry.ok()?.file_name().into_string().ok()?);
        if names.len() > NAMES_MAX {
            return None;
        }
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    for name in names {
        let place = folder.join(&name);
        let path = format!("{prefix}/{}", name.escape_default());
        let is_listed = match depth {
            2 => place.is_dir(),
            1 => name == "expects" && place.is_dir(),
            _ => false,
        };
        if is_listed {
            list(&place, &path, depth - 1, all)?;
        }
        all.push(path);
        if all.len() > NAMES_MAX {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
