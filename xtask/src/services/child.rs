//! Child processes that never outlive the task, and the folder that each of them has.

use std::{
    fs::{self, File, Permissions},
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::{Pid, User, geteuid},
};
use tempfile::TempDir;

use super::moment::{Signals, TICK, until};

/// A folder of its own, and whom it belongs to.
pub(super) struct Place {
    folder: TempDir,
    owner: Option<User>,
}

impl Place {
    pub(super) fn new(name: &str) -> Result<Self> {
        let prefix = format!("dovetail-{name}-");
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        Ok(Self {
            folder,
            owner: None,
        })
    }

    /// Whoever runs as root gives the folder to the account that the server was installed with: PostgreSQL refuses to run as root.
    pub(super) fn give_to(&mut self, account: &str) -> Result<()> {
        if geteuid().is_root()
            && let Some(user) = User::from_name(account)?
        {
            let (owner, group) = (user.uid.as_raw(), user.gid.as_raw());
            chown(self.path(), Some(owner), Some(group))?;
            self.owner = Some(user);
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file that nobody else can read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.join(name);
        fs::write(&path, "")?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        fs::write(&path, text)?;
        if let Some(user) = &self.owner {
            chown(&path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        Ok(path)
    }

    /// A program that runs in the folder, as its owner, and knows no other home.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.path()).env("HOME", self.path());
        if let Some(user) = &self.owner {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    /// Where a program writes what it has to say.
    fn log(&self) -> Result<File> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.join("log"));
        log.context("cannot write a log")
    }

    /// The end of that.
    pub(super) fn last_words(&self) -> String {
        const LINES: usize = 20;
        let bytes = fs::read(self.join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    /// Runs a program to its end.
    pub(super) fn finish(&self, command: &mut Command) -> Result<ExitStatus> {
        let log = self.log()?;
        let errors = log.try_clone()?;
        let command = command.stdin(Stdio::null()).stdout(log).stderr(errors);
        Ok(command.status()?)
    }

    /// Starts a program in a process group of its own: ctrl-c is the task's, which then stops it in its turn.
    pub(super) fn start(&self, command: &mut Command, ends_with: Signal) -> Result<Running> {
        let log = self.log()?;
        let errors = log.try_clone()?;
        let command = command.stdin(Stdio::null()).stdout(log).stderr(errors);
        Ok(Running {
            child: command.process_group(0).spawn()?,
            ends_with,
        })
    }
}

/// A program that runs until this is dropped.
pub(super) struct Running {
    child: Child,
    ends_with: Signal,
}

impl Running {
    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        const PATIENCE: u32 = 20;
        let Some(id) = id(&self.child) else { return };
        if self.ended().is_none() {
            let _ = kill(id, self.ends_with);
            until(PATIENCE, || self.ended());
        }
        // What the program started has the group of the program, which is nobody else's.
        let _ = killpg(id, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

fn id(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().map(Pid::from_raw)
}

/// Runs the command of the user, and passes on what ends the task. Returns its exit code.
pub(super) fn run(command: &mut Command, signals: &mut Signals) -> Result<u8> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run `{shown}`"))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(code(status));
        }
        // The terminal has told the command of its ctrl-c itself.
        if let (Some(signal), Some(id)) = (signals.next(), id(&child))
            && signal != Signal::SIGINT
        {
            let _ = kill(id, signal);
        }
        std::thread::sleep(TICK);
    }
}

/// As shells have it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// A port of loopback that was free a moment ago; it is held until it is used, so that no two servers are given the same.
pub(super) struct Port(TcpListener);

impl Port {
    pub(super) fn free() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
        Ok(Self(listener))
    }

    /// Lets it go, for a server to take.
    pub(super) fn release(self) -> Result<u16> {
        Ok(self.0.local_addr()?.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_that_of_the_command() {
        for (raw, expected) in [(0, 0), (3 << 8, 3), (101 << 8, 101), (9, 137)] {
            assert_eq!(code(ExitStatus::from_raw(raw)), expected);
        }
    }

    #[test]
    fn what_was_started_ends_with_its_owner() {
        let place = Place::new("test").unwrap();
        let mut command = place.command("sleep");
        let running = place.start(command.arg("600"), Signal::SIGTERM).unwrap();
        let id = id(&running.child).unwrap();
        assert_eq!(kill(id, None), Ok(()));
        drop(running);
        assert!(kill(id, None).is_err());
    }
}
