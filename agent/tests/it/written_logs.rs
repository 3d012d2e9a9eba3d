//! Logs written for this test from the grammar of `reference/aerender.md` 2: other versions, languages and encodings, torn
//! and disordered lines, what launchers put around them. Each has its whole expected reading.

use flatrender_agent::aerender::{LogVerdict, read_log};

/// One log: its name, its bytes, and what it must read as.
struct Log {
    name: &'static str,
    bytes: Vec<u8>,
    version: Option<&'static str>,
    frames: (u32, Option<u32>),
    header: (Option<f64>, [Option<&'static str>; 3]),
    finished: bool,
    errors: &'static [&'static str],
    warnings: &'static [&'static str],
    verdict: LogVerdict,
}

fn log(name: &'static str, text: impl AsRef<[u8]>, verdict: LogVerdict) -> Log {
    Log {
        name,
        bytes: text.as_ref().to_vec(),
        version: None,
        frames: (0, None),
        header: (None, [None; 3]),
        finished: false,
        errors: &[],
        warnings: &[],
        verdict,
    }
}

impl Log {
    fn version(mut self, version: &'static str) -> Self {
        self.version = Some(version);
        self
    }
    fn frames(mut self, frames: u32, last: u32) -> Self {
        self.frames = (frames, Some(last));
        self
    }
    fn header(
        mut self,
        fps: f64,
        start: &'static str,
        end: &'static str,
        duration: &'static str,
    ) -> Self {
        self.header = (Some(fps), [Some(start), Some(end), Some(duration)]);
        self
    }
    fn finished(mut self) -> Self {
        self.finished = true;
        self
    }
    fn errors(mut self, errors: &'static [&'static str]) -> Self {
        self.errors = errors;
        self
    }
    fn warnings(mut self, warnings: &'static [&'static str]) -> Self {
        self.warnings = warnings;
        self
    }
}

fn utf16(text: &str) -> Vec<u8> {
    "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect()
}

