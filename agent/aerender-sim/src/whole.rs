//! Answers for: output modules that write one file for the whole range. Must not: paint or mix.
//!
//! They go frame by frame, in order: whatever goes wrong at a frame leaves the file as it is then. After Effects says a line a
//! frame also where there is only sound (**not verified**).

use crate::aiff;
use crate::ending::{Ended, Failure};
use crate::fault::Kind;
use crate::faults::Moment;
use crate::frames::Run;
use crate::sound::{Mix, sample_of_frame};
use crate::voice::Voice;
use std::fs::File;
use std::io::Write;
use std::path::Path;
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

impl Run<'_> {
    /// Renders the sound of the range to one AIFF file; says a line for each frame.
    ///
    /// # Errors
    ///
    /// If the launcher is gone, the file can't be written, or a fault ends the run.
    pub fn render_sound(&self, mix: &Mix, voice: &mut Voice) -> Result<(), Ended> {
        self.faults.strike(Moment::Start)?;
        let spoilt = self.spoilt()?;
        let path = match spoilt {
            Spoilt::Misnamed => self.sequence.whole().with_extension("wav"),
            Spoilt::No | Spoilt::Torn(_) | Spoilt::Empty | Spoilt::Missing => self.sequence.whole(),
        };
        let mut file = match spoilt {
            Spoilt::Missing => None,
            Spoilt::No | Spoilt::Torn(_) | Spoilt::Empty | Spoilt::Misnamed => {
                Some(File::create(&path).map_err(|_| self.no_file())?)
            }
        };
        let mut write = |bytes: &[u8], torn: bool| match &mut file {
            Some(file) if !torn && spoilt != Spoilt::Empty => {
                let written = file.write_all(bytes);
                written.map_err(|error| not_written(&path, &error))
            }
            Some(_) | None => Ok(()),
        };
        let (first, last) = self.range;
        let begins = |frame: i64| sample_of_frame(frame - self.first_frame, self.rate);
        let samples = u32::try_from(begins(last + 1) - begins(first)).ok();
        let samples = samples
            .filter(|samples| *samples <= aiff::MOST_SAMPLES)
            .ok_or_else(|| {
                let text = "an AIFF file can not hold more than 4 GB of sound. Render a shorter time span.";
                Failure::runtime(text)
            })?;
        write(&aiff::header(samples), false)?;
        for (place, frame) in (first..=last).enumerate() {
            let since = Instant::now();
            self.pause(frame);
            let (from, until) = (begins(frame), begins(frame + 1));
            let bytes = aiff::bytes(&mix.samples(from, (until - from) as usize));
            let (one, other) = bytes.split_at(bytes.len() / 2);
            let torn =
                |half| matches!(spoilt, Spoilt::Torn(at) if frame > at || frame == at && half);
            write(one, torn(false))?;
            self.faults.strike(Moment::Half(frame))?;
            write(other, torn(true))?;
            voice.queue(&self.progress(frame, place, since))?;
            self.faults.strike(Moment::Done(place as u32 + 1))?;
        }
        self.faults.strike(Moment::End)
    }

    /// What the faults of the range's frames do to the one file; the first of them counts.
    fn spoilt(&self) -> Result<Spoilt, Ended> {
        for frame in self.range.0..=self.range.1 {
            match self.faults.of_frame(frame, self.range)? {
                Some(Kind::Torn) => return Ok(Spoilt::Torn(frame)),
                Some(Kind::Empty) => return Ok(Spoilt::Empty),
                Some(Kind::Missing) => return Ok(Spoilt::Missing),
                Some(Kind::WrongExtension) => return Ok(Spoilt::Misnamed),
                // the others spoil pictures
                Some(_) | None => {}
            }
        }
        Ok(Spoilt::No)
    }
}

fn not_written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::runtime(&format!(
        "Error in output for render queue item 1, output module 1. Can not write {}: {error}.",
        path.display()
    ))
}
