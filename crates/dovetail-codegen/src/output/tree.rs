//! The output folder as it is: what lies in the folders of crates, and how files there are replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{OutputError, OutputErrorKind, is_generated};

/// How deep below a crate's folder generated files are looked for; they lie two levels deep.
const DEPTH_MAX: usize = 4;
/// Larger files are not generated, whatever their first line says.
const FILE_MAX: u64 = 64 * 1024 * 1024;

/// What lies in the output folder.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    texts: BTreeMap<String, String>,
    /// What stands at a path and is no text: a folder, or bytes that are not UTF-8.
    blocked: BTreeSet<String>,
}

/// Holds the output folder for one run. The system lets go of it when the run ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: fs::File,
}

impl Lock {
    pub(super) fn take(root: &Path) -> Result<Self, OutputError> {
        let fail = |error| OutputError::io(root, error);
        let file = lockable(root).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(OutputError {
                path: root.to_owned(),
                kind: OutputErrorKind::Locked,
            }),
            Err(fs::TryLockError::Error(error)) => Err(fail(error)),
        }
    }
}

/// The folder itself, so that no file of ours is left in it.
#[cfg(unix)]
fn lockable(root: &Path) -> io::Result<fs::File> {
    fs::File::open(root)
}

/// Folders cannot be locked here, so a file in it stands for it.
#[cfg(not(unix))]
fn lockable(root: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(root.join(".dovetail.lock"))
}

/// Whether a file may be one of ours that lies in the output folder itself.
pub(super) fn may_lie_alone(path: &str) -> bool {
    let extension = Path::new(path).extension().and_then(OsStr::to_str);
    !path.contains('/') && matches!(extension, Some("yaml" | "json"))
}

impl Tree {
    /// Reads the folders of these crates, and those of crates that were generated before; for the empty name, the files of the folder itself and
    /// nothing else.
    pub(super) fn read(root: &Path, names: &BTreeSet<&str>) -> Result<Self, OutputError> {
        let mut tree = Self {
            root: root.to_owned(),
            texts: BTreeMap::new(),
            blocked: BTreeSet::new(),
        };
        if names.contains("") {
            tree.read_files()?;
            if names.len() == 1 {
                return Ok(tree);
            }
        }
        for (name, kind) in entries(root)? {
            let is_wanted = names.contains(name.as_str());
            if is_wanted && kind.is_symlink() {
                return Err(OutputError {
                    path: root.join(&name),
                    kind: OutputErrorKind::Link,
                });
            }
            if is_wanted && !kind.is_dir() {
                return Err(OutputError {
                    path: root.join(&name),
                    kind: OutputErrorKind::NotGenerated,
                });
            }
            if kind.is_dir() && (is_wanted || tree.was_generated(&name)) {
                tree.read_folder(&name, is_wanted, 0)?;
            }
        }
        Ok(tree)
    }

    /// The text at a path, if there is one.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Whether something stands at a path that is not a file of text.
    pub(super) fn is_blocked(&self, path: &str) -> bool {
        self.blocked.contains(path)
    }

    /// Paths of all files that carry the banner.
    pub(super) fn generated(&self) -> impl Iterator<Item = &str> {
        self.texts
            .iter()
            .filter(|(_, text)| is_generated(text))
            .map(|(path, _)| path.as_str())
    }

    /// Replaces files: all new texts are on disk before the first takes its place.
    pub(super) fn replace(&self, files: &BTreeMap<&str, &str>) -> Result<(), OutputError> {
        let mut staged = Vec::new();
        for (path, text) in files {
            let target = self.root.join(path);
            let folder = target.parent().unwrap_or(&self.root);
            self.make_folder(path)?;
            let fail = |error| OutputError::io(&target, error);
            let mut file = tempfile::Builder::new()
                .prefix(".dovetail-")
                .tempfile_in(folder)
                .map_err(fail)?;
            file.write_all(text.as_bytes()).map_err(fail)?;
            readable(file.as_file()).map_err(fail)?;
            staged.push((file, target));
        }
        // Manifests go last: a crate is whole once its manifest is.
        staged.sort_by_key(|(_, target)| {
            target
                .extension()
                .is_some_and(|extension| extension == "toml")
        });
        for (file, target) in staged {
            file.persist(&target)
                .map_err(|error| OutputError::io(&target, error.error))?;
        }
        Ok(())
    }

