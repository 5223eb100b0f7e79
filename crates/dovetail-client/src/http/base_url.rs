//! Where a service is, and the URL of a request there.

use std::borrow::Cow;

use url::Url;

use crate::error::{ConfigError, InvalidRequest};

/// A checked base URL. Its path has no slash at the end.
#[derive(Debug, Clone)]
pub(crate) struct BaseUrl {
    url: Url,
    prefix: String,
}

impl BaseUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |url: &str, reason| ConfigError::BaseUrl {
            url: url.to_owned(),
            reason,
        };
        let Ok(mut url) = Url::parse(text) else {
            // What does not parse may still hold a password, so nothing of it is repeated.
            return Err(refuse("…", "it is not an absolute url"));
        };
        if !url.username().is_empty() || url.password().is_some() {
            let host = url.host_str().unwrap_or_default();
            return Err(refuse(
                host,
                "it has a user or a password; give credentials apart",
            ));
        }
        if !matches!(url.scheme(), "http" | "https") {
            // Without `http://`, a user is read as the scheme, and a password as the path.
            return Err(refuse(
                &format!("{}:…", url.scheme()),
                "it is neither http nor https",
            ));
        }
        let reason = if url.query().is_some() || url.fragment().is_some() {
            "it has a query or a fragment"
        } else {
            let prefix = url.path().trim_end_matches('/').to_owned();
            url.set_path(&prefix);
            return Ok(Self { url, prefix });
        };
        url.set_query(None);
        url.set_fragment(None);
        Err(refuse(url.as_str(), reason))
    }

    /// The URL of a request: the path with its values filled in, and the query as it is written.
    pub(crate) fn join(&self, path: &str, query: &str) -> Result<Url, InvalidRequest> {
        // Parsers resolve these even where the dots are encoded, and some servers also where a matrix parameter follows;
        // the request would go elsewhere.
        let is_dots = |segment: &str| {
            let name = segment.split(';').next().unwrap_or_default();
            let name = name.to_ascii_lowercase().replace("%2e", ".");
            matches!(name.as_str(), "." | "..")
        };
        let path = escaped(path);
        if path.split('/').any(is_dots) {
            return Err(InvalidRequest::DotSegment);
        }
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.prefix));
        url.set_query((!query.is_empty()).then_some(query));
        Ok(url)
    }

    /// The URL that a link in the answer to `request` leads to, where that is the same service.
    pub(crate) fn follow(&self, request: &Url, link: &str) -> Result<Url, InvalidRequest> {
        let foreign = |_| InvalidRequest::ForeignLink;
        let mut url = request.join(link).map_err(foreign)?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        if url.origin() != self.url.origin() || !is_plain {
            return Err(InvalidRequest::ForeignLink);
        }
        url.set_fragment(None);
        Ok(url)
    }
}

/// A path without what parsers of URLs take for a slash or leave out (WHATWG URL, "basic URL parser"), which would make it another path.
fn escaped(path: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| c == '\\' || c.is_ascii_control();
    if !path.contains(is_hidden) {
        return Cow::Borrowed(path);
    }
    let escape = |c: char| match is_hidden(c) {
        true => format!("%{:02X}", u32::from(c)),
        false => c.to_string(),
    };
    Cow::Owned(path.chars().map(escape).collect())
}
