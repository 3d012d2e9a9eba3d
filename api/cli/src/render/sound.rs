//! A sound track on the command line: a file, and how loud it is.

use std::path::PathBuf;
use std::str::FromStr;

/// Loudest, in percent.
const MAX_PERCENT: u16 = 200;

/// `FILE` or `FILE@80%`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// The sound file.
    pub file: PathBuf,
    /// 0 … 200 percent, where it was said.
    pub volume_percent: Option<u16>,
}

impl FromStr for Sound {
    type Err = String;

    /// A file may have an `@` in its name: only what ends in `%` after the last one is a volume.
    fn from_str(text: &str) -> Result<Self, String> {
        let volume = text
            .rsplit_once('@')
            .and_then(|(file, volume)| Some((file, volume.strip_suffix('%')?)));
        let Some((file, volume)) = volume else {
            return Ok(Self {
                file: text.into(),
                volume_percent: None,
            });
        };
        match volume.parse() {
            Ok(percent @ 0..=MAX_PERCENT) if !file.is_empty() => Ok(Self {
                file: file.into(),
                volume_percent: Some(percent),
            }),
            _ => Err(format!(
                "the volume \"{volume}%\" is not 0% to {MAX_PERCENT}%; write for example song.wav@80%"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_the_percentage_at_the_end() {
        for (text, file, volume) in [
            ("song.wav", "song.wav", None),
            ("song.wav@80%", "song.wav", Some(80)),
            ("me@home/song@2.wav", "me@home/song@2.wav", None),
            ("me@home/song@2.wav@0%", "me@home/song@2.wav", Some(0)),
            ("a@200%", "a", Some(200)),
        ] {
            let sound: Sound = text.parse().unwrap();
            assert_eq!(
                (sound.file.to_str().unwrap(), sound.volume_percent),
                (file, volume)
            );
        }
        for wrong in ["a@201%", "a@-1%", "a@%", "a@loud%", "@80%"] {
            assert!(
                wrong.parse::<Sound>().unwrap_err().contains("0% to 200%"),
                "{wrong}"
            );
        }
    }
}
