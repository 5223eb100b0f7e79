//! Providers that mean harm, and secrets that must not get out.

use super::*;

#[tokio::test]
async fn what_a_provider_writes_is_inert_in_every_output() {
    let mut world = World::new("GET", "/a");
    world.reads(&[("id", json!(1))]);
    let attack = "\u{1b}[2J\u{1b}]52;c;x\u{7}\n::error::pwned\n##vso[task.complete]\r\u{202e}]]></testcase>\0";
    let body = json!({ "id": attack }).to_string();
    for (media_type, body) in [
        ("application/json", body),
        ("text/plain", attack.to_owned()),
    ] {
        let provider = Provider::fixed(200, media_type, body).await;
        let report = world.replay(&provider.target, &Options::default()).await;
        assert_eq!(report.verdict, Verdict::Failed);
        let human = world.human(&report);
        for line in human.lines() {
            assert!(!line.trim_start().starts_with("::"), "{line}");
        }
        for bad in ["\u{1b}", "\u{7}", "\r", "\u{202e}", "\0", "##vso["] {
            assert!(!human.contains(bad), "{bad:?} in {human}");
        }
        let junit = report::junit(&report).expect("a document");
        let illegal = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        assert!(!junit.chars().any(illegal), "{junit}");
        assert_eq!(junit.matches("</testcase>").count(), 1, "{junit}");
        let json = report::json(&report);
        assert!(!json.chars().any(|c| c.is_control() && c != '\n'), "{json}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read() {
    let world = World::new("GET", "/a");
    let options = Options {
        body_max: 1000,
        ..Options::default()
    };
    // Announced, and in chunks without an announcement.
    let announced = Provider::fixed(200, "text/plain", "x".repeat(2000)).await;
    let endless = Provider::start(|_| {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(100)));
        let body = axum::body::Body::from_stream(chunks);
        std::future::ready(answer(200, "text/plain", body))
    })
    .await;
    for provider in [announced, endless] {
        let report = world.replay(&provider.target, &options).await;
        assert_eq!(report.verdict, Verdict::Failed);
        assert_eq!(
            problems(&report),
            ["too-large body: expected a body of at most 1000 bytes, found more than 1000 bytes"]
        );
    }
}

#[tokio::test]
async fn a_provider_that_hangs_is_given_up() {
    let world = World::new("GET", "/a");
    let options = Options {
        timeout: Duration::from_millis(150),
        ..Options::default()
    };
    let scripts: [&'static [u8]; 3] = [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
    ];
    for script in scripts {
        let provider = Provider::raw(script).await;
        let report = world.replay(&provider.target, &options).await;
        assert_eq!(report.verdict, Verdict::Unknown);
        assert_eq!(
            problems(&report),
            ["timeout GET request: expected an answer, found nothing within 150 ms"]
        );
    }
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    let world = World::new("GET", "/a");
    let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..1000 {
        many.extend(format!("x-{number}: 1\r\n").bytes());
    }
    many.extend(b"\r\n");
    for script in [b"220 smtp ready\r\n".to_vec(), many] {
        let provider = Provider::raw(script.leak()).await;
        let report = world.replay(&provider.target, &Options::default()).await;
        assert_eq!(report.verdict, Verdict::Unknown, "{:?}", problems(&report));
        assert_eq!(report.interactions[0].problems[0].code, "broken-connection");
    }
}

#[tokio::test]
async fn json_that_is_nested_without_end_is_refused() {
    let mut world = World::new("GET", "/a");
    world.reads(&[("id", json!(1))]);
    let deep = "[".repeat(200_000);
    let found = world.problems(200, "application/json", json!(deep)).await;
    assert!(
        found[0].starts_with("not-json body: expected JSON"),
        "{found:?}"
    );
}

#[tokio::test]
async fn secrets_are_in_no_output() {
    let mut world = World::new("POST", "/a");
    world.header("authorization", json!("Bearer contract-secret-1"));
    world.query("access_token", json!("query-secret-2"));
    world.body(json!({ "password": "body-secret-3", "nested": { "apiKey": "body-secret-4" } }));
    world.reads(&[("id", json!(1))]);
    let provider = Provider::start(|asked| {
        let echo = json!({
            "id": format!("{} {:?} {}", asked.line, asked.headers, asked.body),
            "session_token": "answer-secret-5",
        });
        let mut response = answer(200, "application/json", echo.to_string());
        let cookie = "sid=answer-secret-6".parse().expect("a header");
        response.headers_mut().insert("set-cookie", cookie);
        std::future::ready(response)
    })
    .await;
    let options = Options {
        headers: vec![("x-tenant".to_owned(), "option-secret-7".to_owned())],
        ..Options::default()
    };
    let report = world.replay(&provider.target, &options).await;
    let sent = format!("{:?}", provider.asked());
    for secret in [
        "contract-secret-1",
        "query-secret-2",
        "body-secret-3",
        "option-secret-7",
    ] {
        assert!(sent.contains(secret), "{secret} was not sent: {sent}");
    }
    assert_eq!(report.verdict, Verdict::Failed);
    let outputs = [
        world.human(&report),
        report::json(&report),
        report::junit(&report).expect("a document"),
        format!("{report:?} {options:?}"),
    ];
    for output in outputs {
        for part in [
            "-secret-1",
            "-secret-2",
            "-secret-3",
            "-secret-4",
            "-secret-5",
            "-secret-6",
            "-secret-7",
        ] {
            assert!(!output.contains(part), "{part} in {output}");
        }
    }
}

#[tokio::test]
async fn secrets_of_states_and_paths_are_in_no_output_however_they_come_back() {
    let mut world = World::new("GET", "/reset/{token}");
    world.given("signed in", Isolation::Shared, &["token"]);
    world.path("token", json!("${token}"));
    world.reads(&[("id", json!(1))]);
    world.promises(&[("id", Type::Integer)]);
    let secret = "state \"secret\" of more than sixty characters, so that it is cut somewhere before its end";
    let provider = Provider::start(move |asked| {
        let body = if asked.line.starts_with("POST") {
            json!({ "token": secret })
        } else {
            json!({ "id": format!("x {secret}"), secret: { "again": secret } })
        };
        std::future::ready(answer(200, "application/json", body.to_string()))
    })
    .await;
    let options = Options {
        states_url: Some(provider.target.to_string()),
        ..Options::default()
    };
    let report = world.replay(&provider.target, &options).await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(
        provider.lines().iter().any(|line| line.contains("sixty")),
        "{:?}",
        provider.lines()
    );
    for output in [
        world.human(&report),
        report::json(&report),
        report::junit(&report).expect("a document"),
    ] {
        for part in ["sixty", "of more"] {
            assert!(!output.contains(part), "{part} in {output}");
        }
    }
}

#[tokio::test]
async fn a_compressed_body_is_not_unpacked() {
    let mut world = World::new("GET", "/a");
    world.reads(&[("id", json!(1))]);
    let provider = Provider::start(|_| {
        let mut response = answer(200, "application/json", "\u{1f}bomb");
        let gzip = "gzip".parse().expect("a header");
        response.headers_mut().insert("content-encoding", gzip);
        std::future::ready(response)
    })
    .await;
    let report = world.replay(&provider.target, &Options::default()).await;
    let found = problems(&report);
    assert_eq!(
        found[0],
        "encoded-body header `content-encoding`: expected a body as it is, found gzip"
    );
    let asked = &provider.asked()[0];
    let accepts = asked
        .headers
        .iter()
        .any(|header| header.starts_with("accept-encoding"));
    assert!(!accepts, "{asked:?}");
}
