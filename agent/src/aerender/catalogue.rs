//! The texts that After Effects, aerender and their plug-ins are known to print, and what each means: one table. The source
//! of a row is `reference/aerender.md` 2.5 (or the log named there) unless its `source` says otherwise; `K` is background
//! knowledge that no log has shown yet. Must not: read lines (`reader`) or weigh them against files (`verdict`).

use flatrender_protocol::message::OutcomeClass;

use super::words::in_order;

/// What a text is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It says what is wrong.
    Cause(OutcomeClass),
    /// It says that something is wrong; the cause stands elsewhere, if anywhere.
    Hint(OutcomeClass),
    /// Nothing is wrong.
    Noise,
}

/// Where a text counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Only in a line that its writer has marked: `aerender ERROR`, `WARNING:`, `INFO:`.
    Marked,
    /// In any line, as an error.
    AnyError,
    /// In any line, as a warning.
    AnyWarning,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// Ways to say it, lower case; parts divided by `*` follow one another.
    pub texts: &'static [&'static str],
    /// Where it counts.
    pub place: Place,
    /// What it is worth.
    pub weight: Weight,
    /// Whose fault missing frames are when this was said; differs from the weight where that is `suspect`.
    pub missing: OutcomeClass,
    /// Frames that look whole can't be believed.
    pub doubts: bool,
    /// The next line belongs to it.
    pub follows: bool,
    /// Where it is known from.
    pub source: &'static str,
}

use OutcomeClass::{Node, Suspect, Template, Transient};

const fn row(texts: &'static [&'static str], weight: Weight, source: &'static str) -> Row {
    let missing = match weight {
        Weight::Cause(class) | Weight::Hint(class) => class,
        Weight::Noise => Transient,
    };
    Row {
        texts,
        place: Place::Marked,
        weight,
        missing,
        doubts: false,
        follows: false,
        source,
    }
}

impl Row {
    const fn any_error(mut self) -> Self {
        self.place = Place::AnyError;
        self
    }
    const fn any_warning(mut self) -> Self {
        self.place = Place::AnyWarning;
        self
    }
    const fn doubts(mut self) -> Self {
        self.doubts = true;
        self
    }
    const fn follows(mut self) -> Self {
        self.follows = true;
        self
    }
    const fn missing(mut self, class: OutcomeClass) -> Self {
        self.missing = class;
        self
    }
}

