//! Answers for: what a right frame of a job looks like, and whether a file is one. Must not: read files, decode by itself.

use flatrender_picture::{FileFormat, Limits, Verified};

use super::NotAFrame;

/// What a right frame looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
}

impl Expect {
    /// The longest file that a frame of this size can be.
    pub fn most_file_bytes(&self) -> u64 {
        self.limits().most_file_bytes()
    }

    pub(super) fn limits(&self) -> Limits {
        Limits::of_size(self.width, self.height)
    }
}

/// Decodes all of `bytes`, measures the picture and packs the file. CPU-bound: call it off the async threads.
pub fn verify(bytes: &[u8], expect: &Expect) -> Result<Verified, NotAFrame> {
    flatrender_picture::verify(bytes, &expect.limits())
}

/// [`verify`], for a file whose name promises a format: a PNG named `.tif` is refused.
pub fn verify_named(bytes: &[u8], name: &str, expect: &Expect) -> Result<Verified, NotAFrame> {
    let limits = Limits {
        format: FileFormat::of_name(name),
        ..expect.limits()
    };
    flatrender_picture::verify(bytes, &limits)
}
