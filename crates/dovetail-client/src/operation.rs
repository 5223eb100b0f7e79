//! What a generated crate says about its service: constants, and nothing that runs.

use crate::policy::{Policy, PolicyError};

/// A service, as its clients know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The name in the contract.
    pub name: &'static str,
    /// The identifiers of all its operations, so that a policy for an operation that does not exist is noticed.
    pub operations: &'static [&'static str],
}

impl Service {
    /// A service with its operations.
    #[must_use]
    pub const fn new(name: &'static str, operations: &'static [&'static str]) -> Self {
        Self { name, operations }
    }

    /// Finds the first name that is none of its operations, whose policy could never apply.
    pub(crate) fn check<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), PolicyError> {
        let mut names = names.into_iter();
        match names.find(|name| !self.operations.contains(name)) {
            None => Ok(()),
            Some(unknown) => Err(PolicyError::UnknownOperation {
                service: self.name,
                operation: unknown.to_owned(),
            }),
        }
    }
}

/// One operation of a service: all that differs between calls to it and calls to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation {
    /// The service it belongs to.
    pub service: &'static Service,
    /// Its identifier in the contract.
    pub id: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path with its parameters in braces, such as `/orders/{order_id}`.
    pub path: &'static str,
    /// Whether it may be sent twice.
    pub idempotency: Idempotency,
    /// The alternatives of security schemes it accepts; all schemes of one alternative are needed together. No
    /// alternative at all means that none is needed, an empty one that the operation may be called without.
    pub security: &'static [&'static [SecurityScheme]],
    /// How it is called, unless whoever runs the client says otherwise.
    pub policy: Policy,
}

impl Operation {
    /// An operation without security. Whether it may be repeated follows from its method.
    #[must_use]
    pub const fn new(
        service: &'static Service,
        id: &'static str,
        method: Method,
        path: &'static str,
        policy: Policy,
    ) -> Self {
        Self {
            service,
            id,
            method,
            path,
            idempotency: method.idempotency(),
            security: &[],
            policy,
        }
    }

    /// The same with what the contract says about repeating it.
    #[must_use]
    pub const fn idempotency(self, idempotency: Idempotency) -> Self {
        Self {
            idempotency,
            ..self
        }
    }

    /// The same with the security schemes it accepts.
    #[must_use]
    pub const fn security(self, security: &'static [&'static [SecurityScheme]]) -> Self {
        Self { security, ..self }
    }
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the method of its name")]
pub enum Method {
    Get,
    Head,
    Options,
    Trace,
    Put,
    Delete,
    Post,
    Patch,
    Query,
    /// Another method; see [`Method::other`].
    Other(MethodName),
}

/// The name of a method of which nothing else is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MethodName(&'static str);

impl Method {
    /// A method by its name. Nothing is known of it, so it is never sent twice unless its operation says otherwise.
    ///
    /// # Panics
    ///
    /// Where the name is no token of HTTP (RFC 9110, section 5.6.2); in a constant that is an error of the compiler.
    #[must_use]
    pub const fn other(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "the name of a method is not empty");
        let mut at = 0;
        while at < bytes.len() {
            let is_token = bytes[at].is_ascii_alphanumeric()
                || matches!(
                    bytes[at],
                    b'!' | b'#'
                        | b'$'
                        | b'%'
                        | b'&'
                        | b'\''
                        | b'*'
                        | b'+'
                        | b'-'
                        | b'.'
                        | b'^'
                        | b'_'
                        | b'`'
                        | b'|'
                        | b'~'
                );
            assert!(is_token, "the name of a method is a token");
            at += 1;
        }
        Self::Other(MethodName(name))
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Query => "QUERY",
            Self::Other(MethodName(name)) => name,
        }
    }

    /// What HTTP promises about repeating it.
    #[must_use]
    pub const fn idempotency(self) -> Idempotency {
        match self {
            Self::Get | Self::Head | Self::Options | Self::Trace | Self::Query => Idempotency::Safe,
            Self::Put | Self::Delete => Idempotency::Idempotent,
            Self::Post | Self::Patch | Self::Other(_) => Idempotency::None,
        }
    }
}

/// Whether an operation may be sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Idempotency {
    /// It changes nothing.
    Safe,
    /// Twice is as good as once.
    Idempotent,
    /// Twice is as good as once with the same key in this header; the client makes one key for each call.
    Key {
        /// The name of the header, usually `Idempotency-Key`.
        header: &'static str,
    },
    /// Each time does the work again.
    None,
}

impl Idempotency {
    /// The header of its key, if it takes one.
    #[must_use]
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::Key { header } => Some(header),
            Self::Safe | Self::Idempotent | Self::None => None,
        }
    }

    /// Whether it may be sent twice.
    #[must_use]
    pub const fn may_repeat(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// A way to prove who calls, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecurityScheme {
    /// The name in the contract.
    pub name: &'static str,
    /// Where the proof goes.
    pub placement: Placement,
}

impl SecurityScheme {
    /// A token in the `Authorization` header, after the word `Bearer`. `OAuth 2` and `OpenID Connect` are this, too.
    #[must_use]
    pub const fn bearer(name: &'static str) -> Self {
        Self {
            name,
            placement: Placement::Bearer,
        }
    }

    /// A user and a password in the `Authorization` header.
    #[must_use]
    pub const fn basic(name: &'static str) -> Self {
        Self {
            name,
            placement: Placement::Basic,
        }
    }

    /// A key in the `Authorization` header, after another word, such as `Token`.
    #[must_use]
    pub const fn authorization(name: &'static str, scheme: &'static str) -> Self {
        Self {
            name,
            placement: Placement::Authorization(scheme),
        }
    }

    /// A key in a header of its own.
    #[must_use]
    pub const fn header_key(name: &'static str, header: &'static str) -> Self {
        Self {
            name,
            placement: Placement::Header(header),
        }
    }

    /// A key in the query.
    #[must_use]
    pub const fn query_key(name: &'static str, parameter: &'static str) -> Self {
        Self {
            name,
            placement: Placement::Query(parameter),
        }
    }

    /// A key in a cookie.
    #[must_use]
    pub const fn cookie_key(name: &'static str, cookie: &'static str) -> Self {
        Self {
            name,
            placement: Placement::Cookie(cookie),
        }
    }
}

/// Where a credential goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// The `Authorization` header, as a bearer token.
    Bearer,
    /// The `Authorization` header, as user and password.
    Basic,
    /// The `Authorization` header, after this word.
    Authorization(&'static str),
    /// The header of this name.
    Header(&'static str),
    /// The query parameter of this name.
    Query(&'static str),
    /// The cookie of this name.
    Cookie(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_sent_by_its_name_and_repeated_only_where_that_is_known_to_be_safe() {
        const COPY: Method = Method::other("COPY");
        let rows = [
            (Method::Get, "GET", Idempotency::Safe),
            (Method::Query, "QUERY", Idempotency::Safe),
            (Method::Put, "PUT", Idempotency::Idempotent),
            (Method::Post, "POST", Idempotency::None),
            (COPY, "COPY", Idempotency::None),
            (Method::other("a'`|~1"), "a'`|~1", Idempotency::None),
        ];
        for (method, name, idempotency) in rows {
            assert_eq!(method.as_str(), name);
            assert_eq!(method.idempotency(), idempotency, "{name}");
        }
        for name in ["", "A B", "A\r\n", "é", "A/B", "\"A\""] {
            let refused = std::panic::catch_unwind(|| Method::other(name));
            assert!(refused.is_err(), "{name:?}");
        }
    }
}
