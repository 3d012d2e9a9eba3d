//! Files that were cut, flipped or forged: each gives a project or an error, in bounded time, and never a panic.

use std::cell::Cell;

use flatrender_aep::write::project;
use flatrender_aep::{ReadError, parse, truth_json};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::{samples, specs};

/// One way to damage a file.
#[derive(Debug, Clone)]
enum Damage {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Word(prop::sample::Index, u32),
    Remove(prop::sample::Index, u16),
    Repeat(prop::sample::Index, u16),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let at = any::<prop::sample::Index>;
    let word = prop_oneof![
        Just(0u32),
        Just(u32::MAX),
        Just(0x7fff_ffff),
        Just(0x8000_0000),
        any::<u32>()
    ];
    let one = prop_oneof![
        1 => at().prop_map(Damage::Cut),
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        4 => (at(), word).prop_map(|(at, word)| Damage::Word(at, word)),
        1 => (at(), any::<u16>()).prop_map(|(at, count)| Damage::Remove(at, count)),
        1 => (at(), any::<u16>()).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ];
    prop::collection::vec(one, 1..12)
}

fn apply(bytes: &[u8], damage: &[Damage]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for one in damage {
        if bytes.is_empty() {
            break;
        }
        match one {
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Damage::Flip(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Damage::Word(at, word) => {
                let at = at.index(bytes.len());
                let end = bytes.len().min(at + 4);
                bytes[at..end].copy_from_slice(&word.to_be_bytes()[..end - at]);
            }
            Damage::Remove(at, count) => {
                let at = at.index(bytes.len());
                let end = bytes.len().min(at + usize::from(*count));
                bytes.drain(at..end);
            }
            Damage::Repeat(at, count) => {
                let at = at.index(bytes.len());
                let end = bytes.len().min(at + usize::from(*count));
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Reads the bytes and asks everything a caller may ask. True if a project was there.
fn exercise(bytes: &[u8]) -> bool {
    let Ok(project) = parse(bytes) else {
        return false;
    };
    for comp in &project.comps {
        assert!(comp.rate.den > 0 && comp.pixel_aspect.den > 0);
        let area = comp.work_area_frames();
        assert!(area.start <= area.end && area.end <= comp.frames);
        let _ = project.first_display_frame(comp);
        let _ = project.missing_footage(comp);
        let _ = project.has_sound(comp);
        assert!(project.comp(&comp.name).is_ok());
    }
    serde_json::to_string(&truth_json(&project)).expect("plain data");
    serde_json::to_string(&project).expect("plain data");
    true
}

#[test]
fn damaged_samples_never_panic() {
    let Some(all) = samples::all("damaged_samples_never_panic") else {
        return;
    };
    let (read, refused) = (Cell::new(0u32), Cell::new(0u32));
    for (name, bytes, _) in &all {
        // fewer of the large ones, so that the test stays short
        let cases = u32::try_from(25_000_000 / bytes.len().max(80_000)).unwrap();
        let mut runner = TestRunner::new(Config::with_cases(cases));
        let run = runner.run(&damage(), |damage| {
            if exercise(&apply(bytes, &damage)) {
                read.set(read.get() + 1);
            } else {
                refused.set(refused.get() + 1);
            }
            Ok(())
        });
        assert!(run.is_ok(), "{name}: {run:?}");
    }
    let (read, refused) = (read.get(), refused.get());
    eprintln!("damaged samples: {read} gave a project, {refused} an error");
    assert!(
        read > 0 && refused > 0 && read + refused > 1500,
        "{read} and {refused}"
    );
}

#[test]
fn a_sample_cut_anywhere_gives_what_was_before_the_cut() {
    let Some(all) = samples::all("a_sample_cut_anywhere_gives_what_was_before_the_cut") else {
        return;
    };
    let (_, bytes, _) = all
        .iter()
        .find(|(name, _, _)| name.contains("Benchmark"))
        .unwrap();
    let whole = parse(bytes).unwrap();
    let body_end = 8 + u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let mut most_layers = 0;
    for cut in (0..body_end).step_by(509) {
        match parse(&bytes[..cut]) {
            Ok(project) => {
                assert!(
                    project.damaged && !project.warnings.is_empty(),
                    "cut at {cut}"
                );
                let layers: usize = project.comps.iter().map(|comp| comp.layers.len()).sum();
                assert!(
                    layers >= most_layers,
                    "cut at {cut} lost what a shorter file had"
                );
                most_layers = layers;
            }
            Err(ReadError::NoItems { hint }) => {
                assert!(!hint.is_empty() || cut < 12, "cut at {cut}")
            }
            Err(other) => assert!(cut < 4, "cut at {cut}: {other}"),
        }
    }
    assert_eq!(most_layers, whole.comps[0].layers.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn damaged_written_projects_never_panic(spec in specs::project(), damage in damage()) {
        exercise(&apply(&project(&spec), &damage));
    }

    #[test]
    fn noise_behind_a_magic_never_panics(
        magic in prop::sample::select(vec![
            b"RIFX\0\0\xff\xffEgg!LIST\0\0\xff\xffFold".to_vec(),
            b"<AfterEffectsProject><Fold><Item><idta bdata=\"0004\"/>".to_vec(),
            b"PK\x03\x04".to_vec(),
            Vec::new(),
        ]),
        noise in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        exercise(&[magic, noise].concat());
    }
}
