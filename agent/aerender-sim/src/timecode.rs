//! Answers for: frame numbers, rates and dates as After Effects prints them. Must not: read the clock (the caller passes it).

/// Frames a second, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Frames …
    pub num: i64,
    /// … in this many seconds; greater than zero.
    pub den: i64,
}

impl Rate {
    /// Frames a second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.num as f64 / self.den.max(1) as f64
    }

    /// The timecode's frames a second: the rate rounded to a whole number, one at least.
    fn base(self) -> i64 {
        (self.per_second().round() as i64).max(1)
    }

    /// After Effects shows 29.97 and 59.94 as drop-frame timecode unless a project says otherwise.
    fn drops_frames(self) -> bool {
        let base = self.base();
        base % 30 == 0 && (base as f64 - self.per_second()).abs() > 0.001
    }
}

/// `frame` as `H:MM:SS:FF`, or `H;MM;SS;FF` where the rate is a drop-frame one. `frame` counts from timecode zero.
#[must_use]
pub fn timecode(frame: i64, rate: Rate) -> String {
    let base = rate.base();
    let drops = rate.drops_frames();
    let mark = if drops { ';' } else { ':' };
    let sign = if frame < 0 { "-" } else { "" };
    let mut count = frame.unsigned_abs() as i64;
    if drops {
        count = renumber(count, base);
    }
    let seconds = count / base;
    let digits = if base > 100 { 3 } else { 2 };
    format!(
        "{sign}{}{mark}{:02}{mark}{:02}{mark}{:0digits$}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        count % base
    )
}

/// Drop-frame numbering: two numbers (four at 59.94) are left out at the start of each minute that ten doesn't divide.
fn renumber(count: i64, base: i64) -> i64 {
    let dropped = base / 15;
    let minute = base * 60 - dropped;
    let ten_minutes = minute * 10 + dropped;
    let (tens, rest) = (count / ten_minutes, count % ten_minutes);
    let minutes = if rest < base * 60 {
        0
    } else {
        (rest - dropped) / minute
    };
    count + dropped * (9 * tens + minutes)
}

/// A moment as an English After Effects prints it, `8/26/2026 1:09:51 AM`, in UTC.
#[must_use]
pub fn date(unix_seconds: u64) -> String {
    let (year, month, day) = civil((unix_seconds / 86_400) as i64);
    let second = unix_seconds % 86_400;
    let hour = second / 3600;
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = match hour % 12 {
        0 => 12,
        hour => hour,
    };
    format!(
        "{month}/{day}/{year} {hour}:{:02}:{:02} {half}",
        second / 60 % 60,
        second % 60
    )
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    let mut year = 1970;
    let mut left = days;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// `Total Time Elapsed` as After Effects words it.
#[must_use]
pub fn elapsed(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} Seconds"),
        60..3600 => format!("{} Min, {} Sec", seconds / 60, seconds % 60),
        _ => format!("{} Hr, {} Min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NTSC: Rate = Rate {
        num: 30_000,
        den: 1001,
    };

    #[test]
    fn timecodes_are_those_of_the_logs() {
        let film = Rate { num: 24, den: 1 };
        assert_eq!(timecode(199, film), "0:00:08:07");
        assert_eq!(timecode(132, Rate { num: 25, den: 1 }), "0:00:05:07");
        assert_eq!(timecode(-1, film), "-0:00:00:01");
        assert_eq!(timecode(86_400 + 12, film), "1:00:00:12");
        assert_eq!(timecode(121, Rate { num: 120, den: 1 }), "0:00:01:001");
    }

    #[test]
    fn drop_frame_leaves_out_the_right_numbers() {
        assert_eq!(timecode(0, NTSC), "0;00;00;00");
        assert_eq!(timecode(1799, NTSC), "0;00;59;29");
        assert_eq!(timecode(1800, NTSC), "0;01;00;02");
        assert_eq!(timecode(17_981, NTSC), "0;09;59;29");
        assert_eq!(timecode(17_982, NTSC), "0;10;00;00");
        assert_eq!(timecode(107_892, NTSC), "1;00;00;00");
        let fast = Rate {
            num: 60_000,
            den: 1001,
        };
        assert_eq!(timecode(3600, fast), "0;01;00;04");
    }

    #[test]
    fn no_two_frames_share_a_timecode() {
        let mut seen = std::collections::HashSet::new();
        assert!((0..40_000).all(|frame| seen.insert(timecode(frame, NTSC))));
    }

    #[test]
    fn dates_and_spans_read_as_in_the_logs() {
        assert_eq!(date(0), "1/1/1970 12:00:00 AM");
        assert_eq!(date(951_782_400), "2/29/2000 12:00:00 AM");
        assert_eq!(date(1_787_706_591), "8/26/2026 1:09:51 AM");
        assert_eq!(elapsed(28), "28 Seconds");
        assert_eq!(elapsed(88), "1 Min, 28 Sec");
        assert_eq!(elapsed(26 * 3600 + 15 * 60), "26 Hr, 15 Min");
    }
}
