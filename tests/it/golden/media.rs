//! Bodies and answers beyond JSON: forms, files, streams, events, lines and text, byte for byte.

use std::time::Duration;

use bytes::Bytes;
use dovetail_client::multipart::FilePart;
use dovetail_client::testing::Step;
use dovetail_client::types::Base64;
use dovetail_client::{Body, Event};
use dovetail_tests::{Recorded, answer, empty};
use media_client::Client;
use media_client::types::{Details, Kept, SearchBody, UploadBody};

use super::{on_the_wire, run, said, scripted};

/// The parts of a form: the lines of each head, and its content. Every part must stand as RFC 2046 says.
fn parts(recorded: &Recorded) -> Vec<(Vec<String>, Vec<u8>)> {
    let content_type = recorded.header("content-type").unwrap();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    assert!((1..=70).contains(&boundary.len()), "{boundary}");
    let mut rest = recorded.body.as_slice();
    let mut parts = Vec::new();
    loop {
        rest = rest
            .strip_prefix(format!("--{boundary}").as_bytes())
            .unwrap();
        if rest == b"--\r\n" {
            return parts;
        }
        rest = rest.strip_prefix(b"\r\n").unwrap();
        let head = find(rest, b"\r\n\r\n");
        let lines = String::from_utf8(rest[..head].to_vec()).unwrap();
        rest = &rest[head + 4..];
        let end = find(rest, format!("\r\n--{boundary}").as_bytes());
        let lines = lines.split("\r\n").map(str::to_owned).collect();
        parts.push((lines, rest[..end].to_vec()));
        rest = &rest[end + 2..];
    }
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    let found = bytes.windows(what.len()).position(|window| window == what);
    found.unwrap()
}

fn check_parts(recorded: &Recorded, expected: &[(&[&str], &[u8])]) {
    let parts = parts(recorded);
    assert_eq!(parts.len(), expected.len(), "{parts:?}");
    for ((head, content), (expected_head, expected_content)) in parts.iter().zip(expected) {
        assert_eq!(head, expected_head);
        assert_eq!(content, expected_content, "{head:?}");
    }
}

const KEPT: &[u8] = br#"{"id":"k-1"}"#;

