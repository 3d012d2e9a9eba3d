//! Files that values bring: whether they are what the values take them for, told by their first bytes, so that a text called
//! `photo.png` costs no node a second.

use flatrender_protocol::values::{ControlValue, Set, Values};

/// Bytes of a file's beginning that are looked at.
pub(super) const HEAD_BYTES: usize = 4096;

/// What a file is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Picture,
    Video,
    Sound,
    /// A media replacement of Essential Graphics: picture or video.
    Media,
    /// Beside the project, for whoever knows of it.
    Static,
}

impl Use {
    /// Most bytes of such a file.
    pub(super) fn limit_bytes(self) -> u64 {
        match self {
            Self::Picture | Self::Sound | Self::Static => 256 << 20,
            Self::Video | Self::Media => 4 << 30,
        }
    }

    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Video => "video",
            Self::Sound => "sound",
            Self::Media => "picture or video",
            Self::Static => "file",
        }
    }

    /// What would be taken.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::Picture => "PNG, JPEG, TIFF, PSD, GIF, BMP, WebP, EXR, TGA, PDF or AI",
            Self::Video => "MP4, MOV, MKV, WebM, AVI, MPEG, MXF or GIF",
            Self::Sound => "WAV, AIFF, FLAC, MP3, M4A or Ogg Vorbis",
            Self::Media => "PNG, JPEG, TIFF, PSD, MP4, MOV or another picture or video",
            Self::Static => "any kind that a package may hold",
        }
    }
}

/// Whatever the document uses a file as; the first use counts.
pub(super) fn use_of(values: &Values, name: &str) -> Option<Use> {
    values.changes.iter().find_map(|change| {
        let (file, used) = match &change.set {
            Set::Image { file } => (file, Use::Picture),
            Set::Video { file } => (file, Use::Video),
            Set::Audio { file } => (file, Use::Sound),
            Set::Control {
                value: ControlValue::Media(file),
                ..
            } => (file, Use::Media),
            Set::Text { .. }
            | Set::Color { .. }
            | Set::Number { .. }
            | Set::Point { .. }
            | Set::Visible { .. }
            | Set::Control { .. }
            | Set::AudioLevel { .. } => return None,
        };
        (file.as_str() == name).then_some(used)
    })
}

/// Whether a file that begins like this can be what it is used as. Sounds are decoded elsewhere.
pub(super) fn fits(head: &[u8], extension: &str, used: Use) -> bool {
    match used {
        Use::Picture => is_picture(head, extension),
        Use::Video => is_video(head),
        Use::Media => is_picture(head, extension) || is_video(head),
        Use::Sound | Use::Static => true,
    }
}

/// The first bytes of kinds of pictures (their standards; `EXTENSIONS` of packages has the kinds).
fn is_picture(head: &[u8], extension: &str) -> bool {
    const BEGINNINGS: [&[u8]; 18] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF87a",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"II+\0",
        b"MM\0+",
        b"BM",
        b"8BPS",
        b"\x76\x2f\x31\x01",
        b"%PDF-",
        b"%!PS",
        b"SDPX",
        b"XPDS",
        b"\x80\x2a\x5f\xd7",
        b"#?RADIANCE",
        b"\0\0\0\x0cjP  ",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| head.starts_with(beginning))
        || riff(head) == Some(b"WEBP")
        || brand(head).is_some_and(is_picture_brand)
        || extension == "tga" && is_targa(head)
}

fn is_video(head: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 8] = [
        b"\x1a\x45\xdf\xa3",
        b"\0\0\x01\xba",
        b"\0\0\x01\xb3",
        b"\x06\x0e\x2b\x34",
        b"\x30\x26\xb2\x75",
        b"FLV\x01",
        b"GIF87a",
        b"GIF89a",
    ];
    let atom = head.get(4..8);
    let quicktime = [&b"moov"[..], b"mdat", b"wide", b"free", b"skip", b"pnot"];
    BEGINNINGS
        .iter()
        .any(|beginning| head.starts_with(beginning))
        || riff(head) == Some(b"AVI ")
        || brand(head).is_some_and(|brand| !is_picture_brand(brand))
        || atom.is_some_and(|atom| quicktime.contains(&atom))
        || is_transport_stream(head)
}

/// The kind of a RIFF file.
fn riff(head: &[u8]) -> Option<&[u8; 4]> {
    head.strip_prefix(b"RIFF")?.get(4..8)?.try_into().ok()
}

/// The brand of a file of the ISO base format.
fn brand(head: &[u8]) -> Option<&[u8]> {
    (head.get(4..8)? == b"ftyp").then_some(head.get(8..12)?)
}

fn is_picture_brand(brand: &[u8]) -> bool {
    let brands = [
        &b"heic"[..],
        b"heix",
        b"heif",
        b"mif1",
        b"msf1",
        b"avif",
        b"avis",
    ];
    brands.contains(&brand)
}

/// A Targa has no mark at its beginning: colour map type, image type and depth must be possible ones.
fn is_targa(head: &[u8]) -> bool {
    let [_, map, kind, ..] = head else {
        return false;
    };
    let depth = head.get(16).copied().unwrap_or(0);
    *map <= 1 && matches!(kind, 1..=3 | 9..=11) && matches!(depth, 8 | 15 | 16 | 24 | 32)
}

/// Packets of 188 bytes, or of 192 with four before each.
fn is_transport_stream(head: &[u8]) -> bool {
    let packets =
        |from: usize, size: usize| (0..4).all(|n| head.get(from + n * size) == Some(&0x47));
    packets(0, 188) || packets(4, 192)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_pictures_from_videos_and_from_texts() {
        let mp4 = b"\0\0\0\x18ftypmp42\0\0\0\0";
        let heic = b"\0\0\0\x18ftypheic\0\0\0\0";
        for (head, picture, video) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], true, false),
            (b"\xff\xd8\xff\xe0", true, false),
            (b"RIFF\x10\0\0\0WEBPVP8 ", true, false),
            (b"RIFF\x10\0\0\0AVI LIST", false, true),
            (b"RIFF\x10\0\0\0WAVEfmt ", false, false),
            (b"GIF89a..", true, true),
            (mp4, false, true),
            (heic, true, false),
            (b"\x1a\x45\xdf\xa3", false, true),
            (b"#!/bin/sh\nexit", false, false),
            (b"#target aftereffects", false, false),
            (b"MZ\x90\0", false, false),
            (b"", false, false),
        ] {
            assert_eq!(fits(head, "png", Use::Picture), picture, "{head:?}");
            assert_eq!(fits(head, "mp4", Use::Video), video, "{head:?}");
            assert_eq!(fits(head, "x", Use::Media), picture || video, "{head:?}");
        }
    }
}
