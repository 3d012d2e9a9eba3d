//! Answers for: decoding a film again and comparing it with what it should be: streams, tags, every picture's time and look, all of the
//! sound. Must not: mend anything; a film that is wrong is an error that says what is wrong.

use std::path::Path;

use flatrender_protocol::Ratio;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::command;
use super::compose::{Thumbnail, cells};
use super::error::FilmError;
use super::plan::{Plan, SOUND_RATE};
use super::process::{Pipe, Purpose, Running, output};

/// One frame of AAC, and 10 ms for rounding in the container.
const SOUND_TOLERANCE: u64 = 1024 + SOUND_RATE as u64 / 100;

/// The mean difference of a film's picture from what it was made of, over all cells and channels, in 1/255ths. Encoding at this
/// quality changes cells by 1 or 2; another picture, a shifted or a torn one by far more.
const PICTURE_TOLERANCE: u64 = 12;

/// What a film should be.
pub(super) struct Expected<'a> {
    pub plan: &'a Plan,
    pub thumbnails: &'a [Thumbnail],
    pub sound: bool,
}

#[derive(Deserialize)]
struct Probed {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    codec_type: String,
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    #[serde(default)]
    sample_aspect_ratio: Option<String>,
    #[serde(default)]
    pix_fmt: String,
    #[serde(default)]
    color_range: String,
    #[serde(default)]
    color_space: String,
    #[serde(default)]
    color_transfer: String,
    #[serde(default)]
    color_primaries: String,
    #[serde(default)]
    r_frame_rate: String,
    #[serde(default)]
    time_base: String,
    #[serde(default)]
    duration_ts: u64,
    #[serde(default)]
    sample_rate: String,
    #[serde(default)]
    channels: u32,
}

/// Decodes all of the film at `path`; an error says what is not as it should be.
pub(super) async fn film(path: &Path, expected: &Expected<'_>) -> Result<(), FilmError> {
    let purpose = Purpose {
        program: "ffprobe",
        doing: "look at the film",
    };
    let json = output(purpose, &command::probe_streams(path), 1 << 20).await?;
    let probed: Probed = serde_json::from_slice(&json)
        .map_err(|error| FilmError::wrong(format!("ffprobe's answer can't be read ({error})")))?;
    let (pictures, sounds): (Vec<_>, Vec<_>) = probed
        .streams
        .iter()
        .partition(|stream| stream.codec_type == "video");
    let [picture] = pictures[..] else {
        return Err(FilmError::wrong(format!(
            "it has {} picture streams",
            pictures.len()
        )));
    };
    picture_stream(picture, expected.plan)?;
    let times = output(purpose, &command::probe_times(path), 1 << 28).await?;
    picture_times(&times, expected.plan)?;
    pictures_look(path, expected).await?;
    match (&sounds[..], expected.sound) {
        ([], false) => Ok(()),
        ([sound], true) => {
            sound_stream(sound)?;
            sound_length(path, expected.plan).await
        }
        (found, wanted) => Err(FilmError::wrong(format!(
            "it has {} streams beside the picture, and {} is wanted",
            found.len(),
            if wanted { "one of sound" } else { "none" }
        ))),
    }
}

/// Equal, or an error that names the thing, what was found and what was wanted.
fn same<T: PartialEq + std::fmt::Display>(
    thing: &str,
    found: T,
    wanted: T,
) -> Result<(), FilmError> {
    if found == wanted {
        return Ok(());
    }
    Err(FilmError::wrong(format!(
        "its {thing} is {found} instead of {wanted}"
    )))
}

fn picture_stream(stream: &Stream, plan: &Plan) -> Result<(), FilmError> {
    let (width, height) = plan.size();
    same("codec", stream.codec_name.as_str(), "h264")?;
    same("width", stream.width, width)?;
    same("height", stream.height, height)?;
    same("pixel format", stream.pix_fmt.as_str(), "yuv420p")?;
    same("range", stream.color_range.as_str(), "tv")?;
    same("colour matrix", stream.color_space.as_str(), "bt709")?;
    same("transfer function", stream.color_transfer.as_str(), "bt709")?;
    same("colour primaries", stream.color_primaries.as_str(), "bt709")?;
    let aspect = stream.sample_aspect_ratio.as_deref().unwrap_or("1:1");
    same("pixel aspect", ratio(aspect, ':')?, plan.pixel_aspect)?;
    // (ffprobe guesses r_frame_rate; a film of one frame has nothing to guess from.)
    if plan.frames > 1 {
        same("frame rate", ratio(&stream.r_frame_rate, '/')?, plan.rate)?;
    }
    let timescale = ratio(&stream.time_base, '/')?;
    same(
        "timescale",
        timescale,
        Ratio {
            num: 1,
            den: plan.timescale,
        },
    )?;
    let ticks = u64::from(plan.frames) * plan.frame_ticks();
    same("length in ticks", stream.duration_ts, ticks)
}

