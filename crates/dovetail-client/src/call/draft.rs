//! A request in the making, apart from the client that will send it: what can be sent again must outlive the call.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use crate::{
    body::Body,
    credentials::{Proven, Tokens, join},
    error::{FailureKind, InvalidRequest},
    headers::idempotency_key,
    http::Inner,
    operation::Operation,
    pagination::NextLink,
    parameter::{self, Flat, Location, Parameter},
    transport::Request,
};

/// What a call has gathered. It holds no credentials yet.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) operation: &'static Operation,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Where to go instead, once path and query are known.
    pub(super) link: Option<NextLink>,
    path: Vec<(&'static str, String)>,
    query: String,
    cookies: String,
    /// The first thing that cannot be sent.
    problem: Option<InvalidRequest>,
}

impl Draft {
    pub(super) fn new(operation: &'static Operation, headers: HeaderMap) -> Self {
        Self {
            operation,
            headers,
            body: Body::default(),
            link: None,
            path: Vec::new(),
            query: String::new(),
            cookies: String::new(),
            problem: None,
        }
    }

    pub(super) fn add(
        &mut self,
        parameter: &Parameter,
        value: &Flat,
    ) -> Result<(), InvalidRequest> {
        match parameter.location {
            Location::Path => {
                let text = parameter::path_text(parameter, value)?;
                self.path.push((parameter.name, text));
                Ok(())
            }
            _ if *value == Flat::Absent => Ok(()),
            Location::Query => {
                for (name, value) in parameter::query_pairs(parameter, value)? {
                    join(&mut self.query, "&", &format!("{name}={value}"));
                }
                Ok(())
            }
            Location::Header => {
                let text = parameter::header_text(parameter, value)?;
                self.set_header(&header_name(parameter.name)?, &text)
            }
            Location::Cookie => {
                for (name, value) in parameter::query_pairs(parameter, value)? {
                    join(&mut self.cookies, "; ", &format!("{name}={value}"));
                }
                Ok(())
            }
        }
    }

    pub(super) fn set_header(
        &mut self,
        name: &HeaderName,
        text: &str,
    ) -> Result<(), InvalidRequest> {
        let refuse = |_| InvalidRequest::Header(name.as_str().to_owned());
        let value = HeaderValue::from_bytes(text.as_bytes()).map_err(refuse)?;
        self.headers.insert(name.clone(), value);
        Ok(())
    }

    pub(super) fn keep(&mut self, result: Result<(), InvalidRequest>) {
        if let Err(problem) = result {
            self.problem.get_or_insert(problem);
        }
    }

    /// The path with its values filled in.
    fn filled_path(&self) -> Result<Cow<'static, str>, InvalidRequest> {
        let template = self.operation.path;
        if !template.contains('{') {
            return Ok(Cow::Borrowed(template));
        }
        let mut path = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            let value = self.path.iter().find(|(known, _)| *known == name);
            let (_, value) = value.ok_or_else(|| InvalidRequest::EmptyPath(name.to_owned()))?;
            path.push_str(before);
            path.push_str(value);
            rest = after;
        }
        path.push_str(rest);
        Ok(Cow::Owned(path))
    }

    /// Checks what was gathered, and gives the call its key, which every request for it then carries.
    pub(crate) fn complete(&mut self, http: &Inner) -> Result<(), FailureKind> {
        if let Some(problem) = self.problem.take() {
            return Err(problem.into());
        }
        let Some(name) = self.operation.idempotency.header() else {
            return Ok(());
        };
        let name = header_name(name)?;
        match self.headers.get(&name) {
            // Without a key the service would do the work of each attempt.
            Some(key) if key.as_bytes().trim_ascii().is_empty() => {
                return Err(InvalidRequest::EmptyKey(name.as_str().to_owned()).into());
            }
            Some(_) => {}
            None => {
                // A UUID is always a valid value.
                let key = HeaderValue::try_from(idempotency_key(&http.clock, &http.chance));
                self.headers.extend(key.ok().map(|key| (name, key)));
            }
        }
        Ok(())
    }

    /// Adds the credentials and builds the request that every attempt repeats.
    pub(crate) fn sign(mut self, http: &Inner, tokens: &Tokens) -> Result<Request, FailureKind> {
        let page = match &self.link {
            Some(link) => Some(self.page(http, link)?),
            None => None,
        };
        if let Some(query) = page.as_ref().map(|page| page.query().unwrap_or_default()) {
            query.clone_into(&mut self.query);
        }
        let mut proven = Proven {
            headers: &mut self.headers,
            query: &mut self.query,
            cookies: &mut self.cookies,
        };
        http.credentials
            .apply(self.operation, tokens, &mut proven)?;
        if !self.cookies.is_empty() {
            let mut value = HeaderValue::try_from(&self.cookies)
                .map_err(|_| InvalidRequest::Header("cookie".to_owned()))?;
            value.set_sensitive(true);
            self.headers.insert(header::COOKIE, value);
        }
        let url = match page {
            Some(mut page) => {
                // Credentials may have come to it.
                page.set_query(Some(&*self.query).filter(|query| !query.is_empty()));
                page
            }
            None => http.base_url.join(&self.filled_path()?, &self.query)?,
        };
        Ok(Request {
            method: self.operation.method,
            url,
            headers: self.headers,
            body: self.body,
        })
    }

    /// Where a link leads, which may be relative to where the call would go without it.
    fn page(&self, http: &Inner, link: &NextLink) -> Result<Url, InvalidRequest> {
        let here = http.base_url.join(&self.filled_path()?, &self.query)?;
        http.base_url.follow(&here, link.target())
    }
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, InvalidRequest> {
    HeaderName::try_from(name).map_err(|_| InvalidRequest::Header(name.to_owned()))
}
