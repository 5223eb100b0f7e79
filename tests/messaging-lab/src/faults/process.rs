//! Starting this program again, for processes that may be killed.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
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

use crate::{child::LEFT, common::Watch, naive::Kind};

/// Nobody waits longer for a process: it gives up by itself before that, unless it hangs.
const WAIT_MAX: Duration = Duration::from_secs(180);
/// How often somebody looks.
const TICK: Duration = Duration::from_millis(2);

/// A process of this program. Dropping it ends it, and so does the end of whoever started it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    folder: PathBuf,
    wait_max: Duration,
}

/// How a process came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Killed,
    /// It gave up with that much left to do, failed, or hung.
    Stuck(String),
}

impl End {
    /// What there is to say of a process that should have come to a good end.
    pub(crate) fn unless_done(&self, who: &str) -> Option<String> {
        match self {
            Self::Done => None,
            Self::Killed => Some(format!("{who} was killed")),
            Self::Stuck(left) => Some(format!("{who} is stuck: {left}")),
        }
    }

    /// The same for one that could die as well.
    pub(crate) fn unless_killed(&self, who: &str) -> Option<String> {
        match self {
            Self::Killed => None,
            Self::Done => Some(format!("{who} was not killed")),
            Self::Stuck(_) => self.unless_done(who),
        }
    }
}

impl Process {
    pub(crate) fn start(
        folder: &Path,
        store: &str,
        naive: Option<Kind>,
        task: &[String],
    ) -> Result<Self> {
        Self::start_with(folder, store, naive, task, &[])
    }

    /// Starts it by a program that stays out of the way.
    pub(crate) fn start_under(
        words: &[String],
        folder: &Path,
        store: &str,
        task: &[String],
    ) -> Result<Self> {
        let (program, args) = words.split_first().context("there is no program")?;
        let mut command = Command::new(program);
        let own = std::env::current_exe().context("cannot find this program")?;
        command.args(args).arg(own);
        Self::spawn(command, folder, store, None, task)
    }

    /// Starts it with these variables besides those of this process.
    pub(crate) fn start_with(
        folder: &Path,
        store: &str,
        naive: Option<Kind>,
        task: &[String],
        variables: &[(&str, String)],
    ) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Self::spawn(command, folder, store, naive, task)
    }

    fn spawn(
        mut command: Command,
        folder: &Path,
        store: &str,
        naive: Option<Kind>,
        task: &[String],
    ) -> Result<Self> {
        command.arg("child").arg("--folder").arg(folder);
        command.arg(format!("--parent={}", std::process::id()));
        command.args(["--store", store]);
        if let Some(kind) = naive.and_then(|kind| kind.to_possible_value()) {
            command.args(["--naive", kind.get_name()]);
        }
        command
            .args(task)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Ok(Self {
            child: command.spawn().context("cannot start a process")?,
            folder: folder.to_owned(),
            wait_max: WAIT_MAX,
        })
    }

    /// The same, for one that has more to do than a few messages.
    pub(crate) fn patiently(mut self, wait_max: Duration) -> Self {
        self.wait_max = wait_max;
        self
    }

    /// Waits until the process says that it is ready.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        let output = self.child.stdout.take().context("its output is taken")?;
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            let _ = send.send(read.map(|_| line));
        });
        let line = receive.recv_timeout(self.wait_max);
        let line = line.context("a process did not become ready")??;
        if line.trim() != "ready" {
            bail!("a process is not ready: {line}");
        }
        Ok(())
    }

    /// Lets the process begin.
    pub(crate) fn begin(&mut self) -> Result<()> {
        let mut input = self.child.stdin.take().context("its input is taken")?;
        writeln!(input, "begin").context("a process did not wait")
    }

    /// Waits until the process is frozen. `false`: it came to its end without that, or to none in time.
    pub(crate) fn wait_until_frozen(&self) -> Result<bool> {
        // What has ended is left for `wait` to find.
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let watch = Watch::start();
        while watch.elapsed() < self.wait_max {
            let status = waitid(Id::Pid(self.pid()?), flags | WaitPidFlag::WNOHANG);
            match status.context("cannot wait for a process")? {
                WaitStatus::StillAlive => std::thread::sleep(TICK),
                status => return Ok(matches!(status, WaitStatus::Stopped(..))),
            }
        }
        Ok(false)
    }

    /// Lets a frozen process go on.
    pub(crate) fn thaw(&self) -> Result<()> {
        kill(self.pid()?, Signal::SIGCONT).context("cannot wake a process")
    }

    /// Waits for its end, but not longer than that. `true`: it has ended.
    pub(crate) fn wait_for(&mut self, time: Duration) -> Result<bool> {
        let watch = Watch::start();
        loop {
            if self.child.try_wait()?.is_some() {
                return Ok(true);
            }
            if watch.elapsed() >= time {
                return Ok(false);
            }
            std::thread::sleep(TICK);
        }
    }

    /// Kills it, wherever it is.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("cannot kill a process")
    }

    pub(crate) fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }

    /// Waits for its end, whatever it is. One that does not end is ended.
    pub(crate) fn wait(mut self) -> Result<End> {
        drop(self.child.stdin.take());
        if !self.wait_for(self.wait_max)? {
            return Ok(End::Stuck(format!("it did not end in {:?}", self.wait_max)));
        }
        let status = self.child.wait().context("cannot wait for a process")?;
        Ok(end_of(status, &self.folder))
    }
}

fn end_of(status: ExitStatus, folder: &Path) -> End {
    if status.success() {
        End::Done
    } else if status.signal() == Some(Signal::SIGKILL as i32) {
        End::Killed
    } else {
        let left = std::fs::read_to_string(folder.join(LEFT));
        End::Stuck(left.unwrap_or_else(|_| format!("it failed with {status}")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
