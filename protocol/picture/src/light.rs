//! Answers for: numbers that stand for light: 16 bits as 8, linear light as sRGB shows it (IEC 61966-2-1). Must not: know pictures.

/// `round(value × 255 ÷ 65535)`, exactly.
pub(crate) fn to_eight(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32_895) >> 16) as u8
}

/// What sRGB shows of linear light, 0 … 1. Below black and what is no number is black, above white is white.
pub(crate) fn shown(linear: f32) -> f32 {
    let linear = if linear.is_nan() {
        0.0
    } else {
        linear.clamp(0.0, 1.0)
    };
    if linear <= 0.003_130_8 {
        linear * 12.92
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

/// [`shown`] in 8 bits for 65,536 steps of linear light: at its steepest the curve climbs 0.05 of an 8-bit step in one of them.
pub(crate) struct Table(Vec<u8>);

impl Table {
    pub(crate) fn new() -> Self {
        let steps = 0..=u16::MAX;
        Self(
            steps
                .map(|step| (shown(f32::from(step) / 65535.0) * 255.0 + 0.5) as u8)
                .collect(),
        )
    }

    pub(crate) fn shown(&self, linear: f32) -> u8 {
        // (A cast of what is too large, too small or no number saturates.)
        let step = (linear * 65535.0 + 0.5) as u16;
        self.0[usize::from(step)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_become_eight_with_exact_rounding() {
        for value in 0..=u16::MAX {
            let exact = (f64::from(value) * 255.0 / 65535.0).round() as u8;
            assert_eq!(to_eight(value), exact, "{value}");
        }
    }

    #[test]
    fn linear_light_is_shown_as_the_standard_says() {
        let table = Table::new();
        // Values of the standard's formula, worked out by hand in double precision.
        for (linear, expected) in [
            (0.0, 0),
            (0.18, 118),
            (0.5, 188),
            (0.215_86, 128),
            (1.0, 255),
            (7.0, 255),
            (-1.0, 0),
        ] {
            assert_eq!(table.shown(linear), expected, "{linear}");
        }
        assert_eq!(table.shown(f32::NAN), 0);
        assert_eq!(shown(f32::NAN), 0.0);
        for step in 0..10_000_u16 {
            let linear = f32::from(step) / 9_999.0;
            let exact = f64::from(shown(linear)) * 255.0;
            assert!(
                (f64::from(table.shown(linear)) - exact).abs() < 0.56,
                "{linear}"
            );
        }
    }
}
