//! Answers for: writing pictures and sound into one movie, by ffmpeg where there is one: After Effects' own codecs are not at hand. Must
//! not: paint or mix.
//!
//! ffmpeg gets its pictures through a pipe. When this process dies ffmpeg sees the end of the pipe and closes a file that is whole and
//! too short, unless it is killed with the rest of the group.

use crate::ending::Failure;
use crate::module::{Channels, Format, Module};
use crate::timecode::Rate;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How much of ffmpeg's complaint is repeated, in bytes.
const LONGEST_COMPLAINT: u64 = 2000;

/// A movie under work.
#[derive(Debug)]
pub struct Movie {
    ffmpeg: Child,
    path: PathBuf,
}

impl Movie {
    /// Begins a movie of pictures of this size with the sound of a file.
    ///
    /// # Errors
    ///
    /// If there is no ffmpeg.
    pub fn begin(
        module: &Module,
        path: &Path,
        (width, height): (usize, usize),
        rate: Rate,
        sound: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-loglevel", "error", "-y"]);
        command.args(["-f", "rawvideo", "-pixel_format", "rgba", "-video_size"]);
        command.arg(format!("{width}x{height}"));
        command.arg("-framerate");
        command.arg(format!("{}/{}", rate.num, rate.den));
        command.args(["-i", "pipe:0"]);
        if let Some(sound) = sound {
            command.arg("-i").arg(sound);
        }
        command.args(picture_codec(module));
        if sound.is_some() {
            let codec = match module.format {
                Format::H264 => "aac",
                _ => "pcm_s16le",
            };
            command.args(["-c:a", codec]);
        }
        let started = command
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let ffmpeg = started.map_err(|error| {
            Failure::runtime(&format!(
                "the codec of the output module template \"{}\" is not available. (failed to start ffmpeg: {error}; install it)",
                module.name
            ))
        })?;
        Ok(Self {
            ffmpeg,
            path: path.to_owned(),
        })
    }

    /// Adds a picture: red, green, blue, alpha.
    ///
    /// # Errors
    ///
    /// If ffmpeg can't write it.
    pub fn add(&mut self, pixels: &[u8]) -> Result<(), Failure> {
        let written = match &mut self.ffmpeg.stdin {
            Some(pipe) => pipe.write_all(pixels),
            None => Ok(()),
        };
        written.map_err(|_| self.complain())
    }

    /// Ends the movie.
    ///
    /// # Errors
    ///
    /// If ffmpeg can't write it.
    pub fn finish(mut self) -> Result<(), Failure> {
        drop(self.ffmpeg.stdin.take());
        match self.ffmpeg.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) | Err(_) => Err(self.complain()),
        }
    }

    /// After Effects' words for it, with ffmpeg's behind them.
    fn complain(&mut self) -> Failure {
        drop(self.ffmpeg.stdin.take());
        let mut said = Vec::new();
        if let Some(pipe) = self.ffmpeg.stderr.take() {
            // what can't be read is not repeated
            let _ = pipe.take(LONGEST_COMPLAINT).read_to_end(&mut said);
        }
        let said = String::from_utf8_lossy(&said).trim().replace('\n', " / ");
        let folder = self.path.parent().unwrap_or(Path::new(".")).display();
        Failure::runtime(&format!(
            "Error in output for render queue item 1, output module 1. Can not create a file in directory {folder}. \
             Try checking write permissions. ({said})"
        ))
    }
}

impl Drop for Movie {
    fn drop(&mut self) {
        drop(self.ffmpeg.stdin.take());
        // a movie that is given up ends as short as it is; nobody is left to be told
        let _ = self.ffmpeg.wait();
    }
}

fn picture_codec(module: &Module) -> Vec<String> {
    let alpha_alone = "alphaextract,format=gray,format=bgr24";
    let mut words: Vec<&str> = Vec::new();
    let rate = format!("{}k", module.kbps);
    match (module.format, module.channels) {
        (Format::H264, _) => words.extend([
            // it wants even sizes
            "-vf",
            "pad=ceil(iw/2)*2:ceil(ih/2)*2",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-b:v",
            &rate,
        ]),
        (Format::QuickTime, Channels::Alpha) => {
            words.extend(["-vf", alpha_alone, "-c:v", "qtrle", "-pix_fmt", "rgb24"]);
        }
        (Format::QuickTime, _) if module.name.starts_with("Lossless") => {
            let pixels = match module.channels {
                Channels::Rgba => "argb",
                Channels::Rgb | Channels::Alpha => "rgb24",
            };
            words.extend(["-c:v", "qtrle", "-pix_fmt", pixels]);
        }
        (Format::QuickTime, Channels::Rgba) => words.extend([
            "-c:v",
            "prores_ks",
            "-profile:v",
            "4444",
            "-pix_fmt",
            "yuva444p10le",
        ]),
        (Format::QuickTime, Channels::Rgb) => words.extend([
            "-c:v",
            "prores_ks",
            "-profile:v",
            "standard",
            "-pix_fmt",
            "yuv422p10le",
        ]),
        (_, Channels::Alpha) => {
            words.extend(["-vf", alpha_alone, "-c:v", "rawvideo", "-pix_fmt", "bgr24"]);
        }
        (_, Channels::Rgba) => words.extend(["-c:v", "rawvideo", "-pix_fmt", "bgra"]),
        (_, Channels::Rgb) => words.extend(["-c:v", "rawvideo", "-pix_fmt", "bgr24"]),
    }
    words.into_iter().map(str::to_owned).collect()
}
