//! The render queue, the rarer flags, and output modules that somebody made.

use crate::stage::{Stage, code, code_of};

const QUEUE: &str = r#"{"mfr_window": 1, "queue": [
    {"comp": "Main", "status": "will_continue", "output": "out/never_[###].tif"},
    {"comp": "Main", "output": "out/job-1_[#####].tif"},
    {"comp": "Main", "status": "done", "output": "out/never_[###].tif"},
    {"comp": "Main", "output": "out/b_[##].tif"}]}"#;

#[test]
fn the_queue_is_looked_at_first() {
    let stage = Stage::new().settings(QUEUE);
    let ended = stage.run(&[
        "-project", "p.aep", "-comp", "Main", "-rqindex", "9", "-s", "5", "-e", "6",
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(stage.files(), ["job-1_00005.tif", "job-1_00006.tif"]);
    assert!(
        ended
            .said
            .contains("INFO:Skipping render queue item with correct comp name")
    );
    assert!(!ended.said.contains("Adding specified comp"));
}

#[test]
fn an_item_is_rendered_by_its_index() {
    let stage = Stage::new().settings(QUEUE);
    assert_eq!(
        stage
            .run(&["-project", "p.aep", "-rqindex", "4", "-s", "5", "-e", "5"])
            .code,
        Some(0)
    );
    assert_eq!(stage.files(), ["b_05.tif"]);
    for index in ["0", "5", "x"] {
        let ended = stage.run(&["-project", "p.aep", "-rqindex", index]);
        assert_eq!(ended.code, Some(7), "{index}");
    }
}

#[test]
fn the_whole_queue_is_rendered_as_it_is() {
    let stage = Stage::new().settings(QUEUE);
    let ended = stage.run(&[
        "-project",
        "p.aep",
        "-s",
        "0",
        "-e",
        "0",
        "-i",
        "2",
        "-output",
        "out/x_[#].tif",
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(stage.files().len(), 20, "the work area of two items");
    assert_eq!(ended.said.matches("Finished composition").count(), 2);
    for flag in ["-s", "-e", "-i", "-output"] {
        let line = format!("WARNING: {flag} argument ignored since no -comp or -rqindex provided.");
        assert!(ended.said.contains(&line), "{}", ended.said);
    }
}

#[test]
fn settings_need_an_item() {
    let stage = Stage::new().settings(QUEUE);
    for flag in ["-renderSettings", "-outputSettings"] {
        let ended = stage.run(&["-project", "p.aep", flag, "Crop: true"]);
        assert_eq!(ended.code, Some(7));
        let line =
            format!("aerender ERROR: Can't use {flag} because no render queue item was specified.");
        assert!(ended.lines().contains(&line.as_str()), "{}", ended.said);
    }
    assert!(stage.files().is_empty());
}

#[test]
fn an_increment_repeats_pictures_and_leaves_no_number_out() {
    let stage = Stage::new();
    assert_eq!(
        stage.render(&["-s", "2", "-e", "6", "-i", "3"]).code,
        Some(0)
    );
    for (frame, shown) in [(2, 2), (3, 2), (4, 2), (5, 5), (6, 5)] {
        assert_eq!(code_of(&stage.frame_path(frame)), code(shown), "{frame}");
    }
}

#[test]
fn a_png_sequence_takes_a_template_that_somebody_made() {
    let stage = Stage::new().settings(r#"{"output_templates": {"PNG Sequence": "png"}}"#);
    let words = [
        "-project",
        "p.aep",
        "-comp",
        "Main",
        "-OMtemplate",
        "PNG Sequence",
        "-output",
        "out/p_[###].tif",
    ];
    let ended = stage.run(&[&words[..], &["-s", "0", "-e", "1"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(stage.files(), ["p_000.png", "p_001.png"]);
    let file = std::io::BufReader::new(std::fs::File::open(stage.path("out/p_001.png")).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(
        (info.width, info.height, info.color_type),
        (64, 36, png::ColorType::Rgba)
    );
    let green: Vec<u8> = pixels.chunks_exact(4).map(|pixel| pixel[1]).collect();
    let read = aerender_sim::code::read(&green, 64, 36).unwrap();
    assert_eq!(read.frame, 1);
}

#[test]
fn a_project_that_counts_from_one_can_be_played() {
    let stage = Stage::new().settings(r#"{"display_base": 1}"#);
    assert_eq!(stage.render(&[]).code, Some(0));
    assert_eq!(stage.rendered(), (6..=15).collect::<Vec<_>>());
}

#[test]
fn a_failing_gpu_leaves_black_frames_and_code_0() {
    let stage =
        Stage::new().settings(r#"{"mfr_window": 1, "faults": [{"kind": "gpu_failure", "at": 3}]}"#);
    let ended = stage.render(&["-s", "0", "-e", "5"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.said.contains("(code: 19969)"));
    for frame in 0..6 {
        let wanted = if frame < 3 { code(frame as i32) } else { None };
        assert_eq!(code_of(&stage.frame_path(frame)), wanted, "{frame}");
    }
}

#[test]
fn a_misnamed_file_stands_beside_the_others() {
    let stage = Stage::new().settings(r#"{"faults": [{"kind": "wrong_extension", "at": 1}]}"#);
    assert_eq!(stage.render(&["-s", "0", "-e", "2"]).code, Some(0));
    assert_eq!(
        stage.files(),
        ["job-1_00000.tif", "job-1_00001.psd", "job-1_00002.tif"]
    );
}
