//! How each server is started.

use std::{
    env, fs,
    fs::Permissions,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::{
    child::{Place, Port, Running},
    moment::{Signals, TICK, until},
};

/// Nothing takes longer to start, also on a machine that is busy.
const START_SECONDS: u32 = 180;
const USER: &str = "dovetail";

/// A server that was started. Its fields are dropped in their order: the programs end before their folder goes.
pub(super) struct Server {
    programs: Vec<Running>,
    place: Place,
    address: String,
    port: u16,
    /// What is said to it, so that it answers once it is ready; nothing where it is ready once it accepts.
    greeting: &'static [u8],
}

impl Server {
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Waits until it answers.
    pub(super) fn wait(&mut self, signals: &mut Signals) -> Result<()> {
        let ready = until(START_SECONDS, || {
            if signals.is_interrupted() {
                return Some(Err("the run was interrupted".to_owned()));
            }
            if let Some(status) = self.programs.iter_mut().find_map(Running::ended) {
                return Some(Err(format!("it ended: {status}")));
            }
            self.answers().then_some(Ok(()))
        });
        let problem = match ready {
            Some(Ok(())) => return Ok(()),
            Some(Err(problem)) => problem,
            None => format!("it did not answer in {START_SECONDS} s"),
        };
        bail!("{problem}\n{}", self.place.last_words())
    }

    fn answers(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, TICK) else {
            return false;
        };
        let patience = Some(Duration::from_secs(1));
        let mut answer = [0; 8];
        self.greeting.is_empty()
            || stream.set_read_timeout(patience).is_ok()
                && stream.write_all(self.greeting).is_ok()
                && stream.read(&mut answer).is_ok_and(|count| count > 0)
                // What PostgreSQL says while it is starting up is an error.
                && !answer.starts_with(b"E")
    }
}

/// PostgreSQL, with a password, so that tests go the way of real systems.
pub(super) fn postgres(mut place: Place) -> Result<Option<Server>> {
    let Some(initdb) = postgres_program("initdb") else {
        return Ok(None);
    };
    let server = initdb.with_file_name("postgres");
    place.give_to("postgres")?;
    let (password, port) = (password()?, Port::free()?);
    let file = place.write("password", &password)?;
    let data = place.join("data");
    let mut initdb = place.command(initdb);
    initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"]);
    initdb
        .args(["--locale=C", "--username", USER])
        .arg("--pwfile");
    initdb.arg(file).arg("--pgdata").arg(&data);
    if !place.finish(&mut initdb)?.success() {
        bail!("initdb failed\n{}", place.last_words());
    }
    let port = port.release()?;
    let mut command = place.command(server);
    command.arg("-D").arg(data).args(["-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=200",
        // Tests want to know in which order transactions were committed.
        "track_commit_timestamp=on",
    ] {
        command.args(["-c", setting]);
    }
    // Its fast shutdown: sessions are ended rather than waited for.
    let program = place.start(&mut command, Signal::SIGINT)?;
    Ok(Some(Server {
        programs: vec![program],
        place,
        address: format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres"),
        port,
        // Who wants to log in, and where: it asks for the password once it takes connections.
        greeting: b"\0\0\0\x29\0\x03\0\0user\0dovetail\0database\0postgres\0\0",
    }))
}

/// Debian keeps the programs of each version in a folder of their own; the highest is taken.
fn postgres_program(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok();
    let newest = versions
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin/{name}")));
    newest.filter(|path| path.is_file()).or_else(|| find(name))
}

/// RabbitMQ, with a port mapper of its own: the one that it would start otherwise listens on every interface, and outlives it.
pub(super) fn rabbitmq(mut place: Place) -> Result<Option<Server>> {
    let script = PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server");
    let script = Some(script).filter(|path| path.is_file());
    let (Some(script), Some(epmd)) = (script.or_else(|| find("rabbitmq-server")), find("epmd"))
    else {
        return Ok(None);
    };
    place.give_to("rabbitmq")?;
    let password = password()?;
    let (mapper, peers, clients) = (Port::free()?, Port::free()?, Port::free()?);
    let (mapper, peers, port) = (mapper.release()?, peers.release()?, clients.release()?);
    let configuration = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\ndefault_user = {USER}\ndefault_pass = {password}\nlog.console = true\nlog.console.level = warning\n"
    );
    let configuration = place.write("rabbitmq.conf", &configuration)?;
    let plugins = place.write("plugins", "[].")?;
    let mut command = place.command(epmd);
    command.args(["-address", "127.0.0.1", "-port", &mapper.to_string()]);
    let epmd = place.start(&mut command, Signal::SIGTERM)?;
    let mut command = place.command(script);
    command
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", mapper.to_string())
        .env("RABBITMQ_NODENAME", format!("dovetail-{port}@localhost"))
        .env("RABBITMQ_DIST_PORT", peers.to_string())
        .env("RABBITMQ_MNESIA_BASE", place.join("data"))
        .env("RABBITMQ_LOG_BASE", place.join("logs"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", plugins)
        .env("RABBITMQ_CONFIG_FILE", configuration)
        .env("RABBITMQ_CONF_ENV_FILE", place.join("none"))
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}",
        )
        // The script becomes the server instead of waiting for it.
        .env("RUNNING_UNDER_SYSTEMD", "true");
    let server = place.start(&mut command, Signal::SIGTERM)?;
    Ok(Some(Server {
        programs: vec![server, epmd],
        place,
        address: format!("amqp://{USER}:{password}@127.0.0.1:{port}/%2f"),
        port,
        greeting: b"AMQP\0\0\x09\x01",
    }))
}

