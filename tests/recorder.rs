//! The other end of a connection, which keeps every byte that came: for tests of what stands on the wire.
//!
//! It answers one request on each connection and knows as little of HTTP as it can, so that nothing a client gets wrong
//! is put right on the way.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of a head or of a body, above which a request is not read further.
const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long a client may pause within a request.
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// A service on loopback that writes down what it is asked. It ends when it goes out of scope.
#[derive(Debug)]
pub struct Recorder {
    url: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One request as it stood on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The method: `GET`.
    pub method: String,
    /// What was asked for, with its query: `/orders?limit=1`.
    pub target: String,
    /// Names and values of the headers, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body, without the frames of chunks.
    pub body: Vec<u8>,
}

impl Recorded {
    /// The only value of a header; `None` as well where there are several, which no test should take for one.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// The body as text, with a mark for each byte that is none.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Recorder {
    /// A service on a free port of loopback that answers so.
    ///
    /// # Errors
    ///
    /// Where no port can be had.
    pub fn new(answer: impl Fn(&Recorded) -> Vec<u8> + Send + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (kept, ends) = (Arc::clone(&requests), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                // A connection that breaks is for the client to report.
                let _ = connection.and_then(|connection| serve(connection, &answer, &kept));
            }
        });
        Ok(Self {
            url,
            requests,
            is_over,
            thread: Some(thread),
        })
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What came so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.requests).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // One more connection, so that the thread looks.
        let address = self.url.trim_start_matches("http://");
        let is_awake = TcpStream::connect(address).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| is_awake) {
            let _ = thread.join();
        }
    }
}

/// An answer with this body, after which the connection ends.
#[must_use]
pub fn answer(status: u16, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// An answer without a body.
#[must_use]
pub fn empty(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes()
}

fn lock(requests: &Mutex<Vec<Recorded>>) -> MutexGuard<'_, Vec<Recorded>> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(
    connection: TcpStream,
    answer: &impl Fn(&Recorded) -> Vec<u8>,
    kept: &Mutex<Vec<Recorded>>,
) -> io::Result<()> {
    connection.set_read_timeout(Some(PAUSE_MAX))?;
    connection.set_write_timeout(Some(PAUSE_MAX))?;
    let mut reader = BufReader::new(connection);
    let mut head = (&mut reader).take(BYTES_MAX);
    let mut recorded = read_head(&mut head)?;
    recorded.body = read_body(&mut reader, &recorded)?;
    let bytes = answer(&recorded);
    lock(kept).push(recorded);
    reader.get_mut().write_all(&bytes)
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Recorded> {
    let first = read_line(reader)?;
    let mut words = first.split(' ');
    let mut recorded = Recorded {
        method: words.next().unwrap_or_default().to_owned(),
        target: words.next().unwrap_or_default().to_owned(),
        ..Recorded::default()
    };
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok(recorded);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| unreadable("a header"))?;
        let header = (name.to_owned(), value.trim().to_owned());
        recorded.headers.push(header);
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_body(reader: &mut impl BufRead, recorded: &Recorded) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if recorded.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = read_line(reader)?;
            let size = u64::from_str_radix(&size, 16).map_err(|_| unreadable("a chunk"))?;
            let so_far = body.len() as u64;
            if size > BYTES_MAX - so_far.min(BYTES_MAX) {
                return Err(unreadable("a body that is too long"));
            }
            reader.take(size).read_to_end(&mut body)?;
            read_line(reader)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = recorded.header("content-length").unwrap_or("0");
    let length: u64 = length.parse().map_err(|_| unreadable("a length"))?;
    if length > BYTES_MAX {
        return Err(unreadable("a body that is too long"));
    }
    reader.take(length).read_to_end(&mut body)?;
    Ok(body)
}

fn unreadable(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("cannot read {what} of the request"),
    )
}
