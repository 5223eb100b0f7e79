//! Which store is meant, and opening it as a tool does: nothing is made, and nothing of its tables changed.

#[cfg(feature = "postgres")]
pub(super) mod postgres;

use std::path::{Path, PathBuf};

use dovetail_messaging::store::sqlite::{Options, Sqlite};

use crate::args::Global;
use crate::args::operate::StoreAt;
use crate::exit::{Exit, Stop};
use crate::workspace;

/// The variable that says where messages are, if the command line does not.
const VARIABLE: &str = "DOVETAIL_STORE";

/// Where messages are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Sqlite(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::Address>),
}

impl Target {
    /// What the command line or the environment names.
    pub(super) fn read(global: &Global, at: &StoreAt) -> Result<Self, Stop> {
        Self::parse(&address(at)?, &workspace::directory(global))
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, Stop> {
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(folder.join(path)));
        }
        if is_of_postgres(text) {
            #[cfg(feature = "postgres")]
            return postgres::Address::parse(text).map(|address| Self::Postgres(Box::new(address)));
            #[cfg(not(feature = "postgres"))]
            return Err(Stop::usage(
                "PostgreSQL is not built in: this dovetail looks after messages in SQLite only; `cargo install dovetail-cli --features postgres` has both",
            ));
        }
        Err(Stop::usage(
            "`--store` takes `sqlite:PATH`, `postgres://…`, or `env:VARIABLE` that says so",
        ))
    }
}

/// The address that the command line or the environment names. A wrong name is never repeated: addresses hold passwords.
fn address(at: &StoreAt) -> Result<String, Stop> {
    let said = at.store.as_deref().unwrap_or("env:DOVETAIL_STORE");
    let Some(name) = said.strip_prefix("env:") else {
        return Ok(said.to_owned());
    };
    std::env::var(name).map_err(|_| {
        Stop::usage(if name == VARIABLE {
            "say where the messages are: `--store sqlite:PATH`, or the variable `DOVETAIL_STORE`"
                .to_owned()
        } else if is_name(name) {
            format!("`--store` names the variable `{name}`, which is not set")
        } else {
            "`--store env:…` takes the name of a variable: letters, digits and `_`".to_owned()
        })
    })
}

/// Which tables are meant where no database is asked: those of SQLite, unless the address is one of PostgreSQL.
pub(super) fn is_postgres(at: &StoreAt) -> Result<bool, Stop> {
    if at.store.is_none() && std::env::var_os(VARIABLE).is_none() {
        return Ok(false);
    }
    Ok(is_of_postgres(&address(at)?))
}

fn is_of_postgres(address: &str) -> bool {
    address.starts_with("postgres://") || address.starts_with("postgresql://")
}

/// Whether a text is the name of a variable, rather than what should be in one.
fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.len() <= 100 && text.bytes().all(is_part)
}

/// Opens the file of a service.
pub(super) fn attach(path: &Path) -> Result<Sqlite, Stop> {
    Sqlite::attach(path, Options::default()).map_err(|error| {
        let hint =
            "it has to be there, with the tables of this version (`dovetail messaging migrate`)";
        Stop::new(
            Exit::Infrastructure,
            anyhow::Error::new(error).context(format!("cannot use `{}`; {hint}", path.display())),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_and_never_repeated_when_it_cannot_be() {
        let folder = Path::new("here");
        let sqlite = Target::parse("sqlite:shop.db", folder).expect("a store");
        assert_eq!(sqlite, Target::Sqlite(folder.join("shop.db")));
        for text in [
            #[cfg(not(feature = "postgres"))]
            "postgres://ada:hunter2@db/shop",
            #[cfg(feature = "postgres")]
            "postgres://ada:hunter2@db:port/shop",
            "mysql://ada:hunter2@db",
            "sqlite:",
            "",
        ] {
            let stop = Target::parse(text, folder).expect_err("no store");
            assert_eq!(stop.exit, Exit::Usage);
            assert!(!stop.error.to_string().contains("hunter2"));
        }
        assert!(is_name("SHOP_2"));
        for text in ["postgres://ada:hunter2@db", "", "a b", "hunter-2"] {
            assert!(!is_name(text), "{text}");
        }
    }
}
