//! The files of one load: which may be read, how much of them, and each of them only once.
//!
//! Contracts come from many hands, so nothing is read outside the folder of the load, whatever paths and symbolic links say, and everything has
//! a limit. A file that cannot be read is a finding where it was named.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::codes;
use crate::finding::{Code, Finding, Severity, closest};
use crate::load::parse::parse;
use crate::load::tree::Node;
use crate::source::{FileId, Sources, Span};

#[cfg(feature = "proto")]
mod plain;
mod text;

/// Largest file.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most bytes of all files together.
const TOTAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most files.
const FILES_MAX: usize = 10_000;
/// Most values in all files together. Real documents have one for fifteen bytes or more.
const NODES_MAX: usize = 40_000_000;
/// Most bytes that all documents become beside their schemas, roughly.
const MODEL_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most findings of one load. Nobody reads more, and a hostile file could make millions.
const FINDINGS_MAX: usize = 10_000;

/// Every file of one load, with what is wrong with them.
#[derive(Debug)]
pub(crate) struct Files {
    root: PathBuf,
    sources: Sources,
    findings: Vec<Finding>,
    errors: usize,
    fetched: HashMap<String, Fetched>,
    bytes: u64,
    /// Values that files may still have.
    nodes_left: usize,
    /// Bytes that documents of the workspace may still become beside their schemas, roughly.
    model_bytes_left: usize,
}

/// A parsed file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The file.
    pub(crate) file: FileId,
    /// What it holds.
    pub(crate) root: Rc<Node>,
}

/// Why a path that one file names cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathProblem {
    /// It climbs out of the folder of the load.
    Outside,
    /// It is absolute.
    Absolute,
    /// It is an address on the network.
    Remote,
    /// It is a `file:` address.
    FileAddress,
    /// It holds backslashes, as paths of Windows and shares of other machines do.
    Backslash,
}

/// What came of reading a file.
#[derive(Debug, Clone)]
enum Fetched {
    /// It was parsed; what is wrong with it is said the first time that it is used.
    Parsed(Document, Vec<Finding>),
    /// It was read and holds no document.
    Broken(Vec<Finding>),
    /// It was read, and is none of the formats that become a tree.
    #[cfg(feature = "proto")]
    Plain(FileId),
    /// It could not be read; said wherever it is named.
    Refused(Refusal),
}

/// Why a file could not be read.
#[derive(Debug, Clone)]
struct Refusal {
    code: &'static Code,
    message: String,
    help: Option<String>,
}

