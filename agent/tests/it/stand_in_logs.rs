//! The reader over what the stand-in prints: every fault and every language, with the class that a log alone allows. The files
//! say more than a log does; this is about the log.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aerender_sim::speech::LANGUAGES;
use flatrender_aep::Rational;
use flatrender_aep::write::{CompSpec, ProjectSpec, project};
use flatrender_agent::aerender::{LogVerdict, Reading, read_log};

use LogVerdict::{Incomplete, Node, Ok, Suspect, Template, Transient};

const LIMIT: Duration = Duration::from_secs(30);

struct Case {
    name: &'static str,
    faults: &'static str,
    words: &'static [&'static str],
    comp: &'static str,
    verdict: LogVerdict,
    frames: u32,
}

const fn fault(name: &'static str, faults: &'static str, verdict: LogVerdict, frames: u32) -> Case {
    Case {
        name,
        faults,
        words: &[],
        comp: "Main",
        verdict,
        frames,
    }
}

const fn asked(
    name: &'static str,
    words: &'static [&'static str],
    verdict: LogVerdict,
    frames: u32,
) -> Case {
    Case {
        name,
        faults: "",
        words,
        comp: "Main",
        verdict,
        frames,
    }
}

const CASES: &[Case] = &[
    fault("none", "", Ok, 6),
    fault(
        "crash at launch",
        r#"{"kind": "crash", "at": "launch"}"#,
        Transient,
        0,
    ),
    fault(
        "crash after 3",
        r#"{"kind": "crash", "at": {"after": 3}}"#,
        Transient,
        3,
    ),
    fault(
        "crash at the end",
        r#"{"kind": "crash", "at": "end"}"#,
        Transient,
        6,
    ),
    fault(
        "hang at the start",
        r#"{"kind": "hang", "at": "start"}"#,
        Incomplete,
        0,
    ),
    fault(
        "hang in the middle",
        r#"{"kind": "hang", "at": {"after": 3}}"#,
        Incomplete,
        3,
    ),
    fault(
        "hang at the end",
        r#"{"kind": "hang", "at": "end"}"#,
        Incomplete,
        6,
    ),
    fault(
        "spin in the middle",
        r#"{"kind": "spin", "at": {"after": 3}}"#,
        Incomplete,
        3,
    ),
    fault(
        "code 0 too early",
        r#"{"kind": "exit0", "at": {"after": 2}}"#,
        Suspect,
        2,
    ),
    fault(
        "code 1",
        r#"{"kind": "exit1", "at": {"after": 2}}"#,
        Transient,
        2,
    ),
    // What only the files show: a log of these is as good as any.
    fault("torn", r#"{"kind": "torn", "at": 3}"#, Ok, 6),
    fault("empty", r#"{"kind": "empty", "at": 3}"#, Ok, 6),
    fault("missing", r#"{"kind": "missing", "at": 3}"#, Ok, 6),
    fault("black", r#"{"kind": "black", "at": 3}"#, Ok, 6),
    fault("wrong size", r#"{"kind": "wrong_size", "at": 3}"#, Ok, 6),
    fault(
        "wrong extension",
        r#"{"kind": "wrong_extension", "at": 3}"#,
        Ok,
        6,
    ),
    fault("wrong depth", r#"{"kind": "wrong_depth", "at": 3}"#, Ok, 6),
    fault(
        "another frame",
        r#"{"kind": "other_frame", "at": 3}"#,
        Ok,
        6,
    ),
    fault("frozen", r#"{"kind": "frozen", "at": 3}"#, Ok, 6),
    fault("noise", r#"{"kind": "noise", "at": 3}"#, Ok, 6),
    fault("a child stays", r#"{"kind": "child"}"#, Ok, 6),
    fault("it does not end", r#"{"kind": "refuse_to_die"}"#, Ok, 6),
    fault(
        "an effect is missing",
        r#"{"kind": "missing_effect"}"#,
        Template,
        6,
    ),
    fault("a font is missing", r#"{"kind": "missing_font"}"#, Node, 6),
    fault(
        "an expression is disabled",
        r#"{"kind": "disabled_expression"}"#,
        Template,
        6,
    ),
    fault("slow start", r#"{"kind": "slow_start", "ms": 20}"#, Ok, 6),
    fault("memory grows", r#"{"kind": "grow", "mib": 1}"#, Ok, 6),
    fault(
        "GPU fails",
        r#"{"kind": "gpu_failure", "at": 3}"#,
        Suspect,
        6,
    ),
    fault(
        "another instance",
        r#"{"kind": "another_instance", "at": "launch"}"#,
        Transient,
        0,
    ),
    asked("outside the composition", &["-e", "60"], Suspect, 61),
    asked(
        "no such template",
        &["-OMtemplate", "PNG Sequence"],
        Node,
        0,
    ),
    asked("no such settings", &["-RStemplate", "x"], Node, 0),
    asked("no such folder", &["-output", "no/x_[#].tif"], Node, 0),
    asked("a wrong flag", &["-r", "x.jsx"], Template, 0),
    Case {
        name: "no such composition",
        faults: "",
        words: &[],
        comp: "Other",
        verdict: Template,
        frames: 0,
    },
    Case {
        name: "missing footage",
        faults: "",
        words: &[],
        comp: "Footage",
        verdict: Template,
        frames: 0,
    },
];

fn stage(folder: &Path) {
    let rate = Rational { num: 25, den: 1 };
    let spec = ProjectSpec {
        comps: vec![
            CompSpec::new("Main", 64, 36, rate, 40),
            CompSpec {
                footage: vec!["/nowhere/clip.mov".into()],
                ..CompSpec::new("Footage", 64, 36, rate, 40)
            },
        ],
        ..ProjectSpec::default()
    };
    std::fs::write(folder.join("p.aep"), project(&spec)).unwrap();
    std::fs::create_dir(folder.join("out")).unwrap();
}

/// Runs the stand-in; one that hangs is killed when its log has stood still.
fn run(case: &Case, language: &str, code_page: bool) -> Reading {
    let folder = tempfile::tempdir().unwrap();
    stage(folder.path());
    let settings = format!(
        r#"{{"mfr_window": 1, "unkind": false, "language": "{language}", "code_page": {code_page}, "home": "home", "faults": [{}]}}"#,
        case.faults
    );
    let said = folder.path().join("said.txt");
    let mut command = Command::new(super::farm::stand_in());
    command
        .current_dir(folder.path())
        .args([
            "-project",
            "p.aep",
            "-comp",
            case.comp,
            "-s",
            "0",
            "-e",
            "5",
            "-output",
            "out/j_[###].tif",
        ])
        .args(case.words)
        .env("AERENDER_SIM", settings)
        .stdin(Stdio::null())
        .stdout(File::create(&said).unwrap())
        .stderr(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().unwrap();
    let group = nix::unistd::Pid::from_raw(-i32::try_from(child.id()).unwrap());
    let read = || read_log(File::open(&said).unwrap()).unwrap();
    let hangs = case.verdict == Incomplete;
    // it has said its last line then, which is that of the total time, and stays
    let stays = case.faults.contains("refuse_to_die");
    let since = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        let text = std::fs::read_to_string(&said).unwrap_or_default();
        if hangs && text.contains("Post-Render Action") && read().frames == case.frames {
            break;
        }
        if stays && read().verdict == case.verdict {
            break;
        }
        assert!(
            since.elapsed() < LIMIT,
            "{} does not come to its end: {text}",
            case.name
        );
        std::thread::park_timeout(Duration::from_millis(5));
    }
    // What still runs of it goes; nothing does where all went well.
    let _ = nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL);
    let _ = child.wait();
    read()
}

#[test]
fn the_stand_ins_logs_read_as_they_were_meant() {
    let mut table: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut bad = Vec::new();
    for language in LANGUAGES {
        for case in CASES {
            let reading = run(case, language.words().code, false);
            *table
                .entry((
                    format!("{:?}", case.verdict),
                    format!("{:?}", reading.verdict),
                ))
                .or_default() += 1;
            if (reading.verdict, reading.frames) != (case.verdict, case.frames) {
                bad.push(format!(
                    "{} in {}: {reading:?}",
                    case.name,
                    language.words().code
                ));
            }
        }
    }
    for ((meant, read), count) in &table {
        eprintln!("meant {meant:<10} read {read:<10} {count}");
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn lost_letters_hide_no_frames() {
    for language in LANGUAGES {
        let reading = run(&CASES[0], language.words().code, true);
        assert_eq!(
            (reading.frames, reading.errors.len()),
            (6, 0),
            "{reading:?}"
        );
        assert!(matches!(reading.verdict, Ok | Incomplete), "{reading:?}");
    }
}
