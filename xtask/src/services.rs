//! `cargo xtask services`: real brokers and a real database for the tests, from what is installed.
//!
//! Each server listens on a free port of loopback, keeps its data in a folder that goes with the run, and is a child of this process: it is
//! stopped by its process id, also when the run is interrupted. Where something is not installed that is said, and is an error if it was required.

mod child;
mod moment;
mod server;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum as _};

use self::{child::Place, moment::Signals, server::Server};
use crate::process::{print, root, say};
use crate::server::Name;

/// What was required is missing or did not start: the number of `dovetail` for infrastructure.
const INFRASTRUCTURE: u8 = 5;
const INTERRUPTED: u8 = 130;

/// Starts the servers that tests run against.
#[derive(Debug, Args)]
pub(crate) struct Services {
    /// Starts these only
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    only: Vec<Name>,
    /// Fails with exit code 5 where one of these is missing or does not start
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    require: Vec<Name>,
    /// Runs this command with the servers' addresses in its environment, and stops them after it. Without a command they run until ctrl-c
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs the task. Its exit code is that of the command, where there is one.
pub(crate) fn run(asked: &Services) -> ExitCode {
    match serve(asked) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(INFRASTRUCTURE)
        }
    }
}

/// Runs this program once more, with servers that it needs.
pub(crate) fn around(names: &[Name], args: &[&str]) -> ExitCode {
    let Some(program) = std::env::current_exe()
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok())
    else {
        say("error: the path of this program is not UTF-8");
        return ExitCode::from(INFRASTRUCTURE);
    };
    let args = args.iter().map(|arg| (*arg).to_owned());
    run(&Services {
        only: names.to_vec(),
        require: names.to_vec(),
        command: [program].into_iter().chain(args).collect(),
    })
}

fn serve(asked: &Services) -> Result<u8> {
    let mut signals = Signals::catch()?;
    let started = start(asked, &mut signals)?;
    if signals.is_interrupted() {
        return Ok(INTERRUPTED);
    }
    let missing = |name: &&Name| started.missing.contains(name);
    if let Some(name) = asked.require.iter().find(missing) {
        say(&format!("error: {name:?} is required"));
        return Ok(INFRASTRUCTURE);
    }
    let code = match asked.command.split_first() {
        Some((program, args)) => {
            let mut command = Command::new(program);
            let variables = started.variables.iter().cloned();
            command.args(args).envs(variables).current_dir(root());
            child::run(&mut command, &mut signals)?
        }
        None => {
            for (name, value) in &started.variables {
                print(&format!("export {name}='{value}'"))?;
            }
            say("running until ctrl-c");
            signals.wait();
            0
        }
    };
    say("stopping");
    Ok(code)
}

/// What runs. Dropping it stops the servers.
#[derive(Default)]
struct Started {
    servers: Vec<Server>,
    variables: Vec<(&'static str, String)>,
    missing: Vec<Name>,
}

/// Starts all at once, and waits for one after the other.
fn start(asked: &Services, signals: &mut Signals) -> Result<Started> {
    let mut started = Started::default();
    let mut starting = Vec::new();
    let is_asked = |name: &Name| {
        asked.only.is_empty() || asked.only.contains(name) || asked.require.contains(name)
    };
    for name in Name::value_variants().iter().copied().filter(is_asked) {
        if let Some(there) = std::env::var_os(name.variable()) {
            let there = there.into_string().ok();
            let there = there.with_context(|| format!("{} is not text", name.variable()))?;
            say(&format!("{name:?}: as {} says", name.variable()));
            started.variables.push((name.variable(), there));
            continue;
        }
        let problem = match begin(name) {
            Ok(Some(server)) => {
                starting.push((name, server));
                continue;
            }
            Ok(None) => format!("missing: {name:?}: {}", name.advice()),
            Err(error) => format!("error: {name:?} cannot be started: {error:#}"),
        };
        say(&problem);
        started.missing.push(name);
    }
    for (name, mut server) in starting {
        match server.wait(signals) {
            Ok(()) => {
                let address = server.address().to_owned();
                started.variables.push((name.variable(), address));
                started.servers.push(server);
            }
            Err(_) if signals.is_interrupted() => break,
            Err(error) => {
                say(&format!("error: {name:?} did not start: {error:#}"));
                started.missing.push(name);
            }
        }
    }
    Ok(started)
}

fn begin(name: Name) -> Result<Option<Server>> {
    let place = Place::new(&format!("{name:?}").to_lowercase())?;
    match name {
        Name::Postgres => server::postgres(place),
        Name::Rabbitmq => server::rabbitmq(place),
        Name::Nats => server::nats(place),
        Name::Kafka => server::kafka(place),
        Name::Aws => server::aws(place),
    }
}
