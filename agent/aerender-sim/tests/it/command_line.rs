//! What is wrong with a command line, a project or a folder is said in aerender's words, with its exit codes.

use crate::stage::{Stage, plain};
use flatrender_aep::write::CompSpec;

fn says(stage: &Stage, words: &[&str], code: i32, line: &str) {
    let ended = stage.run(words);
    assert_eq!(ended.code, Some(code), "{words:?}: {}", ended.said);
    assert!(ended.lines().contains(&line), "{words:?}: {}", ended.said);
    assert!(stage.ledger().is_empty());
    assert!(stage.files().is_empty());
}

#[test]
fn version_and_help_start_nothing() {
    let stage = Stage::new();
    let version = stage.run(&["-version"]);
    assert_eq!(
        (version.code, version.said.as_str()),
        (Some(0), "aerender version 25.2x26 (stand-in)\n")
    );
    for words in [&["-help"][..], &["-h"], &[]] {
        let help = stage.run(words);
        assert_eq!(help.code, Some(2));
        assert_eq!(
            help.lines()[..2],
            ["aerender version 25.2x26 (stand-in)", "USAGE:"]
        );
    }
}

#[test]
fn what_is_not_found_is_named_in_aerenders_words() {
    let stage = Stage::new();
    let more = |more: &[&'static str]| {
        let mut words = vec!["-project", "p.aep", "-output", "out/j_[###].tif"];
        words.extend(more);
        words
    };
    says(
        &stage,
        &more(&["-comp", "main"]),
        7,
        "aerender ERROR: No comp was found with the given name.",
    );
    says(
        &stage,
        &more(&["-comp", "Main", "-OMtemplate", "PNG Sequence"]),
        7,
        "aerender ERROR: No output module template was found with the given name.",
    );
    says(
        &stage,
        &more(&["-comp", "Main", "-RStemplate", "Best"]),
        7,
        "aerender ERROR: No render settings template was found with the given name.",
    );
    says(
        &stage,
        &more(&["-rqindex", "1"]),
        7,
        "aerender ERROR: No render queue item was found with the given index.",
    );
    says(
        &stage,
        &more(&[]),
        0,
        "WARNING: -output argument ignored since no -comp or -rqindex provided.",
    );
    says(
        &stage,
        &["-project", "p.aep", "-comp", "Main"],
        7,
        "aerender ERROR: Specified render queue item needs output file but none provided.",
    );
    says(
        &stage,
        &["-comp", "Main"],
        7,
        "aerender ERROR: No project provided and no project open.",
    );
    says(
        &stage,
        &["-project", "q.aep", "-comp", "Main"],
        7,
        "aerender ERROR: Can not open project file. Make sure path is correct: q.aep",
    );
}

#[test]
fn a_wrong_command_line_is_a_syntax_error() {
    let stage = Stage::new();
    says(
        &stage,
        &["-r", "edit.jsx"],
        3,
        "aerender SYNTAX ERROR: Illegal argument flag: -r",
    );
    says(
        &stage,
        &stage.words(&["-s"]),
        3,
        "aerender SYNTAX ERROR: no value given for flag: -s",
    );
    let ended = stage.render(&["-log", "log.txt", "-mfr", "ON"]);
    assert_eq!(ended.code, Some(4));
    let log = std::fs::read_to_string(stage.path("log.txt")).unwrap();
    assert_eq!(
        log,
        "aerender SYNTAX ERROR: no value given for flag: -mfr\n"
    );
}

#[test]
fn folders_that_are_not_there_are_named() {
    let stage = Stage::new();
    says(
        &stage,
        &stage.words(&["-log", "no/log.txt"]),
        7,
        "aerender ERROR: Directory specified for log file does not exist: no",
    );
    says(
        &stage,
        &stage.words(&["-log", "p.aep/log.txt"]),
        7,
        "aerender ERROR: Directory specified for log file is a file, not a directory: p.aep",
    );
    says(
        &stage,
        &[
            "-project",
            "p.aep",
            "-comp",
            "Main",
            "-output",
            "no/j_[###].tif",
        ],
        9,
        "aerender Error: After Effects error: Error in output for render queue item 1, output module 1. Can not create a \
         file in directory no. Try checking write permissions.",
    );
}

#[test]
fn projects_that_can_not_be_opened_are_refused() {
    let stage = Stage::new();
    std::fs::write(stage.path("p.aep"), "RIFX no").unwrap();
    let ended = stage.render(&[]);
    assert_eq!(ended.code, Some(9));
    assert!(
        ended
            .said
            .contains("aerender Error: After Effects error: file is damaged."),
        "{}",
        ended.said
    );
    let spec = flatrender_aep::write::ProjectSpec {
        ae_version: flatrender_aep::AeVersion {
            major: 26,
            ..Default::default()
        },
        comps: vec![plain()],
        ..Default::default()
    };
    std::fs::write(stage.path("p.aep"), flatrender_aep::write::project(&spec)).unwrap();
    let ended = stage.render(&[]);
    assert_eq!(ended.code, Some(9));
    assert!(
        ended.said.contains("newer version of After Effects (26.0)"),
        "{}",
        ended.said
    );
}

#[test]
fn missing_footage_renders_nothing_unless_it_is_allowed() {
    let comp = CompSpec {
        footage: vec!["/nowhere/clip.mov".into()],
        ..plain()
    };
    let stage = Stage::with(vec![comp], 0);
    says(
        &stage,
        &stage.words(&[]),
        0,
        "WARNING:After Effects warning: logged one error  error: Unable to Render: File Not Found /nowhere/clip.mov",
    );
    let ended = stage.render(&["-continueOnMissingFootage"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(stage.rendered(), (5..15).collect::<Vec<_>>());
}

#[test]
fn settings_that_can_not_be_meant_are_refused_at_once() {
    let stage = Stage::new().settings(r#"{"fault": []}"#);
    let ended = stage.render(&[]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.complaint.starts_with(
            "aerender-sim: failed to understand the settings of AERENDER_SIM: unknown field `fault`"
        ),
        "{}",
        ended.complaint
    );
}
