//! Answers for: why a file is not a frame, in words for people. Must not: decide whether it may still become one; while the
//! renderer runs, every one of these may only mean "not yet".

use std::io;

/// The file is not a frame that can be used.
#[derive(Debug, thiserror::Error)]
pub enum NotAFrame {
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// Something it refers to is not there: it was cut off or is not finished.
    #[error("the file is torn: {what} (the file has {bytes} bytes)")]
    Torn {
        /// What is not there.
        what: String,
        /// How long the file is.
        bytes: u64,
    },
    /// What it holds contradicts itself or does not decode.
    #[error("the file is damaged: {what}")]
    Damaged {
        /// What is wrong with it.
        what: String,
    },
    /// It does not begin as a TIFF file does.
    #[error(
        "this is not a TIFF file: it begins with {begins}; use an output module that writes TIFF"
    )]
    NotTiff {
        /// The first bytes, in hexadecimal.
        begins: String,
    },
    /// A TIFF file of a kind that renderers are not expected to write.
    #[error("this kind of TIFF file is not supported: {what}; {way_out}")]
    Unsupported {
        /// What it has.
        what: String,
        /// What to use instead.
        way_out: &'static str,
    },
    /// Not 8 or 16 bits a channel.
    #[error("{found} a channel are not supported; set the output module to 8 or 16 bits a channel")]
    UnsupportedDepth {
        /// What it has, such as `32 bits (floating point)`.
        found: String,
    },
    /// Another size than the job's.
    #[error(
        "the picture is {}×{} pixels, and the job's frames are {}×{}",
        .found.0, .found.1, .expected.0, .expected.1
    )]
    WrongSize {
        /// Width and height of the picture.
        found: (u32, u32),
        /// Width and height of a right frame.
        expected: (u32, u32),
    },
    /// Beyond what a frame of the expected size can take.
    #[error("{what} has {bytes} bytes or more, and a frame of this size takes at most {limit}")]
    TooLarge {
        /// The file, or what a packed frame holds.
        what: &'static str,
        /// How many.
        bytes: u64,
        /// The most it may have.
        limit: u64,
    },
    /// The packed bytes can't be unpacked, or a file could not be packed.
    #[error("the frame's packing is damaged")]
    Packing {
        /// What the unpacker said.
        #[source]
        source: io::Error,
    },
}

impl NotAFrame {
    pub(super) fn torn(bytes: &[u8], what: impl Into<String>) -> Self {
        Self::Torn {
            what: what.into(),
            bytes: bytes.len() as u64,
        }
    }

    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}
