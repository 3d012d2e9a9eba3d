//! Answers for: running ffmpeg and ffprobe: argument vectors, a process group of their own, killed when dropped, the end of what they
//! say kept. Must not: know what for.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that starts ffmpeg and ends it"
)]

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::FilmError;

/// Much more than any single step of ffmpeg takes on a machine that is merely busy.
pub(super) const STILL: Duration = Duration::from_secs(300);

/// What is kept of standard error.
const STDERR_BYTES: usize = 16 * 1024;

/// What of it goes into an error's text.
const STDERR_SHOWN: usize = 1200;

/// What a program is run for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    pub program: &'static str,
    /// Follows "while it was to".
    pub doing: &'static str,
}

/// A program that runs. Dropped, it is killed.
pub(super) struct Running {
    purpose: Purpose,
    child: Child,
    stderr: JoinHandle<Vec<u8>>,
}

/// Which of the program's streams are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pipe {
    Input,
    Output,
}

impl Running {
    pub fn start(purpose: Purpose, args: &[OsString], pipe: Pipe) -> Result<Self, FilmError> {
        let ours = |wanted| {
            if pipe == wanted {
                Stdio::piped()
            } else {
                Stdio::null()
            }
        };
        let mut command = Command::new(purpose.program);
        command
            .args(args)
            .stdin(ours(Pipe::Input))
            .stdout(ours(Pipe::Output))
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // What a terminal sends to our group is not meant for it.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|source| FilmError::Start {
            program: purpose.program,
            source,
        })?;
        let stderr = child.stderr.take().expect("standard error is piped above");
        Ok(Self {
            purpose,
            child,
            stderr: tokio::spawn(keep_end(stderr)),
        })
    }

    pub fn stdin(&mut self) -> ChildStdin {
        self.child
            .stdin
            .take()
            .expect("asked for once, with Pipe::Input")
    }

    pub fn stdout(&mut self) -> ChildStdout {
        self.child
            .stdout
            .take()
            .expect("asked for once, with Pipe::Output")
    }

    /// Waits for a step of the program, and kills it when nothing happens.
    pub async fn step<T>(&mut self, step: impl Future<Output = T>) -> Result<T, FilmError> {
        if let Ok(done) = timeout(STILL, step).await {
            return Ok(done);
        }
        // Whether it is still there to be killed does not matter.
        let _ = self.child.start_kill();
        Err(self.stalled())
    }

    fn stalled(&self) -> FilmError {
        FilmError::Stalled {
            program: self.purpose.program,
            doing: self.purpose.doing,
            seconds: STILL.as_secs(),
        }
    }

    /// Waits for its end; anything but success is an error with the end of what it said.
    pub async fn end(mut self) -> Result<(), FilmError> {
        let Ok(status) = timeout(STILL, self.child.wait()).await else {
            return Err(self.stalled());
        };
        let status = status.map_err(|source| FilmError::Start {
            program: self.purpose.program,
            source,
        })?;
        if status.success() {
            return Ok(());
        }
        let stderr = self.stderr.await.unwrap_or_default();
        Err(FilmError::Failed {
            program: self.purpose.program,
            doing: self.purpose.doing,
            status: in_words(status),
            stderr: end_of(&stderr),
        })
    }
}

/// Runs a program and takes what it prints, at most `most` bytes of it.
pub(super) async fn output(
    purpose: Purpose,
    args: &[OsString],
    most: u64,
) -> Result<Vec<u8>, FilmError> {
    let mut running = Running::start(purpose, args, Pipe::Output)?;
    let mut stdout = running.stdout().take(most);
    let mut printed = Vec::new();
    let read = async { stdout.read_to_end(&mut printed).await };
    // An output that breaks off goes with an exit code that says so.
    let _ = running.step(read).await?;
    drop(stdout);
    running.end().await?;
    Ok(printed)
}

/// Whether films can be made here: ffmpeg and ffprobe are in `PATH`, new enough, with H.264 and AAC.
pub async fn available() -> bool {
    let run = |program, args: &[&str]| {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let purpose = Purpose {
            program,
            doing: "say what it can do",
        };
        async move { output(purpose, &args, 1 << 20).await.unwrap_or_default() }
    };
    let has = |text: &[u8], word: &str| {
        String::from_utf8_lossy(text)
            .split_ascii_whitespace()
            .any(|found| found == word)
    };
    let encoders = run("ffmpeg", &["-hide_banner", "-encoders"]).await;
    let options = run("ffmpeg", &["-hide_banner", "-h", "long"]).await;
    let prober = run("ffprobe", &["-hide_banner", "-version"]).await;
    has(&encoders, "libx264")
        && has(&encoders, "aac")
        && has(&options, "-fps_mode")
        && !prober.is_empty()
}

async fn keep_end(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        if kept.len() > STDERR_BYTES {
            kept.drain(..kept.len() - STDERR_BYTES);
        }
    }
    kept
}

fn in_words(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

/// The end of what a program said, in one line.
fn end_of(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let joined = lines.join("; ");
    let skip = joined.chars().count().saturating_sub(STDERR_SHOWN);
    if joined.is_empty() {
        "it said nothing".into()
    } else {
        joined.chars().skip(skip).collect()
    }
}
