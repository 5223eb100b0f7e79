//! Starting this program again, for processes that may be killed.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;
use nix::sys::signal::Signal;

use crate::naive::Kind;

/// A process of this program. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process(Child);

/// How a process came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Killed,
}

impl Process {
    pub(crate) fn start(
        folder: &Path,
        store: &str,
        naive: Option<Kind>,
        task: &[String],
    ) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.arg("child").arg("--folder").arg(folder);
        command.args(["--store", store]);
        if let Some(kind) = naive.and_then(|kind| kind.to_possible_value()) {
            command.args(["--naive", kind.get_name()]);
        }
        command
            .args(task)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Ok(Self(command.spawn().context("cannot start a process")?))
    }

    /// Waits until the process says that it is ready.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        let output = self.0.stdout.take().context("its output is taken")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.trim() != "ready" {
            bail!("a process is not ready: {line}");
        }
        Ok(())
    }

    /// Lets the process begin.
    pub(crate) fn begin(&mut self) -> Result<()> {
        let mut input = self.0.stdin.take().context("its input is taken")?;
        writeln!(input, "begin").context("a process did not wait")
    }

    /// Waits for its end, which is a good one or that signal.
    pub(crate) fn wait(mut self) -> Result<End> {
        drop(self.0.stdin.take());
        end_of(self.0.wait().context("cannot wait for a process")?)
    }
}

fn end_of(status: ExitStatus) -> Result<End> {
    if status.success() {
        Ok(End::Done)
    } else if status.signal() == Some(Signal::SIGKILL as i32) {
        Ok(End::Killed)
    } else {
        bail!("a process ended as it should not: {status}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
