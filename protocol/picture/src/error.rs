//! Answers for: why bytes are not the picture that is wanted, in words for people. Must not: decide whether they may still become
//! one; while the renderer runs, every one of these may only mean "not yet".

use std::io;

use crate::limits::FileFormat;

/// The bytes are not a picture that can be used.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// There are none.
    #[error("the file is empty")]
    Empty,
    /// Something the file refers to is not there: it was cut off or is not finished.
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
    /// The picture is over and the file is not: a longer file was written over, or two into one.
    #[error(
        "the {format} picture ends after {end} bytes, and the file goes on for {more} more; render the frame again"
    )]
    Trailing {
        /// What it is.
        format: FileFormat,
        /// Where the picture ends.
        end: u64,
        /// How many bytes follow.
        more: u64,
    },
    /// It does not begin as any format does that is read here.
    #[error(
        "this is neither a TIFF, PNG, JPEG nor EXR file: it begins with {begins}; use an output module that writes one of them"
    )]
    UnknownFormat {
        /// The first bytes, in hexadecimal.
        begins: String,
    },
    /// Another format than the file's name says.
    #[error(
        "the file is named as {expected} and holds {found}; give the output module and the file one format"
    )]
    WrongFormat {
        /// What its bytes say.
        found: FileFormat,
        /// What its name says.
        expected: FileFormat,
    },
    /// A kind of file that renderers are not expected to write.
    #[error("this kind of {format} file is not supported: {what}; {way_out}")]
    Unsupported {
        /// Its format.
        format: FileFormat,
        /// What it has.
        what: String,
        /// What to use instead.
        way_out: &'static str,
    },
    /// A depth that is not read in this format.
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
    /// Another depth than the one asked for.
    #[error(
        "the picture has {found} bits a channel, and {expected} are expected; set the output module's depth"
    )]
    WrongDepth {
        /// Its bits a channel.
        found: u8,
        /// Those of a right frame.
        expected: u8,
    },
    /// An alpha channel where none is expected, or none where one is.
    #[error(
        "the picture has {} alpha channel, and one is {}; set the output module's channels",
        if *.found { "an" } else { "no" }, if *.found { "not expected" } else { "expected" }
    )]
    WrongAlpha {
        /// Whether it has one.
        found: bool,
    },
    /// Beyond what may be decoded or unpacked.
    #[error(
        "{what} has {bytes} bytes or more, and at most {limit} are read; render smaller frames or with fewer bits a channel"
    )]
    TooLarge {
        /// The file, the picture, or what a packed frame holds.
        what: &'static str,
        /// How many.
        bytes: u64,
        /// The most it may have.
        limit: u64,
    },
    /// The packed bytes can't be unpacked, or a file could not be packed.
    #[error("the frame's packing is damaged")]
    Packing {
        /// What the packer said.
        #[source]
        source: io::Error,
    },
    /// A picture could not be written.
    #[error("write the picture as {format}: {why}")]
    Encode {
        /// As what.
        format: FileFormat,
        /// Why not.
        why: String,
    },
}

impl PictureError {
    pub(crate) fn torn(bytes: &[u8], what: impl Into<String>) -> Self {
        Self::Torn {
            what: what.into(),
            bytes: bytes.len() as u64,
        }
    }

    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}
