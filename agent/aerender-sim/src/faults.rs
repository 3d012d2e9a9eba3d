//! Answers for: when a fault of the settings happens, and the doing of those that concern the process itself. Must not: know
//! how frames are written (`frames` spoils those).

use crate::ending::{Class, Ended, Failure};
use crate::fault::{At, Concern, Fault, Kind, Place};
use crate::home::Home;
use crate::settings::Settings;
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Even what hangs or is left behind ends at last: a forgotten test must not leave processes for ever.
pub const LONGEST_HANG: Duration = Duration::from_secs(3600);
/// The internal argument of the process that the fault `child` leaves behind.
pub const LINGER: &str = "-linger";
/// How long that process stays.
pub const LONGEST_LINGER: Duration = Duration::from_secs(600);

/// A point in a run at which something can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the first message.
    Launch,
    /// Before the first frame.
    Start,
    /// While this display frame is half written.
    Half(i64),
    /// After so many frames.
    Done(u32),
    /// After the last frame.
    End,
}

/// The faults that concern one job.
#[derive(Debug)]
pub struct Faults {
    faults: Vec<(usize, Fault)>,
    home: Option<Home>,
    stubborn: bool,
}

impl Faults {
    /// The faults of the settings for the job with this stem.
    #[must_use]
    pub fn new(settings: &Settings, home: Option<Home>, stem: &str) -> Self {
        let here = |fault: &Fault| {
            let named = |node: &String| fault.nodes.contains(node);
            fault.nodes.is_empty() || settings.node.as_ref().is_some_and(named)
        };
        let concerns =
            |fault: &Fault| fault.job.as_deref().is_none_or(|job| job == stem) && here(fault);
        let all = settings.faults.iter().cloned().enumerate();
        Self {
            faults: all.filter(|(_, fault)| concerns(fault)).collect(),
            home,
            stubborn: false,
        }
    }

    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self {
            faults: Vec::new(),
            home: None,
            stubborn: false,
        }
    }

    /// What goes wrong before the first message, in the order of the settings.
    ///
    /// # Errors
    ///
    /// If the fault ends the run.
    pub fn launch(&mut self) -> Result<(), Ended> {
        for (index, fault) in self.faults.clone() {
            match fault.kind {
                Kind::SlowStart if self.counts(index, &fault)? => {
                    thread::sleep(Duration::from_millis(fault.ms));
                }
                Kind::RefuseToDie if self.counts(index, &fault)? => {
                    self.stubborn = true;
                    ignore_polite_signals();
                }
                Kind::Child if self.counts(index, &fault)? => leave_a_child()?,
                _ => {}
            }
        }
        self.strike(Moment::Launch)
    }

    /// Whether this process refuses to end.
    #[must_use]
    pub fn stubborn(&self) -> bool {
        self.stubborn
    }

    /// Does what goes wrong at this moment.
    ///
    /// # Errors
    ///
    /// If the fault ends the run.
    pub fn strike(&self, moment: Moment) -> Result<(), Ended> {
        for (index, fault) in &self.faults {
            if !happens(fault, moment) || !self.counts(*index, fault)? {
                continue;
            }
            match fault.kind {
                Kind::Crash => die(),
                Kind::Hang => hang(),
                Kind::Spin => spin(),
                Kind::Exit0 => return Err(Ended::Early),
                Kind::Exit1 => {
                    let text = "aerender ERROR: Runtime error in After Effects.";
                    return Err(Failure::new(Class::Application, text).into());
                }
                Kind::AnotherInstance => {
                    let text = "aerender ERROR: After Effects can not render for aerender. Another instance of aerender, or \
                         another script, may be running; or, AE may be waiting for response from a modal dialog, or for a \
                         render to complete. Try running aerender without the -reuse flag to invoke a separate instance of After Effects";
                    return Err(Failure::new(Class::NotFound, text).into());
                }
                // these are no faults of the process: `happens` has left them out
                Kind::Torn
                | Kind::Empty
                | Kind::Missing
                | Kind::Black
                | Kind::WrongSize
                | Kind::WrongDepth
                | Kind::OtherFrame
                | Kind::Frozen
                | Kind::Noise
                | Kind::SlowStart
                | Kind::RefuseToDie
                | Kind::Child
                | Kind::Grow
                | Kind::GpuFailure
                | Kind::WrongExtension
                | Kind::MissingEffect
                | Kind::MissingFont
                | Kind::DisabledExpression => {}
            }
        }
        Ok(())
    }

    /// What goes wrong with a frame of the range `first` to `last`.
    ///
    /// # Errors
    ///
    /// If the home can't be used to count.
    pub fn of_frame(&self, frame: i64, (first, last): (i64, i64)) -> Result<Option<Kind>, Ended> {
        for (index, fault) in &self.faults {
            let meant = match fault.at {
                At::Frame(frame) => frame,
                At::After { after } => first + i64::from(after),
                At::Place(Place::End) => last,
                At::Place(Place::Start) | At::Unsaid => first,
                At::Place(Place::Launch) => continue,
            };
            let met = (meant..meant.saturating_add(i64::from(fault.frames))).contains(&frame);
            if fault.kind.concern() == Concern::Frame && met && self.counts(*index, fault)? {
                return Ok(Some(fault.kind));
            }
        }
        Ok(None)
    }

    /// What is wrong with the project on this machine, for the whole run.
    ///
    /// # Errors
    ///
    /// If the home can't be used to count.
    pub fn of_project(&self) -> Result<Vec<Kind>, Ended> {
        let mut found = Vec::new();
        for (index, fault) in &self.faults {
            if fault.kind.concern() == Concern::Project && self.counts(*index, fault)? {
                found.push(fault.kind);
            }
        }
        Ok(found)
    }

    /// Bytes by which memory grows with the frame that is the `done`th of this run.
    #[must_use]
    pub fn growth_bytes(&self, frame: i64, done: u32) -> usize {
        let grows = |fault: &&(usize, Fault)| {
            fault.1.kind == Kind::Grow
                && match fault.1.at {
                    At::Frame(from) => frame >= from,
                    At::After { after } => done > after,
                    At::Place(Place::End) => false,
                    At::Place(Place::Launch | Place::Start) | At::Unsaid => true,
                }
        };
        let mib = |fault: &(usize, Fault)| fault.1.mib as usize;
        self.faults.iter().filter(grows).map(mib).sum::<usize>() << 20
    }

    /// Whether the fault still happens; counts it if it has a number of times.
    fn counts(&self, index: usize, fault: &Fault) -> Result<bool, Ended> {
        let (Some(times), Some(home)) = (fault.times, &self.home) else {
            return Ok(true);
        };
        home.count_fault(index, times)
            .map_err(|error| trouble("count a fault", &error))
    }
}

