//! The grammar of a frame's line (`reference/aerender.md` 2.3): `0:00:05:07 (132): 1 Seconds`, drop-frame `1;34;40;09
//! (21280)`, frames `12 (13): 0 Seconds`, feet and frames `0004+12 (77): …`, a letter behind the number for fields. Must not:
//! count.

/// One frame: what the project shows and the number within this render, both exactly, as one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLine {
    /// Equal only for the same moment and number.
    pub key: u128,
    /// The number in brackets.
    pub number: u32,
}

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `H:MM:SS:FF`, or with `;`.
    Timecode,
    /// `FFFF+FF`.
    Feet,
    /// A number of frames.
    Bare,
}

/// A moment at the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// How it is written.
    pub form: Form,
    /// Hours, minutes, seconds, frames; feet, frames; frames.
    parts: [u32; 4],
    negative: bool,
    /// Bytes that it takes.
    pub length: usize,
}

impl Moment {
    /// The moment that a text begins with.
    pub fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let sign = text.len() - unsigned.len();
        let (first, mut rest) = number(unsigned, 9)?;
        let mut parts = [first, 0, 0, 0];
        let done = |form, parts, rest: &str| {
            Some(Self {
                form,
                parts,
                negative: sign > 0,
                length: text.len() - rest.len(),
            })
        };
        if let Some(after) = rest.strip_prefix('+') {
            let (frames, rest) = number(after, 3)?;
            return done(Form::Feet, [first, frames, 0, 0], rest);
        }
        if !rest.starts_with([':', ';']) {
            return done(Form::Bare, parts, rest);
        }
        for (place, part) in parts.iter_mut().enumerate().skip(1) {
            // `H:MM:SS.FF` is not After Effects'; a dot would take other programs' times for frames.
            let after = rest.strip_prefix([':', ';'])?;
            let (value, left) = number(after, 3)?;
            let digits = after.len() - left.len();
            if !(digits == 2 || (digits == 3 && place == 3)) {
                return None;
            }
            (*part, rest) = (value, left);
        }
        done(Form::Timecode, parts, rest)
    }

    /// The whole of a text as a moment, as it stands after `Start:` or `Duration:`.
    pub fn whole(text: &str) -> Option<Self> {
        Self::parse(text).filter(|moment| moment.length == text.len())
    }

    /// Its frames at a whole number of frames a second, dropped numbers left out of account.
    pub fn frames(&self, per_second: u32) -> Option<u64> {
        let [a, b, c, d] = self.parts.map(u64::from);
        match self.form {
            Form::Timecode => Some(((a * 60 + b) * 60 + c) * u64::from(per_second) + d),
            Form::Bare => Some(a),
            // Frames of a foot depend on the film: 16 mm or 35 mm.
            Form::Feet => None,
        }
    }

    fn key(&self, number: u32) -> u128 {
        let [a, b, c, d] = self.parts.map(u128::from);
        let form = match self.form {
            Form::Timecode => 0,
            Form::Feet => 1,
            Form::Bare => 2,
        };
        let shown = a << 30 | b << 20 | c << 10 | d;
        (shown << 3 | form << 1 | u128::from(self.negative)) << 32 | u128::from(number)
    }
}

/// Reads the line of a frame. Without the prefix `PROGRESS:` (`prefixed` false) a bare number must be followed by all that After
/// Effects prints, since any program prints numbers in brackets.
pub fn frame_line(text: &str, prefixed: bool) -> Option<FrameLine> {
    let moment = Moment::parse(text)?;
    let rest = text[moment.length..].trim_start();
    let rest = rest.strip_prefix(['(', '（'])?.trim_start();
    let (number, rest) = number(rest, 9)?;
    let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let rest = rest.trim_start().strip_prefix([')', '）'])?.trim_start();
    let seconds = rest.strip_prefix([':', '：']).map(str::trim_start);
    let sure = match (moment.form, seconds) {
        (Form::Timecode, _) if prefixed => true,
        (Form::Timecode, Some(_)) => true,
        (_, Some(seconds)) => prefixed || seconds.starts_with(|first: char| first.is_ascii_digit()),
        (_, None) => prefixed && rest.is_empty(),
    };
    sure.then(|| FrameLine {
        key: moment.key(number),
        number,
    })
}

