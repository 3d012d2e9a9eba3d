//! Answers for: rendering the frames of one run into files, as unkindly as After Effects may: each file empty first, then in three
//! pieces with pauses, none of them synced, several frames at once, finished out of order. Must not: know why these frames.
//!
//! One thread does one step of one frame at a time and picks the frame by a seeded generator, so that a run is the same
//! every time. A frame is never more than the window ahead of the oldest one that is not done.

use crate::canvas::Canvas;
use crate::code;
use crate::ending::{Ended, Failure};
use crate::fault::Kind;
use crate::faults::{Faults, Moment, trouble};
use crate::ledger::{Entry, Ledger};
use crate::module::Module;
use crate::output::Sequence;
use crate::picture::Painter;
use crate::picture_file;
use crate::settings::{LEDGER_VARIABLE, Settings};
use crate::speech::Words;
use crate::timecode::{Rate, timecode};
use crate::voice::Voice;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Instant, SystemTime};

/// Steps of one frame when unkind: the empty file, and three pieces.
const STEPS: u32 = 4;

/// What After Effects has been seen to say when its GPU fails (L54).
pub(crate) const GPU_FAILURE: &str =
    "After Effects has encountered a failure (code: 19969) related to GPU-enabled effects";

/// What a run needs to know.
#[derive(Debug)]
pub struct Run<'a> {
    /// How it behaves.
    pub settings: &'a Settings,
    /// What goes wrong.
    pub faults: &'a Faults,
    /// Paints.
    pub painter: &'a Painter,
    /// Names the files.
    pub sequence: &'a Sequence,
    /// The display frames, both included.
    pub range: (i64, i64),
    /// Files that are there already are left alone.
    pub skip_existing: bool,
    /// One picture for so many frames.
    pub increment: i64,
    /// What the files are.
    pub module: &'a Module,
    /// It is an output module behind the first one: it says nothing and stands in no ledger.
    pub quiet: bool,
    /// Words of the progress lines.
    pub words: Words,
    /// Frames under work at once.
    pub window: usize,
    /// For the timecode.
    pub rate: Rate,
    /// The display frame at timecode zero.
    pub display_base: i64,
    /// The display frame that is the composition's first.
    pub first_frame: i64,
}

/// A frame under work.
struct Flight {
    /// Place in this run, from 0.
    place: usize,
    frame: i64,
    fault: Option<Kind>,
    /// The frame whose picture it has.
    shows: i64,
    step: u32,
    bytes: Vec<u8>,
    written: usize,
    file: Option<File>,
    since: Instant,
}

