//! Numbers, times and names as people read them.

use flatrender_protocol::state::Link;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// `text` with everything that moves a cursor, changes a colour or turns the writing around made visible.
pub fn safe(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if acts(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            // Bidirectional controls, invisible joiners that reorder, line and paragraph separators, the byte order mark.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// `1204` as `1,204`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size with a unit: `812 B`, `31.2 MiB`.
pub fn bytes(number: u64) -> String {
    if number < 1024 {
        return format!("{number} B");
    }
    let mut unit = 0;
    let mut left = number;
    while left >= 1024 * 1024 && unit < 3 {
        left /= 1024;
        unit += 1;
    }
    let name = ["KiB", "MiB", "GiB", "TiB"][unit];
    format!("{}.{} {name}", left / 1024, left % 1024 * 10 / 1024)
}

/// A time span with its two largest units: `45 s`, `2 min 10 s`, `3 h 5 min`.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

fn pair(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// How long ago, from milliseconds: `now`, `4 s`, `2 min 10 s`.
pub fn ago(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => "now".to_owned(),
        _ => duration(milliseconds / 1000),
    }
}

/// The last eight characters of an id: its head is a clock and says nothing.
pub fn short_id(id: Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 8..].to_owned()
}

/// `14:35:24Z` of an RFC 3339 time; what is none is shown as it is.
pub fn time_of_day(text: &str) -> String {
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(at) => {
            let (hour, minute, second) = at.to_offset(time::UtcOffset::UTC).to_hms();
            format!("{hour:02}:{minute:02}:{second:02}Z")
        }
        Err(_) => safe(text),
    }
}

/// How well the node is heard.
pub fn link_word(link: Link) -> &'static str {
    link.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_act() {
        assert_eq!(safe("نوروز promo"), "نوروز promo");
        assert_eq!(safe("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(safe("a\r\nb\tc"), "a\\u{d}\\u{a}b\\u{9}c");
        assert_eq!(safe("abc\u{202e}gpj.exe"), "abc\\u{202e}gpj.exe");
        assert_eq!(safe("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn numbers_are_grouped_and_have_units() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1204, "1,204"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(count(number), text);
        }
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (5 << 20, "5.0 MiB"),
            (3 << 40, "3.0 TiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        for (seconds, text) in [
            (59, "59 s"),
            (60, "1 min"),
            (130, "2 min 10 s"),
            (3599, "59 min 59 s"),
            (11_100, "3 h 5 min"),
            (176_400, "2 d 1 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(time_of_day("2026-11-22T18:05:24+03:30"), "14:35:24Z");
        assert_eq!(time_of_day("soon\u{1b}"), "soon\\u{1b}");
    }

    #[test]
    fn an_id_is_known_by_its_end() {
        let id = Uuid::from_u128(0x0193_a3f0_1111_7222_8333_4444_5555_6666);
        assert_eq!(short_id(id), "55556666");
    }
}
