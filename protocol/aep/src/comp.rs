//! A composition's settings: the fixed-place fields of `cdta`, and the frame numbers that follow from them.

use crate::bytes::{fraction_at, signed_fraction_at, text_at, u8_at, u16_at, u32_at};
use crate::chunk::Chunk;
use crate::footage;
use crate::model::{CompSwitches, Composition};
use crate::rational::Rational;
use crate::warn::Warnings;

/// The end of a work area that ends with the composition.
const TO_THE_END: u32 = 0xffff_ffff;

/// Room for the match name of a renderer.
const RENDERER_BYTES: usize = 48;

/// Reads a composition without its layers; `None` if its settings are missing or too short to hold its size and rate.
pub(crate) fn read(
    item: Chunk<'_>,
    id: u32,
    name: &str,
    folder_id: u32,
    warnings: &mut Warnings,
) -> Option<Composition> {
    let cdta = item.leaf(b"cdta")?;
    let (whole, fraction) = (u16_at(cdta, 156)?, u16_at(cdta, 158)?);
    let rate = Rational::from_stored_rate(whole, fraction);
    let duration = fraction_at(cdta, 44, 48).unwrap_or(Rational::ZERO);
    let frames = u32::try_from(duration.times_rounded(rate)).unwrap_or(u32::MAX);
    if frames == 0 {
        warnings.add(format!(
            "composition {name:?} has no frames: rate {rate}, {duration} s"
        ));
    }
    let start = fraction_at(cdta, 28, 32).unwrap_or(Rational::ZERO);
    let end = match u32_at(cdta, 36) {
        Some(TO_THE_END) | None => duration,
        Some(_) => fraction_at(cdta, 36, 40).unwrap_or(duration),
    };
    Some(Composition {
        id,
        name: name.to_owned(),
        folder_id,
        width: u16_at(cdta, 140)?,
        height: u16_at(cdta, 142)?,
        rate,
        rate_stored: Rational::from_65536ths(whole, fraction),
        pixel_aspect: fraction_at(cdta, 144, 148)
            .filter(|aspect| aspect.is_positive())
            .unwrap_or(Rational::ONE),
        frames,
        duration,
        work_area: (start, end),
        display_start: signed_fraction_at(cdta, 164, 168).unwrap_or(Rational::ZERO),
        background: [u8_at(cdta, 52)?, u8_at(cdta, 53)?, u8_at(cdta, 54)?],
        drop_frame: item
            .leaf(b"cdrp")
            .is_some_and(|drop| u8_at(drop, 0).is_some_and(|flag| flag != 0)),
        renderer: item
            .list(b"PRin")
            .and_then(|renderer| text_at(renderer.leaf(b"prin")?, 4, RENDERER_BYTES))
            .unwrap_or_default(),
        switches: switches(u8_at(cdta, 139).unwrap_or(0)),
        // a composition has no source of its own, so one that is there stands in for it
        proxy: item
            .list(b"Pin ")
            .and_then(|pin| footage::file_ref(pin, footage::was_missing(pin))),
        layers: Vec::new(),
    })
}

fn switches(flags: u8) -> CompSwitches {
    CompSwitches {
        motion_blur: flags & 0x08 != 0,
        frame_blending: flags & 0x10 != 0,
        keeps_rate: flags & 0x20 != 0,
        keeps_resolution: flags & 0x80 != 0,
        hides_shy: flags & 0x01 != 0,
    }
}

impl Composition {
    /// The frames of the work area, counted from 0 at the composition's start; at least one if it has any frames.
    #[must_use]
    pub fn work_area_frames(&self) -> std::ops::Range<u32> {
        if self.frames == 0 {
            return 0..0;
        }
        let ordinal = |time: Rational| {
            let frame = time
                .times_rounded(self.rate)
                .clamp(0, i64::from(self.frames));
            u32::try_from(frame).expect("clamped to 0 and a u32")
        };
        let start = ordinal(self.work_area.0).min(self.frames - 1);
        let end = ordinal(self.work_area.1).max(start + 1);
        start..end
    }
}
