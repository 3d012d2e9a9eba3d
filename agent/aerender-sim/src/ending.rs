//! Answers for: how a render ends: the classes of failure and the exit codes After Effects' script gives them. Must not: print.

/// Classes of failure, as After Effects' script numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing is wrong, only the version was asked for: 0.
    Version,
    /// The application failed: 1.
    Application,
    /// Usage was shown: 2.
    Usage,
    /// The command line is wrong: 3, with a log file 4.
    Syntax,
    /// Another error of the script: 5, with a log file 6.
    Scripting,
    /// Composition, template, index or project was not found: 7, with a log file 8.
    NotFound,
    /// After Effects said no while it ran: 9, with a log file 10.
    Runtime,
    /// The launcher can't be reached: 11.
    Socket,
}

impl Class {
    /// The process's exit code; many classes have another one when there is a log file.
    #[must_use]
    pub fn exit_code(self, with_log: bool) -> u8 {
        let logged = u8::from(with_log);
        match self {
            Self::Version => 0,
            Self::Application => 1,
            Self::Usage => 2,
            Self::Syntax => 3 + logged,
            Self::Scripting => 5 + logged,
            Self::NotFound => 7 + logged,
            Self::Runtime => 9 + logged,
            Self::Socket => 11,
        }
    }
}

/// A failure that is printed and ends the render.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// Decides the exit code.
    pub class: Class,
    /// The whole line.
    pub text: String,
}

impl Failure {
    /// A failure with its line.
    #[must_use]
    pub fn new(class: Class, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { class, text }
    }

    /// `aerender ERROR: …` of the class "not found".
    #[must_use]
    pub fn not_found(text: &str) -> Self {
        Self::new(Class::NotFound, format!("aerender ERROR: {text}"))
    }

    /// `aerender Error: …`, of the script's own doing.
    #[must_use]
    pub fn scripting(text: &str) -> Self {
        Self::new(Class::Scripting, format!("aerender Error: {text}"))
    }

    /// `aerender Error: After Effects error: …`.
    #[must_use]
    pub fn runtime(text: &str) -> Self {
        Self::new(
            Class::Runtime,
            format!("aerender Error: After Effects error: {text}"),
        )
    }
}

/// How a render that did not finish came to its end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// With a failure that is to be printed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The launcher is gone: nobody is there to be told.
    #[error("the launcher is gone")]
    LauncherGone,
    /// As if all had gone well.
    #[error("ended early, as if all had gone well")]
    Early,
}
