//! The real network, over loopback: what a scripted transport cannot show.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::{
    Body, ConfigError, FailureKind, Http, Method, Operation, Response, Service, Undeclared,
    multipart::{FilePart, Form},
    policy::{Policy, Retry},
};

const SERVICE: Service = Service::new("orders", &["get", "create"]);
const POLICY: Policy = Policy::new(Duration::from_secs(20)).retry(Retry::off());
const GET: Operation = Operation::new(&SERVICE, "get", Method::Get, "/orders", POLICY);
const CREATE: Operation = Operation::new(&SERVICE, "create", Method::Post, "/orders", POLICY);

/// A server of HTTP/2 that refuses the first stream and answers the others; it counts streams.
async fn refusing_server() -> (String, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut first = true;
        while let Some(Ok((_, mut answer))) = connection.accept().await {
            sender.send(()).unwrap();
            if std::mem::take(&mut first) {
                answer.send_reset(h2::Reason::REFUSED_STREAM);
            } else {
                answer.send_response(http::Response::new(()), true).unwrap();
            }
        }
    });
    (format!("http://{address}"), receiver)
}

/// A server that answers every connection with the same bytes and closes it; it hands out what it was sent.
async fn server(answer: &'static [u8]) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let request = serve(stream, answer).await;
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (format!("http://{address}"), receiver)
}

async fn serve(mut stream: TcpStream, answer: &[u8]) -> String {
    let (mut request, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let complete = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            body.len() >= length.map_or(0, |length| length.parse().unwrap())
        });
        if read == 0 || complete {
            break;
        }
    }
    // The client may hang up first, which is part of what is tested.
    let _ = stream.write_all(answer).await;
    String::from_utf8_lossy(&request).into_owned()
}

fn client(base_url: &str) -> Http {
    let builder = Http::builder(&SERVICE).base_url(base_url).body_max(16);
    builder
        .connect_timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

async fn get(base_url: &str) -> Result<Response, FailureKind> {
    let failure = match client(base_url).call(&GET).send_raw().await {
        Ok(response) => return Ok(response),
        Err(failure) => failure,
    };
    // Kinds are not cloneable, so the ones that matter here are made again.
    Err(match failure.kind() {
        FailureKind::Connect(_) => FailureKind::Connect("".into()),
        FailureKind::Interrupted(_) => FailureKind::Interrupted("".into()),
        FailureKind::BodyTooLarge { limit } => FailureKind::BodyTooLarge { limit: *limit },
        other => panic!("{other:?}"),
    })
}

#[tokio::test]
async fn a_request_arrives_as_it_was_made() {
    let (url, mut requests) =
        server(b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"id\":1}").await;
    let http = client(&url);
    let created: serde_json::Value = http
        .call(&CREATE)
        .query("q", "a&b")
        .json(&[1, 2])
        .send_json::<_, Undeclared>()
        .await
        .unwrap();
    assert_eq!(created["id"], 1);
    let request = requests.recv().await.unwrap();
    assert!(
        request.starts_with("POST /orders?q=a%26b HTTP/1.1\r\n"),
        "{request}"
    );
    for part in [
        "content-type: application/json\r\n",
        "content-length: 5\r\n",
        "x-request-timeout-ms: 19",
        "\r\n\r\n[1,2]",
    ] {
        assert!(request.contains(part), "{part} in {request}");
    }
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_read_and_a_longer_one_is_not() {
    let (url, _requests) =
        server(b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n0123456789abcdef").await;
    assert_eq!(get(&url).await.unwrap().body().len(), 16);
    let announced: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n0123456789abcdefg";
    let chunked: &[u8] =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n01234567\r\n9\r\n89abcdefg\r\n0\r\n\r\n";
    for answer in [announced, chunked] {
        let (url, _requests) = server(answer).await;
        assert!(matches!(
            get(&url).await,
            Err(FailureKind::BodyTooLarge { limit: 16 })
        ));
    }
    let only_announced = b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n";
    let (url, _requests) = server(only_announced).await;
    let result = get(&url).await;
    assert!(
        matches!(result, Err(FailureKind::BodyTooLarge { .. })),
        "its length is enough to know"
    );
    let pieces = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n89abcdef\r\n0\r\n\r\n";
    let (url, _requests) = server(pieces).await;
    assert_eq!(&get(&url).await.unwrap().body()[..], b"0123456789abcdef");
}

#[tokio::test]
async fn a_refused_connection_is_told_from_a_broken_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(get(&closed).await, Err(FailureKind::Connect(_))));
    let half: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    for answer in [half, b""] {
        let (url, _requests) = server(answer).await;
        assert!(matches!(get(&url).await, Err(FailureKind::Interrupted(_))));
    }
}

#[tokio::test]
async fn a_stream_that_the_service_refused_is_sent_again_whatever_the_operation() {
    const AGAIN: Operation = Operation::new(
        &SERVICE,
        "create",
        Method::Post,
        "/orders",
        Policy::new(Duration::from_secs(20)),
    );
    let (url, mut streams) = refusing_server().await;
    let http = Http::builder(&SERVICE).base_url(&url).http2_only();
    let http = http
        .connect_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let sent = http.call(&AGAIN).json("x").send_empty::<Undeclared>().await;
    assert!(sent.is_ok(), "{sent:?}");
    assert!(streams.recv().await.is_some() && streams.try_recv().is_ok());
    assert!(streams.try_recv().is_err(), "two streams, not three");
}

#[tokio::test]
async fn nothing_below_the_policies_sends_a_request_again() {
    let (url, mut streams) = refusing_server().await;
    let http = Http::builder(&SERVICE).base_url(&url).http2_only();
    let http = http
        .connect_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let failure = http.call(&GET).send_raw().await.unwrap_err();
    assert!(
        matches!(failure.kind(), FailureKind::NotProcessed(_)),
        "{failure:?}"
    );
    assert!(streams.recv().await.is_some() && streams.try_recv().is_err());
}

/// A server of HTTP/2 that says on each connection, after the first request came, that it goes away and took no stream
/// above `last`; then it closes the connection. It counts connections.
async fn departing_server(last: u8) -> (String, mpsc::UnboundedReceiver<()>) {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const HEADERS: u8 = 1;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut preface = [0; 24];
            stream.read_exact(&mut preface).await.unwrap();
            stream.write_all(&SETTINGS).await.unwrap();
            let mut head = [0; 9];
            while head[3] != HEADERS {
                stream.read_exact(&mut head).await.unwrap();
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                let mut payload = vec![0; usize::try_from(length).unwrap()];
                stream.read_exact(&mut payload).await.unwrap();
            }
            sender.send(()).unwrap();
            let go_away = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 0, 0];
            stream.write_all(&go_away).await.unwrap();
            stream.shutdown().await.unwrap();
            // Until the client hangs up, so that nothing unread turns the end into a reset.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    (format!("http://{address}"), receiver)
}

