//! Items of the project panel as chunks: compositions with their layers, and the footage those show.

use std::collections::HashMap;

use crate::footage::path_is_windows;
use crate::rational::Rational;

use super::chunks::{Fields, group, leaf, list, match_name, utf8};
use super::{CompSpec, FileSpec, KindSpec, LayerSpec, ProjectSpec, text};

/// Hands out ids that are unique in the project. Compositions have the first ones, in order.
pub(super) struct Ids<'a> {
    comps: HashMap<&'a str, u32>,
    next: u32,
}

impl<'a> Ids<'a> {
    pub(super) fn new(spec: &'a ProjectSpec) -> Ids<'a> {
        let mut comps = HashMap::new();
        for (index, comp) in spec.comps.iter().enumerate() {
            comps.entry(comp.name.as_str()).or_insert(comp_id(index));
        }
        Ids {
            comps,
            next: comp_id(spec.comps.len()),
        }
    }

    /// The id of the first composition of this name.
    pub(super) fn comp(&self, name: &str) -> Option<u32> {
        self.comps.get(name).copied()
    }

    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }
}

fn comp_id(index: usize) -> u32 {
    u32::try_from(index + 1).expect("a spec has far fewer compositions")
}

/// A composition's item, and before it the footage its layers show.
pub(super) fn composition(index: usize, comp: &CompSpec, ids: &mut Ids<'_>) -> Vec<u8> {
    let rate = stored_rate(comp.rate);
    let duration = seconds(i64::from(comp.frames), rate);
    let mut footage = Vec::new();
    let mut layers = Vec::new();
    let specs = comp.all_layers();
    let ids_of: Vec<(u32, u32)> = specs
        .iter()
        .map(|layer| (source(layer, comp, ids, &mut footage), ids.fresh()))
        .collect();
    for (at, layer) in specs.iter().enumerate() {
        let (source, id) = ids_of[at];
        let below = ids_of.get(at + 1).map_or(0, |(_, id)| *id);
        let parent = if layer.follows_below { below } else { 0 };
        layers.extend(layer_chunks(layer, id, source, parent, duration));
    }
    let body = [
        item_head(4, comp_id(index), &comp.name),
        settings(comp),
        renderer(),
        layers,
    ];
    footage.extend(list(*b"Item", &body.concat()));
    footage
}

fn item_head(kind: u16, id: u32, name: &str) -> Vec<u8> {
    let idta = Fields::new(84).u16(0, kind).u32(16, id);
    [leaf(*b"idta", &idta.0), utf8(name)].concat()
}

/// The rate as a project stores it, in 65536ths.
fn stored_parts(rate: Rational) -> (u16, u16) {
    let most = i64::from(u16::MAX) * 65_536 + 65_535;
    let stored = rate.times_rounded(Rational::whole(65_536)).clamp(0, most);
    let whole = u16::try_from(stored / 65_536).expect("clamped");
    let fraction = u16::try_from(stored % 65_536).expect("a remainder of 65536");
    (whole, fraction)
}

pub(super) fn stored_rate(rate: Rational) -> Rational {
    let (whole, fraction) = stored_parts(rate);
    Rational::from_stored_rate(whole, fraction)
}

/// The time of a frame as two words, near enough that it comes back as the same frame.
pub(super) fn seconds(frames: i64, rate: Rational) -> (i32, u32) {
    if !rate.is_positive() {
        return (0, 1);
    }
    let time = frames
        .checked_mul(rate.den)
        .and_then(|dividend| Rational::checked(dividend, rate.num))
        .unwrap_or(Rational::ZERO);
    if let (Ok(dividend), Ok(divisor)) = (i32::try_from(time.num), u32::try_from(time.den)) {
        return (dividend, divisor);
    }
    // the largest divisor that leaves room for the dividend: off by less than half a frame
    let whole = (time.num / time.den).abs() + 1;
    let divisor = (i64::from(i32::MAX) / whole).max(1);
    let dividend = time.times_rounded(Rational::whole(divisor));
    let most = i64::from(i32::MAX);
    (
        i32::try_from(dividend.clamp(-most, most)).expect("clamped"),
        u32::try_from(divisor).expect("at most i32::MAX"),
    )
}

