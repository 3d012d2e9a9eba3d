//! Answers for: putting a changed state back into the project's chunks: texts, values, switches, times, sources, duplicates, lengths,
//! new footage. What nobody changed keeps its bytes. Must not: hide what it can't write; that is an error, as After Effects' would be.
//!
//! What it writes is what the reader and this stand-in read again. It is no evidence of how After Effects writes, and After Effects
//! is not promised to open it.

use std::path::Path;

use super::load::{NO_NAME, item_id, match_name, scale, stretch, u32_at};
use super::state::{Comp, Footage, Item, Kind, Layer, Property, State};
use super::text;
use super::tree::{Node, Tree};

/// Deepest folders of the project panel.
const MOST_DEPTH: usize = 60;

/// Why a state can't be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The project has no such chunk where it must be.
    #[error("{what} has no {chunk} in the project file")]
    Gone {
        /// Item or layer.
        what: String,
        /// The chunk.
        chunk: &'static str,
    },
    /// A value that the file's form does not hold.
    #[error("{property} of layer {layer}: {why}")]
    Value {
        /// Match name.
        property: String,
        /// The layer's name.
        layer: String,
        /// Why.
        why: &'static str,
    },
    /// A time that the file's form does not hold.
    #[error("a time of {seconds} s is beyond what a project holds")]
    Time {
        /// The time.
        seconds: f64,
    },
}

fn gone(what: &str, chunk: &'static str) -> SaveError {
    SaveError::Gone {
        what: what.to_owned(),
        chunk,
    }
}

/// Puts `state` into the tree that `was` came from, to be saved at `path`.
///
/// # Errors
///
/// If there is something in the state that a project file of this stand-in does not hold.
pub fn save(tree: &mut Tree, was: &State, state: &State, path: &Path) -> Result<(), SaveError> {
    for item in &state.items {
        let before = was.items.iter().find(|before| before.id == item.id);
        match (&item.kind, before.map(|before| &before.kind)) {
            (Kind::Comp(comp), Some(Kind::Comp(before))) if comp != before => {
                let node =
                    item_mut(&mut tree.root, item.id, 0).ok_or_else(|| gone(&item.name, "item"))?;
                composition(node, before, comp, &item.name)?;
            }
            (Kind::Footage(footage), None) => {
                let folder = tree
                    .root
                    .child_mut(b"Fold")
                    .ok_or_else(|| gone(&item.name, "folder"))?;
                folder.children.push(file_item(item, footage, path));
            }
            (Kind::Comp(_) | Kind::Footage(_) | Kind::Folder {}, _) => {}
        }
    }
    Ok(())
}

/// The item with this id, in whatever folder.
fn item_mut(folder: &mut Node, id: u32, depth: usize) -> Option<&mut Node> {
    if depth > MOST_DEPTH {
        return None;
    }
    for child in &mut folder.children {
        if child.is_list(b"Fold") || child.is_list(b"Sfdr") {
            if let Some(found) = item_mut(child, id, depth + 1) {
                return Some(found);
            }
        } else if child.is_list(b"Item") {
            if item_id(child) == Some(id) {
                return Some(child);
            }
            if let Some(found) = item_mut(child, id, depth + 1) {
                return Some(found);
            }
        }
    }
    None
}

/// A time as two words: as frames if it is on one, else in 90,000ths.
fn put_seconds(data: &mut [u8], at: usize, seconds: f64, rate: f64) -> Option<()> {
    let frames = (seconds * rate).round();
    // rates are kept to the 65536th, so that this divisor makes whole frames of every rate
    let (dividend, divisor) = if (seconds * rate - frames).abs() < 1e-6 {
        exact(frames, rate)
    } else {
        ((seconds * 90_000.0).round(), 90_000.0)
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be within 32 bits"
    )]
    let words = (dividend.abs() < f64::from(i32::MAX) && divisor < f64::from(u32::MAX))
        .then_some((dividend as i32, divisor as i64))?;
    data.get_mut(at..at + 4)?
        .copy_from_slice(&words.0.to_be_bytes());
    let divisor = u32::try_from(words.1).ok()?;
    data.get_mut(at + 4..at + 8)?
        .copy_from_slice(&divisor.to_be_bytes());
    Some(())
}

