//! What a program costs: processor time and memory, those of its children included.
//!
//! The kernel sums these up per parent, and memory as a maximum that never falls again. So a program is measured by a process of its own: this one,
//! started again with [`REPORT`] set, which runs the program and nothing else. The same serves as a wrapper of `rustc`, which is how cargo tells
//! apart what one crate costs. A program is started as a copy of the one that measures it, so no figure of memory is below what that one holds, about
//! 9 MB. Processor time hardly depends on what else the machine does; elapsed time does, and is only told where asked for.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process::say;

/// Names the file that a measuring process appends its report to. Where it is set, this program measures and does nothing else.
const REPORT: &str = "DOVETAIL_USAGE_REPORT";

/// Processor time after which a measured program is ended by the kernel, in seconds.
const CPU_SECONDS_MAX: u64 = 1_200;

/// What a program took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Processor time, user and system, in seconds.
    pub(crate) cpu_s: f64,
    /// Most memory that one of its processes held, in bytes.
    pub(crate) peak_bytes: u64,
}

/// A line of a report.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The crate, where the program was a `rustc`.
    pub(crate) krate: Option<String>,
    #[serde(flatten)]
    pub(crate) usage: Usage,
}

/// A program that ran to its end.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What it took.
    pub(crate) usage: Usage,
    /// How long it took, which depends on what else the machine does.
    pub(crate) elapsed: Duration,
    /// Whether it says that all went well.
    pub(crate) succeeded: bool,
    /// What it printed, on standard error first.
    pub(crate) said: String,
}

/// Runs a program to its end and says what it took.
pub(crate) fn measure(command: &Command) -> Result<Ran> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let report = folder.path().join("usage");
    let mut wrapper = Command::new(std::env::current_exe().context("cannot find this program")?);
    wrapper.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        wrapper.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapper.env(name, value),
            None => wrapper.env_remove(name),
        };
    }
    wrapper.env(REPORT, &report).stdin(Stdio::null());
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a program takes is what is measured"
    )]
    let started = Instant::now();
    let output = wrapper
        .output()
        .context("cannot start this program again")?;
    let elapsed = started.elapsed();
    let said = [&output.stderr, &output.stdout].map(|text| String::from_utf8_lossy(text));
    let reports = reports(&report)?;
    let usage = reports.first().map(|report| report.usage);
    Ok(Ran {
        usage: usage.with_context(|| format!("it was not measured: {}", said[0].trim()))?,
        elapsed,
        succeeded: output.status.success(),
        said: said.concat(),
    })
}

/// Makes cargo measure each `rustc` that builds a member of the workspace, and append a line to `report` for each.
pub(crate) fn measure_members(command: &mut Command, report: &Path) -> Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    command
        .env("RUSTC_WORKSPACE_WRAPPER", program)
        .env(REPORT, report);
    Ok(())
}

/// The lines of a report; none where there is no such file.
pub(crate) fn reports(path: &Path) -> Result<Vec<Report>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(path).context("cannot read what was measured")?;
    text.lines()
        .map(|line| serde_json::from_str(line).context("cannot read what was measured"))
        .collect()
}

/// Measures the program that the arguments name, where this process was started for that.
pub(crate) fn started_to_measure() -> Option<ExitCode> {
    let report = std::env::var_os(REPORT)?;
    let code = match run_and_report(Path::new(&report)) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            1
        }
    };
    Some(ExitCode::from(code))
}

fn run_and_report(report: &Path) -> Result<u8> {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let (program, args) = args
        .split_first()
        .context("there is no program to measure")?;
    limit_cpu()?;
    let mut command = Command::new(program);
    command.args(args).env_remove(REPORT);
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let names = args.iter().zip(args.iter().skip(1));
    let mut names = names.filter(|(flag, _)| *flag == "--crate-name");
    let line = Report {
        krate: names
            .next()
            .map(|(_, name)| name.to_string_lossy().into_owned()),
        usage: usage_of_children()?,
    };
    let mut line = serde_json::to_string(&line)?;
    line.push('\n');
    let mut file = OpenOptions::new().create(true).append(true).open(report)?;
    file.write_all(line.as_bytes())?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(1))
}

#[cfg(unix)]
fn limit_cpu() -> Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    setrlimit(Resource::RLIMIT_CPU, CPU_SECONDS_MAX, CPU_SECONDS_MAX)
        .context("cannot limit the processor time")
}

#[cfg(unix)]
fn usage_of_children() -> Result<Usage> {
    use nix::sys::{
        resource::{UsageWho, getrusage},
        time::TimeValLike,
    };
    // Linux counts memory in KiB, the systems of Apple in bytes.
    const UNIT: u64 = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("cannot ask what it took")?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let micros = u64::try_from(micros).context("the clock ran backwards")?;
    Ok(Usage {
        cpu_s: Duration::from_micros(micros).as_secs_f64(),
        peak_bytes: u64::try_from(usage.max_rss())? * UNIT,
    })
}

#[cfg(not(unix))]
fn limit_cpu() -> Result<()> {
    anyhow::bail!("programs can be measured on Unix only")
}

#[cfg(not(unix))]
fn usage_of_children() -> Result<Usage> {
    anyhow::bail!("programs can be measured on Unix only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_line_for_each_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage");
        assert!(reports(&path).unwrap().is_empty());
        let lines = [
            r#"{"krate":null,"cpu_s":0.5,"peak_bytes":10}"#,
            r#"{"krate":"measured","cpu_s":1.25,"peak_bytes":20}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let read = reports(&path).unwrap();
        assert_eq!(read[1].krate.as_deref(), Some("measured"));
        let expected = Usage {
            cpu_s: 1.25,
            peak_bytes: 20,
        };
        assert_eq!(read[1].usage, expected);
        std::fs::write(&path, "1.25 s").unwrap();
        assert!(reports(&path).is_err());
    }
}
