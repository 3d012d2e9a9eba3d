//! From chunks to a project: the header, the tree of items, and the names that one item lends another.
//! Each kind of item is read by a module of its own.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::MAX_PROJECT_BYTES;
use crate::bytes::{self, u8_at, u16_at, u32_at};
use crate::chunk::{self, Chunk};
use crate::container;
use crate::error::ReadError;
use crate::footage;
use crate::layer::RawLayer;
use crate::model::{Composition, Folder, Footage, FootageKind, LayerKind, Project};
use crate::queue;
use crate::version::{self, AeOs, AeVersion};
use crate::warn::Warnings;
use crate::{comp, layer};

const MAX_ITEMS: usize = 1_000_000;
const MAX_FOLDER_DEPTH: usize = 32;

/// Bytes of names that layers may borrow from their sources, for each byte of the file; beyond it they keep the short name
/// stored with them. Real projects stay below one.
const BORROWED_PER_BYTE: usize = 8;

/// Reads a project file: `.aep`, `.aet`, `.aepx` or `.mogrt`, told apart by content.
///
/// # Errors
/// [`ReadError`] if no project can be had from the file; damage that leaves something to read gives a project with
/// `warnings` and `damaged` set.
pub fn read_file(path: &Path) -> Result<Project, ReadError> {
    let io = |source| ReadError::Io {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    if size > MAX_PROJECT_BYTES {
        return Err(ReadError::TooLarge {
            bytes: size,
            limit: MAX_PROJECT_BYTES,
        });
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(
        &mut std::io::Read::take(file, MAX_PROJECT_BYTES + 1),
        &mut bytes,
    )
    .map_err(io)?;
    parse(&bytes)
}

/// Reads a project from the bytes of its file, told apart by content.
///
/// # Errors
/// As [`read_file`], without the reading.
pub fn parse(bytes: &[u8]) -> Result<Project, ReadError> {
    let mut warnings = Warnings::default();
    let opened = container::open(bytes, &mut warnings)?;
    let root = container::body(&opened.rifx, &mut warnings);
    chunk::survey(root, &mut warnings)?;
    let Some(fold) = root.list(b"Fold") else {
        let hint = if warnings.is_damaged() {
            format!("; {}", warnings.into_list().join("; "))
        } else {
            String::new()
        };
        return Err(ReadError::NoItems { hint });
    };
    let mut items = Items::default();
    items.folder(fold, 0, 0, &mut warnings)?;
    let (ae_version, ae_os) = saved_by(root, &mut warnings);
    let (frames_count_type, bits_per_channel) = settings(root);
    let render_queue = queue::read(root, &mut warnings);
    let (folders, comps, footage) = items.finish(bytes.len(), &mut warnings);
    Ok(Project {
        container: opened.container,
        project_bytes: bytes.len() as u64,
        ae_version,
        ae_os,
        folders,
        comps,
        footage,
        frames_count_type,
        bits_per_channel,
        render_queue,
        expression_engine: expression_engine(root),
        damaged: warnings.is_damaged(),
        warnings: warnings.into_list(),
    })
}

fn saved_by(root: Chunk<'_>, warnings: &mut Warnings) -> (AeVersion, Option<AeOs>) {
    let word = root
        .leaf(b"head")
        .and_then(|head| u32_at(head, 4))
        .or_else(|| root.leaf(b"svap").and_then(|svap| u32_at(svap, 0)));
    if word.is_none() {
        warnings.add("the version of After Effects that saved the project is not in it".to_owned());
    }
    version::unpack(word.unwrap_or(0))
}

/// How frames are counted, and the bits of a channel: in `nnhd`, in older files in `nhed`.
fn settings(root: Chunk<'_>) -> (u32, u32) {
    let (count, depth) = match (root.leaf(b"nnhd"), root.leaf(b"nhed")) {
        (Some(newer), _) => (u8_at(newer, 20), u8_at(newer, 24)),
        (None, Some(older)) => (u8_at(older, 14), u8_at(older, 15)),
        (None, None) => (None, None),
    };
    let bits = match depth {
        Some(1) => 16,
        Some(2) => 32,
        _ => 8,
    };
    (u32::from(count.unwrap_or(0)), bits)
}

/// The language expressions are in, as newer files say it.
fn expression_engine(root: Chunk<'_>) -> String {
    root.list(b"ExEn")
        .and_then(|engine| engine.leaf(b"Utf8"))
        .map(bytes::name)
        .unwrap_or_default()
}

/// What an item's head says.
struct ItemHead {
    kind: u16,
    id: u32,
    name: String,
}

/// The items found so far, in project order.
#[derive(Default)]
struct Items {
    folders: Vec<Folder>,
    comps: Vec<(Composition, Vec<RawLayer>)>,
    footage: Vec<Footage>,
    known: HashSet<u32>,
    layers: usize,
}

impl Items {
    fn folder(
        &mut self,
        list: Chunk<'_>,
        folder_id: u32,
        depth: usize,
        warnings: &mut Warnings,
    ) -> Result<(), ReadError> {
        for item in list.children().filter(|chunk| chunk.kind == Some(*b"Item")) {
            if self.known.len() >= MAX_ITEMS {
                return Err(ReadError::TooMany {
                    what: "items",
                    limit: MAX_ITEMS as u64,
                });
            }
            self.item(item, folder_id, depth, warnings)?;
        }
        Ok(())
    }

    fn item(
        &mut self,
        item: Chunk<'_>,
        folder_id: u32,
        depth: usize,
        warnings: &mut Warnings,
    ) -> Result<(), ReadError> {
        let Some(head) = item_head(item) else {
            warnings.damaged("an item without its head (`idta`): left out".to_owned());
            return Ok(());
        };
        if !self.known.insert(head.id) {
            warnings.add(format!(
                "two items have the id {}: the first one counts",
                head.id
            ));
            return Ok(());
        }
        match head.kind {
            1 => {
                let id = head.id;
                self.folders.push(Folder {
                    id,
                    name: head.name,
                    parent: folder_id,
                });
                match item.list(b"Sfdr") {
                    Some(inside) if depth < MAX_FOLDER_DEPTH => {
                        self.folder(inside, id, depth + 1, warnings)?
                    }
                    Some(_) => warnings.add(format!(
                        "folders nested deeper than {MAX_FOLDER_DEPTH}: what lies below is left out"
                    )),
                    None => {}
                }
            }
            4 => self.composition(item, head, folder_id, warnings)?,
            7 => match footage::read(item, head.id, head.name, folder_id, warnings) {
                Some(footage) => self.footage.push(footage),
                None => {
                    warnings.damaged(format!("footage item {} has no source: left out", head.id))
                }
            },
            other => warnings.add(format!(
                "item {} is of an unknown type ({other}): left out",
                head.id
            )),
        }
        Ok(())
    }

    fn composition(
        &mut self,
        item: Chunk<'_>,
        head: ItemHead,
        folder_id: u32,
        warnings: &mut Warnings,
    ) -> Result<(), ReadError> {
        let Some(comp) = comp::read(item, head.id, &head.name, folder_id, warnings) else {
            warnings.damaged(format!(
                "composition {:?} has no settings (`cdta`): left out",
                head.name
            ));
            return Ok(());
        };
        let layers = layer::read_all(item, &head.name, MAX_ITEMS - self.layers + 1, warnings);
        self.layers += layers.len();
        if self.layers > MAX_ITEMS {
            return Err(ReadError::TooMany {
                what: "layers",
                limit: MAX_ITEMS as u64,
            });
        }
        self.comps.push((comp, layers));
        Ok(())
    }

    /// Gives every layer its kind and name, which may depend on items that come later in the file.
    fn finish(
        self,
        file_bytes: usize,
        warnings: &mut Warnings,
    ) -> (Vec<Folder>, Vec<Composition>, Vec<Footage>) {
        let comp_names: HashMap<u32, String> = self
            .comps
            .iter()
            .map(|(comp, _)| (comp.id, comp.name.clone()))
            .collect();
        let footage: HashMap<u32, &Footage> =
            self.footage.iter().map(|item| (item.id, item)).collect();
        let source = |id: u32| match (comp_names.get(&id), footage.get(&id)) {
            (Some(name), _) => Some((LayerKind::Precomp, name.as_str())),
            (None, Some(item)) => {
                let kind = match item.kind {
                    FootageKind::Solid => LayerKind::Solid,
                    FootageKind::Placeholder => LayerKind::Placeholder,
                    FootageKind::File => LayerKind::Footage,
                };
                Some((kind, item.name.as_str()))
            }
            (None, None) => None,
        };
        let mut room = file_bytes.saturating_mul(BORROWED_PER_BYTE);
        let mut comps = Vec::with_capacity(self.comps.len());
        for (mut comp, layers) in self.comps {
            for raw in layers {
                comp.layers
                    .push(raw.resolve(source, &mut room, &comp.name, warnings));
            }
            comps.push(comp);
        }
        warn_of_twins(&comps, warnings);
        (self.folders, comps, self.footage)
    }
}

/// aerender is told a composition by name only.
fn warn_of_twins(comps: &[Composition], warnings: &mut Warnings) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for comp in comps {
        let count = seen.entry(comp.name.as_str()).or_default();
        *count += 1;
        if *count == 2 {
            warnings.add(format!(
                "more than one composition is named {:?}: the first one counts",
                comp.name
            ));
        }
    }
}

fn item_head(item: Chunk<'_>) -> Option<ItemHead> {
    let mut children = item.children();
    let idta = children.find(|chunk| chunk.id == *b"idta")?;
    let name = children
        .find(|chunk| chunk.id == *b"Utf8")
        .map(|chunk| bytes::name(chunk.data))
        .unwrap_or_default();
    Some(ItemHead {
        kind: u16_at(idta.data, 0)?,
        id: u32_at(idta.data, 16)?,
        name,
    })
}