#[tokio::test]
async fn a_request_that_a_departing_server_may_have_taken_is_not_sent_again() {
    const AGAIN: Operation = Operation::new(
        &SERVICE,
        "create",
        Method::Post,
        "/orders",
        Policy::new(Duration::from_secs(20)),
    );
    for (last, taken, expected) in [(1, true, 1), (0, false, 3)] {
        let (url, mut connections) = departing_server(last).await;
        let http = Http::builder(&SERVICE).base_url(&url).http2_only();
        let http = http
            .connect_timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let failure = http.call(&AGAIN).json("x").send_raw().await.unwrap_err();
        let is_interrupted = matches!(failure.kind(), FailureKind::Interrupted(_));
        assert_eq!(is_interrupted, taken, "{failure:?}");
        assert_eq!(failure.attempts(), expected);
        let mut seen = 0;
        while connections.try_recv().is_ok() {
            seen += 1;
        }
        assert_eq!(seen, expected, "last stream {last}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closes_does_not_send_an_unsafe_request_twice() {
    const AGAIN: Operation = Operation::new(
        &SERVICE,
        "create",
        Method::Post,
        "/orders",
        Policy::new(Duration::from_secs(20)),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, mut requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4_096];
            let mut served = 0;
            // Answers the first request of a connection, and hangs up on the second once it has come.
            while stream.read(&mut buffer).await.unwrap_or(0) > 0 {
                sender.send(()).unwrap();
                served += 1;
                if served == 2 {
                    break;
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            }
        }
    });
    let http = client(&url);
    assert!(http.call(&AGAIN).send_raw().await.is_ok());
    let failure = http.call(&AGAIN).send_raw().await.unwrap_err();
    assert!(
        matches!(failure.kind(), FailureKind::Interrupted(_)),
        "{failure:?}"
    );
    assert_eq!(failure.attempts(), 1);
    assert!(requests.try_recv().is_ok() && requests.try_recv().is_ok());
    assert!(requests.try_recv().is_err(), "two requests, not three");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let (url, mut requests) =
        server(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(get(&url).await.unwrap().status(), 302);
    assert!(requests.recv().await.is_some());
    assert!(requests.try_recv().is_err(), "one request, not two");
}

#[tokio::test]
async fn no_error_of_the_network_shows_the_query() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = client(&closed)
        .call(&GET)
        .query("key", "s3cr3t")
        .send_raw()
        .await
        .unwrap_err();
    assert!(
        !format!("{failure:?} {failure}").contains("s3cr3t"),
        "{failure:?}"
    );
}