/// The 3D renderer of a composition that uses none.
fn renderer() -> Vec<u8> {
    let prin = Fields::new(104)
        .put(4, b"ADBE Escher")
        .put(52, b"Classic 3D")
        .u32(100, 1);
    let prda = Fields::new(12).u32(0, 1);
    list(
        *b"PRin",
        &[leaf(*b"prin", &prin.0), leaf(*b"prda", &prda.0)].concat(),
    )
}

fn settings(comp: &CompSpec) -> Vec<u8> {
    let (whole, fraction) = stored_parts(comp.rate);
    let rate = stored_rate(comp.rate);
    let time = |frames: i64| seconds(frames, rate);
    let (start, end) = comp.work_area.unwrap_or((0, comp.frames));
    let aspect = (
        i32::try_from(comp.pixel_aspect.num).unwrap_or(1),
        u32::try_from(comp.pixel_aspect.den).unwrap_or(1),
    );
    let mut cdta = Fields::new(204)
        .u16(0, 1)
        .u16(2, 1)
        .fraction(28, time(i64::from(start)))
        .fraction(36, time(i64::from(end)))
        .fraction(44, time(i64::from(comp.frames)))
        .put(52, &comp.background)
        .u16(140, comp.width)
        .u16(142, comp.height)
        .fraction(144, aspect)
        .u16(156, whole)
        .u16(158, fraction)
        .fraction(164, time(i64::from(comp.display_start_frames)));
    if comp.work_area.is_none() {
        cdta = cdta.u32(36, u32::MAX);
    }
    leaf(*b"cdta", &cdta.0)
}

/// The id of what a layer shows; its footage item is added if it needs one.
fn source(layer: &LayerSpec, comp: &CompSpec, ids: &mut Ids<'_>, footage: &mut Vec<u8>) -> u32 {
    match &layer.kind {
        KindSpec::Text(_) | KindSpec::Shape => 0,
        KindSpec::Precomp(name) => ids.comp(name).unwrap_or(u32::MAX),
        KindSpec::Solid(color) => {
            let id = ids.fresh();
            footage.extend(solid(id, &layer.name, comp, *color));
            id
        }
        KindSpec::Null | KindSpec::Adjustment => {
            let id = ids.fresh();
            footage.extend(solid(id, &layer.name, comp, [255; 3]));
            id
        }
        KindSpec::File(file) => {
            let id = ids.fresh();
            footage.extend(file_item(id, file));
            id
        }
    }
}

fn layer_chunks(
    layer: &LayerSpec,
    id: u32,
    source: u32,
    parent: u32,
    duration: (i32, u32),
) -> Vec<u8> {
    let kind = match layer.kind {
        KindSpec::Text(_) => 3,
        KindSpec::Shape => 4,
        KindSpec::Solid(_)
        | KindSpec::Null
        | KindSpec::Adjustment
        | KindSpec::Precomp(_)
        | KindSpec::File(_) => 0,
    };
    let role = match layer.kind {
        KindSpec::Null => 0x80,
        KindSpec::Adjustment => 0x02,
        _ => 0,
    };
    let role = role | u8::from(layer.solo) << 3 | u8::from(layer.three_d) << 2;
    // the eye, the speaker, and effects that are on
    let switches = u8::from(layer.enabled) | u8::from(layer.audio_enabled) << 1 | 1 << 2;
    let ldta = Fields::new(164)
        .u32(0, id)
        .u32(8, 1)
        .fraction(12, (0, 1))
        .fraction(20, (0, 1))
        .fraction(28, duration)
        .put(37, &[u8::from(layer.guide) << 1, role, switches])
        .u32(40, source)
        .put(107, &[u8::from(layer.matte_above)])
        .u32(108, 1)
        .put(131, &[kind])
        .u32(132, parent);
    let mut properties = Vec::new();
    if let KindSpec::Text(content) = &layer.kind {
        properties.extend(text::properties(content, layer));
    }
    properties.extend(effects(&layer.effects));
    let body = [
        leaf(*b"ldta", &ldta.0),
        utf8(&layer.name),
        group(&properties),
    ];
    list(*b"Layr", &body.concat())
}