/// Frames over a rate as whole numbers, as near as 32 bits allow.
fn exact(frames: f64, rate: f64) -> (f64, f64) {
    for factor in [1.0, 1001.0, 100.0, 1000.0, 65_536.0] {
        let (dividend, divisor) = (frames * factor, (rate * factor).round());
        if (rate * factor - divisor).abs() < 1e-6 && dividend.abs() < f64::from(i32::MAX) {
            return (dividend, divisor);
        }
    }
    ((frames / rate * 90_000.0).round(), 90_000.0)
}

#[expect(
    clippy::float_cmp,
    reason = "a value is written if it is not the very same"
)]
fn composition(node: &mut Node, was: &Comp, comp: &Comp, name: &str) -> Result<(), SaveError> {
    let rate = comp.frame_rate;
    let cdta = node.leaf_mut(b"cdta").ok_or_else(|| gone(name, "cdta"))?;
    let ends = comp.work_start + comp.work_duration;
    for (at, before, now) in [
        (28, was.work_start, comp.work_start),
        (36, was.work_start + was.work_duration, ends),
        (44, was.duration, comp.duration),
    ] {
        if before != now {
            put_seconds(cdta, at, now, rate).ok_or(SaveError::Time { seconds: now })?;
        }
    }
    let mut nodes = Vec::new();
    let mut rest = Vec::new();
    let mut place = None;
    for (at, child) in std::mem::take(&mut node.children).into_iter().enumerate() {
        if child.is_list(b"Layr") {
            place.get_or_insert(at);
            nodes.push(child);
        } else {
            rest.push(child);
        }
    }
    let mut layers = Vec::new();
    for layer in &comp.layers {
        let from = layer.copy_of.unwrap_or(layer.id);
        let before = was.layers.iter().find(|before| before.id == from);
        let chunk = nodes.iter().find(|chunk| layer_id(chunk) == Some(from));
        let (Some(before), Some(chunk)) = (before, chunk) else {
            return Err(gone(&layer.name, "Layr"));
        };
        let mut chunk = chunk.clone();
        if before != layer {
            put_layer(&mut chunk, before, layer, rate)?;
        }
        layers.push(chunk);
    }
    let place = place.unwrap_or(rest.len()).min(rest.len());
    rest.splice(place..place, layers);
    node.children = rest;
    Ok(())
}

fn layer_id(node: &Node) -> Option<u32> {
    u32_at(node.leaf_data(b"ldta")?, 0)
}

#[expect(
    clippy::float_cmp,
    reason = "a value is written if it is not the very same"
)]
fn put_layer(node: &mut Node, was: &Layer, layer: &Layer, rate: f64) -> Result<(), SaveError> {
    let ldta = node
        .leaf_mut(b"ldta")
        .ok_or_else(|| gone(&layer.name, "ldta"))?;
    let Some([_, _, flags]) = ldta.get_mut(37..40) else {
        return Err(gone(&layer.name, "switches"));
    };
    for (bit, on) in [
        (0x01, layer.enabled),
        (0x02, layer.audio_enabled),
        (0x20, layer.locked),
    ] {
        *flags = if on { *flags | bit } else { *flags & !bit };
    }
    ldta[0..4].copy_from_slice(&layer.id.to_be_bytes());
    if was.source != layer.source {
        let source = layer.source.unwrap_or(0).to_be_bytes();
        ldta.get_mut(40..44)
            .ok_or_else(|| gone(&layer.name, "source"))?
            .copy_from_slice(&source);
    }
    let stretch = stretch(ldta);
    // in and out are stored from the start on, before they are stretched
    for (at, before, now) in [
        (12, was.start, layer.start),
        (
            20,
            (was.from - was.start) / stretch,
            (layer.from - layer.start) / stretch,
        ),
        (
            28,
            (was.to - was.start) / stretch,
            (layer.to - layer.start) / stretch,
        ),
    ] {
        if before != now {
            put_seconds(ldta, at, now, rate).ok_or(SaveError::Time { seconds: now })?;
        }
    }
    if was.name != layer.name && layer.name_set {
        *node
            .leaf_mut(b"Utf8")
            .ok_or_else(|| gone(&layer.name, "name"))? = layer.name.clone().into_bytes();
    }
    let mut changes = Vec::new();
    changed(&was.properties, &layer.properties, &mut changes);
    // from the last to the first: what is put in does not move what comes before it
    for change in changes.into_iter().rev() {
        put_property(node, &change, layer)?;
    }
    Ok(())
}