fn ratio(text: &str, between: char) -> Result<Ratio, FilmError> {
    text.split_once(between)
        .and_then(|(num, den)| Ratio::new(num.parse().ok()?, den.parse().ok()?))
        .ok_or_else(|| FilmError::wrong(format!("\"{text}\" is no ratio")))
}

/// Frame number n is shown at n frame times, exactly.
fn picture_times(csv: &[u8], plan: &Plan) -> Result<(), FilmError> {
    let text = String::from_utf8_lossy(csv);
    let lines = text
        .lines()
        .map(|line| line.trim_end_matches(',').trim())
        .filter(|line| !line.is_empty());
    let times: Result<Vec<u64>, _> = lines.map(str::parse).collect();
    let mut times =
        times.map_err(|error| FilmError::wrong(format!("a picture has no time ({error})")))?;
    times.sort_unstable();
    same("number of pictures", times.len(), plan.frames as usize)?;
    for (ordinal, time) in times.into_iter().enumerate() {
        let wanted = ordinal as u64 * plan.frame_ticks();
        same(&format!("time of picture {ordinal}"), time, wanted)?;
    }
    Ok(())
}

async fn pictures_look(path: &Path, expected: &Expected<'_>) -> Result<(), FilmError> {
    let size = expected.plan.size();
    let purpose = Purpose {
        program: "ffmpeg",
        doing: "decode the film's pictures again",
    };
    let mut ffmpeg = Running::start(purpose, &command::decode_pictures(path, size), Pipe::Output)?;
    let mut stdout = ffmpeg.stdout();
    let (across, down) = cells(size);
    let mut found = vec![0; across as usize * down as usize * 3];
    let mut decoded = 0;
    let mut strange = None;
    while ffmpeg.step(stdout.read_exact(&mut found)).await?.is_ok() {
        let wanted = expected.thumbnails.get(decoded);
        let difference = wanted.map_or(0, |wanted| difference(&found, wanted));
        if difference > PICTURE_TOLERANCE && strange.is_none() {
            strange = Some((decoded, difference));
        }
        decoded += 1;
    }
    drop(stdout);
    ffmpeg.end().await?;
    same(
        "number of pictures that decode",
        decoded,
        expected.thumbnails.len(),
    )?;
    match strange {
        None => Ok(()),
        Some((ordinal, difference)) => Err(FilmError::wrong(format!(
            "picture {ordinal} does not look like the frame it was made of (its colours are off by {difference} of 255 on average)"
        ))),
    }
}

fn difference(found: &[u8], wanted: &[u8]) -> u64 {
    let sum: u64 = found
        .iter()
        .zip(wanted)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum / (wanted.len() as u64).max(1)
}

fn sound_stream(stream: &Stream) -> Result<(), FilmError> {
    same("second stream", stream.codec_type.as_str(), "audio")?;
    same("sound codec", stream.codec_name.as_str(), "aac")?;
    same("sound rate", stream.sample_rate.as_str(), "48000")?;
    same("number of sound channels", stream.channels, 2)
}

async fn sound_length(path: &Path, plan: &Plan) -> Result<(), FilmError> {
    let purpose = Purpose {
        program: "ffmpeg",
        doing: "decode the film's sound again",
    };
    let mut ffmpeg = Running::start(purpose, &command::decode_sound(path), Pipe::Output)?;
    let mut stdout = ffmpeg.stdout();
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0_u64;
    while let Ok(read @ 1..) = ffmpeg.step(stdout.read(&mut buffer)).await? {
        bytes += read as u64;
    }
    drop(stdout);
    ffmpeg.end().await?;
    let samples = bytes / 4;
    if samples.abs_diff(plan.samples) > SOUND_TOLERANCE {
        return Err(FilmError::wrong(format!(
            "its sound has {samples} samples, and the picture lasts {}",
            plan.samples
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            frame: (4, 2),
            padded: (0, 0),
            frames: 3,
            rate: Ratio {
                num: 30_000,
                den: 1001,
            },
            pixel_aspect: Ratio::ONE,
            background: [0; 3],
            timescale: 30_000,
            samples: 4805,
            keyframes: 60,
        }
    }

    #[test]
    fn times_must_be_whole_and_even() {
        assert!(picture_times(b"0\n2002,\n1001\n", &plan()).is_ok());
        let said = |csv: &[u8]| picture_times(csv, &plan()).unwrap_err().to_string();
        let wrong = "the film was decoded again and is wrong: ";
        assert_eq!(
            said(b"0\n1001\n"),
            format!("{wrong}its number of pictures is 2 instead of 3")
        );
        assert_eq!(
            said(b"0\n1001\n2003\n"),
            format!("{wrong}its time of picture 2 is 2003 instead of 2002")
        );
        assert!(said(b"0\nN/A\n2002").starts_with(&format!("{wrong}a picture has no time")));
    }

    #[test]
    fn another_picture_is_far_off() {
        assert_eq!(difference(&[10, 20, 30], &[11, 19, 30]), 0);
        assert_eq!(difference(&[0; 6], &[200; 6]), 200);
    }
}
