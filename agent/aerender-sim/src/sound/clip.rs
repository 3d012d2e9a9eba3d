//! Answers for: a file's sound, decoded whole: stereo samples at the file's own rate. Must not: know where it is heard.

use std::fs::File;
use std::path::Path;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

/// A decoded sound.
#[derive(Debug)]
pub struct Clip {
    /// Samples a second.
    pub rate_hz: f64,
    /// Left and right.
    pub samples: Vec<[i16; 2]>,
}

/// Why a file gives no sound.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// It can't be opened.
    #[error("open it")]
    Open(#[source] std::io::Error),
    /// It is of no known kind, or broken.
    #[error("decode it")]
    Decode(#[source] Error),
    /// There is no track of sound in it.
    #[error("find a track of sound in it")]
    Silent,
    /// Together with what was decoded before it takes more memory than the stand-in gives to sound.
    #[error("keep more than {0} samples of sound in memory; use shorter files")]
    TooLong(usize),
}

impl Clip {
    /// Decodes a file, `most` samples at most. One channel is heard on both sides; of more than two the first two are.
    pub fn decode(path: &Path, most: usize) -> Result<Self, ClipError> {
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let file = File::open(path).map_err(ClipError::Open)?;
        let source = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
        let mut format = symphonia::default::get_probe()
            .probe(
                &hint,
                source,
                FormatOptions::default(),
                MetadataOptions::default(),
            )
            .map_err(ClipError::Decode)?;
        let track = format
            .default_track(TrackType::Audio)
            .ok_or(ClipError::Silent)?;
        let id = track.id;
        let parameters = track
            .codec_params
            .as_ref()
            .and_then(|parameters| parameters.audio())
            .ok_or(ClipError::Silent)?;
        let mut decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(ClipError::Decode)?;
        let mut clip = Self {
            rate_hz: 0.0,
            samples: Vec::new(),
        };
        let mut block: Vec<i16> = Vec::new();
        loop {
            let packet = match format.next_packet() {
                Ok(Some(packet)) if packet.track_id == id => packet,
                Ok(Some(_)) => continue,
                // a file that was cut off sounds up to there
                Ok(None) | Err(Error::IoError(_)) => break,
                Err(error) => return Err(ClipError::Decode(error)),
            };
            let sound = match decoder.decode(&packet) {
                Ok(sound) => sound,
                Err(Error::DecodeError(_)) => continue, // a broken packet is left out
                Err(error) => return Err(ClipError::Decode(error)),
            };
            let channels = sound.num_planes();
            if channels == 0 {
                continue;
            }
            clip.rate_hz = f64::from(sound.spec().rate());
            if clip.samples.len() + sound.frames() > most {
                return Err(ClipError::TooLong(most));
            }
            sound.copy_to_vec_interleaved(&mut block);
            let stereo = block.chunks_exact(channels);
            clip.samples
                .extend(stereo.map(|sample| [sample[0], sample[1.min(channels - 1)]]));
        }
        if clip.samples.is_empty() || clip.rate_hz <= 0.0 {
            return Err(ClipError::Silent);
        }
        Ok(clip)
    }
}
