//! Random projects to write, within what the format can hold.

use flatrender_aep::Rational;
use flatrender_aep::write::{CompSpec, FileSpec, KindSpec, LayerSpec, ProjectSpec};
use proptest::prelude::*;

/// Rates that come back as they are: the NTSC family, whole ones, and any number of 65536ths beside no NTSC rate.
pub fn rate() -> impl Strategy<Value = Rational> {
    let ntsc = prop::sample::select(vec![15u16, 24, 30, 48, 60, 120]).prop_map(Rational::ntsc);
    let whole = (1i64..=999).prop_map(Rational::whole);
    let stored = (1u16..=999, any::<u16>())
        .prop_map(|(whole, part)| Rational::from_stored_rate(whole, part));
    prop_oneof![ntsc, whole, stored]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9 _.-]{1,24}",
        "\\PC{1,12}",
        Just("صحنه ۱ (پایان)".to_owned())
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[()\\\\\r\n]{0,12}",
        Just("سلام\rدنیا\r".to_owned())
    ]
}

fn file() -> impl Strategy<Value = FileSpec> {
    let path = prop_oneof![
        "/[a-z]{1,8}/[a-z ]{1,8}\\.(png|mp3|mov)",
        "C:\\\\[a-z]{1,8}\\\\[a-z ]{1,8}\\.(psd|wav)",
        "footage/[a-z]{1,8}\\.(jpg|exr)"
    ];
    (path, any::<bool>(), 0u32..4, 0u32..4, any::<u16>()).prop_map(
        |(path, missing, up, down, width)| FileSpec {
            width,
            missing_at_save: missing,
            steps_up: up,
            steps_down: down,
            ..FileSpec::new(&path)
        },
    )
}

fn kind() -> impl Strategy<Value = KindSpec> {
    prop_oneof![
        text().prop_map(KindSpec::Text),
        any::<[u8; 3]>().prop_map(KindSpec::Solid),
        Just(KindSpec::Shape),
        Just(KindSpec::Null),
        Just(KindSpec::Adjustment),
        "[abc]".prop_map(KindSpec::Precomp),
        file().prop_map(KindSpec::File),
    ]
}

fn layer() -> impl Strategy<Value = LayerSpec> {
    let effects = prop::collection::vec("(ADBE|CC|Pseudo/) ?[A-Za-z0-9]{1,40}", 0..3);
    (
        name(),
        kind(),
        any::<[bool; 6]>(),
        ("[A-Za-z-]{1,30}", 1u32..4000, "|time|\\PC{1,20}x"),
        effects,
    )
        .prop_map(
            |(name, kind, switches, (font, size, expression), effects)| LayerSpec {
                enabled: switches[0],
                guide: switches[1],
                audio_enabled: switches[2],
                solo: switches[3],
                three_d: switches[4],
                follows_below: switches[5],
                font,
                size: f64::from(size) / 10.0,
                expression,
                effects,
                ..LayerSpec::new(&name, kind)
            },
        )
}

fn comp() -> impl Strategy<Value = CompSpec> {
    let fields = (
        prop_oneof![name(), "[abc]"],
        any::<(u16, u16)>(),
        rate(),
        1u32..=1_000_000,
        -1_000_000i32..=1_000_000,
        any::<[u8; 3]>(),
    );
    let aspect = (1i64..=2_147_483_647, 1i64..=2_147_483_647);
    let work_area = prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>()));
    let layers = prop::collection::vec(layer(), 0..6);
    let footage = prop::collection::vec("/lost/[a-z]{1,8}\\.png", 0..3);
    (fields, aspect, work_area, layers, footage).prop_map(
        |(
            (name, (width, height), rate, frames, start, background),
            (num, den),
            area,
            layers,
            footage,
        )| CompSpec {
            display_start_frames: start,
            pixel_aspect: Rational::checked(num, den).unwrap(),
            background,
            work_area: area.map(|(a, b)| {
                let start = u32::try_from(a.index(frames as usize)).unwrap();
                let length = u32::try_from(b.index((frames - start) as usize)).unwrap() + 1;
                (start, start + length)
            }),
            layers,
            footage,
            ..CompSpec::new(&name, width, height, rate, frames)
        },
    )
}

/// A project of a few compositions.
pub fn project() -> impl Strategy<Value = ProjectSpec> {
    (prop::collection::vec(comp(), 0..5), 0u32..3).prop_map(|(comps, frames_count_type)| {
        ProjectSpec {
            comps,
            frames_count_type,
            ..ProjectSpec::default()
        }
    })
}
