//! Layers: the fixed-place fields of `ldta`, the name, and what the property groups below say of text and effects.

use std::collections::HashSet;

use crate::bytes::{name, signed_fraction_at, text_at, u8_at, u32_at};
use crate::chunk::Chunk;
use crate::model::{Layer, LayerKind, LayerSwitches, MatteBy, TrackMatte};
use crate::rational::Rational;
use crate::warn::Warnings;
use crate::{parade, text};

/// A layer before the items it refers to are all known.
pub(crate) struct RawLayer {
    layer: Layer,
    /// The short name stored with the layer: may be cut or stale.
    stored_name: String,
    /// Whether the kind is that of the source.
    shows_source: bool,
    /// The layer that gives this one its matte.
    giver: Giver,
}

/// Where a layer's track matte comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Giver {
    None,
    /// The layer above: all that existed before After Effects 23.
    Above,
    /// Any layer of the composition.
    Layer(u32),
}

/// The layers of a composition, top first; at most `most` of them.
pub(crate) fn read_all(
    item: Chunk<'_>,
    comp_name: &str,
    most: usize,
    warnings: &mut Warnings,
) -> Vec<RawLayer> {
    let mut layers = Vec::new();
    let lists = item.children().filter(|chunk| chunk.kind == Some(*b"Layr"));
    for list in lists.take(most) {
        let index = u32::try_from(layers.len() + 1).unwrap_or(u32::MAX);
        match read(list, index, warnings) {
            Some(layer) => layers.push(layer),
            None => warnings.damaged(format!(
                "a layer of composition {comp_name:?} has no data (`ldta`): left out"
            )),
        }
    }
    warn_of_twins(&layers, comp_name, warnings);
    mark_mattes(&mut layers);
    layers
}

/// Parents and mattes are named by layer id.
fn warn_of_twins(layers: &[RawLayer], comp_name: &str, warnings: &mut Warnings) {
    let mut known = HashSet::new();
    for raw in layers {
        if !known.insert(raw.layer.id) {
            warnings.add(format!(
                "two layers of composition {comp_name:?} have the id {}",
                raw.layer.id
            ));
        }
    }
}

/// Finds the layers that give others their matte: they are rendered with their eye off.
fn mark_mattes(layers: &mut [RawLayer]) {
    let here: HashSet<u32> = layers.iter().map(|raw| raw.layer.id).collect();
    let mut givers = HashSet::new();
    for at in 0..layers.len() {
        let above = at.checked_sub(1).map(|above| layers[above].layer.id);
        let raw = &mut layers[at];
        let giver = match raw.giver {
            Giver::None => continue,
            Giver::Above => above,
            Giver::Layer(id) => Some(id).filter(|id| here.contains(id)),
        };
        if let Some(matte) = &mut raw.layer.matte {
            matte.layer_id = giver;
        }
        if raw.layer.enabled {
            givers.extend(giver);
        }
    }
    for raw in layers {
        raw.layer.is_matte = givers.contains(&raw.layer.id);
    }
}

/// The matte's mode is a word before the stretch; newer files name its layer at the very end.
fn matte(ldta: &[u8]) -> (Option<TrackMatte>, Giver) {
    let by = match u8_at(ldta, 107) {
        None | Some(0) => return (None, Giver::None),
        Some(1) => MatteBy::Alpha,
        Some(2) => MatteBy::AlphaInverted,
        Some(3) => MatteBy::Luma,
        Some(4) => MatteBy::LumaInverted,
        Some(_) => MatteBy::Unknown,
    };
    let giver = match u32_at(ldta, 160) {
        None | Some(0) => Giver::Above,
        Some(id) => Giver::Layer(id),
    };
    let matte = TrackMatte { by, layer_id: None };
    (Some(matte), giver)
}

fn switches(flags: [u8; 3]) -> LayerSwitches {
    LayerSwitches {
        solo: flags[1] & 0x08 != 0,
        three_d: flags[1] & 0x04 != 0,
        shy: flags[2] & 0x40 != 0,
        locked: flags[2] & 0x20 != 0,
        effects: flags[2] & 0x04 != 0,
        motion_blur: flags[2] & 0x08 != 0,
        frame_blending: flags[2] & 0x10 != 0,
        collapse: flags[2] & 0x80 != 0,
    }
}

