//! What is written comes back: every field of a spec is read again as it was.

use flatrender_aep::write::{
    CompSpec, FileSpec, KindSpec, LayerSpec, OutputSpec, ProjectSpec, QueueSpec, SequenceSpec,
    project,
};
use flatrender_aep::{
    Composition, Container, FootageKind, Layer, LayerKind, Project, QueueStatus, Rational,
    SpanSource, parse,
};
use proptest::prelude::*;

use crate::specs;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_written_project_reads_back_as_its_spec(spec in specs::project()) {
        let read = parse(&project(&spec)).expect("a written project is whole");
        prop_assert!(!read.damaged, "{:?}", read.warnings);
        prop_assert_eq!(read.container, Container::Rifx);
        prop_assert_eq!(read.ae_version, spec.ae_version);
        prop_assert_eq!(read.ae_os, Some(spec.ae_os));
        prop_assert_eq!(read.frames_count_type, spec.frames_count_type);
        prop_assert_eq!(read.display_base(), i64::from(spec.frames_count_type % 2));
        prop_assert_eq!(read.comps.len(), spec.comps.len());
        for (comp, wanted) in read.comps.iter().zip(&spec.comps) {
            same_comp(&read, comp, wanted);
            for (at, (layer, wanted_layer)) in comp.layers.iter().zip(wanted.all_layers()).enumerate() {
                same_layer(&read, layer, &wanted_layer, &spec);
                let below = comp.layers.get(at + 1).map(|below| below.id);
                prop_assert_eq!(layer.parent_id, below.filter(|_| wanted_layer.follows_below));
                prop_assert_eq!(layer.span, (Rational::ZERO, comp.duration));
            }
        }
    }

    #[test]
    fn a_rate_of_65536ths_survives(rate in specs::rate(), frames in 1u32..=10_000_000) {
        let spec = ProjectSpec {
            comps: vec![CompSpec::new("a", 1, 1, rate, frames)],
            ..ProjectSpec::default()
        };
        let read = parse(&project(&spec)).unwrap();
        prop_assert_eq!((read.comps[0].rate, read.comps[0].frames), (rate, frames));
    }
}

fn same_comp(project: &Project, comp: &Composition, wanted: &CompSpec) {
    assert_eq!(comp.name, wanted.name);
    assert_eq!((comp.width, comp.height), (wanted.width, wanted.height));
    assert_eq!(comp.rate, wanted.rate);
    assert_eq!(comp.frames, wanted.frames);
    assert_eq!(comp.pixel_aspect, wanted.pixel_aspect);
    assert_eq!(comp.background, wanted.background);
    let (start, end) = wanted.work_area.unwrap_or((0, wanted.frames));
    assert_eq!(comp.work_area_frames(), start..end);
    assert_eq!(
        project.first_display_frame(comp) - project.display_base(),
        i64::from(wanted.display_start_frames)
    );
    assert_eq!(
        comp.layers.len(),
        wanted.layers.len() + wanted.footage.len()
    );
}

fn same_layer(project: &Project, layer: &Layer, wanted: &LayerSpec, spec: &ProjectSpec) {
    assert_eq!(layer.name, wanted.name);
    assert_eq!(
        (layer.enabled, layer.guide, layer.audio_enabled),
        (wanted.enabled, wanted.guide, wanted.audio_enabled)
    );
    assert_eq!(layer.effects, wanted.effects);
    assert_eq!(
        (layer.switches.solo, layer.switches.three_d),
        (wanted.solo, wanted.three_d)
    );
    assert!(layer.switches.effects && !layer.switches.locked);
    let source = || project.footage_item(layer.source_id.unwrap()).unwrap();
    let kind = match &wanted.kind {
        KindSpec::Text(text) => {
            assert_eq!(layer.text, [text.as_str()]);
            assert_eq!(layer.fonts, [wanted.font.as_str()]);
            assert_eq!(layer.sizes, [wanted.size]);
            assert_eq!(layer.text_computed, !wanted.expression.is_empty());
            assert_eq!(layer.expressions, u32::from(layer.text_computed));
            LayerKind::Text
        }
        KindSpec::Solid(color) => {
            assert_eq!(
                (source().kind, source().color),
                (FootageKind::Solid, Some(*color))
            );
            LayerKind::Solid
        }
        KindSpec::Shape => LayerKind::Shape,
        KindSpec::Null => LayerKind::Null,
        KindSpec::Adjustment => LayerKind::Adjustment,
        KindSpec::Precomp(name) => match spec.comps.iter().position(|comp| comp.name == *name) {
            Some(first) => {
                assert_eq!(layer.source_id, Some(project.comps[first].id));
                LayerKind::Precomp
            }
            None => LayerKind::Unknown,
        },
        KindSpec::File(file) => {
            let item = source();
            let reference = item.file.as_ref().unwrap();
            assert_eq!((item.width, item.height), (file.width, file.height));
            assert_eq!(item.name, file.file_name());
            assert!((item.audio_rate_hz - file.audio_rate_hz).abs() < f64::EPSILON);
            assert_eq!(reference.path, file.path);
            assert_eq!(reference.missing_at_save, file.missing_at_save);
            assert_eq!(
                (reference.steps_up, reference.steps_down),
                (file.steps_up, file.steps_down)
            );
            LayerKind::Footage
        }
    };
    assert_eq!(layer.kind, kind);
}

