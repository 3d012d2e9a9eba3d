//! Renders that go well: ranges, files, pictures, and the grammar of the output.

use crate::stage::{Stage, code, code_of, decode, plain, progress_counts};
use flatrender_aep::Rational;
use flatrender_aep::write::{CompSpec, FileSpec, KindSpec, LayerSpec};

#[test]
fn a_range_becomes_files_a_ledger_and_progress_lines() {
    let stage = Stage::new();
    let ended = stage.render(&["-s", "3", "-e", "12"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.complaint, "");
    let files: Vec<String> = (3..13)
        .map(|frame| format!("job-1_{frame:05}.tif"))
        .collect();
    assert_eq!(stage.files(), files);
    for frame in 3..13 {
        let path = stage.frame_path(frame);
        let (width, height, pixels) = decode(&path).unwrap();
        assert_eq!((width, height), (64, 36));
        assert!(pixels.chunks_exact(4).all(|pixel| pixel[3] == 255));
        assert_eq!(code_of(&path), code(frame as i32));
    }
    assert_eq!(stage.rendered(), (3..13).collect::<Vec<_>>());
    let folder = std::fs::canonicalize(stage.path("out")).unwrap();
    for entry in stage.ledger() {
        assert_eq!(entry.job, "job-1");
        assert_eq!(std::fs::canonicalize(entry.dir).unwrap(), folder);
    }
    let mut counts = ended.counts();
    assert_ne!(
        counts,
        (1..=10).collect::<Vec<_>>(),
        "frames come out of order"
    );
    counts.sort_unstable();
    assert_eq!(counts, (1..=10).collect::<Vec<_>>());
}

#[test]
fn the_output_reads_like_after_effects() {
    let stage = Stage::new().settings(r#"{"unkind": false}"#);
    let ended = stage.render(&["-s", "38", "-e", "39"]);
    let date = |line: &str, rest: &str| {
        let date = line
            .strip_prefix("PROGRESS:  ")
            .unwrap()
            .strip_suffix(rest)
            .unwrap();
        assert!(date.ends_with(" AM") || date.ends_with(" PM"), "{line}");
    };
    let lines = ended.lines();
    assert_eq!(
        lines[..4],
        [
            "aerender version 25.2x26 (stand-in)",
            "PROGRESS: Launching After Effects...",
            "PROGRESS: ...After Effects successfully launched",
            "PROGRESS: Adding specified comp to Render Queue"
        ]
    );
    date(lines[4], ": Starting composition \u{201c}Main\u{201d}.");
    let output = "out/job-1_[#####].tif".replace('/', std::path::MAIN_SEPARATOR_STR);
    for wanted in [
        "Render Settings: Best Settings",
        "Size: 64 x 36",
        "Time Span: Custom",
        "Start: 0:00:01:13",
        "End: 0:00:01:14",
        "Duration: 0:00:00:02",
        "Frame Rate: 25.00 (comp)",
        "Output Module: TIFF Sequence with Alpha",
        &format!("Output To: {output}"),
        "Final Size: 64 x 36",
    ] {
        let line = format!("PROGRESS:  {wanted}");
        assert!(lines[5..].contains(&&line[..]), "{wanted}: {}", ended.said);
    }
    let tail = &lines[lines.len() - 5..];
    assert_eq!(tail[0], "PROGRESS:  0:00:01:13 (1): 0 Seconds");
    assert_eq!(tail[1], "PROGRESS:  0:00:01:14 (2): 0 Seconds");
    date(tail[2], ": Finished composition \u{201c}Main\u{201d}.");
    assert_eq!(tail[4], "PROGRESS:  Total Time Elapsed: 0 Seconds");
}

#[test]
fn the_launchers_own_lines_come_last_when_unkind() {
    let ended = Stage::new().render(&["-s", "0", "-e", "0"]);
    let lines = ended.lines();
    assert_eq!(
        lines[lines.len() - 3..],
        [
            "aerender version 25.2x26 (stand-in)",
            "PROGRESS: Launching After Effects...",
            "PROGRESS: ...After Effects successfully launched"
        ]
    );
    assert_eq!(lines[0], "PROGRESS: Adding specified comp to Render Queue");
}

#[test]
fn what_is_not_asked_for_comes_from_the_work_area() {
    for (more, first, last) in [
        (&[][..], 5, 14),
        (&["-s", "10"], 10, 14),
        (&["-e", "6"], 5, 6),
    ] {
        let stage = Stage::new();
        assert_eq!(stage.render(more).code, Some(0));
        assert_eq!(
            stage.rendered(),
            (first..=last).collect::<Vec<i64>>(),
            "{more:?}"
        );
    }
}

#[test]
fn frames_are_display_frames() {
    let comp = CompSpec {
        display_start_frames: 100,
        work_area: None,
        ..plain()
    };
    let stage = Stage::with(vec![comp], 1);
    let ended = stage.render(&["-mfr", "OFF", "100"]);
    assert_eq!(stage.rendered(), (101..=140).collect::<Vec<_>>());
    assert_eq!(code_of(&stage.frame_path(101)), code(101));
    assert!(!ended.said.contains("timeSpanStart"));
    assert!(
        ended.said.contains("PROGRESS:  Start: 0:00:04:00\n"),
        "{}",
        ended.said
    );
    assert!(
        ended
            .said
            .contains("PROGRESS:  0:00:04:00 (1): 0 Seconds\n")
    );
    assert!(ended.said.contains("PROGRESS:  End: 0:00:05:14\n"));
}

#[test]
fn drop_frame_rates_show_semicolons() {
    let comp = CompSpec {
        rate: Rational {
            num: 30_000,
            den: 1001,
        },
        ..plain()
    };
    let ended = Stage::with(vec![comp], 0).render(&["-s", "35", "-e", "35"]);
    assert!(
        ended
            .said
            .contains("PROGRESS:  0;00;01;05 (1): 0 Seconds\n"),
        "{}",
        ended.said
    );
    assert!(ended.said.contains("PROGRESS:  Frame Rate: 29.97 (comp)\n"));
}

#[test]
fn frames_outside_the_composition_are_blank_and_warned_of() {
    let stage = Stage::new();
    let ended = stage.render(&["-s", "-1", "-e", "40"]);
    assert_eq!(ended.code, Some(0));
    let warning = "WARNING:After Effects warning: timeSpanStart of -0.04 seconds will cause render to have frames outside \
                   of range defined by comp displayStartTime (0) and end of comp duration (1.6). Render will succeed, but \
                   may have blank frames.";
    assert!(ended.lines().contains(&warning), "{}", ended.said);
    for blank in [
        stage.path("out").join("job-1_-0001.tif"),
        stage.frame_path(40),
    ] {
        assert!(decode(&blank).unwrap().2.iter().all(|&byte| byte == 0));
    }
    assert_eq!(code_of(&stage.frame_path(39)), code(39));
}

#[test]
fn the_same_seed_gives_the_same_order() {
    let order = |seed: u32| {
        let stage = Stage::new().settings(&format!("{{\"seed\": {seed}}}"));
        stage.render(&["-s", "0", "-e", "19"]).counts()
    };
    assert_eq!(order(7), order(7));
    assert_ne!(order(7), order(8));
    for (place, count) in order(9).into_iter().enumerate() {
        assert!(
            (place as u32 + 1).abs_diff(count) < 20 && count as usize <= place + 4,
            "window of four"
        );
    }
}

#[test]
fn without_multi_frame_rendering_the_order_is_kept() {
    let ended = Stage::new().render(&["-s", "0", "-e", "9", "-mfr", "OFF", "100"]);
    assert_eq!(ended.counts(), (1..=10).collect::<Vec<_>>());
}

#[test]
fn with_a_log_file_only_the_launcher_speaks_to_the_output() {
    let stage = Stage::new();
    let ended = stage.render(&["-s", "0", "-e", "3", "-log", "log.txt"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.lines().len(), 3, "{}", ended.said);
    let log = std::fs::read_to_string(stage.path("log.txt")).unwrap();
    assert_eq!(progress_counts(&log).len(), 4);
    assert!(log.contains("PROGRESS:  Total Time Elapsed: 0 Seconds"));
}

#[test]
fn only_errors_are_said_if_so_asked() {
    let ended = Stage::new().render(&["-s", "0", "-e", "3", "-v", "ERRORS"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.lines().len(), 3, "{}", ended.said);
}

#[test]
fn files_that_are_there_are_left_alone_by_multi_machine_settings() {
    let stage = Stage::new();
    std::fs::write(stage.frame_path(1), "mine").unwrap();
    let words = [
        "-project",
        "p.aep",
        "-comp",
        "Main",
        "-output",
        "out/job-1_[#####].tif",
        "-s",
        "0",
        "-e",
        "2",
    ];
    let mut words = words.to_vec();
    words.extend(["-RStemplate", "Multi-Machine Settings"]);
    assert_eq!(stage.run(&words).code, Some(0));
    assert_eq!(stage.rendered(), [0, 2]);
    assert_eq!(std::fs::read(stage.frame_path(1)).unwrap(), b"mine");
}

#[test]
fn footage_beside_the_project_is_found_and_shown_values_change_the_picture() {
    let still = |text: &str| {
        let comp = CompSpec {
            width: 640,
            height: 360,
            layers: vec![
                LayerSpec::new("HEADLINE", KindSpec::Text(text.into())),
                LayerSpec::new("logo", KindSpec::File(FileSpec::new("footage/logo.png"))),
            ],
            ..plain()
        };
        let stage = Stage::with(vec![comp], 0);
        std::fs::create_dir(stage.path("footage")).unwrap();
        std::fs::write(stage.path("footage/logo.png"), "not looked at").unwrap();
        let ended = stage.render(&["-s", "0", "-e", "0"]);
        assert!(!ended.said.contains("File Not Found"), "{}", ended.said);
        decode(&stage.frame_path(0)).unwrap().2
    };
    assert_ne!(still("Hello"), still("World"));
    assert_eq!(still("Hello"), still("Hello"));
}

#[test]
fn an_older_project_is_converted_with_a_word() {
    let stage = Stage::new();
    let spec = flatrender_aep::write::ProjectSpec {
        ae_version: flatrender_aep::AeVersion {
            major: 24,
            minor: 4,
            patch: 1,
            ..Default::default()
        },
        comps: vec![plain()],
        ..Default::default()
    };
    std::fs::write(stage.path("p.aep"), flatrender_aep::write::project(&spec)).unwrap();
    let ended = stage.render(&["-s", "0", "-e", "0"]);
    assert_eq!(ended.code, Some(0));
    let line = "INFO:After Effects: this project must be converted from version 24.4.1. The original file will be unchanged.";
    assert_eq!(ended.lines()[0], line);
}