#[test]
fn a_form_has_a_part_for_each_value_and_each_file() {
    let png: &[u8] = b"\x89PNG\r\n\x1a\n\0\xff--not-a-boundary\r\n";
    let form = UploadBody {
        title: "A \"cat\"; ü".to_owned(),
        photo: FilePart::new(Bytes::from_static(png)).named("c\"at\r\nü.png"),
        extra: Some(vec![
            FilePart::new("one").named("1.txt").of_type("text/plain"),
            FilePart::new("two"),
        ]),
        copies: Some(3),
        tags: Some(vec!["a".to_owned(), "b c".to_owned()]),
        details: Some(Details {
            width: Some(4),
            author: None,
        }),
        raw: None,
        encoded: Some(Base64::from(vec![0, 1, 255])),
        note: None,
    };
    let (result, recorded) = on_the_wire(
        Client::builder(),
        answer(201, "application/json", KEPT),
        async |client: Client| client.upload(&form).await,
    );
    assert_eq!(result.unwrap().id, "k-1");
    assert_eq!(recorded.method, "POST");
    let length = recorded.body.len().to_string();
    assert_eq!(recorded.header("content-length"), Some(length.as_str()));
    check_parts(
        &recorded,
        &[
            (
                &[r#"Content-Disposition: form-data; name="title""#],
                "A \"cat\"; ü".as_bytes(),
            ),
            (&[r#"Content-Disposition: form-data; name="copies""#], b"3"),
            (&[r#"Content-Disposition: form-data; name="tags""#], b"a"),
            (&[r#"Content-Disposition: form-data; name="tags""#], b"b c"),
            (
                &[
                    r#"Content-Disposition: form-data; name="details""#,
                    "Content-Type: application/json",
                ],
                br#"{"width":4}"#,
            ),
            (
                &[r#"Content-Disposition: form-data; name="encoded""#],
                b"AAH/",
            ),
            (
                &[
                    r#"Content-Disposition: form-data; name="extra"; filename="1.txt""#,
                    "Content-Type: text/plain",
                ],
                b"one",
            ),
            (
                &[
                    r#"Content-Disposition: form-data; name="extra"; filename="blob""#,
                    "Content-Type: application/octet-stream",
                ],
                b"two",
            ),
            (
                &[
                    r#"Content-Disposition: form-data; name="photo"; filename="c%22at%0D%0Aü.png""#,
                    "Content-Type: image/png",
                ],
                png,
            ),
        ],
    );
}

#[test]
fn forms_of_openapi_3_0_know_files_by_their_format() {
    use media_30_client::types::{Details, UploadBody};
    let pieces = [
        Ok(Bytes::from_static(b"stre")),
        Ok(Bytes::from_static(b"amed")),
    ];
    let form = UploadBody {
        cover: FilePart::stream(futures::stream::iter(pieces))
            .named("c.jpg")
            .of_type("image/jpeg"),
        pages: Some(Vec::new()),
        caption: String::new(),
        details: Some(Details { width: 1 }),
        thumbnail: None,
        taken: None,
    };
    let (result, recorded) = on_the_wire(
        media_30_client::Client::builder(),
        empty(204),
        async |client: media_30_client::Client| client.upload(&form).await,
    );
    result.unwrap();
    assert_eq!(recorded.header("transfer-encoding"), Some("chunked"));
    check_parts(
        &recorded,
        &[
            (&[r#"Content-Disposition: form-data; name="caption""#], b""),
            (
                &[
                    r#"Content-Disposition: form-data; name="details""#,
                    "Content-Type: application/json",
                ],
                br#"{"width":1}"#,
            ),
            (
                &[
                    r#"Content-Disposition: form-data; name="cover"; filename="c.jpg""#,
                    "Content-Type: image/jpeg",
                ],
                b"streamed",
            ),
        ],
    );
}

#[test]
fn a_form_of_one_line_follows_the_encoding_of_each_member() {
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    let form = SearchBody {
        q: "a b&c=ü+".to_owned(),
        tags: words(&["x", "y z"]),
        joined: words(&["1", "2"]),
        place: Some(Details {
            width: Some(1),
            author: Some("A".to_owned()),
        }),
        page: None,
    };
    let (result, recorded) = on_the_wire(Client::builder(), empty(204), async |client: Client| {
        client.search(&form).await
    });
    result.unwrap();
    assert_eq!(
        recorded.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        recorded.text(),
        "q=a%20b%26c%3D%C3%BC%2B&tags=x&tags=y%20z&joined=1,2&place%5Bwidth%5D=1&place%5Bauthor%5D=A"
    );
}

#[test]
fn each_media_type_is_named_and_sent_as_it_is() {
    let details = Details {
        width: Some(1),
        author: None,
    };
    let json = answer(200, "application/vnd.media+json", KEPT);
    let (result, recorded) = on_the_wire(Client::builder(), json, async |client: Client| {
        client.merge_patch(&details).await
    });
    assert_eq!(result.unwrap().id, "k-1");
    assert_eq!(recorded.method, "PATCH");
    assert_eq!(
        recorded.header("content-type"),
        Some("application/merge-patch+json")
    );
    assert_eq!(
        recorded.header("accept"),
        Some("application/vnd.media+json")
    );
    assert_eq!(recorded.text(), r#"{"width":1}"#);

    let text = answer(200, "text/plain; charset=utf-8", "grüß\n".as_bytes());
    let (result, recorded) = on_the_wire(Client::builder(), text, async |client: Client| {
        client.write_note("a/b", "zwei\r\nZeilen ü").await
    });
    assert_eq!(result.unwrap(), "grüß\n");
    assert_eq!(recorded.target, "/notes/a%2Fb");
    assert_eq!(
        recorded.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(recorded.text(), "zwei\r\nZeilen ü");

    let xml = answer(200, "application/xml", b"<b/>");
    let (result, recorded) = on_the_wire(Client::builder(), xml, async |client: Client| {
        client.convert_feed("<a>&amp;</a>").await
    });
    assert_eq!(result.unwrap(), "<b/>");
    assert_eq!(recorded.header("content-type"), Some("application/xml"));
    assert_eq!(recorded.text(), "<a>&amp;</a>");

    let (result, recorded) = on_the_wire(Client::builder(), empty(204), async |client: Client| {
        client.either_with_text("a;b\n").await
    });
    result.unwrap();
    assert_eq!(recorded.header("content-type"), Some("text/csv"));
    assert_eq!(recorded.text(), "a;b\n");
}

#[test]
fn one_operation_may_answer_in_several_media_types() {
    let rows = ["application/json", "text/plain", "application/pdf"];
    for asked in rows {
        let body: &[u8] = if asked == "application/json" {
            KEPT
        } else {
            b"%PDF\0"
        };
        let ((), recorded) = on_the_wire(
            Client::builder(),
            answer(200, asked, body),
            async |client: Client| match asked {
                "application/json" => assert_eq!(client.read_note("n").await.unwrap().id, "k-1"),
                "text/plain" => assert_eq!(client.read_note_as_text("n").await.unwrap(), "%PDF\0"),
                _ => {
                    let stream = client.read_note_as_bytes("n").await.unwrap();
                    assert_eq!(stream.collect_bytes(5).await.unwrap().as_ref(), body);
                }
            },
        );
        assert_eq!(recorded.header("accept"), Some(asked));
    }
}

#[test]
fn bytes_go_up_and_come_down_piece_by_piece() {
    let every: Vec<u8> = (0..=255).collect();
    let (result, recorded) = on_the_wire(Client::builder(), empty(204), async |client: Client| {
        client.store_blob("b", every.clone()).await
    });
    result.unwrap();
    assert_eq!(
        recorded.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(recorded.header("content-length"), Some("256"));
    assert_eq!(recorded.body, every);

    let pieces = [
        Ok(Bytes::from_static(b"ab")),
        Ok(Bytes::new()),
        Ok(Bytes::from_static(b"c")),
    ];
    let body = Body::stream(futures::stream::iter(pieces));
    let (result, recorded) = on_the_wire(Client::builder(), empty(204), async |client: Client| {
        client.store_blob("b", body).await
    });
    result.unwrap();
    assert_eq!(recorded.header("transfer-encoding"), Some("chunked"));
    assert_eq!(recorded.body, b"abc");

    let pause = Duration::from_secs(20);
    let step = Step::status(200)
        .chunk("one")
        .chunk_after(pause, "two")
        .chunk_after(pause, "three");
    let (client, _) = scripted::<Client>(Client::builder(), [step]);
    run(async {
        let start = tokio::time::Instant::now();
        let mut stream = client.fetch_blob("b").await.unwrap();
        let mut came = Vec::new();
        while let Some(piece) = stream.next().await {
            came.push((piece.unwrap(), start.elapsed()));
        }
        let expected = [("one", 0), ("two", 20), ("three", 40)];
        let expected = expected.map(|(piece, at)| (Bytes::from(piece), Duration::from_secs(at)));
        assert_eq!(came, expected, "each as soon as it came");
    });
}

#[test]
fn a_stream_that_breaks_or_refuses_is_an_error() {
    let broken = Step::status(200).chunk("half").then_reset();
    let refused = Step::json(404, r#"{"title":"none"}"#);
    let (client, _) = scripted::<Client>(Client::builder(), [broken, refused]);
    run(async {
        let stream = client.fetch_blob("b").await.unwrap();
        assert!(stream.collect_bytes(100).await.is_err());
        let error = client.fetch_blob("b").await.unwrap_err();
        assert!(
            format!("{:?}", error.refusal()).contains("none"),
            "{error:?}"
        );
    });
}

fn kept(id: &str, size: Option<i64>) -> Kept {
    Kept {
        id: id.to_owned(),
        size,
    }
}

#[test]
fn events_are_documents_with_their_names() {
    let step = Step::events(
        ": hello\n\nid: 1\nevent: kept\ndata: {\"id\":\"a\",\ndata: \"size\":9007199254740993}\n\n",
    )
    .chunk("data: {\"si")
    .chunk_after(
        Duration::from_secs(9),
        "ze\":1}\r\n\r\ndata: {\"id\":\"b\",\"new\":[]}\r\r",
    )
    .then_hang();
    let (client, script) = scripted::<Client>(Client::builder(), [step]);
    run(async {
        let mut events = client.watch().await.unwrap();
        let first = events.next().await.unwrap().unwrap();
        let expected = Event {
            data: kept("a", Some(9_007_199_254_740_993)),
            event: Some("kept".to_owned()),
            id: Some("1".to_owned()),
        };
        assert_eq!(first, expected);
        // One that cannot be read is an error, and the stream goes on.
        let error = events.next().await.unwrap().unwrap_err();
        assert!(
            said(&error).contains("missing field `id`"),
            "{}",
            said(&error)
        );
        assert_eq!(events.next().await.unwrap().unwrap().data, kept("b", None));
    });
    assert_eq!(script.hits()[0].header("accept"), Some("text/event-stream"));
}

#[test]
fn events_may_be_text_and_need_not_be_events_at_all() {
    let (client, _) = scripted::<Client>(
        Client::builder(),
        [
            Step::events("data: one\ndata: more\n\ndata:two\n\n").then_hang(),
            Step::json(200, "{}"),
            Step::json(404, r#"{"title":"gone"}"#),
        ],
    );
    run(async {
        let mut events = client.watch_text().await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap().data, "one\nmore");
        assert_eq!(events.next().await.unwrap().unwrap().data, "two");
        assert!(client.watch().await.is_err(), "JSON is no stream of events");
        let error = client.watch().await.unwrap_err();
        assert!(
            format!("{:?}", error.refusal()).contains("gone"),
            "{error:?}"
        );
    });
}

#[test]
fn lines_are_documents_in_both_directions() {
    let lines = Step::status(200)
        .header("content-type", "application/x-ndjson")
        .chunk("{\"id\":\"a\"}\n{\"id\"")
        .chunk(":\"b\",\"size\":1}\r\n\n{\"id\":\"c\"}");
    let (client, script) = scripted::<Client>(Client::builder(), [lines, Step::status(204)]);
    run(async {
        let mut stream = client.export_lines().await.unwrap();
        let mut came = Vec::new();
        while let Some(line) = stream.next().await {
            came.push(line.unwrap());
        }
        assert_eq!(came, [kept("a", None), kept("b", Some(1)), kept("c", None)]);
        let details = |author: &str| Details {
            width: None,
            author: Some(author.to_owned()),
        };
        client
            .import_lines(&[details("a\nb"), details("c")])
            .await
            .unwrap();
    });
    let hits = script.hits();
    assert_eq!(hits[1].header("content-type"), Some("application/x-ndjson"));
    assert_eq!(
        hits[1].body(),
        b"{\"author\":\"a\\nb\"}\n{\"author\":\"c\"}\n"
    );
}