#[test]
fn a_client_can_be_built_without_a_runtime() {
    assert!(client("http://127.0.0.1:1").breaker(&GET).is_some());
    assert!(matches!(
        Http::builder(&SERVICE).build(),
        Err(ConfigError::NoBaseUrl)
    ));
}

#[tokio::test]
async fn a_streamed_answer_comes_as_it_is_sent_and_is_abandoned_when_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (say, mut said) = mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        // Each piece is sent only once the one before has been read.
        while let Some(piece) = said.recv().await {
            stream.write_all(piece).await.unwrap();
        }
        // The client has hung up when there is nothing to read.
        stream.read(&mut request).await.unwrap_or(0)
    });
    let http = client(&url);
    let mut stream = http.call(&GET).send_stream::<Undeclared>().await.unwrap();
    for (sent, expected) in [(&b"2\r\nab\r\n"[..], "ab"), (b"1\r\nc\r\n", "c")] {
        say.send(sent).unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), expected);
    }
    drop((stream, say));
    assert_eq!(server.await.unwrap(), 0);
}

#[tokio::test]
async fn a_streamed_answer_that_breaks_ends_with_an_error() {
    for (answer, is_whole) in [
        (
            &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"[..],
            true,
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
            false,
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na", false),
    ] {
        let (url, _requests) = server(answer).await;
        let http = client(&url);
        let stream = http.call(&GET).send_stream::<Undeclared>().await.unwrap();
        match stream.collect_bytes(16).await {
            Ok(bytes) => assert!(is_whole && bytes == "a"),
            Err(failure) => {
                assert!(matches!(failure.kind(), FailureKind::Interrupted(_)) && !is_whole);
            }
        }
    }
}

#[tokio::test]
async fn a_streamed_body_is_sent_in_chunks_or_with_its_length() {
    let pieces = || futures::stream::iter(["ab", "c"].map(|piece| Ok(piece.into())));
    let done = b"HTTP/1.1 204 No Content\r\n\r\n";
    let (url, mut requests) = server(done).await;
    let sized = Body::stream(pieces()).with_length(3);
    let sent = client(&url)
        .call(&CREATE)
        .bytes("text/csv", sized)
        .send_empty::<Undeclared>()
        .await;
    assert!(sent.is_ok(), "{sent:?}");
    let request = requests.recv().await.unwrap();
    assert!(request.contains("content-length: 3\r\n") && request.ends_with("\r\n\r\nabc"));
    let (url, mut requests) = server(done).await;
    let unsized_ = Body::stream(pieces());
    let _ = client(&url)
        .call(&CREATE)
        .bytes("text/csv", unsized_)
        .send_empty::<Undeclared>()
        .await;
    let request = requests.recv().await.unwrap();
    assert!(
        request.contains("transfer-encoding: chunked\r\n"),
        "{request}"
    );
    // One that breaks is told from a connection that does.
    let (url, _requests) = server(b"").await;
    let short = Body::stream(pieces()).with_length(9);
    let sent = client(&url)
        .call(&CREATE)
        .bytes("text/csv", short)
        .send_empty::<Undeclared>()
        .await;
    let error = sent.unwrap_err();
    let kind = error.failure().unwrap().kind();
    assert!(matches!(kind, FailureKind::RequestBody(_)), "{kind:?}");
}

#[tokio::test]
async fn a_form_with_a_streamed_file_arrives_as_one_with_all_of_it() {
    let pieces = futures::stream::iter(["ab", "c"].map(|piece| Ok(piece.into())));
    let streamed = FilePart::new(Body::stream(pieces).with_length(3));
    for file in [FilePart::new("abc"), streamed] {
        let (url, mut requests) = server(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        let form = Form::new()
            .value("title", "A cat")
            .file("photo", &file.named("cat.png"));
        let http = client(&url);
        http.call(&CREATE)
            .multipart(form)
            .send_empty::<Undeclared>()
            .await
            .unwrap();
        let request = requests.recv().await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let (_, boundary) = head
            .split_once("content-type: multipart/form-data; boundary=")
            .unwrap();
        let boundary = boundary.lines().next().unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{head}"
        );
        let parts: Vec<_> = body.split(&format!("--{boundary}")).collect();
        let title = "\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA cat\r\n";
        let photo = "\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"cat.png\"\r\nContent-Type: application/octet-stream\r\n\r\nabc\r\n";
        assert_eq!(parts, ["", title, photo, "--\r\n"]);
    }
}