fn effects(names: &[String]) -> Vec<u8> {
    if names.is_empty() {
        return Vec::new();
    }
    let mut pairs = Vec::new();
    for name in names {
        let own_name = leaf(*b"fnam", &utf8(""));
        pairs.extend(match_name(name));
        pairs.extend(list(*b"sspc", &[own_name, group(&[])].concat()));
    }
    [match_name("ADBE Effect Parade"), group(&pairs)].concat()
}

fn solid(id: u32, name: &str, comp: &CompSpec, color: [u8; 3]) -> Vec<u8> {
    let level = |channel: u8| (f32::from(channel) / 255.0).to_be_bytes();
    let mut opti = Fields::new(282)
        .put(0, b"Soli")
        .u16(4, 9)
        .put(10, &1.0f32.to_be_bytes());
    for (at, channel) in [14, 18, 22].into_iter().zip(color) {
        opti = opti.put(at, &level(channel));
    }
    // the item's own name counts; this one is for readers that look here only
    let short: Vec<u8> = name
        .chars()
        .map(|letter| {
            if letter.is_ascii() {
                letter as u8
            } else {
                b'?'
            }
        })
        .take(255)
        .collect();
    opti = opti.put(26, &short);
    let sspc = source_fields(b"Soli", comp.width, comp.height);
    let pin = [leaf(*b"sspc", &sspc.0), leaf(*b"opti", &opti.0)];
    let body = [item_head(7, id, name), list(*b"Pin ", &pin.concat())];
    list(*b"Item", &body.concat())
}

fn source_fields(code: &[u8; 4], width: u16, height: u16) -> Fields {
    Fields::new(222)
        .put(22, code)
        .u16(32, width)
        .u16(36, height)
        .fraction(38, (0, 1))
        .fraction(136, (1, 1))
}

fn file_item(id: u32, file: &FileSpec) -> Vec<u8> {
    let code = match &file.sequence {
        Some(sequence) => format_code(&sequence.suffix),
        None => format_code(&file.path),
    };
    let opti = Fields::new(58).put(0, &code).u16(4, 1);
    let mut sspc = source_fields(&code, file.width, file.height)
        .put(115, &[u8::from(file.missing_at_save)])
        .put(160, &file.audio_rate_hz.to_be_bytes());
    let mut names = Vec::new();
    if let Some(sequence) = &file.sequence {
        sspc = sspc
            .u32(172, sequence.first)
            .u32(176, sequence.last)
            .u32(180, sequence.digits);
        names.extend(utf8(&sequence.prefix));
        names.extend(utf8(&sequence.suffix));
    }
    let steps = (file.steps_up, file.steps_down);
    let pin = [
        leaf(*b"sspc", &sspc.0),
        file_reference(&file.path, file.sequence.is_some(), steps),
        names,
        leaf(*b"opti", &opti.0),
    ];
    // without a name of its own an item has that of its file
    let body = [item_head(7, id, ""), list(*b"Pin ", &pin.concat())];
    list(*b"Item", &body.concat())
}

/// Where a file is, as the machine that saved the project knew it.
pub(super) fn file_reference(path: &str, is_folder: bool, (up, down): (u32, u32)) -> Vec<u8> {
    let alias = serde_json::json!({
        "ascendcount_base": up,
        "ascendcount_target": down,
        "fullpath": path,
        "platform": if path_is_windows(path) { 1 } else { 2 },
        "server_name": "",
        "server_volume_name": "",
        "target_is_folder": is_folder,
    });
    list(*b"Als2", &leaf(*b"alas", alias.to_string().as_bytes()))
}

/// The extension of a path in small letters; empty if there is none.
pub(super) fn extension(path: &str) -> String {
    path.rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase())
        .unwrap_or_default()
}

fn format_code(path: &str) -> [u8; 4] {
    match extension(path).as_str() {
        "png" => *b"png!",
        "jpg" | "jpeg" => *b"JPEG",
        "psd" => *b"8BPS",
        "tif" | "tiff" => *b"TIF ",
        "exr" => *b"oEXR",
        "mp3" => *b"MP3A",
        "wav" => *b"WAVE",
        "mov" => *b"MooV",
        "mp4" | "mpg" => *b"MPEG",
        _ => [0; 4],
    }
}