/// Start, span and stretch. In and out point are stored from the start and before the stretch.
fn times(ldta: &[u8]) -> (Rational, (Rational, Rational), Rational) {
    let start = signed_fraction_at(ldta, 12, 16).unwrap_or(Rational::ZERO);
    let stretch = signed_fraction_at(ldta, 8, 108).unwrap_or(Rational::ONE);
    let at = |dividend, divisor| {
        signed_fraction_at(ldta, dividend, divisor)
            .and_then(|point| point.times(stretch))
            .and_then(|point| start.plus(point))
            .unwrap_or(Rational::ZERO)
    };
    let (first, last) = (at(20, 24), at(28, 32));
    // backwards the out point comes first
    let span = if stretch.num < 0 {
        (last, first)
    } else {
        (first, last)
    };
    (start, span, stretch)
}

fn read(list: Chunk<'_>, index: u32, warnings: &mut Warnings) -> Option<RawLayer> {
    let ldta = list.leaf(b"ldta")?;
    let flags = [u8_at(ldta, 37)?, u8_at(ldta, 38)?, u8_at(ldta, 39)?];
    // what shows no item has 0 here, or all ones where there can't be one (cameras, lights)
    let source_id = Some(u32_at(ldta, 40)?).filter(|id| ![0, u32::MAX].contains(id));
    let (kind, shows_source) = match u8_at(ldta, 131)? {
        0 if flags[1] & 0x80 != 0 => (LayerKind::Null, false),
        0 if flags[1] & 0x02 != 0 => (LayerKind::Adjustment, false),
        0 => (LayerKind::Unknown, true),
        1 => (LayerKind::Light, false),
        2 => (LayerKind::Camera, false),
        3 => (LayerKind::Text, false),
        4 => (LayerKind::Shape, false),
        5 => (LayerKind::Model, false),
        _ => (LayerKind::Unknown, false),
    };
    let (matte, giver) = matte(ldta);
    let (start, span, stretch) = times(ldta);
    let (expressions, computed) = parade::computed(list);
    let mut layer = Layer {
        index,
        id: u32_at(ldta, 0)?,
        name: list.leaf(b"Utf8").map(name).unwrap_or_default(),
        kind,
        enabled: flags[2] & 0x01 != 0,
        guide: flags[0] & 0x02 != 0,
        audio_enabled: flags[2] & 0x02 != 0,
        is_matte: false,
        switches: switches(flags),
        source_id,
        parent_id: u32_at(ldta, 132).filter(|id| *id != 0),
        matte,
        start,
        span,
        stretch,
        text: Vec::new(),
        fonts: Vec::new(),
        sizes: Vec::new(),
        text_computed: false,
        effects: parade::match_names(list),
        expressions,
        computed,
    };
    if kind == LayerKind::Text {
        text::read(list, &mut layer, warnings);
    }
    Some(RawLayer {
        layer,
        stored_name: text_at(ldta, 64, 32).unwrap_or_default(),
        shows_source,
        giver,
    })
}

impl RawLayer {
    /// Gives the layer its kind and name from the item it shows. `room` is what all layers together may still borrow.
    pub(crate) fn resolve<'a>(
        mut self,
        source: impl Fn(u32) -> Option<(LayerKind, &'a str)>,
        room: &mut usize,
        comp_name: &str,
        warnings: &mut Warnings,
    ) -> Layer {
        let found = self.layer.source_id.and_then(source);
        if let Some((kind, name)) = found {
            if self.shows_source {
                self.layer.kind = kind;
            }
            if self.layer.name.is_empty() && name.len() <= *room {
                *room -= name.len();
                name.clone_into(&mut self.layer.name);
            }
        } else if self.shows_source {
            warnings.add(format!(
                "layer {} of composition {comp_name:?} shows an item that is not in the project",
                self.layer.index
            ));
        }
        if self.layer.name.is_empty() {
            self.layer.name = self.stored_name;
        }
        self.layer
    }
}
