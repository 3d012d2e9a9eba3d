//! Answers for: a project file as the state that the model works on: items and layers as the reader sees them, times, switches and
//! properties from the chunks. Must not: change anything.
//!
//! How properties are stored is observed on real projects (`reference/aep-format.md`, and the sample files): `tdb4` has the count of
//! numbers in its second word, a bit for positions in byte 5 and the type in byte 59 (1 a colour); `cdat` the numbers, colours as alpha, red,
//! green, blue of 255, opacity and scale of a layer as fractions. What the file leaves out, because it is as always, is put in with
//! After Effects' defaults. **Not verified** against After Effects.

use std::path::Path;

use flatrender_aep::{Composition, FootageKind, LayerKind, Project};

use super::state::{Comp, Footage, Item, Kind, Layer, Property, State};
use super::text;
use super::tree::{Node, Tree};
use crate::project::place;

/// Deepest folders of the project panel, and deepest groups of properties.
const MOST_DEPTH: usize = 60;
/// The name that After Effects writes for a property without one of its own.
pub(super) const NO_NAME: &str = "-_0_/-";
/// Extensions of files that are one picture.
pub(super) const STILLS: [&str; 13] = [
    "png", "jpg", "jpeg", "psd", "ai", "tif", "tiff", "exr", "tga", "bmp", "dpx", "hdr", "gif",
];

/// The state of a project.
#[must_use]
pub fn state(tree: &Tree, project: &Project, path: &Path) -> State {
    let mut items: Vec<Item> = Vec::new();
    let folder = path.parent().unwrap_or(path);
    for item in &project.folders {
        items.push(Item {
            id: item.id,
            name: item.name.clone(),
            kind: Kind::Folder {},
        });
    }
    for item in &project.footage {
        items.push(Item {
            id: item.id,
            name: item.name.clone(),
            kind: Kind::Footage(footage(item, folder)),
        });
    }
    // a composition may have sound in whatever depth: the model looks
    let sounds = |source: Option<u32>| {
        let file = |id: u32| {
            project
                .footage_item(id)
                .is_some_and(|item| item.audio_rate_hz > 0.0)
        };
        source.is_some_and(|id| file(id) || project.comps.iter().any(|comp| comp.id == id))
    };
    for comp in &project.comps {
        let mut layers = Vec::new();
        if let Some(node) = find_item(&tree.root, comp.id) {
            let nodes = node.children.iter().filter(|child| child.is_list(b"Layr"));
            for node in nodes {
                // by id: the reader leaves out layers that it can't read
                let id = node.leaf_data(b"ldta").and_then(|ldta| u32_at(ldta, 0));
                let known = comp.layers.iter().find(|layer| Some(layer.id) == id);
                layers.extend(known.map(|known| layer(node, known, comp, sounds(known.source_id))));
            }
        }
        items.push(Item {
            id: comp.id,
            name: comp.name.clone(),
            kind: Kind::Comp(composition(comp, layers)),
        });
    }
    State {
        display_start: u32::from(project.display_base() == 1),
        path: path.to_string_lossy().into_owned(),
        items,
    }
}

/// The item with this id, in whatever folder.
fn find_item(root: &Node, id: u32) -> Option<&Node> {
    let mut open = vec![(root.child(b"Fold")?, 0)];
    while let Some((folder, depth)) = open.pop() {
        for item in folder
            .children
            .iter()
            .filter(|child| child.is_list(b"Item"))
        {
            if item_id(item) == Some(id) {
                return Some(item);
            }
            if let (Some(inner), true) = (item.child(b"Sfdr"), depth < MOST_DEPTH) {
                open.push((inner, depth + 1));
            }
        }
    }
    None
}

/// The id of an item.
pub(super) fn item_id(item: &Node) -> Option<u32> {
    u32_at(item.leaf_data(b"idta")?, 16)
}

pub(super) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?
        .first_chunk::<4>()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

fn f64s(data: &[u8], count: usize) -> Vec<f64> {
    let all = data
        .chunks_exact(8)
        .filter_map(|bytes| bytes.first_chunk::<8>());
    all.take(count)
        .map(|bytes| f64::from_be_bytes(*bytes))
        .collect()
}

fn composition(comp: &Composition, layers: Vec<Layer>) -> Comp {
    let start = comp.work_area.0.as_f64();
    Comp {
        width: comp.width.into(),
        height: comp.height.into(),
        pixel_aspect: comp.pixel_aspect.as_f64(),
        duration: comp.duration.as_f64(),
        frame_rate: comp.rate.as_f64(),
        display_start: comp.display_start.as_f64(),
        work_start: start,
        work_duration: comp.work_area.1.as_f64() - start,
        background: comp.background.map(|channel| f64::from(channel) / 255.0),
        layers,
    }
}

