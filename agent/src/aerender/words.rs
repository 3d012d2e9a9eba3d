//! The words of After Effects' own log lines by language: what stands in front of a header's value, and how the end is said.
//! `reference/aerender.md` 2.2–2.4 has English, German, French and Japanese ones from real logs and from programs that read
//! them; the others are marked `K`: background knowledge, not checked against a log. Must not: judge.

/// A header value that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// First moment.
    Start,
    /// Last moment.
    End,
    /// Length.
    Duration,
    /// Frames a second.
    FrameRate,
}

/// What stands before the colon, lower case.
const KEYS: &[(Key, &[&str])] = &[
    (
        Key::Start,
        &[
            "start",
            "anfang", // nexrender reads both
            "début",
            "inicio",
            "inizio",
            "início",
            "начало",
            "開始",
            "시작",
            "开始", // K
        ],
    ),
    (
        Key::End,
        &[
            "end",
            "ende", // as above
            "fin",
            "fine",
            "fim",
            "конец",
            "終了",
            "끝",
            "종료",
            "结束", // K
        ],
    ),
    (
        Key::Duration,
        &[
            "duration",
            "dauer", // as above
            "durée",
            "duración",
            "durata",
            "duração",
            "длительность",
            "продолжительность",
            "デュレーション",
            "지속 시간",
            "持续时间", // K
        ],
    ),
    (
        Key::FrameRate,
        &[
            "frame rate", // L02, L21
            "framerate",
            "bildrate",
            "fréquence d'images",
            "fréquence d’images",
            "cadence d'images",
            "velocidad de fotogramas",
            "frequenza fotogrammi",
            "taxa de quadros",
            "частота кадров",
            "フレームレート",
            "프레임 속도",
            "프레임 레이트",
            "帧速率",
            "帧频", // K
        ],
    ),
];

/// Lines that name something of the user's: an anchor inside is his text. Lower case.
const NAMING: &[&str] = &[
    "omposition",
    "komposition",
    "composición",
    "composizione",
    "composição",
    "композиция",
    "композиции",
    "コンポジション",
    "컴포지션",
    "合成",
    "output to",
    "output module",
    "render settings",
    "出力先",
];

/// How the end of a composition is said: all parts in this order, lower case, names in quotes taken out.
const FINISHED: &[&[&str]] = &[
    &["finished composition"],     // L01, L48
    &["fin de la composition"],    // Deadline
    &["komposition", "beendet"],   // Deadline
    &["コンポジション", "の終了"], // L50
    &["komposition", "abgeschlossen"],
    &["komposition", "fertig"], // K, as all that follow
    &["composición", "finaliz"],
    &["finaliz", "composición"],
    &["composición", "terminad"],
    &["composizione", "completat"],
    &["fine", "composizione"],
    &["composizione", "terminat"],
    &["composição", "conclu"],
    &["composição", "finaliz"],
    &["композици", "заверш"],
    &["заверш", "композици"],
    &["컴포지션", "완료"],
    &["컴포지션", "마침"],
    &["컴포지션", "종료"],
    &["合成", "完成"],
    &["完成", "合成"],
    &["合成", "结束"],
];

/// How the total time is said, lower case.
const TOTAL_TIME: &[&str] = &[
    "total time elapsed", // L01, L15, L49
    "合計経過時間",       // L50
    "gesamtzeit",
    "gesamtdauer",
    "temps total écoulé",
    "durée totale",
    "tiempo total transcurrido",
    "tempo totale trascorso",
    "tempo total decorrido",
    "общее затраченное время",
    "общее время",
    "총 경과 시간",
    "总计经过时间",
    "总用时",
    "总时间", // K
];

/// How the start is said: as for the end.
const STARTED: &[&[&str]] = &[
    &["starting composition"],     // L21, L22
    &["コンポジション", "の開始"], // L50
    &["komposition", "gestartet"],
    &["komposition", "begonnen"],
    &["début de la composition"],
    &["composición", "inici"],
    &["inici", "composición"],
    &["avvio", "composizione"],
    &["composizione", "avviat"],
    &["iniciando", "composição"],
    &["composição", "inici"],
    &["начал", "композици"],
    &["컴포지션", "시작"],
    &["合成", "开始"],
    &["开始", "合成"], // K
];

/// Which header value a line gives, and the value.
pub fn header(text: &str) -> Option<(Key, &str)> {
    let at = text.find([':', '：'])?;
    // No key is longer; most lines are no headers.
    if at > 64 {
        return None;
    }
    let value = text[at..].trim_start_matches([':', '：']).trim();
    let name = text[..at].trim().to_lowercase();
    KEYS.iter()
        .find(|(_, names)| names.contains(&name.as_str()))
        .map(|(key, _)| (*key, value))
}