    /// Removes files, and folders that are empty then.
    pub(super) fn remove(&self, paths: &[String]) -> Result<(), OutputError> {
        for path in paths {
            let target = self.root.join(path);
            fs::remove_file(&target).map_err(|error| OutputError::io(&target, error))?;
            let mut folder = target.parent();
            while let Some(parent) = folder.filter(|parent| *parent != self.root) {
                // A folder that is not empty stays: what is in it is not ours.
                if fs::remove_dir(parent).is_err() {
                    break;
                }
                folder = parent.parent();
            }
        }
        Ok(())
    }

    /// Whether the manifest in a folder is one of ours.
    fn was_generated(&self, name: &str) -> bool {
        let manifest = self.root.join(name).join("Cargo.toml");
        fs::symlink_metadata(&manifest).is_ok_and(|found| found.is_file())
            && fs::read_to_string(manifest).is_ok_and(|text| is_generated(&text))
    }

    /// Reads the files of the output folder itself, as far as they may be ours.
    fn read_files(&mut self) -> Result<(), OutputError> {
        for (name, kind) in entries(&self.root)? {
            let full = self.root.join(&name);
            if !may_lie_alone(&name) {
                continue;
            }
            if kind.is_symlink() {
                return Err(OutputError {
                    path: full,
                    kind: OutputErrorKind::Link,
                });
            }
            if kind.is_dir() {
                self.blocked.insert(name);
            } else {
                self.read_file(name, &full)?;
            }
        }
        Ok(())
    }

    fn read_folder(
        &mut self,
        folder: &str,
        is_wanted: bool,
        depth: usize,
    ) -> Result<(), OutputError> {
        for (name, kind) in entries(&self.root.join(folder))? {
            let path = format!("{folder}/{name}");
            let full = self.root.join(&path);
            if kind.is_symlink() {
                if is_wanted
                    && (depth > 0
                        || matches!(
                            name.as_str(),
                            "src" | "examples" | "Cargo.toml" | "README.md"
                        ))
                {
                    return Err(OutputError {
                        path: full,
                        kind: OutputErrorKind::Link,
                    });
                }
            } else if kind.is_dir() {
                self.blocked.insert(path.clone());
                // What Cargo builds lies in `target` and is nobody's source.
                if depth < DEPTH_MAX && name != "target" && !name.starts_with('.') {
                    self.read_folder(&path, is_wanted, depth + 1)?;
                }
            } else if name != "Cargo.lock" {
                self.read_file(path, &full)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, path: String, full: &Path) -> Result<(), OutputError> {
        let fail = |error| OutputError::io(full, error);
        if fs::symlink_metadata(full).map_err(fail)?.len() > FILE_MAX {
            self.blocked.insert(path);
            return Ok(());
        }
        match String::from_utf8(fs::read(full).map_err(fail)?) {
            Ok(text) => drop(self.texts.insert(path, text)),
            Err(_) => drop(self.blocked.insert(path)),
        }
        Ok(())
    }

    /// Makes the folder of a file, one level after another, so that no link is walked through.
    fn make_folder(&self, path: &str) -> Result<(), OutputError> {
        let mut folder = self.root.clone();
        let parts: Vec<&str> = path.split('/').collect();
        for part in parts.iter().take(parts.len().saturating_sub(1)) {
            folder.push(part);
            match fs::create_dir(&folder) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let found = fs::symlink_metadata(&folder)
                        .map_err(|error| OutputError::io(&folder, error))?;
                    if !found.is_dir() {
                        let kind = if found.is_symlink() {
                            OutputErrorKind::Link
                        } else {
                            OutputErrorKind::NotGenerated
                        };
                        return Err(OutputError { path: folder, kind });
                    }
                }
                Err(error) => return Err(OutputError::io(&folder, error)),
            }
        }
        Ok(())
    }
}

/// Temporary files are for their owner only; source files are for everyone to read.
#[cfg(unix)]
fn readable(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &fs::File) -> io::Result<()> {
    Ok(())
}

/// Names and kinds of what is in a folder, in order. A folder that is not there is empty.
fn entries(folder: &Path) -> Result<Vec<(String, fs::FileType)>, OutputError> {
    let fail = |error| OutputError::io(folder, error);
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut entries = Vec::new();
    for entry in listing {
        let entry = entry.map_err(fail)?;
        // A name that is not Unicode is none that we make.
        if let Ok(name) = entry.file_name().into_string() {
            entries.push((name, entry.file_type().map_err(fail)?));
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(entries)
}