/// The part of a text that may be the beginning of a frame's line, torn by another writer: `0:00:00:0`.
pub fn torn_head(text: &str) -> Option<&str> {
    let part = |character: char| character.is_ascii_digit() || " :;+(".contains(character);
    let end = text
        .find(|character| !part(character))
        .unwrap_or(text.len());
    let head = &text[..end];
    let begun = head.starts_with(|first: char| first.is_ascii_digit());
    (begun && end <= 40).then_some(head)
}

/// Up to so many digits, and what follows; `None` when there are none, or more.
fn number(text: &str, most_digits: usize) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > most_digits {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_frames_are_known_in_every_way_to_write_them() {
        for (text, number) in [
            ("0:00:05:07 (132): 1 Seconds", 132),
            ("1;34;40;09 (21280)", 21_280),
            ("1;34;40;09 (21280): 2 Sekunden", 21_280),
            ("0:00:00:119 (120): 0 Seconds", 120),
            ("12 (13): 0 Seconds", 13),
            ("-0:00:00:05 (1): 0 Seconds", 1),
            ("0004+12 (77): 0 Seconds", 77),
            ("0:00:01:00 (26U): 0 Seconds", 26),
            ("0:00:01:00 （26）： 0 秒", 26),
            ("0:00:01:00 (26)Using DXGI", 26),
            ("12 (13)", 13),
        ] {
            assert_eq!(
                frame_line(text, true).map(|line| line.number),
                Some(number),
                "{text}"
            );
        }
        for text in [
            "",
            "0:00:05 (132): 1 Seconds",
            "0:0:05:07 (132): 1 Seconds",
            "5/7/2018 6:22:38 PM (1): x",
            "12 (x): 0",
            "12 (13) of 4",
            "99999999999 (1): 0",
            "0:00:05:07 (99999999999): 1",
            "0:00:05:07",
        ] {
            assert_eq!(frame_line(text, true), None, "{text}");
        }
    }

    #[test]
    fn without_a_prefix_more_is_asked() {
        for (text, is) in [
            ("0:00:05:07 (132): 1 Seconds", true),
            ("12 (13): 0 Seconds", true),
            ("12 (13)", false),
            ("12 (13): x", false),
            ("0:00:05:07 (132)", false),
        ] {
            assert_eq!(frame_line(text, false).is_some(), is, "{text}");
        }
    }

    #[test]
    fn keys_are_equal_only_for_the_same() {
        let key = |text| frame_line(text, true).unwrap().key;
        assert_eq!(key("0:00:00:01 (2): 0 Seconds"), key("0;00;00;01 (2U): 9"));
        let all = [
            "0:00:00:01 (2)",
            "0:00:00:01 (3)",
            "0:00:01:00 (2)",
            "1 (2)",
            "0+01 (2)",
            "-1 (2)",
            "1:00:00:00 (2)",
        ];
        for (a, one) in all.iter().enumerate() {
            for other in &all[a + 1..] {
                assert_ne!(key(one), key(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn lengths_in_frames() {
        let frames = |text, rate| Moment::whole(text).unwrap().frames(rate);
        assert_eq!(frames("0:00:06:16", 25), Some(166));
        assert_eq!(frames("49", 25), Some(49));
        assert_eq!(frames("0002+04", 24), None);
        assert_eq!(Moment::whole("0:00:06:16, start"), None);
    }

    #[test]
    fn heads_of_torn_lines() {
        assert_eq!(torn_head("0:00:00:0Using DXGI"), Some("0:00:00:0"));
        assert_eq!(torn_head("Quality: Best"), None);
        assert_eq!(torn_head(""), None);
    }
}
