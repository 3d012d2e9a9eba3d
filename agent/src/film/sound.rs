//! Answers for: whether a file is sound that ffmpeg can decode, and what it is like. Must not: read it to its end.

use std::path::Path;

use serde::Deserialize;

use super::command;
use super::error::FilmError;
use super::process::{Purpose, output};

/// So much of the beginning is decoded.
const SECONDS: u32 = 5;

/// A sound file that can be decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// Channels.
    pub channels: u32,
    /// Samples a second.
    pub rate: u32,
    /// Length in seconds, where the file says so.
    pub seconds: Option<f64>,
}

#[derive(Deserialize)]
struct Probed {
    #[serde(default)]
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    channels: u32,
    #[serde(default)]
    sample_rate: String,
    #[serde(default)]
    duration: Option<String>,
}

/// Reads what the file is, and decodes its beginning. `what` names it in errors (`music`).
pub async fn probe_sound(path: &Path, what: &str) -> Result<Sound, FilmError> {
    let refuse = |reason: String| FilmError::Sound {
        what: what.to_owned(),
        reason,
    };
    let words = |error: FilmError| match error {
        FilmError::Failed { stderr, .. } => refuse(without_path(&stderr, path)),
        other => other,
    };
    let purpose = |program| Purpose {
        program,
        doing: "look at a sound file",
    };
    let json = output(purpose("ffprobe"), &command::probe_sound(path), 1 << 20)
        .await
        .map_err(words)?;
    let probed: Probed = serde_json::from_slice(&json)
        .map_err(|_| refuse("ffprobe did not say what it is".into()))?;
    let stream = probed
        .streams
        .into_iter()
        .next()
        .ok_or_else(|| refuse("there is no sound in it".into()))?;
    let rate = stream.sample_rate.parse().unwrap_or(0);
    if stream.channels == 0 || rate == 0 {
        return Err(refuse(format!(
            "its sound ({}) has no channels or no rate",
            stream.codec_name
        )));
    }
    let most = u64::from(SECONDS + 1) * 48_000 * 4;
    let beginning = output(
        purpose("ffmpeg"),
        &command::decode_beginning(path, SECONDS),
        most,
    )
    .await
    .map_err(words)?;
    if beginning.len() < 4 {
        return Err(refuse("there is not a single sample of sound in it".into()));
    }
    Ok(Sound {
        codec: stream.codec_name,
        channels: stream.channels,
        rate,
        seconds: stream.duration.and_then(|text| text.parse().ok()),
    })
}

/// ffmpeg's words name the file by its path on this node, which helps nobody.
fn without_path(stderr: &str, path: &Path) -> String {
    stderr
        .replace(&format!("file:{}", path.display()), "the file")
        .replace("the file: ", "")
}
