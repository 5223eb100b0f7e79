//! Lists that come page by page, as one stream.
//!
//! ```
//! # use dovetail_client::{Error, Http, Method, Operation, Service, Undeclared, pagination::Pages, policy::Policy};
//! # use serde::Deserialize;
//! # const SERVICE: Service = Service::new("orders", &["listOrders"]);
//! # const LIST_ORDERS: Operation = Operation::new(
//! #     &SERVICE, "listOrders", Method::Get, "/orders", Policy::new(std::time::Duration::from_secs(1)));
//! # #[derive(Clone)]
//! # struct Client { http: Http }
//! #[derive(Deserialize)]
//! struct OrderPage { orders: Vec<String>, next: Option<String> }
//!
//! # impl Client {
//! async fn list_orders(&self, cursor: Option<&str>) -> Result<OrderPage, Error<Undeclared>> {
//!     self.http.call(&LIST_ORDERS).query("cursor", &cursor).send_json().await
//! }
//!
//! fn list_orders_pages(&self) -> Pages<OrderPage, Undeclared> {
//!     let client = self.clone();
//!     let fetch = move |cursor: Option<String>| {
//!         let client = client.clone();
//!         async move { client.list_orders(cursor.as_deref()).await }
//!     };
//!     Pages::by_cursor(&LIST_ORDERS, None, fetch, |page| page.next.clone())
//! }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use dovetail_client::testing::{Script, Step};
//! # let script = Script::new([
//! #     Step::json(200, r#"{"orders":["o-1"],"next":"c-2"}"#),
//! #     Step::json(200, r#"{"orders":["o-2"],"next":null}"#),
//! # ]);
//! # let http = Http::builder(&SERVICE).base_url("http://orders").transport(script.clone()).build()?;
//! # let client = Client { http };
//! let mut orders = client.list_orders_pages().items(|page| page.orders);
//! while let Some(order) = orders.next().await {
//!     println!("{}", order?);
//! }
//! # assert_eq!(script.hits()[1].request.url.query(), Some("cursor=c-2"));
//! # Ok(())
//! # }
//! ```

mod link;

use std::{
    collections::HashSet,
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    vec,
};

use futures_core::Stream;

pub use self::link::NextLink;
pub(crate) use self::link::next_link;
use crate::{
    error::{Error, Failure, FailureKind, InvalidRequest},
    operation::Operation,
};

/// How many pages are fetched at most, unless said otherwise.
pub const PAGES_MAX: usize = 10_000;

/// The pages of a list, each fetched when the one before has been taken. The first failure is the last item.
pub struct Pages<P, E> {
    operation: &'static Operation,
    state: State<P, E>,
    advance: Advance<P, E>,
    pages: usize,
    pages_max: usize,
}

/// Begins to fetch the page that follows one, or the first where there is none before.
type Advance<P, E> =
    Box<dyn FnMut(Option<&P>) -> Result<Option<Fetching<P, E>>, FailureKind> + Send>;

type Fetching<P, E> = Pin<Box<dyn Future<Output = Result<P, Error<E>>> + Send>>;

enum State<P, E> {
    Start,
    Fetching(Fetching<P, E>),
    Failed(FailureKind),
    Ended,
}

impl<P, E> Pages<P, E> {
    /// The pages of a list where each names the next, by a cursor or a [`NextLink`].
    ///
    /// `fetch` gets `first`, and then what `next` finds in each page. The list ends where it finds nothing or an empty
    /// text; an empty page with a cursor is no end. A cursor that comes again would never end, so it is a failure:
    /// [`FailureKind::PageLoop`].
    pub fn by_cursor<C, F>(
        operation: &'static Operation,
        first: Option<C>,
        mut fetch: impl FnMut(Option<C>) -> F + Send + 'static,
        next: impl Fn(&P) -> Option<C> + Send + 'static,
    ) -> Self
    where
        C: fmt::Display + Send + 'static,
        F: Future<Output = Result<P, Error<E>>> + Send + 'static,
    {
        let mut seen: HashSet<String> = first.iter().map(C::to_string).collect();
        let mut first = Some(first);
        Self::new(operation, move |page| {
            let Some(page) = page else {
                let fetching = first.take().map(&mut fetch);
                return Ok(fetching.map(|fetching| -> Fetching<P, E> { Box::pin(fetching) }));
            };
            let Some(cursor) = next(page) else {
                return Ok(None);
            };
            let text = cursor.to_string();
            if text.is_empty() {
                return Ok(None);
            }
            if !seen.insert(text) {
                return Err(FailureKind::PageLoop);
            }
            Ok(Some(Box::pin(fetch(Some(cursor)))))
        })
    }

    /// The pages of a list where they are numbered, from `first` on. The list ends at the first page of which `count`
    /// says that it holds nothing.
    pub fn by_number<N, F>(
        operation: &'static Operation,
        first: u64,
        fetch: impl FnMut(N) -> F + Send + 'static,
        count: impl Fn(&P) -> usize + Send + 'static,
    ) -> Self
    where
        N: TryFrom<u64>,
        F: Future<Output = Result<P, Error<E>>> + Send + 'static,
    {
        Self::counted(operation, first, fetch, move |page| {
            u64::from(count(page) > 0)
        })
    }