fn footage(item: &flatrender_aep::Footage, folder: &Path) -> Footage {
    let place = item
        .file
        .as_ref()
        .map(|file| (place(file, folder), file.path.clone()));
    let (found, path) = match place {
        Some((Some(found), _)) => (true, found.to_string_lossy().into_owned()),
        Some((None, stored)) => (false, stored),
        None => (true, String::new()),
    };
    let extension = Path::new(&path)
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let still = extension.is_none_or(|extension| STILLS.contains(&extension.as_str()));
    Footage {
        source: match item.kind {
            FootageKind::File => "file",
            FootageKind::Solid => "solid",
            FootageKind::Placeholder => "placeholder",
        }
        .to_owned(),
        path,
        missing: !found,
        imported: false,
        still,
        video: item.width > 0,
        audio: item.audio_rate_hz > 0.0,
        width: item.width.into(),
        height: item.height.into(),
        duration: 0.0,
    }
}

/// A fraction of two words, the first with a sign.
fn seconds(data: &[u8], at: usize) -> f64 {
    match (u32_at(data, at), u32_at(data, at + 4)) {
        (Some(dividend), Some(divisor)) if divisor > 0 => {
            f64::from(dividend.cast_signed()) / f64::from(divisor)
        }
        (_, _) => 0.0,
    }
}

/// How much longer a layer lasts than its source: 1 is unchanged.
pub(super) fn stretch(ldta: &[u8]) -> f64 {
    match (u32_at(ldta, 8).map(u32::cast_signed), u32_at(ldta, 108)) {
        (Some(dividend), Some(divisor)) if divisor > 0 && dividend != 0 => {
            f64::from(dividend) / f64::from(divisor)
        }
        (_, _) => 1.0,
    }
}

fn layer(node: &Node, known: &flatrender_aep::Layer, comp: &Composition, sound: bool) -> Layer {
    let ldta = node.leaf_data(b"ldta").unwrap_or(&[]);
    let start = seconds(ldta, 12);
    let stretch = stretch(ldta);
    let kind = match known.kind {
        LayerKind::Text => "text",
        LayerKind::Shape => "shape",
        LayerKind::Camera => "camera",
        LayerKind::Light => "light",
        LayerKind::Footage
        | LayerKind::Placeholder
        | LayerKind::Solid
        | LayerKind::Precomp
        | LayerKind::Null
        | LayerKind::Adjustment
        | LayerKind::Model
        | LayerKind::Unknown => "av",
    };
    let place = node
        .children
        .iter()
        .position(|child| child.is_list(b"tdgp"));
    let mut children = match place {
        Some(place) => properties(&node.children[place], &mut vec![place], 0),
        None => Vec::new(),
    };
    add_defaults(&mut children, kind, comp, sound);
    let mut all = Property::group("", children);
    all.at = place.map(|place| vec![place]);
    let remap = all
        .children
        .iter()
        .find(|child| child.match_name == "ADBE Time Remapping");
    Layer {
        id: known.id,
        copy_of: None,
        name: known.name.clone(),
        name_set: node.leaf_data(b"Utf8").is_some_and(|name| !name.is_empty())
            || known.source_id.is_none(),
        kind: kind.to_owned(),
        enabled: known.enabled,
        audio_enabled: known.audio_enabled,
        locked: ldta.get(39).is_some_and(|flags| flags & 0x20 != 0),
        start,
        from: start + seconds(ldta, 20) * stretch,
        to: start + seconds(ldta, 28) * stretch,
        source: known.source_id,
        remapped: remap.is_some_and(|remap| remap.keys > 0),
        properties: all,
    }
}

/// What a layer has also where its file says nothing of it.
fn add_defaults(children: &mut Vec<Property>, kind: &str, comp: &Composition, sound: bool) {
    if kind == "camera" || kind == "light" {
        return;
    }
    let centre = vec![
        f64::from(comp.width) / 2.0,
        f64::from(comp.height) / 2.0,
        0.0,
    ];
    let transform = [
        ("ADBE Anchor Point", "three_spatial", centre.clone()),
        ("ADBE Position", "three_spatial", centre),
        ("ADBE Scale", "three", vec![100.0; 3]),
        ("ADBE Rotate Z", "one", vec![0.0]),
        ("ADBE Opacity", "one", vec![100.0]),
    ];
    let group = ensure_group(children, "ADBE Transform Group");
    for (name, kind, value) in transform {
        ensure(group, name, kind, value);
    }
    if let Some(opacity) = group
        .iter_mut()
        .find(|child| child.match_name == "ADBE Opacity")
    {
        (opacity.least, opacity.most) = (Some(0.0), Some(100.0));
    }
    ensure_group(children, "ADBE Effect Parade");
    if sound {
        ensure(
            ensure_group(children, "ADBE Audio Group"),
            "ADBE Audio Levels",
            "two",
            vec![0.0, 0.0],
        );
    }
}

fn ensure_group<'a>(children: &'a mut Vec<Property>, name: &str) -> &'a mut Vec<Property> {
    let place = children.iter().position(|child| child.match_name == name);
    let place = place.unwrap_or_else(|| {
        children.push(Property::group(name, Vec::new()));
        children.len() - 1
    });
    &mut children[place].children
}

fn ensure(children: &mut Vec<Property>, name: &str, kind: &str, value: Vec<f64>) {
    if !children.iter().any(|child| child.match_name == name) {
        children.push(Property::of(name, kind, value));
    }
}

