//! The `dovetail` command as a library, so that a repository's own `xtask` is the same command with the same flags:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     dovetail_cli::run(std::env::args_os()).into()
//! }
//! ```
//!
//! Everything that prints, colours or ends a process is here. The crates below return values.

pub mod args;
mod cache;
mod commands;
mod exit;
mod findings;
mod outputs;
mod ui;
mod workspace;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Parser;

use args::{Cli, Command};
pub use exit::{Exit, Stop};
use ui::Ui;

/// Runs the command with these arguments (the program's name first) and says how it ended.
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Exit {
    match Cli::try_parse_from(args) {
        Ok(cli) => run_parsed(&cli),
        Err(error) => {
            // Clap prints help and version to standard output, and everything else to standard error.
            let _ = error.print();
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            }
        }
    }
}

/// Runs a command that was parsed before, and says how it ended.
#[must_use]
pub fn run_parsed(cli: &Cli) -> Exit {
    let ui = Ui::new(&cli.global);
    // A panic is a defect of ours: say so with its own exit code instead of Rust's 101, which Cargo uses.
    match catch_unwind(AssertUnwindSafe(|| dispatch(cli, ui))) {
        Ok(Ok(exit)) => exit,
        Ok(Err(stop)) => {
            ui.always(&format!("error: {:#}", stop.error));
            stop.exit
        }
        Err(_) => {
            ui.always("error: this is a defect of dovetail; please report it with the message above and the contract that caused it");
            Exit::Bug
        }
    }
}

fn dispatch(cli: &Cli, ui: Ui) -> Result<Exit, Stop> {
    match &cli.command {
        Command::Init(init) => commands::init::run(&cli.global, ui, init),
        Command::Check => commands::check::run(&cli.global, ui),
        Command::Codegen(codegen) => commands::codegen::run(&cli.global, ui, codegen),
        Command::Verify(verify) => commands::verify::run(&cli.global, ui, verify),
        Command::Explain { code } => commands::explain::run(ui, code.as_deref()),
        Command::Schema { file } => commands::schema::run(ui, *file),
        Command::DeadLetters(asked) => commands::operate::dead_letters(&cli.global, ui, asked),
        Command::Outbox(asked) => commands::operate::outbox(&cli.global, ui, asked),
        Command::Messaging(asked) => commands::operate::messaging(&cli.global, ui, asked),
    }
}