impl Files {
    /// No file yet. Paths are relative to `root`, and nothing outside of it is read.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            sources: Sources::default(),
            findings: Vec::new(),
            errors: 0,
            fetched: HashMap::new(),
            bytes: 0,
            nodes_left: NODES_MAX,
            model_bytes_left: MODEL_BYTES_MAX,
        }
    }

    /// The same with limits that are sooner reached.
    #[cfg(test)]
    pub(crate) fn limited(self, nodes_left: usize, model_bytes_left: usize) -> Self {
        Self {
            nodes_left,
            model_bytes_left,
            ..self
        }
    }

    /// Takes some of what all documents together may become. `false` where that is too much.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let left = self.model_bytes_left.checked_sub(bytes);
        self.model_bytes_left = left.unwrap_or(0);
        left.is_some()
    }

    /// Reads and parses `path`, which is relative to the root and has forward slashes. `named_at` is where another file names it.
    ///
    /// `None` where there is nothing to work with; a finding says why.
    pub(crate) fn read(&mut self, path: &str, named_at: Option<Span>) -> Option<Document> {
        self.prefetch(path);
        let (document, findings) = match self.fetched.get_mut(path)? {
            Fetched::Parsed(document, findings) => {
                (Some(document.clone()), std::mem::take(findings))
            }
            Fetched::Broken(findings) => {
                let findings = std::mem::take(findings).into_iter();
                let named = findings.map(|finding| match named_at {
                    Some(span) => finding.related(span, "the file is named here"),
                    None => finding,
                });
                (None, named.collect())
            }
            #[cfg(feature = "proto")]
            Fetched::Plain(_) => {
                let refusal = Self::not_a_document(path);
                (None, vec![self.refused(path, named_at, refusal)])
            }
            Fetched::Refused(refusal) => {
                let refusal = refusal.clone();
                (None, vec![self.refused(path, named_at, refusal)])
            }
        };
        for finding in findings {
            self.push(finding);
        }
        document
    }

    /// Reads a file without saying what is wrong with it: [`Files::read`] says it, if the file turns out to be needed.
    pub(crate) fn prefetch(&mut self, path: &str) -> Option<Document> {
        if !self.fetched.contains_key(path) {
            let fetched = self.fetch(path);
            self.fetched.insert(path.to_owned(), fetched);
        }
        match self.fetched.get(path)? {
            Fetched::Parsed(document, _) => Some(document.clone()),
            _ => None,
        }
    }

    /// Keeps a finding.
    pub(crate) fn push(&mut self, finding: Finding) {
        let is_error = finding.severity == Severity::Error;
        // An error must never be lost to a flood of lesser findings, or the load would look clean.
        if self.findings.len() >= FINDINGS_MAX && (!is_error || self.errors > 0) {
            return;
        }
        self.errors += usize::from(is_error);
        self.findings.push(finding);
    }

    /// A place for what is said of a path that nothing names and that holds no text.
    pub(crate) fn place_of_missing(&mut self, path: &str) -> Span {
        let file = self.sources.find(path);
        Span::start_of(file.unwrap_or_else(|| self.sources.add(path, "")))
    }

    /// Whether so much is wrong already that guesses at what was meant are not worth their time.
    pub(crate) fn is_flooded(&self) -> bool {
        const MANY: usize = 50;
        self.findings.len() > MANY
    }

    /// The files that were read.
    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The files that were read and what is wrong with them.
    pub(crate) fn into_parts(self) -> (Sources, Vec<Finding>) {
        (self.sources, self.findings)
    }

    /// The path, relative to the root, of what the file `from` names as `reference`.
    pub(crate) fn join(from: &str, reference: &str) -> Result<String, PathProblem> {
        if reference.contains('\\') {
            return Err(PathProblem::Backslash);
        }
        if reference.starts_with("//") {
            return Err(PathProblem::Remote);
        }
        if reference.starts_with('/') {
            return Err(PathProblem::Absolute);
        }
        match scheme(reference) {
            Some("file") => return Err(PathProblem::FileAddress),
            Some(drive) if drive.len() == 1 => return Err(PathProblem::Absolute),
            Some(_) => return Err(PathProblem::Remote),
            None => {}
        }
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut parts: Vec<&str> = Vec::new();
        for part in folder.split('/').chain(reference.split('/')) {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or(PathProblem::Outside)?;
                }
                part => parts.push(part),
            }
        }
        Ok(parts.join("/"))
    }

    fn fetch(&mut self, path: &str) -> Fetched {
        let bytes = match self.bytes_of(path) {
            Ok(bytes) => bytes,
            Err(refusal) => return Fetched::Refused(refusal),
        };
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let (text, problem) = text::decode(bytes);
        let file = self.sources.add(path, text);
        if let Some(problem) = problem {
            return Fetched::Broken(vec![problem.finding(&self.sources, file)]);
        }
        let text = self.sources.file(file).text.clone();
        let parsed = parse(path, file, &text);
        match parsed.root {
            Some(root) => {
                match self.nodes_left.checked_sub(root.count()) {
                    Some(left) => self.nodes_left = left,
                    None => {
                        let message = format!("`{path}` is not read: the files hold too much");
                        return Fetched::Refused(Refusal::new(&codes::TOO_LARGE, message));
                    }
                }
                let root = Rc::new(root);
                Fetched::Parsed(Document { file, root }, parsed.findings)
            }
            None => Fetched::Broken(parsed.findings),
        }
    }

    fn bytes_of(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        if self.fetched.len() >= FILES_MAX {
            let message = format!("`{path}` is not read: more than {FILES_MAX} files are named");
            return Err(Refusal::new(&codes::TOO_LARGE, message));
        }
        let place = self.confined(path)?;
        let unreadable = |why: &dyn std::fmt::Display| {
            let message = format!("`{path}` cannot be read: {why}");
            Refusal::new(&codes::UNREADABLE_FILE, message)
        };
        // Looked at before opening: opening a pipe would wait for its other end for ever.
        let kind = std::fs::metadata(&place).map_err(|error| unreadable(&describe(&error)))?;
        if kind.is_dir() {
            return Err(unreadable(&"it is a folder"));
        }
        if !kind.is_file() {
            return Err(unreadable(&"it is not a regular file"));
        }
        let left = TOTAL_BYTES_MAX.saturating_sub(self.bytes);
        let limit = FILE_BYTES_MAX.min(left);
        let mut bytes = Vec::new();
        File::open(&place)
            .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
            .map_err(|error| unreadable(&describe(&error)))?;
        if bytes.len() as u64 > limit {
            let message = if limit < FILE_BYTES_MAX {
                format!("`{path}` is not read: all files together go beyond 256 MiB")
            } else {
                format!("`{path}` is not read: it is larger than 16 MiB")
            };
            return Err(Refusal::new(&codes::TOO_LARGE, message));
        }
        Ok(bytes)
    }

    /// The real place of a path, if it lies below the root after every symbolic link is followed.
    /// Whether a folder that is there lies outside of the root, by way of a link.
    pub(crate) fn leads_out(&self, path: &str) -> bool {
        let places = (
            self.root.canonicalize(),
            self.root.join(path).canonicalize(),
        );
        matches!(places, (Ok(root), Ok(place)) if !place.starts_with(&root))
    }

    fn confined(&self, path: &str) -> Result<PathBuf, Refusal> {
        let missing = || {
            let message = format!("there is no file `{path}`");
            let mut refusal = Refusal::new(&codes::MISSING_FILE, message);
            refusal.help = self
                .neighbour(path)
                .map(|near| format!("did you mean `{near}`?"));
            refusal
        };
        if path.contains('\0') {
            return Err(missing());
        }
        let resolve = |place: &Path| {
            place.canonicalize().map_err(|error| match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => missing(),
                _ => {
                    let message = format!("`{path}` cannot be read: {}", describe(&error));
                    Refusal::new(&codes::UNREADABLE_FILE, message)
                }
            })
        };
        let root = resolve(&self.root)?;
        let place = resolve(&self.root.join(path))?;
        if !place.starts_with(&root) {
            let message = format!("`{path}` leads out of the folder");
            let mut refusal = Refusal::new(&codes::REFERENCE_OUTSIDE, message);
            refusal.help = Some("put a copy of the file into the folder".to_owned());
            return Err(refusal);
        }
        Ok(place)
    }

    /// A file in the same folder with a name close to the missing one.
    fn neighbour(&self, path: &str) -> Option<String> {
        const LOOKED_AT_MAX: usize = 1000;
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        let root = self.root.canonicalize().ok()?;
        let place = self.root.join(folder).canonicalize().ok()?;
        if !place.starts_with(root) {
            return None;
        }
        let entries = std::fs::read_dir(place).ok()?;
        let mut names: Vec<String> = entries
            .take(LOOKED_AT_MAX)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        closest(name, names.iter().map(String::as_str)).map(str::to_owned)
    }

    fn refused(&mut self, path: &str, named_at: Option<Span>, refusal: Refusal) -> Finding {
        let span = named_at.unwrap_or_else(|| {
            let file = self.sources.find(path);
            Span::start_of(file.unwrap_or_else(|| self.sources.add(path, "")))
        });
        let mut finding = Finding::new(refusal.code, span, refusal.message);
        finding.help = refusal.help;
        finding
    }
}