/// Whether the text names a composition, a file or a template of the user's.
pub fn names_something(text: &str) -> bool {
    let lower = text.to_lowercase();
    NAMING.iter().any(|word| lower.contains(word))
}

/// What a line says about the course of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// A composition is begun.
    Started,
    /// A composition is finished.
    Finished,
    /// The total time is told: nothing more comes.
    Over,
}

/// Reads what a line says about the course of an item, in any language that is known.
pub fn course(text: &str) -> Option<Course> {
    let lower = without_quoted(&text.to_lowercase());
    let says = |table: &[&[&str]]| table.iter().any(|parts| in_order(&lower, parts));
    if TOTAL_TIME.iter().any(|word| lower.contains(word)) {
        Some(Course::Over)
    } else if says(&STARTED[..1]) {
        // In front: an old version's name stands without quotes, and may be anything.
        Some(Course::Started)
    } else if says(FINISHED) {
        Some(Course::Finished)
    } else if says(STARTED) {
        Some(Course::Started)
    } else {
        None
    }
}

/// Whether an old encoding's text makes a word that is known.
pub fn known(text: &str) -> bool {
    let foreign = |word: &&str| !word.is_ascii();
    course(text).is_some()
        || header(text).is_some()
        || NAMING
            .iter()
            .filter(|word| foreign(word))
            .any(|word| text.contains(word))
        || super::catalogue::find(text).is_some_and(|row| row.texts.iter().any(foreign))
}

/// Whether all the parts stand in the text, one behind the other.
pub fn in_order(text: &str, parts: &[&str]) -> bool {
    let mut rest = text;
    parts.iter().all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// Without what stands in quotes; a quote that is not closed is a letter like others.
fn without_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((open, before)) = rest
        .char_indices()
        .find(|(_, letter)| closing(*letter).is_some())
        .map(|(at, letter)| (letter, at))
    {
        let inside = &rest[before + open.len_utf8()..];
        let close = closing(open).and_then(|closes| inside.rfind(closes));
        out.push_str(&rest[..before]);
        match close {
            Some(at) => {
                out.push(' ');
                let behind = &inside[at..];
                rest = &behind[behind.chars().next().map_or(0, char::len_utf8)..];
            }
            None => {
                out.push(open);
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What closes a quotation that opens with this. The half-width sound mark is what a Japanese After Effects prints (L50).
fn closing(open: char) -> Option<&'static [char]> {
    match open {
        '"' => Some(&['"']),
        '“' | '„' => Some(&['”', '“']),
        '«' => Some(&['»']),
        '「' => Some(&['」']),
        'ﾞ' => Some(&['ﾞ']),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_course_is_read_in_every_language() {
        for (text, course_is) in [
            (
                "4/30/2019 1:59:30 AM: Finished composition main.",
                Some(Course::Finished),
            ),
            (
                "11-Feb-21 17:50:57: Finished composition “_Example 1”.",
                Some(Course::Finished),
            ),
            ("Komposition „Start“ beendet", Some(Course::Finished)),
            (
                "15/03/2022 19:28:47 GMT+2 : fin de la composition « A ».",
                Some(Course::Finished),
            ),
            (
                "2023/04/06 20:37:22 : コンポジションﾞIcon256ﾞの終了",
                Some(Course::Finished),
            ),
            (
                "2023/04/06 20:37:22 : コンポジションﾞの終了ﾞの開始",
                Some(Course::Started),
            ),
            (
                "1/1/2024 1:00:00 AM: Starting composition Finished composition.",
                Some(Course::Started),
            ),
            (
                "Starting composition “Total Time Elapsed”.",
                Some(Course::Started),
            ),
            ("**Total Time Elapsed: 17 Seconds", Some(Course::Over)),
            ("合計経過時間 : 0 秒", Some(Course::Over)),
            ("Output To: C:\\a\\b.tif", None),
            ("Adding specified comp to Render Queue", None),
        ] {
            assert_eq!(course(text), course_is, "{text}");
        }
    }

    #[test]
    fn headers_are_read() {
        assert_eq!(
            header("Start: 0:00:00:00"),
            Some((Key::Start, "0:00:00:00"))
        );
        assert_eq!(
            header("Dauer : 0:00:00:02"),
            Some((Key::Duration, "0:00:00:02"))
        );
        assert_eq!(
            header("フレームレート：25.00 (comp)"),
            Some((Key::FrameRate, "25.00 (comp)"))
        );
        assert_eq!(header("Time Span: Custom"), None);
    }
}
