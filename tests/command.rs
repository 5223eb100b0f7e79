//! The `dovetail` command, built where the tests can find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    dovetail_cli::run(std::env::args_os()).into()
}
