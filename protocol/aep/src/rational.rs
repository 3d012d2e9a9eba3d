//! Exact fractions for times and rates, and the snap from a stored frame rate to the rate that was meant.
//! Frame counts are decided here with integers; floating point is for showing only.

use serde::Serialize;

/// A fraction in lowest terms with a positive denominator.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Rational {
    /// Numerator; carries the sign.
    pub num: i64,
    /// Denominator, above zero.
    pub den: i64,
}

/// Rates of the NTSC family, as the nominal rate N of N·1000/1001 frames a second.
const NTSC_NOMINAL: [i64; 12] = [12, 15, 24, 30, 48, 60, 72, 90, 96, 120, 144, 240];

/// How far a stored rate may lie from an NTSC rate and still mean it. After Effects stores what was typed (29.97, 23.976).
const NTSC_TOLERANCE_PER_MILLION: i128 = 500;

impl Rational {
    /// Nothing.
    pub const ZERO: Rational = Rational { num: 0, den: 1 };
    /// One.
    pub const ONE: Rational = Rational { num: 1, den: 1 };

    /// A whole number.
    #[must_use]
    pub const fn whole(value: i64) -> Rational {
        Rational { num: value, den: 1 }
    }

    /// `num / den` in lowest terms; `None` if the divisor is zero or the result does not fit.
    #[must_use]
    pub fn checked(num: i64, den: i64) -> Option<Rational> {
        Rational::reduced(i128::from(num), i128::from(den))
    }

    /// A rate of the NTSC family: `nominal · 1000 / 1001`.
    #[must_use]
    pub fn ntsc(nominal: u16) -> Rational {
        Rational::checked(i64::from(nominal) * 1000, 1001)
            .expect("1001 is not zero and the product is small")
    }

    /// A frame rate as a project stores it: a whole part and 65536ths. Values beside an NTSC rate mean that rate.
    #[must_use]
    pub fn from_stored_rate(whole: u16, fraction_65536: u16) -> Rational {
        let stored = i128::from(whole) * 65_536 + i128::from(fraction_65536);
        for nominal in NTSC_NOMINAL {
            // |stored/65536 − nominal·1000/1001| ≤ tolerance, without division
            let distance = (stored * 1001 - i128::from(nominal) * 1000 * 65_536).abs();
            if distance * 1_000_000 <= NTSC_TOLERANCE_PER_MILLION * 65_536 * 1001 {
                return Rational::reduced(i128::from(nominal) * 1000, 1001)
                    .unwrap_or(Rational::ZERO);
            }
        }
        Rational::from_65536ths(whole, fraction_65536)
    }

    /// A whole part and 65536ths, as they are.
    #[must_use]
    pub fn from_65536ths(whole: u16, fraction_65536: u16) -> Rational {
        let stored = i128::from(whole) * 65_536 + i128::from(fraction_65536);
        Rational::reduced(stored, 65_536).unwrap_or(Rational::ZERO)
    }

    fn reduced(num: i128, den: i128) -> Option<Rational> {
        if den == 0 {
            return None;
        }
        let divisor = gcd(num.unsigned_abs(), den.unsigned_abs());
        let divisor = i128::try_from(divisor).ok()? * den.signum();
        Some(Rational {
            num: i64::try_from(num / divisor).ok()?,
            den: i64::try_from(den / divisor).ok()?,
        })
    }

    /// The value for showing; not for counting frames.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "only for showing")]
    pub fn as_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// Whether the value is above zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.num > 0
    }

    /// `self + other`; `None` if it does not fit.
    #[must_use]
    pub fn plus(self, other: Rational) -> Option<Rational> {
        let left = i128::from(self.num).checked_mul(i128::from(other.den))?;
        let right = i128::from(other.num).checked_mul(i128::from(self.den))?;
        Rational::reduced(
            left.checked_add(right)?,
            i128::from(self.den).checked_mul(i128::from(other.den))?,
        )
    }

    /// `self · other`; `None` if it does not fit.
    #[must_use]
    pub fn times(self, other: Rational) -> Option<Rational> {
        Rational::reduced(
            i128::from(self.num).checked_mul(i128::from(other.num))?,
            i128::from(self.den).checked_mul(i128::from(other.den))?,
        )
    }

    /// `self · other`, rounded to the nearest whole number, halves up; clamped to what an `i64` holds.
    #[must_use]
    pub fn times_rounded(self, other: Rational) -> i64 {
        let num = i128::from(self.num) * i128::from(other.num);
        let den = i128::from(self.den) * i128::from(other.den);
        if den <= 0 {
            return 0;
        }
        let floor = num.div_euclid(den);
        let rounded = if num.rem_euclid(den) >= den - num.rem_euclid(den) {
            floor + 1
        } else {
            floor
        };
        let clamped = rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        i64::try_from(clamped).expect("clamped to the range")
    }
}

impl std::fmt::Display for Rational {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.den == 1 {
            write!(f, "{}", self.num)
        } else {
            write!(f, "{}/{}", self.num, self.den)
        }
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_rates_of_the_ntsc_family_become_exact() {
        let stored = |rate: f64| {
            let whole = rate.floor();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "small test values"
            )]
            Rational::from_stored_rate(whole as u16, ((rate - whole) * 65_536.0).round() as u16)
        };
        for (typed, num) in [
            (11.988, 12_000),
            (14.985, 15_000),
            (23.976, 24_000),
            (29.97, 30_000),
            (47.952, 48_000),
            (59.94, 60_000),
            (119.88, 120_000),
        ] {
            let expected = Rational::checked(num, 1001).unwrap();
            assert_eq!(stored(typed), expected, "{typed}");
        }
        assert_eq!(stored(12.5), Rational { num: 25, den: 2 });
        assert_eq!(stored(21.0), Rational::whole(21));
        assert_eq!(stored(30.0), Rational::whole(30));
        assert_eq!(stored(24.0), Rational::whole(24));
        assert_eq!(stored(0.0), Rational::ZERO);
    }

    #[test]
    fn rounding_is_to_the_nearest_with_halves_up() {
        let half = Rational { num: 1, den: 2 };
        assert_eq!(Rational::whole(3).times_rounded(half), 2);
        assert_eq!(Rational::whole(-3).times_rounded(half), -1);
        assert_eq!(Rational::whole(-4).times_rounded(half), -2);
        assert_eq!(
            Rational::whole(i64::MIN).times_rounded(Rational::whole(i64::MIN)),
            i64::MAX
        );
        let broken = Rational { num: 1, den: 0 };
        assert_eq!(broken.times_rounded(Rational::ONE), 0);
    }

    #[test]
    fn fractions_are_reduced_with_a_positive_denominator() {
        assert_eq!(Rational::checked(6, -4), Some(Rational { num: -3, den: 2 }));
        assert_eq!(Rational::checked(0, -4), Some(Rational::ZERO));
        assert_eq!(Rational::checked(1, 0), None);
        assert_eq!(Rational::checked(i64::MIN, -1), None);
        let sum = Rational { num: 1, den: 3 }.plus(Rational { num: 1, den: 6 });
        assert_eq!(sum, Some(Rational { num: 1, den: 2 }));
    }
}
