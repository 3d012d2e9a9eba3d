//! How a command ends when it does not end well: exit code, one line that says what failed and why, hints that say
//! what to do. Printing is `output`'s business.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use flatrender_protocol::rest::{FieldError, Problem};

use crate::client::ClientError;

/// The exit codes that scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for what was watched: it is done.
    Done = 0,
    /// What was watched failed or was cancelled, or a result could not be written here.
    Failed = 1,
    /// Wrong command line.
    Usage = 2,
    /// Not signed in, or not allowed.
    NotAllowed = 3,
    /// No such object, or not only one.
    NoSuch = 4,
    /// Refused by the present state.
    Conflict = 5,
    /// The farm was not reached; nothing was changed, or it is said what is unknown.
    NotReached = 6,
    /// Input refused; the field is named.
    Refused = 8,
    /// Left by Ctrl-C; what the farm does goes on.
    Left = 130,
}

impl Exit {
    /// A status that fits, for problems that no farm wrote.
    fn status(self) -> u16 {
        match self {
            Self::Done | Self::Left => 200,
            Self::Failed => 500,
            Self::Usage => 400,
            Self::NotAllowed => 401,
            Self::NoSuch => 404,
            Self::Conflict => 409,
            Self::NotReached => 503,
            Self::Refused => 422,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "wrong_command_line",
            Self::NotAllowed => "permission_denied",
            Self::NoSuch => "not_found",
            Self::Conflict => "state_conflict",
            Self::NotReached => "not_reached",
            Self::Refused => "validation_failed",
            Self::Left => "left",
        }
    }
}

/// A command that did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    did: String,
    why: String,
    hints: Vec<String>,
    fields: Vec<FieldError>,
    problem: Option<Box<Problem>>,
}

impl Failure {
    /// "failed to {did}: {why}".
    pub fn new(exit: Exit, did: impl Into<String>, why: impl Display) -> Self {
        Self {
            exit,
            did: did.into(),
            why: why.to_string(),
            hints: Vec::new(),
            fields: Vec::new(),
            problem: None,
        }
    }

    /// An input that is refused here already, as the farm would refuse it: `pointer` names the field of the job.
    pub fn input(did: impl Into<String>, pointer: &str, code: &str, why: impl Display) -> Self {
        let mut failure = Self::new(Exit::Refused, did, why);
        failure.fields.push(FieldError {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            detail: failure.why.clone(),
        });
        failure
    }

    /// Adds one more thing that is wrong with the input.
    #[must_use]
    pub fn also(mut self, pointer: &str, code: &str, detail: impl Display) -> Self {
        self.fields.push(FieldError {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            detail: detail.to_string(),
        });
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    /// The line after `error: `.
    pub fn line(&self) -> String {
        format!("failed to {}: {}", self.did, self.why)
    }

    /// What to do, and every wrong field where there are several.
    pub fn hints(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.fields.len() > 1 {
            lines.extend(
                self.fields
                    .iter()
                    .map(|e| format!("{}: {}", e.pointer, e.detail)),
            );
        }
        lines.extend(self.hints.iter().cloned());
        lines
    }

    /// The farm's own problem, or one that says the same.
    pub fn problem(&self) -> Problem {
        match &self.problem {
            Some(problem) => (**problem).clone(),
            None => Problem {
                kind: "about:blank".to_owned(),
                title: format!("failed to {}", self.did),
                status: self.exit.status(),
                detail: self.why.clone(),
                code: self.exit.code().to_owned(),
                request_id: None,
                errors: self.fields.clone(),
            },
        }
    }

    fn of_client(did: String, error: ClientError) -> Self {
        match error {
            ClientError::Refused(problem) => Self::of_problem(did, problem),
            ClientError::NotReached {
                server,
                tries,
                elapsed,
                source,
            } => {
                let why = format!(
                    "{}, {tries} tries in {}",
                    last_cause(&source),
                    seconds(elapsed)
                );
                Self::new(Exit::NotReached, format!("reach {server}"), why)
                    .hint("nothing was changed; --server or FLATRENDER_SERVER names another farm")
            }
            ClientError::Broken {
                server,
                unknown,
                source,
            } => {
                let why = match &source {
                    Some(source) => {
                        format!("the connection to {server} broke: {}", last_cause(source))
                    }
                    None => format!("nothing came from {server} for too long"),
                };
                let hint = match unknown {
                    true => "it may have happened or not; look before you ask for it again",
                    false => "nothing was changed; try again",
                };
                Self::new(Exit::NotReached, did, why).hint(hint)
            }
            ClientError::Address { server, why } => {
                Self::new(Exit::Usage, format!("use the farm {server}"), why)
            }
            ClientError::NotUnderstood { .. } => Self::new(Exit::NotReached, did, &error)
                .hint("is there a farm at that address, and of this version?"),
            ClientError::File(ref source) => {
                let why = format!(
                    "a file could not be read while it was sent: {}",
                    last_cause(source)
                );
                Self::new(Exit::Refused, did, why)
            }
        }
    }

    fn of_problem(did: String, problem: Box<Problem>) -> Self {
        let exit = match problem.status {
            401 | 403 => Exit::NotAllowed,
            404 | 410 => Exit::NoSuch,
            409 | 412 | 428 => Exit::Conflict,
            400..=499 => Exit::Refused,
            _ => Exit::NotReached,
        };
        // The detail of a 401 is for programs that speak HTTP.
        let why = match problem.status {
            401 => lower(&problem.title),
            _ => problem.detail.clone(),
        };
        let mut failure = Self::new(exit, did, why);
        failure.fields.clone_from(&problem.errors);
        if problem.status == 401 {
            failure = failure.hint(
                "give the admin token with FLATRENDER_TOKEN or --token-file; the controller made it at its first start",
            );
        }
        if let (500.., Some(id)) = (problem.status, &problem.request_id) {
            failure = failure.hint(format!("the farm's log has more under request {id}"));
        }
        failure.problem = Some(problem);
        failure
    }
}

/// Says what was being done when the farm's client failed.
pub trait Doing<T> {
    /// `did` follows "failed to".
    ///
    /// # Errors
    /// The client's error as a [`Failure`].
    fn doing(self, did: impl Into<String>) -> Result<T, Failure>;
}

impl<T> Doing<T> for Result<T, ClientError> {
    fn doing(self, did: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure::of_client(did.into(), error))
    }
}

/// The innermost cause, without the system's number for it.
pub fn last_cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    let text = last.to_string();
    lower(text.split(" (os error").next().unwrap_or_default())
}

/// With a small first letter, to stand after a colon.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64().round().max(1.0))
}
