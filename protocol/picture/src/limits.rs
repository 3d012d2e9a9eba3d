//! Answers for: what is wanted of a picture and how much memory it may take, checked on what a header says before anything is
//! allocated by it. Must not: decode.

use std::fmt;

use crate::error::PictureError;

/// The most bytes that decoded samples may have unless said otherwise: an 8K frame of four float channels fits, a 16K frame of 8
/// bits too, one of 16 bits does not.
pub const MOST_BYTES: u64 = 512 << 20;

/// Room for what a file says beside its samples.
const METADATA_BYTES: u64 = 16 << 20;

/// A format that frames come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// TIFF revision 6.0.
    Tiff,
    /// PNG, third edition.
    Png,
    /// JPEG (ITU-T T.81) in JFIF or Adobe's form.
    Jpeg,
    /// OpenEXR 2.
    Exr,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tiff => "TIFF",
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Exr => "EXR",
        })
    }
}

impl FileFormat {
    /// The format that a file's name promises; `None` where its ending is none of them.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "tif" | "tiff" => Some(Self::Tiff),
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "exr" => Some(Self::Exr),
            _ => None,
        }
    }

    /// The format that the first bytes promise.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Result<Self, PictureError> {
        const BEGINNINGS: [(&[u8], FileFormat); 8] = [
            (b"II*\0", FileFormat::Tiff),
            (b"MM\0*", FileFormat::Tiff),
            (b"II+\0", FileFormat::Tiff),
            (b"MM\0+", FileFormat::Tiff),
            (b"\x89PNG", FileFormat::Png),
            (b"\xFF\xD8\xFF", FileFormat::Jpeg),
            (b"\xFF\xD8", FileFormat::Jpeg),
            (b"v/1\x01", FileFormat::Exr),
        ];
        if bytes.is_empty() {
            return Err(PictureError::Empty);
        }
        if let Some((_, format)) = BEGINNINGS
            .iter()
            .find(|(begin, _)| bytes.starts_with(begin))
        {
            return Ok(*format);
        }
        if bytes.len() < 4 {
            return Err(PictureError::torn(
                bytes,
                "not even its first 4 bytes are there",
            ));
        }
        Err(PictureError::UnknownFormat {
            begins: hex::encode(&bytes[..4]),
        })
    }
}

/// What is wanted, and how much memory it may take. What is `None` may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Width and height, in pixels.
    pub size: Option<(u32, u32)>,
    /// Bits a channel.
    pub bits: Option<u8>,
    /// Whether there is an alpha channel.
    pub alpha: Option<bool>,
    /// What the file's name promises.
    pub format: Option<FileFormat>,
    /// The most bytes that the decoded samples may have.
    pub most_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size: None,
            bits: None,
            alpha: None,
            format: None,
            most_bytes: MOST_BYTES,
        }
    }
}

impl Limits {
    /// Pictures of this size and no other.
    pub fn of_size(width: u32, height: u32) -> Self {
        Self {
            size: Some((width, height)),
            ..Self::default()
        }
    }

    /// The longest file that such a picture can be: four channels of 32 bits or of 16 in LZW at its worst, and 16 MiB of metadata.
    pub fn most_file_bytes(&self) -> u64 {
        let samples = self.size.map_or(self.most_bytes, |(width, height)| {
            (u64::from(width) * u64::from(height)).saturating_mul(16)
        });
        samples.min(self.most_bytes.saturating_mul(2)) + METADATA_BYTES
    }

    /// Whether a file of so many bytes may be such a picture.
    pub(crate) fn check_file(&self, bytes: &[u8]) -> Result<(), PictureError> {
        let limit = self.most_file_bytes();
        if bytes.len() as u64 > limit {
            return Err(PictureError::TooLarge {
                what: "the file",
                bytes: bytes.len() as u64,
                limit,
            });
        }
        Ok(())
    }

    /// Whether this is the size wanted.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), PictureError> {
        let found = (width, height);
        if let Some(expected) = self.size.filter(|&expected| expected != found) {
            return Err(PictureError::WrongSize { found, expected });
        }
        if width == 0 || height == 0 {
            return Err(PictureError::damaged("it has no pixels"));
        }
        self.check_bytes(width, height, 1)
    }

    /// Whether so many pixels of `pixel_bytes` each may be allocated.
    pub(crate) fn check_bytes(
        &self,
        width: u32,
        height: u32,
        pixel_bytes: u64,
    ) -> Result<(), PictureError> {
        let bytes = (u64::from(width) * u64::from(height)).saturating_mul(pixel_bytes);
        if bytes > self.most_bytes {
            return Err(PictureError::TooLarge {
                what: "the picture",
                bytes,
                limit: self.most_bytes,
            });
        }
        Ok(())
    }

    /// Whether depth and alpha are those wanted.
    pub(crate) fn check_kind(&self, bits: u8, alpha: bool) -> Result<(), PictureError> {
        if let Some(expected) = self.bits.filter(|&expected| expected != bits) {
            return Err(PictureError::WrongDepth {
                found: bits,
                expected,
            });
        }
        if self.alpha.is_some_and(|expected| expected != alpha) {
            return Err(PictureError::WrongAlpha { found: alpha });
        }
        Ok(())
    }
}
