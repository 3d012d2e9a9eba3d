//! Answers for: a packed frame as a picture that can be put over a background. Must not: unpack more than a frame of the
//! expected size can hold.

use super::verify::Expect;
use super::{NotAFrame, Picture};

/// Unpacks and decodes a frame, however it is packed: 8 bits a channel, red, green, blue and straight alpha. CPU-bound: call it
/// off the async threads.
///
/// Premultiplied colours are divided by their alpha. Where the file has an alpha channel and does not say what it means, it is
/// premultiplied when no colour anywhere exceeds its alpha (After Effects' own template for TIFF sequences multiplies). Floating
/// point is taken as linear light and shown as sRGB shows it.
pub fn unpack(packed: &[u8], expect: &Expect) -> Result<Picture, NotAFrame> {
    let limits = expect.limits();
    let file = flatrender_picture::unpack(packed, &limits)?;
    Ok(flatrender_picture::Picture::decode(&file, &limits)?.to_rgba8())
}
