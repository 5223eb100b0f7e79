//! How a list is read page by page, as the contract says: never guessed from names.

/// How the list that an operation answers with is read page by page. All that it names is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pagination {
    /// How the next page is asked for.
    pub style: PaginationStyle,
    /// Name of the query parameter that holds the cursor, the page or the offset; none for [`PaginationStyle::Link`].
    pub request: Option<String>,
    /// JSON pointer (RFC 6901) to what the next request is made of in a response: the next cursor, page or offset, or the address of the next
    /// page for [`PaginationStyle::Link`]. There for [`PaginationStyle::Cursor`]; where it is missing elsewhere, pages and offsets are counted
    /// and the address stands in the header `Link` (RFC 8288).
    pub response: Option<String>,
    /// JSON pointer to the list in a response; empty where the response is the list.
    pub items: String,
    /// Name of the query parameter that holds the size of a page.
    pub limit: Option<String>,
}

/// How the next page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaginationStyle {
    /// By what the last response says comes next. No cursor ends the list.
    Cursor,
    /// By the number of the page.
    Page,
    /// By the number of items before it.
    Offset,
    /// By an address that the last response gives. No address ends the list.
    Link,
}