impl Run<'_> {
    /// Renders; says a line for each frame.
    ///
    /// # Errors
    ///
    /// If the launcher is gone, a file can't be written, or a fault ends the run.
    pub fn render(&self, voice: &mut Voice) -> Result<(), Ended> {
        let mut ledger = if self.quiet { None } else { open_ledger()? };
        let folder = std::path::absolute(self.sequence.folder())
            .map_err(|error| trouble("find the output folder", &error))?;
        let frames = self.wanted();
        let mut random = Random::new(self.settings.seed, self.range.0);
        let mut flights: Vec<Flight> = Vec::new();
        let (mut next, mut done) = (0, 0);
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let mut spell = Spell::None;
        self.faults.strike(Moment::Start)?;
        loop {
            let oldest = flights
                .iter()
                .map(|flight| flight.place)
                .min()
                .unwrap_or(next);
            while next < frames.len() && next < oldest + self.window {
                let mut flight = self.take_off(next, frames[next])?;
                if flight.fault == Some(Kind::GpuFailure) {
                    voice.say(GPU_FAILURE)?;
                }
                spell.fall_on(&mut flight.fault, &mut flight.shows);
                flights.push(flight);
                next += 1;
            }
            if flights.is_empty() {
                break;
            }
            let chosen = random.below(flights.len());
            self.pause(flights[chosen].frame);
            if !self.step(&mut flights[chosen], &folder, ledger.as_mut())? {
                continue;
            }
            let flight = flights.swap_remove(chosen);
            done += 1;
            let growth = self.faults.growth_bytes(flight.frame, done);
            if growth > 0 {
                // Written to, since memory that is only asked for is not taken.
                kept.push(vec![1; growth]);
            }
            if !self.quiet {
                voice.queue(&self.line(&flight))?;
            }
            self.faults.strike(Moment::Done(done))?;
        }
        self.faults.strike(Moment::End)
    }

    fn wanted(&self) -> Vec<i64> {
        let all = self.range.0..=self.range.1;
        all.filter(|&frame| !(self.skip_existing && self.sequence.file(frame).exists()))
            .collect()
    }

    fn take_off(&self, place: usize, frame: i64) -> Result<Flight, Ended> {
        let fault = self.faults.of_frame(frame, self.range)?;
        Ok(Flight {
            place,
            frame,
            shows: self.picture_of(frame, fault),
            fault,
            step: 0,
            bytes: Vec::new(),
            written: 0,
            file: None,
            since: Instant::now(),
        })
    }

    pub(crate) fn pause(&self, frame: i64) {
        let whole = self.settings.frame_time(frame);
        let pause = if self.settings.unkind {
            whole / STEPS
        } else {
            whole
        };
        if !pause.is_zero() {
            thread::sleep(pause);
        }
    }

    /// Does the next step of a frame; whether it was the last.
    fn step(
        &self,
        flight: &mut Flight,
        folder: &Path,
        ledger: Option<&mut Ledger>,
    ) -> Result<bool, Ended> {
        if !self.settings.unkind {
            for _ in 0..STEPS - 1 {
                self.unkind_step(flight, folder, None)?;
            }
        }
        self.unkind_step(flight, folder, ledger)
    }

    fn unkind_step(
        &self,
        flight: &mut Flight,
        folder: &Path,
        ledger: Option<&mut Ledger>,
    ) -> Result<bool, Ended> {
        let step = flight.step;
        flight.step += 1;
        match step {
            0 => self.create(flight)?,
            1 => {
                flight.bytes = self.paint(flight)?;
                self.write(flight, flight.bytes.len() / 3)?;
            }
            2 => {
                self.write(flight, flight.bytes.len() / 3 * 2)?;
                self.faults.strike(Moment::Half(flight.frame))?;
            }
            _ => {
                self.finish(flight, folder, ledger)?;
                flight.file = None; // closes it
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn create(&self, flight: &mut Flight) -> Result<(), Ended> {
        if flight.fault != Some(Kind::Missing) {
            let path = match flight.fault {
                Some(Kind::WrongExtension) => self.sequence.misnamed(flight.frame),
                _ => self.sequence.file(flight.frame),
            };
            let made = File::create(path);
            flight.file = Some(made.map_err(|_| self.no_file())?);
        }
        Ok(())
    }

    pub(crate) fn no_file(&self) -> Failure {
        let folder = self.sequence.folder().display();
        Failure::runtime(&format!(
            "Error in output for render queue item 1, output module 1. Can not create a file in directory {folder}. \
             Try checking write permissions."
        ))
    }

    /// The frame whose picture a frame is to show.
    pub(crate) fn picture_of(&self, frame: i64, fault: Option<Kind>) -> i64 {
        if fault == Some(Kind::OtherFrame) {
            return if frame == self.first_frame {
                frame + 1
            } else {
                frame - 1
            };
        }
        let since_first = frame - self.range.0;
        self.range.0 + since_first / self.increment * self.increment
    }

    /// A picture as a fault leaves it.
    pub(crate) fn picture(&self, shows: i64, fault: Option<Kind>) -> Canvas {
        match fault {
            Some(Kind::Black | Kind::GpuFailure) => self.painter.black(),
            Some(Kind::WrongSize) => self.painter.half(shows),
            Some(Kind::Noise) => {
                let mut random = Random::new(self.settings.seed, shows);
                let noise = || [0; 3].map(|_: u8| random.below(256) as u8);
                let canvas = self.painter.frame(shows);
                // whose frame it is can still be read
                let (_, below) = code::area(canvas.width(), canvas.height());
                canvas.with_noise(below, noise)
            }
            // their files are spoilt, not their pictures
            Some(_) | None => self.painter.frame(shows),
        }
    }

    fn paint(&self, flight: &Flight) -> Result<Vec<u8>, Ended> {
        if matches!(flight.fault, Some(Kind::Missing | Kind::Empty)) {
            return Ok(Vec::new());
        }
        let canvas = self.picture(flight.shows, flight.fault);
        let made = if flight.fault == Some(Kind::WrongDepth) {
            let module = Module {
                depth: self.module.depth.other(),
                ..self.module.clone()
            };
            picture_file::bytes(&canvas, &module)
        } else {
            picture_file::bytes(&canvas, self.module)
        };
        made.map_err(|error| trouble("make a picture's file", &error))
    }

    /// Writes on up to this many bytes of the file.
    fn write(&self, flight: &mut Flight, until: usize) -> Result<(), Ended> {
        if let Some(file) = &mut flight.file {
            file.write_all(&flight.bytes[flight.written..until]).map_err(|error| {
                let name = self.sequence.file(flight.frame);
                Failure::runtime(&format!(
                    "Error in output for render queue item 1, output module 1. Can not write {}: {error}.",
                    name.display()
                ))
            })?;
            flight.written = until;
        }
        Ok(())
    }

    /// The last piece, and the ledger's line just before it.
    fn finish(
        &self,
        flight: &mut Flight,
        folder: &Path,
        ledger: Option<&mut Ledger>,
    ) -> Result<(), Ended> {
        if matches!(flight.fault, Some(Kind::Torn | Kind::Empty | Kind::Missing)) {
            return Ok(());
        }
        if let Some(ledger) = ledger {
            self.enter(ledger, folder, flight.frame)?;
        }
        self.write(flight, flight.bytes.len())
    }

    /// The ledger's line of a frame.
    pub(crate) fn enter(
        &self,
        ledger: &mut Ledger,
        folder: &Path,
        frame: i64,
    ) -> Result<(), Ended> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let entry = Entry {
            job: self.sequence.stem().to_owned(),
            frame,
            dir: folder.display().to_string(),
            pid: std::process::id(),
            at_ms: since.unwrap_or_default().as_millis() as u64,
        };
        ledger
            .append(&entry)
            .map_err(|error| trouble("write the ledger", &error))
    }

    fn line(&self, flight: &Flight) -> String {
        self.progress(flight.frame, flight.place, flight.since)
    }

    /// The line of a frame that is done, the one with this place in the run from 0.
    pub(crate) fn progress(&self, frame: i64, place: usize, since: Instant) -> String {
        let shown = self.shown(frame);
        let seconds = self.words.seconds(since.elapsed().as_secs());
        format!("{shown} ({}): {seconds}", place + 1)
    }

    /// A display frame as this project shows it.
    #[must_use]
    pub fn shown(&self, frame: i64) -> String {
        if self.settings.bare_frames {
            frame.to_string()
        } else {
            timecode(frame - self.display_base, self.rate)
        }
    }
}

/// What befell a frame and lasts.
pub(crate) enum Spell {
    None,
    /// Everything is black.
    Dark,
    /// Everything shows this frame.
    Frozen(i64),
}

impl Spell {
    /// Takes in what happens to a frame that shows this one, or lets it feel what happened before.
    pub(crate) fn fall_on(&mut self, fault: &mut Option<Kind>, shows: &mut i64) {
        match (*fault, &*self) {
            (Some(Kind::GpuFailure), _) => *self = Self::Dark,
            (Some(Kind::Frozen), Self::None) => *self = Self::Frozen(*shows),
            (None, Self::Dark) => *fault = Some(Kind::Black),
            (_, Self::Frozen(frame)) => *shows = *frame,
            (_, Self::None | Self::Dark) => {}
        }
    }
}

pub(crate) fn open_ledger() -> Result<Option<Ledger>, Ended> {
    let Some(path) = std::env::var_os(LEDGER_VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let opened = Ledger::open(Path::new(&path));
    opened
        .map(Some)
        .map_err(|error| trouble("open the ledger", &error))
}

/// A small generator (xorshift, 64 bit): the order of steps has to be the same every time, not secret.
struct Random(u64);

impl Random {
    fn new(seed: u64, first_frame: i64) -> Self {
        let mixed =
            (seed ^ (first_frame as u64).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(mixed | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) as usize) % limit
    }
}
