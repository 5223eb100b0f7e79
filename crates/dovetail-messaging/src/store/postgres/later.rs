//! Statements that are sent with the next one whose answer is waited for.

use std::{error::Error, fmt};

use bytes::{Bytes, BytesMut};
use tokio_postgres::{
    Statement,
    types::{Format, IsNull, ToSql, Type},
};

use super::session::{Param, Step};
use crate::store::{ErrorKind, StoreError};

/// No more than this waits, so that what a handler has under way has an end.
const STATEMENTS_MAX: usize = 1_000;
const BYTES_MAX: usize = 1 << 20;

/// Statements whose turn is yet to come, in their order.
#[derive(Debug, Default)]
pub(super) struct Later {
    statements: Vec<Deferred>,
    bytes: usize,
}

/// A statement with what it was given, as it goes over the wire.
#[derive(Debug)]
struct Deferred {
    statement: Statement,
    params: Vec<Encoded>,
}

impl Later {
    /// Adds a statement. Whatever is wrong with its parameters is said here.
    pub(super) fn add(
        &mut self,
        action: &'static str,
        statement: Statement,
        params: &[Param<'_>],
    ) -> Result<(), StoreError> {
        let refused = |error| StoreError::because(action, ErrorKind::Refused, error);
        let (given, taken) = (params.len(), statement.params().len());
        if given != taken {
            let error = format!("the statement takes {taken} parameters, and was given {given}");
            return Err(refused(error.into()));
        }
        let params = params.iter().zip(statement.params());
        let params = params
            .map(|(param, of)| Encoded::of(*param, of))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refused)?;
        self.bytes += params.iter().map(Encoded::len).sum::<usize>();
        self.statements.push(Deferred { statement, params });
        Ok(())
    }

    /// Whether it is time to send them, though nobody waits for an answer.
    pub(super) fn is_full(&self) -> bool {
        self.statements.len() >= STATEMENTS_MAX || self.bytes >= BYTES_MAX
    }

    /// The statements, in their order.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.statements.iter().map(|deferred| {
            let params = deferred.params.iter().map(|param| param as Param<'_>);
            Step::Prepared(&deferred.statement, params.collect())
        })
    }
}

/// A parameter as it goes over the wire.
struct Encoded {
    format: Format,
    /// Nothing is NULL.
    bytes: Option<Bytes>,
}

impl Encoded {
    fn of(param: Param<'_>, of: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let mut bytes = BytesMut::new();
        let is_null = matches!(param.to_sql_checked(of, &mut bytes)?, IsNull::Yes);
        Ok(Self {
            format: param.encode_format(of),
            bytes: (!is_null).then(|| bytes.freeze()),
        })
    }

    fn len(&self) -> usize {
        self.bytes.as_ref().map_or(0, Bytes::len)
    }
}

/// Values do not belong in logs.
impl fmt::Debug for Encoded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Encoded")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(match &self.bytes {
            None => IsNull::Yes,
            Some(bytes) => {
                out.extend_from_slice(bytes);
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    // What fits was seen when it was encoded.
    fn to_sql_checked(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(of, out)
    }

    fn encode_format(&self, _: &Type) -> Format {
        self.format
    }
}
