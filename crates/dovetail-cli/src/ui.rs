//! Where text goes: results to standard output, everything else to standard error, colour only where it is wanted.

use std::io::{IsTerminal, Write};

use dovetail_contract::escape::escape_line;
use dovetail_contract::finding::Severity;

use crate::args::{ColorChoice, Global};
use crate::exit::{Exit, Stop};

/// The two streams and how to write on them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    color: ColorChoice,
    quiet: bool,
    verbose: bool,
}

impl Ui {
    /// As the command line and the environment say.
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            color: global.color,
            quiet: global.quiet,
            verbose: global.verbose,
        }
    }

    /// Whether results on standard output are coloured.
    pub(crate) fn color_results(self) -> bool {
        self.wants_color(std::io::stdout().is_terminal())
    }

    fn wants_color(self, is_terminal: bool) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let says = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
                is_terminal
                    && !says("NO_COLOR")
                    && !says("CI")
                    && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
            }
        }
    }

    /// The width to write for.
    pub(crate) fn width(self) -> usize {
        std::env::var("COLUMNS")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(100)
            .clamp(40, 200)
    }

    /// The least severe findings that people are shown: notes only where details were asked for.
    pub(crate) fn least(self) -> Severity {
        if self.verbose {
            Severity::Note
        } else {
            Severity::Warning
        }
    }

    /// Prints a result. A reader that went away is no error, as pipes expect; it does not make a failure a success either, so the
    /// command goes on to its own end.
    pub(crate) fn result(self, text: &str) -> Result<(), Stop> {
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Stop::new(Exit::Infrastructure, error))
            }
            _ => Ok(()),
        }
    }

    /// Tells what goes on, unless it should be quiet.
    pub(crate) fn message(self, text: &str) {
        if !self.quiet {
            self.always(text);
        }
    }

    /// Shows how far something is, in a line of a terminal that replaces itself; nothing anywhere else. An empty text takes it away.
    #[cfg(feature = "sqlite")]
    pub(crate) fn progress(self, text: &str) {
        let mut err = std::io::stderr().lock();
        if !self.quiet && err.is_terminal() {
            let _ = write!(err, "\r\u{1b}[K{}", escape_line(text)).and_then(|()| err.flush());
        }
    }

    /// Tells a detail, where details were asked for.
    pub(crate) fn detail(self, text: &str) {
        if self.verbose {
            self.always(text);
        }
    }

    /// Tells what must not be missed. Nothing can be done where even that fails.
    ///
    /// It may repeat what a command line, a file system or a contract says, so it is made safe to show.
    pub(crate) fn always(self, text: &str) {
        let lines: Vec<_> = text
            .trim_end_matches('\n')
            .split('\n')
            .map(escape_line)
            .collect();
        let _ = writeln!(std::io::stderr().lock(), "{}", lines.join("\n"));
    }
}