impl PathProblem {
    /// The finding for it, at the place that names the path.
    pub(crate) fn finding(self, span: Span, reference: &str) -> Finding {
        let (code, why) = match self {
            Self::Outside => (&codes::REFERENCE_OUTSIDE, "leads out of the folder"),
            Self::Absolute => (&codes::REFERENCE_OUTSIDE, "is an absolute path"),
            Self::FileAddress => (&codes::REFERENCE_OUTSIDE, "is a `file:` address"),
            Self::Backslash => (&codes::REFERENCE_OUTSIDE, "holds a backslash"),
            Self::Remote => (&codes::REFERENCE_REMOTE, "is an address on the network"),
        };
        let help = match self {
            Self::Remote => "keep a copy of the file beside the contract and name that",
            Self::Backslash => "write the path with forward slashes",
            Self::Outside | Self::Absolute | Self::FileAddress => {
                "put the file into the folder and name it by a relative path"
            }
        };
        Finding::new(code, span, format!("`{reference}` {why}"))
            .expected("a path inside the folder, relative to this file")
            .help(help)
    }
}

impl Refusal {
    fn new(code: &'static Code, message: String) -> Self {
        Self {
            code,
            message,
            help: None,
        }
    }
}

/// The scheme of an address, in lower case where it matters.
fn scheme(reference: &str) -> Option<&str> {
    let (scheme, _) = reference.split_once(':')?;
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    valid.then_some(if scheme.eq_ignore_ascii_case("file") {
        "file"
    } else {
        scheme
    })
}

/// What went wrong, in words that are the same on every system and name no path.
fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "it is not there".to_owned(),
        ErrorKind::PermissionDenied => "permission is denied".to_owned(),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests;
