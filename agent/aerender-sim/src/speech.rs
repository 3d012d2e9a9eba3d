//! Answers for: the words of After Effects' log lines in several languages. English, German, French and Japanese ones are from
//! `reference/aerender.md` 2.2–2.4 as far as it has them; all others are our own guesses, and the page on After Effects says so.
//! Must not: say them.

use serde::Deserialize;

/// A language of After Effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Italian.
    It,
    /// Japanese.
    Ja,
    /// Korean.
    Ko,
    /// Chinese.
    Zh,
}

/// All of them.
pub const LANGUAGES: [Language; 8] = [
    Language::En,
    Language::De,
    Language::Fr,
    Language::Es,
    Language::It,
    Language::Ja,
    Language::Ko,
    Language::Zh,
];

/// The words of one language.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// As the settings have it.
    pub code: &'static str,
    start: &'static str,
    end: &'static str,
    duration: &'static str,
    rate: &'static str,
    seconds: &'static str,
    total: &'static str,
    quotes: [&'static str; 2],
    starting: [&'static str; 2],
    finished: [&'static str; 2],
    comma: bool,
    file_missing: [&'static str; 2],
}

const EN: Words = Words {
    code: "en",
    start: "Start:",
    end: "End:",
    duration: "Duration:",
    rate: "Frame Rate:",
    seconds: "Seconds",
    total: "Total Time Elapsed:",
    quotes: ["\u{201c}", "\u{201d}"],
    starting: ["Starting composition ", "."],
    finished: ["Finished composition ", "."],
    comma: false,
    file_missing: [
        "logged one error  error: Unable to Render: File Not Found ",
        "",
    ],
};

const DE: Words = Words {
    code: "de",
    start: "Anfang:",
    end: "Ende:",
    duration: "Dauer:",
    rate: "Framerate:",
    seconds: "Sekunden",
    total: "Gesamtzeit:",
    quotes: ["„", "“"],
    starting: ["Komposition ", " gestartet."],
    finished: ["Komposition ", " beendet."],
    comma: true,
    file_missing: ["1 Fehler: Datei nicht gefunden: ", ""],
};

const FR: Words = Words {
    code: "fr",
    start: "Début :",
    end: "Fin :",
    duration: "Durée :",
    rate: "Cadence d'images :",
    seconds: "secondes",
    total: "Temps total écoulé :",
    quotes: ["« ", " »"],
    starting: ["début de la composition ", "."],
    finished: ["fin de la composition ", "."],
    comma: true,
    file_missing: ["1 erreur : fichier introuvable ", ""],
};

const ES: Words = Words {
    code: "es",
    start: "Inicio:",
    end: "Fin:",
    duration: "Duración:",
    rate: "Velocidad de fotogramas:",
    seconds: "segundos",
    total: "Tiempo total transcurrido:",
    quotes: ["\"", "\""],
    starting: ["Iniciando composición ", "."],
    finished: ["Composición ", " finalizada."],
    comma: true,
    file_missing: ["1 error: archivo no encontrado ", ""],
};

const IT: Words = Words {
    code: "it",
    start: "Inizio:",
    end: "Fine:",
    duration: "Durata:",
    rate: "Frequenza fotogrammi:",
    seconds: "secondi",
    total: "Tempo totale trascorso:",
    quotes: ["\"", "\""],
    starting: ["Avvio della composizione ", "."],
    finished: ["Composizione ", " completata."],
    comma: true,
    file_missing: ["1 errore: file non trovato ", ""],
};

const JA: Words = Words {
    code: "ja",
    start: "開始 :",
    end: "終了 :",
    duration: "デュレーション :",
    rate: "フレームレート :",
    seconds: "秒",
    total: "合計経過時間 :",
    quotes: ["ﾞ", "ﾞ"],
    starting: ["コンポジション", "の開始"],
    finished: ["コンポジション", "の終了"],
    comma: false,
    file_missing: ["エラー 1 : ファイルが見つかりません ", ""],
};

const KO: Words = Words {
    code: "ko",
    start: "시작:",
    end: "종료:",
    duration: "지속 시간:",
    rate: "프레임 속도:",
    seconds: "초",
    total: "총 경과 시간:",
    quotes: ["\"", "\""],
    starting: ["컴포지션 ", " 시작."],
    finished: ["컴포지션 ", " 완료."],
    comma: false,
    file_missing: [
        "에러가 1개 기록되었습니다. 에러: 소스파일: ",
        " 파일을 찾을 수 없음",
    ],
};

const ZH: Words = Words {
    code: "zh",
    start: "开始:",
    end: "结束:",
    duration: "持续时间:",
    rate: "帧速率:",
    seconds: "秒",
    total: "总计经过时间:",
    quotes: ["“", "”"],
    starting: ["正在开始合成", "。"],
    finished: ["合成", "已完成。"],
    comma: false,
    file_missing: ["1 个错误: 找不到文件 ", ""],
};

impl Language {
    /// Its words.
    #[must_use]
    pub const fn words(self) -> Words {
        match self {
            Self::En => EN,
            Self::De => DE,
            Self::Fr => FR,
            Self::Es => ES,
            Self::It => IT,
            Self::Ja => JA,
            Self::Ko => KO,
            Self::Zh => ZH,
        }
    }
}

impl Words {
    /// A line of a render-queue item's header, from the English one: the keys that programs read are translated.
    #[must_use]
    pub fn header(&self, line: &str) -> String {
        for (english, word) in [
            (EN.start, self.start),
            (EN.end, self.end),
            (EN.duration, self.duration),
            (EN.rate, self.rate),
        ] {
            if let Some(value) = line.strip_prefix(english) {
                let value = if self.comma && english == EN.rate {
                    value.replace('.', ",")
                } else {
                    value.to_owned()
                };
                return format!("{word}{value}");
            }
        }
        line.to_owned()
    }

    /// The start of a composition.
    #[must_use]
    pub fn starting(&self, name: &str) -> String {
        self.about(self.starting, name)
    }

    /// Its end.
    #[must_use]
    pub fn finished(&self, name: &str) -> String {
        self.about(self.finished, name)
    }

    fn about(&self, words: [&str; 2], name: &str) -> String {
        let [open, close] = self.quotes;
        format!("{}{open}{name}{close}{}", words[0], words[1])
    }

    /// What stands behind the number of a frame's seconds.
    #[must_use]
    pub fn seconds(&self, count: u64) -> String {
        format!("{count} {}", self.seconds)
    }

    /// The last line: minutes and hours are English everywhere.
    #[must_use]
    pub fn total(&self, seconds: u64) -> String {
        let elapsed = crate::timecode::elapsed(seconds);
        format!(
            "{} {}",
            self.total,
            elapsed.replace("Seconds", self.seconds)
        )
    }

    /// A missing file, as After Effects warns of it.
    #[must_use]
    pub fn file_missing(&self, path: &str) -> String {
        format!("{}{path}{}", self.file_missing[0], self.file_missing[1])
    }
}
