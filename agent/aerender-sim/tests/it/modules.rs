//! What output modules and settings write: depths, channels, sizes, ranges, movies, several modules at once.

use crate::stage::{Ended, Stage, plain};
use aerender_sim::code;
use aerender_sim::code::job_tag;
use flatrender_aep::write::{CompSpec, OutputSpec, QueueSpec};
use std::process::Command;
use tiff::decoder::{Decoder, DecodingResult};

fn big() -> CompSpec {
    CompSpec {
        width: 320,
        height: 180,
        ..plain()
    }
}

fn stage() -> Stage {
    Stage::with(vec![big()], 0)
}

fn render(stage: &Stage, template: &str, more: &[&str]) -> Ended {
    let words = [
        "-project",
        "p.aep",
        "-comp",
        "Main",
        "-OMtemplate",
        template,
        "-output",
        "out/job-1_[#####].x",
    ];
    let ended = stage.run(&[&words, more].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    ended
}

/// Size, kind and samples of a TIFF file, 16-bit ones as they are.
fn tiff(stage: &Stage, frame: i64) -> ((u32, u32), tiff::ColorType, Vec<u16>) {
    let file = std::fs::File::open(stage.frame_path(frame)).unwrap();
    let mut decoder = Decoder::new(file).unwrap();
    let size = decoder.dimensions().unwrap();
    let kind = decoder.colortype().unwrap();
    let samples = match decoder.read_image().unwrap() {
        DecodingResult::U8(samples) => samples.into_iter().map(u16::from).collect(),
        DecodingResult::U16(samples) => samples,
        _ => panic!("neither 8 nor 16 bits"),
    };
    (size, kind, samples)
}

/// The frame number in a picture's green.
fn frame_in(green: &[u8], (width, height): (u32, u32)) -> Option<i32> {
    let read = code::read(green, width as usize, height as usize)?;
    assert_eq!(read.job, job_tag("job-1"));
    Some(read.frame)
}

fn green(samples: &[u16], channels: usize, shift: u32) -> Vec<u8> {
    samples
        .chunks_exact(channels)
        .map(|pixel| (pixel[1] >> shift) as u8)
        .collect()
}

const TIFF: &str = "TIFF Sequence with Alpha";

#[test]
fn depth_and_channels_are_those_of_the_module() {
    for (setting, kind, channels, shift) in [
        (
            "Depth: Trillions of Colors+",
            tiff::ColorType::RGBA(16),
            4,
            8,
        ),
        ("Depth: Trillions of Colors", tiff::ColorType::RGB(16), 3, 8),
        ("Depth: Millions of Colors", tiff::ColorType::RGB(8), 3, 0),
    ] {
        let stage = stage();
        let ended = render(
            &stage,
            TIFF,
            &["-s", "3", "-e", "3", "-outputSettings", setting],
        );
        let (size, found, samples) = tiff(&stage, 3);
        assert_eq!((size, found), ((320, 180), kind));
        assert_eq!(
            frame_in(&green(&samples, channels, shift), size),
            Some(3),
            "{setting}"
        );
        assert!(
            ended.said.contains(&format!("PROGRESS:  {setting}\n")),
            "{}",
            ended.said
        );
    }
    let stage = stage();
    render(
        &stage,
        TIFF,
        &["-s", "3", "-e", "3", "-outputSettings", "Channels: Alpha"],
    );
    let (_, kind, samples) = tiff(&stage, 3);
    assert_eq!(kind, tiff::ColorType::Gray(8));
    assert!(samples.iter().all(|sample| *sample == 255));
}

#[test]
fn a_template_that_somebody_made_has_its_depth() {
    let stage = stage().settings(
        r#"{"output_templates": {"Deep": {"format": "tiff", "depth": 16, "channels": "rgb"}}}"#,
    );
    render(&stage, "Deep", &["-s", "3", "-e", "3"]);
    assert_eq!(tiff(&stage, 3).1, tiff::ColorType::RGB(16));
}

#[test]
fn sizes_follow_resolution_resize_and_crop() {
    for (template, flags, size, code) in [
        ("Draft Settings", &[][..], (160, 90), true),
        (
            "Best Settings",
            &["-renderSettings", "Resolution: Third"],
            (107, 60),
            true,
        ),
        (
            "Draft Settings",
            &["-outputSettings", "Resize: true; Resize to: 640x360"],
            (640, 360),
            true,
        ),
        (
            "Best Settings",
            &[
                "-outputSettings",
                "Crop: true; Crop Bottom: 10; Crop Right: 20",
            ],
            (300, 170),
            false,
        ),
        (
            "Best Settings",
            &["-outputSettings", "Crop Top: 10"],
            (320, 180),
            true,
        ),
    ] {
        let stage = stage();
        let words = ["-s", "3", "-e", "3", "-RStemplate", template];
        let ended = render(&stage, TIFF, &[&words, flags].concat());
        let (found, _, samples) = tiff(&stage, 3);
        assert_eq!(found, size, "{flags:?}");
        if code {
            assert_eq!(
                frame_in(&green(&samples, 4, 0), found),
                Some(3),
                "{flags:?}"
            );
        }
        let line = format!("PROGRESS:  Final Size: {} x {}\n", size.0, size.1);
        assert!(ended.said.contains(&line), "{}", ended.said);
    }
}

#[test]
fn a_crop_cuts_where_it_says() {
    let (whole, cut) = (stage(), stage());
    render(&whole, TIFF, &["-s", "3", "-e", "3"]);
    let crop = "Crop: true; Crop Top: 7; Crop Left: 5; Crop Bottom: 9; Crop Right: 11";
    render(&cut, TIFF, &["-s", "3", "-e", "3", "-outputSettings", crop]);
    let (_, _, all) = tiff(&whole, 3);
    let (size, _, part) = tiff(&cut, 3);
    assert_eq!(size, (304, 164));
    for row in 0..164 {
        let from = ((row + 7) * 320 + 5) * 4;
        assert_eq!(
            part[row * 304 * 4..(row + 1) * 304 * 4],
            all[from..from + 304 * 4]
        );
    }
}

#[test]
fn spans_rates_and_numbers_follow_the_settings() {
    for (flag, settings, first, last) in [
        ("-renderSettings", "Time Span: Length of Comp", 0, 39),
        (
            "-renderSettings",
            "Time Span Start: 0.4; Time Span Duration: 0.2",
            10,
            14,
        ),
        // the work area, 5 to 14, twice as fine
        ("-renderSettings", "Use this frame rate: 50", 10, 29),
        (
            "-outputSettings",
            "Use Comp Frame Number: false; Starting #: 100",
            100,
            109,
        ),
    ] {
        let stage = stage();
        render(&stage, TIFF, &[flag, settings]);
        let name = |frame: i64| format!("job-1_{frame:05}.tif");
        assert_eq!(
            stage.files(),
            (first..=last).map(name).collect::<Vec<_>>(),
            "{settings}"
        );
    }
}

#[test]
fn settings_that_change_nothing_are_told_and_unknown_ones_are_errors() {
    let stage = stage();
    let more = [
        "-s",
        "3",
        "-e",
        "3",
        "-renderSettings",
        "Motion Blur: Off for All Layers",
    ];
    let ended = render(&stage, TIFF, &more);
    assert!(
        ended
            .said
            .contains("INFO:-renderSettings Motion Blur changes nothing in the stand-in.\n")
    );
    for (flag, setting) in [
        ("-outputSettings", "Format: PNG Sequence"),
        ("-renderSettings", "Size: big"),
    ] {
        for (log, code) in [(&[][..], 5), (&["-log", "log.txt"], 6)] {
            let ended = stage.run(&[&stage.words(&[flag, setting]), log].concat());
            assert_eq!(ended.code, Some(code), "{}", ended.said);
        }
    }
}

#[test]
fn photoshop_files_hold_the_picture() {
    let stage = stage();
    render(&stage, "Photoshop", &["-s", "3", "-e", "3"]);
    assert_eq!(stage.files(), ["job-1_00003.psd"]);
    let bytes = std::fs::read(stage.path("out/job-1_00003.psd")).unwrap();
    assert_eq!(bytes[..12], *b"8BPS\0\x01\0\0\0\0\0\0");
    assert_eq!(bytes[12..26], [0, 4, 0, 0, 0, 180, 0, 0, 1, 64, 0, 8, 0, 3]);
    assert_eq!(bytes.len(), 26 + 14 + 320 * 180 * 4);
    let green = &bytes[40 + 320 * 180..40 + 2 * 320 * 180];
    assert_eq!(frame_in(green, (320, 180)), Some(3));
}

#[test]
fn several_modules_write_at_once() {
    let stage = stage();
    let output = |name: &str, template: &str| OutputSpec {
        format: *b"TIF ",
        folder: stage.path("out").to_str().unwrap().to_owned(),
        template: template.to_owned(),
        file_template: name.to_owned(),
    };
    let queue = |names: [&str; 2]| QueueSpec {
        time_span: Some((20, 3)),
        outputs: vec![output(names[0], TIFF), output(names[1], "Photoshop")],
        ..QueueSpec::new("Main")
    };
    stage.write_queue(
        vec![big()],
        vec![queue(["[compName]_[####].[fileExtension]", "b_[##].psd"])],
    );
    let ended = stage.run(&[
        "-project",
        "p.aep",
        "-rqindex",
        "1",
        "-output",
        "out/a_[###].tif",
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    // the first writes where it is told, the second where the project says; frames are the item's own
    let files = [
        "a_020.tif",
        "a_021.tif",
        "a_022.tif",
        "b_20.psd",
        "b_21.psd",
        "b_22.psd",
    ];
    assert_eq!(stage.files(), files);
    assert_eq!(ended.counts().len(), 3);
    assert_eq!(ended.said.matches("PROGRESS:  Output Module: ").count(), 2);
    let again = stage.run(&[
        "-project",
        "p.aep",
        "-rqindex",
        "1",
        "-RStemplate",
        "Multi-Machine Settings",
    ]);
    assert_eq!(again.code, Some(9));
    assert!(
        again
            .said
            .contains("only with ONE output module of type 'Sequence'"),
        "{}",
        again.said
    );
}

fn has_ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").output().is_ok();
    if !found {
        eprintln!("skipped: there is no ffmpeg");
    }
    found
}

/// The frame numbers in a movie's pictures, and how many bytes of sound it has as 48 kHz stereo.
fn read_movie(stage: &Stage, name: &str) -> (Vec<Option<i32>>, usize) {
    let decode = |args: &[&str]| {
        let path = stage.path("out").join(name);
        let output = Command::new("ffmpeg")
            .args(["-loglevel", "error", "-i", path.to_str().unwrap()])
            .args(args)
            .arg("-")
            .output()
            .unwrap();
        output.stdout
    };
    let grey = decode(&["-f", "rawvideo", "-pix_fmt", "gray"]);
    let frames = grey
        .chunks_exact(320 * 180)
        .map(|frame| frame_in(frame, (320, 180)));
    let sound = decode(&["-vn", "-f", "s16le", "-ac", "2", "-ar", "48000"]);
    (frames.collect(), sound.len())
}

#[test]
fn movies_hold_their_frames_in_order() {
    if !has_ffmpeg() {
        return;
    }
    for (template, name) in [
        ("H.264 - Match Render Settings - 15 Mbps", "job-1.mp4"),
        ("High Quality", "job-1.mov"),
        ("High Quality with Alpha", "job-1.mov"),
        ("Lossless", "job-1.avi"),
        ("Lossless with Alpha", "job-1.avi"),
    ] {
        let stage = stage();
        let ended = render(
            &stage,
            template,
            &["-s", "2", "-e", "9", "-output", "out/job-1.x"],
        );
        assert_eq!(stage.files(), [name], "{template}");
        let (frames, sound) = read_movie(&stage, name);
        assert_eq!(frames, (2..10).map(Some).collect::<Vec<_>>(), "{template}");
        assert_eq!(sound, 0);
        assert_eq!(stage.rendered(), (2..10).collect::<Vec<_>>());
        assert_eq!(ended.counts(), (1..9).collect::<Vec<_>>());
    }
}

#[test]
fn movies_have_the_compositions_sound_unless_it_is_off() {
    if !has_ffmpeg() {
        return;
    }
    for (more, wanted) in [
        (&[][..], 8 * 1920 * 4),
        (&["-outputSettings", "Output Audio: Off"], 0),
    ] {
        let stage = stage();
        std::fs::write(
            stage.path("a.wav"),
            crate::sounds::wav(48_000, &vec![[900, -900]; 96_000]),
        )
        .unwrap();
        let layers = vec![crate::sounds::heard(&stage, "a.wav")];
        stage.write_project(vec![CompSpec { layers, ..big() }]);
        let words = ["-s", "2", "-e", "9", "-output", "out/job-1.x"];
        render(&stage, "High Quality", &[&words, more].concat());
        let (frames, sound) = read_movie(&stage, "job-1.mov");
        assert_eq!((frames.len(), sound), (8, wanted));
    }
}

#[test]
fn faults_are_seen_in_movies() {
    if !has_ffmpeg() {
        return;
    }
    for (fault, wanted) in [
        (r#"{"kind": "other_frame", "at": 4}"#, [2, 3, 3, 5]),
        (r#"{"kind": "frozen", "at": 3}"#, [2, 3, 3, 3]),
    ] {
        let stage = stage().settings(&format!("{{\"faults\": [{fault}]}}"));
        render(
            &stage,
            "Lossless",
            &["-s", "2", "-e", "5", "-output", "out/job-1.x"],
        );
        let (frames, _) = read_movie(&stage, "job-1.avi");
        assert_eq!(frames, wanted.map(Some), "{fault}");
    }
    for (fault, left) in [("empty", Some(0)), ("missing", None)] {
        let stage = stage().settings(&format!("{{\"faults\": [{{\"kind\": \"{fault}\"}}]}}"));
        render(
            &stage,
            "Lossless",
            &["-s", "2", "-e", "5", "-output", "out/job-1.x"],
        );
        let file = std::fs::metadata(stage.path("out/job-1.avi")).ok();
        assert_eq!(file.map(|file| file.len()), left, "{fault}");
    }
}

#[test]
fn without_a_codec_a_movie_fails() {
    let stage = stage();
    let words = [
        "-project",
        "p.aep",
        "-comp",
        "Main",
        "-OMtemplate",
        "Lossless",
        "-output",
        "out/j.avi",
    ];
    let mut command = stage.command(&words);
    let ended = command.env("PATH", "/nowhere").output().unwrap();
    assert_eq!(ended.status.code(), Some(9));
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        said.contains("the codec of the output module template \"Lossless\" is not available."),
        "{said}"
    );
}
