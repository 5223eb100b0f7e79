//! Lists of the obstacle course, read page by page in every way that a contract can name.

use dovetail_client::testing::{Script, Step};
use dovetail_client::{Error, FailureKind};
use obstacle_course_client::Client;
use obstacle_course_client::types::{
    ListByCursorOptions, ListByHeaderOptions, ListByOffsetOptions, ListByPageOptions, Point,
};

fn client(steps: impl IntoIterator<Item = Step>) -> (Client, Script) {
    let script = Script::new(steps);
    let http = Client::builder()
        .base_url("http://provider.test")
        .transport(script.clone())
        .build();
    (Client::from(http.unwrap()), script)
}

/// Paths and queries of all requests.
fn sent(script: &Script) -> Vec<String> {
    let hits = script.hits();
    let urls = hits.iter().map(|hit| &hit.request.url);
    urls.map(|url| format!("{}?{}", url.path(), url.query().unwrap_or_default()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_cursor_leads_from_page_to_page_until_there_is_none() {
    let (client, script) = client([
        Step::json(
            200,
            r#"{"data":{"items":[{"id":"a"}]},"meta":{"next":"c/2"}}"#,
        ),
        Step::json(200, r#"{"data":{},"meta":{"next":"c3"}}"#),
        Step::json(200, r#"{"data":{"items":[{"id":"b"}]},"meta":null}"#),
    ]);
    let options = ListByCursorOptions {
        limit: Some(1),
        ..ListByCursorOptions::default()
    };
    let mut items = client.list_by_cursor_items("o 1", &options);
    let mut ids = Vec::new();
    while let Some(item) = items.next().await {
        ids.push(item.unwrap().id);
    }
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(
        sent(&script),
        [
            "/lists/o%201/by-cursor?limit=1",
            "/lists/o%201/by-cursor?cursor=c%2F2&limit=1",
            "/lists/o%201/by-cursor?cursor=c3&limit=1"
        ]
    );
}

#[tokio::test(start_paused = true)]
#[expect(deprecated, reason = "it is the one that is marked so")]
async fn a_cursor_that_must_be_given_begins_the_list() {
    let (client, script) = client([
        Step::json(200, r#"{"data":["x"],"after":7}"#).header("x-total", "2"),
        Step::json(200, r#"{"data":null,"after":null}"#).header("x-total", "2"),
    ]);
    let ids = ["i".to_owned()];
    let mut pages = client.list_by_required_cursor_pages(&ids, 3);
    let mut totals = Vec::new();
    while let Some(page) = pages.next().await {
        totals.push(page.unwrap().headers.x_total);
    }
    assert_eq!(totals, [2, 2]);
    assert_eq!(
        sent(&script),
        [
            "/lists/by-required-cursor?ids=i&after=3",
            "/lists/by-required-cursor?ids=i&after=7"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn pages_are_counted_from_where_the_caller_begins() {
    let pages = || [r#"["a","b"]"#, "[]"].map(|body| Step::json(200, body));
    for (first, expected) in [
        (None, ["page=1", "page=2"]),
        (Some("4"), ["page=4", "page=5"]),
    ] {
        let (client, script) = client(pages());
        let options = ListByPageOptions {
            page: first.map(str::to_owned),
        };
        let mut items = client.list_by_page_items(&options);
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            found.push(item.unwrap());
        }
        assert_eq!(found, ["a", "b"]);
        assert_eq!(
            sent(&script),
            expected.map(|query| format!("/lists/by-page?{query}"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_grow_by_what_came_and_the_body_is_sent_with_each() {
    let (client, script) = client([
        Step::json(200, r#"{"data":{"items":[{"id":"a"},{"id":"b"}]}}"#),
        Step::json(200, "{}"),
    ]);
    let options = ListByOffsetOptions::default();
    let mut items = client.list_by_offset_items(&Point { x: 1, y: 2 }, &options);
    let mut count = 0;
    while let Some(item) = items.next().await {
        item.unwrap();
        count += 1;
    }
    assert_eq!(count, 2);
    assert_eq!(
        sent(&script),
        ["/lists/by-offset?offset=0", "/lists/by-offset?offset=2"]
    );
    let hits = script.hits();
    assert!(hits.iter().all(|hit| !hit.body().is_empty()));
}

#[tokio::test(start_paused = true)]
async fn links_are_followed_within_the_service_and_nowhere_else() {
    let (client, script) = client([
        Step::json(200, r#"[{"id":"a"}]"#).header("link", "</lists/by-header?p=2>; rel=next"),
        Step::json(200, r#"[{"id":"b"}]"#).header("link", "<http://elsewhere.test/x>; rel=next"),
    ]);
    let options = ListByHeaderOptions {
        q: Some("x".to_owned()),
    };
    let mut items = client.list_by_header_items(&options);
    assert_eq!(items.next().await.unwrap().unwrap().id, "a");
    assert_eq!(items.next().await.unwrap().unwrap().id, "b");
    let error = items.next().await.unwrap().unwrap_err();
    assert!(
        matches!(&error, Error::Failed(failure) if matches!(failure.kind(), FailureKind::InvalidRequest(_))),
        "{error:?}"
    );
    assert!(items.next().await.is_none());
    assert_eq!(
        sent(&script),
        ["/lists/by-header?q=x", "/lists/by-header?p=2"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_may_hold_the_address_of_the_next() {
    let (client, script) = client([
        Step::json(200, r#"{"items":[1],"next":"/lists/by-link?after=1"}"#),
        Step::json(200, r#"{"items":[2],"next":null}"#),
    ]);
    let mut items = client.list_by_link_items();
    let mut found = Vec::new();
    while let Some(item) = items.next().await {
        found.push(item.unwrap());
    }
    assert_eq!(found, [1, 2]);
    assert_eq!(sent(&script), ["/lists/by-link?", "/lists/by-link?after=1"]);
}
