//! One attempt to connect, which leaves nothing behind where it is given up.
//!
//! The client library reads and writes on a thread of its own, which goes on waiting for an answer when nobody asks for the connection any more.
//! It ends when its socket does.

use std::{
    io, mem,
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dovetail_resilience::Clock;
use lapin::{
    Connection, ConnectionProperties,
    tcp::{AMQPUriTcpExt, AsyncTcpStream, OwnedTLSConfig},
    uri::AMQPUri,
};

/// Connects, and ends the attempt with the future.
pub(super) async fn connect(
    uri: &AMQPUri,
    clock: Clock,
    timeout: Duration,
) -> lapin::Result<Connection> {
    let attempt = Attempt::default();
    let socket = Arc::clone(&attempt.socket);
    let connecting = Connection::connector(
        uri.clone(),
        lapin::runtime::default_runtime()?,
        async move |uri, runtime| {
            let tls = OwnedTLSConfig::default();
            let opening = AMQPUriTcpExt::connect_with_config_async(&uri, tls.as_ref(), &runtime);
            let opened = clock.until(clock.now() + timeout, opening).await;
            let stream = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
            let twin = match &stream {
                AsyncTcpStream::Plain(plain) => Some(twin(plain.get_ref())?),
                AsyncTcpStream::Rustls(tls) => Some(twin(tls.get_ref().0.get_ref())?),
                _ => None,
            };
            if let Some(twin) = twin {
                hold(&socket, twin)?;
            }
            Ok(stream)
        },
        ConnectionProperties::default(),
    );
    let connection = connecting.await?;
    attempt.succeed();
    Ok(connection)
}

/// The socket of an attempt, which ends with it.
#[derive(Default)]
struct Attempt {
    socket: Arc<Mutex<Socket>>,
}

#[derive(Default)]
enum Socket {
    /// It is not open yet.
    #[default]
    Opening,
    /// It is open, and the broker has yet to answer.
    Open(TcpStream),
    /// Nobody waits for it any more.
    GivenUp,
}

impl Attempt {
    /// The socket is the connection's alone from now on.
    fn succeed(&self) {
        *lock(&self.socket) = Socket::Opening;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let socket = mem::replace(&mut *lock(&self.socket), Socket::GivenUp);
        if let Socket::Open(socket) = socket {
            // What is closed already cannot be ended, and need not be.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Keeps a handle of the socket. Fails where the attempt was given up meanwhile.
fn hold(socket: &Mutex<Socket>, twin: TcpStream) -> io::Result<()> {
    let mut socket = lock(socket);
    if matches!(*socket, Socket::GivenUp) {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    *socket = Socket::Open(twin);
    Ok(())
}

fn lock(socket: &Mutex<Socket>) -> MutexGuard<'_, Socket> {
    socket.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Another handle of the same socket.
#[cfg(unix)]
fn twin(socket: &impl std::os::fd::AsFd) -> io::Result<TcpStream> {
    Ok(socket.as_fd().try_clone_to_owned()?.into())
}

/// Another handle of the same socket.
#[cfg(windows)]
fn twin(socket: &impl std::os::windows::io::AsSocket) -> io::Result<TcpStream> {
    Ok(socket.as_socket().try_clone_to_owned()?.into())
}
