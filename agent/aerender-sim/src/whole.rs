//! Answers for: output modules that write one file for the whole range: sound, and movies. Must not: paint or mix.
//!
//! They go frame by frame, in order: whatever goes wrong at a frame leaves the file as it is then. After Effects says a line a
//! frame also where there is only sound (**not verified**).

use crate::aiff;
use crate::ending::{Ended, Failure};
use crate::fault::Kind;
use crate::faults::{Moment, trouble};
use crate::frames::{GPU_FAILURE, Run, Spell, open_ledger};
use crate::module::Format;
use crate::movie::Movie;
use crate::sound::{Mix, sample_of_frame};
use crate::voice::Voice;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What a fault leaves of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoilt {
    No,
    /// It ends in the middle of this display frame.
    Torn(i64),
    Empty,
    Missing,
    Misnamed,
}

/// A file that is taken away when it is no longer needed.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // what can't be removed is left in the system's folder for such files
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Run<'_> {
    /// Renders the range to one file; says a line for each frame.
    ///
    /// # Errors
    ///
    /// If the launcher is gone, the file can't be written, or a fault ends the run.
    pub fn render_whole(&self, mix: &Mix, voice: &mut Voice) -> Result<(), Ended> {
        self.faults.strike(Moment::Start)?;
        let frames = self.range.0..=self.range.1;
        let mut faults = Vec::new();
        for frame in frames {
            faults.push(self.faults.of_frame(frame, self.range)?);
        }
        let spoilt = self.spoilt(&faults);
        let path = match spoilt {
            Spoilt::Misnamed => self.sequence.whole().with_extension("m4v"),
            Spoilt::No | Spoilt::Torn(_) | Spoilt::Empty | Spoilt::Missing => self.sequence.whole(),
        };
        if self.module.format == Format::Aiff {
            self.render_sound(mix, spoilt, &path, voice)?;
        } else {
            self.render_movie(mix, &faults, &path, voice)?;
            spoil(&path, spoilt).map_err(|error| not_written(&path, &error))?;
        }
        self.faults.strike(Moment::End)
    }

    /// The one file of sound.
    fn render_sound(
        &self,
        mix: &Mix,
        spoilt: Spoilt,
        path: &Path,
        voice: &mut Voice,
    ) -> Result<(), Ended> {
        let mut file = match spoilt {
            Spoilt::Missing => None,
            Spoilt::No | Spoilt::Torn(_) | Spoilt::Empty | Spoilt::Misnamed => {
                Some(File::create(path).map_err(|_| self.no_file())?)
            }
        };
        let mut write = |bytes: &[u8], torn: bool| match &mut file {
            Some(file) if !torn && spoilt != Spoilt::Empty => {
                let written = file.write_all(bytes);
                written.map_err(|error| not_written(path, &error))
            }
            Some(_) | None => Ok(()),
        };
        write(&aiff::header(self.samples()?), false)?;
        for (place, frame) in (self.range.0..=self.range.1).enumerate() {
            let since = Instant::now();
            self.pause(frame);
            let bytes = self.sound_of(mix, frame);
            let (one, other) = bytes.split_at(bytes.len() / 2);
            let torn =
                |half| matches!(spoilt, Spoilt::Torn(at) if frame > at || frame == at && half);
            write(one, torn(false))?;
            self.faults.strike(Moment::Half(frame))?;
            write(other, torn(true))?;
            self.tell(frame, place, since, voice)?;
        }
        Ok(())
    }

    /// The one file of pictures and sound.
    fn render_movie(
        &self,
        mix: &Mix,
        faults: &[Option<Kind>],
        path: &Path,
        voice: &mut Voice,
    ) -> Result<(), Ended> {
        // as After Effects does, so that a folder that is not there is told in its words
        File::create(path).map_err(|_| self.no_file())?;
        let heard = self.module.sound && !mix.is_silent();
        let sound = heard.then(|| self.scratch_sound(mix)).transpose()?;
        let window = self.module.window(self.painter.size());
        let window = window.ok_or_else(|| Failure::runtime("nothing is left after the crop."))?;
        let size = (window.2, window.3);
        let sound = sound.as_ref().map(|sound| sound.0.as_path());
        let mut movie = Movie::begin(self.module, path, size, self.rate, sound)?;
        let mut ledger = if self.quiet { None } else { open_ledger()? };
        let folder = std::path::absolute(self.sequence.folder())
            .map_err(|error| trouble("find the output folder", &error))?;
        let mut spell = Spell::None;
        for (place, frame) in (self.range.0..=self.range.1).enumerate() {
            let since = Instant::now();
            self.pause(frame);
            // one picture of another size can't be in a movie
            let fault = faults.get(place).copied().flatten();
            let mut fault = fault.filter(|fault| *fault != Kind::WrongSize);
            let mut shows = self.picture_of(frame, fault);
            if fault == Some(Kind::GpuFailure) {
                voice.say(GPU_FAILURE)?;
            }
            spell.fall_on(&mut fault, &mut shows);
            let picture = self.picture(shows, fault).window(window);
            self.faults.strike(Moment::Half(frame))?;
            movie.add(picture.pixels())?;
            if let Some(ledger) = &mut ledger {
                self.enter(ledger, &folder, frame)?;
            }
            self.tell(frame, place, since, voice)?;
        }
        movie.finish()?;
        Ok(())
    }

    /// The line of a frame that is done, and what goes wrong after it.
    fn tell(
        &self,
        frame: i64,
        place: usize,
        since: Instant,
        voice: &mut Voice,
    ) -> Result<(), Ended> {
        if !self.quiet {
            voice.queue(&self.progress(frame, place, since))?;
        }
        self.faults.strike(Moment::Done(place as u32 + 1))
    }

    /// The range's sound in a file of its own, for ffmpeg.
    fn scratch_sound(&self, mix: &Mix) -> Result<Scratch, Ended> {
        let name = format!("aerender-sim-{}.aif", std::process::id());
        let path = std::env::temp_dir().join(name);
        let scratch = Scratch(path.clone());
        let wrong = |error: std::io::Error| not_written(&path, &error);
        let mut file = File::create(&path).map_err(wrong)?;
        file.write_all(&aiff::header(self.samples()?))
            .map_err(wrong)?;
        for frame in self.range.0..=self.range.1 {
            file.write_all(&self.sound_of(mix, frame)).map_err(wrong)?;
        }
        Ok(scratch)
    }

    /// The sample that a display frame begins with, from the composition's first.
    fn begins(&self, frame: i64) -> i64 {
        sample_of_frame(frame - self.first_frame, self.rate)
    }

    fn sound_of(&self, mix: &Mix, frame: i64) -> Vec<u8> {
        let (from, until) = (self.begins(frame), self.begins(frame + 1));
        aiff::bytes(&mix.samples(from, (until - from) as usize))
    }

    /// How many samples the range has.
    fn samples(&self) -> Result<u32, Failure> {
        let samples = self.begins(self.range.1 + 1) - self.begins(self.range.0);
        let samples = u32::try_from(samples).ok();
        samples
            .filter(|samples| *samples <= aiff::MOST_SAMPLES)
            .ok_or_else(|| {
                let text =
                    "an AIFF file can not hold more than 4 GB of sound. Render a shorter time span.";
                Failure::runtime(text)
            })
    }

    /// What the faults of the range's frames do to the one file; the first of them counts.
    fn spoilt(&self, faults: &[Option<Kind>]) -> Spoilt {
        let frames = self.range.0..=self.range.1;
        for (frame, fault) in frames.zip(faults) {
            match fault {
                Some(Kind::Torn) => return Spoilt::Torn(frame),
                Some(Kind::Empty) => return Spoilt::Empty,
                Some(Kind::Missing) => return Spoilt::Missing,
                Some(Kind::WrongExtension) => return Spoilt::Misnamed,
                // the others spoil pictures
                Some(_) | None => {}
            }
        }
        Spoilt::No
    }
}

/// Does to a movie that is done what a fault does; a torn one keeps its first half.
fn spoil(path: &Path, spoilt: Spoilt) -> std::io::Result<()> {
    let cut = |share: u64| {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(file.metadata()?.len() * share / 2)
    };
    match spoilt {
        Spoilt::No | Spoilt::Misnamed => Ok(()),
        Spoilt::Torn(_) => cut(1),
        Spoilt::Empty => cut(0),
        Spoilt::Missing => std::fs::remove_file(path),
    }
}

fn not_written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::runtime(&format!(
        "Error in output for render queue item 1, output module 1. Can not write {}: {error}.",
        path.display()
    ))
}
