//! Where lists end, and what becomes of those that do not.

use std::time::Duration;

use futures::StreamExt;
use serde::Deserialize;

use super::*;
use crate::{
    Answered, Credential, Http, Method, SecurityScheme, Service, Undeclared,
    policy::{Policy, Retry},
    testing::{Script, Step},
};

const SERVICE: Service = Service::new("orders", &["list"]);
const POLICY: Policy = Policy::new(Duration::from_secs(5)).retry(Retry::off());
const LIST: Operation = Operation::new(&SERVICE, "list", Method::Get, "/orders", POLICY);
const KEY: SecurityScheme = SecurityScheme::query_key("key", "key");
const KEYED: Operation = LIST.security(&[&[KEY]]);

#[derive(Debug, Deserialize)]
struct Page {
    items: Vec<u32>,
    next: Option<String>,
}

fn client(script: &Script) -> Http {
    Http::builder(&SERVICE)
        .base_url("http://orders/v1")
        .credential(&KEY, &Credential::key("k&1"))
        .transport(script.clone())
        .build()
        .unwrap()
}

fn page(items: &str, next: &str) -> Step {
    Step::json(200, format!("{{\"items\":[{items}],\"next\":{next}}}"))
}

async fn fetch(
    http: Http,
    name: &'static str,
    at: Option<String>,
) -> Result<Page, Error<Undeclared>> {
    http.call(&LIST).query(name, &at).send_json().await
}

/// What a list holds, and how it ends; and which pages were asked for.
async fn read(
    steps: impl IntoIterator<Item = Step>,
    pages: impl FnOnce(Http) -> Pages<Page, Undeclared>,
) -> (String, Vec<String>) {
    let script = Script::new(steps);
    let items = pages(client(&script)).items(|page| page.items);
    let said = items.map(|item| match item {
        Ok(item) => item.to_string(),
        Err(error) => error.to_string(),
    });
    let said: Vec<String> = said.collect().await;
    let query = |hit: crate::testing::Hit| hit.request.url.query().unwrap_or_default().to_owned();
    (
        said.join(" "),
        script.hits().into_iter().map(query).collect(),
    )
}

fn by_cursor(http: Http) -> Pages<Page, Undeclared> {
    let fetch = move |cursor| fetch(http.clone(), "cursor", cursor);
    Pages::by_cursor(&LIST, None, fetch, |page: &Page| page.next.clone())
}