/// A property that the script set, and the groups it lies in.
struct Changed<'a> {
    was: &'a Property,
    property: &'a Property,
    groups: Vec<&'a Property>,
}

/// What the script set, in the order of the file. The model adds and removes nothing, so that both are of one form.
fn changed<'a>(was: &'a Property, now: &'a Property, found: &mut Vec<Changed<'a>>) {
    let mut open = vec![(was, now, Vec::new())];
    while let Some((was, now, groups)) = open.pop() {
        if now.changed {
            found.push(Changed {
                was,
                property: now,
                groups,
            });
            continue;
        }
        for pair in was.children.iter().zip(&now.children).rev() {
            let mut inner = groups.clone();
            inner.push(now);
            open.push((pair.0, pair.1, inner));
        }
    }
    found.sort_by(|left, right| left.property.at.cmp(&right.property.at));
}

fn put_property(node: &mut Node, change: &Changed<'_>, layer: &Layer) -> Result<(), SaveError> {
    let property = change.property;
    let refused = |why: &'static str| SaveError::Value {
        property: property.match_name.clone(),
        layer: layer.name.clone(),
        why,
    };
    let Some(at) = &property.at else {
        let group = group_mut(node, &change.groups)
            .ok_or_else(|| refused("the file has no group for it"))?;
        let end = group
            .children
            .iter()
            .position(|child| match_name(child).as_deref() == Some("ADBE Group End"));
        let end = end.unwrap_or(group.children.len());
        group.children.splice(end..end, new_property(property));
        return Ok(());
    };
    let target = node
        .at_mut(at)
        .ok_or_else(|| refused("the file has no place for it"))?;
    if let (Some(was), Some(now)) = (&change.was.text, &property.text) {
        let document = target
            .child_mut(b"btdk")
            .ok_or_else(|| refused("it has no text document"))?;
        document.data = text::set(&document.data, was, now).map_err(refused)?;
        return Ok(());
    }
    let stored = stored(property);
    let cdat = target
        .leaf_mut(b"cdat")
        .ok_or_else(|| refused("it has no value in the file"))?;
    for (at, value) in stored.iter().enumerate() {
        let bytes = cdat
            .get_mut(8 * at..8 * at + 8)
            .ok_or_else(|| refused("the file has room for fewer numbers"))?;
        bytes.copy_from_slice(&value.to_be_bytes());
    }
    Ok(())
}

/// A property's numbers as the file has them.
fn stored(property: &Property) -> Vec<f64> {
    match property.value.as_slice() {
        [red, green, blue, alpha] if property.kind == "color" => [alpha, red, green, blue]
            .map(|channel| channel * 255.0)
            .to_vec(),
        values => values
            .iter()
            .map(|value| value / scale(&property.match_name))
            .collect(),
    }
}

