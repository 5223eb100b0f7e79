//! What forms look like on the wire.

use futures::{StreamExt, stream};
use serde_json::json;

use super::*;

/// The media type and the text of a form, with the boundary as `B`.
fn text(form: Form) -> Result<(String, String), InvalidRequest> {
    let (content_type, body) = form.encode(&Chance::seeded(1))?;
    let bytes = body.as_bytes().unwrap().to_vec();
    let boundary = content_type.split("boundary=").nth(1).unwrap();
    let boundary = boundary.split(';').next().unwrap();
    let text = String::from_utf8(bytes).unwrap().replace(boundary, "B");
    Ok((content_type.replace(boundary, "B"), text))
}

fn part(head: &str, content: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
}

fn check(form: Form, parts: &[(&str, &str)]) {
    let parts: String = parts
        .iter()
        .map(|(head, content)| part(head, content))
        .collect();
    let (content_type, text) = text(form).unwrap();
    assert_eq!(text, format!("{parts}--B--\r\n"));
    assert_eq!(content_type, "multipart/form-data; boundary=B");
}

const JSON: &str = "\r\nContent-Type: application/json";

#[test]
fn values_are_written_by_their_kind() {
    let a = |rest: &str| format!("name=\"a\"{rest}");
    for (value, parts) in [
        (json!("x\r\ny"), vec![(a(""), "x\r\ny")]),
        (json!(1.50), vec![(a(""), "1.5")]),
        (json!(true), vec![(a(""), "true")]),
        (json!(null), vec![]),
        (json!([]), vec![]),
        (json!(["x", 1, null]), vec![(a(""), "x"), (a(""), "1")]),
        (json!({"b": "c"}), vec![(a(JSON), "{\"b\":\"c\"}")]),
        (
            json!([{"b": 1}, [2]]),
            vec![(a(JSON), "{\"b\":1}"), (a(JSON), "[2]")],
        ),
    ] {
        let parts: Vec<_> = parts
            .iter()
            .map(|(head, content)| (&**head, *content))
            .collect();
        check(Form::new().value("a", &value), &parts);
    }
}

#[test]
fn values_have_the_media_type_that_the_contract_says() {
    for (content_type, value, content) in [
        ("application/json", json!("x"), "\"x\""),
        (
            "application/merge-patch+json; charset=utf-8",
            json!({"a": 1}),
            "{\"a\":1}",
        ),
        ("text/csv", json!("x,y"), "x,y"),
    ] {
        let head = format!("name=\"a\"\r\nContent-Type: {content_type}");
        let form = Form::new().value_as("a", content_type, &value);
        check(form, &[(&head, content)]);
    }
    let form = Form::new().value_as("a", "application/xml", &json!({"b": 1}));
    assert_eq!(text(form), Err(InvalidRequest::Nested("a".to_owned())));
    check(Form::new().value_as("a", "text/csv", &None::<u8>), &[]);
}

#[test]
fn files_have_a_name_and_a_type() {
    let png = FilePart::new(vec![b'1'])
        .named("a.png")
        .of_type("image/png");
    let bare = FilePart::new("2");
    let typed = "name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png";
    let plain = "name=\"f\"; filename=\"blob\"\r\nContent-Type: application/octet-stream";
    let said = "name=\"f\"; filename=\"blob\"\r\nContent-Type: text/csv";
    check(Form::new().file("f", &png), &[(typed, "1")]);
    check(Form::new().file("f", &Some(&bare)), &[(plain, "2")]);
    check(Form::new().file("f", &None::<FilePart>), &[]);
    let both = vec![png.clone(), bare.clone()];
    check(
        Form::new().file_as("f", "text/csv", &both),
        &[(typed, "1"), (said, "2")],
    );
    check(
        Form::new().file_as("f", "text/csv", &Some(both)),
        &[(typed, "1"), (said, "2")],
    );
}