/// The first row that fits counts: what is said more exactly stands in front.
#[rustfmt::skip]
pub static TABLE: &[Row] = &[
    // What only looks bad.
    row(&["xmp metadata"], Weight::Noise, "2.5"),
    row(&["auto-save", "autosave"], Weight::Noise, "2.5: Deadline takes it for a warning"),
    row(&["ivcautoreleasepool", "vr path registry", "nvapi error", "gl_vers:", "create buffer error", "loadlibrary \"", "untested windows version", "moov atom cache"], Weight::Noise, "L01 L24 L39"),
    row(&["must be converted from version"], Weight::Noise, "L31"),
    row(&["error in background rendering"], Weight::Noise, "2.5: old multiprocessing"),
    row(&["gpu warning:", "failed (previous) sanity test"], Weight::Noise, "L11: After Effects falls back").any_warning(),
    row(&["argument ignored since no -comp or -rqindex"], Weight::Noise, "1.2"),
    // The job is wrong.
    row(&["no comp was found with the given name"], Weight::Cause(Template), "L03"),
    row(&["keine komposition*gefunden", "aucune composition", "composition introuvable", "no se*ninguna composición", "nessuna composizione", "nenhuma composição",
        "композиция*не найдена", "コンポジションが見つかり", "컴포지션을 찾을 수 없", "找不到*合成", "未找到*合成"], Weight::Cause(Template), "K: L03 in other languages"),
    row(&["no render queue item was found with the given index"], Weight::Cause(Template), "1.1"),
    row(&["no project provided and no project open"], Weight::Cause(Template), "1.1"),
    row(&["needs output file but none provided"], Weight::Cause(Template), "1.2"),
    row(&["because no render queue item was specified"], Weight::Cause(Template), "1.2"),
    row(&["syntax error", "illegal argument flag", "no value given for flag", "bad value for -"], Weight::Cause(Template), "L33 L34 L36"),
    row(&["for log file does not exist", "for log file is a file, not a directory", "can not open log file"], Weight::Cause(Template), "2.5"),
    row(&["error executing script", "can not open script file"], Weight::Cause(Template), "2.5: a patched script's -r"),
    row(&["marked to continue from a partly complete render"], Weight::Cause(Template), "1.2"),
    row(&["name of an output module for this render item is already in use"], Weight::Cause(Template), "2.5"),
    row(&["available only with one output module of type 'sequence'"], Weight::Cause(Template), "2.5"),
    row(&["cause render to have frames outside"], Weight::Cause(Suspect), "L17").missing(Template).doubts(),
    row(&["newer version of after effects"], Weight::Cause(Template), "1.7: an older one can't open it"),
    // Footage.
    row(&["unable to render*file not found"], Weight::Cause(Template), "L15").any_warning().doubts(),
    row(&["file is missing since", "files are missing since"], Weight::Cause(Template), "L58").doubts(),
    row(&["파일을 찾을 수 없"], Weight::Cause(Template), "L45").any_warning().doubts(),
    row(&["에러가*기록되었습니다", "오류가*기록되었습니다"], Weight::Hint(Template), "L45").doubts(),
    row(&["datei nicht gefunden", "datei wurde nicht gefunden", "fichier introuvable", "fichier non trouvé", "archivo no encontrado", "no se encontró el archivo",
        "file non trovato", "impossibile trovare il file", "arquivo não encontrado", "файл не найден", "ファイルが見つかりません", "找不到文件", "未找到文件"],
        Weight::Cause(Template), "K").any_warning().doubts(),
    row(&["file not found"], Weight::Cause(Template), "L15").doubts(),
    row(&["could not read from source"], Weight::Cause(Template), "L18 L19").doubts(),
    row(&["reading frame from file"], Weight::Cause(Template), "L56").doubts(),
    row(&["logged one error", "logged * errors"], Weight::Hint(Template), "L15").doubts(),
    // Effects, expressions, layers.
    row(&["missing effect"], Weight::Cause(Template), "2.5").doubts(),
    row(&["layer dependencies are missing"], Weight::Cause(Template), "2.5: two lines").doubts().follows(),
    row(&["error reading the text layer"], Weight::Cause(Template), "2.5").doubts(),
    row(&["expression disabled", "expression error", "error in expression", "error at line*in property"], Weight::Cause(Template), "2.5, spellings K").any_warning().doubts(),
    row(&["internal verification failure"], Weight::Cause(Template), "L57").any_error().doubts(),
    row(&["no current context"], Weight::Cause(Template), "L57").doubts(),
    // This machine or account can't.
    row(&["no output module template was found"], Weight::Cause(Node), "L29"),
    row(&["ausgabemodulvorlage", "ausgabemodul-vorlage", "modèle de module de sortie", "plantilla*módulo de salida", "modello*modulo di output", "modelo*módulo de saída",
        "шаблон*модуля вывода", "出力モジュールテンプレート", "출력 모듈 템플릿", "输出模块模板", "rendereinstellungsvorlage", "modèle de réglages de rendu",
        "plantilla*ajustes de procesamiento", "レンダリング設定テンプレート", "렌더링 설정 템플릿", "渲染设置模板"], Weight::Cause(Node), "K: L25, L29 in other languages"),
    row(&["no render settings template was found"], Weight::Cause(Node), "1.6"),
    row(&["missing fonts", "fonts are missing", "font family:"], Weight::Cause(Node), "L03 L30 L38").doubts(),
    row(&["schriftarten fehlen", "fehlende schriftarten", "fehlen schriftarten", "polices manquantes", "faltan fuentes", "fuentes que faltan", "font mancanti", "fontes ausentes",
        "отсутствуют шрифты", "отсутствующие шрифты", "フォントがありません", "フォントが見つかりません", "글꼴이 누락", "글꼴이 없", "缺少字体", "缺失字体"],
        Weight::Cause(Node), "K").doubts(),
    row(&["missing dependencies"], Weight::Cause(Node), "L03").doubts(),
    row(&["can not create a file in directory", "try checking write permissions"], Weight::Cause(Node), "L37"),
    row(&["aegetparamptr failed", "aegetparampt failed", "error -1701", "aesend failed", "error -1712"], Weight::Cause(Node), "L06 L07 L09"),
    row(&["obtain a license", "invalid serial number", "using the same serial number"], Weight::Cause(Node), "2.5: plug-ins' licences").any_error(),
    row(&["failure during application startup"], Weight::Cause(Node), "2.5").any_error(),
    row(&["encountered a failure*related to gpu", "code: 19969"], Weight::Cause(Suspect), "L54").any_error().missing(Node).doubts(),
    row(&["disk is full", "disk full", "not enough space on the disk", "no space left on device", "volume is full"], Weight::Cause(Node), "K: no log was found"),
    row(&["out of memory", "not enough memory", "unable to allocate"], Weight::Cause(Node), "K: no log was found"),
    // Another try may do.
    row(&["another instance of aerender", "can not render for aerender"], Weight::Cause(Transient), "L10"),
    row(&["can not open socket"], Weight::Cause(Transient), "2.5"),
    row(&["forcibly closed", "connection reset by peer"], Weight::Cause(Transient), "2.5"),
    row(&["vom remotehost geschlossen", "fermée par l", "por el host remoto", "dall'host remoto", "pelo host remoto", "принудительно разорвал",
        "リモート ホストに強制的に切断", "원격 호스트에 의해", "远程主机强迫关闭"], Weight::Cause(Transient), "2.5: localised; words K"),
    row(&["file is damaged"], Weight::Cause(Transient), "2.5: cut off on its way"),
    row(&["runtime error in after effects", "reported by another script or ae runtime"], Weight::Hint(Transient), "2.5"),
    row(&["render aborted"], Weight::Hint(Transient), "2.5"),
];

/// The row of a text, whichever place it counts in.
pub fn find(text: &str) -> Option<&'static Row> {
    let lower = text.to_lowercase();
    TABLE.iter().find(|row| fits(row, &lower))
}

/// The row of an unmarked line.
pub fn find_unmarked(text: &str) -> Option<&'static Row> {
    let lower = text.to_lowercase();
    TABLE
        .iter()
        .find(|row| row.place != Place::Marked && fits(row, &lower))
}

fn fits(row: &Row, lower: &str) -> bool {
    row.texts.iter().any(|text| match text.contains('*') {
        true => in_order(lower, &text.split('*').collect::<Vec<_>>()),
        false => lower.contains(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_finds_itself_and_says_where_it_is_from() {
        for (place, row) in TABLE.iter().enumerate() {
            assert!(!row.source.is_empty());
            for text in row.texts {
                assert_eq!(*text, text.to_lowercase(), "texts are lower case");
                let said = text.replace('*', " x ");
                let found = find(&said).unwrap();
                let at = TABLE
                    .iter()
                    .position(|other| std::ptr::eq(other, found))
                    .unwrap();
                assert_eq!(at, place, "{text} is hidden by {:?}", found.texts);
            }
        }
    }
}