fn read_all(logs: &[Log]) {
    let mut bad = Vec::new();
    for log in logs {
        let reading = read_log(&log.bytes[..]).unwrap();
        let header = [&reading.start, &reading.end, &reading.duration].map(Option::as_deref);
        let mut differs = |what: &str, same: bool| {
            if !same {
                bad.push(format!("{}: {what}: {reading:?}", log.name));
            }
        };
        differs("version", reading.version.as_deref() == log.version);
        differs(
            "frames",
            (reading.frames, reading.last_frame_count) == log.frames,
        );
        differs("header", (reading.fps, header) == log.header);
        differs("finished", reading.finished == log.finished);
        differs("errors", reading.errors == log.errors);
        differs("warnings", reading.warnings == log.warnings);
        differs("verdict", reading.verdict == log.verdict);
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

use LogVerdict::{Incomplete, Node, Noise, Ok, Suspect, Template, Transient};

#[test]
fn runs_that_go_well_read_well_in_every_form() {
    read_all(&[
        log("english, windows, 24", "aerender version 24.6.2x2\r\nPROGRESS: Adding specified comp to Render Queue\r\nPROGRESS:  2/3/2025 9:08:07 PM: Starting composition “Intro”.\r\n\r\nPROGRESS:  Start: 0:00:02:00\r\nPROGRESS:  End: 0:00:02:01\r\nPROGRESS:  Duration: 0:00:00:02\r\nPROGRESS:  Frame Rate: 29.97 (comp)\r\nPROGRESS:  0:00:02:00 (1): 3 Seconds\r\nPROGRESS:  0:00:02:01 (2): 0 Seconds\r\nPROGRESS:  2/3/2025 9:08:11 PM: Finished composition “Intro”.\r\nPROGRESS:  Total Time Elapsed: 4 Seconds\r\n", Ok)
            .version("24.6.2x2").frames(2, 2).header(29.97, "0:00:02:00", "0:00:02:01", "0:00:00:02").finished(),
        log("drop-frame, disorder, repeats", "PROGRESS:  Start: 0;00;59;28\nPROGRESS:  End: 0;01;00;02\nPROGRESS:  Duration: 0;00;00;03\nPROGRESS:  Frame Rate: 29.97 (comp)\nPROGRESS:  0;01;00;02 (3): 0 Seconds\nPROGRESS:  0;00;59;28 (1): 1 Seconds\nPROGRESS:  0;01;00;02 (3): 0 Seconds\nPROGRESS:  0;00;59;29 (2): 1 Seconds\nPROGRESS:  Total Time Elapsed: 1 Min, 2 Sec\naerender version 22.6x64\n", Ok)
            .version("22.6x64").frames(3, 2).header(29.97, "0;00;59;28", "0;01;00;02", "0;00;00;03").finished(),
        log("bare frames", "PROGRESS:  Start: 12\nPROGRESS:  End: 14\nPROGRESS:  Duration: 3\nPROGRESS:  Frame Rate: 24.00 (comp)\nPROGRESS:  12 (1): 0 Seconds\nPROGRESS:  13 (2): 0 Seconds\nPROGRESS:  14 (3): 0 Seconds\nPROGRESS:  1/1/2024 1:00:00 AM: Finished composition a.b.c.\n", Ok)
            .frames(3, 3).header(24.0, "12", "14", "3").finished(),
        log("feet and frames, fields", "PROGRESS:  0000+14 (15U): 0 Seconds\nPROGRESS:  0001+00 (17L): 0 Seconds\nPROGRESS:  Total Time Elapsed: 0 Seconds", Ok)
            .frames(2, 17).finished(),
        log("german, decimal comma", "aerender version 17.7x45\nPROGRESS:  15.03.2022 19:28:47: Komposition „Ende“ gestartet.\nPROGRESS:  Anfang: 0:00:00:00\nPROGRESS:  Ende: 0:00:00:01\nPROGRESS:  Dauer: 0:00:00:02\nPROGRESS:  Framerate: 25,00 (Komp.)\nPROGRESS:  0:00:00:00 (1): 2 Sekunden\nPROGRESS:  0:00:00:01 (2): 0 Sekunden\nPROGRESS:  15.03.2022 19:28:50: Komposition „Ende“ beendet.\n", Ok)
            .version("17.7x45").frames(2, 2).header(25.0, "0:00:00:00", "0:00:00:01", "0:00:00:02").finished(),
        log("french", "PROGRESS:  0:00:00:00 (1): 0 secondes\nPROGRESS:  15/03/2022 19:28:47 GMT+2 : fin de la composition « Été ».\n", Ok)
            .frames(1, 1).finished(),
        log("japanese log file", "Adobe After Effects v24.1 Windows 64レンダリングログ\n\n  2024/04/06 20:37:22 : コンポジションﾞ本編ﾞの開始\n  開始 : 0:00:00:00\n  終了 : 0:00:00:00\n  デュレーション : 0:00:00:01\n  フレームレート : 23.976 (コンポ)\n  0:00:00:00 (1): 0 秒\n  2024/04/06 20:37:22 : コンポジションﾞ本編ﾞの終了\n  合計経過時間 : 0 秒\n", Ok)
            .frames(1, 1).header(23.976, "0:00:00:00", "0:00:00:00", "0:00:00:01").finished(),
        log("japanese in Shift-JIS", encoding_rs::SHIFT_JIS.encode("PROGRESS:  0:00:00:00 (1): 0 秒\r\nPROGRESS:  合計経過時間 : 3 秒\r\n").0, Ok)
            .frames(1, 1).finished(),
        log("a log file redirected as UTF-16", utf16("Adobe After Effects v25.0 Windows 64 render log for project “é.aep”\r\n  Start: 5\r\n  5 (1): 0 Seconds\r\n  **Total Time Elapsed: 17 Seconds\r\n"), Ok)
            .frames(1, 1).header_start("5").finished(),
        log("a mark of bytes, NULs, lone CRs", b"\xef\xbb\xbfPROGRESS:  0:00:00:00 (1): 0 Seconds\r\0PROGRESS:  Total Time Elapsed: 0 Seconds\r".as_slice(), Ok)
            .frames(1, 1).finished(),
        log("a whole queue", "PROGRESS:  1/1/2024 1:00:00 AM: Starting composition \"A\".\nPROGRESS:  0:00:00:00 (1): 0 Seconds\nPROGRESS:  1/1/2024 1:00:01 AM: Finished composition \"A\".\nPROGRESS:  1/1/2024 1:00:01 AM: Starting composition \"B\".\nPROGRESS:  0:00:00:00 (1): 0 Seconds\nPROGRESS:  0:00:00:01 (2): 0 Seconds\nPROGRESS:  1/1/2024 1:00:02 AM: Finished composition \"B\".\n", Ok)
            .frames(2, 2).finished(),
        log("noise around a good run", "LoadLibrary \"n\" failed!\nGL_VERS: 32Prog Error: 1280\nNVAPI error\n2020-09-21 06:27:18:851 : ERROR *** IVCAutoReleasePool: Object 1 autoreleased\nPROGRESS:  0:00:00:00 (1): 0 Seconds\nPROGRESS:  Output To: C:\\After Effects error: x\\aerender ERROR.tif\nWARNING:After Effects warning: XMP metadata could not be written\nPROGRESS:  Total Time Elapsed: 0 Seconds\n", Ok)
            .frames(1, 1).finished().warnings(&["WARNING:After Effects warning: XMP metadata could not be written"]),
        log("lines left out", "PROGRESS:  Start: 0:00:00:00\nPROGRESS:  End: 0:00:03:24\nPROGRESS:  Duration: 0:00:04:00\nPROGRESS:  Frame Rate: 25.00 (comp)\nPROGRESS:  0:00:00:00 (1): 0 Seconds\n...\nPROGRESS:  1/1/2024 1:00:02 AM: Finished composition \"B\".\n", Ok)
            .frames(1, 1).header(25.0, "0:00:00:00", "0:00:03:24", "0:00:04:00").finished(),
    ]);
}

impl Log {
    fn header_start(mut self, start: &'static str) -> Self {
        self.header.1[0] = Some(start);
        self
    }
}

#[test]
fn torn_and_mixed_lines_are_put_together() {
    read_all(&[
        log("version torn twice", "aerender version 2Using DXGI: Device: \"x\" has dedicated video RAM (MB): 1\nQt: Untested Windows version 6.2 detected!\n5.1x11\nPROGRESS: Launching After Effects...\n", Incomplete)
            .version("25.1x11"),
        log("a frame torn by the launcher", "PROGRESS:  0:00:00:0aerender version 26.0x67\n0 (1): 0 Seconds\nPROGRESS:  0:00:00:01 (2): 0 Seconds\nPROGRESS:  Total Time Elapsed: 0 Seconds\n", Ok)
            .version("26.0x67").frames(2, 2).finished(),
        log("two lines in one", "PROGRESS: Launching AfterPROGRESS:  0:00:00:00 (1): 0 Seconds\nPROGRESS:  0:00:00:01 (2): 0 SecondsPROGRESS:  0:00:00:02 (3): 0 Seconds\nPROGRESS:  Total Time Elapsed: 0 Seconds\n", Ok)
            .frames(3, 3).finished(),
        log("an error behind somebody's half line", "NVAPI eraerender ERROR: No comp was found with the given name.\n", Template)
            .errors(&["aerender ERROR: No comp was found with the given name."]),
        log("a launcher's prefixes and colours", "2025-01-02T03:04:05.678Z [worker] \x1b[32mPROGRESS:  0:00:00:00 (1): 0 Seconds\x1b[0m\n[job 7] > PROGRESS:  0:00:00:01 (2): 0 Seconds\n[12:00:00]: aerender version 23.5x52\n[x] PROGRESS:  Total Time Elapsed: 0 Seconds\n", Ok)
            .version("23.5x52").frames(2, 2).finished(),
        log("names that pretend", "C:\\x> aerender.exe -project p.aep -comp \"aerender ERROR: No comp\"\naerender version 26.2x49\nPROGRESS:  1/1/2024 1:00:00 AM: Starting composition “PROGRESS:  0:00:00:00 (1): Finished composition”.\n", Incomplete)
            .version("26.2x49"),
    ]);
}

#[test]
fn what_is_wrong_is_told_and_blamed() {
    read_all(&[
        log("render settings template", "aerender version 25.2x26\naerender ERROR: No render settings template was found with the given name.\n", Node)
            .version("25.2x26").errors(&["aerender ERROR: No render settings template was found with the given name."]),
        log("no folder", "aerender Error: After Effects error: Error in output for render queue item 1, output module 1. Can not create a file in directory /x. Try checking write permissions.\n", Node)
            .errors(&["aerender Error: After Effects error: Error in output for render queue item 1, output module 1. Can not create a file in directory /x. Try checking write permissions."]),
        log("killed", "PROGRESS:  0:00:00:00 (1): 0 Seconds\naerender ERROR An existing connection was forcibly closed by the remote host.\n", Transient)
            .frames(1, 1).errors(&["aerender ERROR An existing connection was forcibly closed by the remote host."]),
        log("the cause stands before", "WARNING:After Effects warning: logged one error  error: Unable to Render: File Not Found D:\\a.mov\naerender ERROR: Runtime error in After Effects.\n", Template)
            .errors(&["aerender ERROR: Runtime error in After Effects."])
            .warnings(&["WARNING:After Effects warning: logged one error  error: Unable to Render: File Not Found D:\\a.mov"]),
        log("auto-save is no failure", "aerender Error: After Effects error: Unable to auto-save the project.\nPROGRESS:  Total Time Elapsed: 0 Seconds\n", Ok)
            .finished().warnings(&["aerender Error: After Effects error: Unable to auto-save the project."]),
        log("a message of two lines", "INFO:The following layer dependencies are missing\nAdobe Font: Some Serif\nPROGRESS:  Total Time Elapsed: 0 Seconds\n", Template)
            .finished().warnings(&["INFO:The following layer dependencies are missing", "Adobe Font: Some Serif"]),
        log("an error by its code alone", "Fichier illisible, vérifiez le format ( 86 :: 2 )\n", Transient)
            .errors(&["Fichier illisible, vérifiez le format ( 86 :: 2 )"]),
        log("unknown and finished", "aerender Error: After Effects error: something nobody knows.\nPROGRESS:  Total Time Elapsed: 0 Seconds\n", Suspect)
            .finished().errors(&["aerender Error: After Effects error: something nobody knows."]),
        log("too few frames", "PROGRESS:  Start: 0\nPROGRESS:  End: 99\nPROGRESS:  Duration: 100\nPROGRESS:  Frame Rate: 25.00 (comp)\nPROGRESS:  0 (1): 0 Seconds\nPROGRESS:  1 (2): 0 Seconds\nPROGRESS:  Total Time Elapsed: 0 Seconds\n", Suspect)
            .frames(2, 2).header(25.0, "0", "99", "100").finished(),
        log("the second item has no end", "PROGRESS:  1/1/2024 1:00:00 AM: Starting composition \"A\".\nPROGRESS:  1/1/2024 1:00:01 AM: Finished composition \"A\".\nPROGRESS:  1/1/2024 1:00:01 AM: Starting composition \"B\".\n", Incomplete)
            .finished(),
        log("only errors asked for", "aerender version 26.2x49\nPROGRESS: Launching After Effects...\nPROGRESS: ...After Effects successfully launched\n", Incomplete).version("26.2x49"),
        log("another program", "ffmpeg version 7.1\n  Duration: 00:00:05.00, start: 0.000000\nerror: nothing\n", Noise),
        log("nothing", "", Noise),
        log("korean in EUC-KR", encoding_rs::EUC_KR.encode("WARNING: 에러가 2개 기록되었습니다. \n\"C:\\a.jpg 파일을 찾을 수 없음\"\n").0, Template)
            .warnings(&["WARNING: 에러가 2개 기록되었습니다.", "\"C:\\a.jpg 파일을 찾을 수 없음\""]),
    ]);
}

/// Random-looking lines without end, fed in pieces: neither one endless line nor ten million lines take memory.
struct Endless {
    left: u64,
    line: &'static [u8],
    at: usize,
}

impl std::io::Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = into
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        for byte in &mut into[..length] {
            *byte = self.line[self.at % self.line.len()];
            self.at += 1;
        }
        self.left -= length as u64;
        Result::Ok(length)
    }
}

#[test]
fn endless_logs_read_to_their_end() {
    for line in [
        &b"x"[..],
        b"aerender ERROR: No comp was found \n",
        b"WARNING:\xff\n",
        b"\"PROGRESS:",
    ] {
        let reading = read_log(Endless {
            left: 8 << 20,
            line,
            at: 0,
        })
        .unwrap();
        assert!(
            reading.errors.len() + reading.warnings.len() <= 2,
            "{reading:?}"
        );
    }
}