#[test]
fn no_name_and_no_type_can_begin_another_header() {
    let file = FilePart::new("").named("a\"\r\nX: y\r\n\r\n\\.png");
    let head = "name=\"f%22; filename=%22x%0D%0A\"; filename=\"a%22%0D%0AX: y%0D%0A%0D%0A\\.png\"\r\nContent-Type: application/octet-stream";
    check(
        Form::new().file("f\"; filename=\"x\r\n", &file),
        &[(head, "")],
    );
    let file = FilePart::new("").of_type("text/plain\r\nX: y");
    let refused = text(Form::new().file("f", &file));
    assert_eq!(
        refused,
        Err(InvalidRequest::Header("content-type".to_owned()))
    );
}

#[test]
fn other_kinds_say_so_and_a_related_one_names_its_root() {
    let form = |kind| Form::of(kind).value("a", &json!({"b": 1})).value("c", "d");
    for (kind, expected) in [
        ("mixed", "multipart/mixed; boundary=B"),
        (
            "related",
            "multipart/related; boundary=B; type=\"application/json\"",
        ),
    ] {
        assert_eq!(text(form(kind)).unwrap().0, expected);
    }
}

fn first_boundary() -> String {
    let (content_type, _) = Form::new().encode(&Chance::seeded(1)).unwrap();
    content_type.split_once('=').unwrap().1.to_owned()
}

#[test]
fn a_boundary_that_a_part_holds_is_not_used() {
    let form = Form::new().value("a", &format!("x{}y", first_boundary()));
    let (content_type, _) = form.encode(&Chance::seeded(1)).unwrap();
    assert!(!content_type.contains(&first_boundary()));
}

async fn read(body: &Body) -> Result<Vec<u8>, String> {
    let (mut reader, mut bytes) = (body.read(), Vec::new());
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| error.to_string())?);
    }
    Ok(bytes)
}

fn streamed(pieces: Vec<String>) -> Body {
    Body::stream(stream::iter(
        pieces.into_iter().map(|piece| Ok(piece.into())),
    ))
}

#[tokio::test]
async fn a_form_with_a_stream_is_one_and_its_length_is_known_where_that_of_the_stream_is() {
    let content = streamed(vec!["ab".to_owned(), "c".to_owned()]);
    let form = |content: Body| {
        Form::new()
            .value("a", "1")
            .file("f", &FilePart::new(content))
    };
    let (_, whole) = form("abc".into()).encode(&Chance::seeded(1)).unwrap();
    let (_, parts) = form(content.clone()).encode(&Chance::seeded(1)).unwrap();
    assert_eq!((parts.as_bytes(), parts.length()), (None, None));
    assert_eq!(&read(&parts).await.unwrap(), whole.as_bytes().unwrap());
    let (_, sized) = form(content.with_length(3))
        .encode(&Chance::seeded(1))
        .unwrap();
    assert_eq!(sized.length(), whole.length());
}

#[tokio::test]
async fn a_stream_that_holds_the_boundary_breaks_off() {
    let boundary = first_boundary();
    let text = format!("some text {boundary} and more");
    for length in 1..text.len() {
        let pieces = text.as_bytes().chunks(length);
        let pieces = pieces.map(|piece| String::from_utf8(piece.to_vec()).unwrap());
        let file = FilePart::new(streamed(pieces.collect()));
        let (_, body) = Form::new()
            .file("f", &file)
            .encode(&Chance::seeded(1))
            .unwrap();
        let result = read(&body).await;
        assert_eq!(
            result.unwrap_err(),
            "a part holds the boundary between parts",
            "{length}"
        );
        assert!(body.has_failed());
    }
    // Nor is it seen where two parts only together hold it.
    let (before, after) = boundary.split_at(9);
    let form = Form::new()
        .file("f", &FilePart::new(streamed(vec![before.to_owned()])))
        .file("g", &FilePart::new(streamed(vec![after.to_owned()])));
    let (_, body) = form.encode(&Chance::seeded(1)).unwrap();
    assert!(read(&body).await.is_ok());
}

#[test]
fn nothing_that_prints_a_form_shows_its_content() {
    let file = FilePart::new("s3cr3t");
    let form = Form::new().value("a", "s3cr3t").file("f", &file);
    assert!(!format!("{form:?} {file:?}").contains("s3cr3t"));
}