/// A trouble of the stand-in itself.
pub fn trouble(doing: &str, error: &std::io::Error) -> Ended {
    let text = format!("aerender ERROR: could not {doing}: {error}");
    Failure::new(Class::Application, text).into()
}

fn happens(fault: &Fault, moment: Moment) -> bool {
    let of_the_process = fault.kind.concern() == Concern::Process;
    let now = match fault.at {
        At::Frame(frame) => moment == Moment::Half(frame),
        At::After { after: 0 } | At::Place(Place::Start) | At::Unsaid => moment == Moment::Start,
        At::After { after } => moment == Moment::Done(after),
        At::Place(Place::Launch) => moment == Moment::Launch,
        At::Place(Place::End) => moment == Moment::End,
    };
    of_the_process && now
}

/// Dies at once: no destructor, no flush, no last word.
fn die() -> ! {
    #[cfg(unix)]
    {
        use nix::sys::signal::{Signal, kill};
        // Without a core file, which an abort could leave. If it is refused, the abort below does it.
        let _ = kill(nix::unistd::Pid::this(), Signal::SIGKILL);
    }
    std::process::abort()
}

/// Does nothing until it is killed.
pub fn hang() -> ! {
    thread::sleep(LONGEST_HANG);
    std::process::exit(1)
}

fn spin() -> ! {
    let start = Instant::now();
    let mut count = 0_u64;
    while start.elapsed() < LONGEST_HANG {
        for _ in 0..1_000_000 {
            count = black_box(count.wrapping_add(1));
        }
    }
    std::process::exit(1)
}

fn ignore_polite_signals() {
    #[cfg(unix)]
    {
        use nix::sys::signal::{SigSet, Signal};
        let mut polite = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            polite.add(signal);
        }
        // It has one thread only, so this holds for the process.
        let _ = polite.thread_block();
    }
}

fn leave_a_child() -> Result<(), Ended> {
    let program = std::env::current_exe().map_err(|error| trouble("find itself", &error))?;
    Command::new(program)
        .arg(LINGER)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|error| trouble("start a child", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Faults {
        let settings = Settings::parse(&format!("{{\"faults\": [{json}]}}")).unwrap();
        Faults::new(&settings, None, "mine")
    }

    #[test]
    fn faults_of_frames_find_their_frame() {
        let spoilt = |json| {
            let faults = faults(json);
            let spoils = |frame: &i64| faults.of_frame(*frame, (10, 19)).unwrap().is_some();
            (10..20).filter(spoils).collect::<Vec<_>>()
        };
        assert_eq!(spoilt(r#"{"kind": "torn", "at": 12}"#), [12]);
        assert_eq!(spoilt(r#"{"kind": "empty", "at": {"after": 3}}"#), [13]);
        assert_eq!(spoilt(r#"{"kind": "black"}"#), [10]);
        assert_eq!(spoilt(r#"{"kind": "missing", "at": "end"}"#), [19]);
        assert_eq!(spoilt(r#"{"kind": "torn", "at": 12, "job": "mine"}"#), [12]);
        assert!(spoilt(r#"{"kind": "torn", "at": 12, "job": "yours"}"#).is_empty());
        assert_eq!(
            spoilt(r#"{"kind": "noise", "at": 12, "frames": 3}"#),
            [12, 13, 14]
        );
        assert!(spoilt(r#"{"kind": "crash", "at": 12}"#).is_empty());
    }

    #[test]
    fn faults_stay_on_their_nodes() {
        let json = r#"{"faults": [{"kind": "noise", "nodes": ["a", "b"]}]}"#;
        let on = |node: Option<&str>| {
            let settings = Settings {
                node: node.map(str::to_owned),
                ..Settings::parse(json).unwrap()
            };
            let faults = Faults::new(&settings, None, "mine");
            faults.of_frame(0, (0, 9)).unwrap().is_some()
        };
        assert!(on(Some("a")) && on(Some("b")));
        assert!(!on(Some("c")) && !on(None));
    }

    #[test]
    fn faults_of_the_process_find_their_moment() {
        let faults = faults(r#"{"kind": "exit0", "at": {"after": 3}}, {"kind": "exit1", "at": 7}"#);
        assert_eq!(faults.strike(Moment::Start), Ok(()));
        assert_eq!(faults.strike(Moment::Done(2)), Ok(()));
        assert_eq!(faults.strike(Moment::Done(3)), Err(Ended::Early));
        assert!(matches!(
            faults.strike(Moment::Half(7)),
            Err(Ended::Failed(_))
        ));
        assert_eq!(faults.strike(Moment::End), Ok(()));
    }
}
