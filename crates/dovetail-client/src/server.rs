//! Where a contract says that its service is: addresses with variables in them.

use crate::{error::ConfigError, http::BaseUrl};

/// The address of a server, with variables in braces.
///
/// ```
/// # use dovetail_client::{ServerTemplate, ServerVariable};
/// const PRODUCTION: ServerTemplate = ServerTemplate::new(
///     "https://{region}.orders.example/{stage}",
///     &[
///         ServerVariable::new("region", "eu").allowed(&["eu", "us"]),
///         ServerVariable::new("stage", "v1"),
///     ],
/// );
/// assert_eq!(PRODUCTION.url(&[("region", "us")])?, "https://us.orders.example/v1");
/// # Ok::<(), dovetail_client::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTemplate {
    /// The address: `https://{region}.orders.example`.
    pub url: &'static str,
    /// All variables in it.
    pub variables: &'static [ServerVariable],
}

/// A variable of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerVariable {
    /// The name, as it stands in braces.
    pub name: &'static str,
    /// The value unless another is given.
    pub default: &'static str,
    /// The values that it may have; where none is listed, any of ASCII letters, digits and `-._~`, which can neither end
    /// the part of the address in which it stands nor begin another.
    pub allowed: &'static [&'static str],
}

impl ServerVariable {
    /// A variable that may have any value.
    #[must_use]
    pub const fn new(name: &'static str, default: &'static str) -> Self {
        let allowed = &[];
        Self {
            name,
            default,
            allowed,
        }
    }

    /// The same with the only values that it may have.
    #[must_use]
    pub const fn allowed(self, allowed: &'static [&'static str]) -> Self {
        Self { allowed, ..self }
    }

    /// Whether the value is one that the contract names, or one that stays within its place.
    fn check(&self, value: &str) -> Result<(), &'static str> {
        let stays = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if value == self.default || self.allowed.contains(&value) {
            Ok(())
        } else if !self.allowed.is_empty() {
            Err("cannot have this value, which is none of those that the contract allows")
        } else if matches!(value, "" | "." | "..") || !value.bytes().all(stays) {
            Err("cannot have this value, which would change the parts of the address")
        } else {
            Ok(())
        }
    }
}

impl ServerTemplate {
    /// An address with its variables.
    #[must_use]
    pub const fn new(url: &'static str, variables: &'static [ServerVariable]) -> Self {
        Self { url, variables }
    }

    /// The address with these values, and the defaults of other variables: for
    /// [`HttpBuilder::base_url`](crate::HttpBuilder::base_url).
    ///
    /// # Errors
    ///
    /// [`ConfigError::ServerVariable`] where the address has no such variable, or it cannot have the value;
    /// [`ConfigError::BaseUrl`] where the address is not one that a client can call.
    pub fn url(&self, values: &[(&str, &str)]) -> Result<String, ConfigError> {
        for (name, value) in values {
            let variable = self.variable(name, "is not one that it has")?;
            let checked = variable.check(value);
            checked.map_err(|reason| refuse(name, reason))?;
        }
        let mut url = String::with_capacity(self.url.len());
        let mut rest = self.url;
        while let Some((before, after)) = rest.split_once('{') {
            let variable = after.split_once('}');
            let (name, after) = variable.ok_or_else(|| refuse(after, "has no end"))?;
            let variable = self.variable(name, "is not declared")?;
            let given = values.iter().find(|(given, _)| *given == name);
            url.push_str(before);
            url.push_str(given.map_or(variable.default, |(_, value)| value));
            rest = after;
        }
        url.push_str(rest);
        BaseUrl::parse(&url)?;
        Ok(url)
    }

    fn variable(&self, name: &str, or_else: &'static str) -> Result<&ServerVariable, ConfigError> {
        let mut variables = self.variables.iter();
        let variable = variables.find(|variable| variable.name == name);
        variable.ok_or_else(|| refuse(name, or_else))
    }
}

fn refuse(name: &str, reason: &'static str) -> ConfigError {
    ConfigError::ServerVariable {
        name: name.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: ServerVariable = ServerVariable::new("region", "eu").allowed(&["eu", "us"]);
    const PORT: ServerVariable = ServerVariable::new("port", "443").allowed(&["443", "8443/x"]);
    const HOST: ServerVariable = ServerVariable::new("host", "orders.example");
    const BASE: ServerVariable = ServerVariable::new("base", "api/v1");

    fn check(template: ServerTemplate, values: &[(&str, &str)], expected: &str) {
        let said = match template.url(values) {
            Ok(url) => url,
            Err(error) => error.to_string(),
        };
        assert!(said.starts_with(expected), "{values:?}: {said}");
    }

    #[test]
    fn an_address_has_the_values_given_and_else_the_defaults() {
        const FULL: ServerTemplate = ServerTemplate::new(
            "https://{region}.{host}:{port}/{base}",
            &[REGION, HOST, PORT, BASE],
        );
        for (values, expected) in [
            (&[][..], "https://eu.orders.example:443/api/v1"),
            (
                &[("region", "us"), ("base", "v2")],
                "https://us.orders.example:443/v2",
            ),
            // What the contract itself names may be anything.
            (
                &[("port", "8443/x"), ("base", "api/v1")],
                "https://eu.orders.example:8443/x/api/v1",
            ),
            (
                &[("region", "de")],
                "the variable `region` of the server's address cannot have",
            ),
            (
                &[("regoin", "us")],
                "the variable `regoin` of the server's address is not one",
            ),
        ] {
            check(FULL, values, expected);
        }
    }

    #[test]
    fn no_value_leads_to_another_host_or_another_part_of_the_address() {
        const TEMPLATE: ServerTemplate =
            ServerTemplate::new("https://{host}.internal/{base}", &[HOST, BASE]);
        for value in [
            "", ".", "..", "evil/", "me@evil", "evil#", "evil?", "evil:80", "evil\\", "%2e", "a b",
            "a\n", "[::1]", "a;b", "\u{ff0f}", "\u{3002}",
        ] {
            for name in ["host", "base"] {
                let error = TEMPLATE.url(&[(name, value)]).unwrap_err();
                let is_refused = matches!(error, ConfigError::ServerVariable { .. });
                assert!(is_refused, "{value}: {error:?}");
            }
        }
        check(
            TEMPLATE,
            &[("host", "a-1.b"), ("base", "v_2~")],
            "https://a-1.b.internal/v_2~",
        );
    }

    #[test]
    fn only_addresses_that_can_be_called_are_any() {
        const SCHEME: ServerVariable = ServerVariable::new("scheme", "https");
        for (url, values, expected) in [
            (
                "{scheme}://orders",
                &[("scheme", "http")][..],
                "http://orders",
            ),
            (
                "{scheme}://orders",
                &[("scheme", "file")],
                "`file:…` is no base url",
            ),
            ("ftp://orders", &[], "`ftp:…` is no base url"),
            ("/v1", &[], "`…` is no base url: it is not an absolute url"),
            (
                "https://orders?x=1",
                &[],
                "`https://orders/` is no base url",
            ),
            (
                "https://{orders",
                &[],
                "the variable `orders` of the server's address has no end",
            ),
            (
                "https://{orders}",
                &[],
                "the variable `orders` of the server's address is not decl",
            ),
        ] {
            check(ServerTemplate::new(url, &[SCHEME]), values, expected);
        }
    }
}
