//! Whether a second opinion shows the same picture as the frame that was doubted.

use flatrender_protocol::message::FrameHeader;

use crate::blobs::Blobs;
use crate::plan::verify::{self, Shown};
use crate::store::frames::FrameRow;

/// By what was measured where that decides.
pub(super) async fn agrees(
    _blobs: &Blobs,
    first: &FrameRow,
    second: &Shown,
    _header: &FrameHeader,
) -> bool {
    verify::agree(&first.shown, second).unwrap_or(false)
}