#[tokio::test(start_paused = true)]
async fn cursors_are_followed_to_the_end_and_never_in_circles() {
    let looped = "list failed: a page names one that was fetched before as the next";
    for (steps, said, queries) in [
        (
            vec![page("1,2", "\"b\""), page("3", "null")],
            "1 2 3",
            &["", "cursor=b"][..],
        ),
        (
            vec![page("1", "\"b\""), page("", "\"c\""), page("2", "\"\"")],
            "1 2",
            &["", "cursor=b", "cursor=c"],
        ),
        (vec![page("", "null")], "", &[""]),
        (
            vec![page("1", "\"b\""), page("2", "\"b\"")],
            &format!("1 2 {looped}"),
            &["", "cursor=b"],
        ),
        (
            vec![page("1", "\"b\""), page("2", "\"c\""), page("3", "\"b\"")],
            &format!("1 2 3 {looped}"),
            &["", "cursor=b", "cursor=c"],
        ),
        (
            vec![page("1", "\"b\""), Step::status(500), page("2", "null")],
            "1 list failed: the answer has status 500, which the contract does not declare",
            &["", "cursor=b"],
        ),
    ] {
        let (items, asked) = read(steps, by_cursor).await;
        assert_eq!(
            (items.as_str(), asked),
            (
                said,
                queries.iter().map(|&query| query.to_owned()).collect()
            )
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_cursor_is_where_a_list_begins_and_may_not_come_again() {
    let begin = |http: Http| {
        let fetch = move |cursor| fetch(http.clone(), "cursor", cursor);
        Pages::by_cursor(&LIST, Some("b".to_owned()), fetch, |page: &Page| {
            page.next.clone()
        })
    };
    let (items, asked) = read([page("1", "\"b\"")], begin).await;
    assert!(
        items.starts_with("1 list failed: a page names one"),
        "{items}"
    );
    assert_eq!(asked, ["cursor=b"]);
}

#[tokio::test(start_paused = true)]
async fn numbers_and_offsets_go_on_up_to_an_empty_page() {
    let steps = || [page("1,2", "null"), page("3", "null"), page("", "null")];
    let by_number = |http: Http| {
        let fetch = move |number: u8| fetch(http.clone(), "page", Some(number.to_string()));
        Pages::by_number(&LIST, 1, fetch, |page: &Page| page.items.len())
    };
    let by_offset = |http: Http| {
        let fetch = move |offset: i64| fetch(http.clone(), "offset", Some(offset.to_string()));
        Pages::by_offset(&LIST, 0, fetch, |page: &Page| page.items.len())
    };
    let (items, asked) = read(steps(), by_number).await;
    assert_eq!(
        (items.as_str(), asked.join(" ")),
        ("1 2 3", "page=1 page=2 page=3".to_owned())
    );
    let (items, asked) = read(steps(), by_offset).await;
    assert_eq!(
        (items.as_str(), asked.join(" ")),
        ("1 2 3", "offset=0 offset=2 offset=3".to_owned())
    );
    let beyond = |http: Http| {
        let fetch = move |number: u8| fetch(http.clone(), "page", Some(number.to_string()));
        Pages::by_number(&LIST, 255, fetch, |page: &Page| page.items.len())
    };
    let (items, asked) = read(steps(), beyond).await;
    assert_eq!(
        (items.as_str(), asked.len()),
        ("1 2 list failed: the request cannot be sent", 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_goes_on_and_on_is_given_up() {
    for (pages_max, said) in [
        (3, "1 2 3"),
        (2, "1 2 list failed: the list has more than 2 pages"),
        (0, "list failed: the list has more than 0 pages"),
    ] {
        let steps = [page("1", "\"b\""), page("2", "\"c\""), page("3", "null")];
        let (items, asked) = read(steps, |http| by_cursor(http).pages_max(pages_max)).await;
        assert_eq!((items.as_str(), asked.len()), (said, pages_max.min(3)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_only_fetched_when_it_is_asked_for() {
    let script = Script::new([page("1", "\"b\""), page("2", "null")]);
    let mut pages = by_cursor(client(&script));
    assert!(script.hits().is_empty());
    assert_eq!(pages.next().await.unwrap().unwrap().items, [1]);
    assert_eq!(script.hits().len(), 1);
    assert_eq!(pages.next().await.unwrap().unwrap().items, [2]);
    assert!(pages.next().await.is_none() && pages.next().await.is_none());
}

fn by_link(http: Http) -> Pages<Answered<Vec<u32>, Option<NextLink>>, Undeclared> {
    let fetch = move |link: Option<NextLink>| {
        let http = http.clone();
        async move {
            let call = http.call(&KEYED).query("size", &1);
            let call = call.with(link.as_ref(), crate::Call::follow);
            call.with_headers().send_json().await
        }
    };
    Pages::by_cursor(
        &KEYED,
        None,
        fetch,
        |page: &Answered<_, Option<NextLink>>| page.headers.clone(),
    )
}

#[tokio::test(start_paused = true)]
async fn links_are_followed_within_the_service_and_nowhere_else() {
    let first = "http://orders/v1/orders?size=1&key=k%261";
    for (link, followed) in [
        (
            "<http://orders/v1/orders?page=2>; rel=next",
            Some("http://orders/v1/orders?page=2&key=k%261"),
        ),
        (
            "<http://orders:80/else?p=2#f>; rel=next",
            Some("http://orders/else?p=2&key=k%261"),
        ),
        (
            "<?page=2>; rel=next",
            Some("http://orders/v1/orders?page=2&key=k%261"),
        ),
        ("</x>; rel=next", Some("http://orders/x?key=k%261")),
        (
            "<?key=k%261&page=2>; rel=next",
            Some("http://orders/v1/orders?key=k%261&page=2"),
        ),
        ("<https://orders/v1/orders?page=2>; rel=next", None),
        ("<http://orders:8080/v1>; rel=next", None),
        ("<http://evil/v1>; rel=next", None),
        ("<//evil/v1>; rel=next", None),
        ("<http://me@orders/v1>; rel=next", None),
        ("<http://orders@evil/v1>; rel=next", None),
        ("<file:///etc/passwd>; rel=next", None),
        ("<http://[>; rel=next", None),
    ] {
        let script = Script::new([
            Step::json(200, "[1]").header("link", link),
            Step::json(200, "[2]"),
        ]);
        let pages = by_link(client(&script)).items(Answered::into_body);
        let said: Vec<_> = pages.collect().await;
        let asked: Vec<_> = script
            .hits()
            .iter()
            .map(|hit| hit.request.url.to_string())
            .collect();
        match followed {
            Some(followed) => {
                assert_eq!((said.len(), said[1].as_ref().unwrap()), (2, &2));
                assert_eq!(asked, [first, followed]);
            }
            None => {
                let failure = said[1].as_ref().unwrap_err().failure().unwrap();
                let kind = failure.kind();
                assert!(
                    matches!(
                        kind,
                        FailureKind::InvalidRequest(InvalidRequest::ForeignLink)
                    ),
                    "{link}"
                );
                assert_eq!(asked, [first]);
            }
        }
    }
}