    /// The pages of a list where each begins after so many items, from `first` on. The list ends at the first page of
    /// which `count` says that it holds nothing.
    pub fn by_offset<N, F>(
        operation: &'static Operation,
        first: u64,
        fetch: impl FnMut(N) -> F + Send + 'static,
        count: impl Fn(&P) -> usize + Send + 'static,
    ) -> Self
    where
        N: TryFrom<u64>,
        F: Future<Output = Result<P, Error<E>>> + Send + 'static,
    {
        Self::counted(operation, first, fetch, move |page| count(page) as u64)
    }

    /// Pages at a position that `step` moves on, and that end where it does not.
    fn counted<N, F>(
        operation: &'static Operation,
        first: u64,
        mut fetch: impl FnMut(N) -> F + Send + 'static,
        step: impl Fn(&P) -> u64 + Send + 'static,
    ) -> Self
    where
        N: TryFrom<u64>,
        F: Future<Output = Result<P, Error<E>>> + Send + 'static,
    {
        let mut position = Some(first);
        Self::new(operation, move |page| {
            if let Some(page) = page {
                let step = step(page);
                if step == 0 {
                    return Ok(None);
                }
                position = position.and_then(|position| position.checked_add(step));
            }
            let number = position.and_then(|position| N::try_from(position).ok());
            let number = number.ok_or_else(|| InvalidRequest::Value {
                name: "page".to_owned(),
                message: "its position is larger than its type can hold".to_owned(),
            })?;
            Ok(Some(Box::pin(fetch(number))))
        })
    }

    fn new(
        operation: &'static Operation,
        advance: impl FnMut(Option<&P>) -> Result<Option<Fetching<P, E>>, FailureKind> + Send + 'static,
    ) -> Self {
        Self {
            operation,
            state: State::Start,
            advance: Box::new(advance),
            pages: 0,
            pages_max: PAGES_MAX,
        }
    }

    /// Fetches no more pages than this; [`PAGES_MAX`] unless said otherwise. A list that goes on is a failure:
    /// [`FailureKind::TooManyPages`].
    #[must_use]
    pub fn pages_max(self, pages_max: usize) -> Self {
        Self { pages_max, ..self }
    }

    /// What the pages hold, as one stream.
    #[must_use]
    pub fn items<T>(self, split: fn(P) -> Vec<T>) -> Items<P, T, E> {
        Items {
            pages: self,
            split,
            page: Vec::new().into_iter(),
        }
    }

    /// The next page, or nothing at the end.
    pub async fn next(&mut self) -> Option<Result<P, Error<E>>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<P, Error<E>>>> {
        if matches!(self.state, State::Start) {
            self.state = self.following(None);
        }
        if let State::Fetching(fetching) = &mut self.state {
            let page = ready!(fetching.as_mut().poll(context));
            self.state = match &page {
                Ok(page) => self.following(Some(page)),
                Err(_) => State::Ended,
            };
            return Poll::Ready(Some(page));
        }
        Poll::Ready(match std::mem::replace(&mut self.state, State::Ended) {
            State::Failed(kind) => Some(Err(Failure::new(self.operation, kind).into())),
            _ => None,
        })
    }

    fn following(&mut self, page: Option<&P>) -> State<P, E> {
        match (self.advance)(page) {
            Ok(Some(_)) if self.pages == self.pages_max => {
                State::Failed(FailureKind::TooManyPages {
                    pages_max: self.pages_max,
                })
            }
            Ok(Some(fetching)) => {
                self.pages += 1;
                State::Fetching(fetching)
            }
            Ok(None) => State::Ended,
            Err(kind) => State::Failed(kind),
        }
    }
}

// Nothing that is pinned stands in it but in boxes of its own.
impl<P, E> Unpin for Pages<P, E> {}

impl<P, E> Stream for Pages<P, E> {
    type Item = Result<P, Error<E>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl<P, E> fmt::Debug for Pages<P, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pages")
            .field("operation", &self.operation.id)
            .field("pages", &self.pages)
            .field("pages_max", &self.pages_max)
            .finish_non_exhaustive()
    }
}

/// What the pages of a list hold, one by one. The first failure is the last item.
pub struct Items<P, T, E> {
    pages: Pages<P, E>,
    split: fn(P) -> Vec<T>,
    page: vec::IntoIter<T>,
}

impl<P, T, E> Items<P, T, E> {
    /// The next item, or nothing at the end.
    pub async fn next(&mut self) -> Option<Result<T, Error<E>>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Error<E>>>> {
        loop {
            if let Some(item) = self.page.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(self.pages.poll(context)) {
                Some(Ok(page)) => self.page = (self.split)(page).into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<P, T, E> Unpin for Items<P, T, E> {}

impl<P, T, E> Stream for Items<P, T, E> {
    type Item = Result<T, Error<E>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl<P, T, E> fmt::Debug for Items<P, T, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Items")
            .field("pages", &self.pages)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
