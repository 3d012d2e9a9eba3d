//! Answers for: what After Effects says, to its launcher over a socket or into the log file, and for noticing that the launcher
//! is gone. Must not: decide what is said.
//!
//! The socket carries lines: `s` and a line for the standard output, and at last `x` and the exit code.

use crate::arguments::Verbosity;
use crate::ending::Ended;
use std::fs::File;
use std::io::{self, Write};
use std::net::TcpStream;

/// Marks a line for the standard output.
pub const SAY: u8 = b's';
/// Marks the exit code.
pub const EXIT: u8 = b'x';

/// The second process's end of the socket.
#[derive(Debug)]
pub struct Voice {
    link: TcpStream,
    log: Option<File>,
    verbosity: Verbosity,
    stubborn: bool,
    code_page: bool,
}

impl Voice {
    /// Connects to the launcher at `address`, which is `IP:PORT/NONCE`.
    ///
    /// # Errors
    ///
    /// If nobody is there.
    pub fn connect(address: &str, stubborn: bool) -> io::Result<Self> {
        let (place, nonce) = address
            .split_once('/')
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no nonce in -port"))?;
        let mut link = TcpStream::connect(place)?;
        link.set_nodelay(true)?;
        link.write_all(format!("{nonce}\n").as_bytes())?;
        Ok(Self {
            link,
            log: None,
            verbosity: Verbosity::default(),
            stubborn,
            code_page: false,
        })
    }

    /// What is said from now on.
    pub fn set_verbosity(&mut self, verbosity: Verbosity) {
        self.verbosity = verbosity;
    }

    /// Lines come in a code page of one byte a letter from now on.
    pub fn use_code_page(&mut self) {
        self.code_page = true;
    }

    /// Everything goes into this file from now on, in place of the launcher's output.
    pub fn log_to(&mut self, file: File) {
        self.log = Some(file);
    }

    /// Whether there is a log file: it changes the exit codes.
    #[must_use]
    pub fn has_log(&self) -> bool {
        self.log.is_some()
    }

    /// Says a line of the render queue, which are indented by one more space.
    ///
    /// # Errors
    ///
    /// If the launcher is gone.
    pub fn queue(&mut self, text: &str) -> Result<(), Ended> {
        self.optional(&format!("PROGRESS:  {text}"))
    }

    /// Says a line that `-v ERRORS` hides.
    ///
    /// # Errors
    ///
    /// If the launcher is gone.
    pub fn optional(&mut self, line: &str) -> Result<(), Ended> {
        match self.verbosity {
            Verbosity::Errors => self.check_launcher(),
            Verbosity::Progress => self.say(line),
        }
    }

    /// Says a line.
    ///
    /// # Errors
    ///
    /// If the launcher is gone; then it was not said, but the log file says that the render was aborted.
    pub fn say(&mut self, line: &str) -> Result<(), Ended> {
        let gone = self.check_launcher();
        if let Some(log) = &mut self.log {
            let line = if gone.is_ok() {
                line
            } else {
                "INFO: Render aborted."
            };
            // After Effects goes on rendering when its log can't be written.
            let _ = log.write_all(format!("{line}\n").as_bytes());
        } else if gone.is_ok() {
            // Nobody to be told is what the next message finds out.
            let _ = self.send(SAY, line);
        }
        gone
    }

    /// Tells the launcher the exit code; if it is gone there is nobody to tell.
    pub fn exit(&mut self, code: u8) {
        let _ = self.send(EXIT, &code.to_string());
    }

    /// Whether the launcher's end of the socket is still open. The launcher never writes, so there is either nothing to
    /// be read or the end.
    fn check_launcher(&self) -> Result<(), Ended> {
        if self.stubborn {
            return Ok(());
        }
        let peeked = self.link.set_nonblocking(true).and_then(|()| {
            let peeked = self.link.peek(&mut [0]);
            self.link.set_nonblocking(false)?;
            peeked
        });
        match peeked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Ok(_) | Err(_) => Err(Ended::LauncherGone),
        }
    }

    fn send(&mut self, mark: u8, text: &str) -> io::Result<()> {
        let mut line = vec![mark];
        if self.code_page {
            line.extend(
                text.chars()
                    .map(|letter| u8::try_from(letter).unwrap_or(b'?')),
            );
        } else {
            line.extend_from_slice(text.as_bytes());
        }
        line.push(b'\n');
        self.link.write_all(&line)
    }
}
