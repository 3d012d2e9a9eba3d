//! Exact ratios: frame rates (30000/1001) and pixel aspects (10/11). Never floating point.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A positive fraction, reduced. Frame rates are frames a second, pixel aspects width over height.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ratio {
    /// Numerator, at least 1.
    pub num: u32,
    /// Denominator, at least 1.
    pub den: u32,
}

impl Ratio {
    /// 1/1.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// `num / den`, reduced; `None` when either is 0 or beyond 32 bits after reduction.
    pub fn new(num: u64, den: u64) -> Option<Self> {
        if num == 0 || den == 0 {
            return None;
        }
        let divisor = gcd(num, den);
        Some(Self {
            num: u32::try_from(num / divisor).ok()?,
            den: u32::try_from(den / divisor).ok()?,
        })
    }

    /// The value as a float, for people and estimates only.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// How long `frames` frames last at this rate, in milliseconds, rounded.
    pub fn millis_of(self, frames: u64) -> u64 {
        let scaled = u128::from(frames) * u128::from(self.den) * 1000;
        let num = u128::from(self.num);
        u64::try_from((scaled + num / 2) / num).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_reduced_and_never_zero() {
        assert_eq!(
            Ratio::new(60000, 2002),
            Some(Ratio {
                num: 30000,
                den: 1001
            })
        );
        assert_eq!(Ratio::new(0, 1), None);
        assert_eq!(Ratio::new(1, 0), None);
    }

    #[test]
    fn twenty_minutes_of_ntsc_do_not_drift() {
        let rate = Ratio {
            num: 30000,
            den: 1001,
        };
        assert_eq!(rate.millis_of(36_000), 1_201_200);
    }
}