/// NATS with JetStream.
pub(super) fn nats(place: Place) -> Result<Option<Server>> {
    let Some(program) = find("nats-server") else {
        return Ok(None);
    };
    let password = password()?;
    let port = Port::free()?.release()?;
    let data = place.join("data");
    let configuration = format!(
        "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {data:?} }}\nauthorization {{ user: {USER}, password: \"{password}\" }}\n"
    );
    let configuration = place.write("nats.conf", &configuration)?;
    let mut command = place.command(program);
    let program = place.start(command.arg("-c").arg(configuration), Signal::SIGTERM)?;
    Ok(Some(Server {
        programs: vec![program],
        place,
        address: format!("nats://{USER}:{password}@127.0.0.1:{port}"),
        port,
        greeting: b"PING\r\n",
    }))
}

/// Tansu, which speaks the protocol of Kafka.
pub(super) fn kafka(place: Place) -> Result<Option<Server>> {
    let named = env::var_os("DOVETAIL_TANSU").map(PathBuf::from);
    let built = env::home_dir().map(|home| home.join(".cache/dovetail-peers/tansu/bin/tansu"));
    let built = built.filter(|path| path.is_file());
    let Some(program) = named.or_else(|| find("tansu")).or(built) else {
        return Ok(None);
    };
    let port = Port::free()?.release()?;
    let address = format!("tcp://127.0.0.1:{port}");
    let mut command = place.command(program);
    // Without a listener it would take one on every interface.
    command.args(["broker", "--listener-url", &address]);
    command.args(["--advertised-listener-url", &address]);
    command.args(["--storage-engine", "memory://tansu/"]);
    Ok(Some(simple(place, &mut command, port, |port| {
        format!("127.0.0.1:{port}")
    })?))
}

/// Moto, which stands in for AWS.
pub(super) fn aws(place: Place) -> Result<Option<Server>> {
    let Some(program) = find("moto_server") else {
        return Ok(None);
    };
    let port = Port::free()?.release()?;
    let mut command = Command::new(program);
    command.current_dir(place.path());
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    Ok(Some(simple(place, &mut command, port, |port| {
        format!("http://127.0.0.1:{port}")
    })?))
}

/// One program that is ready once it accepts.
fn simple(
    place: Place,
    command: &mut Command,
    port: u16,
    address: fn(u16) -> String,
) -> Result<Server> {
    let program = place.start(command, Signal::SIGTERM)?;
    Ok(Server {
        programs: vec![program],
        place,
        address: address(port),
        port,
        greeting: b"",
    })
}

/// A program on the path, where servers have their place too.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    folders
        .map(|folder| folder.join(program))
        .find(|path| is_program(path))
}

fn is_program(path: &std::path::Path) -> bool {
    let is_executable = |permissions: &Permissions| permissions.mode() & 0o111 != 0;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && is_executable(&metadata.permissions()))
}

/// A password that nobody knows beforehand.
fn password() -> Result<String> {
    let mut bytes = [0; 16];
    let source = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    source.context("no random bytes")?;
    Ok(bytes.map(|byte| format!("{byte:02x}")).concat())
}
