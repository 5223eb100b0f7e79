//! One module per command. Each reads its arguments, calls the crate that does the work, and prints what came of it.

pub(crate) mod check;
pub(crate) mod codegen;
pub(crate) mod explain;
pub(crate) mod init;
#[cfg(feature = "sqlite")]
pub(crate) mod operate;
#[cfg(not(feature = "sqlite"))]
#[path = "commands/operate_absent.rs"]
pub(crate) mod operate;
pub(crate) mod schema;
pub(crate) mod verify;
