//! Faults that a log does not show, or shows in a warning only: pictures that are whole and wrong.

use crate::stage::{Stage, code, code_of, decode, plain};
use flatrender_aep::write::CompSpec;

fn rendered(faults: &str, node: Option<&str>) -> (Stage, crate::stage::Ended) {
    let json = format!(r#"{{"mfr_window": 1, "home": "HOME", "faults": [{faults}]}}"#);
    // big enough for more than the code
    let comp = CompSpec {
        width: 320,
        height: 180,
        ..plain()
    };
    let mut stage = Stage::with(vec![comp], 0).settings(&json);
    stage.node = node.map(str::to_owned);
    let ended = stage.render(&["-s", "0", "-e", "9"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.counts(), (1..=10).collect::<Vec<_>>());
    (stage, ended)
}

/// The frames whose picture is not that of a render without faults.
fn wrong(stage: &Stage) -> Vec<i64> {
    let (good, _) = rendered("", None);
    let pixels = |stage: &Stage, frame| decode(&stage.frame_path(frame)).unwrap().2;
    (0..10)
        .filter(|&frame| pixels(stage, frame) != pixels(&good, frame))
        .collect()
}

#[test]
fn another_frames_picture_is_shown() {
    let (stage, _) = rendered(r#"{"kind": "other_frame", "at": 4, "frames": 2}"#, None);
    for frame in 0..10 {
        let shown = if [4, 5].contains(&frame) {
            frame - 1
        } else {
            frame
        };
        assert_eq!(code_of(&stage.frame_path(frame)), code(shown as i32));
    }
    let (stage, _) = rendered(r#"{"kind": "other_frame", "at": 0}"#, None);
    assert_eq!(code_of(&stage.frame_path(0)), code(1));
}

#[test]
fn a_frozen_picture_stays() {
    let (stage, _) = rendered(r#"{"kind": "frozen", "at": 4}"#, None);
    for frame in 0..10 {
        assert_eq!(code_of(&stage.frame_path(frame)), code(frame.min(4) as i32));
    }
}

#[test]
fn noise_leaves_the_code_and_only_its_frame() {
    let (stage, _) = rendered(r#"{"kind": "noise", "at": 4}"#, None);
    assert_eq!(wrong(&stage), [4]);
    assert_eq!(code_of(&stage.frame_path(4)), code(4));
    let (_, _, pixels) = decode(&stage.frame_path(4)).unwrap();
    let lower_right = pixels[150 * 320 * 4 + 160 * 4..150 * 320 * 4 + 320 * 4].chunks_exact(4);
    let colours: std::collections::HashSet<&[u8]> = lower_right.collect();
    assert!(colours.len() > 100, "{}", colours.len());
}

#[test]
fn a_frame_of_another_depth_decodes() {
    let (stage, _) = rendered(r#"{"kind": "wrong_depth", "at": 4}"#, None);
    let file = std::fs::File::open(stage.frame_path(4)).unwrap();
    let mut decoder = tiff::decoder::Decoder::new(file).unwrap();
    assert_eq!(decoder.colortype().unwrap(), tiff::ColorType::RGBA(16));
    let tiff::decoder::DecodingResult::U16(deep) = decoder.read_image().unwrap() else {
        panic!("not 16 bits a sample");
    };
    let (good, _) = rendered("", None);
    let (_, _, pixels) = decode(&good.frame_path(4)).unwrap();
    assert!(
        deep.iter()
            .zip(&pixels)
            .all(|(deep, pixel)| deep >> 8 == u16::from(*pixel))
    );
    assert!(
        deep.iter().any(|deep| deep & 0xff != deep >> 8),
        "16 bits are more than 8"
    );
}

#[test]
fn what_a_machine_lacks_is_said_and_spoils_every_frame() {
    for (kind, line) in [
        (
            "missing_effect",
            "INFO:This project contains a reference to a missing effect",
        ),
        (
            "missing_font",
            "WARNING:After Effects warning: Project has missing fonts.\n",
        ),
        (
            "disabled_expression",
            "WARNING:After Effects warning: Expression disabled.",
        ),
    ] {
        let (stage, ended) = rendered(&format!(r#"{{"kind": "{kind}", "times": 1}}"#), None);
        assert!(ended.said.contains(line), "{}", ended.said);
        let spoilt = wrong(&stage);
        // the disc stands where it is in the first frame
        let all = if kind == "disabled_expression" {
            1..10
        } else {
            0..10
        };
        assert_eq!(spoilt, all.collect::<Vec<_>>(), "{kind}");
        let again = stage.render(&["-s", "0", "-e", "9"]);
        assert!(!again.said.contains(line), "only once");
        assert!(wrong(&stage).is_empty());
    }
}

#[test]
fn a_fault_of_one_node_spares_the_others() {
    let fault = r#"{"kind": "other_frame", "at": 4, "nodes": ["one", "two"]}"#;
    for (node, shown) in [
        (Some("one"), 3),
        (Some("two"), 3),
        (Some("three"), 4),
        (None, 4),
    ] {
        let (stage, _) = rendered(fault, node);
        assert_eq!(code_of(&stage.frame_path(4)), code(shown), "{node:?}");
    }
}
