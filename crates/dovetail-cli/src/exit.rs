//! How the command ends: one number for each kind of end, so that CI can tell them apart.

/// An exit code. Never 101, which is Cargo's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything holds.
    Ok = 0,
    /// Findings: a rule fired, or a provider does not do what is expected of it.
    Findings = 1,
    /// The command line or `dovetail.yaml` asks for something that cannot be.
    Usage = 2,
    /// A contract cannot be read.
    InvalidContract = 3,
    /// Nothing matched, so nothing was proved.
    NothingMatched = 4,
    /// What is needed for the work was not there: a provider that does not answer, a state that cannot be set up.
    Infrastructure = 5,
    /// Generated files are not what the contracts say (`--check`).
    Drift = 6,
    /// The answer is not known, which is never a pass.
    Unknown = 7,
    /// A safety rule forbids it.
    Refused = 8,
    /// A defect of dovetail.
    Bug = 70,
    /// Interrupted by the user.
    Interrupted = 130,
}

impl Exit {
    /// Every exit code, in order.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::Findings,
        Self::Usage,
        Self::InvalidContract,
        Self::NothingMatched,
        Self::Infrastructure,
        Self::Drift,
        Self::Unknown,
        Self::Refused,
        Self::Bug,
        Self::Interrupted,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for `--help`.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "everything holds",
            Self::Findings => "findings",
            Self::Usage => "usage or configuration",
            Self::InvalidContract => "a contract is invalid",
            Self::NothingMatched => "nothing matched",
            Self::Infrastructure => "infrastructure: provider unreachable, state set-up failed",
            Self::Drift => "drift: generated files are not what the contracts say",
            Self::Unknown => "unknown verdict",
            Self::Refused => "refused by a safety rule",
            Self::Bug => "a defect of dovetail",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do its work, and how it ends.
#[derive(Debug)]
pub struct Stop {
    /// How it ends.
    pub exit: Exit,
    /// What went wrong.
    pub error: anyhow::Error,
}

impl Stop {
    /// A wrong command line or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            error: anyhow::Error::msg(message.into()),
        }
    }

    /// Something that cannot be done with this `exit`.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
        }
    }
}
