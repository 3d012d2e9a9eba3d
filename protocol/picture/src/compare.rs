//! Answers for: how alike two pictures are, as they are shown over black. Must not: judge how alike is alike enough.

use crate::picture::Picture;

/// How alike two pictures of one size are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// Peak signal-to-noise ratio over red, green, blue (over black) and alpha, in dB; infinite when nothing differs. Eight bits
    /// of rounding alone are about 59 dB, other noise of the same scene 30 to 50, other scenes 5 to 20.
    pub psnr_db: f64,
    /// The largest difference of a channel of a pixel, 0 … 1.
    pub worst: f64,
    /// The share of pixels of which a channel differs by more than 2/255, 0 … 1.
    pub differing: f64,
}

/// Compares two pictures, whatever their formats and depths; `None` when their sizes differ. CPU-bound.
pub fn compare(one: &Picture<'_>, other: &Picture<'_>) -> Option<Likeness> {
    if (one.width, one.height) != (other.width, other.height) {
        return None;
    }
    let premultiplied = (one.is_premultiplied(), other.is_premultiplied());
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut squares, mut worst, mut differing) = (0.0_f64, 0.0_f32, 0_u64);
    for y in 0..one.height {
        one.row_over_black(y, premultiplied.0, &mut left);
        other.row_over_black(y, premultiplied.1, &mut right);
        let mut of_row = 0.0_f32;
        for (a, b) in left.iter().zip(&right) {
            let mut most = 0.0_f32;
            for (a, b) in a.iter().zip(b) {
                let difference = (a - b).abs();
                of_row += difference * difference;
                most = most.max(difference);
            }
            worst = worst.max(most);
            differing += u64::from(most > 2.0 / 255.0);
        }
        squares += f64::from(of_row);
    }
    let pixels = f64::from(one.width) * f64::from(one.height);
    let mean = squares / (pixels * 4.0);
    Some(Likeness {
        psnr_db: if mean == 0.0 {
            f64::INFINITY
        } else {
            -10.0 * mean.log10()
        },
        worst: f64::from(worst),
        differing: differing as f64 / pixels,
    })
}

/// [`Likeness::psnr_db`] alone; 0 when the sizes differ.
pub fn psnr(one: &Picture<'_>, other: &Picture<'_>) -> f64 {
    compare(one, other).map_or(0.0, |likeness| likeness.psnr_db)
}