#[test]
fn a_small_film_reads_as_it_was_meant() {
    let mut comp = CompSpec::new("Main", 1920, 1080, Rational::ntsc(30), 300);
    comp.display_start_frames = 100;
    comp.background = [10, 20, 30];
    comp.layers = vec![
        LayerSpec::new("title", KindSpec::Text("Hello\rworld".to_owned())),
        LayerSpec::new("back", KindSpec::Solid([255, 0, 128])),
    ];
    let spec = ProjectSpec {
        frames_count_type: 1,
        comps: vec![comp],
        ..ProjectSpec::default()
    };
    let read = parse(&project(&spec)).unwrap();
    let main = read.comp("Main").unwrap();
    assert_eq!(main.frames, 300);
    assert_eq!(
        main.duration,
        Rational {
            num: 1001,
            den: 100
        }
    );
    assert_eq!(read.first_display_frame(main), 101);
    assert_eq!(main.layers[0].text, ["Hello\rworld"]);
    assert!(read.missing_footage(main).is_empty());
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
}

#[test]
fn sequences_and_the_render_queue_come_back() {
    let frames = SequenceSpec {
        first: 7,
        last: 120,
        digits: 4,
        prefix: "shot_".to_owned(),
        suffix: ".exr".to_owned(),
    };
    let plate = FileSpec {
        sequence: Some(frames),
        ..FileSpec::new("\\\\server\\plates\\shot")
    };
    let mut comp = CompSpec::new("Main", 64, 64, Rational::whole(25), 100);
    comp.layers = vec![LayerSpec::new("", KindSpec::File(plate))];
    let mut item = QueueSpec::new("Main");
    item.time_span = Some((10, 20));
    item.outputs = vec![OutputSpec {
        format: *b"png!",
        folder: "/out".to_owned(),
        template: "My PNG".to_owned(),
        file_template: "[compName]_[#####].[fileExtension]".to_owned(),
    }];
    let mut lost = QueueSpec::new("Gone");
    lost.status = QueueStatus::NeedsOutput;
    let spec = ProjectSpec {
        comps: vec![comp],
        render_queue: vec![item, lost],
        ..ProjectSpec::default()
    };
    let read = parse(&project(&spec)).unwrap();
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    let sequence = read.footage[0].sequence.clone().unwrap();
    assert_eq!(
        (sequence.first, sequence.last, sequence.digits),
        (Some(7), Some(120), 4)
    );
    assert_eq!(
        (sequence.prefix.as_str(), sequence.suffix.as_str()),
        ("shot_", ".exr")
    );
    assert_eq!(read.footage[0].name, "shot_[0007-0120].exr");
    assert_eq!(read.footage[0].fourcc, "oEXR");
    let file = read.footage[0].file.clone().unwrap();
    assert!(file.windows && file.is_folder && file.is_absolute());
    let [first, second] = read.render_queue.as_slice() else {
        panic!("{:?}", read.render_queue);
    };
    assert_eq!(first.comp_id, read.comps[0].id);
    assert_eq!(
        (first.status, first.checked),
        (QueueStatus::Queued, Some(true))
    );
    assert_eq!(first.span_source, Some(SpanSource::Custom));
    let second_at = |frames: i64| Rational::checked(frames, 25).unwrap();
    assert_eq!(first.time_span, Some((second_at(10), second_at(20))));
    assert_eq!(first.outputs[0].format, "png!");
    assert_eq!(first.outputs[0].target.as_ref().unwrap().path, "/out");
    assert_eq!(first.outputs[0].template.as_deref(), Some("My PNG"));
    assert_eq!(
        first.outputs[0].file_template.as_deref(),
        Some("[compName]_[#####].[fileExtension]")
    );
    assert_eq!(
        (second.status, second.checked),
        (QueueStatus::NeedsOutput, Some(false))
    );
    assert!(second.outputs.is_empty() && second.time_span.is_none());
}
