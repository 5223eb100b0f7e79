//! Starting this program again, for processes that may be killed.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};

use crate::{common::Watch, naive::Kind};

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

    /// Waits until the process is frozen. `false`: it came to its end without that.
    pub(crate) fn wait_until_frozen(&self) -> Result<bool> {
        // What has ended is left for `wait` to find.
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let status = waitid(Id::Pid(self.pid()?), flags).context("cannot wait for a process")?;
        Ok(matches!(status, WaitStatus::Stopped(..)))
    }

    /// Lets a frozen process go on.
    pub(crate) fn thaw(&self) -> Result<()> {
        kill(self.pid()?, Signal::SIGCONT).context("cannot wake a process")
    }

    /// Waits for its end, but not longer than that.
    pub(crate) fn wait_for(&mut self, time: Duration) -> Result<()> {
        let watch = Watch::start();
        while watch.elapsed() < time && self.0.try_wait()?.is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.0.id())?))
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
