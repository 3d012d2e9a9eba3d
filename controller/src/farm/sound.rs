//! Is this file a sound? Checked at the door by opening it and decoding its beginning, so that a picture or a text called
//! `music.mp3` costs no node a second.

use std::io::Cursor;

use bytes::Bytes;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

/// How many packets may be broken or of another track before the first good one.
const PATIENCE: usize = 256;
const WRONG: &str = "is not a sound that can be read; give WAV, AIFF, FLAC, MP3, M4A or Ogg Vorbis";

/// Whether the bytes are a sound that can be decoded: WAV, AIFF, CAF, FLAC, MP3, M4A/MP4 (AAC, ALAC), Ogg (Vorbis),
/// Matroska/WebM. The error is in words, for people.
pub fn check(bytes: Bytes, file_name: &str) -> Result<(), String> {
    let wrong = |_: Error| WRONG.to_owned();
    let mut hint = Hint::new();
    if let Some((_, extension)) = file_name.rsplit_once('.') {
        hint.with_extension(extension);
    }
    let source = MediaSourceStream::new(
        Box::new(Cursor::new(bytes)),
        MediaSourceStreamOptions::default(),
    );
    let mut format = symphonia::default::get_probe()
        .probe(
            &hint,
            source,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(wrong)?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or("holds no sound")?;
    let id = track.id;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio());
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(
            parameters.ok_or("holds no sound")?,
            &AudioDecoderOptions::default(),
        )
        .map_err(wrong)?;
    for _ in 0..PATIENCE {
        let packet = match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == id => packet,
            Ok(Some(_)) => continue,
            Ok(None) | Err(Error::IoError(_)) => break,
            Err(error) => return Err(wrong(error)),
        };
        match decoder.decode(&packet) {
            Ok(sound) if sound.frames() > 0 => return Ok(()),
            Ok(_) | Err(Error::DecodeError(_)) => {}
            Err(error) => return Err(wrong(error)),
        }
    }
    Err("holds no sound that can be decoded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenth of a second of silence, 8 kHz mono.
    fn wav() -> Vec<u8> {
        let samples = 800_u32;
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + samples * 2).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16_u32.to_le_bytes());
        for field in [1_u16, 1] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(8000_u32.to_le_bytes());
        bytes.extend(16000_u32.to_le_bytes());
        for field in [2_u16, 16] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(b"data");
        bytes.extend((samples * 2).to_le_bytes());
        bytes.resize(bytes.len() + samples as usize * 2, 0);
        bytes
    }

    #[test]
    fn a_sound_is_a_sound_whatever_it_is_called() {
        assert_eq!(check(wav().into(), "a.wav"), Ok(()));
        assert_eq!(check(wav().into(), "a.txt"), Ok(()));
    }

    #[test]
    fn what_is_no_sound_is_refused_in_words() {
        for bytes in [
            &b""[..],
            b"hello, I am no music",
            &[0xff; 4000],
            &wav()[..30],
        ] {
            let found = check(Bytes::copy_from_slice(bytes), "music.mp3").unwrap_err();
            assert!(found.contains("sound"), "{found}");
        }
    }
}
