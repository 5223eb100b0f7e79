//! One run, many outputs: the format on standard output, and files named by `--output FORMAT=PATH`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use dovetail_contract::finding::Finding;
use dovetail_contract::frame::Look;
use dovetail_contract::source::Sources;

use crate::args::{Format, Global};
use crate::exit::{Exit, Stop};
use crate::findings;
use crate::ui::Ui;
use crate::workspace;

/// Where results go, checked before any work begins.
#[derive(Debug)]
pub(crate) struct Outputs {
    stdout: Format,
    files: Vec<(Format, PathBuf)>,
}

impl Outputs {
    /// What the command line asks for.
    ///
    /// # Errors
    ///
    /// Where it asks for a format that the command has not.
    pub(crate) fn new(global: &Global, known: &[Format]) -> Result<Self, Stop> {
        let folder = workspace::directory(global);
        let mut files = Vec::new();
        for output in &global.output {
            let (format, path) = output
                .split_once('=')
                .filter(|(_, path)| !path.is_empty())
                .ok_or_else(|| {
                    Stop::usage(format!(
                        "`--output {output}` lacks a path; write it like `json=report.json`"
                    ))
                })?;
            let format = Format::from_str(format, false).map_err(|_| {
                Stop::usage(format!(
                    "no output is called `{format}`; there is {}",
                    names(known)
                ))
            })?;
            files.push((format, folder.join(path)));
        }
        let outputs = Self {
            stdout: global.format,
            files,
        };
        if outputs.formats().any(|format| !known.contains(&format)) {
            return Err(Stop::usage(format!(
                "this command has no such output; it has {}",
                names(known)
            )));
        }
        Ok(outputs)
    }

    fn formats(&self) -> impl Iterator<Item = Format> {
        std::iter::once(self.stdout).chain(self.files.iter().map(|(format, _)| *format))
    }

    /// Writes the result to every output, `render` being asked for each format.
    ///
    /// # Errors
    ///
    /// Where an output cannot be written.
    pub(crate) fn write(
        &self,
        ui: Ui,
        render: impl Fn(Format, Look) -> String,
    ) -> Result<(), Stop> {
        let plain = Look {
            width: 100,
            color: false,
        };
        for (format, path) in &self.files {
            write_file(path, &render(*format, plain))
                .map_err(|error| Stop::new(Exit::Infrastructure, error))?;
        }
        ui.result(&render(
            self.stdout,
            Look {
                width: ui.width(),
                color: ui.color_results(),
            },
        ))
    }

    /// Writes findings to every output.
    ///
    /// # Errors
    ///
    /// Where an output cannot be written.
    pub(crate) fn write_findings(
        &self,
        ui: Ui,
        found: &[Finding],
        sources: &Sources,
    ) -> Result<(), Stop> {
        self.write(ui, |format, look| match format {
            Format::Json => findings::json(found, sources),
            Format::Human | Format::Junit => findings::human(found, sources, look, ui.least()),
        })
    }

    /// Whether people read standard output.
    pub(crate) fn is_human(&self) -> bool {
        self.stdout == Format::Human
    }
}

fn names(formats: &[Format]) -> String {
    let names = formats
        .iter()
        .filter_map(|format| Some(format!("`{}`", format.to_possible_value()?.get_name())));
    names.collect::<Vec<_>>().join(", ")
}

/// Writes beside the file and renames, so that a reader sees the old file or the new one.
pub(crate) fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let context = || format!("cannot write `{}`", path.display());
    let mut staged = tempfile::Builder::new()
        .prefix(".dovetail-")
        .tempfile_in(folder)
        .with_context(context)?;
    staged.write_all(text.as_bytes()).with_context(context)?;
    make_readable(staged.as_file()).with_context(context)?;
    staged
        .persist(path)
        .map_err(|error| error.error)
        .with_context(context)?;
    Ok(())
}

/// Temporary files are private; results are as readable as any file that the user makes.
#[cfg(unix)]
pub(crate) fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
pub(crate) fn make_readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
