//! The sound of compositions, sample for sample: what is heard when, how loud, and what becomes of broken files.

use crate::stage::{Ended, Stage, plain};
use aerender_sim::afterfx::tree::{Node, Tree};
use flatrender_aep::Rational;
use flatrender_aep::write::{CompSpec, FileSpec, KindSpec, LayerSpec};

/// Samples of one frame at 25 a second.
const FRAME: usize = 1920;

type Samples = Vec<[i16; 2]>;

/// Something that is nowhere twice the same.
fn noise(samples: usize) -> Samples {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 18) as i16 - 8192
    };
    (0..samples).map(|_| [next(), next()]).collect()
}

pub fn wav(rate: u32, samples: &[[i16; 2]]) -> Vec<u8> {
    let data: Vec<u8> = samples
        .iter()
        .flatten()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend([1_u16, 2].map(u16::to_le_bytes).concat());
    bytes.extend([rate, rate * 4].map(u32::to_le_bytes).concat());
    bytes.extend([4_u16, 16].map(u16::to_le_bytes).concat());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// Samples of an AIFF file, by its own words: every length is checked.
fn read_aiff(bytes: &[u8]) -> Samples {
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(
        (&bytes[..4], &bytes[8..16]),
        (&b"FORM"[..], &b"AIFFCOMM"[..])
    );
    assert_eq!(word(4) as usize, bytes.len() - 8);
    assert_eq!(word(16), 18);
    assert_eq!(bytes[20..22], [0, 2], "stereo");
    assert_eq!(bytes[26..28], [0, 16], "bits");
    // 48000 = 1.46484375 × 2^15
    assert_eq!(bytes[28..38], [0x40, 0x0e, 0xbb, 0x80, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&bytes[38..42], b"SSND");
    assert_eq!(word(42) as usize, bytes.len() - 46);
    let samples = bytes[54..].chunks_exact(4);
    assert_eq!(samples.len(), word(22) as usize);
    samples
        .map(|sample| {
            [
                i16::from_be_bytes([sample[0], sample[1]]),
                i16::from_be_bytes([sample[2], sample[3]]),
            ]
        })
        .collect()
}

/// A layer of a file of the stage.
pub fn heard(stage: &Stage, name: &str) -> LayerSpec {
    let path = stage.path(name);
    LayerSpec::new(name, KindSpec::File(FileSpec::new(path.to_str().unwrap())))
}

/// A stage with `a.wav`, two seconds of noise, and the compositions that are made of it.
fn stage(comps: impl Fn(&Stage) -> Vec<CompSpec>) -> (Stage, Samples) {
    let stage = Stage::new();
    let samples = noise(50 * FRAME);
    std::fs::write(stage.path("a.wav"), wav(48_000, &samples)).unwrap();
    stage.write_project(comps(&stage));
    (stage, samples)
}

fn main_with(layers: Vec<LayerSpec>) -> CompSpec {
    CompSpec { layers, ..plain() }
}

fn render(stage: &Stage, more: &[&str]) -> Ended {
    let words = [
        "-project",
        "p.aep",
        "-comp",
        "Main",
        "-OMtemplate",
        "AIFF 48kHz",
        "-RStemplate",
        "Best Settings",
        "-output",
        "out/job-1.aif",
    ];
    stage.run(&[&words, more].concat())
}

fn sound(stage: &Stage) -> Samples {
    read_aiff(&std::fs::read(stage.path("out/job-1.aif")).unwrap())
}

/// Changes the layer at `place` of the first composition that has one there.
fn change(stage: &Stage, place: usize, change: impl FnOnce(&mut Node)) {
    let path = stage.path("p.aep");
    let mut tree = Tree::parse(&std::fs::read(&path).unwrap()).unwrap();
    let fold = tree.root.child_mut(b"Fold").unwrap();
    let mut layers = fold
        .children
        .iter_mut()
        .filter(|item| item.is_list(b"Item"))
        .flat_map(|item| {
            item.children
                .iter_mut()
                .filter(|child| child.is_list(b"Layr"))
        });
    change(layers.nth(place).unwrap());
    std::fs::write(&path, tree.to_bytes()).unwrap();
}

/// Sets start, in point and out point in frames, and the stretch in hundredths.
fn set_times(layer: &mut Node, start: i32, span: (i32, i32), stretch: i32) {
    let ldta = layer.leaf_mut(b"ldta").unwrap();
    let mut put = |at: usize, number: i32| ldta[at..at + 4].copy_from_slice(&number.to_be_bytes());
    for (at, frames) in [(12, start), (20, span.0), (28, span.1)] {
        put(at, frames);
        put(at + 4, 25);
    }
    put(8, stretch);
    put(108, 100);
}

#[test]
fn sound_comes_out_as_it_went_in() {
    let (stage, samples) = stage(|stage| vec![main_with(vec![heard(stage, "a.wav")])]);
    let ended = render(&stage, &["-s", "5", "-e", "14"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(stage.files(), ["job-1.aif"]);
    assert!(sound(&stage) == samples[5 * FRAME..15 * FRAME]);
    assert_eq!(ended.counts(), (1..=10).collect::<Vec<_>>());
    assert!(ended.said.contains("PROGRESS:  Format: AIFF\n"));
    assert!(ended.said.contains("PROGRESS:  Output To: out/job-1.aif\n"));
    assert!(stage.ledger().is_empty(), "no picture was rendered");
}

#[test]
fn silence_has_its_length_too() {
    let ntsc = Rational {
        num: 30_000,
        den: 1001,
    };
    let comp = CompSpec::new("Main", 64, 36, ntsc, 40);
    let (stage, _) = stage(|_| vec![comp.clone()]);
    assert_eq!(render(&stage, &["-s", "10", "-e", "14"]).code, Some(0));
    assert!(sound(&stage) == vec![[0, 0]; 8008]);
}

#[test]
fn speakers_decide_and_eyes_do_not() {
    let (stage, samples) = stage(|stage| {
        let hidden = LayerSpec {
            enabled: false,
            ..heard(stage, "a.wav")
        };
        let muted = LayerSpec {
            audio_enabled: false,
            ..heard(stage, "a.wav")
        };
        let guide = LayerSpec {
            guide: true,
            ..heard(stage, "a.wav")
        };
        vec![main_with(vec![muted, hidden, guide])]
    });
    assert_eq!(render(&stage, &["-s", "0", "-e", "3"]).code, Some(0));
    assert!(sound(&stage) == samples[..4 * FRAME]);
}

#[test]
fn layers_sound_where_they_lie() {
    // the file starts at frame 10; the layer is heard from 12 to 15
    let (stage, samples) = stage(|stage| vec![main_with(vec![heard(stage, "a.wav")])]);
    change(&stage, 0, |layer| set_times(layer, 10, (2, 6), 100));
    assert_eq!(render(&stage, &["-s", "8", "-e", "19"]).code, Some(0));
    let heard = sound(&stage);
    assert!(heard[..4 * FRAME].iter().all(|sample| *sample == [0, 0]));
    assert!(heard[4 * FRAME..8 * FRAME] == samples[2 * FRAME..6 * FRAME]);
    assert!(heard[8 * FRAME..].iter().all(|sample| *sample == [0, 0]));
}

#[test]
fn stretched_layers_are_slower_and_reversed_ones_run_back() {
    let (stage, samples) = stage(|stage| vec![main_with(vec![heard(stage, "a.wav")])]);
    change(&stage, 0, |layer| set_times(layer, 0, (0, 20), 200));
    assert_eq!(render(&stage, &["-s", "0", "-e", "9"]).code, Some(0));
    let slow = sound(&stage);
    for at in 0..5 * FRAME {
        assert_eq!(slow[2 * at], samples[at]);
        let between = |side: usize| {
            ((f32::from(samples[at][side]) + f32::from(samples[at + 1][side])) / 2.0).round() as i16
        };
        assert_eq!(slow[2 * at + 1], [between(0), between(1)]);
    }
    // backwards from frame 20 on: at frame 10 the file is at its tenth frame
    change(&stage, 0, |layer| set_times(layer, 20, (0, 20), -100));
    assert_eq!(render(&stage, &["-s", "10", "-e", "11"]).code, Some(0));
    let back = sound(&stage);
    for at in 0..2 * FRAME {
        assert_eq!(back[at], samples[10 * FRAME - at]);
    }
}

#[test]
fn nested_compositions_are_heard_and_cycles_end() {
    let (stage, samples) = stage(|stage| {
        let nested = LayerSpec::new("n", KindSpec::Precomp("Inner".into()));
        let cycle = LayerSpec::new("c", KindSpec::Precomp("Main".into()));
        let inner = CompSpec {
            name: "Inner".into(),
            layers: vec![cycle, heard(stage, "a.wav")],
            ..plain()
        };
        vec![main_with(vec![nested]), inner]
    });
    // the nested composition starts at frame 5, and only its first 10 frames are shown
    change(&stage, 0, |layer| set_times(layer, 5, (0, 10), 100));
    // what it shows of itself begins too late to be heard
    change(&stage, 1, |layer| set_times(layer, 30, (0, 10), 100));
    assert_eq!(render(&stage, &["-s", "0", "-e", "19"]).code, Some(0));
    let heard = sound(&stage);
    assert!(heard[..5 * FRAME].iter().all(|sample| *sample == [0, 0]));
    assert!(heard[5 * FRAME..15 * FRAME] == samples[..10 * FRAME]);
    assert!(heard[15 * FRAME..].iter().all(|sample| *sample == [0, 0]));
}

/// The property group with these audio levels, as the chunks of a project have it.
fn levels(left: f64, right: f64) -> Vec<Node> {
    let name = |name: &str| {
        let mut data = name.as_bytes().to_vec();
        data.resize(40, 0);
        Node::leaf(b"tdmn", data)
    };
    let mut tdb4 = vec![0; 124];
    tdb4[3] = 2;
    let cdat = [left, right].map(f64::to_be_bytes).concat();
    let property = Node::list(
        b"tdbs",
        vec![Node::leaf(b"tdb4", tdb4), Node::leaf(b"cdat", cdat)],
    );
    let group = Node::list(
        b"tdgp",
        vec![name("ADBE Audio Levels"), property, name("ADBE Group End")],
    );
    vec![name("ADBE Audio Group"), group]
}

#[test]
fn audio_levels_are_heard_and_layers_add_up() {
    let (stage, samples) = stage(|stage| {
        vec![main_with(vec![
            heard(stage, "a.wav"),
            heard(stage, "a.wav"),
        ])]
    });
    change(&stage, 0, |layer| {
        let group = layer.child_mut(b"tdgp").unwrap();
        let mut children = levels(-6.0, -192.0);
        children.append(&mut group.children);
        group.children = children;
    });
    assert_eq!(render(&stage, &["-s", "0", "-e", "1"]).code, Some(0));
    let factor = 10_f64.powf(-6.0 / 20.0);
    for (heard, sample) in sound(&stage).iter().zip(&samples) {
        let left = f64::from(sample[0]) * (1.0 + factor);
        assert!(
            (f64::from(heard[0]) - left).abs() <= 1.0,
            "{heard:?} of {sample:?}"
        );
        assert_eq!(heard[1], sample[1]);
    }
}

#[test]
fn other_rates_are_brought_to_48_khz_and_loud_sums_are_cut() {
    let (stage, _) = stage(|stage| {
        vec![main_with(vec![
            heard(stage, "a.wav"),
            heard(stage, "a.wav"),
        ])]
    });
    std::fs::write(
        stage.path("a.wav"),
        wav(24_000, &vec![[30_000, -400]; 48_000]),
    )
    .unwrap();
    assert_eq!(render(&stage, &["-s", "0", "-e", "39"]).code, Some(0));
    assert!(sound(&stage) == vec![[i16::MAX, -800]; 40 * FRAME]);
}

#[test]
fn sound_ends_with_its_file_and_frames_outside_are_silent() {
    let (stage, samples) = stage(|stage| vec![main_with(vec![heard(stage, "a.wav")])]);
    std::fs::write(stage.path("a.wav"), wav(48_000, &samples[..3 * FRAME])).unwrap();
    let ended = render(&stage, &["-s", "-2", "-e", "4"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(
        ended
            .said
            .contains("will cause render to have frames outside")
    );
    let heard = sound(&stage);
    assert_eq!(heard.len(), 7 * FRAME);
    assert!(heard[2 * FRAME..5 * FRAME] == samples[..3 * FRAME]);
    let quiet = heard[..2 * FRAME].iter().chain(&heard[5 * FRAME..]);
    assert!(quiet.copied().all(|sample| sample == [0, 0]));
}

#[test]
fn a_file_that_is_no_sound_fails_the_render() {
    let (stage, _) = stage(|stage| vec![main_with(vec![heard(stage, "a.wav")])]);
    std::fs::write(stage.path("a.wav"), b"no sound at all").unwrap();
    let ended = render(&stage, &["-s", "0", "-e", "1"]);
    assert_eq!(ended.code, Some(9));
    let text = "aerender Error: After Effects error: Could not read from source. Please check the settings and try again. (failed to hear ";
    assert!(ended.said.contains(text), "{}", ended.said);
}

#[test]
fn a_missing_file_is_silent_only_where_that_is_allowed() {
    let (stage, _) = stage(|stage| vec![main_with(vec![heard(stage, "gone.wav")])]);
    assert_eq!(render(&stage, &["-s", "0", "-e", "1"]).code, Some(0));
    assert!(stage.files().is_empty());
    assert_eq!(
        render(&stage, &["-s", "0", "-e", "1", "-continueOnMissingFootage"]).code,
        Some(0)
    );
    assert!(sound(&stage) == vec![[0, 0]; 2 * FRAME]);
}

#[test]
fn faults_spoil_the_one_file() {
    for (fault, bytes) in [
        (
            r#"{"kind": "torn", "at": 2}"#,
            Some(54 + 4 * (2 * FRAME + FRAME / 2)),
        ),
        (r#"{"kind": "empty"}"#, Some(0)),
        (r#"{"kind": "missing"}"#, None),
        (
            r#"{"kind": "exit0", "at": {"after": 1}}"#,
            Some(54 + 4 * FRAME),
        ),
    ] {
        let (stage, _) = stage(|stage| vec![main_with(vec![heard(stage, "a.wav")])]);
        let stage = stage.settings(&format!("{{\"faults\": [{fault}]}}"));
        let ended = render(&stage, &["-s", "0", "-e", "4"]);
        assert_eq!(ended.code, Some(0), "{fault}");
        assert!(ended.said.contains("Finished composition"), "{fault}");
        let file = std::fs::metadata(stage.path("out/job-1.aif"));
        assert_eq!(file.ok().map(|file| file.len() as usize), bytes, "{fault}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let (stage, _) = stage(|_| vec![plain()]);
    let ended = render(&stage, &["-output", "no/x.aif"]);
    assert_eq!(ended.code, Some(9));
    assert!(
        ended
            .said
            .contains("Can not create a file in directory no."),
        "{}",
        ended.said
    );
}
