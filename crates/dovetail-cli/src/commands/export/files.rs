//! Documents on disk: compared before anything is written, and all staged before any takes its name.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::outputs::make_readable;

/// A path with what is to stand there.
pub(super) type Document = (PathBuf, String);

/// What stands at the path of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing.
    Missing,
    /// The document as it would be written.
    Same,
    /// A document that was written before.
    Old,
    /// Something else, which is not ours to replace.
    Foreign,
}

/// Looks at what stands at a path. `mark` is what the first two lines of our own files hold.
///
/// # Errors
///
/// Where it cannot be read, or is a symbolic link, which is not followed: what it leads to may lie anywhere.
pub(super) fn state(path: &Path, text: &str, mark: &str) -> anyhow::Result<State> {
    if path.is_symlink() {
        bail!(
            "`{}` is a symbolic link, and links are not followed",
            path.display()
        );
    }
    let known = match std::fs::read(path) {
        Ok(known) => known,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::Missing),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
        }
    };
    if known == text.as_bytes() {
        return Ok(State::Same);
    }
    let known = String::from_utf8_lossy(&known);
    let is_ours = known.lines().take(2).any(|line| line.contains(mark));
    Ok(if is_ours { State::Old } else { State::Foreign })
}

/// The files of a folder that were written before, in the order of their names. Links are not ours.
///
/// # Errors
///
/// Where the folder or a file in it cannot be read.
pub(super) fn ours(folder: &Path, extension: &str, mark: &str) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot read `{}`", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(context),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.with_context(context)?;
        let path = entry.path();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let is_document = path.extension().is_some_and(|found| found == extension);
        if is_file && is_document && state(&path, "", mark)? == State::Old {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Writes all documents beside their places, and renames them when all of them are whole.
///
/// # Errors
///
/// Where one cannot be written; none has been replaced then, unless the file system failed between two renames.
pub(super) fn write(documents: &[&Document]) -> anyhow::Result<()> {
    let mut staged = Vec::new();
    for (path, text) in documents {
        let context = || format!("cannot write `{}`", path.display());
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).with_context(context)?;
        let mut file = tempfile::Builder::new()
            .prefix(".dovetail-")
            .tempfile_in(folder)
            .with_context(context)?;
        file.write_all(text.as_bytes()).with_context(context)?;
        make_readable(file.as_file()).with_context(context)?;
        staged.push((path, file));
    }
    for (path, file) in staged {
        let renamed = file.persist(path).map_err(|error| error.error);
        renamed.with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}
