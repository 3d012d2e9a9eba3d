//! Answers for: the first process, aerender itself: starts After Effects, copies what it says to the standard output, and returns its
//! exit code. Must not: render, or read the project.

use crate::arguments;
use crate::ending::Class;
use crate::settings::Settings;
use crate::voice::{EXIT, SAY};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, SystemTime};

/// The first line of every run.
pub const VERSION_LINE: &str = "aerender version 25.2x26 (stand-in)";
/// The internal flag that makes a process the second one.
pub const PORT: &str = "-port";

const LAUNCHING: &str = "PROGRESS: Launching After Effects...";
const LAUNCHED: &str = "PROGRESS: ...After Effects successfully launched";
const CONNECTION_LOST: &str =
    "aerender ERROR An existing connection was forcibly closed by the remote host.";

/// How long a second process that has said its last word may take to end.
const PARTING: Duration = Duration::from_secs(10);
/// How long a connection that was made may take to show up after its process has ended.
const LATE_CONNECTION: Duration = Duration::from_millis(500);
/// How long a stranger on the port may take to say who he is.
const INTRODUCTION: Duration = Duration::from_secs(5);
/// The longest line of the second process, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;

enum Event {
    Connected(BufReader<TcpStream>),
    Ended,
}

/// The launcher's own lines: when unkind they are printed last, as from a buffered pipe.
struct OwnLines {
    at_once: bool,
    kept: Vec<&'static str>,
}

impl OwnLines {
    fn print(&mut self, line: &'static str) {
        if self.at_once {
            print_line(line.as_bytes());
        } else {
            self.kept.push(line);
        }
    }

    fn flush(&mut self) {
        for line in self.kept.drain(..) {
            print_line(line.as_bytes());
        }
    }
}

/// Runs the launcher with its command line and returns the exit code.
#[must_use]
pub fn run(words: &[String]) -> u8 {
    if let (_, Some(failure)) = arguments::parse(words)
        && matches!(failure.class, Class::Usage | Class::Version)
    {
        print_line(VERSION_LINE.as_bytes());
        if failure.class == Class::Usage {
            print_line(failure.text.as_bytes());
        }
        return failure.class.exit_code(false);
    }
    let settings = match Settings::from_environment() {
        Ok(settings) => settings,
        Err(error) => return refuse(&error),
    };
    let mut own = OwnLines {
        at_once: !settings.unkind,
        kept: Vec::new(),
    };
    own.print(VERSION_LINE);
    own.print(LAUNCHING);
    let code = match launch(words) {
        Ok(events) => follow(&events, &mut own),
        Err(_) => {
            own.print("aerender ERROR: Can not open socket.");
            Class::Socket.exit_code(false)
        }
    };
    own.flush();
    code
}

/// Settings that can't be used are the tester's mistake, not aerender's: they are told on the error output.
fn refuse(error: &dyn std::error::Error) -> u8 {
    let mut text = format!("aerender-sim: failed to {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    // If this can't be said there is nothing left to do.
    let _ = writeln!(io::stderr(), "{text}");
    1
}

/// Starts the second process, in this process's group and with its outputs, and listens for it.
fn launch(words: &[String]) -> io::Result<Receiver<Event>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nonce = format!(
        "{}-{}",
        std::process::id(),
        since.unwrap_or_default().as_nanos()
    );
    let mut second = Command::new(std::env::current_exe()?)
        .arg(PORT)
        .arg(format!("{}/{nonce}", listener.local_addr()?))
        .args(words)
        .stdin(Stdio::null())
        .spawn()?;
    let (sender, events) = mpsc::channel();
    let ended = sender.clone();
    thread::spawn(move || {
        // However it ended and whoever still listens: the second process is gone.
        let _ = second.wait();
        let _ = ended.send(Event::Ended);
    });
    thread::spawn(move || accept(&listener, &nonce, &sender));
    Ok(events)
}

/// Waits for the one who knows the nonce.
fn accept(listener: &TcpListener, nonce: &str, sender: &Sender<Event>) {
    for link in listener.incoming().flatten() {
        if let Ok(stream) = introduced(link, nonce) {
            // Nobody listens any more only when the launcher is about to end.
            let _ = sender.send(Event::Connected(stream));
            return;
        }
    }
}

fn introduced(link: TcpStream, nonce: &str) -> io::Result<BufReader<TcpStream>> {
    link.set_read_timeout(Some(INTRODUCTION))?;
    let mut stream = BufReader::new(link);
    let mut said = String::new();
    stream.by_ref().take(256).read_line(&mut said)?;
    if said.trim_end() != nonce {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.get_ref().set_read_timeout(None)?;
    Ok(stream)
}

/// Copies what the second process says until it is gone.
fn follow(events: &Receiver<Event>, own: &mut OwnLines) -> u8 {
    let stream = match events.recv() {
        Ok(Event::Connected(stream)) => Ok(stream),
        Ok(Event::Ended) => match events.recv_timeout(LATE_CONNECTION) {
            Ok(Event::Connected(stream)) => Ok(stream),
            Ok(Event::Ended) | Err(_) => Err(()),
        },
        Err(_) => Err(()),
    };
    let Ok(stream) = stream else {
        own.print(CONNECTION_LOST);
        return Class::Application.exit_code(false);
    };
    own.print(LAUNCHED);
    let code = copy(stream);
    match events.recv_timeout(PARTING) {
        // It has ended, or it refuses to: the launcher goes either way.
        Ok(_) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
    }
    code.unwrap_or_else(|| {
        own.print(CONNECTION_LOST);
        Class::Application.exit_code(false)
    })
}

/// Prints every line; the exit code if it was told.
fn copy(mut stream: BufReader<TcpStream>) -> Option<u8> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = stream
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line);
        match (read, line.split_first()) {
            (Ok(_), Some((&SAY, text))) => print_line(text.strip_suffix(b"\n").unwrap_or(text)),
            (Ok(_), Some((&EXIT, text))) => {
                return str::from_utf8(text).ok()?.trim_end().parse().ok();
            }
            (Ok(_), Some(_)) => {}
            (Ok(_), None) | (Err(_), _) => return None,
        }
    }
}

/// Nobody may be reading any more: aerender goes on all the same.
fn print_line(line: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out
        .write_all(line)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
}
