//! Finding the workspace, and reading it with everything that is wrong with it.

use std::path::{Component, Path, PathBuf};

use dovetail_contract::load::{self, Loaded};

use crate::args::Global;
use crate::exit::Stop;
use crate::ui::Ui;

/// The name of the file that makes a folder a workspace.
pub(crate) const CONFIG: &str = load::WORKSPACE_FILE;

/// The folder that the command works in.
pub(crate) fn directory(global: &Global) -> PathBuf {
    global
        .directory
        .clone()
        .unwrap_or_else(|| PathBuf::from("."))
}

/// The folder that holds `dovetail.yaml`.
///
/// # Errors
///
/// Where there is none.
pub(crate) fn find(global: &Global, ui: Ui) -> Result<PathBuf, Stop> {
    let directory = directory(global);
    let root = match &global.config {
        Some(config) => named(&directory.join(config))?,
        None => search(&directory)?,
    };
    let root = tidy_path(&root);
    ui.detail(&format!("workspace: {}", root.display()));
    Ok(root)
}

/// Reads the workspace.
///
/// # Errors
///
/// Where there is none. What is wrong inside it are findings.
pub(crate) fn load(global: &Global, ui: Ui) -> Result<(PathBuf, Loaded), Stop> {
    let root = find(global, ui)?;
    let loaded = load::load(&root);
    Ok((root, loaded))
}

fn named(config: &Path) -> Result<PathBuf, Stop> {
    let is_named_right = config.file_name().is_some_and(|name| name == CONFIG);
    match config.parent() {
        Some(parent) if is_named_right && config.is_file() => Ok(parent.to_owned()),
        _ => Err(Stop::usage(format!(
            "`--config` takes the path of a `{CONFIG}`, and `{}` is none",
            config.display()
        ))),
    }
}

/// The nearest workspace from here upward. A folder's `contracts/` counts as the folder itself; a repository's root ends the search.
fn search(directory: &Path) -> Result<PathBuf, Stop> {
    let start = std::path::absolute(directory).map_err(|error| Stop::usage(error.to_string()))?;
    if !start.is_dir() {
        return Err(Stop::usage(format!(
            "`{}` is not a folder",
            directory.display()
        )));
    }
    for (ups, folder) in start.ancestors().enumerate() {
        for candidate in [folder.to_owned(), folder.join("contracts")] {
            if candidate.join(CONFIG).is_file() {
                let is_contracts = candidate != folder;
                return Ok(relative(directory, ups, is_contracts));
            }
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    Err(Stop::usage(format!(
        "no `{CONFIG}` here or above; `dovetail init` makes one, `--config` names one"
    )))
}

/// The same folder as it is reached from where the command works, so that messages show short paths.
fn relative(directory: &Path, ups: usize, is_contracts: bool) -> PathBuf {
    let mut path = directory.to_owned();
    path.extend(std::iter::repeat_n("..", ups));
    if is_contracts {
        path.push("contracts");
    }
    path
}

/// The path without `.` and without the steps that go down and up again, as a person would write it.
pub(crate) fn tidy_path(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        let is_down = matches!(tidy.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if is_down => {
                tidy.pop();
            }
            part => tidy.push(part),
        }
    }
    if tidy.as_os_str().is_empty() {
        tidy.push(".");
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_as_a_person_would_write_them() {
        let rows = [
            ("./contracts/../crates/generated", "crates/generated"),
            ("../contracts/../out", "../out"),
            ("/a/./b/../c", "/a/c"),
            ("a/..", "."),
        ];
        for (path, tidy) in rows {
            assert_eq!(tidy_path(Path::new(path)), Path::new(tidy), "{path}");
        }
    }
}
