//! Layers: the fixed-place fields of `ldta`, the name, and what the property groups below say of text and effects.

use std::collections::HashSet;

use crate::bytes::{cp1252_at, name, u8_at, u32_at};
use crate::chunk::Chunk;
use crate::model::{Layer, LayerKind};
use crate::warn::Warnings;
use crate::{effects, text};

/// A layer before the items it refers to are all known.
pub(crate) struct RawLayer {
    layer: Layer,
    /// The short name stored with the layer: may be cut or stale.
    stored_name: String,
    /// Whether the kind is that of the source.
    shows_source: bool,
    /// The layer that gives this one its matte.
    matte: Matte,
}

/// Where a layer's track matte comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matte {
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
    mark_mattes(&mut layers);
    layers
}

/// A layer that gives another its matte is rendered with its eye off.
fn mark_mattes(layers: &mut [RawLayer]) {
    let users = layers.iter().filter(|user| user.layer.enabled);
    let named: HashSet<u32> = users
        .filter_map(|user| match user.matte {
            Matte::Layer(id) => Some(id),
            Matte::None | Matte::Above => None,
        })
        .collect();
    for at in 0..layers.len() {
        let above = layers
            .get(at + 1)
            .is_some_and(|user| user.layer.enabled && user.matte == Matte::Above);
        layers[at].layer.is_matte = above || named.contains(&layers[at].layer.id);
    }
}

/// The matte's mode is a word before the stretch; newer files name its layer at the very end.
fn matte(ldta: &[u8]) -> Matte {
    match (u8_at(ldta, 107), u32_at(ldta, 160)) {
        (None | Some(0), _) => Matte::None,
        (Some(_), None | Some(0)) => Matte::Above,
        (Some(_), Some(id)) => Matte::Layer(id),
    }
}

fn read(list: Chunk<'_>, index: u32, warnings: &mut Warnings) -> Option<RawLayer> {
    let ldta = list.leaf(b"ldta")?;
    let flags = [u8_at(ldta, 37)?, u8_at(ldta, 38)?, u8_at(ldta, 39)?];
    let source_id = Some(u32_at(ldta, 40)?).filter(|id| *id != 0);
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
    let mut layer = Layer {
        index,
        id: u32_at(ldta, 0)?,
        name: list.leaf(b"Utf8").map(name).unwrap_or_default(),
        kind,
        enabled: flags[2] & 0x01 != 0,
        guide: flags[0] & 0x02 != 0,
        audio_enabled: flags[2] & 0x02 != 0,
        is_matte: false,
        source_id,
        text: Vec::new(),
        fonts: Vec::new(),
        sizes: Vec::new(),
        text_computed: false,
        effects: effects::match_names(list),
    };
    if kind == LayerKind::Text {
        text::read(list, &mut layer, warnings);
    }
    Some(RawLayer {
        layer,
        stored_name: cp1252_at(ldta, 64, 32).unwrap_or_default(),
        shows_source,
        matte: matte(ldta),
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