/// The match name in a `tdmn`.
pub(super) fn match_name(node: &Node) -> Option<String> {
    let end = node
        .data
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(node.data.len());
    (node.id == *b"tdmn").then(|| String::from_utf8_lossy(&node.data[..end]).into_owned())
}

/// The properties of a group. `path` leads to it; it is as it was afterwards.
fn properties(group: &Node, path: &mut Vec<usize>, depth: usize) -> Vec<Property> {
    let mut found = Vec::new();
    let mut name: Option<String> = None;
    for (place, child) in group.children.iter().enumerate() {
        if let Some(next) = match_name(child) {
            name = Some(next).filter(|name| name != "ADBE Group End");
            continue;
        }
        let Some(match_name) = name.clone() else {
            continue;
        };
        path.push(place);
        if let Some(property) = property(&match_name, child, path, depth) {
            found.push(property);
            name = None;
        }
        path.pop();
    }
    found
}

fn property(
    match_name: &str,
    node: &Node,
    path: &mut Vec<usize>,
    depth: usize,
) -> Option<Property> {
    if depth > MOST_DEPTH {
        return None;
    }
    let kind = node.kind?;
    let mut property = match &kind {
        b"tdgp" => Property::group(match_name, properties(node, path, depth + 1)),
        b"sspc" => effect(match_name, node, path, depth)?,
        b"tdbs" => number(match_name, node),
        b"btds" => text::property(match_name, node)?,
        // beside the group of essential properties
        b"OvG2" => return None,
        _ => Property::of(match_name, "other", Vec::new()),
    };
    if property.name.is_none() && kind != *b"sspc" {
        property.name = own_name(node.child(b"tdbs").unwrap_or(node));
    }
    property.at = Some(path.clone());
    Some(property)
}

/// An effect: its properties lie in a group of its own, which also has its name.
fn effect(match_name: &str, node: &Node, path: &mut Vec<usize>, depth: usize) -> Option<Property> {
    let place = node
        .children
        .iter()
        .position(|child| child.is_list(b"tdgp"))?;
    let inner = &node.children[place];
    path.push(place);
    let mut effect = Property::group(match_name, properties(inner, path, depth + 1));
    path.pop();
    let flags = inner.leaf_data(b"tdsb").and_then(|data| u32_at(data, 0));
    effect.enabled = flags.is_none_or(|flags| flags & 1 != 0);
    effect.name = own_name(inner).or_else(|| inner_text(node.leaf_data(b"fnam")?));
    // where a value would be put, if one were missing
    Some(effect)
}

/// The name in a `tdsn`, unless it is none.
fn own_name(node: &Node) -> Option<String> {
    inner_text(node.leaf_data(b"tdsn")?).filter(|name| name != NO_NAME)
}

/// The text of a leaf that holds a `Utf8` chunk, or plain text in older files.
fn inner_text(data: &[u8]) -> Option<String> {
    let text = match data.strip_prefix(b"Utf8") {
        Some(rest) => rest
            .get(4..)
            .and_then(|body| body.get(..u32_at(rest, 0)? as usize))?,
        None => data,
    };
    let text = String::from_utf8_lossy(text);
    let text = text.trim_end_matches('\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// The type and numbers of a `tdbs`.
fn number(match_name: &str, node: &Node) -> Property {
    let tdb4 = node.leaf_data(b"tdb4").unwrap_or(&[]);
    let count = tdb4.get(3).copied().unwrap_or(0);
    let spatial = tdb4.get(5).is_some_and(|flags| flags & 0x08 != 0);
    let color = tdb4.get(59) == Some(&1) && count == 4;
    let kind = match (count, spatial) {
        (4, _) if color => "color",
        (1, _) => "one",
        (2, true) => "two_spatial",
        (2, false) => "two",
        (3, true) => "three_spatial",
        (3, false) => "three",
        (_, _) => "other",
    };
    let stored = node
        .leaf_data(b"cdat")
        .map(|data| f64s(data, count.into()))
        .unwrap_or_default();
    let mut property = Property::of(match_name, kind, shown(match_name, kind, &stored));
    // key frames: a list whose head counts them
    let head = node.child(b"list").and_then(|list| list.leaf_data(b"lhd3"));
    property.keys = head.and_then(|head| head.get(10..12)).map_or(0, |bytes| {
        u32::from(u16::from_be_bytes([bytes[0], bytes[1]]))
    });
    if property.value.len() != usize::from(count) && property.keys == 0 {
        property.kind = "other".to_owned();
    }
    property.expression = node
        .leaf_data(b"Utf8")
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .unwrap_or_default();
    property
}

/// What a value is multiplied with to be shown.
pub(super) fn scale(match_name: &str) -> f64 {
    if matches!(match_name, "ADBE Opacity" | "ADBE Scale") {
        100.0
    } else {
        1.0
    }
}

fn shown(match_name: &str, kind: &str, stored: &[f64]) -> Vec<f64> {
    match (kind, stored) {
        ("color", [alpha, red, green, blue]) => [red, green, blue, alpha]
            .map(|channel| channel / 255.0)
            .to_vec(),
        (_, _) => stored
            .iter()
            .map(|value| value * scale(match_name))
            .collect(),
    }
}