/// The chunk of a group, made where the file leaves it out.
fn group_mut<'a>(layer: &'a mut Node, groups: &[&Property]) -> Option<&'a mut Node> {
    let (group, outer) = groups.split_last()?;
    if let Some(at) = &group.at {
        return layer.at_mut(at);
    }
    // only groups of a layer are left out, never deeper ones
    let all = layer.at_mut(outer.last()?.at.as_ref()?)?;
    let known = all
        .children
        .iter()
        .position(|child| match_name(child).as_deref() == Some(&group.match_name));
    let place = match known {
        Some(known) => known,
        None => {
            let end = all
                .children
                .iter()
                .position(|child| match_name(child).as_deref() == Some("ADBE Group End"));
            let end = end.unwrap_or(all.children.len());
            all.children
                .splice(end..end, [tdmn(&group.match_name), new_group()]);
            end
        }
    };
    all.children.get_mut(place + 1)
}

fn tdmn(name: &str) -> Node {
    let mut field = name.as_bytes().to_vec();
    field.resize(field.len().max(39) + 1, 0);
    Node::leaf(b"tdmn", field)
}

/// The switches and the empty name that every property begins with.
fn head() -> [Node; 2] {
    let name = [b"Utf8".as_slice(), &6u32.to_be_bytes(), NO_NAME.as_bytes()].concat();
    [
        Node::leaf(b"tdsb", 1u32.to_be_bytes().to_vec()),
        Node::leaf(b"tdsn", name),
    ]
}

fn new_group() -> Node {
    let mut children = head().to_vec();
    children.push(tdmn("ADBE Group End"));
    Node::list(b"tdgp", children)
}

fn new_property(property: &Property) -> [Node; 2] {
    let values = stored(property);
    let spatial = property.kind.ends_with("_spatial");
    let mut tdb4 = vec![0u8; 124];
    tdb4[0..2].copy_from_slice(&[0xdb, 0x99]);
    tdb4[3] = u8::try_from(values.len()).unwrap_or(0);
    tdb4[5] = if spatial { 0x0f } else { 0x01 };
    tdb4[59] = 8;
    let cdat = values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect();
    let mut children = head().to_vec();
    children.extend([Node::leaf(b"tdb4", tdb4), Node::leaf(b"cdat", cdat)]);
    [tdmn(&property.match_name), Node::list(b"tdbs", children)]
}

/// A file that was brought in, as an item of the project panel.
fn file_item(item: &Item, footage: &Footage, saved: &Path) -> Node {
    let mut idta = vec![0u8; 84];
    idta[1] = 7;
    idta[16..20].copy_from_slice(&item.id.to_be_bytes());
    let mut sspc = vec![0u8; 222];
    let pixels = |count: u32| u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
    sspc[32..34].copy_from_slice(&pixels(footage.width));
    sspc[36..38].copy_from_slice(&pixels(footage.height));
    let rate: f64 = if footage.audio { 48_000.0 } else { 0.0 };
    sspc[160..168].copy_from_slice(&rate.to_be_bytes());
    let file = Path::new(&footage.path);
    let common = saved.parent().map_or(0, |folder| {
        folder
            .components()
            .zip(file.components())
            .take_while(|(left, right)| left == right)
            .count()
    });
    let up = saved.components().count().saturating_sub(common);
    let down = file.components().count().saturating_sub(common);
    let alias = serde_json::json!({
        "ascendcount_base": up, "ascendcount_target": down, "fullpath": footage.path, "platform": 2, "server_name": "", "server_volume_name": "",
        "target_is_folder": false,
    });
    let mut opti = vec![0u8; 58];
    opti[5] = 1;
    let pin = vec![
        Node::leaf(b"sspc", sspc),
        Node::list(
            b"Als2",
            vec![Node::leaf(b"alas", alias.to_string().into_bytes())],
        ),
        Node::leaf(b"opti", opti),
    ];
    let children = vec![
        Node::leaf(b"idta", idta),
        Node::leaf(b"Utf8", Vec::new()),
        Node::list(b"Pin ", pin),
    ];
    Node::list(b"Item", children)
}
