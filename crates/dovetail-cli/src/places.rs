//! The folders that `codegen` writes to: that of the crates, and that of what watches over messages.

use std::path::{Path, PathBuf};

use dovetail_codegen::output::{self, Drift, OutputError};
use dovetail_codegen::{Generated, Package};
use dovetail_contract::contract::CodegenSettings;

use crate::workspace;

/// A folder, and what belongs into it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// As `dovetail.yaml` names it.
    pub(crate) folder: &'a str,
    pub(crate) packages: &'a [Package],
}

/// How much is generated into a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) packages: usize,
    pub(crate) files: usize,
}

/// The folders of a workspace. That of alert rules counts where there are some, or may be some of before.
pub(crate) fn of<'a>(
    root: &Path,
    settings: &'a CodegenSettings,
    generated: &'a Generated,
) -> Vec<Place<'a>> {
    let monitoring = Place {
        folder: &settings.monitoring,
        packages: std::slice::from_ref(&generated.monitoring),
    };
    let has_some = !generated.monitoring.files.is_empty() || monitoring.path(root).is_dir();
    let crates = Place {
        folder: &settings.output,
        packages: &generated.packages,
    };
    let mut places = vec![crates];
    places.extend(has_some.then_some(monitoring));
    places
}

impl Place<'_> {
    pub(crate) fn path(&self, root: &Path) -> PathBuf {
        workspace::tidy_path(&root.join(self.folder))
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            packages: self.packages.len(),
            files: self.packages.iter().map(|one| one.files.len()).sum(),
        }
    }

    /// How the folder differs from what belongs into it.
    pub(crate) fn check(&self, root: &Path) -> Result<Drift, OutputError> {
        output::refuse_links(root, self.folder)?;
        output::check(&self.path(root), self.packages)
    }
}
